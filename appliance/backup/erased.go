package backup

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"hotline/appliance/durable"
	"hotline/appliance/erasures"
	"hotline/appliance/place"
	"hotline/appliance/store"
)

// The list of erasures lies beside the records and at the place of the backups,
// outside of what is put back. It is encrypted like a backup: with the recovery
// key it can be read wherever a backup can.
const (
	erasedName  = "erased.list"
	erasedMagic = "hotlerased1\n"
)

// erasedList is that file.
type erasedList struct {
	Box     string           `json:"box"`
	Until   time.Time        `json:"until"` // it is complete up to here
	Entries []erasures.Entry `json:"entries"`
}

// NoteErasures writes the list beside the records, so that it holds what was
// erased just now, and lets the next backup carry it to its place.
func (k *Keeper) NoteErasures() error {
	k.mu.Lock()
	set := k.settings
	k.mu.Unlock()
	k.lists.Lock()
	defer k.lists.Unlock()
	list, err := k.erased(set)
	if err != nil {
		return err
	}
	return writeErased(k.cfg.Data, set, list)
}

// erased is the list as it should be: what the records know, and what the list
// beside them has and they have not repeated yet.
func (k *Keeper) erased(set settings) (list erasedList, err error) {
	list = erasedList{Box: set.Box, Until: time.Now().UTC()}
	if err = k.cfg.Store.View(func(tx *store.Tx) error {
		list.Entries = erasures.All(tx)
		return nil
	}); err != nil {
		return list, err
	}
	before, err := readErasedFile(filepath.Join(k.cfg.Data, erasedName), set.identities()...)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.cfg.Log.Error("the list of erasures beside the records cannot be read; it is written anew", "error", err)
	}
	list.Entries = erasures.Union(list.Entries, before.Entries)
	return list, nil
}

func (s settings) identities() []age.Identity {
	own, err := s.identity()
	if err != nil {
		return nil
	}
	return []age.Identity{own}
}

func writeErased(data string, set settings, list erasedList) error {
	text, err := sealErased(set, list)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(data, erasedName), text, 0o600)
}

func sealErased(set settings, list erasedList) ([]byte, error) {
	to, err := set.recipients()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	out, err := age.Encrypt(&text, to...)
	if err != nil {
		return nil, fmt.Errorf("encrypting the list of erasures: %w", err)
	}
	plain, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	_, err = out.Write(append([]byte(erasedMagic), plain...))
	err = errors.Join(err, out.Close())
	return text.Bytes(), err
}

func readErased(r io.Reader, with ...age.Identity) (list erasedList, err error) {
	plain, err := age.Decrypt(r, with...)
	var no *age.NoIdentityMatchError
	switch {
	case errors.As(err, &no):
		return list, ErrKey
	case err != nil:
		return list, fmt.Errorf("%w: %w", ErrTorn, err)
	}
	in := bufio.NewReader(plain)
	magic := make([]byte, len(erasedMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != erasedMagic {
		return list, fmt.Errorf("%w: it is no list of erasures", ErrTorn)
	}
	if err := json.NewDecoder(in).Decode(&list); err != nil {
		return list, fmt.Errorf("%w: %w", ErrTorn, err)
	}
	return list, nil
}

func readErasedFile(path string, with ...age.Identity) (list erasedList, err error) {
	f, err := os.Open(path)
	if err != nil {
		return list, err
	}
	defer f.Close()
	return readErased(f, with...)
}

// carryErasures puts the list at the place. Round is held.
func (k *Keeper) carryErasures(shelf place.Shelf, set settings) error {
	k.lists.Lock()
	defer k.lists.Unlock()
	list, err := k.erased(set)
	if err != nil {
		return err
	}
	if n := len(list.Entries); n == k.chain.erased {
		return nil
	}
	if err := writeErased(k.cfg.Data, set, list); err != nil {
		return err
	}
	text, err := sealErased(set, list)
	if err != nil {
		return err
	}
	f, err := shelf.Create(erasedName + place.Unfinished)
	if err != nil {
		return fmt.Errorf("writing the list of erasures: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the list of erasures: %w", err)
	}
	if err := shelf.Rename(erasedName+place.Unfinished, erasedName); err != nil {
		return fmt.Errorf("writing the list of erasures: %w", err)
	}
	k.chain.erased = len(list.Entries)
	return nil
}

// erasedAt reads the list of a place; none is there before the first erasure.
func erasedAt(shelf place.Shelf, with ...age.Identity) (list erasedList, err error) {
	f, err := shelf.Open(erasedName)
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return list, err
	}
	defer f.Close()
	return readErased(f, with...)
}

// Erased are the erasures of the list beside the records of a data folder.
// Key is that of the box.
func Erased(data string, key []byte) ([]erasures.Entry, error) {
	set, err := readSettings(data, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := readErasedFile(filepath.Join(data, erasedName), set.identities()...)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return list.Entries, err
}

// AddErased adds the erasures that another folder knows of, a place of backups,
// a data folder or the list itself, to the list of a data folder.
// It says up to when they are known there.
func AddErased(data, from string, with ...age.Identity) (until time.Time, err error) {
	set, err := readSettings(data, folderKey(data))
	if err != nil {
		return until, err
	}
	list, err := erasedIn(from, with...)
	if err != nil {
		return until, fmt.Errorf("reading the list of erasures in %s: %w", from, err)
	}
	return list.Until, addErased(data, set, list.Entries)
}

func addErased(data string, set settings, more []erasures.Entry) error {
	was, err := readErasedFile(filepath.Join(data, erasedName), set.identities()...)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && len(more) == 0 {
		return err
	}
	return writeErased(data, set, erasedList{Box: set.Box, Until: time.Now().UTC(), Entries: erasures.Union(was.Entries, more)})
}

// erasedIn finds the list in whatever folder somebody has at hand.
func erasedIn(from string, with ...age.Identity) (list erasedList, err error) {
	path := from
	if info, err := os.Stat(from); err != nil {
		return list, err
	} else if info.IsDir() {
		dir := from
		if set, err := readSettings(from, folderKey(from)); err == nil { // of the box itself
			with = append(with, set.identities()...)
		} else if dir, err = boxFolder(from); err != nil {
			return list, err
		}
		path = filepath.Join(dir, erasedName)
	}
	list, err = readErasedFile(path, with...)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("there is none: it is the file " + erasedName + " at the place of the backups or in the data folder, from the first erasure on")
	}
	return list, err
}

// folderKey is the key of a box that keeps it in its folder, nil for others.
func folderKey(data string) []byte {
	key, err := os.ReadFile(store.KeyPath(data))
	if err != nil {
		return nil
	}
	return key
}
