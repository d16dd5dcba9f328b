package search

import (
	"slices"
	"strings"
)

// column holds what the docs chose from one list: two bytes for each doc, and
// more only where several were chosen.
type column struct {
	chosen []uint16 // by doc: the number of the value, 0 for none
	more   map[uint32][]uint16
	values []value // by number; the first is none
	number map[string]uint16
}

type value struct {
	text  string
	names []string // folded words under which people look for it
}

func newColumn() *column {
	return &column{more: map[uint32][]uint16{}, number: map[string]uint16{}, values: make([]value, 1)}
}

// called reports whether people mean the value with a word: all of it, or the
// beginning of it.
func (v *value) called(word string) bool {
	return slices.ContainsFunc(v.names, func(name string) bool {
		return name == word || len(word) >= 3 && strings.HasPrefix(name, word)
	})
}

// named makes the words those under which people look for the value.
func (v *value) named(names []string) {
	v.names = nil
	for _, name := range append(names, v.text) {
		for _, w := range foldText(name) {
			v.names = append(v.names, w.text)
		}
	}
}

const mostValues = 1<<16 - 1

func (c *column) set(doc uint32, text string, names func() []string) {
	n, known := c.number[text]
	if !known {
		if len(c.values) > mostValues {
			return // no list that people choose from is that long
		}
		v := value{text: text}
		v.named(names())
		n = uint16(len(c.values))
		c.values, c.number[text] = append(c.values, v), n
	}
	for uint32(len(c.chosen)) <= doc {
		c.chosen = append(c.chosen, 0)
	}
	if c.chosen[doc] == 0 {
		c.chosen[doc] = n
	} else if c.chosen[doc] != n {
		c.more[doc] = append(c.more[doc], n)
	}
}

func (c *column) clear(doc uint32) {
	if doc < uint32(len(c.chosen)) && c.chosen[doc] != 0 {
		c.chosen[doc] = 0
		delete(c.more, doc)
	}
}

// pick adds the docs that chose a value that is wanted.
func (c *column) pick(fits set, wanted func(*value) bool) {
	want := make([]bool, len(c.values))
	any := false
	for i := 1; i < len(c.values); i++ {
		want[i] = wanted(&c.values[i])
		any = any || want[i]
	}
	if !any {
		return
	}
	for doc, n := range c.chosen {
		if want[n] {
			fits.add(uint32(doc))
		}
	}
	for doc, more := range c.more {
		if slices.ContainsFunc(more, func(n uint16) bool { return want[n] }) {
			fits.add(doc)
		}
	}
}

func (c *column) counts() map[string]int {
	n := make([]int, len(c.values))
	for _, v := range c.chosen {
		n[v]++
	}
	for _, more := range c.more {
		for _, v := range more {
			n[v]++
		}
	}
	out := map[string]int{}
	for i := 1; i < len(n); i++ {
		if n[i] > 0 {
			out[c.values[i].text] = n[i]
		}
	}
	return out
}
