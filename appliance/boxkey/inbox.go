package boxkey

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/oklog/ulid/v2"

	"hotline/appliance/durable"
	"hotline/appliance/store"
)

// A box without its key takes calls all the same. It writes what they say into
// an inbox: a data folder of its own, under a random key that is in memory and,
// sealed to a public key, on disk. The private half is sealed with the key of
// the box: who has not got that can write into inboxes and read none, not even
// those of the start before.

const (
	inboxFolder   = "inbox"
	inboxKeyName  = "sealed.key"
	inboxIDLength = ulid.EncodedSize
)

// Inbox is where a box wrote while its key was away.
type Inbox struct {
	ID, Dir string
	Since   time.Time
}

// NewInbox makes an empty inbox and its key.
func (k *Keeper) NewInbox(now time.Time) (Inbox, []byte, error) {
	k.mu.Lock()
	to, err := age.ParseX25519Recipient(k.state.Inbox)
	k.mu.Unlock()
	if err != nil {
		return Inbox{}, nil, fmt.Errorf("the box cannot write without its key: %w", err)
	}
	key := random()
	sealed, err := wrap(key, to)
	if err != nil {
		return Inbox{}, nil, err
	}
	in := Inbox{ID: ulid.MustNew(ulid.Timestamp(now), rand.Reader).String(), Since: now}
	in.Dir = filepath.Join(k.dir, inboxFolder, in.ID)
	if err := os.MkdirAll(in.Dir, 0o700); err != nil {
		return in, nil, fmt.Errorf("making a folder for new records: %w", err)
	}
	// The key is there before anything that it seals.
	err = errors.Join(durable.WriteFile(filepath.Join(in.Dir, inboxKeyName), sealed, 0o600), durable.SyncDir(filepath.Dir(in.Dir)), durable.SyncDir(k.dir))
	return in, key, err
}

// Inboxes are all that there are, oldest first.
func (k *Keeper) Inboxes() ([]Inbox, error) {
	entries, err := os.ReadDir(filepath.Join(k.dir, inboxFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what was written while the key was away: %w", err)
	}
	var list []Inbox
	for _, e := range entries {
		id, err := ulid.ParseStrict(e.Name())
		if err != nil || !e.IsDir() || len(e.Name()) != inboxIDLength {
			continue
		}
		list = append(list, Inbox{ID: e.Name(), Dir: filepath.Join(k.dir, inboxFolder, e.Name()), Since: ulid.Time(id.Time())})
	}
	return list, nil
}

// Unseal opens the key of an inbox with the key of the box. Nil without an
// error: nothing was ever written into it.
func (k *Keeper) Unseal(key []byte, in Inbox) ([]byte, error) {
	if _, err := os.Stat(store.FilePath(in.Dir)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	k.mu.Lock()
	s := k.state
	k.mu.Unlock()
	text, err := s.openInboxKey(key)
	if err != nil {
		return nil, err
	}
	id, err := age.ParseX25519Identity(text)
	if err != nil {
		return nil, err
	}
	sealed, err := os.ReadFile(filepath.Join(in.Dir, inboxKeyName))
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		return nil, fmt.Errorf("the key of the inbox %s is damaged: %w", in.ID, err)
	}
	own, err := io.ReadAll(io.LimitReader(plain, keySize+1))
	if err == nil && len(own) != keySize {
		err = fmt.Errorf("the key of the inbox %s is damaged", in.ID)
	}
	return own, err
}

// Drop removes an inbox whose records are elsewhere.
func (k *Keeper) Drop(in Inbox) error {
	if err := wipe(filepath.Join(in.Dir, inboxKeyName)); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(in.Dir), durable.SyncDir(filepath.Dir(in.Dir)))
}

func (s *state) makeInboxKey(key []byte) error {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	s.Inbox = id.Recipient().String()
	s.InboxKey, err = store.SealSmall(key, s.Inbox, []byte(id.String()))
	return err
}

func (s *state) openInboxKey(key []byte) (string, error) {
	plain, err := store.OpenSmall(key, s.Inbox, s.InboxKey)
	if err != nil {
		return "", fmt.Errorf("the key of the inboxes cannot be opened: %w", ErrWrong)
	}
	return string(plain), nil
}
