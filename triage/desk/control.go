package desk

import (
	"context"
	"slices"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/trunk"
	"hotline/triage"
)

// request is a command of somebody's page to the call it concerns.
type request struct {
	from  *Seat
	c     Command
	reply chan error
}

// Target is where a caller or a question shall go.
type Target struct {
	Kind string `json:"kind"` // agent, queue, number, entry
	ID   string `json:"id"`
}

// calling is a person being rung for this call.
type calling struct {
	party *party
	why   callingFor
	stop  context.CancelFunc
	begun time.Time
}

type callingFor int

const (
	toConsult  callingFor = iota
	toTransfer            // an outside number that gets the caller at once
)

// answer says how a calling ended.
type answer struct {
	calling *calling
	leg     *trunk.Call // of a number that answered
	err     error       // a sentence for the agent
}

// obey carries out a request. over says that this talk ends with end.
func (t *talk) obey(r request) (end talkEnd, over bool, err error) {
	t.conv.change(func() { t.conv.failed = "" })
	if r.from != t.seat {
		return talkOver, false, t.obeyVisitor(r)
	}
	switch r.c.Type {
	case "end":
		t.ending = ending{by: call.ByAgent, reason: "the agent ended the call"}
		return talkOver, true, nil
	case "hold":
		t.hold()
	case "resume":
		t.resume()
	case "keys":
		return talkOver, false, t.sendKeys(r.c.Digits)
	case "transfer":
		return t.transfer(r.c.To)
	case "consult":
		return talkOver, false, t.beginConsult(r.c.To)
	case "rescue":
		return talkOver, false, t.beginRescue()
	case "consult.cancel":
		t.rescue = nil
		t.endConsult()
	case "consult.transfer":
		return t.attended()
	case "consult.join":
		if t.consult == nil || t.calling != nil {
			return talkOver, false, UserError("Nobody has answered yet.")
		}
		t.others = append(t.others, t.consult)
		t.consult = nil
		t.resume()
		t.note("contact.conference")
	case "drop":
		return talkOver, false, t.drop(r.c.Party)
	case "leave":
		return talkOver, false, t.leave()
	case "record":
		return talkOver, false, t.switchTape(r.c.On)
	default:
		return talkOver, false, UserError("This page is older than the hotline. Reload it; the caller stays on the line.")
	}
	return talkOver, false, nil
}

// obeyVisitor carries out what somebody else than the lead agent may ask for:
// a colleague in a conference or consultation may leave, a supervisor may come,
// change the way of listening, take over and go.
func (t *talk) obeyVisitor(r request) error {
	switch r.c.Type {
	case "monitor":
		return t.monitor(r.from, r.c.Mode)
	case "monitor.end":
		t.remove(r.from)
		return nil
	case "monitor.take":
		return t.takeOver(r.from)
	case "end":
		t.remove(r.from)
		return nil
	}
	return UserError("Only the volunteer who leads this call can do that.")
}

// maxLegs is how many people may be on one call. More, and nobody knows any
// more who listens.
const maxLegs = 6

// full explains that nobody else can join; nil when there is room.
func (t *talk) full() error {
	legs := 2 + len(t.others)
	for _, p := range t.watchers {
		if p.mode == modeBarge {
			legs++
		}
	}
	if legs < maxLegs {
		return nil
	}
	return UserError("Six people are on this call. Nobody else can join until somebody leaves.")
}

func (t *talk) hold() {
	if t.held {
		return
	}
	t.held, t.heldSince = true, time.Now()
	t.note("contact.hold")
}

func (t *talk) resume() {
	if !t.held {
		return
	}
	t.noteHold(time.Now())
	t.note("contact.resumed")
}

func (t *talk) sendKeys(digits string) error {
	ctx, stop := context.WithTimeout(t.ctx, 10*time.Second)
	defer stop()
	if err := t.leg.Audio().SendKeys(ctx, digits); err != nil {
		t.d.cfg.Log.Warn("sending keys to a caller", "contact", t.conv.id, "error", err)
		return UserError("The keys could not be sent: the other side does not take them.")
	}
	return nil
}

