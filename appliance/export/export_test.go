package export

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
)

// people has n rows; turn, if any, is called before each.
func people(n int, turn func(i int)) Set {
	return Set{Name: "people", Table: func() table.Table {
		return table.Table{Name: "people", Restricted: "protected", Changed: "updated_at", Columns: []table.Column{
			{Name: "id", Kind: table.ID, Level: table.Coordination, Description: "identity", HXL: "#meta+id"},
			{Name: "phone", Kind: table.Phone, Level: table.Full, Description: "number"},
			{Name: "note", Kind: table.Text, Level: table.Full, Description: "words"},
			{Name: "protected", Kind: table.Bool, Level: table.Coordination, Description: "secret"},
			{Name: "updated_at", Kind: table.DateTime, Level: table.Coordination, Description: "last change"},
		}, Rows: func(yield func([]any, error) bool) {
			for i := range n {
				if turn != nil {
					turn(i)
				}
				if !yield([]any{fmt.Sprintf("%05d", i), "+12024561111", "=1+1", i == 1, time.Unix(int64(i)*60, 0)}, nil) {
					return
				}
			}
		}}
	}}
}

type office struct {
	*Office
	store  *store.Store
	events *events.Subscription
	t      *testing.T
}

func open(t *testing.T, sets ...Set) office {
	t.Helper()
	s := storetest.Open(t)
	o, err := New(Config{Store: s, Sets: sets, Operation: "Flood", Version: "1", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	sub := s.Events().Subscribe(1000)
	t.Cleanup(sub.Close)
	return office{o, s, sub, t}
}

// run makes exports until the test ends.
func (o office) run() (stop func()) {
	ctx, cancel := context.WithCancel(o.t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			o.t.Error(err)
		}
		done <- nil
	}
	o.t.Cleanup(stop)
	return stop
}

func (o office) ask(r Request) Job {
	o.t.Helper()
	j, err := o.Ask(o.t.Context(), r)
	if err != nil {
		o.t.Fatal(err)
	}
	return j
}

// until waits for a state; every change is told by an event.
func (o office) until(id string, want State) Job {
	o.t.Helper()
	limit := time.After(time.Minute)
	for {
		var j Job
		if err := o.store.View(func(tx *store.Tx) (err error) {
			j, err = jobs.Get(tx, id)
			return err
		}); err != nil {
			o.t.Fatal(err)
		}
		if j.State == want {
			return j
		}
		select {
		case <-o.events.C:
		case <-limit:
			o.t.Fatalf("the export is %s (%s), not %s", j.State, j.Error, want)
		}
	}
}

func (o office) file(id, by string) []byte {
	o.t.Helper()
	f, _, err := o.Open(o.t.Context(), id, by)
	if err != nil {
		o.t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		o.t.Fatal(err)
	}
	return data
}

func (o office) log() (kinds []string) {
	o.t.Helper()
	if err := o.store.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			kinds = append(kinds, ev.Kind+" "+ev.By)
		}
		return nil
	}); err != nil {
		o.t.Fatal(err)
	}
	return kinds
}

func request(level table.Level) Request {
	return Request{Sets: []string{"people"}, Formats: Formats(), Level: level, Reason: "daily report", By: "ana", Name: "Ana"}
}

