package privacy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/calendar"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/proof"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/find"
	"hotline/triage/intake"
	"hotline/volunteers"
)

const number = call.Number("+12024561111")

type box struct {
	t        *testing.T
	dir      string
	store    *store.Store
	keeper   *Keeper
	contacts *triage.Contacts
	cases    *triage.Cases
	registry *volunteers.Registry
}

func open(t *testing.T) *box {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Verify(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return &box{t, dir, s, New(s, "Flood", slog.New(slog.DiscardHandler), Aging{Rule: "imports", Find: intake.Aged, Gone: intake.Expire}), triage.NewContacts(s), triage.NewCases(s, liststest.Open(t, s)), volunteers.NewRegistry(s, liststest.Open(t, s))}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *box) called(from call.Number, open string) triage.Contact {
	b.t.Helper()
	k, err := b.contacts.Open(b.t.Context(), triage.Contact{Caller: from, Channel: "phone", Direction: "in", Dialled: "100"})
	must(b.t, err)
	if open != "running" {
		k, err = b.contacts.End(b.t.Context(), k.ID, func(k *triage.Contact, _ time.Time) { k.Outcome, k.Open = triage.OutcomeAbandonedQueue, open })
		must(b.t, err)
	}
	return k
}

// person leaves everything that a person can leave.
func (b *box) person() (k triage.Contact, cs triage.Case, r volunteers.Registrant) {
	b.t.Helper()
	ctx := b.t.Context()
	k, err := b.contacts.Open(ctx, triage.Contact{Caller: number, Channel: "phone", Direction: "in", Dialled: "100"})
	must(b.t, err)
	must(b.t, b.contacts.KeepMessage(ctx, k.ID, triage.Message{Box: "help"}, audio.Tone(440, time.Second, -12).MuLaw()))
	_, err = b.cases.Save(ctx, k.ID, "ana", map[string]any{"name": "Maria Grusinskaya", "notes": "lives behind the church", "place": "Elm Street", "top_need": "water", "people_total": 4, "callback_number": string(number)})
	must(b.t, err)
	cs, err = b.cases.Save(ctx, k.ID, "ana", map[string]any{"name": "Maria G."})
	must(b.t, err)
	_, err = b.contacts.End(ctx, k.ID, func(k *triage.Contact, _ time.Time) {
		k.Outcome, k.Open = triage.OutcomeAbandonedQueue, triage.OpenAbandoned
	})
	must(b.t, err)
	b.called(number, triage.OpenAbandoned)
	second := b.called("+12024569999", triage.OpenCallBack) // rang from another telephone
	_, err = b.contacts.Change(ctx, second.ID, func(k *triage.Contact, _ time.Time) []events.Event { k.CallBack = number; return nil })
	must(b.t, err)
	_, err = b.contacts.MakeRound(ctx, triage.Round{Name: "are you safe", Queue: "help"}, []triage.ListedPerson{{Name: "Maria", Number: string(number)}, {Name: "Bo", Number: "+12024562222"}}, "US", "ana", "Ana")
	must(b.t, err)
	must(b.t, b.contacts.StopNumber(ctx, number, "ana", "Maria wants no calls"))
	r, err = b.registry.Save(ctx, volunteers.Registrant{Phone: number, GivenName: "Maria", FamilyName: "Grusinskaya", Source: "phone"}, map[string][]byte{volunteers.RecordingName: audio.Tone(500, time.Second, -12).MuLaw()})
	must(b.t, err)
	return k, cs, r
}

func secrets() []string {
	return []string{"2024561111", "Maria", "Grusinskaya", "church", "Elm Street"}
}

func TestWhoIsErasedIsNowhere(t *testing.T) {
	b := open(t)
	k, cs, r := b.person()
	other := b.called("+12024562222", triage.OpenAbandoned)
	filed, err := cards.Open(b.store)
	must(t, err)
	_, err = filed.Add(t.Context(), cards.Feedback, "", map[string]any{"type": "thanks", "text": "Maria says thank you", "answer_how": "(202) 456-1111"}, "ana")
	must(t, err)
	finder := find.New(find.Config{Store: b.store, Lists: liststest.Open(t, b.store), Contacts: b.contacts, Cases: b.cases, Registrants: b.registry, Cards: filed, Region: "US", Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- finder.Run(ctx) }()
	defer func() { stop(); <-done }()
	<-finder.Ready()
	p, err := b.keeper.Of(number, "")
	must(t, err)
	if len(p.Contacts) != 3 || len(p.Cases) != 1 || len(p.Registrants) != 1 || len(p.Rounds) != 1 || len(p.Cards) != 1 {
		t.Fatalf("found %+v", p)
	}
	before, err := b.store.Mentions(t.Context(), secrets()...)
	if err != nil || len(before) < 5 {
		t.Fatalf("before, it stands in %v %v", before, err)
	}
	blobs, err := os.ReadDir(filepath.Join(b.dir, "blobs"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("%d files of sound, %v", len(blobs), err)
	}
	if err := b.keeper.Erase(t.Context(), p, "chen", "because Maria asked"); !errors.Is(err, ErrWhy) {
		t.Errorf("with words that would stay: %v", err)
	}
	must(t, b.keeper.Erase(t.Context(), p, "chen", "asked"))
	must(t, b.keeper.Scrub(t.Context()))
	after, err := b.store.Mentions(t.Context(), secrets()...)
	if err != nil || len(after) != 0 {
		t.Errorf("it still stands in %v %v", after, err)
	}
	if left, err := b.keeper.Left(t.Context(), number); err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
	if blobs, err := os.ReadDir(filepath.Join(b.dir, "blobs")); err != nil || len(blobs) != 0 {
		t.Errorf("%d files of sound are left, %v", len(blobs), err)
	}
	must(t, finder.Settle(t.Context()))
	for _, text := range []string{"Maria", "456 1111", cs.Code, r.Code} {
		for _, kind := range []string{find.Contacts, find.Cases, find.Registrants} {
			if got := finder.Find(find.Filter{Kind: kind, Text: text}, 0, 10); got.Count != 0 {
				t.Errorf("%q is still found among %s", text, kind)
			}
		}
	}
	if _, err := b.registry.ByCode(r.Code); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the code still opens the registration: %v", err)
	}
	if again, err := b.keeper.Of(number, cs.Code); err != nil || !again.Empty() {
		t.Errorf("found again: %+v %v", again, err)
	}
	// The counts are there, and others are as they were.
	kept, err := b.cases.Get(cs.ID)
	if err != nil || kept.Fields.TopNeed != "water" || kept.Fields.People != 4 || kept.Status != triage.CaseClosed {
		t.Errorf("the case is %+v %v", kept, err)
	}
	if call, err := b.contacts.Get(k.ID); err != nil || call.ReceivedAt.IsZero() || call.Open != "" || call.Case != cs.ID {
		t.Errorf("the contact is %+v %v", call, err)
	}
	if others, err := b.contacts.Get(other.ID); err != nil || others.Caller == "" || others.Open == "" {
		t.Errorf("somebody else is %+v %v", others, err)
	}
	total, _, err := triage.NewBooks(b.store).Balance(t.Context(), time.Now())
	if err != nil || !total.Holds() || total.Attempts != 4 || total.Open != 1 {
		t.Errorf("the books: %+v %v", total, err)
	}
	if _, _, err := b.store.VerifyLog(); err != nil {
		t.Error(err)
	}
	// And the folder as a stranger with grep sees it.
	must(t, filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		raw, err := io.ReadAll(io.LimitReader(f, 64<<20))
		for _, secret := range secrets() {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		return err
	}))
	proof.Note(t, proof.Result{Promise: "erased", Figure: fmt.Sprintf("%d records mention somebody who was erased, no search finds them, their sound is gone, and no file of the folder holds a word of theirs", len(after)),
		Control: fmt.Sprintf("before, %d records mention them", len(before))})
}

func TestNobodyIsErasedInTheMiddleOfACall(t *testing.T) {
	b := open(t)
	b.person()
	b.called(number, "running")
	p, err := b.keeper.Of(number, "")
	must(t, err)
	if err := b.keeper.Erase(t.Context(), p, "chen", "asked"); !errors.Is(err, triage.ErrRunning) {
		t.Errorf("%v", err)
	}
	if after, err := b.keeper.Of(number, ""); err != nil || fmt.Sprint(after) != fmt.Sprint(p) {
		t.Errorf("half of it is gone: %+v, before %+v", after, p)
	}
	if err := b.keeper.Erase(t.Context(), Person{}, "chen", "asked"); !errors.Is(err, ErrNobody) {
		t.Errorf("nobody: %v", err)
	}
}

// What is too old goes by itself, each kind by its own clock, and nothing that
// somebody still has to care for.
func TestRecordsGoByAge(t *testing.T) {
	b := open(t)
	open := b.called("+12024563333", triage.OpenAbandoned)
	unanswered := b.called("+12024564444", "")
	k, cs, r := b.person()
	_, err := b.cases.Move(t.Context(), cs.ID, triage.CaseClosed, "met", true, "ana", "")
	must(t, err)
	rules := Shipped()
	bad := rules
	bad.Log = 10
	if err := b.keeper.SetRules(t.Context(), bad, "chen"); !errors.Is(err, ErrDays) {
		t.Errorf("a log of ten days: %v", err)
	}
	rules.Cases = 60
	must(t, b.keeper.SetRules(t.Context(), rules, "chen"))
	day := func(n int) time.Time { return time.Now().AddDate(0, 0, n) }
	person := func(want string) {
		t.Helper()
		got, err := b.cases.Get(cs.ID)
		if err != nil || got.Fields.Name != want {
			t.Errorf("the case is of %q, want %q, %v", got.Fields.Name, want, err)
		}
	}
	caller := func(id string, want bool) {
		t.Helper()
		if got, err := b.contacts.Get(id); err != nil || (got.Caller != "") != want {
			t.Errorf("the contact has the number %v, want %v, %v", got.Caller != "", want, err)
		}
	}
	must(t, b.keeper.Sweep(t.Context(), day(29)))
	caller(unanswered.ID, true)
	must(t, b.keeper.Sweep(t.Context(), day(31)))
	caller(unanswered.ID, false)
	person("Maria G.")
	must(t, b.keeper.Sweep(t.Context(), day(61)))
	person("")
	caller(k.ID, true) // it is still open
	must(t, b.keeper.Sweep(t.Context(), day(4000)))
	caller(open.ID, true)
	if got, err := b.registry.Get(r.ID); err != nil || got.Phone != number {
		t.Errorf("a volunteer who has not left is %+v %v", got, err)
	}
	if end, n, err := b.store.VerifyLog(); err != nil || n == 0 || end.Seq < 10 {
		t.Errorf("the log after it was cut: %v %d %v", end, n, err)
	}
	if _, swept, err := b.keeper.Rules(); err != nil || swept.Before(day(3999)) {
		t.Errorf("swept %v %v", swept, err)
	}
	if places, err := b.store.Mentions(t.Context(), "Maria G."); err != nil || strings.Contains(fmt.Sprint(places), "case") {
		t.Errorf("the history still knows: %v %v", places, err)
	}
}

// A clock that is wrong by years takes nothing: not when it is noticed, and not
// afterwards, until somebody says that the date is right.
func TestAWrongClockErasesNothing(t *testing.T) {
	b := open(t)
	unanswered := b.called("+12024564444", "")
	night := time.Date(time.Now().Year(), time.Now().Month(), time.Now().Day()+1, 3, 0, 0, 0, time.Local)
	look := func(now time.Time, want bool) {
		t.Helper()
		must(t, b.keeper.look(t.Context(), now))
		if got, err := b.contacts.Get(unanswered.ID); err != nil || (got.Caller != "") != want {
			t.Errorf("on %s the contact has its number: %v, want %v, %v", now.Format(time.DateOnly), got.Caller != "", want, err)
		}
	}
	look(night, true)
	later := night.AddDate(20, 0, 0)
	for n := range 3 {
		look(later.AddDate(0, 0, n), true)
	}
	look(night.AddDate(0, 0, 1), true) // set right again
	if _, swept, err := b.keeper.Rules(); err != nil || swept.After(night.AddDate(0, 0, 2)) {
		t.Errorf("swept %v, %v", swept, err)
	}
	look(later, true)
	must(t, calendar.Confirm(t.Context(), b.store, later, "Flood", "chen"))
	look(later, false) // the control
}

// Records beside cases have clocks of their own. What is counted before is what
// goes, and nothing that somebody still has to care for.
func TestCardsRoundsAndHoursGoByAge(t *testing.T) {
	b := open(t)
	filed, err := cards.Open(b.store)
	must(t, err)
	add := func(kind, of string, values map[string]any) string {
		t.Helper()
		card, err := filed.Add(t.Context(), kind, of, values, "ana")
		must(t, err)
		return card.ID
	}
	note := func(of, status string) {
		add(cards.MissingNotes, of, map[string]any{"author_name": "Bo", "source_date": "2026-11-20T10:00", "status": status, "text": "seen"})
	}
	lost := add(cards.MissingPersons, "", map[string]any{"full_name": "Lost Lena"})
	note(lost, "information_sought")
	found := add(cards.MissingPersons, "", map[string]any{"full_name": "Found Fred"})
	note(found, "information_sought")
	note(found, "believed_alive")
	handed := add(cards.MissingPersons, "", map[string]any{"full_name": "Handed Hanna", "handed_to": "red_cross"})
	thanks := add(cards.Feedback, "", map[string]any{"type": "thanks", "text": "thank you"})
	waiting := add(cards.Feedback, "", map[string]any{"type": "complaint", "text": "nobody came"})
	grave := add(cards.Feedback, "", map[string]any{"type": "complaint", "text": "he asked for money", "sensitive": "yes", "answered_at": "2026-11-20T10:00"})
	service := add(cards.Directory, "", map[string]any{"organization_name": "Cruz Roja", "service_name": "Water"})
	_, cs, r := b.person()
	passed := add(cards.Referrals, cs.ID, map[string]any{"to_org": "Cruz Roja", "consent": "yes", "contact_person": "Elena"})
	_, err = b.cases.Move(t.Context(), cs.ID, triage.CaseClosed, "met", true, "ana", "")
	must(t, err)
	hours := volunteers.NewShifts(b.store, nil, "US")
	_, err = hours.CheckIn(t.Context(), r.ID, "", "phone")
	must(t, err)
	_, _, err = hours.CheckOut(t.Context(), r.ID, "", "phone")
	must(t, err)
	p, err := b.keeper.Of(number, r.Code)
	must(t, err)
	p.Cases, p.Cards, p.Contacts, p.Rounds = nil, nil, nil, nil // the volunteer alone
	must(t, b.keeper.Erase(t.Context(), p, "chen", "asked"))

	is := func(id string, want bool) {
		t.Helper()
		if _, err := filed.Get(id); errors.Is(err, store.ErrNotFound) == want {
			t.Errorf("card %s is there: %v, want %v", id, !want, want)
		}
	}
	day := func(n int) time.Time { return time.Now().AddDate(0, 0, n) }
	if counts, err := b.keeper.Preview(t.Context(), day(29)); err != nil || counts["cards"] != 0 {
		t.Errorf("after 29 days %v would go, %v", counts, err)
	}
	counts, err := b.keeper.Preview(t.Context(), day(31))
	if err != nil || counts["cards"] != 3 {
		t.Errorf("after 31 days %v would go, want the found, the handed over and the complaint, %v", counts, err)
	}
	is(found, true)
	must(t, b.keeper.Sweep(t.Context(), day(31)))
	for id, want := range map[string]bool{lost: true, found: false, handed: false, grave: false, thanks: true, waiting: true, service: true, passed: true} {
		is(id, want)
	}
	if places, err := b.store.Mentions(t.Context(), "Found Fred", "he asked for money"); err != nil || len(places) > 0 {
		t.Errorf("they still stand in %v %v", places, err)
	}
	if n, err := b.keeper.Unreviewed(day(91)); err != nil || n != 1 {
		t.Errorf("%d people to be looked at again, want Lena, %v", n, err)
	}
	must(t, b.keeper.Sweep(t.Context(), day(400)))
	for id, want := range map[string]bool{lost: true, thanks: false, waiting: true, service: true, passed: true} {
		is(id, want)
	}
	if card, err := filed.Get(passed); err != nil || card.Value("contact_person") != "" || card.Value("to_org") == "" {
		t.Errorf("the referral of an old case is %+v %v", card, err)
	}
	if list, err := hours.Of(r.ID); err != nil || len(list) != 1 {
		t.Errorf("after a year the hours of somebody are %v %v", list, err)
	}
	must(t, b.keeper.Sweep(t.Context(), day(1100)))
	if list, err := hours.Of(r.ID); err != nil || len(list) != 0 {
		t.Errorf("after three years the hours of somebody are %v %v", list, err)
	}
}

// What is left of a file that was brought in goes by its own clock: its name,
// where people agreed, and the way back. The people whom it brought stay.
func TestWhatIsLeftOfImportsGoesByAge(t *testing.T) {
	b := open(t)
	office := intake.New(intake.Config{Store: b.store, Operation: "Flood", Region: "US", Targets: []intake.Target{intake.People(liststest.Open(t, b.store))}, Log: slog.New(slog.DiscardHandler),
		Labels: func(string, string) []string { return nil }, Words: func(string, string, string) []string { return nil }})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	feed := b.store.Follow("imports")
	defer feed.Close()
	go func() { done <- office.Run(ctx) }()
	file, err := office.Take(ctx, "volunteers", "the-school.csv", []byte("Given name,Phone\nMaria,+12024561111\n"), "ana", "Ana")
	must(t, err)
	made, err := office.Start(ctx, file, intake.Order{By: "ana", ByName: "Ana", Basis: "Signed at the school"})
	must(t, err)
	for made.State != intake.Done {
		_, _, err := feed.Next(ctx)
		must(t, err)
		made, err = office.Import(made.ID)
		must(t, err)
	}
	stop()
	must(t, <-done)
	day := func(n int) time.Time { return time.Now().AddDate(0, 0, n) }
	if counts, err := b.keeper.Preview(t.Context(), day(89)); err != nil || counts["imports"] != 0 {
		t.Errorf("after 89 days %v would go, %v", counts, err)
	}
	must(t, b.keeper.Sweep(t.Context(), day(89)))
	back, err := b.keeper.Of(number, "")
	if err != nil || len(back.Registrants) != 1 {
		t.Fatalf("the person is %+v, %v", back, err)
	}
	if places, err := b.store.Mentions(t.Context(), back.Registrants[0]); err != nil || !strings.Contains(fmt.Sprint(places), "import_records") {
		t.Errorf("the way back is in %v, %v", places, err)
	}
	must(t, b.keeper.Sweep(t.Context(), day(91)))
	if _, err := office.Undo(t.Context(), made.ID, "ana", "Ana"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("taken back after that: %v", err)
	}
	places, err := b.store.Mentions(t.Context(), "the-school.csv")
	must(t, err)
	for _, place := range places {
		if strings.HasPrefix(place, "imports/") || strings.HasPrefix(place, "import_records/") {
			t.Errorf("it is still in %s", place)
		}
	}
	if list, err := office.List(10); err != nil || len(list) != 0 {
		t.Errorf("the page lists %v, %v", list, err)
	}
	p, err := b.keeper.Of(number, "")
	if err != nil || len(p.Registrants) != 1 {
		t.Errorf("the person is %+v, %v", p, err)
	}
	// Rules from before imports had one keep theirs, and get this one.
	must(t, b.store.Update(t.Context(), func(tx *store.Tx) error {
		old := state{Rules: Shipped(), Knows: beforeImports}
		old.Rules.Rounds, old.Rules.Imports = 7, 0
		return states.Put(tx, only, old)
	}))
	if rules, _, err := b.keeper.Rules(); err != nil || rules.Rounds != 7 || rules.Imports != Shipped().Imports {
		t.Errorf("older rules become %+v, %v", rules, err)
	}
}

// The page says when the records are looked at the next time: in the night.
func TestTheNextLookIsAtNight(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.Local) }
	for _, one := range []struct{ swept, now, want time.Time }{
		{time.Time{}, at(26, 14), at(27, 2)},
		{time.Time{}, at(26, 1), at(26, 2)},
		{time.Time{}, at(26, 3), at(26, 3)},
		{at(26, 3), at(26, 14), at(27, 2)},
		{at(26, 5), at(26, 14), at(27, 2)},
		{at(26, 3), at(26, 4), at(27, 2)},
	} {
		if got := NextLook(one.swept, one.now); !got.Equal(one.want) {
			t.Errorf("looked %v, now %v: %v, want %v", one.swept, one.now, got, one.want)
		}
	}
}
