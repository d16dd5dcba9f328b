// Package store is the one door to the box's records: a bbolt file in which
// every value is sealed, and the log of events that tells what happened to
// them. It is the only importer of bbolt and does not know what records mean.
//
// On disk, in the data folder:
//
//	hotline.db   the bbolt file (0600)
//	box.key      32 random bytes that seal every value (0600); without it the
//	             file cannot be read, so a backup needs both, kept apart. It may
//	             be kept elsewhere (boxkey)
//	blobs/       sound, each file sealed with a key of its own (blob.go)
//
// Contracts:
//
//  1. What Update has returned nil for is on disk (fsync) and stays.
//  2. Update functions may run more than once and concurrently written ones
//     share a commit: they change nothing outside their Tx.
//  3. Events are published after the commit, once, in log order.
//  4. A value that was damaged or moved on disk is reported, never returned.
package store

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"hotline/appliance/durable"
	"hotline/appliance/events"
)

// Errors that callers can act on.
var (
	ErrNotFound = errors.New("no such record")
	ErrInUse    = errors.New("is in use by another hotline process")
	ErrClosed   = errors.New("the record store is closed")
	ErrDamaged  = errors.New("a record on disk is damaged")
)

const (
	fileName = "hotline.db"
	keyName  = "box.key"

	// batchDelay is how long a commit waits for company. One commit costs an
	// fsync (milliseconds); under load dozens of calls share it.
	batchDelay = time.Millisecond

	// mapped is how much address space the file gets at once. bbolt maps the
	// file again when it has outgrown that, and then every writer, and with it
	// every call, waits for the slowest reader. It costs no memory.
	mapped = 64 << 30
)

var (
	bucketMeta   = []byte("meta")
	bucketEvents = []byte("events")
	metaSchema   = []byte("schema")
	metaSeal     = []byte("seal")
)

// Store is an open data folder. It may be used by many goroutines.
type Store struct {
	dir   string
	db    *bolt.DB
	box   []byte
	keys  keys
	bus   *events.Bus
	order sequencer
	feeds feeds
	trail trail
	ids   *ids
	veils veils
	lost  bool // one of the two heads of the file

	reserve *reserve
	log     *slog.Logger

	within *Tx // of a store that is one transaction of another: see Together
}

// Open opens the data folder dir, making the file and its key when the folder
// has neither. It changes an older schema to the present one after copying the
// file aside.
func Open(dir string, log *slog.Logger) (*Store, error) { return OpenWith(dir, nil, log) }

// OpenWith is Open with a key that is kept elsewhere; nil is the one in the
// folder.
func OpenWith(dir string, key []byte, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	path := filepath.Join(dir, fileName)
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if key == nil {
		if key, err = loadKey(filepath.Join(dir, keyName), fresh); err != nil {
			return nil, err
		}
	}
	keys, err := deriveKeys(key)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := createFile(path, keys.aead); err != nil {
			return nil, err
		}
	}
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, db: db, box: bytes.Clone(key), keys: keys, bus: events.NewBus(), log: log, lost: lostHead(path), ids: newIDs(), reserve: newReserve(dir)}
	if err := s.check(path); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// begin is what needs the records before anybody asks for one: it meets a
// damaged page first.
func (s *Store) begin() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverDamage(&err)
	if err := s.sweepBlobs(); err != nil {
		return err
	}
	s.goOn()
	return nil
}

func openFile(path string) (db *bolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverDamage(&err)
	db, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout:      time.Second,
		FreelistType: bolt.FreelistMapType,
		// Where addresses have 32 bits there is room for less.
		InitialMmapSize: int(min(uint64(mapped), math.MaxInt/4)),
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("the data folder %s %w: stop that one first", filepath.Dir(path), ErrInUse)
	}
	if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch) {
		return nil, fmt.Errorf("%w: the record file %s: %w", ErrDamaged, path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the record file %s: %w", path, err)
	}
	db.MaxBatchDelay = batchDelay
	return db, nil
}

