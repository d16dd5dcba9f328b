package store

import (
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

// schemaNow is the schema this program writes.
const schemaNow = 1

// steps change a file of schema n (the key) to n+1. All needed steps run in
// one transaction, after the file was copied aside.
func steps() map[uint64]func(*bolt.Tx) error { return map[uint64]func(*bolt.Tx) error{} }

func (s *Store) upgrade(path string, found uint64) error {
	if found == schemaNow {
		return nil
	}
	if found > schemaNow {
		return fmt.Errorf("the record file %s was written by a newer hotline (schema %d, this program knows %d): install the newer program, or restore the backup made before the update", path, found, schemaNow)
	}
	aside := fmt.Sprintf("%s.schema%d.%s", path, found, time.Now().UTC().Format("20060102T150405Z"))
	if err := s.db.View(func(tx *bolt.Tx) error { return tx.CopyFile(aside, 0o600) }); err != nil {
		_ = os.Remove(aside) // half a copy helps nobody; the first error is the one to report
		return fmt.Errorf("copying the record file aside before changing its schema: %w", err)
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		for at := found; at < schemaNow; at++ {
			step := steps()[at]
			if step == nil {
				return fmt.Errorf("there is no way from schema %d to %d", at, at+1)
			}
			if err := step(tx); err != nil {
				return fmt.Errorf("changing schema %d to %d: %w", at, at+1, err)
			}
		}
		// The tallies are counted anew: steps write past them.
		return errors.Join(s.keys.putHead(tx.Bucket(bucketMeta), schemaNow), s.countAnew(tx))
	})
}
