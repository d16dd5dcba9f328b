package desk

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/call"
	"hotline/triage"
)

// conversation is what the story of a call and the seat share: the story
// writes what happens, the seat shows it and sends commands.
type conversation struct {
	id       string // contact
	number   call.Number
	language string
	queue    string
	path     []string
	keys     string
	facts    *atomic.Pointer[[]FactView] // what flows found out; nil before anybody answered
	context  []string                    // told by a menu elsewhere; never stored
	since    time.Time                   // began to wait
	earlier  []EarlierView
	mode     string

	byCode   bool   // the caller has keyed the code of the case
	callBack string // why they are called back: the reason of the item; "" when this is none

	requests chan request  // from pages to the story
	stir     chan struct{} // the story should look again; has room for one
	ended    chan struct{} // closed when the last talk is over

	mu         sync.Mutex
	answeredAt time.Time
	held       bool
	muted      bool
	alarm      bool
	protected  bool
	left       bool
	file       *triage.Case
	outgoing   bool // we have called them
	ringingOut bool
	help       bool // the agent asks for a supervisor
	rescue     bool // an emergency service is looked for
	internal   bool // two colleagues, and nobody who seeks help
	lead       string
	failed     string // why the person asked last did not answer
	parties    []PartyView
	consult    *ConsultView
	listened   []string
	whisper    []string
	recording  string // "" while no talk has begun

	recordingPolicy triage.RecordingPolicy
}

func (c *conversation) change(fn func()) {
	c.mu.Lock()
	fn()
	c.mu.Unlock()
}

// assessed reports whether the urgency questions are answered.
func (c *conversation) assessed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.file != nil && triage.Assess(c.file.Fields, false) != ""
}

// line is the queue the contact waits in or came from.
func (c *conversation) line() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue
}

// alarms is what the floor must know of the call: one alarm or none.
func (c *conversation) alarms(agent string) []FloorAlarm {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := FloorAlarm{Contact: c.id, Agent: agent, Queue: c.queue, Since: c.answeredAt, Kind: "danger"}
	switch {
	case c.red():
		a.Level = triage.Red
	case c.alarm:
	case c.help:
		a.Kind = "help"
	default:
		return nil
	}
	return []FloorAlarm{a}
}

// waitingAlarms is what the floor must know of a caller who waits: one whose
// agent is lost is still in danger, and so is whoever waits in the queue for it.
func (c *conversation) waitingAlarms(w triage.WaitingView) []FloorAlarm {
	found := c.alarms("")
	if len(found) == 0 && w.Queue == triage.QueueLife {
		found = []FloorAlarm{{Contact: c.id, Queue: w.Queue, Level: triage.Red, Kind: "danger"}}
	}
	for i := range found {
		found[i].Waiting, found[i].Since = true, w.Since
	}
	return found
}

// urgent reports that somebody may be in danger.
func (c *conversation) urgent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.alarm || c.red()
}

// red reports a case in danger that is not closed. c.mu is held.
func (c *conversation) red() bool {
	return c.file != nil && c.file.Level == triage.Red && c.file.Status != triage.CaseClosed
}

func (c *conversation) asksForHelp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.help
}

func (c *conversation) listenedTo() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.listened)+len(c.whisper) > 0
}

// leads reports whether the agent is the one who has this call, and not a
// visitor to it.
func (c *conversation) leads(agent string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lead == "" || c.lead == agent
}

func (c *conversation) view(now time.Time, ringUntil time.Time) (*CallView, *CaseView) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &CallView{Contact: c.id, Number: string(c.number), Language: c.language, Queue: c.queue, Path: c.path, Keys: c.keys, Context: c.context,
		RingUntil: ringUntil, AnsweredAt: c.answeredAt, Held: c.held, Muted: c.muted, Emergency: c.alarm,
		Protected: c.protected, CallerLeft: c.left, Earlier: c.earlier, Mode: c.mode}
	if c.facts != nil {
		if facts := c.facts.Load(); facts != nil {
			v.Facts = *facts
		}
	}
	if c.protected {
		v.Number, v.Earlier, v.Context, v.Facts = "", nil, nil, nil
	}
	v.Parties, v.Consult, v.Listened, v.Whisper, v.Help = c.parties, c.consult, c.listened, c.whisper, c.help
	v.Outgoing, v.RingingOut, v.Internal, v.CallBack = c.outgoing, c.ringingOut, c.internal, c.callBack
	v.ByCode = c.byCode && !c.protected
	v.Rescue = c.rescue
	v.Recording, v.RecordingPolicy = cmp.Or(c.recording, recordingOff), cmp.Or(c.recordingPolicy, triage.RecordNever)
	if c.failed != "" {
		v.Consult = &ConsultView{Failed: c.failed}
	}
	until := now
	if !c.answeredAt.IsZero() {
		until = c.answeredAt
	}
	v.WaitedS = int(until.Sub(c.since).Seconds())
	if c.file == nil || c.byCode && c.answeredAt.IsZero() { // who is only rung sees no case
		return v, nil
	}
	return v, &CaseView{Code: c.file.Code, Fields: c.file.Fields, Level: c.file.Level, SavedAt: c.file.UpdatedAt}
}
