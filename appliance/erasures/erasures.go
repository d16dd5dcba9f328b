// Package erasures remembers that something was taken out of the records, so
// that a backup from before which is put back loses it again. An entry says
// which records and, as a keyed digest, which number; it says nothing of whom.
//
// The entries are in the records, and the list of them outside (appliance/backup
// keeps it beside the records and at the place of the backups): a record file
// that is put back knows only what was erased before it was copied.
package erasures

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"hotline/appliance/store"
	"hotline/appliance/table"
)

// Kinds of erasures.
const (
	Person    = "person"    // everything of somebody
	Card      = "card"      // one record beside cases
	Protected = "protected" // whatever must not be known of a protected caller
)

// Entry is one erasure.
type Entry struct {
	ID      string              `json:"id"` // ULID
	At      time.Time           `json:"at"`
	Kind    string              `json:"kind"`
	Number  string              `json:"number,omitempty"` // Tx.Digest of it
	Records map[string][]string `json:"records"`          // ids by kind of record
}

var entries = store.NewTable[Entry]("erasures")

// Note remembers an erasure in the transaction that makes it.
func Note(tx *store.Tx, e Entry) error {
	e.ID, e.At = cmp.Or(e.ID, tx.NewID()), tx.Now()
	return entries.Put(tx, e.ID, e)
}

// Again notes that an erasure which was known from elsewhere has been repeated
// here. It keeps the time at which it was first made.
func Again(tx *store.Tx, e Entry) error { return entries.Put(tx, e.ID, e) }

// All are the erasures that the records know of, oldest first.
func All(tx *store.Tx) (list []Entry) {
	for _, e := range entries.All(tx) {
		list = append(list, e)
	}
	return list
}

// Unknown are those of a list that the records do not know of.
func Unknown(tx *store.Tx, list []Entry) (left []Entry) {
	known := map[string]bool{}
	for _, e := range All(tx) {
		known[e.ID] = true
	}
	for _, e := range list {
		if !known[e.ID] {
			left = append(left, e)
		}
	}
	return left
}

// Union is every entry of some lists once, oldest first.
func Union(lists ...[]Entry) []Entry {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b Entry) bool { return a.ID == b.ID })
}

// gone are records of which nothing is left, by export set and identity: whoever
// has an older export is told (table.Table.Removed).
var gone = store.NewTable[table.Gone]("gone")

// Leave notes that a record leaves the records without a trace. Restricted says
// that it could only be exported with everything.
func Leave(tx *store.Tx, set, id string, restricted bool) error {
	return gone.Put(tx, set+"/"+id, table.Gone{ID: id, At: tx.Now(), Restricted: restricted})
}

// Removed are those of a set.
func Removed(s *store.Store, set string) iter.Seq2[table.Gone, error] {
	return func(yield func(table.Gone, error) bool) {
		stopped := false
		err := s.View(func(tx *store.Tx) error {
			for _, g := range gone.Prefix(tx, set+"/") {
				if stopped = !yield(g, nil); stopped {
					break
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(table.Gone{}, err)
		}
	}
}
