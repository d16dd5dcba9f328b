// Package volunteers owns the records of people who register to help. It does
// not know telephone dialogues, queues or callers in need.
package volunteers

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"hotline/appliance/call"
)

// Status is where a registrant stands on the way from offer to help given.
type Status string

// StatusRegistered is the first status: nobody has spoken with them yet.
const StatusRegistered Status = "registered"

// AgeBand is as much as is asked about age by telephone.
type AgeBand string

// The bands. People under 16 are not registered.
const (
	Adult AgeBand = "adult"
	Minor AgeBand = "16-17"
)

// Willing is how far somebody would go to help.
type Willing string

// The answers.
const (
	WillingArea     Willing = "area"
	WillingRegion   Willing = "region"
	WillingAnywhere Willing = "anywhere"
	WillingRemote   Willing = "remote"
)

// Willings are all answers.
func Willings() []Willing {
	return []Willing{WillingArea, WillingRegion, WillingAnywhere, WillingRemote}
}

// Availability is when somebody can begin.
type Availability string

// The answers.
const (
	AvailableNow      Availability = "now"
	AvailableToday    Availability = "today"
	AvailableWeek     Availability = "week"
	AvailableWeekends Availability = "weekends"
)

// Availabilities are all answers.
func Availabilities() []Availability {
	return []Availability{AvailableNow, AvailableToday, AvailableWeek, AvailableWeekends}
}

// Skill is a group of skills; the codes are stable, exports use them.
type Skill string

// The skills that the telephone asks for, in the order of its two pages. The list
// of all skills is data (appliance/lists) and has these among its codes.
const (
	SkillDoctor      Skill = "doctor"
	SkillNurse       Skill = "nurse"
	SkillPsychology  Skill = "psychology"
	SkillFirstAid    Skill = "first_aid"
	SkillInterpreter Skill = "interpreter"
	SkillDriver      Skill = "driver"
	SkillCooking     Skill = "cooking"
	SkillShelter     Skill = "shelter"
	SkillEngineer    Skill = "engineer"
	SkillUtilities   Skill = "utilities"
	SkillBuilder     Skill = "builder"
	SkillRescue      Skill = "rescue"
	SkillPhone       Skill = "phone"
	SkillComputers   Skill = "computers"
	SkillLogistics   Skill = "logistics"
	SkillCleanup     Skill = "cleanup"
	SkillOther       Skill = "other"
)

// Skills are the codes of the telephone in their order.
func Skills() []Skill {
	return []Skill{SkillDoctor, SkillNurse, SkillPsychology, SkillFirstAid, SkillInterpreter, SkillDriver,
		SkillCooking, SkillShelter, SkillEngineer, SkillUtilities, SkillBuilder, SkillRescue, SkillPhone,
		SkillComputers, SkillLogistics, SkillCleanup, SkillOther}
}

// NeedsBackgroundCheck reports skills that bring people together with children
// or others who depend on them.
func (s Skill) NeedsBackgroundCheck() bool { return s == SkillShelter }

// Transport is what somebody can come with.
type Transport string

// The answers, in keypad order.
const (
	TransportNone       Transport = "none"
	TransportBicycle    Transport = "bicycle"
	TransportMotorcycle Transport = "motorcycle"
	TransportCar        Transport = "car"
	TransportTruck      Transport = "truck"
	TransportBoat       Transport = "boat"
)

// Transports are all answers.
func Transports() []Transport {
	return []Transport{TransportNone, TransportBicycle, TransportMotorcycle, TransportCar, TransportTruck, TransportBoat}
}

// Consent is what somebody agreed to, when, to which wording and how.
type Consent struct {
	Given   bool      `json:"given"`
	At      time.Time `json:"at,omitzero"`
	Version string    `json:"version,omitempty"`
	How     string    `json:"how,omitempty"` // "key", "voice", "paper"

	Withdrawn    time.Time `json:"withdrawn,omitzero"`      // taken back
	WithdrawnVia string    `json:"withdrawn_via,omitempty"` // "phone", "web"
}

