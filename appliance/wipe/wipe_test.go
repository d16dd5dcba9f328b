package wipe

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/backup"
	"hotline/appliance/boxkey"
	"hotline/appliance/events"
	"hotline/appliance/place"
	"hotline/appliance/store"
)

const (
	name, number = "Amina Okonkwo-Lindqvist", "+12024561111"
	theID        = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
)

var (
	people = store.NewTable[string]("people")
	flows  = store.NewTable[string]("flows")
)

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// operated is a data folder in which an operation has run: records, sound, an
// inbox, backups beside the records and at a place, a copy of a rescue.
func operated(t *testing.T, places ...string) (data string, before []string) {
	t.Helper()
	data = t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(data, quietLog())
	must(err)
	must(s.Update(t.Context(), func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: "contact.opened"})
		return errors.Join(people.Put(tx, "a", name+" "+number), flows.Put(tx, "main", "greeting"))
	}))
	var id string
	w, err := s.CreateBlob(t.Context(), 0, func(_ *store.Tx, blob string) error { id = blob; return nil })
	must(err)
	_, err = w.Write(bytes.Repeat([]byte(name), 100))
	must(err)
	must(w.Commit(t.Context(), func(*store.Tx, int64) error { return nil }))
	keeper, err := backup.Open(backup.Config{Store: s, Data: data, Log: quietLog()})
	must(err)
	keys, err := boxkey.Open(data)
	must(err)
	must(keys.Adopt(s.Key(), ""))
	must(keeper.Now(t.Context()))
	for _, p := range places {
		must(keeper.Use(t.Context(), place.Place{Folder: p}, "admin"))
		must(keeper.Now(t.Context()))
	}
	must(s.View(func(tx *store.Tx) error { before = backup.PlacesBefore(tx); return nil }))
	in, key, err := keys.NewInbox(time.Now())
	must(err)
	side, err := store.OpenWith(in.Dir, key, quietLog())
	must(err)
	must(side.Update(t.Context(), func(tx *store.Tx) error { return people.Put(tx, "b", name) }))
	must(side.Close())
	must(s.Close())
	raw, err := os.ReadFile(store.FilePath(data))
	must(err)
	must(os.WriteFile(store.FilePath(data)+".damaged.20261126T000000.000Z", raw, 0o600))
	if _, err := os.Stat(store.BlobPath(data, id)); err != nil {
		t.Fatal(err)
	}
	return data, before
}

func begin(t *testing.T, data string, before []string) {
	t.Helper()
	s, err := store.Open(data, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = Begin(t.Context(), data, s, Plan{Before: before, Texts: []string{name, strings.TrimPrefix(number, "+"), "greeting", "abc", name},
		Certificate: Certificate{ID: theID, Operation: "Flood <1>", Asked: Person{Name: "Chen"}, Confirmed: Person{Name: "Dana"}},
		Carry:       func(to, from *store.Tx) error { return to.Carry(from, "flows") }})
	if err != nil {
		t.Fatal(err)
	}
}

// signer is an authority of a test.
func signer(t *testing.T) func([]byte) ([]byte, []byte, error) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return func(text []byte) ([]byte, []byte, error) {
		sum := sha256.Sum256(text)
		signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		return signature, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), err
	}
}

