package find

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hotline/appliance/lists"
	"hotline/triage/cards"
)

// Kinds of records that can be found, by the names of their export sets.
const (
	Contacts    = "contacts"
	Cases       = "cases"
	Registrants = "registrants"
)

// Kinds are all kinds, in the order in which pages show them.
func Kinds() []string { return append([]string{Contacts, Cases, Registrants}, cards.Kinds()...) }

// Fields are the lists by which records of a kind can be picked.
func Fields(kind string) []string {
	switch kind {
	case Contacts:
		return []string{"level", "queue", "language", "outcome", "disposition", "open", "direction"}
	case Cases:
		return []string{"level", "status", "need", "language", "may_share", "complete", "legal_basis", "share_scope"}
	case Registrants:
		return []string{"status", "skill", "language", "availability", "willing", "transport", "age", "complete", "legal_basis", "share_scope"}
	case cards.MissingPersons:
		return []string{"sex", "handed_to", "legal_basis", "share_scope"}
	case cards.MissingNotes:
		return []string{"status"}
	case cards.Referrals:
		return []string{"consent", "result"}
	case cards.Feedback:
		return []string{"type"}
	case cards.Directory:
		return []string{"service_status"}
	}
	return nil
}

// Filter says which records are meant. It is what stands in the address of the
// records page, and what an export takes with it: what was seen is what leaves.
type Filter struct {
	Kind        string
	Text        string
	From, Until time.Time           // days in the box's time zone; Until is inside
	Picks       map[string][]string // by field: one of
	Areas       []string            // beginnings of postcodes or area codes: one of
	Free        time.Time           // day on which a registrant could work
}

// ownField is the name of a question whose answer stands beside the fields of a
// case.
var ownField = regexp.MustCompile(`^(` + lists.Own + `|` + lists.Later + `)[a-z0-9_]{1,60}$`)

const (
	mostFields = 60
	mostText   = 200 // runes
	mostPicked = 100 // values of one field
)

// ParseFilter reads the query of an address. What means nothing is left out: an
// address is also typed, and older than the program.
func ParseFilter(q url.Values) Filter {
	f := Filter{Kind: q.Get("tab"), Text: tidy(q.Get("q"), mostText), Picks: map[string][]string{}}
	if !slices.Contains(Kinds(), f.Kind) {
		f.Kind = Contacts
	}
	f.From, f.Until = day(q.Get("from")), day(q.Get("until"))
	fields := Fields(f.Kind)
	if f.Kind == Cases { // questions of this hotline's own
		for _, field := range slices.Sorted(maps.Keys(q)) {
			if ownField.MatchString(field) && len(fields) < mostFields {
				fields = append(fields, field)
			}
		}
	}
	for _, field := range fields {
		for _, v := range q[field] {
			if v = tidy(v, 64); v != "" && len(f.Picks[field]) < mostPicked && !slices.Contains(f.Picks[field], v) {
				f.Picks[field] = append(f.Picks[field], v)
			}
		}
	}
	if f.Kind == Registrants {
		f.Free = day(q.Get("free"))
		for _, area := range strings.FieldsFunc(strings.Join(q["area"], " "), func(r rune) bool { return strings.ContainsRune(" ,;", r) }) {
			if area = tidy(area, 16); area != "" && len(f.Areas) < mostPicked {
				f.Areas = append(f.Areas, area)
			}
		}
	}
	return f
}

// Values writes the filter as the query of an address, shortest first: what
// ParseFilter reads as the same filter.
func (f Filter) Values() url.Values {
	q := url.Values{"tab": {f.Kind}}
	if f.Text != "" {
		q.Set("q", f.Text)
	}
	for name, at := range map[string]time.Time{"from": f.From, "until": f.Until, "free": f.Free} {
		if !at.IsZero() {
			q.Set(name, at.Format(time.DateOnly))
		}
	}
	for field, picked := range f.Picks {
		if len(picked) > 0 {
			q[field] = slices.Clone(picked)
		}
	}
	if len(f.Areas) > 0 {
		q.Set("area", strings.Join(f.Areas, " "))
	}
	return q
}

// Set is the export set of the records that are meant.
func (f Filter) Set() string {
	if f.Kind == Registrants {
		return "volunteers"
	}
	return f.Kind
}

// String is the filter as it is written into the log and into the manifest of
// an export. The text may hold a name or a number, so only its length is told.
func (f Filter) String() string {
	said := f
	said.Text = ""
	words := said.Values().Encode()
	if f.Text != "" {
		words += "&q=" + strings.Repeat("*", utf8.RuneCountInString(f.Text))
	}
	return words
}

// Empty reports that all records of the kind are meant.
func (f Filter) Empty() bool {
	picked := slices.ContainsFunc(slices.Collect(maps.Values(f.Picks)), func(v []string) bool { return len(v) > 0 })
	return f.Text == "" && f.From.IsZero() && f.Until.IsZero() && f.Free.IsZero() && len(f.Areas) == 0 && !picked
}

func day(text string) time.Time {
	at, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return time.Time{}
	}
	return at
}

// tidy takes away what is invisible, and what is too much.
func tidy(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(text), ""))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most])
	}
	return text
}

// dates takes the dates out of what was typed: "water 20.11.2026" are the
// records of that day with water.
func dates(text string) (rest string, from, until time.Time) {
	var words []string
	for _, w := range strings.Fields(text) {
		at := time.Time{}
		for _, layout := range []string{time.DateOnly, "02.01.2006", "2.1.2006", "02/01/2006", "2/1/2006"} {
			if t, err := time.ParseInLocation(layout, w, time.Local); err == nil {
				at = t
				break
			}
		}
		switch {
		case at.IsZero():
			words = append(words, w)
		case from.IsZero():
			from, until = at, at
		case at.Before(from):
			from = at
		case at.After(until):
			until = at
		}
	}
	return strings.Join(words, " "), from, until
}