// Recording is something a registrant said.
type Recording struct {
	Name    string `json:"name"` // "name" or "skills"
	Seconds int    `json:"seconds"`
}

// Registrant is one person who offers help.
type Registrant struct {
	ID           string       `json:"id"`   // ULID
	Code         string       `json:"code"` // digits, the last one checks the others
	Status       Status       `json:"status"`
	Incomplete   bool         `json:"incomplete"` // the call ended early, or a question was not answered
	Phone        call.Number  `json:"phone"`
	Contact      string       `json:"contact,omitempty"` // id of the call it came from
	Source       string       `json:"source"`            // "phone", "web", "walk_in", "import"
	GivenName    string       `json:"given_name,omitempty"`
	FamilyName   string       `json:"family_name,omitempty"`
	Age          AgeBand      `json:"age,omitempty"`
	Languages    []string     `json:"languages,omitempty"` // BCP 47, best first; "other" until asked
	Area         string       `json:"area,omitempty"`      // postcode or area code, as keyed
	Place        string       `json:"place,omitempty"`
	PlaceCode    string       `json:"place_code,omitempty"` // of a place of the list, from the words of Place
	Willing      Willing      `json:"willing,omitempty"`
	Availability Availability `json:"availability,omitempty"`
	Skills       []Skill      `json:"skills,omitempty"`
	Transport    Transport    `json:"transport,omitempty"`
	Consent      Consent      `json:"consent"`
	Recordings   []Recording  `json:"recordings,omitempty"`
	SamePhone    []string     `json:"same_phone,omitempty"` // ids of earlier registrants with this number
	RegisteredAt time.Time    `json:"registered_at"`
	UpdatedAt    time.Time    `json:"updated_at"`

	// On the way from offer to help.
	StatusAt    time.Time `json:"status_at,omitzero"`
	Before      Status    `json:"before,omitempty"`       // of somebody on hold or suspended: where they come back to
	Screening   Status    `json:"screening,omitempty"`    // what was decided
	DuplicateOf string    `json:"duplicate_of,omitempty"` // registrant that this one was merged into
	Merged      []string  `json:"merged,omitempty"`       // registrants that were merged into this one
	Conduct     Consent   `json:"conduct,omitzero"`       // the code of conduct

	// What a person completes.
	Phone2            call.Number `json:"phone_2,omitempty"`
	Email             string      `json:"email,omitempty"`
	AvailableFrom     string      `json:"available_from,omitempty"` // a day
	HoursDay          int         `json:"hours_day,omitempty"`
	SkillNote         string      `json:"skill_note,omitempty"`
	Equipment         string      `json:"equipment,omitempty"`
	Affiliation       string      `json:"affiliation,omitempty"`
	EmergencyName     string      `json:"emergency_name,omitempty"`
	EmergencyRelation string      `json:"emergency_relation,omitempty"`
	EmergencyPhone    call.Number `json:"emergency_phone,omitempty"`
	Limits            string      `json:"limits,omitempty"` // in their own words
	GuardianName      string      `json:"guardian_name,omitempty"`
	GuardianPhone     call.Number `json:"guardian_phone,omitempty"`
	LegalBasis        string      `json:"legal_basis,omitempty"` // sharing.Bases
	ShareScope        string      `json:"share_scope,omitempty"` // sharing.Scopes
	GuardianConsent   bool        `json:"guardian_consent,omitempty"`
	Check             string      `json:"check,omitempty"` // background check: its result only
	CheckUntil        string      `json:"check_until,omitempty"`
	CheckAt           string      `json:"check_at,omitempty"`    // day of it
	Certificate       string      `json:"certificate,omitempty"` // licence, as named
	CertificateIssuer string      `json:"certificate_issuer,omitempty"`
	CertificateUntil  string      `json:"certificate_until,omitempty"`    // a day
	CertificateSeen   bool        `json:"certificate_verified,omitempty"` // somebody has seen it, or asked the issuer
	Trained           []string    `json:"trained,omitempty"`
	Notes             string      `json:"notes,omitempty"`
	EnteredAt         time.Time   `json:"entered_at,omitzero"` // typed from paper
	EnteredBy         string      `json:"entered_by,omitempty"`

	Erased time.Time `json:"erased,omitzero"` // who it was is gone, on request or by age
}

