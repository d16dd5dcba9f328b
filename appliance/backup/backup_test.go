package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/place"
	"hotline/appliance/store"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" { // this process makes backups until it is killed
		if err := backUpForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

var (
	notes  = store.NewTable[note]("notes")
	byText = store.NewIndex("notes_by_text")
	silent = slog.New(slog.DiscardHandler)
)

// A box that is lost comes back on another machine with every record, every
// sound and its keys, byte for byte, up to the last minute.
func TestALostBoxComesBackWhole(t *testing.T) {
	b := newBox(t)
	usb := t.TempDir()
	must(t, b.Use(t.Context(), place.Place{Folder: usb}, "test"))
	for i := range 30 {
		b.write(fmt.Sprint("n", i), fmt.Sprint("street ", i))
	}
	sound := bytes.Repeat([]byte("hello "), 20_000)
	id := b.record(sound)
	b.now()
	b.write("n3", "another street")
	must(t, b.Update(t.Context(), func(tx *store.Tx) error { return notes.Delete(tx, "n4") }))
	b.now()
	b.write("late", "the last minute")
	b.now()
	if st := b.State(); st.Failed != "" || st.Last.IsZero() || time.Since(st.Last) > time.Minute || st.Sounds != 0 || st.Records < 30 || st.Place != usb {
		t.Errorf("the state of the backups is %+v", st)
	}
	if got := b.files(usb); len(got) != 3 || strings.Contains(strings.Join(got, " "), place.Unfinished) {
		t.Errorf("at the place are %q, want a whole backup and two of changes", got)
	}
	for _, name := range b.files(usb) {
		text, err := os.ReadFile(filepath.Join(b.at(usb), name))
		must(t, err)
		if bytes.Contains(text, []byte("street")) || bytes.Contains(text, []byte("notes")) || !bytes.HasPrefix(text, []byte("age-encryption.org/v1")) {
			t.Errorf("%s is not encrypted", name)
		}
	}

	s, r, to := b.restored(usb, time.Time{})
	if !bytes.Equal(content(t, s), content(t, b.Store)) {
		t.Error("the restored records are others")
	}
	if r.Archives != 3 || r.Sounds != 1 || len(r.Missing)+len(r.Refused) != 0 || r.Records < 30 || string(r.Files["hotline.yaml"]) != "name: Flood\n" {
		t.Errorf("the report says %+v", r)
	}
	in, err := s.OpenBlob(id)
	must(t, err)
	defer in.Close()
	if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, sound) {
		t.Errorf("the sound is another one: %d bytes, %v", len(got), err)
	}
	if key, err := os.ReadFile(filepath.Join(to, "tls", "root.key")); err != nil || string(key) != "certificate" {
		t.Errorf("the key of the certificates: %q, %v", key, err)
	}
	if _, err := Restore(t.Context(), usb, to, time.Time{}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restoring over something: %v", err)
	}
}

