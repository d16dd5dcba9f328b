package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"hotline/appliance/durable"
)

// A dump is what a file holds, or what has changed in it since the dump before,
// as one stream: buckets with their sequences, and in each the pairs as they
// are, sealed. Unlike a copy of the file it holds nothing that was deleted.
//
//	"hotlrec1"
//	'b' sequence, name              a bucket: what follows is in it
//	'p' key, value                  a pair
//	'd' key                         a pair that is gone (dumps of changes)
//	'z' how many pairs there were   the end
//
// Numbers and lengths are unsigned varints.

const dumpMagic = "hotlrec1"

// ErrWhole means that not all changes since the last dump are known: the next
// one must be whole.
var ErrWhole = errors.New("a whole dump is needed first")

// mostNoted bounds what is remembered of changes between two dumps.
const mostNoted = 2_000_000

// trail notes which pairs have changed since the last dump.
type trail struct {
	mu     sync.Mutex
	on     bool
	places map[string]map[string]struct{} // keys by bucket
	noted  int
}

func (t *trail) note(changes map[string]*change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.on {
		return
	}
	for name, c := range changes {
		t.add(bucketTally, name)
		keys := t.places[name]
		if keys == nil {
			keys = map[string]struct{}{}
			t.places[name] = keys
		}
		for _, key := range c.keys {
			keys[key] = struct{}{}
			t.noted++
		}
	}
	if t.noted > mostNoted {
		t.on, t.places = false, nil
	}
}

func (t *trail) add(name []byte, key string) {
	keys := t.places[string(name)]
	if keys == nil {
		keys = map[string]struct{}{}
		t.places[string(name)] = keys
	}
	keys[key] = struct{}{}
}

// begin starts a new page of the trail and returns the one before.
func (t *trail) begin() (before map[string]map[string]struct{}, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, complete = t.places, t.on
	t.on, t.places, t.noted = true, map[string]map[string]struct{}{}, 0
	return before, complete
}

// giveBack puts what a dump that failed was to hold before what came since.
func (t *trail) giveBack(before map[string]map[string]struct{}, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.on || !complete {
		t.on, t.places = false, nil
		return
	}
	for name, keys := range before {
		if t.places[name] == nil {
			t.places[name] = map[string]struct{}{}
		}
		maps.Copy(t.places[name], keys)
		t.noted += len(keys)
	}
}

// Dump is one consistent picture of the file. Close it.
type Dump struct {
	store    *Store
	tx       *bolt.Tx
	whole    bool
	complete bool // whether all changes before this one are known
	changed  map[string]map[string]struct{}
	kept     bool

	LastEvent uint64    // in the log
	At        time.Time // of the picture
	Records   int       // written by WriteTo, of tables
}

// BeginDump takes a picture: of everything, or of what has changed since the
// last picture that was kept. Calls go on meanwhile.
func (s *Store) BeginDump(whole bool) (*Dump, error) {
	// Nobody commits while the writer's place is taken, so that the trail is
	// turned over exactly where the picture is.
	writer, err := s.db.Begin(true)
	if err != nil {
		return nil, closedError(err)
	}
	d := &Dump{store: s, whole: whole, At: time.Now().UTC()}
	d.changed, d.complete = s.trail.begin()
	d.tx, err = s.db.Begin(false)
	if err = errors.Join(err, writer.Rollback()); err != nil {
		s.trail.giveBack(d.changed, d.complete)
		return nil, err
	}
	d.LastEvent = d.tx.Bucket(bucketEvents).Sequence()
	if !whole && !d.complete {
		return nil, errors.Join(ErrWhole, d.Close())
	}
	return d, nil
}

// Changed reports whether there is anything to write.
func (d *Dump) Changed() bool { return d.whole || len(d.changed) > 0 }

// Kept says that the dump is safe: the next one begins here. It must be called
// before Close.
func (d *Dump) Kept() { d.kept = true }

