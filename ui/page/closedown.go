package page

import (
	"strings"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/wipe"
	"hotline/triage/closedown"
)

// ClosePage is the way to the end of an operation.
type ClosePage struct {
	Frame
	Closing      closedown.Closing
	Step         closedown.Step
	Open         closedown.Open
	Job          export.Job
	Certificates []wipe.Certificate
	Levels       []string
	Bases, Keeps []string
	Form         CloseForm
	CoolOff      time.Duration
	Me           string // account of the reader
	Admin        bool
	Second       bool // has a second step at sign-in
	Trouble      string
}

// CloseForm is what was typed, shown again when something was wrong. It never
// has the password of a person.
type CloseForm struct {
	Level, To, Password, Recipient, Why string
	Organisation, Person, Basis, Date   string
	Hash, Keep, Phrase                  string
}

func (p ClosePage) minutes() string { return itoa(int(p.CoolOff.Minutes())) }

// mine reports that the reader has asked for the wipe.
func (p ClosePage) mine() bool { return p.Closing.Asked.Account == p.Me }

func (p ClosePage) level() string {
	if p.Form.Level == "" {
		return "L3"
	}
	return p.Form.Level
}

func (p ClosePage) made() bool { return p.Job.SHA256 != "" }

// ClosingPage tells everybody that the records are to be wiped.
type ClosingPage struct {
	Frame
	Closing closedown.Closing
	Step    closedown.Step
	Done    string
}

func (p ClosingPage) near() bool {
	return p.Step == closedown.StepConfirm || p.Step == closedown.StepWait
}

// CertificatePage is what a wipe proves.
type CertificatePage struct {
	Frame
	Certificate wipe.Certificate
	Forged      bool
}

func (p CertificatePage) who(one wipe.Person) string {
	return p.F("close.cert.who", "name", one.Name, "role", p.RoleWords(one.Role), "when", p.day(one.At))
}

// day is a moment as a paper has it that is read years later.
func (p CertificatePage) day(at time.Time) string {
	return at.Local().Format("2006-01-02 15:04 -07:00")
}

func (p CertificatePage) list(names []string) string { return strings.Join(names, ", ") }
