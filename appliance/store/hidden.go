package store

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// Records can be hidden: they are written, many transactions long, and nobody
// sees one of them before all are there. Then one small transaction shows them
// all; or none was ever seen. In the same way records disappear at once and are
// removed at leisure. So nothing that is big keeps the calls from the one writer,
// and a stop in the middle leaves nothing half.
//
// What is hidden stands in a table of its own, so a transaction sees exactly
// what is hidden in its own picture. Hidden are the records whose keys are ids
// of the list, or begin with one (what belongs to a record), and in indexes what
// leads to them. Who checks the file, erases a person or looks for what is left
// of one sees everything (EachValue).

// idLength is the length of a ULID as text.
const idLength = 26

// Hidden is one entry of the list: ids of a table.
type Hidden struct {
	Key   string   `json:"-"`
	Table string   `json:"table"` // of which feeds are told when they are shown or hidden
	IDs   []string `json:"ids"`
}

var hiddenRecords = NewTable[Hidden]("hidden")

// Hide hides records until Show is called for the same set. They may be there
// already, or come later.
func (tx *Tx) Hide(set, table string, ids []string) error {
	tx.veil = nil
	tx.touch(table, ids)
	return hiddenRecords.Put(tx, set+"/"+tx.NewID(), Hidden{Table: table, IDs: ids})
}

// Show shows everything that a set hides, at once.
func (tx *Tx) Show(set string) error {
	for _, h := range tx.Hidden(set) {
		if err := tx.Unhide(h); err != nil {
			return err
		}
	}
	return nil
}

// Unhide takes one entry off the list: what is left of its records is seen.
func (tx *Tx) Unhide(h Hidden) error {
	tx.veil = nil
	tx.touch(h.Table, h.IDs)
	return hiddenRecords.Delete(tx, h.Key)
}

// Hidden are the entries of a set.
func (tx *Tx) Hidden(set string) (entries []Hidden) {
	for key, h := range hiddenRecords.Prefix(tx, set+"/") {
		h.Key = key
		entries = append(entries, h)
	}
	return entries
}

// See lets this transaction see what a set hides.
func (tx *Tx) See(set string) {
	tx.veil = nil
	tx.sees = append(tx.sees, set)
}

func (tx *Tx) touch(table string, ids []string) {
	for _, id := range ids {
		tx.touched = append(tx.touched, Change{tablePrefix + table, id})
	}
}

// hides reports that this transaction does not see the record under the key.
func (tx *Tx) hides(key []byte) bool {
	if len(key) < idLength {
		return false
	}
	if tx.veil == nil {
		tx.veil = tx.look()
	}
	id := key[:idLength]
	// What is hidden is mostly younger than everything that is read.
	if string(id) < tx.veil.first || string(id) > tx.veil.last {
		return false
	}
	for _, ids := range tx.veil.ids {
		if _, is := ids[string(id)]; is {
			return true
		}
	}
	return false
}

// veil is what a transaction does not see: ids, and the first and last of them.
// Usually it is empty.
type veil struct {
	first, last string
	ids         []map[string]struct{}
}

// add takes the ids of an entry along.
func (v *veil) add(h hidden) {
	if len(v.ids) == 0 || h.first < v.first {
		v.first = h.first
	}
	v.last = max(v.last, h.last)
	v.ids = append(v.ids, h.ids)
}

// hidden is an entry as it is remembered.
type hidden struct {
	first, last string
	ids         map[string]struct{}
}

func (tx *Tx) look() *veil {
	found := &veil{}
	b := tx.tx.Bucket(hiddenRecords.name)
	if b == nil {
		return found
	}
	there := 0
	c := b.Cursor()
	for k, sealed := c.First(); k != nil; k, sealed = c.Next() {
		there++
		set, _, _ := strings.Cut(string(k), "/")
		if slices.Contains(tx.sees, set) {
			continue
		}
		if h, ok := tx.hiddenIDs(k, sealed); ok {
			found.add(h)
		}
	}
	if tx.veils != nil {
		tx.veils.prune(there)
	}
	return found
}

// hiddenIDs are the ids of an entry. An entry that is damaged hides nothing: too
// much on a page is better than a box that reads no record any more.
func (tx *Tx) hiddenIDs(k, sealed []byte) (hidden, bool) {
	if tx.veils != nil {
		if h, known := tx.veils.get(k); known {
			return h, true
		}
	}
	var entry Hidden
	if err := tx.get(hiddenRecords.name, k, sealed, &entry); err != nil || len(entry.IDs) == 0 {
		return hidden{}, false
	}
	h := hidden{first: slices.Min(entry.IDs), last: slices.Max(entry.IDs), ids: make(map[string]struct{}, len(entry.IDs))}
	for _, id := range entry.IDs {
		h.ids[id] = struct{}{}
	}
	if tx.veils != nil {
		tx.veils.put(k, h)
	}
	return h, true
}

// veils remember the entries of the list by their keys. An entry is written
// once, under a key that nothing else ever has.
type veils struct {
	mu      sync.Mutex
	entries map[string]hidden
}

func (v *veils) get(key []byte) (hidden, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h, known := v.entries[string(key)]
	return h, known
}

func (v *veils) put(key []byte, h hidden) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.entries == nil {
		v.entries = map[string]hidden{}
	}
	v.entries[string(key)] = h
}

// prune forgets what is no longer on the list, as soon as that is more than
// what is. A reader with an older picture reads its entries again.
func (v *veils) prune(there int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.entries) > 2*there {
		v.entries = nil
	}
}

// Taken reports that some record is found under the key, seen or hidden: for
// codes that nobody else may have.
func (x Index) Taken(tx *Tx, key string) bool {
	b := tx.tx.Bucket(x.name)
	if b == nil {
		return false
	}
	prefix := indexKey(key, "")
	k, _ := b.Cursor().Seek(prefix)
	return bytes.HasPrefix(k, prefix)
}
