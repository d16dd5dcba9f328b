package words

import (
	"strings"
	"unicode/utf8"
)

// saidPrefix begins the keys of sentences that other parts of the program say
// in English. Their English text is what the program says, word for word.
const saidPrefix = "said."

// Said is a sentence of the program in the language of the page. What the
// catalogue does not know stays as it is: an English reason helps more than none.
func (t Text) Said(english string) string {
	if translated, ok := t.known(english); ok {
		return translated
	}
	// Several sentences in a row: each on its own.
	for at := 0; ; {
		next := strings.Index(english[at:], ". ")
		if next < 0 {
			return english
		}
		at += next + 2
		first, ok := t.known(english[:at-1])
		if !ok {
			continue
		}
		return first + " " + t.Said(english[at:])
	}
}

func (t Text) known(english string) (string, bool) {
	for key, text := range t.fallback {
		if !strings.HasPrefix(key, saidPrefix) {
			continue
		}
		text, english := strings.TrimSuffix(text, "."), strings.TrimSuffix(english, ".")
		pairs, ok := match(text, english)
		if !ok {
			pairs, ok = match(small(text), small(english))
		}
		if ok {
			return t.fill(t.T(key), pairs), true
		}
	}
	return "", false
}

// small begins with a small letter: some sentences are made of bare reasons.
func small(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return strings.ToLower(text[:size]) + text[size:]
}

// match compares a sentence with a text that has at most one {placeholder}.
func match(text, sentence string) (pairs []string, ok bool) {
	before, rest, found := strings.Cut(text, "{")
	name, after, closed := strings.Cut(rest, "}")
	if !found || !closed {
		return nil, text == sentence
	}
	if len(sentence) <= len(before)+len(after) || !strings.HasPrefix(sentence, before) || !strings.HasSuffix(sentence, after) {
		return nil, false
	}
	return []string{name, sentence[len(before) : len(sentence)-len(after)]}, true
}
