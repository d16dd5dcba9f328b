package page

import (
	"time"

	"hotline/appliance/lists"
	"hotline/triage"
	"hotline/triage/reports"
)

// Handover ends a call with a caller who is protected from then on.
const Handover = "protected_handover"

// OwnCallsPage lists the own calls of a phone volunteer.
type OwnCallsPage struct {
	Frame
	List     []triage.Contact
	Today    reports.Figures
	CallsOut bool
	Done     string
	Code     string // of the case that was just written down
}

// OwnDone are the words that say what was done.
func OwnDone() []string { return []string{"corrected", "protected", "new"} }

// OwnCallPage is one of them.
type OwnCallPage struct {
	Frame
	Contact  triage.Contact
	Case     string // its code
	Form     []FormField
	Open     bool // can still be corrected
	Ending   string
	CallsOut bool
	Trouble  string
}

// endings of the form: those that ship or were added, without the one that an
// answer decides.
func (p OwnCallPage) endings() (out []lists.Choice) {
	for _, c := range p.Lists.List(lists.Dispositions).Choices {
		if (!c.Off && c.Code != Handover) || c.Code == p.Contact.Disposition {
			out = append(out, c)
		}
	}
	return out
}

// until is when the call can no longer be corrected.
func (p OwnCallPage) until() string { return p.Clock(p.Contact.EndedAt.Add(triage.CorrectWithin)) }

// spent is a sum of milliseconds, in words.
func (f Frame) spent(ms int64) string { return f.Long(time.Duration(ms) * time.Millisecond) }

// again reports whether somebody can be called back from the list.
func again(k triage.Contact) bool {
	return !k.Protected && (k.CallBack.E164() || k.CallBack == "" && k.Caller.E164())
}

// ownNumber is who was on the line, as the person at the desk has seen it.
func (f Frame) ownNumber(k triage.Contact) string {
	if k.Protected {
		return f.T("records.protected")
	}
	return numberWords(f, string(k.Caller))
}

// ownDo is what can be done with an own call: its text.
func ownDo(k triage.Contact, now time.Time) string {
	if k.Correctable(k.Agent, now) {
		return "own.correct"
	}
	return "own.look"
}

// ownLook is the same for those who do not see the line that it stands in.
func ownLook(f Frame, k triage.Contact, now time.Time) string {
	return f.T(ownDo(k, now)) + ": " + f.F("own.look.who", "when", f.When(k.ReceivedAt))
}

// arc is a part of a ring with a circumference of 100.
type arc struct {
	state        triage.AgentState
	dash, offset string
}

// ringOf begins at the top and goes round with the clock, with a thin gap between
// the parts: nobody has to tell them apart by colour alone.
func ringOf(stays []reports.StateStay) (arcs []arc) {
	var all int64
	for _, one := range stays {
		all += one.MS
	}
	if all == 0 {
		return nil
	}
	at := 25.0 // a dash begins at three o'clock
	for _, one := range stays {
		share := 100 * float64(one.MS) / float64(all)
		drawn := share
		if len(stays) > 1 {
			drawn = max(share-0.8, 0.2)
		}
		arcs = append(arcs, arc{one.State, unit(drawn) + " " + unit(100-drawn), unit(at)})
		at -= share
	}
	return arcs
}
