package desk

import (
	"cmp"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/media"
	"hotline/appliance/trunk"
)

// Ways in which a supervisor is on somebody else's call.
const (
	modeListen  = "listen"
	modeWhisper = "whisper"
	modeBarge   = "barge"
)

// party is one more person on the line beside the caller and the agent who
// leads the call: a colleague, an outside number, a supervisor.
type party struct {
	id    string
	kind  string // agent, number, supervisor
	name  string
	label string      // of a number that has a name
	seat  *Seat       // of an agent or supervisor; nil for a number
	leg   *trunk.Call // of a number; nil for the others
	mode  string      // of a supervisor
}

// audio is the party's sound, nil while it has none.
func (p *party) audio(now time.Time) *media.Endpoint {
	if p.leg != nil {
		return p.leg.Audio()
	}
	return p.seat.sound(now)
}

func (p *party) view(state string) PartyView {
	v := PartyView{ID: p.id, Kind: p.kind, Name: cmp.Or(p.label, p.name), State: state}
	if p.leg != nil {
		v.Number, v.Name = p.name, p.label
	}
	return v
}

// leave sends the party away: a number is hung up, a colleague is ready for the
// next caller, a supervisor is on a break of its own.
func (p *party) leave(d *Desk, contact string) {
	if p.leg != nil {
		p.leg.Hangup(call.Cause{By: call.ByAgent, Reason: "taken off the line"})
		return
	}
	p.seat.depart(contact)
	d.cfg.Dispatcher.Release(p.seat.id(), contact, p.kind == "agent")
	p.seat.touch()
}
