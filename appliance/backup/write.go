package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"hotline/appliance/place"
	"hotline/appliance/store"
)

// This file is how one backup comes to a place: the folder of the box there, the
// records and small files, the sounds, and the proof that it can be read.

// recognise begins anew when this is not the disk of the last time.
func (k *Keeper) recognise(shelf place.Shelf) error {
	if k.chain.whole == "" {
		return nil
	}
	items, err := shelf.List(".")
	if err != nil {
		return fmt.Errorf("reading the folder for backups: %w", err)
	}
	last := archiveName(k.chain.whole, k.chain.number)
	if !slices.ContainsFunc(items, func(it place.Item) bool { return it.Name == last }) {
		k.chain = chain{}
	}
	return nil
}

// prepare looks at what is at the place and takes away what a stop left half
// written.
func (k *Keeper) prepare(shelf place.Shelf) error {
	items, err := shelf.List(".")
	if err != nil {
		return fmt.Errorf("reading the folder for backups: %w", err)
	}
	for _, it := range items {
		if strings.HasSuffix(it.Name, place.Unfinished) {
			if err := shelf.Remove(it.Name); err != nil {
				return err
			}
		}
	}
	if k.chain.sounds != nil {
		return nil
	}
	items, err = shelf.List(soundFolder)
	if err != nil {
		return fmt.Errorf("reading the folder for backups of sound: %w", err)
	}
	k.chain.sounds = map[string]int64{}
	for _, it := range items {
		if id, ours := strings.CutSuffix(it.Name, soundSuffix); ours {
			k.chain.sounds[id] = it.Size
		}
	}
	return nil
}

const soundSuffix = ".sealed"

// write writes one archive, reads it back and lets it count.
func (k *Keeper) write(ctx context.Context, shelf place.Shelf, set settings, d *store.Dump, whole bool) error {
	m := manifest{Box: set.Box, Program: k.cfg.Version, At: d.At, LastEvent: d.LastEvent, Whole: k.chain.whole, Number: k.chain.number + 1, Previous: k.chain.digest}
	if whole {
		m.Whole, m.Number, m.Previous = d.At.Format(stamp), 0, ""
		var err error
		if m.Files, err = k.smallFiles(); err != nil {
			return err
		}
	}
	to, err := set.recipients()
	if err != nil {
		return err
	}
	name := archiveName(m.Whole, m.Number)
	f, err := shelf.Create(name + place.Unfinished)
	if err != nil {
		return fmt.Errorf("beginning a backup: %w", err)
	}
	digest, err := writeArchive(ctx, f, to, m, d)
	if errors.Is(err, store.ErrDamaged) {
		markDamaged(k.cfg.Data, k.cfg.Log)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing a backup: %w", err), shelf.Remove(name+place.Unfinished))
	}
	if err := k.prove(shelf, set, name+place.Unfinished, m, digest); err != nil {
		return errors.Join(fmt.Errorf("the backup that was just written cannot be read back: %w", err), shelf.Remove(name+place.Unfinished))
	}
	if err := shelf.Rename(name+place.Unfinished, name); err != nil {
		return fmt.Errorf("finishing a backup: %w", err)
	}
	k.chain.whole, k.chain.number, k.chain.digest = m.Whole, m.Number, digest
	return nil
}

// prove reads an archive back from its place and opens every seal in it.
func (k *Keeper) prove(shelf place.Shelf, set settings, name string, wrote manifest, digest string) error {
	own, err := set.identity()
	if err != nil {
		return err
	}
	f, err := shelf.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	a, err := openArchive(f, own)
	if err != nil {
		return err
	}
	if a.Whole != wrote.Whole || a.Number != wrote.Number || a.LastEvent != wrote.LastEvent {
		return fmt.Errorf("%w: it says of itself that it is another one", ErrTorn)
	}
	if _, err := store.CheckDump(a.dump, k.cfg.Store.Key()); err != nil {
		return err
	}
	read, err := a.digest()
	if err == nil && read != digest {
		err = fmt.Errorf("%w: what is read is not what was written", ErrTorn)
	}
	return err
}

// smallFiles are the keys, the certificates and what else makes this box.
func (k *Keeper) smallFiles() (map[string][]byte, error) {
	files := map[string][]byte{keyFile(): k.cfg.Store.Key()} // wherever it is kept
	add := func(name, path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading %s for the backup: %w", name, err)
		}
		files[name] = text
		return nil
	}
	for name, path := range k.cfg.Files {
		if err := add(name, path); err != nil {
			return nil, err
		}
	}
	return files, filepath.WalkDir(k.cfg.Data, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(k.cfg.Data, path)
		switch {
		case err != nil:
			return err
		case e.IsDir() && (rel == "backups" || rel == "blobs" || rel == "inbox" || rel == "rehearsal"): // the last comes and goes
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 || !small(rel) {
			return err
		}
		return add(dataPrefix+filepath.ToSlash(rel), path)
	})
}

// dataPrefix marks the files of the data folder among those in a manifest.
const dataPrefix = "data/"

// small reports whether a file of the data folder belongs into a manifest: keys
// and certificates, and where backups go.
func small(rel string) bool {
	ext := filepath.Ext(rel)
	return rel == FileName || ext == ".key" && rel != filepath.Base(store.KeyPath("")) || ext == ".pem" || ext == ".crt"
}

// carry copies sound that is not at the place yet.
func (k *Keeper) carry(ctx context.Context, shelf place.Shelf, sounds []store.SealedBlob) error {
	if k.chain.sounds == nil {
		if err := k.prepare(shelf); err != nil {
			return err
		}
	}
	missing := slices.DeleteFunc(slices.Clone(sounds), func(b store.SealedBlob) bool { return k.chain.sounds[b.ID] == b.Length })
	left := len(missing)
	defer func() {
		k.chain.behind = left > 0
		k.mu.Lock()
		defer k.mu.Unlock()
		k.state.Sounds = left
	}()
	for _, b := range missing {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch err := k.carryOne(shelf, b); {
		case errors.Is(err, store.ErrNotFound): // deleted meanwhile
		case errors.Is(err, store.ErrDamaged):
			k.cfg.Log.Error("a sound file is damaged and cannot be copied to the backup", "blob", b.ID)
		case err != nil:
			return fmt.Errorf("copying sound to the backup: %w", err)
		default:
			k.chain.sounds[b.ID] = b.Length
		}
		left--
	}
	return nil
}

func (k *Keeper) carryOne(shelf place.Shelf, b store.SealedBlob) error {
	name := path.Join(soundFolder, b.ID+soundSuffix)
	f, err := shelf.Create(name + place.Unfinished)
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = k.cfg.Store.CopySealed(io.MultiWriter(f, sum), b.ID)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, shelf.Remove(name+place.Unfinished))
	}
	back, err := shelf.Open(name + place.Unfinished)
	if err != nil {
		return err
	}
	again := sha256.New()
	_, err = io.Copy(again, back)
	if err = errors.Join(err, back.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != hex.EncodeToString(again.Sum(nil)) {
		return errors.New("what is read back is not what was written")
	}
	return shelf.Rename(name+place.Unfinished, name)
}
