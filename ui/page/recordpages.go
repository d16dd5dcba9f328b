package page

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/sharing"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers"
)

// ContactPage is one contact.
type ContactPage struct {
	Frame
	Contact triage.Contact
	Cases   []triage.Case
}

// CasePage is one case, with what can be done about it.
type CasePage struct {
	Frame
	Case     triage.Case
	Form     []FormField
	Contacts []triage.Contact
	Timeline []Moment
	Same     []triage.Case // of the same number: perhaps the same need
	Merged   []triage.Case
	Into     []triage.Case // what it is a duplicate of
	Passed   []cards.Card  // referrals
	Leads    bool          // may set another urgency
	Reveals  bool          // may ask where a child is that is alone
	Reveal   string        // why that is shown now; "": it is not
	Missing  []string      // questions that were to be asked and have no answer
	Trouble  string
	Done     string
}

// PersonPage is one registered volunteer, with what can be done about it.
type PersonPage struct {
	Frame
	Person   volunteers.Registrant
	Form     []FormField
	Timeline []Moment
	Same     []volunteers.Registrant // with the same number
	Merged   []volunteers.Registrant
	Into     []volunteers.Registrant
	Shifts   []volunteers.Shift
	Trouble  string
	Done     string
}

// NewPage is the form for a record from paper.
type NewPage struct {
	Frame
	Kind    string
	To      string // address that takes it, where that is not the page of the records
	Back    string
	Form    []FormField
	Trouble string
}

func (p NewPage) to() string {
	if p.To != "" {
		return p.To
	}
	return "/records/new/" + p.Kind
}

func (p NewPage) back() string {
	if p.Back != "" {
		return p.Back
	}
	return "/records?tab=" + p.Kind
}

// PaperFields are about the paper itself.
func PaperFields(f Frame, languages []string) []FormField {
	return []FormField{
		{Name: "at", Kind: Instant, Label: f.T("newcase.at"), Hint: f.T("newcase.at.hint")},
		{Name: "channel", Kind: One, Label: f.T("newcase.channel"), Must: true, Values: []string{"walk_in"}, Options: f.options("contacts", "channel", triage.Channels()...)},
		{Name: "phone", Kind: Phone, Label: f.T("newcase.phone"), Most: 32},
		{Name: "language", Kind: One, Label: f.T("desk.language"), Options: f.options("contacts", "language", languages...)},
	}
}

// SignUpFields are about how somebody registered.
func SignUpFields(f Frame) []FormField {
	return []FormField{
		{Name: "at", Kind: Instant, Label: f.T("newcase.at"), Hint: f.T("newcase.at.hint")},
		{Name: "source", Kind: One, Label: f.T("newperson.source"), Must: true, Values: []string{"walk_in"}, Options: f.options("registrants", "source", "walk_in", "web")},
		{Name: "agreed", Kind: Tick, Label: f.T("newperson.agreed")},
	}
}

