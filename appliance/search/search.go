// Package search finds records by what people remember of them: some digits of
// a number, half a name with a slip in it and in another script, a place, a
// word of a note. It does not know what the records mean.
//
// The index is in memory alone. On disk every value is sealed, and an index
// beside them would tell in clear what they hide. It is compact enough to be
// built again at every start, behind the calls: telephone numbers are one long
// string of digits that is looked through from end to end (a gigabyte a second),
// what is chosen from lists stands in columns of two bytes, and only words have
// lists of the records in which they stand.
package search

import (
	"errors"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// Doc is what can be found of one record. A record that must not be found has
// no Doc.
type Doc struct {
	ID      string    // ULID
	At      time.Time // by which results are sorted, newest first
	Numbers []string  // telephone numbers and spoken codes, in any notation
	Texts   []string  // names, places, notes
	Facets  []Facet   // what was chosen from a list
	Keys    []string  // what is found as a whole and has too many values for a list: "area:06700"
}

// Facet is one choice of one list: {"need", "water"}.
type Facet struct{ Field, Value string }

// Query says what is looked for. Everything in it must fit.
type Query struct {
	Text        string     // words and parts of numbers, in any order
	Numbers     []string   // other ways to write a number that Text may be
	Facets      [][]Facet  // of each group one must fit
	Keys        [][]string // of each group one must fit, or begin what fits when it ends in *
	From, Until time.Time  // Until itself is outside
	Skip, Limit int
}

// Result is one page of what was found.
type Result struct {
	IDs   []string // the best fit first, and of equal ones the newest
	Count int      // how many there are
}

// Index holds the docs of several kinds of records. It may be used by many
// goroutines.
type Index struct {
	mu      sync.RWMutex
	shelves map[string]*shelf
	names   func(Facet) []string
}

// New makes an empty index. Names are the words under which people look for a
// choice of a list, in all languages; nil for none.
func New(names func(Facet) []string) *Index {
	if names == nil {
		names = func(Facet) []string { return nil }
	}
	return &Index{shelves: map[string]*shelf{}, names: names}
}

var errID = errors.New("a record without a ULID cannot be indexed")

// Put indexes d among the records of a kind, in the place of what was known of
// the same record.
func (x *Index) Put(kind string, d Doc) error {
	id, err := ulid.ParseStrict(d.ID)
	if err != nil {
		return errID
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.shelves[kind]
	if s == nil {
		s = newShelf(x.names)
		x.shelves[kind] = s
	}
	s.put(id, d)
	return nil
}

// Rename asks for the words of all choices again: somebody has changed them.
func (x *Index) Rename() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.shelves {
		for field, c := range s.columns {
			for i := 1; i < len(c.values); i++ {
				c.values[i].named(x.names(Facet{field, c.values[i].text}))
			}
		}
	}
}

// Remove forgets a record, words and numbers included.
func (x *Index) Remove(kind, id string) {
	at, err := ulid.ParseStrict(id)
	if err != nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.shelves[kind]; s != nil {
		s.remove(at)
	}
}

// Clear forgets all records of a kind.
func (x *Index) Clear(kind string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.shelves, kind)
}

// Len is how many records of a kind are indexed.
func (x *Index) Len(kind string) int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if s := x.shelves[kind]; s != nil {
		return s.alive
	}
	return 0
}

// Find looks for records of a kind.
func (x *Index) Find(kind string, q Query) Result {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.shelves[kind]
	if s == nil {
		return Result{}
	}
	tiers := s.search(q)
	return s.page(tiers, q.Skip, q.Limit)
}

// All returns every record of a kind that fits, oldest first.
func (x *Index) All(kind string, q Query) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.shelves[kind]
	if s == nil {
		return nil
	}
	tiers := s.search(q)
	var ids []string
	for doc := range tiers[len(tiers)-1].all() {
		ids = append(ids, s.ids[doc].String())
	}
	return ids
}

// Values are the values of a field that at least one record of the kind has,
// and how many have each.
func (x *Index) Values(kind, field string) map[string]int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.shelves[kind]
	if s == nil || s.columns[field] == nil {
		return nil
	}
	return s.columns[field].counts()
}
