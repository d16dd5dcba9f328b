package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"
)

// Table is the description of one kind of record, stored as JSON under string
// keys. It is an immutable value that its owner package may keep in a variable.
type Table[T any] struct{ name []byte }

// NewTable describes the table name.
func NewTable[T any](name string) Table[T] { return Table[T]{name: []byte(tablePrefix + name)} }

const tablePrefix = "table:"

// Get returns the record under key, or ErrNotFound.
func (t Table[T]) Get(tx *Tx, key string) (T, error) {
	var v T
	b := tx.tx.Bucket(t.name)
	if b == nil {
		return v, ErrNotFound
	}
	sealed := b.Get([]byte(key))
	if sealed == nil || tx.hides([]byte(key)) {
		return v, ErrNotFound
	}
	return v, tx.get(t.name, []byte(key), sealed, &v)
}

// Put stores v under key, over what was there.
func (t Table[T]) Put(tx *Tx, key string, v T) error {
	if key == "" {
		return fmt.Errorf("storing in %s: the key is empty", t.name)
	}
	b, err := tx.bucket(t.name)
	if err != nil {
		return err
	}
	tx.touched = append(tx.touched, Change{string(t.name), key})
	return tx.put(b, t.name, []byte(key), v)
}

// Delete removes the record under key, if any.
func (t Table[T]) Delete(tx *Tx, key string) error {
	b, err := tx.bucket(t.name)
	if err != nil {
		return err
	}
	tx.touched = append(tx.touched, Change{string(t.name), key})
	return tx.remove(b, t.name, []byte(key))
}

// All yields every record in key order. A damaged record ends the iteration
// and becomes the error of View or Update.
func (t Table[T]) All(tx *Tx) iter.Seq2[string, T] { return t.Prefix(tx, "") }

// Prefix yields the records whose keys begin with prefix, in key order.
func (t Table[T]) Prefix(tx *Tx, prefix string) iter.Seq2[string, T] {
	return t.walk(tx, func(c *bolt.Cursor) ([]byte, []byte) { return c.Seek([]byte(prefix)) },
		(*bolt.Cursor).Next, []byte(prefix))
}

// After reads up to limit records behind key, in key order, and says where the
// next call goes on: "" at the end. A long walk is made in several
// transactions, for an open one keeps the file from using its free pages again.
// Damaged records are left out and become the error; the others are there.
func (t Table[T]) After(tx *Tx, key string, limit int) (list []T, next string, err error) {
	b := tx.tx.Bucket(t.name)
	if b == nil {
		return nil, "", nil
	}
	c := b.Cursor()
	k, sealed := c.Seek([]byte(key))
	if k != nil && string(k) == key {
		k, sealed = c.Next()
	}
	for ; k != nil; k, sealed = c.Next() {
		if tx.hides(k) {
			continue
		}
		if len(list) == limit {
			return list, next, err
		}
		var v T
		if wrong := tx.get(t.name, k, sealed, &v); wrong != nil {
			err = errors.Join(err, wrong)
		} else {
			list = append(list, v)
		}
		next = string(k)
	}
	return list, "", err
}

// Backward yields every record in reverse key order: newest first where keys
// are ids.
func (t Table[T]) Backward(tx *Tx) iter.Seq2[string, T] {
	return t.walk(tx, (*bolt.Cursor).Last, (*bolt.Cursor).Prev, nil)
}

func (t Table[T]) walk(tx *Tx, first, next func(*bolt.Cursor) ([]byte, []byte), prefix []byte) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		b := tx.tx.Bucket(t.name)
		if b == nil {
			return
		}
		c := b.Cursor()
		for k, sealed := first(c); k != nil && bytes.HasPrefix(k, prefix); k, sealed = next(c) {
			if tx.hides(k) {
				continue
			}
			var v T
			if err := tx.get(t.name, k, sealed, &v); err != nil {
				tx.fail(err)
				return
			}
			if !yield(string(k), v) {
				return
			}
		}
	}
}

const indexPrefix = "index:"

// Index finds record ids by a key that is not their own. Index keys are stored
// in clear inside the file, so an owner that indexes personal data passes a
// keyed digest of it: Tx.Digest.
type Index struct{ name []byte }

// NewIndex describes the index name.
func NewIndex(name string) Index { return Index{name: []byte(indexPrefix + name)} }

// Add notes that the record id is found under key.
func (x Index) Add(tx *Tx, key, id string) error {
	b, err := tx.bucket(x.name)
	if err != nil {
		return err
	}
	return tx.write(b, x.name, indexKey(key, id), []byte{})
}

// Remove takes the note back.
func (x Index) Remove(tx *Tx, key, id string) error {
	b, err := tx.bucket(x.name)
	if err != nil {
		return err
	}
	return tx.remove(b, x.name, indexKey(key, id))
}

// IDs yields the ids under key, in their order.
func (x Index) IDs(tx *Tx, key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		b := tx.tx.Bucket(x.name)
		if b == nil {
			return
		}
		prefix := indexKey(key, "")
		c := b.Cursor()
		for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			if id := k[len(prefix):]; !tx.hides(id) && !yield(string(id)) {
				return
			}
		}
	}
}

func indexKey(key, id string) []byte {
	k := make([]byte, 0, len(key)+1+len(id))
	return append(append(append(k, key...), 0), id...)
}
