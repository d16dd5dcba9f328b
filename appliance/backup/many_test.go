package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/proof"
	"hotline/appliance/store"
)

// How long it takes to have many records again, with six events and three index
// entries each, as a contact has.
func TestRestoringManyRecords(t *testing.T) {
	n := proof.Rounds(500, 100_000)
	b := newBox(t)
	text := strings.Repeat("needs water for four people; ", 30)
	for at := 0; at < n; at += 500 {
		must(t, b.Update(t.Context(), func(tx *store.Tx) error {
			for i := at; i < min(n, at+500); i++ {
				id := tx.NewID()
				for range 6 {
					tx.Emit(events.Event{Kind: "contact.changed", Contact: id})
				}
				for k := range 3 {
					if err := byText.Add(tx, tx.Digest(fmt.Sprint(k, i)), id); err != nil {
						return err
					}
				}
				if err := notes.Put(tx, id, note{Text: text}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	began := time.Now()
	b.now()
	whole := time.Since(began)
	b.write("late", "after the whole one")
	began = time.Now()
	b.now()
	changes := time.Since(began)
	id, err := ParseKey(b.key)
	must(t, err)
	began = time.Now()
	r, err := Restore(t.Context(), filepath.Join(b.data, "backups"), filepath.Join(t.TempDir(), "again"), time.Time{}, id)
	must(t, err)
	took := time.Since(began)
	if r.Records <= n {
		t.Errorf("%d records were restored, want more than %d", r.Records, n)
	}
	info, err := os.Stat(store.FilePath(b.data))
	must(t, err)
	// The control: a backup that is cut is not restored as if it were whole.
	for _, name := range b.files(filepath.Join(b.data, "backups")) {
		cut(t, filepath.Join(b.at(filepath.Join(b.data, "backups")), name))
	}
	if _, err := Restore(t.Context(), filepath.Join(b.data, "backups"), filepath.Join(t.TempDir(), "again"), time.Time{}, id); !errors.Is(err, ErrTorn) {
		t.Errorf("backups that are cut: %v", err)
	}
	proof.Note(t, proof.Result{Promise: "restore",
		Figure: fmt.Sprintf("%d contacts (a file of %d MB) restored and proved in %v; backing them up and reading that back took %v, one more change %v",
			n, info.Size()>>20, took.Round(10*time.Millisecond), whole.Round(10*time.Millisecond), changes.Round(time.Millisecond)),
		Control: "a backup that lacks its last byte is refused"})
}
