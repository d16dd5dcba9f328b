package store

import (
	"encoding/binary"
	"hash/fnv"
	"os"
)

// A bbolt file has two heads, written in turns; the newer whole one counts. A
// power cut may leave one torn: then the change before it counts, which is the
// last that was acknowledged. Damage to the newest head looks the same, and
// takes an acknowledged change back.

// LostHead reports that one of the two heads was damaged when the file was
// opened: the last change may be missing. Whoever has a backup compares.
func (s *Store) LostHead() bool { return s.lost }

// LastEvent is the number of the last event in the log.
func (s *Store) LastEvent() (seq uint64, err error) {
	err = s.View(func(tx *Tx) error {
		seq = tx.tx.Bucket(bucketEvents).Sequence()
		return nil
	})
	return seq, err
}

func lostHead(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	// A page begins with 16 bytes of its own; then comes the head: 56 bytes and
	// their FNV-1a sum. The size of a page is the fourth word of a head.
	const page, head = 16, 56
	good := func(at int64) (ok bool, size int64) {
		b := make([]byte, page+head+8)
		if _, err := f.ReadAt(b, at); err != nil {
			return false, 0
		}
		b = b[page:]
		sum := fnv.New64a()
		_, _ = sum.Write(b[:head])
		return sum.Sum64() == binary.NativeEndian.Uint64(b[head:]), int64(binary.NativeEndian.Uint32(b[8:]))
	}
	first, size := good(0)
	if !first {
		return true
	}
	second, _ := good(size)
	return !second
}

// Size is how many bytes the file of the records takes.
func (s *Store) Size() (n uint64) {
	_ = s.View(func(tx *Tx) error { // a closed store has none
		n = uint64(tx.tx.Size())
		return nil
	})
	return n
}