// PersonFields are the questions about a registered volunteer.
func PersonFields(f Frame) []FormField {
	list := func(field string, values ...string) []Option { return f.options("registrants", field, values...) }
	return []FormField{
		{Name: "given_name", Kind: Line, Label: f.T("person.given_name"), Most: 100},
		{Name: "family_name", Kind: Line, Label: f.T("person.family_name"), Most: 100},
		{Name: "phone", Kind: Phone, Label: f.T("person.phone"), Most: 32},
		{Name: "phone_2", Kind: Phone, Label: f.T("person.phone_2"), Most: 32},
		{Name: "email", Kind: Line, Label: f.T("person.email")},
		{Name: "age", Kind: One, Label: f.T("person.age"), Options: list("age", string(volunteers.Adult), string(volunteers.Minor))},
		{Name: "languages", Kind: Several, Label: f.T("person.languages"), Options: f.listOptions(lists.Languages)},
		{Name: "area", Kind: Line, Label: f.T("pick.area"), Most: 16},
		{Name: "place", Kind: Line, Label: f.T("person.place"), Hint: f.T("person.place.hint"), Places: true},
		{Name: "willing", Kind: One, Label: f.T("pick.willing"), Options: list("willing", texts(volunteers.Willings())...)},
		{Name: "availability", Kind: One, Label: f.T("pick.availability"), Options: list("availability", texts(volunteers.Availabilities())...)},
		{Name: "available_from", Kind: Day, Label: f.T("person.available_from")},
		{Name: "hours_day", Kind: Count, Label: f.T("person.hours_day"), Most: 2},
		{Name: "skills", Kind: Several, Label: f.T("col.skills"), Options: f.listOptions(lists.Skills)},
		{Name: "skill_note", Kind: Long, Label: f.T("person.skill_note")},
		{Name: "transport", Kind: One, Label: f.T("pick.transport"), Options: list("transport", texts(volunteers.Transports())...)},
		{Name: "equipment", Kind: Line, Label: f.T("person.equipment")},
		{Name: "affiliation", Kind: Line, Label: f.T("person.affiliation")},
		{Name: "limits", Kind: Long, Label: f.T("person.limits"), Hint: f.T("person.limits.hint")},
		{Name: "emergency_name", Kind: Line, Label: f.T("person.emergency_name"), Most: 100},
		{Name: "emergency_relation", Kind: Line, Label: f.T("person.emergency_relation"), Most: 100},
		{Name: "emergency_phone", Kind: Phone, Label: f.T("person.emergency_phone"), Most: 32},
		{Name: "guardian_name", Kind: Line, Label: f.T("person.guardian_name"), Hint: f.T("person.guardian.hint"), Most: 100},
		{Name: "guardian_phone", Kind: Phone, Label: f.T("person.guardian_phone"), Most: 32},
		{Name: "guardian_consent", Kind: Tick, Label: f.T("person.guardian_consent")},
		{Name: "check", Kind: One, Label: f.T("person.check"), Options: list("check", volunteers.Checks()...)},
		{Name: "check_at", Kind: Day, Label: f.T("person.check_at")},
		{Name: "check_until", Kind: Day, Label: f.T("person.check_until")},
		{Name: "certificate", Kind: Line, Label: f.T("person.certificate"), Hint: f.T("person.certificate.hint"), Most: 200},
		{Name: "certificate_issuer", Kind: Line, Label: f.T("person.certificate_issuer"), Most: 200},
		{Name: "certificate_until", Kind: Day, Label: f.T("person.certificate_until")},
		{Name: "certificate_verified", Kind: Tick, Label: f.T("person.certificate_verified")},
		{Name: "trained", Kind: Several, Label: f.T("person.trained"), Options: list("trained", volunteers.Trainings()...)},
		{Name: "legal_basis", Kind: One, Label: f.T("pick.legal_basis"), Options: list("legal_basis", sharing.Bases()...)},
		{Name: "share_scope", Kind: One, Label: f.T("pick.share_scope"), Hint: f.T("share_scope.hint"), Options: list("share_scope", sharing.Scopes()...)},
		{Name: "notes", Kind: Long, Label: f.T("case.notes")},
	}
}

// listOptions are the choices of a list; those that are offered no more are seen
// where they were chosen before.
func (f Frame) listOptions(list string) (out []Option) {
	for _, c := range f.Lists.List(list).Choices {
		out = append(out, Option{Value: c.Code, Label: c.Words.In(f.Lang()), Off: c.Off})
	}
	return out
}

func texts[T ~string](list []T) []string {
	var out []string
	for _, one := range list {
		out = append(out, string(one))
	}
	return out
}

// Moment is one thing that happened to a record.
type Moment struct {
	At    time.Time
	What  string // in words
	Who   string
	Why   string
	Link  string
	Lines []Became
}

// Became is one value that changed.
type Became struct{ Field, From, To string }

// Timeline is what happened to a record, newest first: changes, calls and
// messages in one list.
func Timeline(f Frame, kind string, form []FormField, entries []history.Entry, calls []triage.Contact, who func(string) string) []Moment {
	var out []Moment
	for _, e := range entries {
		m := Moment{At: e.At, What: f.Or("history."+e.What, e.What), Who: who(e.By), Why: e.Why}
		if e.By == "" {
			m.Who = f.Or("history.via."+e.Via, e.Via)
		}
		for _, c := range e.Fields {
			if line := f.became(kind, form, c); line.Field != "" {
				m.Lines = append(m.Lines, line)
			}
		}
		out = append(out, m)
	}
	for _, k := range calls {
		out = append(out, Moment{At: k.ReceivedAt, What: f.T("history.call." + k.Direction), Who: k.AgentName, Why: outcomeWords(f, string(k.Outcome)), Link: "/records/contacts/" + k.ID})
		for _, m := range k.Messages {
			out = append(out, Moment{At: m.At, What: f.T("history.message"), Link: "/records/contacts/" + k.ID})
		}
	}
	slices.SortStableFunc(out, func(a, b Moment) int { return b.At.Compare(a.At) })
	return out
}

