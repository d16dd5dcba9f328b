package export

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/appliance/place"
	"hotline/appliance/proof"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

const (
	killFolder = "HOTLINE_TEST_KILL_EXPORT" // names a data folder to a child of this test
	killAt     = "HOTLINE_TEST_KILL_AT"     // where the child waits to be killed
	killRows   = 2000
)

// A process that makes exports and carries them to a disk is killed in the middle
// of it, again and again: between two rows, between two parts of the copy, and
// when it comes. Whoever looks then finds whole files under the names of files,
// and nothing else; what was asked for and what was told to be there is known;
// and the next start brings what is owed.
func TestKillingLeavesNoHalfExport(t *testing.T) {
	if dir := os.Getenv(killFolder); dir != "" {
		exportForEver(t, dir)
		return
	}
	rounds := proof.Rounds(6, 200)
	dir, disk := t.TempDir(), t.TempDir()
	told := map[string]State{} // what the child has said of its exports
	hit := map[string]int{}
	for i := range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
		at := []string{"row", "carry", ""}[i%3]
		child.Env = append(os.Environ(), killFolder+"="+dir, killFolder+"_DISK="+disk, killAt+"="+at, fmt.Sprintf("%s_N=%d", killAt, 2+i*37%(killRows-5)))
		if at == "carry" { // parts of the copy, and of reading it back
			child.Env = append(child.Env, fmt.Sprintf("%s_N=%d", killAt, 2+i%7))
		}
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			what, id, _ := strings.Cut(lines.Text(), " ")
			if what == "here" {
				hit[at]++
			} else if what == string(Queued) || what == string(Done) || what == string(Carried) {
				told[id] = State(what)
			}
			if what == "here" || at == "" && n == 3+i%8 {
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
		o := killOffice(t, s, nil)
		if wrong := afterKill(t, o, disk, told); len(wrong) > 0 {
			t.Errorf("kill %d at %q: %q", i, at, wrong)
		}
		if i == rounds-1 {
			killControls(t, o, disk, told)
		}
		if err := errors.Join(s.Verify(), s.Close()); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	if hit["row"] < rounds/4 || hit["carry"] < rounds/4 || len(told) < rounds {
		t.Errorf("the kills did not hit the writing and the carrying: %v of %d exports", hit, len(told))
	}
	proof.Note(t, proof.Result{Promise: "kept",
		Figure:  fmt.Sprintf("0 of %d kills left half an export (%d while its rows were written, %d while it was carried to a disk), none of %d was forgotten", rounds, hit["row"], hit["carry"], len(told)),
		Control: "a file that was cut and an export that is not known are noticed"})
}

// afterKill says what is wrong, before and after the next start.
func afterKill(t *testing.T, o *Office, disk string, told map[string]State) (wrong []string) {
	t.Helper()
	wrong = append(half(disk), forgotten(t, o, told)...)
	if err := o.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	wrong = append(wrong, forgotten(t, o, told)...)
	open, err := o.cfg.Store.UnfinishedBlobs()
	if err != nil {
		t.Fatal(err)
	}
	if len(open) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d files in the records belong to nobody", len(open)))
	}
	if _, err := os.Stat(filepath.Join(disk, ordersFolder)); err != nil {
		return wrong
	}
	before := arrived(t, o)
	next := time.Now()
	if next.Before(before) { // the days of the child go quicker
		next = before
	}
	o.serveKill(t, next.Add(24*time.Hour))
	if !arrived(t, o).After(before) {
		wrong = append(wrong, "the next start does not bring what is owed")
	}
	for _, name := range names(t, disk) {
		if strings.HasSuffix(name, place.Unfinished) {
			wrong = append(wrong, name+" is left over")
		}
	}
	return append(wrong, half(disk)...)
}