// Missing are the questions of the telephone form that have no answer.
func (r Registrant) Missing() []string {
	var missing []string
	for _, q := range []struct {
		name     string
		answered bool
	}{
		{"phone", !r.Phone.Withheld()},
		{"name", r.GivenName != "" || r.FamilyName != "" || r.recorded("name")},
		{"age", r.Age != ""},
		{"languages", len(r.Languages) > 0},
		{"area", r.Area != ""},
		{"willing", r.Willing != ""},
		{"availability", r.Availability != ""},
		{"skills", len(r.Skills) > 0 || r.recorded("skills")},
		{"transport", r.Transport != ""},
		{"consent", r.Consent.Given},
		{"guardian", r.Age != Minor || r.guarded()},
	} {
		if !q.answered {
			missing = append(missing, q.name)
		}
	}
	return missing
}

// guarded reports that it is on file who answers for somebody under 18, how that
// person is reached, and that they agreed.
func (r Registrant) guarded() bool {
	return r.GuardianConsent && r.GuardianName != "" && !r.GuardianPhone.Withheld()
}

func (r Registrant) recorded(name string) bool {
	return slices.ContainsFunc(r.Recordings, func(x Recording) bool { return x.Name == name })
}

// Recording names.
const (
	RecordingName   = "name"
	RecordingSkills = "skills"
)

// Answers are what a telephone dialogue gathered, by the names its flow uses.
type Answers map[string]string

// Names of the answers.
const (
	answerContact  = "contact.id"
	answerPhone    = "caller.number"
	answerCallback = "callback.number"
	answerConsent  = "consent"
	answerScript   = "consent.script" // names the wording that was said
)

// consentVersion names the wording of the spoken question. A new wording gets
// a new name.
const consentVersion = "phone-1"

// Refused reports that the caller said no to being registered: nothing of the
// answers may be kept.
func (a Answers) Refused() bool { return a[answerConsent] == "no" || a["age"] == "under16" }

// Begun reports that the answers hold anything worth keeping.
func (a Answers) Begun() bool {
	return a["age"] != ""
}

// Registrant turns answers into a record. Unknown words are left out: a record
// with a gap is completed by a person, one with nonsense misleads.
func (a Answers) Registrant() Registrant {
	r := Registrant{
		Source:       "phone",
		Contact:      a[answerContact],
		Phone:        call.Number(a[answerPhone]),
		Age:          oneOf(a["age"], Adult, Minor),
		Area:         a["area"],
		Willing:      oneOf(a["willing"], Willings()...),
		Availability: oneOf(a["availability"], Availabilities()...),
		Transport:    oneOf(a["transport"], Transports()...),
		Languages:    items(a["languages"]),
	}
	if keyed := a[answerCallback]; keyed != "" {
		r.Phone = call.Number(keyed)
	}
	for _, s := range items(a["skills"]) {
		if known := oneOf(s, Skills()...); known != "" && !slices.Contains(r.Skills, known) {
			r.Skills = append(r.Skills, known)
		}
	}
	if a[answerConsent] == "yes" {
		r.Consent = Consent{Given: true, Version: cmp.Or(a[answerScript], consentVersion), How: "key"}
	}
	return r
}

func oneOf[T ~string](answer string, known ...T) T {
	if slices.Contains(known, T(answer)) {
		return T(answer)
	}
	return ""
}

func items(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