func TestAnotherKeyIsRefusedInASentence(t *testing.T) {
	b := newBox(t)
	b.write("a", "first")
	b.now()
	other, _, err := NewKey()
	must(t, err)
	id, err := ParseKey(other)
	must(t, err)
	to := filepath.Join(t.TempDir(), "again")
	if _, err := Restore(t.Context(), filepath.Join(b.data, "backups"), to, time.Time{}, id); !errors.Is(err, ErrKey) {
		t.Errorf("another key: %v", err)
	}
	slip := byte('0') // another letter than the one that stands there
	if b.key[len(b.key)-1] == slip {
		slip = '2'
	}
	for _, typed := range []string{"", "AGE-SECRET-KEY-1", b.key[:len(b.key)-1] + string(slip), "a word"} {
		if _, err := ParseKey(typed); err == nil || !strings.Contains(err.Error(), "recovery key") {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if _, err := Restore(t.Context(), t.TempDir(), to, time.Time{}, id); !errors.Is(err, ErrNothing) {
		t.Errorf("an empty disk: %v", err)
	}
}

// Whatever is torn, changed or missing at the place is never believed: what is
// before it is used, and the report names it.
func TestATornBackupNeverCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil    func(t *testing.T, dir, whole, first, second string)
		archives int
		refused  int
	}{
		"nothing":                {func(*testing.T, string, string, string, string) {}, 3, 0},
		"the last one cut":       {func(t *testing.T, dir, _, _, second string) { cut(t, filepath.Join(dir, second)) }, 2, 1},
		"one in the middle cut":  {func(t *testing.T, dir, _, first, _ string) { cut(t, filepath.Join(dir, first)) }, 1, 1},
		"one in the middle gone": {func(t *testing.T, dir, _, first, _ string) { must(t, os.Remove(filepath.Join(dir, first))) }, 1, 0},
		"the last one changed":   {func(t *testing.T, dir, _, _, second string) { flip(t, filepath.Join(dir, second)) }, 2, 1},
		"one in another's place": {func(t *testing.T, dir, _, first, second string) {
			swap(t, filepath.Join(dir, first), filepath.Join(dir, second))
		}, 1, 1},
		"the newest whole cut":   {func(t *testing.T, dir, whole, _, _ string) { cut(t, filepath.Join(dir, whole)) }, 1, 1},
		"the newest whole empty": {func(t *testing.T, dir, whole, _, _ string) { must(t, os.Truncate(filepath.Join(dir, whole), 0)) }, 1, 1},
		"one that was not ended": {func(t *testing.T, dir, _, _, second string) {
			must(t, os.Rename(filepath.Join(dir, second), filepath.Join(dir, second+place.Unfinished)))
		}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			there := t.TempDir()
			must(t, b.Use(t.Context(), place.Place{Folder: there}, "test"))
			b.write("old", "an hour ago")
			b.now()
			older := b.files(there)[0]
			must(t, os.Rename(filepath.Join(b.at(there), older), filepath.Join(b.at(there), "20200101T000000.000Z.hotline")))
			rewrite(t, b, there)
			dir := b.at(there)
			got := b.files(there)
			slices.Sort(got)
			var whole, first, second string
			for _, n := range got[1:] {
				switch _, number, _ := parseName(n); number {
				case 0:
					whole = n
				case 1:
					first = n
				case 2:
					second = n
				}
			}
			tc.spoil(t, dir, whole, first, second)
			id, err := ParseKey(b.key)
			must(t, err)
			to := filepath.Join(t.TempDir(), "again")
			r, err := Restore(t.Context(), there, to, time.Time{}, id)
			if strings.HasPrefix(name, "the newest whole") {
				// The older one was given another name here: that is noticed, too.
				if !errors.Is(err, ErrNothing) || !errors.Is(err, ErrTorn) {
					t.Errorf("nothing is good: %v", err)
				}
				return
			}
			must(t, err)
			if r.Archives != tc.archives || len(r.Refused) != tc.refused {
				t.Errorf("%d archives were used and %q refused, want %d and %d", r.Archives, r.Refused, tc.archives, tc.refused)
			}
		})
	}
}

// When the newest whole backup is torn, the one before is used, with what had
// changed after it.
func TestTheBackupBeforeIsUsed(t *testing.T) {
	b := newBox(t)
	there := t.TempDir()
	must(t, b.Use(t.Context(), place.Place{Folder: there}, "test"))
	b.write("a", "first")
	b.now()
	b.write("b", "second")
	b.now()
	before := content(t, b.Store)
	b.chain.whole = ""
	b.write("c", "third")
	b.now()
	newest := slices.Max(b.files(there))
	cut(t, filepath.Join(b.at(there), newest))
	s, r, _ := b.restored(there, time.Time{})
	if !bytes.Equal(content(t, s), before) || r.Archives != 2 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0], newest) {
		t.Errorf("restored was %+v", r)
	}
}