// createFile makes the first file beside its final name and renames it, for a
// power cut during bbolt's first initialisation can leave half a file.
func createFile(path string, aead cipher.AEAD) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := openFile(tmp)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(bucketMeta)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucketIfNotExists(bucketEvents); err != nil {
			return err
		}
		if _, err := tx.CreateBucketIfNotExists(bucketTally); err != nil {
			return err
		}
		return keys{aead: aead}.putHead(meta, schemaNow)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("making the record file: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

func loadKey(path string, fresh bool) ([]byte, error) {
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == 32:
		return key, nil
	case err == nil:
		return nil, fmt.Errorf("the key file %s is damaged (%d bytes instead of 32): put it back from the backup", path, len(key))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading the key file: %w", err)
	case !fresh:
		return nil, fmt.Errorf("the key file %s is missing, so the records beside it cannot be read: put it back from the backup", path)
	}
	key = make([]byte, 32)
	rand.Read(key)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making the key file: %w", err)
	}
	_, err = f.Write(key)
	if err := errors.Join(err, f.Sync(), f.Close(), durable.SyncDir(filepath.Dir(path))); err != nil {
		return nil, fmt.Errorf("making the key file: %w", err)
	}
	return key, nil
}

// Key is the key of the box: backups carry it, encrypted, and boxkey keeps it.
func (s *Store) Key() []byte { return bytes.Clone(s.box) }

// keys are what the box key is used for.
type keys struct {
	aead   cipher.AEAD
	digest []byte
}

func deriveKeys(box []byte) (keys, error) {
	seal, err := hkdf.Expand(sha256.New, box, "hotline store: seal values", 32)
	if err != nil {
		return keys{}, err
	}
	digest, err := hkdf.Expand(sha256.New, box, "hotline store: digest index keys", 32)
	if err != nil {
		return keys{}, err
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return keys{}, err
	}
	// Random 96-bit nonces under one key are safe for 2^32 values (NIST SP
	// 800-38D §8.3): three orders of magnitude above a million contacts with
	// all their changes.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return keys{aead: aead, digest: digest}, err
}

// check proves that the key fits the file, upgrades the schema and finds the
// end of the event log.
func (s *Store) check(path string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer recoverDamage(&err)
	if err := trees(s.db); err != nil {
		return err
	}
	var schema uint64
	var counted bool
	err = s.db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil || tx.Bucket(bucketEvents) == nil || len(meta.Get(metaSchema)) != 8 {
			return fmt.Errorf("%w: %s is not a hotline record file, or no longer one", ErrDamaged, path)
		}
		schema = binary.BigEndian.Uint64(meta.Get(metaSchema))
		plain, err := s.keys.aead.Open(nil, nil, meta.Get(metaSeal), metaSeal)
		if counted = bytes.Equal(plain, head(schema)); err == nil && !counted && !bytes.Equal(plain, metaSeal) {
			return fmt.Errorf("%w: the head of the record file %s", ErrDamaged, path)
		}
		if err != nil && s.keys.fit(tx) {
			return fmt.Errorf("%w: the head of the record file %s", ErrDamaged, path)
		}
		if err != nil {
			return fmt.Errorf("the key (%s) does not belong to the record file %s: use the two files of one backup", keyName, path)
		}
		s.order.next = tx.Bucket(bucketEvents).Sequence() + 1
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.upgrade(path, schema); err != nil {
		return err
	}
	if counted {
		return nil
	}
	return s.beginTallies()
}

// fit reports that the keys open something of the file: then its head, which
// they do not open, is damaged, and not the file of another box.
func (k keys) fit(tx *bolt.Tx) bool {
	b := tx.Bucket(bucketTally)
	if b == nil {
		return false
	}
	c := b.Cursor()
	for name, sealed := c.First(); name != nil; name, sealed = c.Next() {
		if _, err := k.open(bucketTally, name, sealed); err == nil {
			return true
		}
	}
	return false
}

