package intake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"hotline/appliance/proof"
	"hotline/appliance/store"
	"hotline/volunteers"
)

// killFolder names a data folder to a child of this test.
const killFolder = "HOTLINE_TEST_KILL_IMPORT"

const (
	killPeople = 2*atOnce + 1
	killAt     = "HOTLINE_TEST_KILL_AT" // where the child waits to be killed
)

// A process that imports, and takes imports back, is killed in the middle of it,
// again and again. Whoever looks then sees all people of an import or none, and
// of one that was not finished nothing is left after the next start.
func TestKillingLeavesNoPartOfAnImport(t *testing.T) {
	if dir := os.Getenv(killFolder); dir != "" {
		importForEver(t, dir)
		return
	}
	rounds := proof.Rounds(4, 300)
	dir := t.TempDir()
	broken := map[State]int{}
	for i := range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
		// Every third kill comes when it comes; the others in the middle of a
		// transaction that writes, or that takes back.
		at := []string{"add", "remove", ""}[i%3]
		child.Env = append(os.Environ(), killFolder+"="+dir, killAt+"="+at, fmt.Sprintf("%s_N=%d", killAt, 1+(i*171)%killPeople))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ { // a line for each transaction of an import
			if lines.Text() == "here" || at == "" && n == 2+(i*5)%17 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait() // it was killed
		s, err := store.Open(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		h := newHouse(t, s)
		// As the pages find it, before anything is put in order.
		want := wholeImports(t, h, broken)
		if n := len(h.people(t)); n != want {
			t.Errorf("kill %d: %d people are seen, %d belong to whole imports", i, n, want)
		}
		if err := errors.Join(h.office.recover(t.Context()), s.Verify()); err != nil {
			t.Errorf("kill %d: %v", i, err)
		}
		if n := len(h.people(t)); n != want {
			t.Errorf("kill %d: %d people are seen after the start, not %d", i, n, want)
		}
		if n := written(t, s); n != want {
			t.Errorf("kill %d: %d people are in the file, %d are seen", i, n, want)
		}
		if t.Failed() {
			_ = s.Close()
			return
		}
		if i == rounds-1 { // the control: somebody too many is noticed
			if _, err := h.registry.Enter(t.Context(), volunteers.Registrant{GivenName: "Given", FamilyName: "FamilyX", Source: "import"}, "ana", time.Time{}); err != nil {
				t.Fatal(err)
			}
			if len(h.people(t)) == want || written(t, s) == want {
				t.Error("this test does not notice somebody too many")
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if broken[Filling] < rounds/3 || broken[Undoing] < rounds/3 {
		t.Errorf("the kills did not hit imports in every state: %v", broken)
	}
	proof.Note(t, proof.Result{Promise: "kept",
		Figure:  fmt.Sprintf("0 of %d kills left part of an import of %d people (%d while it was written, %d while it was taken back)", rounds, killPeople, broken[Filling], broken[Undoing]),
		Control: "a person too many is noticed"})
}

// wholeImports is how many people there must be, and in which state the kill
// has hit the last import.
func wholeImports(t *testing.T, h *house, broken map[State]int) (people int) {
	t.Helper()
	list, err := h.office.List(10_000)
	if err != nil {
		t.Fatal(err)
	}
	for n, i := range list {
		if n == 0 {
			broken[i.State]++
		}
		if i.State == Done {
			people += killPeople
		}
	}
	return people
}

// written is how many people of imports are in the file, seen or hidden.
func written(t *testing.T, s *store.Store) int {
	t.Helper()
	there := map[string]bool{}
	if err := s.View(func(tx *store.Tx) error {
		return tx.EachValue(func(table, key string, value []byte) {
			if table == "table:"+volunteers.TableRegistrants && bytes.Contains(value, []byte(`"family_name":"Family`)) {
				there[key] = true
			}
		})
	}); err != nil {
		t.Fatal(err)
	}
	return len(there)
}

// waiter makes the child wait to be killed in the middle of a transaction.
func waiter() func(what string) {
	n, err := strconv.Atoi(os.Getenv(killAt + "_N"))
	seen := 0
	return func(what string) {
		if what != os.Getenv(killAt) || err != nil {
			return
		}
		if seen++; seen == n {
			fmt.Println("here")
			select {}
		}
	}
}

// importForEver imports a file and takes it back, and says when something of
// that is on disk.
func importForEver(t *testing.T, dir string) {
	s, err := store.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, s)
	people, waits := &h.office.cfg.Targets[0], waiter()
	add, take := people.Add, people.Remove
	people.Add = func(tx *store.Tx, i Import, l Line) (string, error) { waits("add"); return add(tx, i, l) }
	people.Remove = func(tx *store.Tx, id string) (bool, error) { waits("remove"); return take(tx, id) }
	feed := s.Follow("hidden", "imports")
	go func() {
		for {
			changes, _, err := feed.Next(context.Background())
			if err != nil {
				return
			}
			for range changes {
				fmt.Println("written")
			}
		}
	}()
	h.runs(t)
	list, err := h.office.List(1)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if len(list) == 0 || list[0].State != Done { // the last kill has left a whole one
			list = []Import{h.brought(t, "volunteers", "people.csv", manyPeople(killPeople))}
		}
		i := list[0]
		list = nil
		if _, err := h.office.Undo(t.Context(), i.ID, "ana", "Ana"); err != nil {
			t.Fatal(err)
		}
		h.until(t, i.ID, Undone)
	}
}
