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

// piecePrefix begins the keys of what stands in such sentences and is no sentence
// itself: "a spoken part" must be a mapping.
const piecePrefix = saidPrefix + "piece."

// known is the translation of one sentence. Of several that fit, the one with the
// most words of its own is meant.
func (t Text) known(english string) (string, bool) {
	return t.fitting(english, false)
}

func (t Text) fitting(english string, pieces bool) (string, bool) {
	best, most, values := "", -1, []string(nil)
	for key, text := range t.fallback {
		if !strings.HasPrefix(key, saidPrefix) || strings.HasPrefix(key, piecePrefix) != pieces {
			continue
		}
		text, english := strings.TrimSuffix(text, "."), strings.TrimSuffix(english, ".")
		pairs, ok := match(text, english)
		if !ok {
			pairs, ok = match(small(text), small(english))
		}
		if !ok {
			continue
		}
		own := len(english)
		for i := 1; i < len(pairs); i += 2 {
			own -= len(pairs[i])
		}
		if own > most || own == most && key < best {
			best, most, values = key, own, pairs
		}
	}
	if most < 0 {
		return "", false
	}
	for i := 0; i+1 < len(values); i += 2 {
		name, value := values[i], values[i+1]
		if name != "what" && name != "why" { // those two are words of the program, too
			continue
		}
		if said, ok := t.fitting(value, name == "what"); ok {
			values[i+1] = said
		}
	}
	return t.fill(t.T(best), values), true
}

// small begins with a small letter: some sentences are made of bare reasons.
func small(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return strings.ToLower(text[:size]) + text[size:]
}

// match compares a sentence with a text that has {placeholders}, and returns
// their names and what stands in their places: as little as possible in each but
// the last.
func match(text, sentence string) (pairs []string, ok bool) {
	before, name, text := place(text)
	sentence, ok = strings.CutPrefix(sentence, before)
	for ok && name != "" {
		next, further, rest := place(text)
		at := strings.Index(sentence, next)
		if further == "" { // the rest is the end
			at = len(sentence) - len(next)
		}
		if at < 0 || !strings.HasPrefix(sentence[at:], next) {
			return nil, false
		}
		pairs = append(pairs, name, sentence[:at])
		sentence, name, text = sentence[at+len(next):], further, rest
	}
	return pairs, ok && sentence == ""
}

// place cuts a text at its first {placeholder}. What else stands in braces is
// text: {queue: <queue>}.
func place(text string) (before, name, after string) {
	for at, c := range text {
		if c != '{' {
			continue
		}
		name, after, closed := strings.Cut(text[at+1:], "}")
		if closed && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == "" {
			return text[:at], name, after
		}
	}
	return text, "", ""
}
