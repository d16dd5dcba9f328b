package cards

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/history"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// What is published holds what PFIF 1.4 asks for, in its order, and nobody who
// must not be published.
func TestPFIFIsWhatMayBePublished(t *testing.T) {
	c := open(t)
	person := add(t, c, MissingPersons, "", map[string]any{"full_name": "Ana <Lee>", "home_city": "Puebla", "author_name": "Secret Seeker", "author_phone": "+12024561111", "may_publish": true, "wearing": "red coat"})
	add(t, c, MissingPersons, "", map[string]any{"full_name": "Small Child", "may_publish": true, "child": true})
	add(t, c, MissingPersons, "", map[string]any{"full_name": "Not Published"})
	add(t, c, MissingNotes, person.ID, map[string]any{"author_name": "Secret Witness", "source_date": "2026-03-01T12:00", "status": "believed_alive", "text": "seen at the school"})
	var out bytes.Buffer
	n, err := c.WritePFIF(&out, export.Cut{Level: table.Full})
	if err != nil || n != 1 {
		t.Fatalf("%d people, %v", n, err)
	}
	var read struct {
		XMLName xml.Name `xml:"http://zesty.ca/pfif/1.4 pfif"`
		Persons []struct {
			ID     string `xml:"person_record_id"`
			Entry  string `xml:"entry_date"`
			Source string `xml:"source_date"`
			Name   string `xml:"full_name"`
			City   string `xml:"home_city"`
			Notes  []struct {
				Person  string `xml:"person_record_id"`
				Source  string `xml:"source_date"`
				Contact string `xml:"author_made_contact"`
				Status  string `xml:"status"`
				Text    string `xml:"text"`
			} `xml:"note"`
		} `xml:"person"`
	}
	if err := xml.Unmarshal(out.Bytes(), &read); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	p := read.Persons[0]
	if len(read.Persons) != 1 || p.ID != "hotline.local/"+person.ID || p.Name != "Ana <Lee>" || p.City != "Puebla" || p.Entry == "" || p.Source != p.Entry || len(p.Notes) != 1 {
		t.Errorf("read %+v", p)
	}
	if note := p.Notes[0]; note.Person != p.ID || note.Status != "believed_alive" || note.Text != "seen at the school" || note.Contact != "false" || !strings.HasSuffix(note.Source, ":00Z") {
		t.Errorf("note %+v", note)
	}
	for _, secret := range []string{"Secret", "2024561111", "Small Child", "Not Published", "red coat"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("it publishes %q", secret)
		}
	}
}

// Whatever says that somebody is under 18 keeps them from being published, also
// when it is written later.
func TestNobodyUnder18IsPublished(t *testing.T) {
	c := open(t)
	born := func(years int) string { return time.Now().AddDate(-years, 0, 1).Format(time.DateOnly) }
	for name, said := range map[string]map[string]any{"a child": {"child": true}, "alone": {"unaccompanied": true}, "age": {"age": "17"}, "a range": {"age": "15-20"},
		"months": {"age": "8 months"}, "a birthday tomorrow": {"date_of_birth": born(18)}} {
		said["full_name"], said["may_publish"] = name, true
		if card := add(t, c, MissingPersons, "", said); card.Value("may_publish") != "" {
			t.Errorf("%s may be published", name)
		}
	}
	later := add(t, c, MissingPersons, "", map[string]any{"full_name": "Later", "may_publish": true, "age": "about 40", "date_of_birth": born(40)})
	if later.Value("may_publish") == "" {
		t.Fatal("an adult cannot be published")
	}
	if _, _, err := c.Change(t.Context(), later.ID, history.Edit{By: "ana", Via: "web", Fields: map[string]any{"age": "14"}}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if n, err := c.WritePFIF(&out, export.Cut{Level: table.Full}); err != nil || n != 0 {
		t.Errorf("%d people are published, %v: %s", n, err, out.String())
	}
}

func TestWhoLooksForSomebodyIsErasedAndThePersonIsNot(t *testing.T) {
	c := open(t)
	person := add(t, c, MissingPersons, "", map[string]any{"full_name": "Ana Lee", "author_name": "Secret Seeker", "author_phone": "+12024561111"})
	other := add(t, c, MissingPersons, "", map[string]any{"full_name": "Bo", "author_phone": "+12024562222"})
	if err := c.store.Update(t.Context(), func(tx *store.Tx) error {
		ids := RecordsOf(tx, "+12024561111", nil)
		if len(ids) != 1 || ids[0] != person.ID {
			t.Errorf("found %v", ids)
		}
		return Erase(tx, ids[0], "+12024561111")
	}); err != nil {
		t.Fatal(err)
	}
	if places, err := c.store.Mentions(t.Context(), "2024561111", "Secret Seeker"); err != nil || len(places) != 0 {
		t.Errorf("it still stands in %v %v", places, err)
	}
	kept, err := c.Get(person.ID)
	if err != nil || kept.Value("full_name") != "Ana Lee" {
		t.Errorf("who is looked for is %+v %v", kept, err)
	}
	if got, err := c.Get(other.ID); err != nil || got.Value("author_phone") == "" {
		t.Errorf("somebody else is %+v %v", got, err)
	}
}
