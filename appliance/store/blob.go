package store

import (
	"bufio"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hotline/appliance/durable"
)

// A blob is what is too large for a value: sound. It lies in a file of its own
// beside the bbolt file, in the folder blobs, and is read and written in
// bounded memory.
//
//	"hotlblob"   8 bytes
//	salt         32 random bytes
//	chunks       32 KiB of content each, the last one less, with a tag of 16
//	             bytes: AES-256-GCM, numbered by the nonce
//
// Every blob has its own random key, in its record in the bbolt file. That
// record also says how long the blob is, so a file that was cut, lengthened or
// exchanged is noticed. A blob is deleted by deleting the record: the file that
// stays for a moment is noise to everybody.

// Errors of blobs that callers can act on.
var (
	ErrNoRoom     = errors.New("the disk is too full for more sound")
	ErrUnfinished = errors.New("this sound is still being written")
)

const (
	blobFolder = "blobs"
	blobSuffix = ".sealed"
	blobMagic  = "hotlblob"
	blobHeader = len(blobMagic) + 32
	blobChunk  = 32 << 10
	blobTag    = 16
	// roomEvery is after how many chunks the free space is looked at again.
	roomEvery = 32
)

// blobRecord is what the bbolt file knows of a blob.
type blobRecord struct {
	Key     []byte    `json:"key"`
	Begun   time.Time `json:"begun"`
	Size    int64     `json:"size,omitempty"`
	Writing bool      `json:"writing,omitempty"`
}

var blobs = NewTable[blobRecord]("blobs")

// BlobWriter writes one blob, from one goroutine. Commit or Abort ends it.
type BlobWriter struct {
	s     *Store
	id    string
	leave uint64
	file  *os.File
	aead  cipher.AEAD
	buf   []byte // the chunk that is being filled
	count uint64 // chunks written
	err   error  // nothing can be written any more
	ended bool
}

// CreateBlob begins a blob. Link runs in the transaction in which its key
// becomes durable: there the owner notes the id, so that no blob is without
// one, however the box stops. Leave is how many bytes of the disk must stay
// free for others: what nobody needs in order to help a caller leaves much.
func (s *Store) CreateBlob(ctx context.Context, leave uint64, link func(tx *Tx, id string) error) (*BlobWriter, error) {
	if err := s.room(leave); err != nil {
		return nil, err
	}
	key, salt := make([]byte, 32), make([]byte, 32)
	rand.Read(key)
	rand.Read(salt)
	aead, err := blobAEAD(key, salt)
	if err != nil {
		return nil, err
	}
	w := &BlobWriter{s: s, leave: leave, id: s.ids.next(time.Now()), aead: aead, buf: make([]byte, 0, blobChunk+blobTag)}
	path := s.blobPath(w.id)
	w.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("beginning a sound file: %w", err)
	}
	_, err = w.file.Write(append([]byte(blobMagic), salt...))
	if err == nil {
		err = s.Update(ctx, func(tx *Tx) error {
			return errors.Join(blobs.Put(tx, w.id, blobRecord{Key: key, Begun: tx.Now(), Writing: true}), link(tx, w.id))
		})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("beginning a sound file: %w", err), w.file.Close(), os.Remove(path))
	}
	return w, nil
}

// ID is the name of the blob, from its beginning.
func (w *BlobWriter) ID() string { return w.id }

// Write adds to the blob. After an error, of a full disk for instance, nothing
// more can be written; what was is kept by Commit.
func (w *BlobWriter) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 && w.err == nil {
		part := min(len(p), blobChunk-len(w.buf))
		w.buf = append(w.buf, p[:part]...)
		p, n = p[part:], n+part
		if len(w.buf) == blobChunk {
			w.seal()
		}
	}
	return n, w.err
}

// seal writes the chunk. No chunk is sealed twice, so no nonce serves twice.
func (w *BlobWriter) seal() {
	if w.count%roomEvery == roomEvery-1 {
		if w.err = w.s.room(w.leave); w.err != nil {
			return
		}
	}
	sealed := w.aead.Seal(w.buf[:0], blobNonce(w.count), w.buf, []byte(w.id))
	if _, err := w.file.Write(sealed); err != nil {
		w.err = fmt.Errorf("writing a sound file: %w", err)
		return
	}
	w.count++
	w.buf = w.buf[:0]
}

// Commit ends the blob and puts it on disk; link runs in the transaction that
// makes it count. After a failed Write it keeps what was written in whole
// chunks. When Commit fails the blob is one of those that UnfinishedBlobs finds
// at the next start.
func (w *BlobWriter) Commit(ctx context.Context, link func(tx *Tx, size int64) error) error {
	if w.ended {
		return os.ErrClosed
	}
	w.ended = true
	size := int64(w.count) * blobChunk
	var err error
	if w.err == nil && len(w.buf) > 0 {
		size += int64(len(w.buf))
		w.seal()
		err = w.err
	} else if w.err != nil {
		err = w.file.Truncate(sealedLength(size)) // half a chunk
	}
	if err = errors.Join(err, w.file.Sync(), w.file.Close()); err == nil {
		err = durable.SyncDir(filepath.Join(w.s.dir, blobFolder))
	}
	if err != nil {
		return fmt.Errorf("finishing a sound file: %w", err)
	}
	return w.s.finishBlob(ctx, w.id, size, link)
}