// A disk that is taken out is missed, nothing is written where it was, and when
// it is back the backups go on where they were.
func TestADiskThatIsTakenOut(t *testing.T) {
	b := newBox(t)
	usb := filepath.Join(t.TempDir(), "usb")
	must(t, os.Mkdir(usb, 0o700))
	must(t, b.Use(t.Context(), place.Place{Folder: usb}, "test"))
	b.write("a", "first")
	b.now()
	must(t, os.Rename(usb, usb+".out"))
	must(t, os.Mkdir(usb, 0o700)) // the empty mount point
	b.write("b", "second")
	if err := b.Now(t.Context()); !errors.Is(err, place.ErrGone) {
		t.Errorf("the disk is out: %v", err)
	}
	if st := b.State(); st.Failed == "" || st.Since.IsZero() {
		t.Errorf("the state is %+v", st)
	}
	if left, err := os.ReadDir(usb); err != nil || len(left) != 0 {
		t.Errorf("something was written where the disk was: %v, %v", left, err)
	}
	must(t, os.Remove(usb))
	must(t, os.Rename(usb+".out", usb))
	b.now()
	if got := b.files(usb); len(got) != 2 {
		t.Errorf("at the place are %q, want a whole backup and one of changes", got)
	}
	s, _, _ := b.restored(usb, time.Time{})
	if !bytes.Equal(content(t, s), content(t, b.Store)) {
		t.Error("what came while the disk was out is not restored")
	}
	// Another disk of the same hotline, with an older backup on it: everything
	// is written again.
	must(t, os.RemoveAll(b.at(usb)))
	must(t, os.MkdirAll(filepath.Join(b.at(usb), soundFolder), 0o700))
	b.now()
	if got := b.files(usb); len(got) != 1 {
		t.Errorf("on another disk are %q, want a whole backup", got)
	}
	if st := b.State(); st.Failed != "" {
		t.Errorf("the state is %+v", st)
	}
}

// What is damaged here does not replace what is good there, and the next start
// looks at everything.
func TestDamageDoesNotGetIntoTheBackup(t *testing.T) {
	b := newBox(t)
	b.write("a", "first")
	b.now()
	must(t, b.Close())
	spoil(t, b.data)
	s, err := store.Open(b.data, silent)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	k, err := Open(Config{Store: s, Data: b.data, Log: silent})
	must(t, err)
	if err := k.Now(t.Context()); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a damaged record was backed up: %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.data, damagedName)); err != nil {
		t.Errorf("the next start is not told: %v", err)
	}
	if got := b.files(filepath.Join(b.data, "backups")); len(got) != 1 || strings.HasSuffix(got[0], place.Unfinished) {
		t.Errorf("at the place are %q", got)
	}
}

// Sound that is deleted here is deleted there; backups of before go after a week.
func TestWhatIsDeletedGoesFromTheBackup(t *testing.T) {
	b := newBox(t)
	id := b.record([]byte("a voice"))
	b.now()
	there := filepath.Join(b.data, "backups")
	sealed := filepath.Join(b.at(there), soundFolder, id+soundSuffix)
	if _, err := os.Stat(sealed); err != nil {
		t.Fatal(err)
	}
	must(t, b.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteBlob(id) }))
	b.chain.next = time.Time{} // an hour later
	b.now()
	if _, err := os.Stat(sealed); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("deleted sound is still in the backup: %v", err)
	}

	var items []place.Item
	for _, name := range []string{"20261101T000000.000Z.hotline", "20261118T230000.000Z.hotline", "20261119T100000.000Z.hotline", "20261120T080000.000Z.hotline", "20261120T080000.000Z+0001.hotline", "20261120T090000.000Z.hotline",
		"20261125T220000.000Z.hotline", "20261125T230000.000Z.hotline", "20261125T230000.000Z+0001.hotline", "20261126T000000.000Z.hotline", "20261126T000000.000Z+0001.hotline", "letter.txt", "20991231T000000.000Z.hotline"} {
		items = append(items, place.Item{Name: name, Size: 1})
	}
	want := []string{"20261101T000000.000Z.hotline", "20261118T230000.000Z.hotline", "20261120T080000.000Z+0001.hotline", "20261120T090000.000Z.hotline"}
	if got := outdated(items, "20261126T000000.000Z"); !slices.Equal(got, want) {
		t.Errorf("outdated are %q, want %q", got, want)
	}
}

