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

// Where what grow reads begins, if not in a column behind a dash.
const (
	atStart = -1 // of a file
	atColon = -2 // behind one: only a value can stand on that line
)

// grow reads raw, which begins in column col.
func grow(raw string, col int) (tree, error) {
	i := skipSpaces(raw, 0)
	first := col == atStart
	if i < len(raw) && raw[i] != '\n' && raw[i] != '#' && !first {
		switch {
		case raw[i] == '{' || raw[i] == '[':
			return growFlow(raw, i)
		case dash(raw[i:]):
			return tree{}, errShape // a list that begins within a list
		}
		if col >= 0 && keyEnd(raw, i) > 0 {
			return growBlock(raw, i, col+i, mapping) // in a list, behind the dash
		}
		return tree{shape: scalar, open: raw}, nil
	}
	// What is meant stands on the next line that is neither empty nor a comment.
	at := 0
	if !first {
		at = nextLine(raw, i)
	}
	begin := at // comments above the first entry are its own
	for at < len(raw) {
		in := skipSpaces(raw, at)
		if in < len(raw) && raw[in] != '\n' && raw[in] != '#' && !(first && strings.HasPrefix(raw[at:], "---")) {
			switch {
			case raw[in] == '{' || raw[in] == '[':
				return growFlow(raw, in)
			case dash(raw[in:]):
				return growBlock(raw, begin, in-at, sequence)
			case keyEnd(raw, in) > 0:
				if first {
					begin = at
				}
				return growBlock(raw, begin, in-at, mapping)
			}
			return tree{shape: scalar, open: raw}, nil
		}
		at = nextLine(raw, at)
	}
	return tree{shape: scalar, open: raw}, nil
}

// growBlock reads entries that stand one a line in column col, from at on.
func growBlock(raw string, at, col int, what shape) (tree, error) {
	t := tree{shape: what, col: col, open: raw[:at]}
	for at < len(raw) {
		lead := at
		for at < len(raw) && empty(raw[at:]) {
			at = nextLine(raw, at)
		}
		if at >= len(raw) {
			t.close = raw[lead:]
			return t, nil
		}
		in := skipSpaces(raw, at)
		if len(t.items) > 0 && in-at != col {
			return tree{}, errShape
		}
		it := item{}
		var value int
		if what == sequence {
			if !dash(raw[in:]) {
				return tree{}, errShape
			}
			it.mark, value = "-", in+1
		} else {
			end := keyEnd(raw, in)
			if end < 0 {
				return tree{}, errShape
			}
			it.key, it.mark, value = raw[in:end], ":", strings.IndexByte(raw[end:], ':')+end+1
			it.mark = raw[end:value]
		}
		it.lead = raw[lead:in]
		end := blockEnd(raw, value, col, what)
		it.value, at = raw[value:end], end
		t.items = append(t.items, it)
	}
	return t, nil
}

// blockEnd is where an entry ends whose value begins at i: before the next
// entry, and before the blank lines and comments that stand above that.
func blockEnd(raw string, i, col int, what shape) int {
	i = skipSpaces(raw, i)
	if i < len(raw) && strings.IndexByte("{[\"'", raw[i]) >= 0 {
		if end := closing(raw, i); end > 0 {
			i = end
		}
	}
	i = nextLine(raw, i)
	end := i
	for i < len(raw) {
		in := skipSpaces(raw, i)
		depth := in - i
		next := nextLine(raw, i)
		switch {
		case in >= len(raw) || raw[in] == '\n':
		case raw[in] == '#':
			if depth > col {
				end = next
			}
		case depth > col || depth == col && what == mapping && dash(raw[in:]):
			end = next
		default:
			return end
		}
		i = next
	}
	return end
}

