package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"

	"hotline/appliance/store"
)

// An archive is one file of a backup, encrypted with age to the recovery key
// and to the key of the box, which proves and uses its own backups. In it:
//
//	"hotlback1\n"
//	a manifest, one line of JSON
//	a dump of the store
//
// A whole archive carries the small files of the box as well: keys,
// certificates, configuration. age seals a file in numbered pieces with a mark
// on the last one, so that a torn archive can never be read to an end.
const archiveMagic = "hotlback1\n"

// manifest is what an archive says of itself.
type manifest struct {
	Box       string            `json:"box"`
	Program   string            `json:"program"`
	At        time.Time         `json:"at"` // everything that was on disk then is in it
	Whole     string            `json:"whole"`
	Number    int               `json:"number"`             // 0: the whole one, then the changes since
	Previous  string            `json:"previous,omitempty"` // SHA-256 of the archive before
	LastEvent uint64            `json:"last_event"`
	Files     map[string][]byte `json:"files,omitempty"`
}

// ErrKey says that an archive is of no use with the key that was given.
var ErrKey = errors.New("this recovery key does not open the backup: it belongs to another hotline or to a key that was replaced")

// ErrTorn says that an archive was not written to its end or was changed.
var ErrTorn = errors.New("this part of the backup is torn or damaged")

// writeArchive writes an archive and returns the digest of what it wrote.
func writeArchive(ctx context.Context, w io.Writer, to []age.Recipient, m manifest, d *store.Dump) (digest string, err error) {
	sum := sha256.New()
	out, err := age.Encrypt(io.MultiWriter(w, sum), to...)
	if err != nil {
		return "", fmt.Errorf("encrypting a backup: %w", err)
	}
	head, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	if _, err := io.WriteString(out, archiveMagic+string(head)+"\n"); err != nil {
		return "", err
	}
	if err := d.Write(ctx, out); err != nil {
		return "", err
	}
	if err := out.Close(); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// archive is one that is being read.
type archive struct {
	manifest
	dump io.Reader
	sum  interface{ Sum([]byte) []byte }
	rest io.Reader // of the encrypted file
}

// openArchive reads the head of an archive.
func openArchive(r io.Reader, with ...age.Identity) (*archive, error) {
	sum := sha256.New()
	a := &archive{sum: sum, rest: io.TeeReader(r, sum)}
	plain, err := age.Decrypt(a.rest, with...)
	var no *age.NoIdentityMatchError
	switch {
	case errors.As(err, &no):
		return nil, ErrKey
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrTorn, err)
	}
	in := bufio.NewReaderSize(plain, 64<<10)
	magic := make([]byte, len(archiveMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != archiveMagic {
		return nil, fmt.Errorf("%w: it does not begin as one (%w)", ErrTorn, errors.Join(err, errors.New("its first bytes")))
	}
	head, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(head, &a.manifest)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTorn, err)
	}
	a.dump = in
	return a, nil
}

// digest reads to the end and is that of the encrypted file.
func (a *archive) digest() (string, error) {
	if n, err := io.Copy(io.Discard, a.dump); err != nil || n > 0 {
		return "", fmt.Errorf("%w: %d bytes too many (%w)", ErrTorn, n, errors.Join(err, errors.New("at its end")))
	}
	if _, err := io.Copy(io.Discard, a.rest); err != nil {
		return "", err
	}
	return hex.EncodeToString(a.sum.Sum(nil)), nil
}

// NewKey makes a recovery key: the text to keep on paper, and its public half.
func NewKey() (secret, public string, err error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fmt.Errorf("making a key: %w", err)
	}
	return identity.String(), identity.Recipient().String(), nil
}

// ParseKey reads a recovery key as somebody typed it from paper.
func ParseKey(text string) (age.Identity, error) {
	text = strings.ToUpper(strings.Map(func(r rune) rune {
		if r == ' ' || r == '\n' || r == '\r' || r == '\t' {
			return -1
		}
		return r
	}, text))
	id, err := age.ParseX25519Identity(text)
	if err != nil {
		return nil, errors.New("this is not a recovery key, or it was copied wrong: it begins with AGE-SECRET-KEY-1 and has 74 characters")
	}
	return id, nil
}
