package search

import (
	"strings"
	"unicode"

	"github.com/mozillazg/go-unidecode"
)

// word is a word as it is compared: small Latin letters and digits.
type word struct {
	text   string
	vowels bool // false: from a script that leaves vowels out (Arabic, Hebrew)
}

// split cuts what somebody wrote into words.
func split(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '\'' && r != '’'
	})
}

// fold makes words that can be compared of one word in any script. A word of a
// script without spaces becomes several.
func fold(typed string) []word {
	vowels := true
	ascii := true
	for _, r := range typed {
		if r >= 0x80 {
			ascii = false
		}
		if unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac) && !unicode.IsDigit(r) {
			vowels = false
		}
	}
	if !ascii {
		typed = figures(typed)
		typed = unidecode.Unidecode(typed)
	}
	var out []word
	for _, part := range strings.Fields(strings.ToLower(typed)) {
		part = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, part)
		if part != "" {
			out = append(out, word{part, vowels})
		}
	}
	return out
}

// figures writes the digits of other scripts as ours.
func figures(text string) string {
	return strings.Map(func(r rune) rune {
		if n, is := figure(r); is {
			return rune(n)
		}
		return r
	}, text)
}

// foldText are the words of a text. Where vowels are left out, names in two
// parts are also known as one: Abd Allah is Abdullah.
func foldText(text string) []word {
	var out []word
	var before word
	for _, typed := range split(text) {
		for _, w := range fold(typed) {
			out = append(out, w)
			if !w.vowels && before.text != "" && !before.vowels {
				out = append(out, word{before.text + w.text, false})
			}
			before = w
		}
	}
	return out
}

// skeleton is what two spellings of a name in different scripts have in
// common: its consonants, without those that scripts tell apart differently.
func skeleton(w string) string {
	var out []byte
	for i := 0; i < len(w); i++ {
		c := w[i]
		switch c {
		case 'a', 'e', 'i', 'o', 'u', 'y', 'w', 'v':
			continue
		case 'c', 'q':
			c = 'k'
		case 'z':
			c = 's'
		case 'j':
			c = 'g'
		case 'p':
			c = 'f'
		case 'h':
			if i == len(w)-1 || len(out) > 0 && strings.IndexByte("kgdts", out[len(out)-1]) >= 0 && consonantBefore(w, i) {
				continue
			}
		}
		if len(out) == 0 || out[len(out)-1] != c {
			out = append(out, c)
		}
	}
	return string(out)
}

// consonantBefore reports that an h belongs to the letter before it: kh, sh.
func consonantBefore(w string, i int) bool {
	return i > 0 && strings.IndexByte("aeiouywv", w[i-1]) < 0
}