// When somebody was erased, the older backups go as soon as a new one counts,
// also when the box restarts in between.
func TestWhatIsErasedGoesFromAllBackups(t *testing.T) {
	b := newBox(t)
	there := filepath.Join(b.data, "backups")
	b.write("a", "Rosa Parra")
	b.now()
	b.write("b", "somebody else")
	b.now()
	first := b.files(there)
	must(t, b.Update(t.Context(), func(tx *store.Tx) error {
		return errors.Join(notes.Delete(tx, "a"), byText.Remove(tx, tx.Digest("Rosa Parra"), "a"))
	}))
	b.Forget()
	k, err := Open(Config{Store: b.Store, Data: b.data, Log: silent})
	must(t, err)
	must(t, k.Now(t.Context()))
	got := b.files(there)
	if len(got) != 1 || slices.Contains(first, got[0]) {
		t.Errorf("at the place are %q, before there were %q", got, first)
	}
	s, _, _ := b.restored(there, time.Time{})
	if !bytes.Equal(content(t, s), content(t, b.Store)) {
		t.Error("what is left is not what is here")
	}
	b.write("c", "third")
	must(t, k.Now(t.Context()))
	if got := b.files(there); len(got) != 2 {
		t.Errorf("then there are %q, want one of changes besides", got)
	}
}

// The hour that was asked for can be restored.
func TestAnEarlierTimeCanBeRestored(t *testing.T) {
	b := newBox(t)
	b.write("a", "first")
	b.now()
	then := content(t, b.Store)
	at := b.State().Last
	b.write("a", "a mistake")
	b.now()
	s, r, _ := b.restored(filepath.Join(b.data, "backups"), at)
	if !bytes.Equal(content(t, s), then) || !r.Until.Equal(at) {
		t.Errorf("restored was %+v, want up to %v", r, at)
	}
}

// Calls come before a whole backup, though not for ever; what changes is safe
// meanwhile.
func TestAWholeBackupWaitsForTheMachine(t *testing.T) {
	b := newBox(t)
	strained := true
	b.cfg.Strained = func() bool { return strained }
	b.write("a", "first")
	b.now() // there is none yet: it does not wait
	first := b.State().Whole
	if first.IsZero() {
		t.Fatal("no whole backup was made")
	}
	b.chain.next = time.Now().Add(-time.Minute)
	b.write("b", "second")
	b.now()
	if whole := b.State().Whole; whole != first {
		t.Errorf("a whole backup was made at %v, while the machine had calls to carry", whole)
	}
	s, _, _ := b.restored(filepath.Join(b.data, "backups"), time.Time{})
	if !bytes.Equal(content(t, s), content(t, b.Store)) {
		t.Error("what changed meanwhile is not in the backup")
	}
	strained = false
	b.now()
	second := b.State().Whole
	if second == first {
		t.Error("no whole backup was made when the machine had time again")
	}
	strained, b.chain.next = true, time.Now().Add(-wholeLate)
	b.now()
	if b.State().Whole == second {
		t.Error("a whole backup waits for ever")
	}
}

func TestRunMakesALastBackupAtTheEnd(t *testing.T) {
	b := newBox(t)
	b.write("a", "first")
	b.now()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	<-b.wake // of the recovery key
	go func() { done <- b.Run(ctx) }()
	b.write("b", "second")
	stop()
	must(t, <-done)
	s, _, _ := b.restored(filepath.Join(b.data, "backups"), time.Time{})
	if !bytes.Equal(content(t, s), content(t, b.Store)) {
		t.Error("what changed before the end is not in the backup")
	}
}