// Close ends the picture. Without Kept the next dump of changes holds these,
// too.
func (d *Dump) Close() error {
	if d.tx == nil {
		return nil
	}
	if !d.kept {
		d.store.trail.giveBack(d.changed, d.complete)
	}
	err := d.tx.Rollback()
	d.tx = nil
	return err
}

// Write writes the dump and proves every seal in it: what is damaged in the
// file is never carried into a backup.
func (d *Dump) Write(ctx context.Context, w io.Writer) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverDamage(&err)
	out := dumpWriter{w: bufio.NewWriterSize(w, 256<<10)}
	out.bytes([]byte(dumpMagic))
	d.Records = 0
	each := d.changes
	if d.whole {
		each = d.everything
	}
	if err := each(ctx, &out); err != nil {
		return err
	}
	out.frame('z')
	out.number(out.pairs)
	return errors.Join(out.err, out.w.Flush())
}

func (d *Dump) everything(ctx context.Context, out *dumpWriter) error {
	return d.tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		out.bucket(name, b.Sequence())
		return b.ForEach(func(k, v []byte) error { return d.pair(ctx, out, name, k, v) })
	})
}

func (d *Dump) changes(ctx context.Context, out *dumpWriter) error {
	for _, name := range slices.Sorted(maps.Keys(d.changed)) {
		b := d.tx.Bucket([]byte(name))
		if b == nil {
			continue // noted by a transaction that failed
		}
		out.bucket([]byte(name), b.Sequence())
		for _, key := range slices.Sorted(maps.Keys(d.changed[name])) {
			v := b.Get([]byte(key))
			if v == nil {
				out.frame('d')
				out.text([]byte(key))
				out.pairs++
				continue
			}
			if err := d.pair(ctx, out, []byte(name), []byte(key), v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Dump) pair(ctx context.Context, out *dumpWriter, name, k, v []byte) error {
	if out.err != nil {
		return out.err
	}
	if out.pairs%1024 == 0 && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if sealed(name) {
		if _, err := d.store.keys.open(name, k, v); err != nil {
			return err
		}
	}
	if bytes.HasPrefix(name, []byte(tablePrefix)) {
		d.Records++
	}
	out.frame('p')
	out.text(k)
	out.text(v)
	out.pairs++
	return nil
}

type dumpWriter struct {
	w     *bufio.Writer
	pairs uint64
	err   error
}

func (o *dumpWriter) bytes(b []byte) {
	if _, err := o.w.Write(b); err != nil && o.err == nil {
		o.err = err
	}
}
func (o *dumpWriter) frame(kind byte) { o.bytes([]byte{kind}) }
func (o *dumpWriter) number(n uint64) { o.bytes(binary.AppendUvarint(nil, n)) }
func (o *dumpWriter) text(b []byte)   { o.number(uint64(len(b))); o.bytes(b) }
func (o *dumpWriter) bucket(name []byte, sequence uint64) {
	o.frame('b')
	o.number(sequence)
	o.text(name)
}

// dumpReader hands on what a dump holds.
type dumpReader struct {
	bucket func(name []byte, sequence uint64) error
	pair   func(key, value []byte) error // value nil: it is gone
}

// most is the longest key or value that is believed.
const most = 1 << 30

func (d dumpReader) read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 256<<10)
	torn := func(err error) error {
		return fmt.Errorf("%w: the dump of records is torn or not one: %w", ErrDamaged, err)
	}
	magic := make([]byte, len(dumpMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != dumpMagic {
		return torn(errors.Join(err, errors.New("it begins wrong")))
	}
	text := func() ([]byte, error) {
		n, err := binary.ReadUvarint(in)
		if err != nil || n > most {
			return nil, torn(errors.Join(err, errors.New("a length is wrong")))
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, torn(err)
		}
		return b, nil
	}
	for pairs := uint64(0); ; {
		kind, err := in.ReadByte()
		if err != nil {
			return torn(err)
		}
		switch kind {
		case 'b':
			sequence, err := binary.ReadUvarint(in)
			if err != nil {
				return torn(err)
			}
			name, err := text()
			if err == nil {
				err = d.bucket(name, sequence)
			}
			if err != nil {
				return err
			}
		case 'p', 'd':
			key, err := text()
			var value []byte
			if err == nil && kind == 'p' {
				value, err = text()
			}
			if err == nil {
				err = d.pair(key, value)
			}
			if err != nil {
				return err
			}
			pairs++
		case 'z':
			n, err := binary.ReadUvarint(in)
			if err != nil || n != pairs {
				return torn(fmt.Errorf("%d pairs instead of %d", pairs, n))
			}
			return nil
		default:
			return torn(fmt.Errorf("%q is nothing", kind))
		}
	}
}

// CheckDump reads a dump to its end, opens every seal with the box key that
// goes with it and counts the pairs.
func CheckDump(r io.Reader, boxKey []byte) (pairs int, err error) {
	k, err := deriveKeys(boxKey)
	if err != nil {
		return 0, err
	}
	var bucket []byte
	err = dumpReader{
		bucket: func(name []byte, _ uint64) error { bucket = name; return nil },
		pair: func(key, value []byte) error {
			pairs++
			if value == nil || !sealed(bucket) {
				return nil
			}
			_, err := k.open(bucket, key, value)
			return err
		},
	}.read(r)
	return pairs, err
}

// Builder makes a record file out of dumps: a whole one and then, in order,
// those of changes that followed it.
type Builder struct {
	dir string
	db  *bolt.DB
}

// atOnce is how many pairs are laid down in one transaction.
const atOnce = 20_000

// NewBuilder begins a record file in a folder that has none.
func NewBuilder(dir string) (*Builder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, fileName)); err == nil {
		return nil, fmt.Errorf("there is a record file in %s already", dir)
	}
	path := filepath.Join(dir, fileName) + ".restored"
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	db.NoSync = true // Finish syncs; before that the file has not its name
	return &Builder{dir: dir, db: db}, nil
}

// Add lays a dump over what is there.
func (b *Builder) Add(r io.Reader) (err error) {
	var tx *bolt.Tx
	var at *bolt.Bucket
	var name []byte
	var laid int
	defer func() {
		if err != nil && tx != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	turn := func() (err error) {
		if tx != nil {
			if err := tx.Commit(); err != nil {
				return err
			}
		}
		if tx, err = b.db.Begin(true); err == nil && name != nil {
			at = tx.Bucket(name)
			at.FillPercent = 0.9
		}
		return err
	}
	if err := turn(); err != nil {
		return err
	}
	err = dumpReader{
		bucket: func(n []byte, sequence uint64) (err error) {
			if at, err = tx.CreateBucketIfNotExists(n); err != nil {
				return err
			}
			name, at.FillPercent = n, 0.9 // pairs come in order
			return at.SetSequence(sequence)
		},
		pair: func(key, value []byte) error {
			if laid++; laid%atOnce == 0 {
				if err := turn(); err != nil {
					return err
				}
			}
			switch {
			case at == nil:
				return fmt.Errorf("%w: a pair belongs to nothing", ErrDamaged)
			case value == nil:
				return at.Delete(key)
			}
			return at.Put(key, value)
		},
	}.read(r)
	if err != nil {
		return err
	}
	last := tx
	tx = nil
	return last.Commit()
}

// Abort gives up.
func (b *Builder) Abort() error {
	path := b.db.Path()
	return errors.Join(b.db.Close(), os.Remove(path))
}

// Finish puts the file on disk under its name.
func (b *Builder) Finish() error {
	path := b.db.Path()
	if err := errors.Join(b.db.Sync(), b.db.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	if err := os.Rename(path, filepath.Join(b.dir, fileName)); err != nil {
		return err
	}
	return durable.SyncDir(b.dir)
}