// head is what the head of a file seals: its schema, and that it has tallies.
// In files of before there were any it is the word metaSeal alone.
func head(schema uint64) []byte { return binary.BigEndian.AppendUint64([]byte("counted"), schema) }

func (k keys) putHead(meta *bolt.Bucket, schema uint64) error {
	return errors.Join(meta.Put(metaSchema, binary.BigEndian.AppendUint64(nil, schema)),
		meta.Put(metaSeal, k.aead.Seal(nil, nil, head(schema), metaSeal)))
}

// Close waits for running transactions and closes the file.
func (s *Store) Close() error {
	if s.within != nil {
		return nil // the transaction ends with the function that has it
	}
	return s.db.Close()
}

// Events is the bus on which committed events appear.
func (s *Store) Events() *events.Bus { return s.bus }

// Update runs fn in a read-write transaction and returns when its changes are
// on disk. On error nothing of fn is kept.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if s.within != nil {
		return s.within.join(fn)
	}
	return s.update(s.db.Batch, fn)
}

// update runs fn in a transaction that a way of bbolt makes.
func (s *Store) update(way func(func(*bolt.Tx) error) error, fn func(*Tx) error) error {
	done, err := s.commit(way, fn)
	if err != nil && s.reserve.relieve(err) {
		s.log.Error("the disk is full: records are written into the reserve; make room")
		done, err = s.commit(way, fn)
	}
	if err != nil {
		return closedError(err)
	}
	s.order.publish(s.bus, done.emitted)
	s.feeds.publish(done.touched)
	s.removeBlobs(done.dropped)
	return nil
}

func (s *Store) commit(way func(func(*bolt.Tx) error) error, fn func(*Tx) error) (done *Tx, err error) {
	err = way(func(btx *bolt.Tx) error {
		tx := &Tx{tx: btx, keys: s.keys, ids: s.ids, now: time.Now().UTC(), writable: true, veils: &s.veils}
		if err := fn(tx); err != nil {
			return err
		}
		if err := errors.Join(tx.err, tx.refused); err != nil {
			return err
		}
		if err := tx.writeEvents(); err != nil {
			return err
		}
		if err := tx.writeTallies(); err != nil {
			return err
		}
		s.trail.note(tx.changes) // while nobody else can write
		done = tx
		return nil
	})
	return done, err
}

// View runs fn in a read-only transaction: one consistent picture.
func (s *Store) View(fn func(*Tx) error) error {
	if s.within != nil {
		return errors.Join(fn(s.within), s.within.err)
	}
	err := s.db.View(func(btx *bolt.Tx) error {
		tx := &Tx{tx: btx, keys: s.keys, ids: s.ids, now: time.Now().UTC(), veils: &s.veils}
		if err := fn(tx); err != nil {
			return err
		}
		return tx.err
	})
	return closedError(err)
}

func closedError(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// EachValue calls fn with every value of the file in clear, events included:
// for checks that something is, or is no longer, in it.
func (tx *Tx) EachValue(fn func(table, key string, value []byte)) error {
	return tx.tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		if !sealed(name) {
			return nil
		}
		return b.ForEach(func(k, sealed []byte) error {
			value, err := tx.keys.open(name, k, sealed)
			if err == nil {
				fn(string(name), string(k), value)
			}
			return err
		})
	})
}

// sequencer puts the events of concurrently returning commits back into log
// order before they are published.
type sequencer struct {
	mu      sync.Mutex
	next    uint64
	waiting map[uint64]events.Event
}

func (q *sequencer) publish(bus *events.Bus, evs []events.Event) {
	if len(evs) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = map[uint64]events.Event{}
	}
	for _, ev := range evs {
		q.waiting[ev.Seq] = ev
	}
	var ready []events.Event
	for {
		ev, ok := q.waiting[q.next]
		if !ok {
			break
		}
		delete(q.waiting, q.next)
		ready = append(ready, ev)
		q.next++
	}
	bus.Publish(ready...)
}
