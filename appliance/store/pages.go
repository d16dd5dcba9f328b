package store

import (
	"encoding/binary"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// bbolt trusts the pages of its file. Most damage makes it panic, which
// recoverDamage takes, but two kinds make it go on for ever, with more memory at
// each step: a page that leads back to one above it or to the head of the file
// (where a disk gives zeros, that is page 0), and a page that claims to be
// longer than the file. Both are looked for before bbolt follows them.

// trees proves that every page is led to once at most, from each bucket down.
// It reads the pages that lead to others, about one in a hundred; other damage
// may make it panic.
func trees(db *bolt.DB) error {
	f, err := os.Open(db.Path())
	if err != nil {
		return err
	}
	defer f.Close()
	return db.View(func(tx *bolt.Tx) error {
		w := treeWalk{file: f, size: db.Info().PageSize}
		w.led = make([]bool, tx.Size()/int64(w.size))
		var roots []uint64
		err := w.down(uint64(tx.Cursor().Bucket().Root()), func(leaf page) error {
			found, err := leaf.buckets()
			roots = append(roots, found...)
			return err
		})
		for _, root := range roots {
			if err == nil {
				err = w.down(root, nil)
			}
		}
		return err
	})
}

type treeWalk struct {
	file *os.File
	size int    // of a page, in bytes
	led  []bool // the pages that something led to so far
}

// down proves what page id leads to, and calls each with the leaves. All leaves
// of a tree are equally deep, so beside one that is a leaf the others are not
// read when nobody wants them.
func (w *treeWalk) down(id uint64, each func(page) error) error {
	p, err := w.read(id)
	if err != nil {
		return err
	}
	if err := w.lead(id); err != nil {
		return err
	}
	if p.kind == kindLeaf {
		if each == nil {
			return nil
		}
		return each(p)
	}
	children, err := p.children()
	if err != nil {
		return err
	}
	first, err := w.read(children[0])
	if err != nil {
		return err
	}
	for _, child := range children {
		if first.kind == kindLeaf && each == nil {
			err = w.lead(child)
		} else {
			err = w.down(child, each)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *treeWalk) lead(id uint64) error {
	if id < 2 || id >= uint64(len(w.led)) || w.led[id] {
		return fmt.Errorf("%w: the order of the record file leads to page %d of %d where it cannot", ErrDamaged, id, len(w.led))
	}
	w.led[id] = true
	return nil
}

// A page begins with its number (8 bytes), its kind (2), how many entries it has
// (2) and how many more pages belong to it (4). Of an entry that leads to a page
// (16 bytes) the last 8 are the number of that. An entry of a leaf (16) has marks
// (4), where its key begins from the entry on (4), and the sizes of key (4) and
// value (4), which comes next. The value of a bucket begins with the number of
// its page (8) and its sequence (8); with 0 the page follows, a leaf, at once.
const (
	pageHead   = 16
	pageEntry  = 16
	bucketHead = 16
	kindBranch = 0x01
	kindLeaf   = 0x02
	markBucket = 0x01
)

type page struct {
	id      uint64
	kind    uint16
	entries int
	content []byte // from its head on
}

func (w *treeWalk) read(id uint64) (page, error) {
	if id < 2 || id >= uint64(len(w.led)) {
		return page{}, fmt.Errorf("%w: the record file has no page %d", ErrDamaged, id)
	}
	p := page{id: id, content: make([]byte, w.size)}
	at := int64(id) * int64(w.size)
	if _, err := w.file.ReadAt(p.content, at); err != nil {
		return page{}, fmt.Errorf("%w: page %d of the record file: %w", ErrDamaged, id, err)
	}
	more := p.head()
	if binary.NativeEndian.Uint64(p.content) != id || more >= uint64(len(w.led))-id {
		return page{}, fmt.Errorf("%w: page %d of the record file is none", ErrDamaged, id)
	}
	if more > 0 && p.kind == kindBranch { // of leaves only those with buckets are looked into, and these are short
		p.content = make([]byte, w.size*int(1+more))
		if _, err := w.file.ReadAt(p.content, at); err != nil {
			return page{}, fmt.Errorf("%w: page %d of the record file: %w", ErrDamaged, id, err)
		}
	}
	return p, p.sane()
}

func (p *page) head() (more uint64) {
	p.kind, p.entries = binary.NativeEndian.Uint16(p.content[8:]), int(binary.NativeEndian.Uint16(p.content[10:]))
	return uint64(binary.NativeEndian.Uint32(p.content[12:]))
}

func (p page) sane() error {
	if p.kind != kindBranch && p.kind != kindLeaf {
		return fmt.Errorf("%w: page %d of the record file is of no kind (%d)", ErrDamaged, p.id, p.kind)
	}
	return nil
}

func (p page) entry(i int) []byte { return p.content[pageHead+i*pageEntry:] }

func (p page) children() ([]uint64, error) {
	if p.entries == 0 || pageHead+p.entries*pageEntry > len(p.content) {
		return nil, fmt.Errorf("%w: page %d of the record file leads to %d pages", ErrDamaged, p.id, p.entries)
	}
	all := make([]uint64, p.entries)
	for i := range all {
		all[i] = binary.NativeEndian.Uint64(p.entry(i)[8:])
	}
	return all, nil
}

// buckets returns the pages of those that have one. It panics where an entry
// leads out of the page.
func (p page) buckets() ([]uint64, error) {
	var all []uint64
	for i := range p.entries {
		e := p.entry(i)
		if binary.NativeEndian.Uint32(e)&markBucket == 0 {
			return nil, fmt.Errorf("%w: an entry of page %d of the record file is no table", ErrDamaged, p.id)
		}
		from := binary.NativeEndian.Uint32(e[4:]) + binary.NativeEndian.Uint32(e[8:])
		value := e[from:][:binary.NativeEndian.Uint32(e[12:])]
		if root := binary.NativeEndian.Uint64(value); root != 0 {
			all = append(all, root)
			continue
		}
		inline := page{id: p.id, content: value[bucketHead:]}
		if more := inline.head(); more != 0 || inline.kind != kindLeaf || pageHead+inline.entries*pageEntry > len(inline.content) {
			return nil, fmt.Errorf("%w: a table on page %d of the record file", ErrDamaged, p.id)
		}
	}
	return all, nil
}

// lengths looks for pages that claim to reach behind the end of what is used:
// bbolt believes them, one number at a time, until the memory is full.
func lengths(btx *bolt.Tx) error {
	pages := int(btx.Size()) / btx.DB().Info().PageSize
	for id := 2; ; id++ {
		p, err := btx.Page(id)
		if err != nil || p == nil {
			return err
		}
		switch p.Type {
		case "branch", "leaf", "freelist":
			if p.OverflowCount >= pages-id {
				return fmt.Errorf("%w: page %d of the record file claims %d more pages of %d", ErrDamaged, id, p.OverflowCount, pages)
			}
			id += p.OverflowCount
		}
	}
}
