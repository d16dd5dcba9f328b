package volunteers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/volunteers"
)

// keeping is a store for a registry, and its lists.
func keeping(t *testing.T) (*store.Store, *lists.Keeper) {
	t.Helper()
	s := storetest.Open(t)
	return s, liststest.Open(t, s)
}

// told is a complete telephone registration, as the dialogue leaves it.
func told(contact, number string) map[string]string {
	return map[string]string{
		"contact.id": contact, "caller.number": number, "age": "adult", "languages": "es", "area": "01450",
		"willing": "anywhere", "availability": "now", "skills": "first_aid,computers", "transport": "car", "consent": "yes",
	}
}

func voice() map[string][]byte {
	return map[string][]byte{
		"registrant.name":   audio.Tone(300, 2500*time.Millisecond, -20).MuLaw(),
		"registrant.skills": audio.Tone(400, 9*time.Second, -20).MuLaw(),
		"announcement":      {1, 2, 3}, // of the call, not of the registration
	}
}

func saved(t *testing.T, s *store.Store) (what []string) {
	t.Helper()
	if err := s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			if ev.Kind == volunteers.EventSaved {
				what = append(what, ev.Data["what"])
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return what
}

func TestACallBecomesARecord(t *testing.T) {
	s := storetest.Open(t)
	g := volunteers.NewRegistry(s, liststest.Open(t, s))
	code, err := g.SaveAnswers(t.Context(), told("c1", "+525512345678"), voice())
	if err != nil {
		t.Fatal(err)
	}
	if len(code) != 6 || code[0] == '0' || !volunteers.ValidCode(code) {
		t.Errorf("code %q", code)
	}
	r, err := g.ByCode(code)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != volunteers.StatusRegistered || r.Incomplete || len(r.Missing()) > 0 || r.Phone != "+525512345678" || r.Contact != "c1" ||
		r.Source != "phone" || r.Age != volunteers.Adult || !slices.Equal(r.Languages, []string{"es"}) || r.Area != "01450" ||
		r.Willing != volunteers.WillingAnywhere || r.Availability != volunteers.AvailableNow || r.Transport != volunteers.TransportCar ||
		!slices.Equal(r.Skills, []volunteers.Skill{volunteers.SkillFirstAid, volunteers.SkillComputers}) {
		t.Errorf("record %+v", r)
	}
	if !r.Consent.Given || r.Consent.At.IsZero() || r.Consent.How != "key" || r.Consent.Version == "" {
		t.Errorf("consent %+v", r.Consent)
	}
	if len(r.Recordings) != 2 {
		t.Errorf("recordings %+v", r.Recordings)
	}
	sound, err := g.Sound(r.ID, volunteers.RecordingName)
	if err != nil || sound.Duration() != 2500*time.Millisecond {
		t.Errorf("the name lasts %s, %v", sound.Duration(), err)
	}
	if _, err := g.Sound(r.ID, "announcement"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a recording that is not the registrant's was kept: %v", err)
	}
	if again, err := g.Get(r.ID); err != nil || again.Code != code {
		t.Errorf("by id: %+v, %v", again, err)
	}
}

func TestOneCallIsOneRegistrant(t *testing.T) {
	s := storetest.Open(t)
	g := volunteers.NewRegistry(s, liststest.Open(t, s))
	// The caller hangs up half-way, the host saves, then the call turns out to
	// have been complete, and everything is said twice.
	early := told("c1", "+525512345678")
	for _, later := range []string{"consent", "transport", "skills", "availability"} {
		delete(early, later)
	}
	first, begun, err := g.SaveUnfinished(t.Context(), early, nil)
	if err != nil || !begun || !first.Incomplete || !slices.Contains(first.Missing(), "skills") {
		t.Fatalf("%+v, %t, %v", first, begun, err)
	}
	var codes []string
	for range 2 {
		code, err := g.SaveAnswers(t.Context(), told("c1", "+525512345678"), voice())
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	last, begun, err := g.SaveUnfinished(t.Context(), early, nil)
	if err != nil || !begun || last.Incomplete || last.Transport != volunteers.TransportCar || last.ID != first.ID {
		t.Errorf("a complete record was made worse: %+v, %v", last, err)
	}
	if codes[0] != first.Code || codes[1] != first.Code {
		t.Errorf("codes %v, at first %s", codes, first.Code)
	}
	if all, err := g.List(0, 10); err != nil || len(all) != 1 {
		t.Errorf("%d registrants, %v", len(all), err)
	}
	if what := saved(t, s); !slices.Equal(what, []string{"incomplete", "completed"}) {
		t.Errorf("events %v: saving the same again is no news", what)
	}
}

func TestTwoSavesAtOnceAreOneRegistrant(t *testing.T) {
	g := volunteers.NewRegistry(keeping(t))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := g.SaveAnswers(t.Context(), told("c1", "+525512345678"), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, err := g.List(0, 10); err != nil || len(all) != 1 {
		t.Errorf("%d registrants, %v", len(all), err)
	}
}

func Test2b29TheSamePhoneAgainIsLinked(t *testing.T) {
	g := volunteers.NewRegistry(keeping(t))
	save := func(contact, number string) volunteers.Registrant {
		t.Helper()
		code, err := g.SaveAnswers(t.Context(), told(contact, number), nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := g.ByCode(code)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	mother, daughter, stranger := save("c1", "+525512345678"), save("c2", "+525512345678"), save("c3", "+525599999999")
	if len(mother.SamePhone) != 0 || !slices.Equal(daughter.SamePhone, []string{mother.ID}) || len(stranger.SamePhone) != 0 || mother.Code == daughter.Code {
		t.Errorf("mother %+v\ndaughter %+v\nstranger %+v", mother, daughter, stranger)
	}
}

func Test2b28AWithheldNumberIsAskedFor(t *testing.T) {
	g := volunteers.NewRegistry(keeping(t))
	answers := told("c1", "")
	r, _, err := g.SaveUnfinished(t.Context(), answers, voice())
	if err != nil || !slices.Equal(r.Missing(), []string{"phone"}) || !r.Incomplete {
		t.Errorf("missing %v, %v", r.Missing(), err)
	}
	answers["callback.number"] = "5559876543"
	if _, err := g.SaveAnswers(t.Context(), answers, voice()); err != nil {
		t.Fatal(err)
	}
	if r, err = g.Get(r.ID); err != nil || r.Phone != "5559876543" || r.Incomplete {
		t.Errorf("record %+v, %v", r, err)
	}
}

func TestANoIsANo(t *testing.T) {
	s := storetest.Open(t)
	g := volunteers.NewRegistry(s, liststest.Open(t, s))
	for name, change := range map[string][2]string{"no consent": {"consent", "no"}, "a child": {"age", "under16"}, "nothing said yet": {"age", ""}} {
		answers := told("c1", "+525512345678")
		answers[change[0]] = change[1]
		if _, begun, err := g.SaveUnfinished(t.Context(), answers, voice()); begun || err != nil {
			t.Errorf("%s: saved %t, %v", name, begun, err)
		}
		if _, err := g.SaveAnswers(t.Context(), answers, voice()); err == nil && change[1] != "" {
			t.Errorf("%s: saved", name)
		}
	}
}

func TestNonsenseIsNotRecorded(t *testing.T) {
	g := volunteers.NewRegistry(keeping(t))
	answers := told("c1", "+525512345678")
	maps.Copy(answers, map[string]string{"skills": "doctor,wizard,doctor", "willing": "yes", "transport": "dragon"})
	code, err := g.SaveAnswers(t.Context(), answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.ByCode(code)
	if err != nil || !slices.Equal(r.Skills, []volunteers.Skill{volunteers.SkillDoctor}) || !slices.Equal(r.Missing(), []string{"name", "willing", "transport"}) || !r.Incomplete {
		t.Errorf("record %+v, missing %v, %v", r, r.Missing(), err)
	}
}

func TestListIsNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := volunteers.NewRegistry(keeping(t))
		for i := range 5 {
			if _, err := g.SaveAnswers(t.Context(), told(fmt.Sprint("c", i), fmt.Sprint("+52551234567", i)), nil); err != nil {
				t.Fatal(err)
			}
			<-time.After(2 * time.Millisecond) // ids are ordered by the millisecond
		}
		contacts := func(skip, limit int) (got []string) {
			list, err := g.List(skip, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				got = append(got, r.Contact)
			}
			return got
		}
		if got := contacts(0, 2); !slices.Equal(got, []string{"c4", "c3"}) {
			t.Errorf("first page %v", got)
		}
		if got := contacts(3, 10); !slices.Equal(got, []string{"c1", "c0"}) {
			t.Errorf("last page %v", got)
		}
		n := 0
		stop := errors.New("enough")
		if err := g.Each(func(volunteers.Registrant) error {
			if n++; n == 3 {
				return stop
			}
			return nil
		}); !errors.Is(err, stop) || n != 3 {
			t.Errorf("%d seen, %v", n, err)
		}
	})
}

func TestCodesCatchSlipsOfTheFinger(t *testing.T) {
	g := volunteers.NewRegistry(keeping(t))
	seen := map[string]bool{}
	for i := range 40 {
		code, err := g.SaveAnswers(t.Context(), told(fmt.Sprint("c", i), ""), nil)
		if err != nil {
			t.Fatal(err)
		}
		if seen[code] || !volunteers.ValidCode(code) {
			t.Errorf("code %s is wrong or taken", code)
		}
		seen[code] = true
		for at := range code {
			for d := byte('0'); d <= '9'; d++ {
				wrong := code[:at] + string(d) + code[at+1:]
				if wrong != code && volunteers.ValidCode(wrong) {
					t.Errorf("%s passes for %s", wrong, code)
				}
			}
		}
	}
	for _, bad := range []string{"", "12345", "1234567", "abcdef", "12345٣", "79927398713"} {
		if volunteers.ValidCode(bad) {
			t.Errorf("%q is no code", bad)
		}
	}
	if !volunteers.ValidCode("123455") { // Luhn by hand: 5·2-9, 4, 3·2, 2, 1·2 → 15
		t.Error("123455 is right")
	}
	if _, err := g.ByCode("000000"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a code nobody has: %v", err)
	}
}

func TestNumbersAreNotInTheFile(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := volunteers.NewRegistry(s, liststest.Open(t, s)).SaveAnswers(t.Context(), told("c1", "+525512345678"), voice()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "hotline.db"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "5512345678") || strings.Contains(string(b), "first_aid") {
		t.Error("the file shows a registrant in clear")
	}
}

func TestRecordsHaveStableNames(t *testing.T) {
	b, err := json.Marshal(volunteers.Registrant{ID: "1", Phone: call.Number("+1"), Consent: volunteers.Consent{Given: true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"id":"1"`, `"phone":"+1"`, `"incomplete":false`, `"consent":{"given":true}`, `"registered_at":`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
	if !volunteers.SkillShelter.NeedsBackgroundCheck() || volunteers.SkillDriver.NeedsBackgroundCheck() {
		t.Error("who looks after children is checked, who drives is not")
	}
}

func TestAFailedSaveLeavesNothing(t *testing.T) {
	s := storetest.Open(t)
	g := volunteers.NewRegistry(s, liststest.Open(t, s))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.SaveAnswers(ctx, told("c1", "+525512345678"), voice()); err == nil || !strings.Contains(err.Error(), "was not stored") {
		t.Errorf("error %v", err)
	}
	var evs []events.Event
	if err := s.View(func(tx *store.Tx) error {
		evs = slices.Collect(tx.EventLog(1))
		return nil
	}); err != nil || len(evs) != 0 {
		t.Errorf("%d events, %v", len(evs), err)
	}
}
