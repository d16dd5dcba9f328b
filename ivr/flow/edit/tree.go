package edit

import (
	"errors"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// A tree is a piece of YAML that is written back to the very bytes that were
// read: whatever is not changed keeps its spelling, its comments and its place.
// What a tree does not understand is a scalar to it, and stays as it is.
type tree struct {
	shape shape
	flow  bool   // {a: b} or [a, b], and not one entry a line
	col   int    // of the entries, where they stand one a line
	open  string // before the first entry
	close string // behind the last one
	items []item
}

type shape uint8

const (
	scalar shape = iota
	mapping
	sequence
)

// item is one entry, all of it as written.
type item struct {
	lead  string // blank lines and comments above, and the spaces before
	key   string // with its quotation marks; "" in a sequence
	mark  string // the colon or the dash
	value string // to the end of the entry, with the end of its line
}

var errShape = errors.New("this is written in a way that only the text can be changed in")

func (t tree) String() string {
	var b strings.Builder
	b.WriteString(t.open)
	for i, it := range t.items {
		if i > 0 && t.flow {
			b.WriteByte(',')
		}
		b.WriteString(it.String())
	}
	b.WriteString(t.close)
	return b.String()
}

func (it item) String() string { return it.lead + it.key + it.mark + it.value }

// name is the key of an entry as it is meant.
func (it item) name() string { return plain(it.key) }

// index is where the entry of that name is, or the entry of that number in a
// sequence; -1 for none.
func (t tree) index(name string) int {
	if t.shape == sequence {
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(t.items) {
			return -1
		}
		return i
	}
	for i, it := range t.items {
		if it.name() == name {
			return i
		}
	}
	return -1
}

func (t tree) get(name string) (string, bool) {
	if i := t.index(name); i >= 0 {
		return t.items[i].value, true
	}
	return "", false
}

// span is where the one word or text of a value stands; ok is false for what
// goes over several lines or is no single word or text.
func span(raw string) (from, to int, ok bool) {
	from = skipSpaces(raw, 0)
	if from >= len(raw) || strings.IndexByte("\n#{[|>&*!", raw[from]) >= 0 {
		return 0, 0, false
	}
	if raw[from] == '"' || raw[from] == '\'' {
		to = closing(raw, from)
		return from, to, to > 0 && !strings.Contains(raw[from:to], "\n") && empty(raw[to:])
	}
	to = nextLine(raw, from)
	if i := strings.Index(raw[from:to], " #"); i >= 0 {
		to = from + i
	}
	to = from + len(strings.TrimRight(raw[from:to], " \r\n"))
	rest := nextLine(raw, from)
	return from, to, strings.TrimSpace(raw[rest:]) == ""
}

// word is the one word or text of a value.
func word(raw string) (string, bool) {
	from, to, ok := span(raw)
	if !ok {
		return "", false
	}
	return plain(raw[from:to]), true
}

// plain takes the quotation marks off.
func plain(text string) string {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		return text
	}
	var s string
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		return text
	}
	return s
}

// quote writes a text so that it is read as what it is, also within brackets.
func quote(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-/", c))
	}) && strings.ContainsAny(text[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") {
		return text
	}
	return strconv.Quote(text)
}

// replaced is a value with another text in it. Spaces before and a comment
// behind it stay.
func replaced(old, text string) string {
	if from, to, ok := span(old); ok {
		return old[:from] + text + old[to:]
	}
	if t, err := grow(old, atColon); err == nil && t.flow && t.shape != scalar {
		if i := strings.LastIndexAny(t.close, "]}"); !strings.Contains(t.close[:i+1], "#") {
			before := t.open[:len(t.open)-1]
			return before + text + t.close[i+1:]
		}
	}
	end := ""
	if strings.HasSuffix(old, "\n") {
		end = "\n"
	}
	return " " + text + end
}

// set gives an entry a value; a new one goes behind the entry of the name after,
// or to the end.
func (t *tree) set(name, text, after string) {
	if i := t.index(name); i >= 0 {
		t.items[i].value = replaced(t.items[i].value, text)
		return
	}
	t.add(len(t.items), after, item{key: quoteKey(name), mark: ":", value: " " + text})
}

// add puts an entry in before number at, or behind the one of the name after.
func (t *tree) add(at int, after string, it item) {
	if i := t.index(after); i >= 0 && after != "" {
		at = i + 1
	}
	if t.flow {
		if len(t.items) > 0 {
			it.lead = " "
		}
		if at == 0 && len(t.items) > 0 {
			it.lead, t.items[0].lead = t.items[0].lead, " "
		}
	} else {
		it.lead = strings.Repeat(" ", t.col)
		if !strings.HasSuffix(it.value, "\n") {
			it.value += "\n"
		}
	}
	t.items = append(t.items[:at:at], append([]item{it}, t.items[at:]...)...)
}

// cut takes an entry away, with the comments right above it.
func (t *tree) cut(i int) {
	gone := t.items[i]
	t.items = append(t.items[:i:i], t.items[i+1:]...)
	if t.flow {
		if i == 0 && len(t.items) > 0 {
			t.items[0].lead = gone.lead
		}
		return
	}
	// What is divided from it by an empty line is not about it alone.
	keep := ""
	lines := strings.SplitAfter(gone.lead, "\n")
	for n := len(lines) - 2; n >= 0; n-- {
		if strings.TrimSpace(lines[n]) == "" {
			for k := range lines[:n] {
				if strings.TrimSpace(lines[k]) != "" {
					keep = strings.Join(lines[:n], "")
				}
			}
			break
		}
	}
	if keep == "" {
		return
	}
	if i < len(t.items) {
		t.items[i].lead = keep + t.items[i].lead
	} else {
		t.close = keep + t.close
	}
}

// swap exchanges two entries with all that belongs to them.
func (t *tree) swap(i, j int) {
	t.items[i], t.items[j] = t.items[j], t.items[i]
	if t.flow {
		t.items[i].lead, t.items[j].lead = t.items[j].lead, t.items[i].lead
	}
}

// bare keys of a mapping need quotation marks where they would be numbers.
func quoteKey(name string) string {
	if name == "" || strings.ContainsAny(name[:1], "0123456789*#-") {
		return strconv.Quote(name)
	}
	return quote(name)
}

// change rewrites what stands at the end of a path of names.
func change(raw string, col int, path []string, do func(string, int) (string, error)) (string, error) {
	if len(path) == 0 {
		return do(raw, col)
	}
	t, err := grow(raw, col)
	if err != nil {
		return "", err
	}
	i := t.index(path[0])
	if i < 0 {
		return "", errShape
	}
	if t.items[i].value, err = change(t.items[i].value, t.inner(i), path[1:], do); err != nil {
		return "", err
	}
	return t.String(), nil
}

// inner is the column behind the dash of an entry; where a key stands nothing
// can begin on its line but a value, and its column says nothing.
func (t tree) inner(i int) int {
	if t.shape == sequence && !t.flow {
		return t.col + 1
	}
	return atColon
}
