package volunteers

import (
	"errors"
	"iter"
	"strings"

	"hotline/appliance/table"
)

// Table is the export of all registrants, oldest first (domain 7.5). Column
// names and their order never change within a major version.
func Table(g *Registry) table.Table {
	return table.Table{Name: "volunteers", Columns: []table.Column{
		{Name: "volunteer_id", Kind: table.ID, Description: "Identity of the registered volunteer (ULID)"},
		{Name: "code", Kind: table.ID, Description: "Code told to the volunteer: six digits, the last one checks the others"},
		{Name: "given_name", Kind: table.Text, Description: "As completed by a coordinator; the spoken name is in the recording"},
		{Name: "family_name", Kind: table.Text, Description: "As completed by a coordinator"},
		{Name: "phone", Kind: table.Phone, Description: "Number to call, E.164 where possible"},
		{Name: "language_1", Kind: table.ID, Description: "Best language (BCP 47)"},
		{Name: "language_2", Kind: table.ID, Description: "Second language"},
		{Name: "language_3", Kind: table.ID, Description: "Third language"},
		{Name: "adult", Kind: table.ID, Description: "adult (18 or older) or 16-17"},
		{Name: "postcode", Kind: table.ID, Description: "Postcode or area code as keyed"},
		{Name: "willing", Kind: table.ID, Description: "area, region, anywhere or remote"},
		{Name: "availability", Kind: table.ID, Description: "now, today, week or weekends"},
		{Name: "skill_1", Kind: table.ID, Description: "Skill group"},
		{Name: "skill_2", Kind: table.ID, Description: "Skill group"},
		{Name: "skill_3", Kind: table.ID, Description: "Skill group"},
		{Name: "needs_check", Kind: table.Bool, Description: "1: a skill with which a background check is needed first"},
		{Name: "transport", Kind: table.ID, Description: "none, bicycle, motorcycle, car, truck or boat"},
		{Name: "consent_data", Kind: table.Bool, Description: "1: agreed that the answers are stored"},
		{Name: "consent_at", Kind: table.DateTime, Description: "When (UTC)"},
		{Name: "consent_version", Kind: table.ID, Description: "Wording that was agreed to"},
		{Name: "recordings", Kind: table.List, Description: "What was recorded: name, skills"},
		{Name: "status", Kind: table.ID, Description: "registered"},
		{Name: "incomplete", Kind: table.Bool, Description: "1: the call ended early or a question has no answer"},
		{Name: "missing", Kind: table.List, Description: "Questions without an answer"},
		{Name: "source", Kind: table.ID, Description: "phone, web, walk_in or import"},
		{Name: "contact_id", Kind: table.ID, Description: "Contact in which the registration was made"},
		{Name: "same_phone", Kind: table.List, Description: "Earlier registered volunteers with this number"},
		{Name: "registered_at", Kind: table.DateTime, Description: "First saved (UTC)"},
		{Name: "updated_at", Kind: table.DateTime, Description: "Last change (UTC)"},
	}, Rows: rows(g)}
}

func rows(g *Registry) iter.Seq2[[]any, error] {
	enough := errors.New("no more rows are wanted")
	return func(yield func([]any, error) bool) {
		err := g.Each(func(r Registrant) error {
			languages, skills := pad(r.Languages), make([]string, 3)
			check := false
			for i, s := range r.Skills {
				check = check || s.NeedsBackgroundCheck()
				if i < len(skills) {
					skills[i] = string(s)
				}
			}
			var said []string
			for _, rec := range r.Recordings {
				said = append(said, rec.Name)
			}
			if !yield([]any{r.ID, r.Code, r.GivenName, r.FamilyName, string(r.Phone), languages[0], languages[1], languages[2],
				string(r.Age), r.Area, string(r.Willing), string(r.Availability), skills[0], skills[1], skills[2], check,
				string(r.Transport), r.Consent.Given, r.Consent.At, r.Consent.Version, said, string(r.Status), r.Incomplete,
				r.Missing(), r.Source, r.Contact, r.SamePhone, r.RegisteredAt, r.UpdatedAt}, nil) {
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			yield(nil, err)
		}
	}
}

// pad gives three cells to up to three values; further ones share the last.
func pad(values []string) []string {
	out := make([]string, 3)
	copy(out, values)
	if len(values) > 3 {
		out[2] = strings.Join(values[2:], "; ")
	}
	return out
}
