package volunteers

import (
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"hotline/appliance/erasures"
	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// Table is the export of all registrants, oldest first (domain 7.5). Column
// names and their order never change within a major version.
func Table(g *Registry) table.Table {
	return g.table(func(tx *store.Tx) iter.Seq[Registrant] {
		return func(yield func(Registrant) bool) {
			for _, r := range registrants.All(tx) {
				if !yield(r) {
					return
				}
			}
		}
	})
}

// TableOf is the same for some registrants.
func (g *Registry) TableOf(list []Registrant) table.Table {
	return g.table(func(*store.Tx) iter.Seq[Registrant] { return slices.Values(list) })
}

func (g *Registry) table(which func(*store.Tx) iter.Seq[Registrant]) table.Table {
	l := g.lists
	var skills []table.Code
	for _, c := range l.Now().List(lists.Skills).Choices {
		skills = append(skills, table.Code{Code: c.Code, Text: c.Words.In("en")})
	}
	return table.Table{Name: "volunteers", Consent: "consent_data", Scope: "share_scope", Changed: "updated_at", Deleted: "deleted", Removed: erasures.Removed(g.store, TableRegistrants), Columns: []table.Column{
		{Name: "volunteer_id", Kind: table.ID, Description: "Identity of the registered volunteer (ULID)", Level: table.Coordination, HXL: "#meta+id"},
		{Name: "code", Kind: table.ID, Description: "Code told to the volunteer: six digits, the last one checks the others", Level: table.Coordination},
		{Name: "given_name", Kind: table.Text, Description: "As completed by a coordinator; the spoken name is in the recording", Level: table.Referral, HXL: "#contact+name+given"},
		{Name: "family_name", Kind: table.Text, Description: "As completed by a coordinator", Level: table.Referral, HXL: "#contact+name+family"},
		{Name: "phone", Kind: table.Phone, Description: "Number to call, E.164 where possible", Level: table.Referral, HXL: "#contact+phone"},
		{Name: "language_1", Kind: table.ID, Description: "Best language (BCP 47)", Level: table.Coordination, HXL: "#meta+language"},
		{Name: "language_2", Kind: table.ID, Description: "Second language", Level: table.Coordination},
		{Name: "language_3", Kind: table.ID, Description: "Third language", Level: table.Coordination},
		{Name: "adult", Kind: table.ID, Description: "adult (18 or older) or 16-17", Level: table.Coordination},
		{Name: "postcode", Kind: table.ID, Description: "Postcode or area code as keyed", Level: table.Coordination},
		{Name: "willing", Kind: table.ID, Description: "area, region, anywhere or remote", Level: table.Coordination},
		{Name: "availability", Kind: table.ID, Description: "now, today, week or weekends", Level: table.Coordination},
		{Name: "skill_1", Kind: table.ID, Description: "Skill group", Codes: skills, Level: table.Coordination, HXL: "#capacity+skill"},
		{Name: "skill_2", Kind: table.ID, Description: "Skill group", Codes: skills, Level: table.Coordination},
		{Name: "skill_3", Kind: table.ID, Description: "Skill group", Codes: skills, Level: table.Coordination},
		{Name: "needs_check", Kind: table.Bool, Description: "1: a skill with which a background check is needed first", Level: table.Coordination},
		{Name: "transport", Kind: table.ID, Description: "none, bicycle, motorcycle, car, truck or boat", Level: table.Coordination, HXL: "#capacity+transport"},
		{Name: "consent_data", Kind: table.Bool, Description: "1: agreed that the answers are stored", Level: table.Coordination},
		{Name: "consent_at", Kind: table.DateTime, Description: "When (UTC)", Level: table.Coordination},
		{Name: "consent_version", Kind: table.ID, Description: "Wording that was agreed to", Level: table.Coordination},
		{Name: "recordings", Kind: table.List, Description: "What was recorded: name, skills", Level: table.Coordination},
		{Name: "status", Kind: table.ID, Description: "Where they stand on the way from offer to help given; registered: nobody has spoken with them yet", Level: table.Coordination, HXL: "#status+code"},
		{Name: "incomplete", Kind: table.Bool, Description: "1: the call ended early or a question has no answer", Level: table.Coordination},
		{Name: "missing", Kind: table.List, Description: "Questions without an answer", Level: table.Coordination},
		{Name: "source", Kind: table.ID, Description: "phone, web, walk_in or import", Level: table.Coordination},
		{Name: "contact_id", Kind: table.ID, Description: "Contact in which the registration was made", Level: table.Coordination},
		{Name: "same_phone", Kind: table.List, Description: "Earlier registered volunteers with this number", Level: table.Referral},
		{Name: "registered_at", Kind: table.DateTime, Description: "First saved (UTC)", Level: table.Coordination, HXL: "#date+start"},
		{Name: "updated_at", Kind: table.DateTime, Description: "Last change (UTC)", Level: table.Coordination},
		{Name: "status_at", Kind: table.DateTime, Description: "The status was set (UTC)", Level: table.Coordination},
		{Name: "duplicate_of", Kind: table.ID, Description: "Registered volunteer into whom this one was merged; count only those without it", Level: table.Coordination},
		{Name: "available_from", Kind: table.ID, Description: "First day, as year-month-day", Level: table.Coordination},
		{Name: "hours_day", Kind: table.Int, Description: "Hours a day; 0: not asked", Level: table.Coordination},
		{Name: "skill_note", Kind: table.Text, Description: "Skills in their own words", Level: table.Referral},
		{Name: "equipment", Kind: table.Text, Description: "What they bring", Level: table.Coordination},
		{Name: "affiliation", Kind: table.Text, Description: "Organisation or employer", Level: table.Referral},
		{Name: "phone_2", Kind: table.Phone, Description: "Another number", Level: table.Referral},
		{Name: "email", Kind: table.Text, Description: "E-mail address", Level: table.Referral},
		{Name: "emergency_contact_name", Kind: table.Text, Description: "Whom to tell if something happens to them", Level: table.Full},
		{Name: "emergency_contact_relation", Kind: table.Text, Description: "Who that is to them", Level: table.Full},
		{Name: "emergency_contact_phone", Kind: table.Phone, Description: "Number of that person", Level: table.Full},
		{Name: "check_status", Kind: table.ID, Description: "Background check, its result only", Level: table.Coordination},
		{Name: "check_until", Kind: table.ID, Description: "The check counts until this day", Level: table.Coordination},
		{Name: "minor_guardian", Kind: table.Text, Description: "Who answers for somebody under 18", Level: table.Full},
		{Name: "minor_guardian_phone", Kind: table.Phone, Description: "Number of that person", Level: table.Full},
		{Name: "minor_guardian_consent", Kind: table.Bool, Description: "1: that person agreed", Level: table.Coordination},
		{Name: "trained_on", Kind: table.List, Description: "Trainings", Level: table.Coordination},
		{Name: "consent_conduct", Kind: table.Bool, Description: "1: agreed to the code of conduct", Level: table.Coordination},
		{Name: "limits", Kind: table.Text, Description: "What they cannot do, in their own words", Level: table.Full},
		{Name: "note", Kind: table.Text, Description: "Notes", Level: table.Full},
		{Name: "entered_at", Kind: table.DateTime, Description: "Typed from paper afterwards (UTC)", Level: table.Coordination},
		{Name: "legal_basis", Kind: table.ID, Description: "Ground on which it is kept: vital_interests, public_task, public_interest, legitimate_interest, consent, contract, legal_obligation", Level: table.Coordination},
		{Name: "share_scope", Kind: table.ID, Description: "How far it may go: inside (not outside the organisation), helpers (organisations that can help) or public", Level: table.Coordination, HXL: "#meta+consent"},
		{Name: "place", Kind: table.Text, Description: "Where they live", Level: table.Referral, HXL: "#loc+name"},
		{Name: "place_code", Kind: table.ID, Description: "P-code of the place, where it is one of the list", Level: table.Referral, HXL: "#loc+code+v_pcode"},
		{Name: "adm1_code", Kind: table.ID, Description: "P-code of the administrative area of level 1", Level: table.Coordination, HXL: "#adm1+code+v_pcode"},
		{Name: "adm2_code", Kind: table.ID, Description: "P-code of the administrative area of level 2", Level: table.Coordination, HXL: "#adm2+code+v_pcode"},
		{Name: "certificate", Kind: table.Text, Description: "Licence or certificate, as somebody has seen or heard it", Level: table.Referral},
		{Name: "certificate_issuer", Kind: table.Text, Description: "Who issued it", Level: table.Referral},
		{Name: "certificate_until", Kind: table.ID, Description: "It counts until this day", Level: table.Coordination},
		{Name: "certificate_verified", Kind: table.Bool, Description: "1: somebody has seen it, or asked the issuer", Level: table.Coordination},
		{Name: "check_at", Kind: table.ID, Description: "Day of the background check", Level: table.Coordination},
		{Name: "consent_conduct_at", Kind: table.DateTime, Description: "Agreed to the code of conduct (UTC)", Level: table.Coordination},
		{Name: "consent_conduct_version", Kind: table.ID, Description: "Wording of the code of conduct that was agreed to", Level: table.Coordination},
		{Name: "total_hours", Kind: table.Decimal, Description: "Hours worked altogether, shifts that have ended, corrections counted and corrected ones not", Level: table.Coordination, HXL: "#indicator+hours+num"},
		{Name: "deleted", Kind: table.Bool, Description: "1: who it was is erased, or the record may leave the box no more: take what you have of it out of your files", Level: table.Coordination},
	}, Rows: rows(g.store, l, which)}
}

func rows(from *store.Store, l *lists.Keeper, which func(*store.Tx) iter.Seq[Registrant]) iter.Seq2[[]any, error] {
	enough := errors.New("no more rows are wanted")
	return func(yield func([]any, error) bool) {
		row := func(tx *store.Tx, r Registrant) error {
			areas := l.PlaceChain(r.PlaceCode)
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
				r.Missing(), r.Source, r.Contact, r.SamePhone, r.RegisteredAt, r.UpdatedAt,
				r.StatusAt, r.DuplicateOf, r.AvailableFrom, r.HoursDay, r.SkillNote, r.Equipment, r.Affiliation, string(r.Phone2), r.Email, r.EmergencyName, r.EmergencyRelation, string(r.EmergencyPhone), r.Check, r.CheckUntil, r.GuardianName, string(r.GuardianPhone), r.GuardianConsent, r.Trained, r.Conduct.Given, r.Limits, r.Notes, r.EnteredAt, r.LegalBasis, r.ShareScope, r.Place, r.PlaceCode, areas[0].Code, areas[1].Code,
				r.Certificate, r.CertificateIssuer, r.CertificateUntil, r.CertificateSeen, r.CheckAt, r.Conduct.At, r.Conduct.Version, hours(workedBy(tx, r.ID)), !r.Erased.IsZero()}, nil) {
				return enough
			}
			return nil
		}
		err := from.View(func(tx *store.Tx) error {
			for r := range which(tx) {
				if err := row(tx, r); err != nil {
					return err
				}
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

// workedBy is how long somebody has worked altogether.
func workedBy(tx *store.Tx, registrant string) (total time.Duration) {
	for _, s := range shiftsOf(tx, registrant) {
		if s.CorrectedBy == "" {
			total += s.Worked()
		}
	}
	return total
}

// hours are a time in hours with two decimals.
func hours(d time.Duration) float64 { return math.Round(d.Hours()*100) / 100 }
