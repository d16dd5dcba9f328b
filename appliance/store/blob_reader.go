package store

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// BlobReader reads one blob, forwards or from anywhere. It keeps one chunk in
// memory and is used by one goroutine at a time.
type BlobReader struct {
	id    string
	file  *os.File
	aead  cipher.AEAD
	size  int64
	at    int64
	chunk int64 // that plain holds; -1 = none
	plain []byte
	buf   []byte
}

// OpenBlob opens a finished blob: ErrNotFound when it was deleted, ErrDamaged
// when its file is gone or not as long as it was written.
func (s *Store) OpenBlob(id string) (*BlobReader, error) {
	b, err := s.blob(id)
	switch {
	case err != nil:
		return nil, err
	case b.Writing:
		return nil, ErrUnfinished
	}
	r := &BlobReader{id: id, size: b.Size, chunk: -1, buf: make([]byte, blobChunk+blobTag)}
	r.file, err = os.Open(s.blobPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, r.damaged()
	}
	if err != nil {
		return nil, fmt.Errorf("opening a sound file: %w", err)
	}
	header := make([]byte, blobHeader)
	info, err := r.file.Stat()
	if err == nil && info.Size() == sealedLength(b.Size) {
		_, err = io.ReadFull(r.file, header)
	} else if err == nil {
		err = r.damaged()
	}
	if err == nil && !bytes.HasPrefix(header, []byte(blobMagic)) {
		err = r.damaged()
	}
	if err == nil {
		r.aead, err = blobAEAD(b.Key, header[len(blobMagic):])
	}
	if err != nil {
		return nil, errors.Join(err, r.file.Close())
	}
	return r, nil
}

func (r *BlobReader) damaged() error { return fmt.Errorf("%w: sound file %s", ErrDamaged, r.id) }

// Size is the length of the content.
func (r *BlobReader) Size() int64 { return r.size }

// Close ends reading.
func (r *BlobReader) Close() error { return r.file.Close() }

// Read continues at the present place.
func (r *BlobReader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.load(r.at / blobChunk); err != nil {
		return 0, err
	}
	n := copy(p, r.plain[r.at%blobChunk:])
	r.at += int64(n)
	return n, nil
}

// Seek changes the present place.
func (r *BlobReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return r.at, errors.New("seeking to before the beginning of a sound file")
	}
	r.at = offset
	return offset, nil
}

// load opens chunk n.
func (r *BlobReader) load(n int64) error {
	if r.chunk == n {
		return nil
	}
	r.chunk = -1
	sealed := r.buf[:min(blobChunk, r.size-n*blobChunk)+blobTag]
	if _, err := r.file.ReadAt(sealed, int64(blobHeader)+n*(blobChunk+blobTag)); err != nil {
		return fmt.Errorf("reading a sound file: %w", err)
	}
	plain, err := r.aead.Open(sealed[:0], blobNonce(uint64(n)), sealed, []byte(r.id))
	if err != nil {
		return r.damaged()
	}
	r.chunk, r.plain = n, plain
	return nil
}

// SealedBlob is a finished blob as it lies on disk: what a backup carries.
type SealedBlob struct {
	ID     string
	Length int64 // of the file
}

// SealedBlobs are the finished blobs that the picture knows of.
func (d *Dump) SealedBlobs() ([]SealedBlob, error) {
	var list []SealedBlob
	tx := &Tx{tx: d.tx, keys: d.store.keys}
	for id, b := range blobs.All(tx) {
		if !b.Writing {
			list = append(list, SealedBlob{ID: id, Length: sealedLength(b.Size)})
		}
	}
	return list, tx.err
}

// CopySealed copies a blob as it is and proves each of its chunks on the way.
// ErrNotFound: it was deleted meanwhile.
func (s *Store) CopySealed(w io.Writer, id string) error {
	r, err := s.OpenBlob(id)
	if err != nil {
		return err
	}
	defer r.Close()
	header := make([]byte, blobHeader)
	if _, err := r.file.ReadAt(header, 0); err != nil {
		return fmt.Errorf("reading a sound file: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	sealed := make([]byte, blobChunk+blobTag)
	for n := int64(0); n*blobChunk < r.size; n++ {
		if err := r.load(n); err != nil {
			return err
		}
		part := sealed[:min(blobChunk, r.size-n*blobChunk)+blobTag]
		if _, err := r.file.ReadAt(part, int64(blobHeader)+n*(blobChunk+blobTag)); err != nil {
			return fmt.Errorf("reading a sound file: %w", err)
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// BlobIDs are those of all finished blobs.
func (s *Store) BlobIDs() ([]string, error) {
	var ids []string
	err := s.View(func(tx *Tx) error {
		for id, b := range blobs.All(tx) {
			if !b.Writing {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}

// BlobPath is where the file of a blob lies in a data folder.
func BlobPath(dir, id string) string { return filepath.Join(dir, blobFolder, id+blobSuffix) }

// KeyPath is where the key of a data folder lies.
func KeyPath(dir string) string { return filepath.Join(dir, keyName) }

// FilePath is where the record file of a data folder lies.
func FilePath(dir string) string { return filepath.Join(dir, fileName) }

// HasBlob reports whether a blob exists. What cannot be read counts as there.
func (s *Store) HasBlob(id string) bool {
	_, err := s.blob(id)
	return !errors.Is(err, ErrNotFound)
}