// growFlow reads {a: b} or [a, b]; raw[at] is the bracket.
func growFlow(raw string, at int) (tree, error) {
	end := closing(raw, at)
	if end < 0 {
		return tree{}, errShape
	}
	t := tree{shape: mapping, flow: true, open: raw[:at+1], close: raw[end-1:]}
	if raw[at] == '[' {
		t.shape = sequence
	}
	inside := raw[at+1 : end-1]
	for inside != "" {
		cut := comma(inside)
		one := inside
		if cut >= 0 {
			one = inside[:cut]
		}
		in := 0
		for in < len(one) && (one[in] == ' ' || one[in] == '\n' || one[in] == '#') {
			if one[in] == '#' {
				in = nextLine(one, in) - 1
			}
			in++
		}
		if in >= len(one) {
			if cut >= 0 {
				return tree{}, errShape
			}
			t.close = one + t.close
			if len(t.items) > 0 { // a comma behind the last entry
				t.close = "," + t.close
			}
			break
		}
		it := item{lead: one[:in], value: one[in:]}
		if t.shape == mapping {
			end := keyEnd(one, in)
			if end < 0 {
				return tree{}, errShape
			}
			colon := strings.IndexByte(one[end:], ':') + end + 1
			it.key, it.mark, it.value = one[in:end], one[end:colon], one[colon:]
		}
		t.items = append(t.items, it)
		if cut < 0 {
			break
		}
		inside = inside[cut+1:]
		if inside == "" {
			t.close = "," + t.close
		}
	}
	return t, nil
}

// closing is the place behind the bracket or quotation mark that ends what
// begins at i; -1 when nothing does.
func closing(raw string, i int) int {
	switch raw[i] {
	case '"':
		for i++; i < len(raw); i++ {
			switch raw[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return -1
	case '\'':
		for i++; i < len(raw); i++ {
			if raw[i] == '\'' {
				if i+1 < len(raw) && raw[i+1] == '\'' {
					i++
					continue
				}
				return i + 1
			}
		}
		return -1
	}
	depth, fresh := 0, true // fresh: a value may begin here
	for ; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '{' || c == '[':
			depth++
			fresh = true
			continue
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case (c == '"' || c == '\'') && fresh:
			end := closing(raw, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		case c == '#' && i > 0 && (raw[i-1] == ' ' || raw[i-1] == '\n'):
			i = nextLine(raw, i) - 1
			continue
		case c == ' ' || c == '\n':
			continue
		case c == ',' || c == ':':
			fresh = true
			continue
		}
		fresh = false
	}
	return -1
}

// comma is where the first entry within brackets ends; -1 when it is the last.
func comma(inside string) int {
	fresh := true
	for i := 0; i < len(inside); i++ {
		switch c := inside[i]; {
		case c == ',':
			return i
		case (c == '{' || c == '[' || c == '"' || c == '\'') && fresh:
			end := closing(inside, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		case c == '#' && (i == 0 || inside[i-1] == ' ' || inside[i-1] == '\n'):
			i = nextLine(inside, i) - 1
			continue
		case c == ' ' || c == '\n' || c == ':':
			fresh = fresh || c == ':'
			continue
		}
		fresh = false
	}
	return -1
}

// keyEnd is where the key that begins at i ends; -1 when there is none.
func keyEnd(raw string, i int) int {
	end := i
	if raw[i] == '"' || raw[i] == '\'' {
		if end = closing(raw, i); end < 0 {
			return -1
		}
		if colon := skipSpaces(raw, end); colon >= len(raw) || raw[colon] != ':' {
			return -1
		}
		return end
	}
	for ; end < len(raw) && raw[end] != '\n'; end++ {
		switch raw[end] {
		case ':':
			if end+1 == len(raw) || raw[end+1] == ' ' || raw[end+1] == '\n' {
				if end == i {
					return -1
				}
				return end
			}
		case '#':
			if end > i && raw[end-1] == ' ' {
				return -1
			}
		case '{', '}', '[', ']', ',', '&', '*', '!', '|', '>', '?', '%', '@', '`':
			if end == i {
				return -1
			}
		}
	}
	return -1
}

func dash(line string) bool {
	return strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "-\n") || line == "-"
}

func empty(line string) bool {
	i := skipSpaces(line, 0)
	return i >= len(line) || line[i] == '\n' || line[i] == '#'
}

func skipSpaces(raw string, i int) int {
	for i < len(raw) && raw[i] == ' ' {
		i++
	}
	return i
}

func nextLine(raw string, i int) int {
	if i >= len(raw) {
		return len(raw)
	}
	if n := strings.IndexByte(raw[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(raw)
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