// became tells a change in the words of the form; what the form does not show
// and nobody decides is left out.
func (f Frame) became(kind string, form []FormField, c history.Field) Became {
	name := strings.TrimPrefix(c.Name, "fields.")
	at := slices.IndexFunc(form, func(one FormField) bool { return one.Name == name })
	if at >= 0 {
		one := form[at]
		return Became{one.Label, f.orNothing(one.Words(plainValues(c.From))), f.orNothing(one.Words(plainValues(c.To)))}
	}
	switch name {
	case "status", "level", "outcome", "screening": // decided with buttons
		words := func(raw json.RawMessage) string {
			if v := strings.Join(plainValues(raw), ""); v != "" {
				return f.Code(kind, name, v)
			}
			return f.T("form.nothing")
		}
		return Became{f.T("pick." + name), words(c.From), words(c.To)}
	}
	return Became{}
}

// plainValues are the texts of a stored value.
func plainValues(raw json.RawMessage) []string {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return nil
	}
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			if text, is := one.(string); is {
				all = append(all, text)
			}
		}
		return all
	case bool:
		if v {
			return []string{"yes"}
		}
	case float64:
		return []string{itoa(int(v))}
	}
	return nil
}

// placeOf is where a case is, in one line.
func placeOf(c triage.Case) string {
	if c.Fields.ChildAlone {
		return "–"
	}
	return dash(strings.Trim(c.Fields.Place+", "+c.Fields.Landmark, ", "))
}

func personName(g volunteers.Registrant) string {
	return dash(strings.TrimSpace(g.GivenName + " " + g.FamilyName))
}

// ChildWhys are why somebody may want to know where a child is that is alone.
func ChildWhys() []string { return []string{"rescue", "call", "handover", "check"} }

// agreed says when and how somebody agreed to something.
func (f Frame) agreed(c volunteers.Consent) string {
	switch {
	case !c.Given && !c.Withdrawn.IsZero():
		return f.F("person.agreed.back", "when", f.When(c.Withdrawn))
	case !c.Given:
		return f.T("no")
	}
	return f.F("person.agreed", "when", f.When(c.At), "how", f.Or("person.how."+c.How, c.How))
}

func (p PersonPage) total() time.Duration {
	var sum time.Duration
	for _, s := range p.Shifts {
		if s.CorrectedBy == "" {
			sum += s.Worked()
		}
	}
	return sum
}

func (p PersonPage) working() bool {
	return slices.ContainsFunc(p.Shifts, func(s volunteers.Shift) bool { return s.CheckOut.IsZero() && s.CorrectedBy == "" })
}

func inputTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format("2006-01-02T15:04")
}

func consented(calls []triage.Contact) bool {
	return slices.ContainsFunc(calls, func(k triage.Contact) bool { return len(k.Consents) > 0 })
}

// work are the questions about what was done in a shift.
func (p PersonPage) work(s volunteers.Shift) []FormField {
	w := s.Work
	number := func(n float64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	field := func(name, kind, value string) FormField {
		one := FormField{Name: name, Kind: kind, Label: p.T("person.work." + name), Most: 200, Places: name == "place"}
		if value != "" {
			one.Values = []string{value}
		}
		return one
	}
	return []FormField{field("organisation", Line, w.Organisation), field("job", Line, w.Job), field("activity", Line, w.Activity), field("site", Line, w.Site), field("place", Line, w.Place),
		field("address", Line, w.Address), field("break_min", Count, number(float64(w.Break))), field("equipment", Line, w.Equipment),
		field("equipment_hours", Count, number(w.EquipmentHours)), field("vehicle_km", Count, number(float64(w.VehicleKM)))}
}
