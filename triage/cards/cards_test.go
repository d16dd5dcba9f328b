package cards

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/luhn"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
)

// Who is erased is in no value of the file any more, history and notes included.
func TestWhatIsErasedIsNowhere(t *testing.T) {
	s := storetest.Open(t)
	c, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	lost := add(t, c, MissingPersons, "", map[string]any{"full_name": "Xochitl Ruiz"})
	note := add(t, c, MissingNotes, lost.ID, map[string]any{"author_name": "Ana", "source_date": "2026-11-21T10:00", "text": "Xochitl was at the school"})
	other := add(t, c, MissingPersons, "", map[string]any{"full_name": "Juan Pérez"})
	if _, _, err := c.Change(t.Context(), lost.ID, history.Edit{Fields: map[string]any{"wearing": "Xochitl's red coat"}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Erase(t.Context(), lost.ID, "ana"); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(tx *store.Tx) error {
		return tx.EachValue(func(table, key string, value []byte) {
			if bytes.Contains(value, []byte("Xochitl")) {
				t.Errorf("%s/%s still says %s", table, key, value)
			}
		})
	}); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{lost.ID, note.ID} {
		if _, err := c.Get(gone); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s is still there: %v", gone, err)
		}
	}
	if _, err := c.Get(other.ID); err != nil {
		t.Errorf("somebody else was erased too: %v", err)
	}
}

