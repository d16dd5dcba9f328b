package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"hotline/appliance/config"
)

// This file is how the files of a bundle are read and written: YAML, the places of
// faults in it, and values and their differences in words.

// doc is one file of a bundle, read as far as its names.
type doc struct {
	file  string
	items []item
	at    map[string]item
}

type item struct {
	name         string
	value        ast.Node
	line, column int
}

// secretWords are names of settings that would be secrets.
func secretWords() []string {
	return []string{"password", "pin", "secret", "token", "passphrase", "private_key", "key"}
}

// read reads a file of names with values; nil when the bundle does not have it.
func (r *run) read(file string) *doc {
	text, there := r.bundle.files[file]
	if !there {
		return nil
	}
	if d, known := r.docs[file]; known {
		return d
	}
	r.docs[file] = nil
	tree, err := parse(text)
	if err != nil {
		r.fault(file, item{}, err)
		return nil
	}
	d := &doc{file: file, at: map[string]item{}}
	for n, part := range tree.Docs {
		var values []*ast.MappingValueNode
		switch body := part.Body.(type) {
		case nil, *ast.CommentGroupNode, *ast.NullNode:
		case *ast.MappingNode:
			values = body.Values
		case *ast.MappingValueNode:
			values = []*ast.MappingValueNode{body}
		default:
			at := body.GetToken().Position
			r.problem(file, at.Line, at.Column, "here a name is expected, and after it a colon")
			return nil
		}
		if n > 0 && len(values) > 0 {
			r.problem(file, values[0].Key.GetToken().Position.Line, 1, "this file has two documents: take the line with --- out")
			return nil
		}
		for _, v := range values {
			at := v.Key.GetToken().Position
			one := item{v.Key.GetToken().Value, v.Value, at.Line, at.Column}
			if len(one.name) > 64 {
				r.problem(file, at.Line, at.Column, "this name is longer than 64 letters")
				continue
			}
			if _, twice := d.at[one.name]; twice {
				r.problem(file, at.Line, at.Column, fmt.Sprintf("%s is named twice in this file", one.name))
			}
			d.items = append(d.items, one)
			d.at[one.name] = one
		}
	}
	r.docs[file] = d
	return d
}

// fault notes what the YAML reader says.
func (r *run) fault(file string, at item, err error) {
	line, column, what := config.Fault(err)
	switch {
	case line == 0: // one of ours
		line, column = at.line, at.column
	case !errors.As(err, new(*yaml.UnknownFieldError)) && !errors.As(err, new(*yaml.TypeError)):
		what = "this cannot be read: " + what // in the words of the reader of YAML
	}
	if name, unknown := strings.CutPrefix(what, "there is no setting "); unknown && slices.Contains(secretWords(), strings.Trim(name, `"`)) {
		what = fmt.Sprintf("%s is a secret, and a bundle holds none, because everybody who may see it sees all of it: passwords of telephone lines belong into a file of their own, which is named with --secrets; people get theirs when their account is made", strings.Trim(name, `"`))
	}
	r.problem(file, line, column, what)
}

// parse reads a text as YAML.
func parse(text []byte) (tree *ast.File, err error) {
	defer unreadable(&err)
	return parser.ParseBytes(text, 0)
}

// unreadable makes a fault of a panic: the reader of YAML must not end a hotline,
// whatever it is given.
func unreadable(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("this cannot be read: %v", p)
	}
}

// decode reads a value over what is so already: what is not named stays.
func decode(value ast.Node, into any) (err error) {
	defer unreadable(&err)
	if value == nil || value.Type() == ast.NullType {
		return nil
	}
	return yaml.NodeToValue(value, into, yaml.Strict())
}

// encode writes a value. Equal values give equal texts.
func encode(value any) []byte {
	text, err := yaml.MarshalWithOptions(value, yaml.IndentSequence(true))
	if err != nil { // of our own types: cannot be
		return fmt.Appendf(nil, "%q\n", err)
	}
	return text
}

// said is a value in one line, for a sentence.
func said(value any) string {
	text, err := yaml.MarshalWithOptions(value, yaml.Flow(true))
	if err != nil {
		return fmt.Sprint(value)
	}
	if s := strings.TrimSpace(string(text)); len([]rune(s)) <= 120 {
		return s
	}
	return string([]rune(strings.TrimSpace(string(text)))[:119]) + "…"
}

// fields are the settings of a value by name, in their order.
func fields(value any) yaml.MapSlice {
	var out yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(encode(value), &out, yaml.UseOrderedMap()); err != nil {
		return yaml.MapSlice{{Key: "it", Value: value}}
	}
	return out
}

// differences is what changes in a value.
func differences(file, name string, was, is any) []Change {
	before := map[any]any{}
	for _, f := range fields(was) {
		before[f.Key] = f.Value
	}
	var out []Change
	for _, f := range fields(is) {
		if from, to := said(before[f.Key]), said(f.Value); from != to {
			out = append(out, Change{Kind: Changed, File: short(file), Name: name, Setting: fmt.Sprint(f.Key), Was: from, Is: to})
		}
	}
	return out
}

// unlike is differences in one sentence.
func unlike(was, is any) string {
	var all []string
	for _, c := range differences("now", "", was, is) {
		all = append(all, c.String())
	}
	return strings.Join(all, "; ")
}

// comment is a text as comment lines.
func comment(text string) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		b.WriteString("# " + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.Bytes()
}