// wiped fails the test where anything is left, and returns what the certificate
// says.
func wiped(t *testing.T, data string, old []byte) Certificate {
	t.Helper()
	var files []string
	if err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			rel, _ := filepath.Rel(data, path)
			files = append(files, rel)
			text, readErr := os.ReadFile(path)
			for _, gone := range []string{name, number, number[1:]} {
				if readErr != nil || bytes.Contains(text, []byte(gone)) {
					t.Errorf("%s has %q yet (%v)", rel, gone, readErr)
				}
			}
			if bytes.Contains(text, old) {
				t.Errorf("%s has the old key yet", rel)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"box.key", filepath.Join("certificates", theID+".json"), "hotline.db"}; !slices.Equal(files, want) {
		t.Errorf("afterwards there are %v, want %v", files, want)
	}
	if _, err := store.OpenWith(data, old, quietLog()); err == nil {
		t.Error("the old key opens the new records")
	}
	s, err := store.Open(data, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.View(func(tx *store.Tx) error {
		flow, err := flows.Get(tx, "main")
		if _, peopleErr := people.Get(tx, "a"); flow != "greeting" || err != nil || !errors.Is(peopleErr, store.ErrNotFound) {
			t.Errorf("carried over: %q %v; people: %v", flow, err, peopleErr)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, n, err := s.VerifyLog(); n != 1 || err != nil {
		t.Errorf("the new log has %d entries: %v", n, err)
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
	file, err := File(data, theID)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	for change, forged := range map[string][]byte{"a word": bytes.Replace(file, []byte("Chen"), []byte("Cheng"), 1), "a figure": bytes.Replace(file, []byte(`"texts": `), []byte(`"texts": 1`), 1)} {
		if _, _, err := Open(forged); !errors.Is(err, ErrForged) {
			t.Errorf("a certificate in which %s was changed: %v", change, err)
		}
	}
	return c
}

// A wipe is stopped at every phase, before and after its work, and goes on where
// it was; at the end nothing is left, and the certificate says what was done.
func TestAWipeIsStoppedAnywhereAndEnds(t *testing.T) {
	at, gone := t.TempDir(), filepath.Join(t.TempDir(), "stick")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	data, before := operated(t, gone, at)
	if err := os.Rename(gone, gone+".away"); err != nil { // in somebody's drawer
		t.Fatal(err)
	}
	old, err := os.ReadFile(store.KeyPath(data))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Finish(t.Context(), Config{Data: data}); !errors.Is(err, ErrNotBegun) || Begun(data) {
		t.Errorf("a wipe that nobody has begun: %v", err)
	}
	begin(t, data, before)
	stop := errors.New("the power is gone")
	cfg := Config{Data: data, Sign: signer(t), Log: quietLog()}
	var mark []byte // as it was before the phase that was just done
	for _, want := range phases() {
		for _, lost := range []bool{false, true} { // the note that the phase before is done
			if lost && mark != nil {
				if err := os.WriteFile(filepath.Join(data, markName), mark, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cfg.step = func(p phase) error {
				if p == want {
					return stop
				}
				return nil
			}
			if _, err := Finish(t.Context(), cfg); !errors.Is(err, stop) || !Begun(data) {
				t.Fatalf("stopped before %s: %v", want, err)
			}
		}
		if mark, err = os.ReadFile(filepath.Join(data, markName)); err != nil {
			t.Fatal(err)
		}
	}
	cfg.step = nil
	if _, err := Finish(t.Context(), cfg); err != nil || Begun(data) {
		t.Fatalf("the last start: %v", err)
	}
	c := wiped(t, data, old)
	if !slices.ContainsFunc(c.Backups, func(r backup.Removed) bool { return r.Place == at && r.Why == "" }) {
		t.Errorf("removed backups: %+v", c.Backups)
	}
	if len(c.Left) != 1 || c.Left[0].What != LeftBackups || c.Left[0].Where != gone || c.Clean() {
		t.Errorf("out of reach: %+v", c.Left)
	}
	if c.Starts <= len(phases()) || c.Files < 5 || c.Bytes == 0 || c.Check.Texts != 2 || c.Check.Files == 0 || c.Check.Values == 0 || len(c.Check.Found)+len(c.Check.Strange)+len(c.Check.Unread) > 0 || c.LogMark == "" || c.Operation != "Flood <1>" {
		t.Errorf("the certificate says %+v", c)
	}
	_ = filepath.WalkDir(at, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			t.Errorf("at the place of the backups there is %s yet (%v)", path, err)
		}
		return nil
	})
	if list, err := Certificates(data); len(list) != 1 || err != nil {
		t.Errorf("%d certificates: %v", len(list), err)
	}
}

// What nobody knew of is found, and the certificate says where.
func TestWhatIsLeftIsSaid(t *testing.T) {
	data, before := operated(t)
	begin(t, data, before)
	notes := strings.Repeat("x", piece-10) + name // across two pieces
	for file, text := range map[string]string{"notes.txt": notes, "harmless.txt": "nothing"} {
		if err := os.WriteFile(filepath.Join(data, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Finish(ctx, Config{Data: data, Sign: signer(t), Log: quietLog()}); !errors.Is(err, context.Canceled) || !Begun(data) {
		t.Errorf("a wipe that is asked to end: %v", err)
	}
	c, err := Finish(t.Context(), Config{Data: data, Sign: signer(t), Log: quietLog(), step: func(p phase) error {
		if p != check {
			return nil
		}
		s, err := store.Open(data, quietLog()) // and a record that should not be there, sealed
		if err != nil {
			return err
		}
		return errors.Join(s.Update(t.Context(), func(tx *store.Tx) error { return people.Put(tx, "z", "call "+number) }), s.Close())
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"notes.txt", "table:people/z"}; !slices.Equal(c.Check.Found, want) || c.Clean() {
		t.Errorf("found in %v, want %v", c.Check.Found, want)
	}
	if want := []string{"harmless.txt", "notes.txt"}; !slices.Equal(c.Check.Strange, want) {
		t.Errorf("strange files: %v, want %v", c.Check.Strange, want)
	}
}

func TestNeedlesAreFoundWhereTheyStandAndNowhereElse(t *testing.T) {
	list := usable([]string{"12024561111", "  Aminata Ba ", "abcd", "éèàüß", "12024561111"})
	if len(list) != 3 {
		t.Fatalf("usable are %q", list)
	}
	n := newNeedles(list)
	for text, want := range map[string][]int{
		"":                            nil,
		"12024561111":                 {0},
		"x12024561111y éèàüß":         {0, 2},
		"1202456111 1":                nil,
		"AMINATA BA":                  nil,
		"say Aminata Ba, Aminata Ba.": {1},
	} {
		if got := n.in([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("in %q: %v, want %v", text, got, want)
		}
	}
	if found := newNeedles(nil).in([]byte("anything")); found != nil {
		t.Errorf("nothing is looked for, and found is %v", found)
	}
}