func open(t *testing.T) *Cards {
	t.Helper()
	c, err := Open(storetest.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func add(t *testing.T, c *Cards, kind, of string, values map[string]any) Card {
	t.Helper()
	card, err := c.Add(t.Context(), kind, of, values, "ana")
	if err != nil {
		t.Fatalf("%s %v: %v", kind, values, err)
	}
	return card
}

func TestAMissingPersonCollectsNotes(t *testing.T) {
	c := open(t)
	person := add(t, c, MissingPersons, "", map[string]any{"full_name": "Juan Pérez", "child": true, "last_seen_at": "2026-11-20T08:30"})
	if !luhn.Valid(person.Code) || len(person.Code) != 8 {
		t.Errorf("the code is %s", person.Code)
	}
	note := add(t, c, MissingNotes, person.ID, map[string]any{"author_name": "Ana", "source_date": "2026-11-21T10:00", "text": "was at the school", "status": "believed_alive"})
	list, err := c.Belonging(person.ID)
	if err != nil || len(list) != 1 || list[0].ID != note.ID {
		t.Errorf("it has the notes %v (%v)", list, err)
	}
	for name, wrong := range map[string]struct {
		kind, of string
		values   map[string]any
	}{
		"a note about nobody":         {MissingNotes, "", map[string]any{"author_name": "x", "source_date": "2026-11-21T10:00", "text": "x"}},
		"a person of somebody":        {MissingPersons, person.ID, map[string]any{"full_name": "x"}},
		"nobody's name":               {MissingPersons, "", map[string]any{"full_name": " \u202e "}},
		"a question that is not one":  {MissingPersons, "", map[string]any{"full_name": "x", "religion": "x"}},
		"an answer that is not one":   {MissingPersons, "", map[string]any{"full_name": "x", "sex": "yes"}},
		"a day that is none":          {MissingPersons, "", map[string]any{"full_name": "x", "expiry_date": "soon"}},
		"a text without end":          {MissingPersons, "", map[string]any{"full_name": strings.Repeat("x", 5000)}},
		"two answers where one is":    {MissingPersons, "", map[string]any{"full_name": []string{"x", "y"}}},
		"a kind that does not exist ": {"pets", "", nil},
	} {
		if _, err := c.Add(t.Context(), wrong.kind, wrong.of, wrong.values, "ana"); err == nil {
			t.Errorf("%s was written down", name)
		}
	}
}

func TestCardsKnowTheirHistoryAndConflicts(t *testing.T) {
	c := open(t)
	card := add(t, c, Directory, "", map[string]any{"organization_name": "Cruz Roja", "service_name": "Agua", "city": "Roma"})
	change := func(by, shown, city string) []history.Conflict {
		t.Helper()
		_, conflicts, err := c.Change(t.Context(), card.ID, history.Edit{By: by, Via: "web", Fields: map[string]any{"city": city}, Shown: map[string]any{"city": shown}})
		if err != nil {
			t.Fatal(err)
		}
		return conflicts
	}
	if got := change("bea", "Roma", "Condesa"); len(got) != 0 {
		t.Errorf("the first change is in conflict: %v", got)
	}
	if got := change("carla", "Roma", "Centro"); len(got) != 1 || string(got[0].Theirs) != `"Condesa"` {
		t.Errorf("the second one is told %v", got)
	}
	if _, _, err := c.Change(t.Context(), card.ID, history.Edit{Fields: map[string]any{"service_name": ""}}); !errors.As(err, new(FieldError)) {
		t.Errorf("a service without a name: %v", err)
	}
	list, err := c.History(card.ID)
	if err != nil || len(list) != 2 || list[1].By != "bea" || list[1].Fields[0].Name != "city" {
		t.Errorf("the history is %+v (%v)", list, err)
	}
}

func TestWhatIsSensitiveLeavesOnlyWithEverything(t *testing.T) {
	c := open(t)
	add(t, c, Feedback, "", map[string]any{"type": "thanks", "text": "thank you"})
	add(t, c, Feedback, "", map[string]any{"type": "complaint", "sensitive": true, "text": "Xochitl was asked for money"})
	write := func(level table.Level) string {
		var out bytes.Buffer
		if err := table.WriteCSV(&out, c.TableOf(Feedback).At(level, time.Time{})); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if all := write(table.Full); !strings.Contains(all, "Xochitl") || !strings.Contains(all, "thank you") {
		t.Errorf("everything is %s", all)
	}
	for _, level := range []table.Level{table.Coordination, table.Referral} {
		if some := write(level); strings.Contains(some, "complaint") || strings.Contains(some, "Xochitl") || !strings.Contains(some, "thanks") {
			t.Errorf("%s is %s", level, some)
		}
	}
}

// The names and their order are those of PFIF 1.4.
func TestMissingPersonsHaveTheNamesOfTheStandard(t *testing.T) {
	c := open(t)
	names := func(kind string) (out []string) {
		for _, col := range c.TableOf(kind).Columns {
			out = append(out, col.Name)
		}
		return out
	}
	follow := func(kind string, want ...string) {
		t.Helper()
		have := names(kind)
		at := -1
		for _, name := range want {
			i := slices.Index(have, name)
			if i <= at {
				t.Errorf("%s: %s is at %d, behind %d: %v", kind, name, i, at, have)
			}
			at = i
		}
	}
	follow(MissingPersons, "person_record_id", "entry_date", "expiry_date", "author_name", "author_email", "author_phone", "source_name", "source_date", "source_url",
		"full_name", "given_name", "family_name", "alternate_names", "description", "sex", "date_of_birth", "age", "home_street", "home_neighborhood", "home_city",
		"home_state", "home_postal_code", "home_country", "photo_url", "profile_urls")
	follow(MissingNotes, "note_record_id", "person_record_id", "entry_date", "linked_person_record_id", "author_name", "author_email", "author_phone", "source_date",
		"author_made_contact", "status", "email_of_found_person", "phone_of_found_person", "last_known_location", "text")
	for _, col := range c.TableOf(MissingPersons).Columns {
		if col.Level != table.Full {
			t.Errorf("%s leaves the box with %s", col.Name, col.Level)
		}
	}
}

func TestKindsAreChecked(t *testing.T) {
	good := string(kindsFile)
	for what, bad := range map[string]string{
		"a kind of question":   strings.Replace(good, "kind: day", "kind: moon", 1),
		"a level":              strings.Replace(good, "level: L3", "level: L9", 1),
		"a name of a field":    strings.Replace(good, "name: author_email", "name: author_name", 1),
		"a title":              strings.Replace(good, "title: full_name", "title: nothing", 1),
		"choices of a line":    strings.Replace(good, "kind: one, choices: [female", "kind: line, choices: [female", 1),
		"an unknown key":       strings.Replace(good, "find: number", "search: number", 1),
		"a kind of card":       strings.Replace(good, "directory:", "telephones:", 1),
		"how it can be found ": strings.Replace(good, "find: number", "find: luck", 1),
	} {
		if bad == good {
			t.Fatalf("%s: the test changes nothing", what)
		}
		if _, err := load([]byte(bad)); err == nil {
			t.Errorf("%s that does not exist was taken", what)
		}
	}
}
