package search

import (
	"bytes"
	"slices"
	"sort"

	"github.com/oklog/ulid/v2"
)

// shelf holds the docs of one kind. A doc is known by its number, given in the
// order of arrival; it keeps it when it changes.
type shelf struct {
	ids   []ulid.ULID
	stray map[ulid.ULID]uint32 // ids that did not come in order
	sort  int                  // so many ids from the beginning are in order
	at    []int64              // Unix seconds; removed is not a time
	alive int

	digits  digits
	words   words
	columns map[string]*column
	names   func(Facet) []string
}

const removed = -1 << 62

func newShelf(names func(Facet) []string) *shelf {
	return &shelf{stray: map[ulid.ULID]uint32{}, columns: map[string]*column{}, names: names, words: newWords()}
}

func (s *shelf) find(id ulid.ULID) (uint32, bool) {
	if doc, known := s.stray[id]; known {
		return doc, true
	}
	at := sort.Search(s.sort, func(i int) bool { return bytes.Compare(s.ids[i][:], id[:]) >= 0 })
	return uint32(at), at < s.sort && s.ids[at] == id
}

func (s *shelf) put(id ulid.ULID, d Doc) {
	doc, known := s.find(id)
	switch {
	case known && s.at[doc] != removed:
		s.digits.remove(doc)
		s.words.remove(doc)
	case known:
		s.alive++
	default:
		doc = uint32(len(s.ids))
		s.ids, s.at = append(s.ids, id), append(s.at, 0)
		s.alive++
		if s.sort == int(doc) && (doc == 0 || bytes.Compare(s.ids[doc-1][:], id[:]) < 0) {
			s.sort++
		} else {
			s.stray[id] = doc
		}
	}
	s.at[doc] = d.At.Unix()
	for _, number := range d.Numbers {
		s.digits.add(doc, onlyDigits(number))
	}
	s.words.add(doc, d.Texts, d.Keys)
	for _, c := range s.columns {
		c.clear(doc)
	}
	for _, f := range d.Facets {
		if f.Value == "" {
			continue
		}
		c := s.columns[f.Field]
		if c == nil {
			c = newColumn()
			s.columns[f.Field] = c
		}
		c.set(doc, f.Value, func() []string { return s.names(f) })
	}
}

func (s *shelf) remove(id ulid.ULID) {
	doc, known := s.find(id)
	if !known || s.at[doc] == removed {
		return
	}
	s.at[doc] = removed
	s.alive--
	s.digits.remove(doc)
	s.words.remove(doc)
	for _, c := range s.columns {
		c.clear(doc)
	}
}

// search returns the docs that fit in three tiers, each within the next: every
// word as it was typed; as a part of one; and with slips.
func (s *shelf) search(q Query) [3]set {
	within := newSet(len(s.ids))
	from, until := int64(removed+1), int64(1<<62)
	if !q.From.IsZero() {
		from = q.From.Unix()
	}
	if !q.Until.IsZero() {
		until = q.Until.Unix()
	}
	for doc, at := range s.at {
		if at >= from && at < until {
			within.add(uint32(doc))
		}
	}
	for _, group := range q.Facets {
		fits := newSet(len(s.ids))
		for _, f := range group {
			if c := s.columns[f.Field]; c != nil {
				c.pick(fits, func(v *value) bool { return v.text == f.Value })
			}
		}
		within.and(fits)
	}
	for _, group := range q.Keys {
		fits := newSet(len(s.ids))
		for _, key := range group {
			s.words.key(fits, key)
		}
		within.and(fits)
	}
	tiers := [3]set{within, within.clone(), within.clone()}
	if number := onlyDigits(q.Text); isNumber(q.Text, number) {
		fits := newSet(len(s.ids))
		for _, fragment := range spellings(number, q.Numbers) {
			s.digits.pick(fits, fragment)
		}
		s.byID(fits, q.Text)
		for _, w := range split(q.Text) {
			if w == number { // an area or a number in a text
				s.words.near(fits, w)
			}
		}
		for i := range tiers {
			tiers[i].and(fits)
		}
		return tiers
	}
	for _, typed := range split(q.Text) {
		fits := [3]set{newSet(len(s.ids)), newSet(len(s.ids)), newSet(len(s.ids))}
		s.token(fits, typed)
		fits[1].or(fits[0])
		fits[2].or(fits[1])
		for i := range tiers {
			tiers[i].and(fits[i])
		}
	}
	if id, err := ulid.ParseStrict(q.Text); err == nil { // pasted whole
		fits := newSet(len(s.ids))
		s.byID(fits, id.String())
		for i := range tiers {
			tiers[i].or(fits)
		}
	}
	return tiers
}

func (s *shelf) byID(fits set, text string) {
	if id, err := ulid.ParseStrict(text); err == nil {
		if doc, known := s.find(id); known && s.at[doc] != removed {
			fits.add(doc)
		}
	}
}

// token looks for one typed word.
func (s *shelf) token(fits [3]set, typed string) {
	if number := onlyDigits(typed); len(number) >= shortest && len(number) == len([]rune(typed)) {
		for _, fragment := range spellings(number, nil) {
			s.digits.pick(fits[1], fragment)
		}
	}
	for _, w := range fold(typed) {
		s.words.exact(fits[0], w)
		s.words.near(fits[1], w.text)
		s.words.loose(fits[2], w)
		for _, c := range s.columns {
			c.pick(fits[1], func(v *value) bool { return v.called(w.text) })
		}
	}
}

// page returns some of the docs, the best tier first and of each the newest.
func (s *shelf) page(tiers [3]set, skip, limit int) Result {
	r := Result{Count: tiers[2].count()}
	if limit <= 0 {
		return r
	}
	var before set
	for _, tier := range tiers {
		if len(r.IDs) == limit {
			break
		}
		rest := tier
		if before != nil {
			rest = tier.clone()
			rest.without(before)
		}
		before = tier
		n := rest.count()
		if skip >= n {
			skip -= n
			continue
		}
		for _, doc := range s.newest(rest, skip+limit-len(r.IDs))[skip:] {
			r.IDs = append(r.IDs, s.ids[doc].String())
		}
		skip = 0
	}
	return r
}

// newest returns the newest n docs of a set, newest first.
func (s *shelf) newest(of set, n int) []uint32 {
	newer := func(a, b uint32) int {
		switch {
		case s.at[a] != s.at[b]:
			if s.at[a] > s.at[b] {
				return -1
			}
			return 1
		default:
			return int(int64(b) - int64(a))
		}
	}
	var top []uint32 // at most twice n, the newest of what was seen
	worst := int64(removed)
	for doc := range of.all() {
		if s.at[doc] < worst {
			continue
		}
		if top = append(top, doc); len(top) >= 2*n+64 {
			slices.SortFunc(top, newer)
			top = top[:n]
			worst = s.at[top[n-1]]
		}
	}
	slices.SortFunc(top, newer)
	return top[:min(n, len(top))]
}
