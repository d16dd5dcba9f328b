package edit

import "strings"

// This file reads a piece of YAML into a tree: where entries, keys and values begin
// and end.

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
