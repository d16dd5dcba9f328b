package search

import (
	"slices"
	"strings"
)

// words know for each word the docs in which it stands, and for each doc its
// words, so that one can be forgotten.
type words struct {
	list   []entry
	number map[string]uint32 // by text, with a mark in front where it is no word in Latin letters
	of     map[uint32][]uint32
}

type entry struct {
	text    string
	letters uint32 // one bit for each letter that it has
	vowels  bool
	bones   string // the skeleton, of one without vowels
	key     bool
	docs    []uint32 // in order
}

func newWords() words { return words{number: map[string]uint32{}, of: map[uint32][]uint32{}} }

const longestWord = 64 // bytes; what is longer is no word

// Names of words that are not the same as one of the same Latin letters.
const (
	unvowelled = "~"
	keyed      = "="
)

func (x *words) add(doc uint32, texts, keys []string) {
	var mine []uint32
	note := func(name string, e entry) {
		n, known := x.number[name]
		if !known {
			n = uint32(len(x.list))
			name = strings.Clone(name) // of a long note, only this is kept
			e.text = strings.TrimLeft(name, unvowelled+keyed)
			x.list, x.number[name] = append(x.list, e), n
		}
		mine = append(mine, n)
	}
	for _, text := range texts {
		for _, w := range foldText(text) {
			if len(w.text) > longestWord {
				continue
			}
			if w.vowels {
				note(w.text, entry{letters: letters(w.text), vowels: true})
			} else {
				note(unvowelled+w.text, entry{letters: letters(w.text), bones: skeleton(w.text)})
			}
		}
	}
	for _, key := range keys {
		note(keyed+key, entry{key: true})
	}
	if len(mine) == 0 {
		return
	}
	slices.Sort(mine)
	mine = slices.Clip(slices.Compact(mine))
	x.of[doc] = mine
	for _, n := range mine {
		docs := x.list[n].docs
		if len(docs) == 0 || docs[len(docs)-1] < doc {
			x.list[n].docs = append(docs, doc)
		} else if at, there := slices.BinarySearch(docs, doc); !there {
			x.list[n].docs = slices.Insert(docs, at, doc)
		}
	}
}

func (x *words) remove(doc uint32) {
	for _, n := range x.of[doc] {
		docs := x.list[n].docs
		if at, there := slices.BinarySearch(docs, doc); there {
			docs = slices.Delete(docs, at, at+1)
		}
		x.list[n].docs = docs
		if len(docs) == 0 {
			x.list[n].docs = nil
		}
	}
	delete(x.of, doc)
}

func (e *entry) into(fits set) {
	for _, doc := range e.docs {
		fits.add(doc)
	}
}

// exact adds the docs with the word as it was typed.
func (x *words) exact(fits set, w word) {
	name := w.text
	if !w.vowels {
		name = unvowelled + name
	}
	if n, known := x.number[name]; known {
		x.list[n].into(fits)
	}
}

// near adds the docs with a word that begins with the typed one, or has it
// inside when it is not too short to mean something there.
func (x *words) near(fits set, text string) {
	mask := letters(text)
	for i := range x.list {
		e := &x.list[i]
		if len(e.docs) == 0 || e.key || e.letters&mask != mask {
			continue
		}
		if strings.HasPrefix(e.text, text) || len(text) >= shortest && strings.Contains(e.text, text) {
			e.into(fits)
		}
	}
}

// loose adds the docs with a word that is the typed one with slips, or may be
// the same name in another script.
func (x *words) loose(fits set, w word) {
	most := slips(w.text)
	mask, bones := letters(w.text), skeleton(w.text)
	var rows rows
	for i := range x.list {
		e := &x.list[i]
		if len(e.docs) == 0 || e.key {
			continue
		}
		if len(bones) > 1 && w.vowels != e.vowels && e.sameBones(bones) {
			e.into(fits)
			continue
		}
		if most > 0 && fewer(e.letters&^mask, mask&^e.letters, most) && rows.within(w.text, e.text, most) {
			e.into(fits)
		}
	}
}

func (e *entry) sameBones(bones string) bool {
	if !e.vowels {
		return e.bones == bones
	}
	return skeleton(e.text) == bones
}

// key adds the docs with a key, or with one that begins so.
func (x *words) key(fits set, key string) {
	beginning, open := strings.CutSuffix(key, "*")
	if !open {
		if n, known := x.number[keyed+key]; known {
			x.list[n].into(fits)
		}
		return
	}
	for i := range x.list {
		if e := &x.list[i]; e.key && strings.HasPrefix(e.text, beginning) {
			e.into(fits)
		}
	}
}

// slips is how many wrong, missing, doubled or swapped letters a typed word may
// have. A number has none: another digit is another number.
func slips(text string) int {
	switch {
	case strings.ContainsAny(text, "0123456789") || len(text) < 4:
		return 0
	case len(text) < 7:
		return 1
	}
	return 2
}

func letters(text string) uint32 {
	var mask uint32
	for i := 0; i < len(text); i++ {
		if c := text[i]; c >= 'a' && c <= 'z' {
			mask |= 1 << (c - 'a')
		} else {
			mask |= 1 << (26 + c%6)
		}
	}
	return mask
}