// transfer sends the caller on at once. An agent or a line gets the caller in
// the ordinary way, with the age of the first arrival; an outside number is
// dialled while the caller hears music, and gets the caller when it answers.
func (t *talk) transfer(to Target) (end talkEnd, over bool, err error) {
	switch to.Kind {
	case "queue":
		if !slices.Contains(t.d.cfg.Dispatcher.Queues(), to.ID) {
			return talkOver, false, UserError("There is no such line.")
		}
		t.goTo = destination{queue: to.ID}
	case "entry":
		if e, known := t.d.entries()[to.ID]; !known || e.Supervisor {
			return talkOver, false, UserError("The hotline has no such number.")
		}
		t.goTo = destination{entry: to.ID}
	case "agent":
		if err := t.d.canRing(to.ID, t.seat.id()); err != nil {
			return talkOver, false, err
		}
		t.goTo = destination{queue: t.contact.Queue, only: to.ID}
	case "number":
		if err := t.ringFor(to, toTransfer, nil); err != nil {
			return talkOver, false, err
		}
		t.hold()
		return talkOver, false, nil
	default:
		return talkOver, false, UserError("Choose who shall get the caller.")
	}
	t.transferred(to)
	return callerSent, true, nil
}

func (t *talk) transferred(to Target) {
	t.change(func(k *triage.Contact, _ time.Time) []events.Event {
		data := map[string]string{"kind": to.Kind}
		if to.Kind != "number" {
			data["to"] = to.ID
		}
		return []events.Event{{Kind: "contact.transferred", Agent: k.Agent, Queue: k.Queue, Data: data}}
	})
}

// handOver makes another agent, or nobody, the lead; the one before finishes
// notes. The case, language and arrival time stay with the contact.
func (t *talk) handOver(to *Seat) {
	before := t.seat
	t.seat, t.lostSince = to, time.Time{}
	if before != nil {
		t.toNotes(before, false)
	}
	if to == nil {
		t.ofOthers()
		return
	}
	t.change(func(k *triage.Contact, _ time.Time) []events.Event {
		k.Agent, k.AgentName = to.id(), to.name()
		return []events.Event{{Kind: "contact.connected", Agent: k.Agent, Queue: k.Queue}}
	})
	t.ofOthers()
}

// drop takes one person out of a conference.
func (t *talk) drop(id string) error {
	for i, p := range t.others {
		if p.id == id {
			t.others = slices.Delete(t.others, i, i+1)
			p.leave(t.d, t.conv.id)
			return nil
		}
	}
	return UserError("This person is not on the line any more.")
}

// leave lets the lead out of a conference, and the caller stays with the others:
// the colleague who came first leads on; where only people outside are left,
// nobody does.
func (t *talk) leave() error {
	if len(t.others) == 0 {
		return UserError("Nobody else is on the line. End the call, or transfer it.")
	}
	t.endConsult() // whoever was only asked goes; the caller is off hold
	next := t.others[0]
	if i := slices.IndexFunc(t.others, func(p *party) bool { return p.seat != nil }); i >= 0 {
		next = t.others[i]
		t.others = slices.Delete(t.others, i, i+1)
	}
	t.transferred(Target{Kind: next.kind, ID: next.id})
	t.handOver(next.seat)
	return nil
}

// show gives the pages of the call its present shape.
func (t *talk) show() {
	now := time.Now()
	t.conv.change(func() {
		c := t.conv
		c.held = t.held
		c.parties, c.listened, c.whisper, c.consult = nil, nil, nil, nil
		state := "talking"
		if t.held || t.consult != nil {
			state = "held"
		}
		c.parties = append(c.parties, PartyView{ID: "caller", Kind: "caller", State: state})
		for _, p := range t.others {
			c.parties = append(c.parties, p.view(state0(p, now)))
		}
		for _, p := range t.watchers {
			switch p.mode {
			case modeListen:
				c.listened = append(c.listened, p.name)
			case modeWhisper:
				c.whisper = append(c.whisper, p.name)
			default:
				c.parties = append(c.parties, p.view("talking"))
			}
		}
		if who, state := t.asked(); who != nil {
			v := who.view(state)
			c.consult = &ConsultView{ID: v.ID, Kind: v.Kind, Name: v.Name, Number: v.Number, State: v.State}
			c.failed = ""
		}
		c.recording, c.recordingPolicy = t.tape.state(), t.tape.policy
		c.rescue = t.rescue != nil
		c.lead = ""
		if t.seat != nil {
			c.lead = t.seat.id()
		}
	})
	t.d.cfg.Dispatcher.Touch()
}

// asked is the second person, if there is one.
func (t *talk) asked() (*party, string) {
	switch {
	case t.calling != nil:
		return t.calling.party, "ringing"
	case t.consult != nil:
		return t.consult, "talking"
	}
	return nil, ""
}

func state0(p *party, now time.Time) string {
	if p.audio(now) == nil {
		return "held"
	}
	return "talking"
}
