package store

import (
	"bytes"
	"errors"
	"fmt"
)

// A box whose operation is over begins a new file: what makes the hotline work
// is carried into it, nothing else.

// Carry copies tables of another store, sealed anew with the key of this one.
// A table that the other one does not have stays as it is here.
func (tx *Tx) Carry(from *Tx, tables ...string) error {
	for _, table := range tables {
		name := []byte(tablePrefix + table)
		old := from.tx.Bucket(name)
		if old == nil {
			continue
		}
		b, err := tx.bucket(name)
		if err != nil {
			return err
		}
		err = old.ForEach(func(k, sealed []byte) error {
			plain, err := from.keys.open(name, k, sealed)
			if err != nil {
				return err
			}
			return tx.write(b, name, bytes.Clone(k), tx.seal(name, k, plain))
		})
		if err != nil {
			return fmt.Errorf("carrying %s over: %w", table, err)
		}
	}
	return nil
}

// ContinueLog lets the log of a new file begin behind the mark of another log,
// as if its older entries had been removed by age: the first entry here proves
// how that one ended. The file is closed and opened again before it is used.
func (tx *Tx) ContinueLog(m Mark) error {
	b := tx.tx.Bucket(bucketEvents)
	if b.Sequence() != 0 || len(tx.emitted) > 0 {
		return errors.New("only the log of a new file can go on from another one")
	}
	if _, err := tx.changing(bucketEvents); err != nil {
		return err
	}
	return errors.Join(b.SetSequence(m.Seq), tx.putChain(chain{Base: m.Seq, BaseSum: m.Sum, Last: m.Seq, Sum: m.Sum}))
}

// Count is how many records a table has.
func (tx *Tx) Count(table string) (int, error) {
	t, err := tx.keys.tallyOf(tx.tx, []byte(tablePrefix+table))
	return int(t.pairs), err
}
