package search

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
)

// shortest is how many digits are a part of a number: two are in every one.
const shortest = 3

// digits holds the numbers of all docs in one string: a fragment is found by
// looking through it.
type digits struct {
	text   []byte   // each number with a line feed behind it; blanks where one was removed
	starts []uint32 // of each number in text
	docs   []uint32 // that have it
	next   []int32  // the next number of the same doc, -1: none
	head   []int32  // by doc: its latest number, -1: none
	blank  int      // bytes of text without use
}

func (d *digits) add(doc uint32, number string) {
	if number == "" {
		return
	}
	for uint32(len(d.head)) <= doc {
		d.head = append(d.head, -1)
	}
	d.starts = append(d.starts, uint32(len(d.text)))
	d.docs = append(d.docs, doc)
	d.next = append(d.next, d.head[doc])
	d.head[doc] = int32(len(d.starts) - 1)
	d.text = append(append(d.text, number...), '\n')
}

func (d *digits) remove(doc uint32) {
	if doc >= uint32(len(d.head)) {
		return
	}
	for i := d.head[doc]; i >= 0; i = d.next[i] {
		at := d.text[d.starts[i]:]
		for n := 0; at[n] != '\n'; n++ {
			at[n] = ' '
			d.blank++
		}
	}
	d.head[doc] = -1
	if d.blank > 1<<16 && d.blank > len(d.text)/4 {
		d.close()
	}
}

// close gives back what removed numbers took.
func (d *digits) close() {
	old := *d
	*d = digits{head: slices.Repeat([]int32{-1}, len(old.head))}
	for i, start := range old.starts {
		number := old.text[start:]
		if number[0] != ' ' {
			d.add(old.docs[i], string(number[:bytes.IndexByte(number, '\n')]))
		}
	}
}

// pick adds the docs that have a number with the fragment.
func (d *digits) pick(fits set, fragment string) {
	if fragment == "" {
		return
	}
	part := []byte(fragment)
	entry := 0
	for at := 0; ; {
		found := bytes.Index(d.text[at:], part)
		if found < 0 {
			return
		}
		at += found
		for entry+1 < len(d.starts) && int(d.starts[entry+1]) <= at {
			entry++
		}
		fits.add(d.docs[entry])
		if entry+1 == len(d.starts) {
			return
		}
		at = int(d.starts[entry+1]) // one hit of a number is enough
	}
}

// onlyDigits are the digits of a text, in the figures of any script.
func onlyDigits(text string) string {
	plain := true
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if n, is := figure(r); is {
			out.WriteByte(n)
		}
	}
	return out.String()
}

// figure is the ASCII digit of a decimal digit of any script. In Unicode the
// ten of a script stand together and in order.
func figure(r rune) (byte, bool) {
	if r >= '0' && r <= '9' {
		return byte(r), true
	}
	if r < 0x80 || !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	for _, of := range unicode.Nd.R16 {
		if rune(of.Lo) <= r && r <= rune(of.Hi) {
			return '0' + byte((r-rune(of.Lo))%10), true
		}
	}
	for _, of := range unicode.Nd.R32 {
		if rune(of.Lo) <= r && r <= rune(of.Hi) {
			return '0' + byte((r-rune(of.Lo))%10), true
		}
	}
	return 0, false
}

// isNumber reports whether what was typed is a number or a part of one:
// digits, and nothing else but what people write between them.
func isNumber(typed, number string) bool {
	if len(number) < shortest {
		return false
	}
	for _, r := range typed {
		if _, is := figure(r); !is && !strings.ContainsRune("+-–./() \u00a0\u202f", r) {
			return false
		}
	}
	return true
}

// spellings are the fragments that a number as typed may be stored with: in
// front of a national number people write zeros that the international form
// does not have.
func spellings(number string, others []string) []string {
	all := []string{number}
	for _, other := range append([]string{strings.TrimLeft(number, "0")}, others...) {
		if other = onlyDigits(other); len(other) >= shortest && !slices.Contains(all, other) {
			all = append(all, other)
		}
	}
	// What contains another spelling finds nothing that this one does not.
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool {
		return slices.ContainsFunc(all, func(other string) bool { return other != one && strings.Contains(one, other) })
	})
}
