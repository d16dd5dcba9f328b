package page

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hotline/appliance/lines"
	"hotline/appliance/trunk"
)

// TrunksPage is the telephone lines and where the numbers lead.
type TrunksPage struct {
	Frame
	Lines   []TrunkLine
	Numbers []TrunkNumber
	Peers   []string // of hotline.yaml; none: calls come from anywhere
	Dropped uint64   // messages of others
	Flows   []string
	Queues  []string
	Offered []string // languages
	Number  lines.Number
	Trouble string

	Dials      []string // beginnings of numbers that may be called
	FiledDials string   // those of hotline.yaml

	Out *lines.CallsOut // who may call out, and how often

	Done string
}

// TrunkLine is one line as it stands.
type TrunkLine struct {
	lines.Line
	State trunk.LineState
	Used  bool // State says how it is
	Filed bool // in hotline.yaml
}

// TrunkNumber is one number.
type TrunkNumber struct {
	lines.Number
	Filed bool
}

// TrunkDone are the words that say what was done.
func TrunkDone() []string {
	return []string{"added", "changed", "on", "off", "removed", "number", "number_removed", "dials", "callers"}
}

// typedNumber is a number in a form; empty where nobody has typed one.
func typedNumber(n int) string {
	if n < 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// state names how a line is.
func (l TrunkLine) state() string {
	switch {
	case l.Off:
		return "off"
	case !l.Used:
		return "unused"
	case !l.State.Checked:
		return "try"
	case !l.State.Up:
		return "down"
	case l.State.Limit > 0 && l.State.Calls >= l.State.Limit:
		return "full"
	case !l.State.RegisteredUntil.IsZero():
		return "registered"
	}
	return "answers"
}

func (l TrunkLine) class() string {
	switch l.state() {
	case "registered", "answers":
		return "go"
	case "down", "full", "unused":
		return "warn"
	}
	return ""
}

// letIn is from where calls of the line are let in.
func (l TrunkLine) letIn() string {
	var out []string
	for _, ip := range l.State.Lets {
		out = append(out, ip.String())
	}
	for _, p := range l.State.Accepts {
		out = append(out, network(p))
	}
	return strings.Join(out, ", ")
}

func network(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// leads says where a number leads.
func (p TrunksPage) leads(n lines.Number) string {
	switch n.Leads {
	case lines.Flow:
		return p.F("trunks.leads.flow", "name", n.Name)
	case lines.Queue:
		return p.F("trunks.leads.queue", "name", p.Line(n.Name))
	}
	return p.T("trunks.leads." + string(n.Leads))
}

// way is where a number can lead: one choice of the form.
type way struct {
	value string
	n     lines.Number
}

func (p TrunksPage) ways() []way {
	var out []way
	add := func(n lines.Number) { out = append(out, way{string(n.Leads) + ":" + n.Name, n}) }
	for _, leads := range lines.Everywhere() {
		switch leads {
		case lines.Flow:
			for _, name := range p.Flows {
				add(lines.Number{Leads: leads, Name: name})
			}
		case lines.Queue:
			for _, name := range p.Queues {
				add(lines.Number{Leads: leads, Name: name})
			}
		default:
			add(lines.Number{Leads: leads})
		}
	}
	return out
}

func (p TrunksPage) chosen(w way) bool {
	return p.Number.Leads == w.n.Leads && p.Number.Name == w.n.Name
}

// TrunkPage is the form of one line.
type TrunkPage struct {
	Frame
	Line    lines.Line
	Fresh   bool   // it is not there yet
	At      string // where the other side sends calls
	Trouble string
}

// asks reports that a line of this kind is asked for something first; the rest
// is behind a fold.
func (p TrunkPage) asks(what string) bool {
	first := map[lines.Kind][]string{
		lines.Account: {"user", "from"},
		lines.Address: {"from", "accepts"},
		lines.GSM:     {"max_calls"},
		lines.FXO:     {"max_calls"},
		lines.PBX:     {"user", "max_calls"},
	}
	return slices.Contains(first[p.Line.Kind], what)
}

func (p TrunkPage) servers() string { return strings.Join(p.Line.Servers, " ") }
func (p TrunkPage) accepts() string { return strings.Join(p.Line.Accepts, " ") }

func (p TrunkPage) maxCalls() string {
	if p.Line.MaxCalls == 0 {
		return ""
	}
	return itoa(p.Line.MaxCalls)
}

// more reports that something behind the fold is set.
func (p TrunkPage) more() bool {
	l := p.Line
	return l.AuthUser != "" || l.Domain != "" || l.Transport != "" || l.Plus != "" || l.Certificate != "" || l.Encrypt
}

// TrialPage is a test call over a line.
type TrialPage struct {
	Frame
	Line    string
	To      string
	Trial   *lines.Trial // over this line, if one was made
	May     bool         // something may be dialled
	Allowed string       // beginnings of numbers
	Trouble string
}

// mark says how a step went.
func (p TrialPage) mark(step string) string {
	switch {
	case p.Trial.Got(step):
		return "yes"
	case p.Trial.Running:
		return "wait"
	}
	return "no"
}

// shows reports that the sentence of the other side says more than ours.
func (p TrialPage) shows() bool {
	return p.Trial.Reason != "" && slices.Contains([]lines.Outcome{lines.Other, lines.Forbidden, lines.Certificate, lines.Full}, p.Trial.Outcome)
}

func query(text string) string { return url.QueryEscape(text) }
