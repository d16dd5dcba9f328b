package export

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"hotline/appliance/place"
	"hotline/appliance/place/placetest"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// ward is an office with orders, and a set whose rows change at known moments.
type ward struct {
	office
	rows map[string]time.Time // identity and last change
	may  map[string]bool
}

func newWard(t *testing.T) *ward {
	w := &ward{rows: map[string]time.Time{}, may: map[string]bool{"ana": true, "ben": true}}
	set := Set{Name: "people", Table: func() table.Table {
		return table.Table{Name: "people", Changed: "updated_at", Columns: []table.Column{
			{Name: "id", Kind: table.ID, Level: table.Coordination, Description: "identity"},
			{Name: "phone", Kind: table.Phone, Level: table.Referral, Description: "number"},
			{Name: "updated_at", Kind: table.DateTime, Level: table.Coordination, Description: "last change"},
		}, Rows: func(yield func([]any, error) bool) {
			for id, at := range w.rows {
				if !yield([]any{id, "+12024561111", at}, nil) {
					return
				}
			}
		}}
	}}
	w.office = open(t, set)
	w.cfg.May = func(account string) (bool, error) { return w.may[account], nil }
	return w
}

// serve does what is to be done as of a moment, and makes what was asked for.
func (w *ward) serve(now time.Time) {
	w.t.Helper()
	for range 2 { // begin, and carry
		if err := w.serveOrders(w.t.Context(), now); err != nil {
			w.t.Fatal(err)
		}
		for w.next(w.t.Context()) {
		}
	}
}

