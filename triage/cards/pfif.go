package cards

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
)

// pfifPerson and pfifNote are the fields of PFIF 1.4 in the order of the
// standard, without those of authors: they are published again by others, and
// people have been threatened for looking for somebody.
func pfifPerson() []string {
	return []string{"expiry_date", "source_name", "source_date", "source_url", "full_name", "given_name", "family_name", "alternate_names", "description", "sex",
		"date_of_birth", "age", "home_street", "home_neighborhood", "home_city", "home_state", "home_postal_code", "home_country", "photo_url", "profile_urls"}
}

func pfifNote() []string {
	return []string{"source_date", "author_made_contact", "status", "last_known_location", "text"}
}

const (
	pfifSpace = "http://zesty.ca/pfif/1.4"
	// pfifDomain stands before every identity, as the standard wants it.
	pfifDomain = "hotline.local/"
)

// WritePFIF writes the people who are looked for, with what is known of them, as
// PFIF 1.4. It is meant to be published: nobody under 18 is in it, nobody whose
// record does not say that it may be published, and no author. It returns how
// many people were written.
func (c *Cards) WritePFIF(w io.Writer, cut export.Cut) (n int, err error) {
	out := bufio.NewWriter(w)
	_, err = out.WriteString(xml.Header + `<pfif:pfif xmlns:pfif="` + pfifSpace + `">` + "\n")
	if err != nil {
		return 0, err
	}
	err = c.store.View(func(tx *store.Tx) error {
		n = 0
		for _, card := range cards.All(tx) {
			if card.Kind != MissingPersons || card.Value("may_publish") == "" || card.young(tx.Now()) || card.UpdatedAt.Before(cut.Since) || !sharing.Reaches(card.Value("share_scope"), cut.To) {
				continue
			}
			n++
			fmt.Fprint(out, "<pfif:person>\n")
			pfifTag(out, "person_record_id", pfifDomain+card.ID)
			pfifTag(out, "entry_date", pfifTime(card.CreatedAt))
			c.pfifFields(out, card, pfifPerson())
			for id := range cardsOf.IDs(tx, card.ID) {
				note, err := cards.Get(tx, id)
				if err != nil {
					return err
				}
				if note.Kind != MissingNotes {
					continue
				}
				fmt.Fprint(out, "<pfif:note>\n")
				pfifTag(out, "note_record_id", pfifDomain+note.ID)
				pfifTag(out, "person_record_id", pfifDomain+card.ID)
				pfifTag(out, "entry_date", pfifTime(note.CreatedAt))
				c.pfifFields(out, note, pfifNote())
				fmt.Fprint(out, "</pfif:note>\n")
			}
			fmt.Fprint(out, "</pfif:person>\n")
		}
		return nil
	})
	if err != nil {
		return n, fmt.Errorf("writing PFIF: %w", err)
	}
	fmt.Fprint(out, "</pfif:pfif>\n")
	return n, out.Flush() // with the first error of all above
}

// grownUp is from which age somebody may be published.
const grownUp = 18

var firstNumber = regexp.MustCompile(`[0-9]+`)

// young reports that a card is about somebody under 18, as far as anything on it
// says so: they are never published (domain 1.5). Of a range the lower end counts.
func (card Card) young(now time.Time) bool {
	if card.Kind != MissingPersons {
		return false
	}
	if card.Value("child") != "" || card.Value("unaccompanied") != "" {
		return true
	}
	if born, err := time.Parse(time.DateOnly, card.Value("date_of_birth")); err == nil && born.AddDate(grownUp, 0, 0).After(now) {
		return true
	}
	age, err := strconv.Atoi(firstNumber.FindString(card.Value("age")))
	return err == nil && age < grownUp
}

func (c *Cards) pfifFields(out *bufio.Writer, card Card, names []string) {
	kinds := map[string]string{}
	for _, f := range c.kinds[card.Kind].Fields {
		kinds[f.Name] = string(f.Kind)
	}
	for _, name := range names {
		text := card.Value(name)
		switch {
		case kinds[name] == string(Instant) && text != "":
			at, _ := time.ParseInLocation("2006-01-02T15:04", text, time.Local) // checked when it was saved
			text = pfifTime(at)
		case kinds[name] == string(Day) && text != "" && name != "date_of_birth":
			text += "T00:00:00Z"
		case name == "source_date":
			text = pfifTime(card.CreatedAt) // required by the standard
		case kinds[name] == string(Tick):
			text = map[bool]string{true: "true", false: "false"}[text != ""]
		}
		if text != "" {
			pfifTag(out, name, text)
		}
	}
}

func pfifTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

func pfifTag(out *bufio.Writer, name, text string) {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, text)
	fmt.Fprintf(out, "<pfif:%s>", name)
	_ = xml.EscapeText(out, []byte(text)) // Flush returns the error
	fmt.Fprintf(out, "</pfif:%s>\n", name)
}
