package page

import (
	"strconv"
	"time"

	"hotline/appliance/switches"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

// Warnings are what a supervisor has to know that no caller says.
type Warnings struct {
	Overdue int // bulletins that have run out
	Locked  []Locked
	Alerts  []supervise.Alert // lines on which callers wait for too long, for which supervisors were called
}

// Locked is a phone PIN, or with no name the whole PIN line, that was locked
// after wrong guesses.
type Locked struct {
	At   time.Time
	Name string
}

// LinesPage is the page of the lines, and of calling people in.
type LinesPage struct {
	Frame
	State     supervise.State
	Reachable int
	Scope     triage.Scope // whom this person may call in
	NoLine    bool         // the hotline cannot call out
	Trouble   string
	Done      string
}

// LinesDone are the words that say what was done.
func LinesDone() []string {
	return []string{"opened", "closed", "calling", "stopped", "nothing", "undo.mode", "undo.bulletin", "undo.queue", "undo.callout"}
}

// BulletinsPage is the board.
type BulletinsPage struct {
	Frame
	List    []bulletins.Bulletin
	Offered []string // languages of callers
	Form    BulletinForm
	Trouble string
	Done    string
}

// BulletinForm is what was typed, shown again when something was wrong.
type BulletinForm struct{ Language, Text, Hours string }

// BulletinsDone are the words that say what was done.
func BulletinsDone() []string { return []string{"published", "withdraw", "renew", "up"} }

// AccessPage is what programs may do, and what is switched off.
type AccessPage struct {
	Frame
	Tokens  []roster.Token
	Scopes  []roster.Scope
	Form    TokenForm
	Fresh   string // a token that was just made: shown this once
	Parts   []switches.Part
	Off     map[switches.Part]switches.Off
	Trouble string
	Done    string
}

// TokenForm is what was typed, shown again when something was wrong.
type TokenForm struct {
	Name, Days string
	Scopes     []string
	Level      string // "L1" or "L2"
	To         string // sharing.Inside, Helpers or Public
}

func (f TokenForm) has(scope roster.Scope) bool {
	for _, s := range f.Scopes {
		if s == string(scope) {
			return true
		}
	}
	return false
}

// AccessDone are the words that say what was done.
func AccessDone() []string { return []string{"revoked", "on", "off"} }

// PaperPage is a sheet of one-time codes.
type PaperPage struct {
	Frame
	Account roster.Account
	Codes   []string
}

// spaced writes a code as it is read: its number, and the secret in threes.
func spaced(code string) string {
	if len(code) != 8 {
		return code
	}
	return code[:2] + " " + code[2:5] + " " + code[5:]
}

func (p BulletinsPage) plays(b bulletins.Bulletin) bool { return b.Plays(p.Now) }

// load says in words how heavy the load is.
func (f Frame) load(m mode.State) string {
	return f.F("load.words", "rung", f.T("load.rung."+m.Rung.String()), "n", strconv.Itoa(m.Load.Waiting), "wait", f.expected(m.Load.Wait))
}

func (f Frame) expected(wait time.Duration) string {
	if wait < 0 {
		return f.T("load.unknown")
	}
	return f.Long(wait)
}

// settable are the modes of the form.
func settable() []string {
	var list []string
	for _, m := range mode.Modes() {
		if m != mode.Normal {
			list = append(list, m)
		}
	}
	return list
}

// answers are the answers of a call-out that are counted.
func answers() []string {
	return []string{supervise.Coming, supervise.NotNow, supervise.Silent, supervise.Missed, supervise.Rings, supervise.Waits}
}