func (w *ward) order(now time.Time, ord Order) Order {
	w.t.Helper()
	if ord.Request.Sets == nil {
		ord.Request = Request{Sets: []string{"people"}, Formats: []string{CSV}, Level: table.Coordination, Reason: "for the ministry", To: sharing.Helpers, By: "ana", Name: "Ana", Password: ord.Request.Password}
	}
	ord.At, ord.Keep = now.Format("15:04"), max(ord.Keep, 1)
	if ord.Every == "" {
		ord.Every = Daily
	}
	made, err := w.Order(w.t.Context(), ord)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

func (w *ward) get(id string) Order {
	w.t.Helper()
	list, err := w.Orders()
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(o Order) bool { return o.ID == id })
	if i < 0 {
		w.t.Fatal("the order is gone")
	}
	return list[i]
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, ordersFolder))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// table of a file at the place, opened by 7-Zip.
func unpacked(t *testing.T, file, password string) string {
	t.Helper()
	out := t.TempDir()
	sevenZip(t, true, "x", "-p"+password, "-o"+out, file)
	text, err := os.ReadFile(filepath.Join(out, "people.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAnOrderIsCarriedToAServerEveryDay: an export of what has changed goes by
// SFTP, locked, at its time and once for several that were missed, also over a
// restart; what cannot be carried is seen, is late in the end and arrives when
// the server is back; only so many files stay there.
func TestAnOrderIsCarriedToAServerEveryDay(t *testing.T) {
	const password = "correct-horse-battery"
	w := newWard(t)
	there := t.TempDir()
	to := place.Place{Server: placetest.SFTP(t, there, "sesame"), User: "box", Password: "sesame"}
	now := time.Now().Truncate(time.Minute)
	w.rows["first-one"] = now.Add(-time.Hour)
	ord := Order{Request: Request{Sets: []string{"people"}, Formats: []string{CSV}, Level: table.Referral, Reason: "for the ministry", To: sharing.Helpers, Recipient: "Ministry",
		By: "ana", Name: "Ana", Password: password}, Place: to, Every: Daily, At: now.Format("15:04"), Changed: true, Keep: 2}
	var fresh *place.NewServer
	if _, err := w.Order(t.Context(), ord); !errors.As(err, &fresh) {
		t.Fatalf("a server that nobody has compared: %v", err)
	}
	ord.Place = fresh.Place
	made, err := w.Order(t.Context(), ord)
	if err != nil || made.Request.Password != "" || made.Place.Password != "" {
		t.Fatalf("the order is %+v (%v)", made, err)
	}
	w.serve(now)
	first := names(t, there)
	if len(first) != 1 || !strings.HasSuffix(first[0], "-people-L2.zip") {
		t.Fatalf("at the place are %q", first)
	}
	if text := unpacked(t, filepath.Join(there, ordersFolder, first[0]), password); !strings.Contains(text, "first-one") {
		t.Errorf("the first file has %q", text)
	}
	sevenZip(t, false, "t", "-pwrong-password-here", filepath.Join(there, ordersFolder, first[0]))
	if o := w.get(made.ID); o.File != first[0] || o.Rows != 1 || !o.Arrived.Equal(now) || o.Failed != "" || o.Late(now.Add(23*time.Hour)) || !o.Locked {
		t.Errorf("the order says %+v", o)
	}
	w.serve(now.Add(time.Hour)) // not its time
	if got := names(t, there); len(got) != 1 {
		t.Errorf("within the hour there are %q", got)
	}

	// The box is off for three days; then one is made, with what changed since,
	// by the program that was started anew.
	w.rows["second-one"] = now.Add(30 * time.Hour)
	again, err := New(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Office = again
	now = now.Add(72*time.Hour + 5*time.Minute)
	w.serve(now)
	second := names(t, there)
	if len(second) != 2 || !strings.HasSuffix(second[1], "-people-L2-changes.zip") {
		t.Fatalf("after three days there are %q", second)
	}
	if text := unpacked(t, filepath.Join(there, ordersFolder, second[1]), password); strings.Contains(text, "first-one") || !strings.Contains(text, "second-one") {
		t.Errorf("what changed is %q", text)
	}

	// The folder at the server is gone: the disk was taken out.
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(filepath.Join(there, ordersFolder), away); err != nil {
		t.Fatal(err)
	}
	w.rows["third-one"] = now.Add(time.Hour)
	now = now.Add(24 * time.Hour)
	w.serve(now)
	if o := w.get(made.ID); o.Failed == "" || !o.Since.Equal(now) || o.Late(now) || !o.Late(now.Add(2*time.Hour)) {
		t.Errorf("with the folder gone the order says %+v", o)
	}
	if err := os.Rename(away, filepath.Join(there, ordersFolder)); err != nil {
		t.Fatal(err)
	}
	w.serve(now.Add(time.Minute)) // it is not tried every half minute
	if got := names(t, there); !slices.Equal(got, second) {
		t.Errorf("after a minute there are %q", got)
	}
	w.serve(now.Add(11 * time.Minute))
	third := names(t, there)
	if len(third) != 2 || third[0] != second[1] {
		t.Fatalf("of three files two stay; there are %q", third)
	}
	if text := unpacked(t, filepath.Join(there, ordersFolder, third[1]), password); strings.Contains(text, "second-one") || !strings.Contains(text, "third-one") {
		t.Errorf("what changed is %q", text)
	}
	if o := w.get(made.ID); o.Failed != "" || o.Late(now.Add(3*time.Hour)) {
		t.Errorf("afterwards the order says %+v", o)
	}

	// All of it is in the log, in her name and without secrets, and no file is
	// left on the box, or can be taken from it.
	kinds := map[string]int{}
	if err := w.store.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			kinds[ev.Kind+" "+ev.By]++
			for _, value := range ev.Data {
				if strings.Contains(value, password) || strings.Contains(value, "sesame") {
					t.Errorf("the event %s has a secret", ev.Kind)
				}
			}
		}
		for _, j := range jobs.All(tx) {
			if j.State != Carried || j.Blob != "" || j.Request.Password != "" {
				t.Errorf("an export of the order is left as %+v", j)
			}
			if _, _, err := w.Open(t.Context(), j.ID, "ana"); !errors.Is(err, ErrNone) {
				t.Errorf("what was carried away can be taken once more: %v", err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if kinds[EventOrdered+" ana"] != 1 || kinds[EventAsked+" ana"] != 3 || kinds[EventMade+" ana"] != 3 || kinds[EventCarried+" ana"] != 3 || kinds[EventCarryingFailed+" ana"] != 1 {
		t.Errorf("the log has %v", kinds)
	}
}

// TestAnOrderOfAnotherHotlineRests: until somebody goes on with it in their own
// name, and then its place is tried first.
func TestAnOrderOfAnotherHotlineRests(t *testing.T) {
	w := newWard(t)
	usb := t.TempDir()
	now := time.Now().Truncate(time.Minute)
	w.rows["first-one"] = now
	made := w.order(now, Order{Place: place.Place{Folder: usb}})
	var carried []Order
	if err := w.store.Update(t.Context(), func(tx *store.Tx) error {
		carried = CarriedOrders(tx)
		if fresh, err := PutCarried(tx, carried[0], "ben", "cli", "Flood"); err != nil || fresh {
			t.Errorf("the same order twice: %v, %v", fresh, err)
		}
		carried[0].Place.Folder = filepath.Join(usb, "not there")
		fresh, err := PutCarried(tx, carried[0], "ben", "cli", "Flood")
		if !fresh {
			t.Error("an order of another hotline was not taken over")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	list, err := w.Orders()
	if err != nil || len(list) != 2 {
		t.Fatal(len(list), err)
	}
	came := list[1]
	if came.ID == made.ID {
		came = list[0]
	}
	w.serve(now)
	if o := w.get(came.ID); o.Stopped != StoppedByCarrying || !o.Due.IsZero() {
		t.Errorf("it does not rest: %+v", o)
	}
	if err := os.WriteFile(carried[0].Place.Folder, nil, 0o600); err != nil { // a file is in its way
		t.Fatal(err)
	}
	if err := w.ResumeOrder(t.Context(), came.ID, "ben", "Ben"); err == nil || w.get(came.ID).Stopped == "" {
		t.Errorf("it goes on to a place that cannot be reached: %v", err)
	}
	if err := os.Remove(carried[0].Place.Folder); err != nil {
		t.Fatal(err)
	}
	if err := w.ResumeOrder(t.Context(), came.ID, "ben", "Ben"); err != nil {
		t.Fatal(err)
	}
	w.serve(now)
	if o := w.get(came.ID); o.Request.By != "ben" || !o.Arrived.Equal(now) || len(names(t, carried[0].Place.Folder)) != 1 {
		t.Errorf("afterwards it says %+v", o)
	}
}

// TestAnOrderEndsWithTheRight: who may not export any more has no orders either;
// somebody else goes on with them in their own name.
func TestAnOrderEndsWithTheRight(t *testing.T) {
	w := newWard(t)
	usb := t.TempDir()
	now := time.Now().Truncate(time.Minute)
	w.rows["first-one"] = now
	made := w.order(now, Order{Place: place.Place{Folder: usb}})
	w.serve(now)
	w.may["ana"] = false
	now = now.Add(25 * time.Hour)
	w.serve(now)
	if o := w.get(made.ID); o.Stopped != StoppedByRole || len(names(t, usb)) != 1 || o.Late(now.Add(9*time.Hour)) {
		t.Errorf("the order says %+v, and there are %q", o, names(t, usb))
	}
	if err := w.ResumeOrder(t.Context(), made.ID, "ana", "Ana"); !errors.Is(err, WrongOwner) {
		t.Errorf("who may not export goes on: %v", err)
	}
	if err := w.ResumeOrder(t.Context(), made.ID, "ben", "Ben"); err != nil {
		t.Fatal(err)
	}
	w.serve(now)
	if o := w.get(made.ID); o.Request.By != "ben" || !o.Arrived.Equal(now) {
		t.Errorf("the order says %+v", o)
	}
	if err := w.OrderNow(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	w.serve(now.Add(time.Minute))
	if o := w.get(made.ID); !o.Arrived.Equal(now.Add(time.Minute)) {
		t.Errorf("one before its time: %+v", o)
	}
	if err := w.StopOrder(t.Context(), made.ID, "ben"); err != nil {
		t.Fatal(err)
	}
	w.serve(now.Add(72 * time.Hour))
	if o := w.get(made.ID); !o.Arrived.Equal(now.Add(time.Minute)) {
		t.Errorf("a stopped order goes on: %+v", o)
	}
	if err := w.DeleteOrder(t.Context(), made.ID, "ben"); err != nil {
		t.Fatal(err)
	}
	log := w.log()
	for _, want := range []string{EventOrderStopped + " ", EventOrderResumed + " ben", EventCarried + " ben", EventOrderStopped + " ben", EventOrderDeleted + " ben"} {
		if !slices.Contains(log, want) {
			t.Errorf("the log lacks %q: %q", want, log)
		}
	}
}

// TestAnOrderForTheHolderOfAKey: nobody at the place can read it, and nobody who
// knows the box either.
func TestAnOrderForTheHolderOfAKey(t *testing.T) {
	w := newWard(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	usb := t.TempDir()
	now := time.Now().Truncate(time.Minute)
	w.rows["first-one"] = now
	w.order(now, Order{Place: place.Place{Folder: usb}, Age: key.Recipient().String(), Every: Weekly, Day: now.Weekday(),
		Request: Request{Sets: []string{"people"}, Formats: []string{CSV}, Level: table.Referral, Reason: "for the ministry", To: sharing.Helpers, Recipient: "Ministry", By: "ana", Name: "Ana"}})
	w.serve(now)
	w.serve(now.Add(6 * 24 * time.Hour))
	got := names(t, usb)
	if len(got) != 1 || !strings.HasSuffix(got[0], ".zip.age") {
		t.Fatalf("at the place are %q", got)
	}
	sealed, err := os.ReadFile(filepath.Join(usb, ordersFolder, got[0]))
	if err != nil || bytes.Contains(sealed, []byte("people.csv")) {
		t.Fatalf("the file is readable (%v)", err)
	}
	plain, err := age.Decrypt(bytes.NewReader(sealed), key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(plain)
	if err != nil || !strings.Contains(unzip(t, data)["people.csv"], "+12024561111") {
		t.Errorf("what the holder reads is not the table (%v)", err)
	}
	w.serve(now.Add(7 * 24 * time.Hour))
	if got := names(t, usb); len(got) != 1 { // one is kept
		t.Errorf("a week later there are %q", got)
	}
}

// TestOrdersThatAreRefused: everything is never ordered, names never leave
// without a lock, and what cannot be kept is not promised.
func TestOrdersThatAreRefused(t *testing.T) {
	w := newWard(t)
	good := Order{Request: Request{Sets: []string{"people"}, Formats: []string{CSV}, Level: table.Coordination, Reason: "for the ministry", To: sharing.Helpers, By: "ana"},
		Place: place.Place{Folder: t.TempDir()}, Every: Daily, At: "06:30", Keep: 7}
	for name, c := range map[string]struct {
		change func(*Order)
		want   error
	}{
		"everything":             {func(o *Order) { o.Request.Level, o.Request.Password = table.Full, "correct-horse-battery" }, WrongEach},
		"names without a lock":   {func(o *Order) { o.Request.Level, o.Request.Recipient = table.Referral, "Ministry" }, WrongPassword},
		"no such key":            {func(o *Order) { o.Age = "age1nobody" }, WrongAge},
		"no time":                {func(o *Order) { o.At = "25:00" }, WrongTime},
		"no rhythm":              {func(o *Order) { o.Every = "hourly" }, WrongTime},
		"nothing kept":           {func(o *Order) { o.Keep = 0 }, WrongKeep},
		"somebody without right": {func(o *Order) { o.Request.By = "eve" }, WrongOwner},
		"nobody said for whom":   {func(o *Order) { o.Request.To = "" }, WrongTo},
		"no reason":              {func(o *Order) { o.Request.Reason = "" }, WrongReason},
	} {
		ord := good
		c.change(&ord)
		if _, err := w.Order(t.Context(), ord); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	ord := good
	ord.Place.Folder = filepath.Join(ord.Place.Folder, "file")
	if err := os.WriteFile(ord.Place.Folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Order(t.Context(), ord); err == nil {
		t.Error("a place where nothing can be written is taken")
	}
	if list, err := w.Orders(); err != nil || len(list) != 0 {
		t.Errorf("ordered was %+v (%v)", list, err)
	}
}
