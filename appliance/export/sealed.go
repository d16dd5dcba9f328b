package export

import (
	"archive/zip"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"math"
	"time"
)

// archive is a ZIP file that is written as it goes. With a password its files
// are encrypted with AES-256 as WinZip has described it (AE-2), which 7-Zip,
// WinZip, Keka and the archive programs of Linux desktops open. The libraries
// for it are forks of old versions of archive/zip; the format is this page.
type archive struct {
	zip      *zip.Writer
	password string
	now      time.Time
}

func newArchive(w io.Writer, password string, now time.Time) *archive {
	return &archive{zip: zip.NewWriter(w), password: password, now: now}
}

// file adds a file; write fills it.
func (a *archive) file(name string, write func(io.Writer) error) error {
	if a.password == "" {
		w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.now})
		if err != nil {
			return err
		}
		return write(w)
	}
	// 0x9901: the extra field of AES encryption; version 2 (the plain text has
	// no checksum, which would tell of it), "AE", strength 3 (256 bits), and
	// the method under the encryption.
	extra := []byte{0x01, 0x99, 7, 0, 2, 0, 'A', 'E', 3, byte(zip.Deflate), 0}
	const encrypted, sizesFollow, underAES = 0x1, 0x8, 99
	header := &zip.FileHeader{Name: name, Method: underAES, Flags: encrypted | sizesFollow, Extra: extra, CreatorVersion: 51, ReaderVersion: 51}
	//lint:ignore SA1019 CreateRaw writes these fields and not the newer ones
	header.ModifiedDate, header.ModifiedTime = dosTime(a.now)
	w, err := a.zip.CreateRaw(header)
	if err != nil {
		return err
	}
	sealed, err := newSealer(w, a.password)
	if err != nil {
		return err
	}
	packed, err := flate.NewWriter(sealed, flate.DefaultCompression)
	if err != nil {
		return err
	}
	plain := &counter{w: packed}
	if err := write(plain); err != nil {
		return err
	}
	if err := errors.Join(packed.Close(), sealed.close()); err != nil {
		return err
	}
	// The sizes go out with the data descriptor, when the next file begins.
	header.CompressedSize64, header.UncompressedSize64 = sealed.size, plain.n
	packedSize, plainSize := clip(sealed.size), clip(plain.n)
	if max(packedSize, plainSize) == math.MaxUint32 { // ZIP64: neither stands here
		packedSize, plainSize = math.MaxUint32, math.MaxUint32
	}
	//lint:ignore SA1019 CreateRaw writes these fields and not only the newer ones
	header.CompressedSize, header.UncompressedSize = packedSize, plainSize
	return nil
}

func (a *archive) close() error { return a.zip.Close() }

func clip(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

// dosTime is a moment as ZIP files hold it, to two seconds.
func dosTime(t time.Time) (date, clock uint16) {
	t = t.UTC()
	return uint16(t.Day() + int(t.Month())<<5 + (t.Year()-1980)<<9), uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)
}

type counter struct {
	w io.Writer
	n uint64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += uint64(n)
	return n, err
}

// sealer encrypts what is written to it: a salt and two bytes that tell a wrong
// password, AES in counter mode with a little-endian counter from 1, and ten
// bytes of HMAC-SHA-1 over the encrypted text.
type sealer struct {
	w       io.Writer
	block   cipher.Block
	mac     hash.Hash
	count   uint64
	stream  [aes.BlockSize]byte
	left    int // bytes of stream that are not used yet
	size    uint64
	scratch []byte
}

const (
	saltSize   = 16
	keySize    = 32
	rounds     = 1000 // fixed by the format: the password must be long
	macSize    = 10
	verifySize = 2
)

func newSealer(w io.Writer, password string) (*sealer, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	keys, err := pbkdf2.Key(sha1.New, password, salt, rounds, 2*keySize+verifySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(keys[:keySize])
	if err != nil {
		return nil, err
	}
	s := &sealer{w: w, block: block, mac: hmac.New(sha1.New, keys[keySize:2*keySize])}
	return s, s.put(append(salt, keys[2*keySize:]...))
}

func (s *sealer) put(p []byte) error {
	n, err := s.w.Write(p)
	s.size += uint64(n)
	return err
}

func (s *sealer) Write(p []byte) (int, error) {
	s.scratch = append(s.scratch[:0], p...)
	for i := range s.scratch {
		if s.left == 0 {
			s.count++
			var at [aes.BlockSize]byte
			binary.LittleEndian.PutUint64(at[:], s.count)
			s.block.Encrypt(s.stream[:], at[:])
			s.left = aes.BlockSize
		}
		s.scratch[i] ^= s.stream[aes.BlockSize-s.left]
		s.left--
	}
	s.mac.Write(s.scratch)
	if err := s.put(s.scratch); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *sealer) close() error { return s.put(s.mac.Sum(nil)[:macSize]) }
