package boxkey

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"hotline/appliance/durable"
	"hotline/appliance/store"
)

// This file is how the way in which the key is kept changes, and how it is safe at
// every moment of that.

// Adopt is called with the key at every start that has it. It makes what is
// missing, ends a change that a stop cut short, and wraps the key for the
// recovery key whose public half is given, "" for none.
func (k *Keeper) Adopt(key []byte, recovery string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.state
	if next.Kind == "" {
		next = state{Kind: InFolder, Changed: time.Now().UTC(), Mark: mark(key)}
	}
	if !next.fits(key) {
		return ErrWrong
	}
	if next.Inbox == "" {
		if err := next.makeInboxKey(key); err != nil {
			return err
		}
	}
	if next.RecoveryTo != recovery {
		if err := next.wrapForRecovery(key, recovery); err != nil {
			return err
		}
	}
	if err := k.put(next); err != nil {
		return err
	}
	return k.settle(key)
}

// Recover wraps the key for another recovery key.
func (k *Keeper) Recover(key []byte, recovery string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.state
	if err := next.wrapForRecovery(key, recovery); err != nil {
		return err
	}
	return k.put(next)
}

func (s *state) wrapForRecovery(key []byte, recovery string) error {
	s.Recovery, s.RecoveryTo = nil, recovery
	if recovery == "" {
		return nil
	}
	to, err := age.ParseX25519Recipient(recovery)
	if err != nil {
		return fmt.Errorf("the recovery key is damaged: make a new one: %w", err)
	}
	s.Recovery, err = wrap(key, to)
	return err
}

func wrap(key []byte, to age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err == nil {
		_, err = w.Write(key)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("wrapping the key of the hotline: %w", err)
	}
	return out.Bytes(), nil
}

// Keep keeps the key in the way that is named; what is the passphrase, or the
// place. "" changes nothing.
func (k *Keeper) Keep(key []byte, kind, what string) error {
	switch kind {
	case "":
		return nil
	case InFolder:
		return k.UseFolder(key)
	case Passphrase:
		return k.UsePassphrase(key, what)
	case Elsewhere:
		return k.UseElsewhere(key, what)
	}
	return fmt.Errorf("the key cannot be kept as %q: there are %s, %s and %s", kind, InFolder, Passphrase, Elsewhere)
}

// UseFolder keeps the key in the data folder.
func (k *Keeper) UseFolder(key []byte) error {
	return k.change(key, func(next *state) error {
		next.Kind = InFolder
		return k.writeLocal(key) // before the other way is forgotten
	})
}

// UsePassphrase keeps the key wrapped.
func (k *Keeper) UsePassphrase(key []byte, text string) error {
	different := map[rune]bool{}
	for _, r := range text {
		different[r] = true
	}
	if n := len([]rune(text)); n < minPassphrase || len(text) > maxPassphrase || len(different) < minDifferent || strings.TrimSpace(text) != text {
		return ErrWeak
	}
	return k.change(key, func(next *state) error {
		to, err := age.NewScryptRecipient(text)
		if err != nil {
			return err
		}
		to.SetWorkFactor(k.work)
		if next.Wrapped, err = wrap(key, to); err != nil {
			return err
		}
		next.Kind = Passphrase
		id, err := age.NewScryptIdentity(text)
		if err != nil {
			return err
		}
		_, err = next.unwrap(next.Wrapped, id) // it is the only way in
		return err
	})
}

// UseElsewhere keeps the key in a file outside the data folder. Where path is a
// folder, the file gets a name of its own.
func (k *Keeper) UseElsewhere(key []byte, path string) error {
	path = filepath.Clean(path)
	home, err := filepath.Abs(k.dir)
	if err != nil || !filepath.IsAbs(path) {
		return ErrPlace
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, stickName)
	}
	if rel, err := filepath.Rel(home, path); err != nil || rel == "." || !strings.HasPrefix(rel, "..") {
		return ErrPlace
	}
	return k.change(key, func(next *state) error {
		for _, at := range []string{path, path + durable.Unfinished} { // no link that leads elsewhere
			if info, err := os.Lstat(at); err == nil && !info.Mode().IsRegular() {
				return fmt.Errorf("there is another file at %s: choose another place, so that nothing is overwritten", at)
			}
		}
		if old, err := os.ReadFile(path); err == nil && !next.fits(old) {
			return fmt.Errorf("there is another file at %s: choose another place, so that nothing is overwritten", path)
		}
		if err := durable.WriteFile(path, key, 0o600); err != nil {
			return fmt.Errorf("the key cannot be written there: %w", err)
		}
		next.Kind, next.Path = Elsewhere, path
		_, err := next.readKey(path)
		return err
	})
}

// change goes from one way of keeping the key to another: first the new one is
// on disk, then the note of it, then the old one is overwritten.
func (k *Keeper) change(key []byte, to func(*state) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.state
	if old.Kind == "" || !old.fits(key) {
		return ErrWrong
	}
	next := old
	next.Path, next.Wrapped, next.Changed = "", nil, time.Now().UTC()
	if err := to(&next); err != nil {
		return err
	}
	if err := k.put(next); err != nil {
		return err
	}
	err := k.settle(key)
	if old.Path != "" && old.Path != next.Path {
		if _, there := old.readKey(old.Path); there == nil {
			err = errors.Join(err, wipe(old.Path))
		}
	}
	return err
}

// settle makes the files of the folder what the state says.
func (k *Keeper) settle(key []byte) error {
	if k.state.Kind == InFolder {
		return k.writeLocal(key)
	}
	if k.state.Kind == Elsewhere {
		if _, err := k.state.readKey(k.state.Path); err != nil {
			return nil // it is not there now, and the only one must not go
		}
	}
	return errors.Join(wipe(store.KeyPath(k.dir)), wipe(filepath.Join(k.dir, keyCopy)))
}

// writeLocal puts the key into the data folder, twice: one of the two may be
// damaged.
func (k *Keeper) writeLocal(key []byte) error {
	for _, path := range []string{store.KeyPath(k.dir), filepath.Join(k.dir, keyCopy)} {
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, key) {
			continue
		}
		if err := durable.WriteFile(path, key, 0o600); err != nil {
			return fmt.Errorf("writing the key file: %w", err)
		}
	}
	return nil
}