func unzip(t *testing.T, data []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

func TestAnExportIsMadeDescribedAndNoted(t *testing.T) {
	o := open(t, people(4, nil))
	o.run()
	r := request(table.Coordination)
	r.HXL, r.Since = true, time.Unix(60, 0)
	j := o.until(o.ask(r).ID, Done)
	data := o.file(j.ID, "ana")
	files := unzip(t, data)
	if int(j.Size) != len(data) || j.Rows != 2 || j.SHA256 == "" || len(files) != 5 {
		t.Fatalf("%+v, files %d", j, len(files))
	}
	// Row 0 did not change since, row 1 is protected: it is missed here, and not
	// in the file.
	if want := []Part{{"people", 2, 1}}; !slices.Equal(j.Parts, want) {
		t.Errorf("of the sets there is told %+v, want %+v", j.Parts, want)
	}
	if strings.Contains(files["datapackage.json"], "withheld") {
		t.Error("whoever gets the file learns how many are protected")
	}
	want := "\ufeffid,protected,updated_at\r\n#meta+id,,\r\n00002,0,1970-01-01T00:02:00Z\r\n00003,0,1970-01-01T00:03:00Z\r\n"
	if files["people.csv"] != want {
		t.Errorf("CSV %q", files["people.csv"])
	}
	if strings.Contains(files["people.jsonl"]+files["people.csv"], "+1202") || strings.Count(files["people.jsonl"], "\n") != 2 {
		t.Errorf("JSON Lines %q", files["people.jsonl"])
	}
	var package_ struct {
		Made      map[string]string
		Resources []struct {
			Path, Hash string
			Bytes      int
			Rows       int
			Schema     struct {
				Fields []struct{ Name, Type, HXL string }
			}
		}
	}
	if err := json.Unmarshal([]byte(files["datapackage.json"]), &package_); err != nil {
		t.Fatal(err)
	}
	if package_.Made["reason"] != "daily report" || package_.Made["exported_by"] != "Ana" || !strings.HasPrefix(package_.Made["redaction_level"], "L1") || package_.Made["changed_since"] == "" || package_.Made["log_mark"] != j.Mark {
		t.Errorf("made %v", package_.Made)
	}
	for _, f := range package_.Resources {
		if f.Bytes != len(files[f.Path]) || f.Hash != sum(files[f.Path]) || f.Path != "data_dictionary.csv" && (f.Rows != 2 || f.Schema.Fields[0].HXL != "#meta+id" || f.Schema.Fields[2].Type != "datetime") {
			t.Errorf("described as %+v", f)
		}
	}
	if dictionary, err := csv.NewReader(strings.NewReader(files["data_dictionary.csv"])).ReadAll(); err != nil || len(dictionary) != 4 {
		t.Errorf("dictionary %v %v", dictionary, err)
	}
	if mark, err := store.ParseMark(j.Mark); err != nil || mark.Seq != 1 {
		t.Errorf("the mark %q: %v", j.Mark, err)
	} else if _, _, err := o.store.VerifyLog(mark); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(o.log()); got != "[export.asked ana export.made ana export.downloaded ana]" {
		t.Errorf("noted %s", got)
	}
}

func sum(text string) string {
	m := &meter{w: io.Discard, sum: sha256.New()}
	_, _ = m.Write([]byte(text))
	return fmt.Sprintf("sha256:%x", m.sum.Sum(nil))
}

func TestWhatIsRefused(t *testing.T) {
	o := open(t, people(1, nil))
	for want, spoil := range map[Mistake]func(*Request){
		WrongSet:       func(r *Request) { r.Sets = []string{"../secrets"} },
		WrongFormat:    func(r *Request) { r.Formats = nil },
		WrongReason:    func(r *Request) { r.Reason = "  x  " },
		WrongLevel:     func(r *Request) { r.Level = table.Aggregate },
		WrongPassword:  func(r *Request) { r.Level, r.Recipient, r.Password = table.Referral, "Red Cross", "short" },
		WrongRecipient: func(r *Request) { r.Level, r.Password = table.Referral, "long enough to be one" },
	} {
		r := request(table.Coordination)
		spoil(&r)
		if _, err := o.Ask(t.Context(), r); !errors.Is(err, want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if got := o.log(); len(got) != 0 {
		t.Errorf("noted %v", got)
	}
	// A table that does not say what may leave with which level is no set.
	bad := people(1, nil).Table()
	bad.Columns[0].Level = 0
	if _, err := New(Config{Sets: []Set{{Name: "bad", Table: func() table.Table { return bad }}}}); err == nil {
		t.Error("a column without a level is accepted")
	}
}

func TestEverythingTakesTwoPersons(t *testing.T) {
	o := open(t, people(2, nil))
	o.run()
	r := request(table.Full)
	r.Password = "correct horse battery"
	j := o.ask(r)
	if j.State != Waiting {
		t.Fatalf("state %s", j.State)
	}
	if err := o.Approve(t.Context(), j.ID, "ana", "Ana"); !errors.Is(err, WrongSecond) {
		t.Errorf("who asks approves: %v", err)
	}
	if seen, _, err := o.Job(j.ID, "ben"); err != nil || seen.Request.Password != "" {
		t.Errorf("the second person sees %+v %v", seen, err)
	}
	if err := o.Approve(t.Context(), j.ID, "ben", "Ben"); err != nil {
		t.Fatal(err)
	}
	done := o.until(j.ID, Done)
	if want := []Part{{"people", 2, 0}}; !slices.Equal(done.Parts, want) {
		t.Errorf("of the sets there is told %+v, want %+v", done.Parts, want)
	}
	if done.Request.Password != "" || done.SecondBy != "Ben" {
		t.Errorf("kept %+v", done)
	}
	if _, _, err := o.Open(t.Context(), j.ID, "ben"); !errors.Is(err, ErrNone) {
		t.Errorf("the second person carries it away: %v", err)
	}
	if err := o.Approve(t.Context(), j.ID, "ben", "Ben"); !errors.Is(err, WrongState) {
		t.Errorf("approved twice: %v", err)
	}
	again := o.ask(r)
	if err := o.Refuse(t.Context(), again.ID, "ben", "Ben"); err != nil || o.until(again.ID, Refused).Request.Password != "" {
		t.Errorf("refused: %v", err)
	}
}

// Cancelled in the middle: nothing is left of it, and the next one is made.
func TestAnExportCanBeStopped(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	first := true
	o := open(t, people(100, func(i int) {
		if i == 50 && first {
			first = false
			close(begun)
			<-goOn
		}
	}))
	o.run()
	r := request(table.Coordination)
	r.Formats = []string{JSONL}
	j := o.ask(r)
	<-begun
	if _, p, err := o.Job(j.ID, "ana"); err != nil || p.Rows != 49 || p.Part != "people.jsonl" { // row 1 is protected
		t.Errorf("progress %+v %v", p, err)
	}
	if err := o.Cancel(t.Context(), j.ID, "ben"); !errors.Is(err, ErrNone) {
		t.Errorf("somebody else stopped it: %v", err)
	}
	if err := o.Cancel(t.Context(), j.ID, "ana"); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	o.until(o.ask(r).ID, Done)
	if stopped := o.until(j.ID, Cancelled); stopped.Blob != "" || stopped.SHA256 != "" {
		t.Errorf("left %+v", stopped)
	}
	if ids, err := o.store.UnfinishedBlobs(); err != nil || len(ids) != 0 {
		t.Errorf("half a file is left: %v %v", ids, err)
	}
	// Its file is deleted on request, and then it is gone.
	list, err := o.Jobs("ana", 10)
	if err != nil || len(list) != 2 || list[0].State != Done {
		t.Fatal(list, err)
	}
	if err := o.Cancel(t.Context(), list[0].ID, "ana"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Open(t.Context(), list[0].ID, "ana"); !errors.Is(err, ErrNone) {
		t.Errorf("a deleted file opens: %v", err)
	}
}

// The program stops while it writes: the next one says so and leaves nothing.
func TestAStopInTheMiddle(t *testing.T) {
	begun := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	o := open(t, people(10, func(i int) {
		if i == 5 {
			close(begun)
			<-ctx.Done()
		}
	}))
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	r := request(table.Coordination)
	r.Formats = []string{CSV}
	j := o.ask(r)
	<-begun
	cancel()
	<-done
	o.run()
	if failed := o.until(j.ID, Failed); failed.Error != "stopped" || failed.Blob != "" {
		t.Errorf("left %+v", failed)
	}
	if ids, err := o.store.UnfinishedBlobs(); err != nil || len(ids) != 0 {
		t.Errorf("half a file is left: %v %v", ids, err)
	}
}

func TestFilesAreKeptForADay(t *testing.T) {
	o := open(t, people(1, nil))
	stop := o.run()
	j := o.until(o.ask(request(table.Coordination)).ID, Done)
	stop()
	if err := o.store.Update(t.Context(), func(tx *store.Tx) error {
		j.Until = tx.Now()
		return jobs.Put(tx, j.ID, j)
	}); err != nil {
		t.Fatal(err)
	}
	if err := o.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.until(j.ID, Gone)
	if _, err := o.store.OpenBlob(j.Blob); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the file is still there: %v", err)
	}
}

// What others open: 7-Zip tests the authentication codes and unpacks.
func TestAPasswordOpensTheFileElsewhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sealed.zip")
	long := strings.Repeat("the same line again and again, 0123456789\n", 5000) // more than one buffer
	var out bytes.Buffer
	pack := newArchive(&out, "correct horse battery", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	for name, text := range map[string]string{"long.txt": long, "empty.txt": "", "short.txt": "x"} {
		if err := pack.file(name, func(w io.Writer) error {
			for len(text) > 0 { // in odd pieces
				n := min(len(text), 777)
				if _, err := io.WriteString(w, text[:n]); err != nil {
					return err
				}
				text = text[n:]
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(pack.close(), os.WriteFile(path, out.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte("the same line")) {
		t.Error("the archive can be read without the password")
	}
	sevenZip(t, true, "t", "-pcorrect horse battery", path)
	sevenZip(t, false, "t", "-pwrong horse battery", path)
	sevenZip(t, true, "x", "-pcorrect horse battery", "-o"+dir, path)
	for name, want := range map[string]string{"long.txt": long, "empty.txt": "", "short.txt": "x"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(got), len(want), err)
		}
	}
	changed := bytes.Replace(out.Bytes(), []byte("short.txt"), []byte("other.txt"), -1)
	changed[len(changed)/4] ^= 1
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	sevenZip(t, false, "t", "-pcorrect horse battery", path)
}

// Calls come first: an export that is asked for while the machine carries all
// that it can waits, and is made afterwards.
func TestExportsWaitForTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, people(3, nil))
		var strained atomic.Bool
		strained.Store(true)
		o.cfg.Strained = strained.Load
		j := o.ask(request(table.Coordination))
		stop := o.run()
		time.Sleep(time.Hour)
		o.until(j.ID, Queued)
		strained.Store(false)
		o.until(j.ID, Done)
		stop()
	})
}

// One that is being made when the machine gets there stops until it is over.
func TestAnExportGivesWayInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var strained atomic.Bool
		o := open(t, people(3, func(int) { strained.Store(true) }))
		o.cfg.Strained = strained.Load
		j := o.ask(request(table.Coordination))
		stop := o.run()
		time.Sleep(time.Hour)
		o.until(j.ID, Running)
		strained.Store(false)
		o.until(j.ID, Done)
		stop()
	})
}

// sevenZip runs 7-Zip and says whether it should be content.
func sevenZip(t *testing.T, content bool, args ...string) {
	t.Helper()
	out, err := exec.Command("7zz", append([]string{args[0], "-y"}, args[1:]...)...).CombinedOutput()
	if (err == nil) != content {
		t.Errorf("7zz %v: %v\n%s", args, err, out)
	}
}