// killControls see that the test can fail.
func killControls(t *testing.T, o *Office, disk string, told map[string]State) {
	t.Helper()
	told["01ARZ3NDEKTSV4RRFFQ69G5FAV"] = Queued
	if len(forgotten(t, o, told)) != 1 {
		t.Error("this test does not notice an export that is not known")
	}
	delete(told, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
	files := names(t, disk)
	path := filepath.Join(disk, ordersFolder, files[len(files)-1])
	whole, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, whole[:len(whole)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(half(disk)) != 1 {
		t.Error("this test does not notice a file that was cut")
	}
}

func arrived(t *testing.T, o *Office) time.Time {
	t.Helper()
	list, err := o.Orders()
	if err != nil || len(list) > 1 {
		t.Fatal(list, err)
	}
	if len(list) == 0 {
		return time.Time{}
	}
	return list[0].Arrived
}

// half are the files under a final name that are not whole.
func half(disk string) (wrong []string) {
	files, err := filepath.Glob(filepath.Join(disk, ordersFolder, "*"))
	if err != nil {
		return []string{err.Error()}
	}
	for _, path := range files {
		if strings.HasSuffix(path, place.Unfinished) {
			continue
		}
		file, err := os.ReadFile(path)
		if err == nil {
			err = whole(file)
		}
		if err != nil {
			wrong = append(wrong, filepath.Base(path)+": "+err.Error())
		}
	}
	return wrong
}

// whole reads an archive to its end and counts the rows.
func whole(file []byte) error {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	f, err := z.Open("people.csv")
	if err != nil {
		return err
	}
	text, err := io.ReadAll(f) // with its checksum
	if n := bytes.Count(text, []byte("\n")); err == nil && n != killRows+1 {
		err = fmt.Errorf("it has %d lines", n)
	}
	return errors.Join(err, f.Close())
}

// forgotten are the exports of which more was told than is there, and the files
// in the records that are not what their export says.
func forgotten(t *testing.T, o *Office, told map[string]State) (wrong []string) {
	t.Helper()
	known := map[string]Job{}
	if err := o.cfg.Store.View(func(tx *store.Tx) error {
		for id, j := range jobs.All(tx) {
			known[id] = j
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for id, state := range told {
		j, there := known[id]
		if !there || state == Done && j.State != Done && j.State != Carried || state == Carried && j.State != Carried {
			wrong = append(wrong, fmt.Sprintf("export %s was told to be %s and is %q", id, state, j.State))
		}
	}
	for id, j := range known {
		if j.State != Done {
			continue
		}
		in, err := o.cfg.Store.OpenBlob(j.Blob)
		if err != nil {
			t.Fatal(err)
		}
		file, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(file)
		if err := whole(file); err != nil || hex.EncodeToString(sum[:]) != j.SHA256 {
			wrong = append(wrong, fmt.Sprintf("the file of export %s is not what it says: %v", id, err))
		}
	}
	return wrong
}

func killOffice(t *testing.T, s *store.Store, turn func()) *Office {
	t.Helper()
	noise := rand.Text() + rand.Text() + rand.Text()
	set := Set{Name: "people", Table: func() table.Table {
		return table.Table{Name: "people", Columns: []table.Column{{Name: "id", Kind: table.ID, Level: table.Coordination, Description: "identity"}, {Name: "note", Kind: table.Text, Level: table.Coordination, Description: "words"}},
			Rows: func(yield func([]any, error) bool) {
				for i := range killRows {
					if turn != nil {
						turn()
					}
					sum := sha256.Sum256(fmt.Append([]byte(noise), i)) // does not become smaller in an archive
					if !yield([]any{strconv.Itoa(i), hex.EncodeToString(sum[:]) + hex.EncodeToString(sum[:7])}, nil) {
						return
					}
				}
			}}
	}}
	o, err := New(Config{Store: s, Sets: []Set{set}, Operation: "Flood", Version: "1", Log: slog.New(slog.DiscardHandler), May: func(string) (bool, error) { return true, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// serveKill makes one export and carries it.
func (o *Office) serveKill(t *testing.T, now time.Time) {
	t.Helper()
	for range 2 {
		if err := o.serveOrders(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		for o.next(t.Context()) {
		}
	}
	if err := o.serveOrders(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

// hooked is a context that is asked between two parts of a copy.
type hooked struct {
	context.Context
	turn func()
}

func (h hooked) Err() error { h.turn(); return h.Context.Err() }

// exportForEver makes an export, and one for a disk that it carries there, and
// says what is on disk of that.
func exportForEver(t *testing.T, dir string) {
	s, err := store.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(os.Getenv(killAt + "_N"))
	if err != nil {
		t.Fatal(err)
	}
	waits := func(what string) func() {
		seen := 0
		return func() {
			if what != os.Getenv(killAt) {
				return
			}
			if seen++; seen == n {
				fmt.Println("here")
				select {}
			}
		}
	}
	o, carrying := killOffice(t, s, waits("row")), hooked{t.Context(), waits("carry")}
	if err := o.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	request := Request{Sets: []string{"people"}, Formats: []string{CSV}, Level: table.Coordination, Reason: "for the ministry", To: sharing.Inside, By: "ana", Name: "Ana"}
	list, err := o.Orders()
	if err == nil && len(list) == 0 {
		ord := Order{Request: request, Place: place.Place{Folder: os.Getenv(killFolder + "_DISK")}, Every: Daily, At: "00:00", Keep: 3}
		ord, err = o.Order(t.Context(), ord)
		list = []Order{ord}
	}
	if err != nil {
		t.Fatal(err)
	}
	for now := arrived(t, o).Add(24 * time.Hour); ; now = now.Add(24 * time.Hour) {
		if now.Before(time.Now()) {
			now = time.Now()
		}
		if err := s.Update(t.Context(), func(tx *store.Tx) error { // by hand, as often as one likes
			j := Job{ID: tx.NewID(), Request: request, State: Queued, Asked: now}
			fmt.Println("asking", j.ID)
			return jobs.Put(tx, j.ID, j)
		}); err != nil {
			t.Fatal(err)
		}
		if err := o.serveOrders(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		sayJobs(t, o)
		for o.next(t.Context()) {
			sayJobs(t, o)
		}
		ord, err := o.orderWithSecrets(list[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		var j Job
		if err := s.View(func(tx *store.Tx) error {
			j, err = jobs.Get(tx, ord.Job)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := o.carry(carrying, ord, j); err != nil {
			t.Fatal(err)
		}
		if err := o.serveOrders(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		sayJobs(t, o)
	}
}

func (o *Office) orderWithSecrets(id string) (ord Order, err error) {
	err = o.cfg.Store.View(func(tx *store.Tx) error {
		ord, err = orders.Get(tx, id)
		return err
	})
	return ord, err
}

// sayJobs says how the newest exports stand.
func sayJobs(t *testing.T, o *Office) {
	t.Helper()
	var list []Job
	if err := o.cfg.Store.View(func(tx *store.Tx) error {
		list = nil
		for _, j := range jobs.Backward(tx) {
			if list = append(list, j); len(list) == 3 {
				break
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, j := range slices.Backward(list) {
		fmt.Println(j.State, j.ID)
	}
}
