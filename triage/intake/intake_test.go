package intake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers"
)

// house is a store with everything that can be imported.
type house struct {
	store    *store.Store
	registry *volunteers.Registry
	cards    *cards.Cards
	contacts *triage.Contacts
	office   *Office
}

func newHouse(tb testing.TB, s *store.Store) *house {
	tb.Helper()
	c, err := cards.Open(s)
	if err != nil {
		tb.Fatal(err)
	}
	none := func(string, string) []string { return nil }
	return &house{store: s, registry: volunteers.NewRegistry(s, liststest.Open(tb, s)), cards: c, contacts: triage.NewContacts(s), office: New(Config{Store: s, Operation: "Flood", Region: "US",
		Targets: []Target{People(liststest.Open(tb, s)), Directory(c), CallList("Flood", []string{"es", "en"})}, Labels: none,
		Words: func(_, _, choice string) []string {
			return map[string][]string{"nurse": {"Enfermera"}, "car": {"Coche"}}[choice]
		}, Log: slog.New(slog.DiscardHandler)})}
}

// runs makes imports until the test ends.
func (h *house) runs(tb testing.TB) {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.office.Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() { stop(); running.Wait() })
}

func (h *house) take(tb testing.TB, target, name string, file []byte) *Upload {
	tb.Helper()
	u, err := h.office.Take(tb.Context(), target, name, file, "ana", "Ana")
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func (h *house) check(tb testing.TB, u *Upload) Check {
	tb.Helper()
	c, err := h.office.Check(u)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// brought imports a file to its end.
func (h *house) brought(tb testing.TB, target, name string, file []byte) Import {
	tb.Helper()
	i, err := h.office.Start(tb.Context(), h.take(tb, target, name, file), Order{By: "ana", ByName: "Ana", Basis: "Signed at the school", Title: "Riverside", Queue: "help", Without: true})
	if err != nil {
		tb.Fatal(err)
	}
	return h.until(tb, i.ID, Done)
}

// until waits until an import has come to a state.
func (h *house) until(tb testing.TB, id string, want State) Import {
	tb.Helper()
	limit, stop := context.WithTimeout(tb.Context(), 2*time.Minute)
	defer stop()
	feed := h.store.Follow("imports")
	defer feed.Close()
	for {
		i, err := h.office.Import(id)
		if err != nil {
			tb.Fatal(err)
		}
		if i.State == want {
			return i
		}
		if i.State == Failed {
			tb.Fatal("the import has failed")
		}
		if _, _, err := feed.Next(limit); err != nil {
			tb.Fatalf("the import is %s, not %s", i.State, want)
		}
	}
}

func (h *house) people(tb testing.TB) (all []volunteers.Registrant) {
	tb.Helper()
	if err := h.registry.Each(func(r volunteers.Registrant) error { all = append(all, r); return nil }); err != nil {
		tb.Fatal(err)
	}
	return all
}

// manyPeople is a file with so many different people.
func manyPeople(n int) []byte {
	var b bytes.Buffer
	b.WriteString("First name,Last name,Mobile phone,Email,Age,Languages,Postcode,Skills,Note\n")
	for i := range n {
		fmt.Fprintf(&b, "Given%d,Family%d,+1202555%04d,p%d@example.org,adult,es; en,06%03d,nurse; driver,can come on weekdays after work and brings a friend\n", i, i%997, i%10000, i, i%1000)
	}
	return b.Bytes()
}

// A file for which nobody came back is forgotten, whether somebody looks or not.
func TestAFileThatIsNotImportedIsForgotten(t *testing.T) {
	h := newHouse(t, storetest.Open(t))
	u := h.take(t, "volunteers", "people.csv", manyPeople(2))
	h.office.tidy(u.At.Add(keepUpload))
	if len(h.office.uploads) != 1 {
		t.Error("it is gone within the hour")
	}
	h.office.tidy(u.At.Add(keepUpload + time.Second))
	if len(h.office.uploads) != 0 {
		t.Error("it is kept for longer than an hour")
	}
}

// A file of people as they come: what is new, what is there already, what is
// refused and why, line by line as the file counts; and the check changes
// nothing.
func TestTheCheckSaysLineByLineWhatWouldHappen(t *testing.T) {
	h := newHouse(t, storetest.Open(t))
	ada, err := h.registry.Enter(t.Context(), volunteers.Registrant{GivenName: "Ada", FamilyName: "Ros", Phone: "+12025550101", Source: "walk_in"}, "bo", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	file := "Nombre;Apellido;Celular;Edad;Idioma;Habilidades;Transport\n" +
		"ADA;ros;(202) 555-0101;;;;\n" + // 2: the same
		"Bo;Ros;202-555-0101;19;es;;\n" + // 3: shares her number
		"\n" + // 4
		"Cleo;;+1 202 555 0102;adult;es, en;enfermera;Coche\n" + // 5
		"Cleo;;12025550102;;;;\n" + // 6: as line 5
		"Dara;;555;;;;\n" + // 7
		"Emil;;+12025550104;15;;;\n" + // 8
		"Fay;;+12025550105;;;juggling;\n" + // 9
		";;;;;;bicycle\n" + // 10
		"=cmd|' /C calc'!A0;;+12025550106;;Tagalog;;\n" // 11
	u := h.take(t, "volunteers", `C:\lists\people.csv`, []byte(file))
	if u.File != "people.csv" || !slices.Equal(u.Columns(), []string{"given_name", "family_name", "phone", "age", "languages", "skills", "transport"}) {
		t.Fatalf("%s is read as %q", u.File, u.Columns())
	}
	c := h.check(t, u)
	want := []struct {
		line int
		what string
		note Note
	}{
		{2, SameLine, Note{Key: "same", ID: ada.ID, Code: ada.Code}},
		{3, NewLine, Note{Key: "shares", ID: ada.ID, Code: ada.Code}},
		{5, NewLine, Note{}},
		{6, SameLine, Note{Key: "same_line", Line: 5}},
		{7, RefusedLine, Note{Key: "number", Field: "phone", Value: "555"}},
		{8, RefusedLine, Note{Key: "under16", Field: "age", Value: "15"}},
		{9, RefusedLine, Note{Key: "choice", Field: "skills", Value: "juggling"}},
		{10, RefusedLine, Note{Key: "nobody"}},
		{11, RefusedLine, Note{Key: "choice", Field: "languages", Value: "Tagalog"}},
	}
	if len(c.Lines) != len(want) || c.New != 2 || c.Same != 2 || c.Refused != 5 || c.Warned != 1 {
		t.Fatalf("%d lines, %d new, %d same, %d refused, %d to look at", len(c.Lines), c.New, c.Same, c.Refused, c.Warned)
	}
	for i, w := range want {
		got := c.Lines[i]
		note := Note{}
		if len(got.Notes) > 0 {
			note = got.Notes[0]
		}
		if got.Line != w.line || got.What != w.what || note != w.note {
			t.Errorf("line %d: %s %d %+v, not %s %+v", w.line, got.What, got.Line, got.Notes, w.what, w.note)
		}
	}
	if n := len(h.people(t)); n != 1 {
		t.Errorf("after the check there are %d people", n)
	}
	for mistake, order := range map[Mistake]Order{WrongBasis: {Without: true}, WrongRefused: {Basis: "Signed at the school"}} {
		if _, err := h.office.Start(t.Context(), u, order); err != mistake {
			t.Errorf("%s: %v", mistake, err)
		}
	}

	// What was agreed to is on every record.
	h.runs(t)
	i, err := h.office.Start(t.Context(), u, Order{By: "ana", ByName: "Ana", Basis: "Signed at the school", Without: true})
	if err != nil {
		t.Fatal(err)
	}
	if i = h.until(t, i.ID, Done); i.New != 2 || i.Same != 2 || i.Refused != 5 || i.Rows != 9 || i.File != "people.csv" || len(i.SHA256) != 64 {
		t.Errorf("the import is %+v", i)
	}
	for _, r := range h.people(t) {
		if r.GivenName != "Cleo" {
			continue
		}
		if r.Source != "import" || r.Status != volunteers.StatusRegistered || !r.Consent.Given || r.Consent.How != "import" || r.Phone != "+12025550102" ||
			!slices.Equal(r.Languages, []string{"es", "en"}) || !slices.Equal(r.Skills, []volunteers.Skill{volunteers.SkillNurse}) || r.Transport != volunteers.TransportCar || r.Age != volunteers.Adult {
			t.Errorf("registered is %+v", r)
		}
		past, err := h.registry.History(r.ID)
		if err != nil || len(past) != 1 || past[0].What != "imported" || past[0].By != "ana" || past[0].Why != "Signed at the school (people.csv)" {
			t.Errorf("the history says %+v (%v)", past, err)
		}
	}
	if _, err := h.office.Upload(u.ID, "ana", time.Now()); err != WrongGone {
		t.Errorf("the file is still kept: %v", err)
	}
}

// An import is taken back as a whole; with whom somebody has worked since stays.
func TestAnImportIsTakenBackExceptForWhatWasChanged(t *testing.T) {
	h := newHouse(t, storetest.Open(t))
	h.runs(t)
	i := h.brought(t, "volunteers", "people.csv", manyPeople(2*atOnce+7))
	people := h.people(t)
	if len(people) != 2*atOnce+7 {
		t.Fatalf("%d people came", len(people))
	}
	changed, called := people[3], people[atOnce+20]
	if _, _, err := h.registry.Change(t.Context(), changed.ID, history.Edit{By: "bo", Via: "web", Fields: map[string]any{"notes": "speaks sign language"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.registry.Agree(t.Context(), called.ID, "conduct", "voice", "bo"); err != nil {
		t.Fatal(err)
	}
	undone, err := h.office.Undo(t.Context(), i.ID, "ana", "Ana")
	if err != nil || !slices.Equal(undone.Kept, []string{changed.ID, called.ID}) {
		t.Errorf("kept are %v (%v)", undone.Kept, err)
	}
	if n := len(h.people(t)); n != 2 { // at once, not when all are removed
		t.Errorf("%d people are seen", n)
	}
	h.until(t, i.ID, Undone)
	if got := h.people(t); len(got) != 2 || got[0].ID != changed.ID || got[1].ID != called.ID {
		t.Errorf("%d people are left", len(got))
	}
	if err := h.store.View(func(tx *store.Tx) error {
		return tx.EachValue(func(table, key string, value []byte) {
			if bytes.Contains(value, []byte(people[5].Phone)) {
				t.Errorf("%s/%s still has somebody's number", table, key)
			}
		})
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.office.Undo(t.Context(), i.ID, "ana", "Ana"); err != WrongState {
		t.Errorf("a second time: %v", err)
	}
	// Brought in again, those who stayed are there already.
	if c := h.check(t, h.take(t, "volunteers", "people.csv", manyPeople(2*atOnce+7))); c.Same != 2 || c.New != 2*atOnce+5 {
		t.Errorf("%d are there, %d are new", c.Same, c.New)
	}
}

// Whoever was erased here does not come back with an old file.
func TestWhoWasErasedDoesNotComeBack(t *testing.T) {
	h := newHouse(t, storetest.Open(t))
	ada, err := h.registry.Enter(t.Context(), volunteers.Registrant{GivenName: "Ada", Phone: "+12025550101", Source: "walk_in"}, "bo", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	old := exported(t, volunteers.Table(h.registry), table.WriteCSV)
	if err := h.store.Update(t.Context(), func(tx *store.Tx) error { return volunteers.Erase(tx, ada.ID) }); err != nil {
		t.Fatal(err)
	}
	if c := h.check(t, h.take(t, "volunteers", "old.csv", old)); c.Refused != 1 || c.Lines[0].Notes[0].Key != "erased" {
		t.Errorf("the check says %+v", c)
	}
}

// A list becomes a round that nobody has started, and goes as one.
func TestAListOfPeopleToCallBecomesARound(t *testing.T) {
	h := newHouse(t, storetest.Open(t))
	h.runs(t)
	if err := h.contacts.StopNumber(t.Context(), "+12025550103", "bo", "Bo"); err != nil {
		t.Fatal(err)
	}
	file := []byte("First name,Last name,Tel,Language\nAda,Ros,2025550101,es\nBo,,2025550102,fr\nAda,,+12025550101,\nCleo,,2025550103,en\nDara,,5,\n")
	u := h.take(t, "call_list", "list.csv", file)
	if _, err := h.office.Start(t.Context(), u, Order{Basis: "Signed at the school", Without: true}); err != WrongTitle {
		t.Errorf("without a name: %v", err)
	}
	c := h.check(t, u)
	if c.New != 3 || c.Same != 1 || c.Refused != 1 || c.Lines[1].Notes[0].Key != "language" || c.Lines[3].Notes[0].Key != "stopped" {
		t.Errorf("the check says %+v", c)
	}
	i := h.brought(t, "call_list", "list.csv", file)
	all, err := h.contacts.Rounds()
	if err != nil || len(all) != 1 || all[0].ID != i.Made || all[0].State != triage.RoundDraft || all[0].People != 3 || all[0].Name != "Riverside" || all[0].Queue != "help" {
		t.Fatalf("the rounds are %+v (%v)", all, err)
	}
	var got []string
	if err := h.contacts.EachInRound(i.Made, func(p triage.RoundPerson) bool {
		got = append(got, fmt.Sprint(p.Line, p.Name, string(p.Number), p.Language, p.State))
		return true
	}); err != nil || !slices.Equal(got, []string{"2Ada Ros+12025550101eswaits", "3Bo+12025550102waits", "5Cleo+12025550103enwaits"}) {
		t.Errorf("on the list are %q (%v)", got, err)
	}
	if _, err := h.office.Undo(t.Context(), i.ID, "ana", "Ana"); err != nil {
		t.Fatal(err)
	}
	h.until(t, i.ID, Undone)
	if all, err := h.contacts.Rounds(); err != nil || len(all) != 0 {
		t.Errorf("the rounds are %+v (%v)", all, err)
	}
	// One that runs is not taken back.
	i = h.brought(t, "call_list", "list.csv", file)
	if err := h.contacts.SetRound(t.Context(), i.Made, triage.RoundRunning, "bo"); err != nil {
		t.Fatal(err)
	}
	if undone, err := h.office.Undo(t.Context(), i.ID, "ana", "Ana"); err != nil || !slices.Equal(undone.Kept, []string{i.Made}) {
		t.Errorf("kept are %v (%v)", undone.Kept, err)
	}
	h.until(t, i.ID, Undone)
	if all, err := h.contacts.Rounds(); err != nil || len(all) != 1 {
		t.Errorf("the rounds are %+v (%v)", all, err)
	}
}

func exported(tb testing.TB, t table.Table, write func(io.Writer, table.Table) error) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := write(&b, t); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}
