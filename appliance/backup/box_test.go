package backup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// This file is a box with records and a place for its backups, as the tests use it.

type note struct {
	Text  string `json:"text"`
	Sound string `json:"sound,omitempty"`
}

// box is a data folder with records, sound and keys, and its keeper.
type box struct {
	t    *testing.T
	data string
	*store.Store
	*Keeper
	key string // recovery key
}

func newBox(t *testing.T) *box {
	t.Helper()
	data := t.TempDir()
	s, err := store.Open(data, silent)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(data, "tls"), 0o700))
	must(t, os.WriteFile(filepath.Join(data, "tls", "root.key"), []byte("certificate"), 0o600))
	conf := filepath.Join(t.TempDir(), "hotline.yaml")
	must(t, os.WriteFile(conf, []byte("name: Flood\n"), 0o600))
	k, err := Open(Config{Store: s, Data: data, Files: map[string]string{"hotline.yaml": conf}, Log: silent})
	must(t, err)
	b := &box{t: t, data: data, Store: s, Keeper: k}
	b.key, err = k.NewRecoveryKey(t.Context(), "test")
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(ctx context.Context, s *store.Store, key, text, sound string) error {
	return s.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: "note.written", Data: map[string]string{"key": key}})
		return errors.Join(notes.Put(tx, key, note{text, sound}), byText.Add(tx, tx.Digest(text), key))
	})
}

func (b *box) write(key, text string) {
	b.t.Helper()
	must(b.t, write(b.t.Context(), b.Store, key, text, ""))
}

// record keeps sound.
func (b *box) record(content []byte) (id string) {
	b.t.Helper()
	w, err := b.CreateBlob(b.t.Context(), 0, func(tx *store.Tx, id string) error { return notes.Put(tx, "sound", note{Sound: id}) })
	must(b.t, err)
	_, err = w.Write(content)
	must(b.t, err)
	must(b.t, w.Commit(b.t.Context(), func(*store.Tx, int64) error { return nil }))
	return w.ID()
}

// now makes a backup.
func (b *box) now() {
	b.t.Helper()
	must(b.t, b.Now(b.t.Context()))
}

// content is everything in a store, as a dump.
func content(t *testing.T, s *store.Store) []byte {
	t.Helper()
	d, err := s.BeginDump(true)
	must(t, err)
	defer d.Close()
	var out bytes.Buffer
	must(t, d.Write(t.Context(), &out))
	return out.Bytes()
}

// restored opens what a backup gives.
func (b *box) restored(from string, before time.Time) (*store.Store, Report, string) {
	b.t.Helper()
	id, err := ParseKey(strings.ToLower(b.key[:20]) + " " + b.key[20:])
	must(b.t, err)
	to := filepath.Join(b.t.TempDir(), "again")
	r, err := Restore(b.t.Context(), from, to, before, id)
	must(b.t, err)
	s, err := store.Open(to, silent)
	must(b.t, err)
	b.t.Cleanup(func() { _ = s.Close() })
	return s, r, to
}

func (b *box) files(there string) []string {
	b.t.Helper()
	entries, err := os.ReadDir(b.at(there))
	must(b.t, err)
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func (b *box) at(there string) string { return filepath.Join(there, boxPrefix+b.settings.Box) }

// rewrite makes a whole backup and two of changes.
func rewrite(t *testing.T, b *box, _ string) {
	t.Helper()
	b.chain.whole = ""
	b.write("a", "first")
	b.now()
	b.write("b", "second")
	b.now()
	b.write("c", "third")
	b.now()
}

func cut(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	must(t, os.Truncate(path, info.Size()-1))
}

func flip(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	text[len(text)/2] ^= 1
	must(t, os.WriteFile(path, text, 0o600))
}

func swap(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	must(t, err)
	y, err := os.ReadFile(b)
	must(t, err)
	must(t, errors.Join(os.WriteFile(a, y, 0o600), os.WriteFile(b, x, 0o600)))
}
