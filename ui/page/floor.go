package page

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/reports"
)

// FloorPage is what supervisors watch.
type FloorPage struct {
	Frame
	View     desk.FloorView
	Scope    triage.Scope // whose people these are
	Mode     mode.State
	Changes  []Change
	Warnings Warnings
	Bad      bool           // a check of the health page says: act now
	Gauge    *reports.Gauge // nil when it could not be computed
	Done     string         // what the person has just changed
}

// Change is one change of the emergency mode, from the log.
type Change struct {
	At                time.Time
	From, To, By, Via string
}

// ModePage is the page on which the emergency mode is prepared.
type ModePage struct {
	Frame
	Mode    mode.State
	Changes []Change
	Form    ModeForm
	Trouble string
	Done    string
}

// ModeForm is what was typed, shown again when something was wrong.
type ModeForm struct{ Path, Hours, Sound, Partner string }

// Confirm says what a prepared change will do.
type Confirm struct {
	Path    string
	Until   time.Time
	For     time.Duration
	New     bool // a new announcement
	Keep    bool // the announcement that plays now stays
	Length  time.Duration
	Partner string
}

// Why says in a sentence why somebody waits, or why a phone volunteer who is
// free is not rung.
func (f Frame) Why(w triage.Why) string {
	key := "why." + string(w.Reason)
	if !w.Until.IsZero() && f.Known(key+".until") {
		key += ".until"
	}
	if !f.Known(key) {
		return string(w.Reason)
	}
	name := w.Agent
	if name == "" { // of another team, or not for this reader
		name = f.T("why.somebody")
	}
	return f.F(key, "name", name, "skill", f.skill(w.Skill), "clock", f.Clock(w.Until))
}

// profile is the name of a routing profile, in words where it has shipped.
func (f Frame) profile(p triage.Profile) string {
	if renamed := !slices.ContainsFunc(triage.ShippedProfiles(), func(one triage.Profile) bool { return one.ID == p.ID && one.Name == p.Name }); renamed {
		return p.Name
	}
	return f.Or("profile."+p.ID, p.Name)
}

// skill is the name of a skill in words.
func (f Frame) skill(name string) string {
	if tag, spoken := strings.CutPrefix(name, triage.Language("")); spoken {
		return f.Spoken(tag)
	}
	return f.Or("skill."+name, name)
}

func (f Frame) agentState(a desk.FloorAgent) string {
	words := f.T("state." + string(a.State))
	if a.Reason != "" && f.Known("break."+a.Reason) {
		words += ": " + f.T("break."+a.Reason)
	}
	if a.By != "" {
		words = f.F("steer.state.by", "state", words, "name", a.By)
	}
	return words
}

// farAway is from how many milliseconds on, there and back, two people begin to
// speak at the same time (D12): the delay beyond which ITU-T G.114 calls a
// conversation hard, in both directions, of which the telephone has a part, too.
const farAway = 250

// longAway says whether somebody is out of Ready for longer than a break or the
// notes of a call take (D17): most have forgotten it.
func (p FloorPage) longAway(a desk.FloorAgent) bool {
	away := p.View.Now.Sub(a.Since)
	switch a.State {
	case triage.OnBreak:
		return away > 30*time.Minute
	case triage.WrapUp, triage.Missed:
		return away > 10*time.Minute
	}
	return false
}

// alarms has danger before calls for help.
func (p FloorPage) alarms() []desk.FloorAlarm {
	sorted := slices.Clone(p.View.Alarms)
	slices.SortStableFunc(sorted, func(a, b desk.FloorAlarm) int {
		switch {
		case isHelp(a) == isHelp(b):
			return 0
		case isHelp(b):
			return -1
		}
		return 1
	})
	return sorted
}

func isHelp(a desk.FloorAlarm) bool { return a.Kind == "help" }

// stepsIn reports whether the person at the page can step into this one's call:
// it runs, and the person has a phone page.
func (p FloorPage) stepsIn(a desk.FloorAgent) bool {
	return p.phone() && a.State == triage.OnCall && a.Contact != ""
}

func (p FloorPage) phone() bool {
	return p.Person != nil && slices.ContainsFunc(p.Person.Groups, func(g Group) bool { return slices.Contains(g.Paths, "/desk") })
}

// stepIn leads to the person's own phone page, which sends the command as soon
// as its sound is connected.
func stepIn(contact, step string) templ.SafeURL {
	return templ.SafeURL("/desk?" + url.Values{"monitor": {contact}, "mode": {step}}.Encode())
}

// tail shows the end of a number: enough to recognise a caller, no more than
// the floor needs.
func (f Frame) tail(number string) string {
	digits := []rune(number)
	if len(digits) < 6 {
		return f.T("js.number.hidden")
	}
	return "… " + string(digits[len(digits)-4:])
}

func (f Frame) path(code string) string { return f.Or("mode.path."+code, code) }

// changeWords tells one change: what, who and how.
func (f Frame) changeWords(c Change) string {
	what := f.T("mode.change.off")
	if c.To != mode.Normal && c.To != "" {
		what = f.F("mode.change.on", "path", f.path(c.To))
	}
	switch {
	case c.Via == "rule":
		return f.F("mode.change.rule", "what", what)
	case c.By == "":
		return what
	}
	return f.F("mode.change.by", "what", what, "name", c.By, "via", f.Or("via."+c.Via, c.Via))
}

func levelMark(level triage.Level) string {
	switch level {
	case triage.Red:
		return "▲"
	case triage.Orange:
		return "◆"
	case triage.Yellow:
		return "●"
	case triage.Green:
		return "■"
	case triage.White:
		return "○"
	}
	return ""
}

// over names the lines in which more wait, or longer, than is right; the page
// sounds when one more is among them.
func (p FloorPage) over() string {
	var ids []string
	for _, line := range p.View.Lines {
		if line.Over {
			ids = append(ids, line.ID)
		}
	}
	return strings.Join(ids, " ")
}
