package flow

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// reader turns YAML nodes into values and notes every problem with its place,
// so that an author sees all of them at once.
type reader struct {
	file     string
	problems Problems
}

func (r *reader) problem(at Pos, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Pos: at, Text: fmt.Sprintf(format, args...)})
}

func posOf(n ast.Node) Pos {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return Pos{1, 1}
	}
	// A mapping's own token is its first colon: its first key is what an
	// author looks for.
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return posOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return posOf(n.Key)
	}
	p := n.GetToken().Position
	return Pos{p.Line, p.Column}
}

// field is one key of a mapping.
type field struct {
	key   string
	at    Pos
	value ast.Node
}

// fields returns the keys of a mapping in their order; nil and a problem when
// n is none.
func (r *reader) fields(n ast.Node, what string) []field {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.problem(posOf(n), "%s must be a mapping (key: value)", what)
		return nil
	}
	fields := make([]field, 0, len(values))
	for _, v := range values {
		if v.Key.IsMergeKey() {
			r.problem(posOf(v.Key), "merge keys (<<) are not understood in flows: write the step out")
			continue
		}
		fields = append(fields, field{key: scalarText(v.Key), at: posOf(v.Key), value: v.Value})
	}
	return fields
}

func scalarText(n ast.Node) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	if l, ok := n.(*ast.LiteralNode); ok {
		return strings.TrimSpace(l.Value.Value)
	}
	return n.GetToken().Value
}

// text reads a scalar. Numbers and true/false count as their own spelling:
// `is: yes` and `is: 1` mean what they say.
func (r *reader) text(n ast.Node, what string) string {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.LiteralNode:
		return scalarText(n)
	}
	r.problem(posOf(n), "%s must be a word or text", what)
	return ""
}

// name reads an identifier: what steps, attributes and prompts are called.
func (r *reader) name(n ast.Node, what string) string {
	at := len(r.problems)
	s := r.text(n, what)
	if len(r.problems) > at {
		return ""
	}
	if !r.checkName(s, posOf(n), what) {
		return ""
	}
	return s
}

func (r *reader) checkName(s string, at Pos, what string) bool {
	ok := ValidName(s)
	if !ok {
		r.problem(at, "%s %q must be 1 to 64 letters, digits, dots, dashes or underscores", what, s)
	}
	return ok
}

// ValidName reports whether flows, steps, attributes and prompts may be called s.
func ValidName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c))
	})
}

func (r *reader) integer(n ast.Node, what string, low, high int) int {
	i, err := strconv.Atoi(r.text(n, what))
	if err != nil || i < low || i > high {
		r.problem(posOf(n), "%s must be a whole number from %d to %d", what, low, high)
		return low
	}
	return i
}

func (r *reader) boolean(n ast.Node, what string) bool {
	if b, ok := n.(*ast.BoolNode); ok {
		return b.Value
	}
	r.problem(posOf(n), "%s must be true or false", what)
	return false
}

func (r *reader) duration(n ast.Node, what string, low, high time.Duration) time.Duration {
	d, err := time.ParseDuration(r.text(n, what))
	if err != nil || d < low || d > high {
		r.problem(posOf(n), "%s must be a time from %s to %s, such as 6s or 500ms", what, low, high)
		return low
	}
	return d
}

const allKeys = "0123456789*#"

func (r *reader) key(f field) (byte, bool) {
	if len(f.key) != 1 || !strings.Contains(allKeys, f.key) {
		r.problem(f.at, "%q is not a telephone key: use \"0\" to \"9\", \"*\" or \"#\", in quotes", f.key)
		return 0, false
	}
	return f.key[0], true
}

func (r *reader) unknown(f field, what string, known ...string) {
	slices.Sort(known)
	r.problem(f.at, "%s has no setting %q (it has: %s)", what, f.key, strings.Join(known, ", "))
}

// list returns the entries of a sequence; a single value counts as a list of one.
func (r *reader) list(n ast.Node) []ast.Node {
	if s, ok := n.(*ast.SequenceNode); ok {
		return s.Values
	}
	return []ast.Node{n}
}

func (r *reader) names(n ast.Node, what string) map[string]string {
	m := map[string]string{}
	for _, f := range r.fields(n, what) {
		m[f.key] = r.text(f.value, what+" "+f.key)
	}
	return m
}
