// Package history keeps who changed what of a record, when and from what:
// entries that are only added, written in the transaction that makes the
// change. It also finds out where two people changed the same thing without
// having seen each other's.
package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"hotline/appliance/store"
)

// Entry is one change of one record.
type Entry struct {
	ID     string    `json:"id"` // ULID
	Record string    `json:"record"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`  // account; empty for a rule or a caller's keys
	Via    string    `json:"via,omitempty"` // "web", "phone", "rule", "import"
	What   string    `json:"what"`          // "opened", "changed", "merged" …
	Why    string    `json:"why,omitempty"`
	Fields []Field   `json:"fields,omitempty"`
}

// Field is one value that became another; null is none.
type Field struct {
	Name string          `json:"name"`
	From json.RawMessage `json:"from,omitempty"`
	To   json.RawMessage `json:"to,omitempty"`
}

// Book is the history of one kind of records.
type Book struct {
	name    string
	entries store.Table[Entry] // by record/number: their order
}

// NewBook describes the history that is kept under a name.
func NewBook(name string) Book { return Book{name, store.NewTable[Entry](name)} }

// Note adds an entry with what is different between two states of a record; the
// first one has no state before. Fields in without are told elsewhere. A change
// that changes nothing is not written, unless it says why.
func (b Book) Note(tx *store.Tx, e Entry, from, to any, without ...string) error {
	fields, err := Diff(from, to, without...)
	if err != nil {
		return err
	}
	if len(fields) == 0 && e.Why == "" && from != nil {
		return nil
	}
	n, err := tx.Next(b.name)
	if err != nil {
		return err
	}
	e.ID, e.At, e.Fields = tx.NewID(), tx.Now(), fields
	return b.entries.Put(tx, fmt.Sprintf("%s/%016x", e.Record, n), e)
}

// Of is the history of a record, oldest first.
func (b Book) Of(tx *store.Tx, record string) []Entry {
	var list []Entry
	for _, e := range b.entries.Prefix(tx, record+"/") {
		list = append(list, e)
	}
	return list
}

// Forget removes the history of a record that must not be remembered.
func (b Book) Forget(tx *store.Tx, record string) error {
	var keys []string
	for key := range b.entries.Prefix(tx, record+"/") {
		keys = append(keys, key)
	}
	for _, key := range keys {
		if err := b.entries.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}

// Diff compares two values of one type by the names of their JSON fields.
// Inner objects are compared field by field: "fields.place".
func Diff(from, to any, without ...string) ([]Field, error) {
	a, err := object(from)
	if err != nil {
		return nil, err
	}
	b, err := object(to)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(diff("", a, b), func(f Field) bool { return slices.Contains(without, f.Name) }), nil
}

func diff(prefix string, a, b map[string]json.RawMessage) []Field {
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	var out []Field
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, is := a[name], b[name]
		if bytes.Equal(was, is) {
			continue
		}
		if inner(was) || inner(is) {
			before, _ := object(was) // not an object: nothing was in it
			after, _ := object(is)
			out = append(out, diff(prefix+name+".", before, after)...)
			continue
		}
		out = append(out, Field{prefix + name, was, is})
	}
	return out
}

func inner(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

func object(v any) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	if raw, is := v.(json.RawMessage); v == nil || is && len(raw) == 0 {
		return out, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("comparing two states of a record: %w", err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("comparing two states of a record: %w", err)
	}
	return out, nil
}

// Edit is what somebody changes of a record, and what they saw before.
type Edit struct {
	By, Via, Why string
	Fields       map[string]any // by the names of the record
	Shown        map[string]any // what stood there when they began; nothing is compared where it is missing
}

// Conflict is a field that somebody else has changed since it was shown.
type Conflict struct {
	Field  string          `json:"field"`
	Theirs json.RawMessage `json:"theirs"` // what is stored
	Mine   json.RawMessage `json:"mine"`   // what was to be stored
}

// Conflicts compares what was on somebody's screen when they began to change
// fields with what is stored now. The conflicting fields are taken out of what
// is to be stored; a field of which nobody said what was on the screen is never
// in conflict.
func Conflicts(stored any, shown, changed map[string]any) (rest map[string]any, conflicts []Conflict, err error) {
	now, err := object(stored)
	if err != nil {
		return nil, nil, err
	}
	rest = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		mine, err := plain(changed[name])
		if err != nil {
			return nil, nil, err
		}
		before, said := shown[name]
		seen, err := plain(before)
		if err != nil {
			return nil, nil, err
		}
		theirs, err := plain(now[name])
		if err != nil {
			return nil, nil, err
		}
		if said && !bytes.Equal(seen, theirs) && !bytes.Equal(mine, theirs) {
			conflicts = append(conflicts, Conflict{name, theirs, mine})
			continue
		}
		rest[name] = changed[name]
	}
	return rest, conflicts, nil
}

// plain is a value as JSON in which nothing is written in only one way: what a
// record leaves out is null.
func plain(v any) ([]byte, error) {
	if raw, is := v.(json.RawMessage); is && len(raw) == 0 {
		return []byte("null"), nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("comparing a changed field: %w", err)
	}
	switch string(raw) {
	case `""`, `0`, `false`, `[]`, `{}`:
		return []byte("null"), nil
	}
	return raw, nil
}

// Undo gives back the state before a change, as far as nobody has changed it
// since: fields that are as the change left them become what they were before,
// all others stay as they are now. Into is a pointer to a zero value.
func Undo(before, after, now, into any) error {
	a, err := object(before)
	if err != nil {
		return err
	}
	b, err := object(after)
	if err != nil {
		return err
	}
	c, err := object(now)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(undo(a, b, c))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func undo(before, after, now map[string]json.RawMessage) map[string]json.RawMessage {
	out := maps.Clone(now)
	for name := range after {
		if _, there := before[name]; !there && bytes.Equal(now[name], after[name]) {
			delete(out, name)
		}
	}
	for name, was := range before {
		switch {
		case bytes.Equal(after[name], now[name]):
			out[name] = was
		case inner(was) && inner(after[name]) && inner(now[name]):
			a, _ := object(was)
			b, _ := object(after[name])
			c, _ := object(now[name])
			if raw, err := json.Marshal(undo(a, b, c)); err == nil {
				out[name] = raw
			}
		}
	}
	return out
}