// Abort ends the blob and removes it; unlink runs in the transaction that
// destroys its key.
func (w *BlobWriter) Abort(ctx context.Context, unlink func(tx *Tx) error) error {
	if w.ended {
		return nil
	}
	w.ended = true
	err := w.s.Update(ctx, func(tx *Tx) error { return errors.Join(tx.DeleteBlob(w.id), unlink(tx)) })
	return errors.Join(err, w.file.Close())
}

func (s *Store) finishBlob(ctx context.Context, id string, size int64, link func(tx *Tx, size int64) error) error {
	return s.Update(ctx, func(tx *Tx) error {
		b, err := blobs.Get(tx, id)
		if err != nil {
			return err // deleted while it was written
		}
		b.Size, b.Writing = size, false
		return errors.Join(blobs.Put(tx, id, b), link(tx, size))
	})
}

// DeleteBlob destroys the key of a blob, with which nobody can read it any
// more, and removes its file after the commit. One that does not exist is
// deleted already.
func (tx *Tx) DeleteBlob(id string) error {
	if id == "" {
		return nil
	}
	tx.dropped = append(tx.dropped, id)
	return blobs.Delete(tx, id)
}

// removeBlobs removes the files of blobs without a key. The salt goes first: a
// file system may keep what was removed, and bbolt an old page with the key.
func (s *Store) removeBlobs(ids []string) {
	for _, id := range ids {
		path := s.blobPath(id)
		err := wipe(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			err = errors.Join(err, os.Remove(path))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Error("a deleted sound file cannot be removed; its key is destroyed, and it is tried again at the next start", "blob", id, "error", err)
		}
	}
}

func wipe(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, blobHeader))
	return errors.Join(err, f.Sync(), f.Close())
}

// sweepBlobs removes the files that no record names: deleted ones that were in
// the way of a stop, and ones that never began.
func (s *Store) sweepBlobs() error {
	dir := filepath.Join(s.dir, blobFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder for sound: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the folder for sound: %w", err)
	}
	var strays []string
	err = s.View(func(tx *Tx) error {
		b := tx.tx.Bucket(blobs.name)
		for _, entry := range entries {
			id, ours := strings.CutSuffix(entry.Name(), blobSuffix)
			if ours && (b == nil || b.Get([]byte(id)) == nil) {
				strays = append(strays, id)
			}
		}
		if len(strays) == 0 {
			return nil
		}
		return s.proveTable(tx.tx, blobs.name)
	})
	if err != nil {
		return err
	}
	s.removeBlobs(strays)
	return nil
}

// UnfinishedBlobs are those that were being written when the box stopped, for
// their owners to keep by RecoverBlob or to delete. Ask before the first
// CreateBlob.
func (s *Store) UnfinishedBlobs() ([]string, error) {
	var ids []string
	err := s.View(func(tx *Tx) error {
		for id, b := range blobs.All(tx) {
			if b.Writing {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}

// RecoverBlob finishes an unfinished blob with the whole chunks that are there.
// Link runs in the transaction that makes it count; size may be 0.
func (s *Store) RecoverBlob(ctx context.Context, id string, link func(tx *Tx, size int64) error) error {
	b, err := s.blob(id)
	if err != nil {
		return err
	}
	whole, err := s.measure(id, b)
	if err != nil {
		return fmt.Errorf("recovering a sound file: %w", err)
	}
	return s.finishBlob(ctx, id, whole, link)
}

// measure cuts the file of a blob after its last whole chunk.
func (s *Store) measure(id string, b blobRecord) (size int64, err error) {
	f, err := os.OpenFile(s.blobPath(id), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // a power cut took it before it reached the disk
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewReaderSize(f, blobChunk+blobTag)
	header := make([]byte, blobHeader)
	if _, err := io.ReadFull(in, header); err != nil {
		return 0, nil
	}
	aead, err := blobAEAD(b.Key, header[len(blobMagic):])
	if err != nil {
		return 0, err
	}
	sealed := make([]byte, blobChunk+blobTag)
	for n := uint64(0); ; n++ {
		if _, err := io.ReadFull(in, sealed); err != nil {
			break
		}
		if _, err := aead.Open(sealed[:0], blobNonce(n), sealed, []byte(id)); err != nil {
			break
		}
		size += blobChunk
	}
	return size, errors.Join(f.Truncate(sealedLength(size)), f.Sync())
}

func (s *Store) blob(id string) (b blobRecord, err error) {
	err = s.View(func(tx *Tx) error {
		b, err = blobs.Get(tx, id)
		return err
	})
	return b, err
}

func (s *Store) blobPath(id string) string { return BlobPath(s.dir, id) }

// room says whether the disk has leave bytes to spare.
func (s *Store) room(leave uint64) error {
	free, err := freeSpace(s.dir)
	if err != nil {
		return fmt.Errorf("asking for the free space: %w", err)
	}
	if free < leave {
		return fmt.Errorf("%w: %d MB are free, %d MB stay reserved", ErrNoRoom, free>>20, leave>>20)
	}
	return nil
}

// sealedLength is the length of the file of a blob of size bytes.
func sealedLength(size int64) int64 {
	chunks := (size + blobChunk - 1) / blobChunk
	return int64(blobHeader) + size + chunks*blobTag
}

func blobNonce(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4, 12), n) }

func blobAEAD(key, salt []byte) (cipher.AEAD, error) {
	sealing, err := hkdf.Key(sha256.New, key, salt, "hotline store: seal a blob", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
