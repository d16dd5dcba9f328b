package desk

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/softphone"
	"hotline/triage"
)

// Practice is a seat at which nothing is real but the sound: a call is offered,
// a voice tells a story, and what is pressed and written down is forgotten. It
// knows no queue, no record and no other seat, so it cannot touch one.
type Practice struct {
	d        *Desk
	person   Person
	language string // of the voice
	over     func() // the notes of a practised call are finished

	mu      sync.Mutex
	now     Snapshot
	changed chan struct{}
	next    *time.Timer // what happens by itself
	leg     *softphone.Phone
	hush    context.CancelFunc // ends what the voice says
	saying  sync.WaitGroup
	closed  bool

	finished bool // the notes of the call; the page is not told yet
}

// The pace of a practised call.
const (
	practiceSoon  = 2 * time.Second // Ready → it rings
	practiceRings = 45 * time.Second
	practiceAgain = 4 * time.Second
)

const practiceContact = "practice"

// Practise makes such a seat for one page. It lives until PageClosed; over is
// called when a call was practised to its end.
func (d *Desk) Practise(p Person, language string, over func()) *Practice {
	return &Practice{d: d, person: p, language: language, over: over, changed: make(chan struct{}),
		now: Snapshot{Agent: AgentView{ID: p.ID, Name: p.Name, Login: p.Login, State: triage.Offline, Since: time.Now(), Sound: string(wayBrowser), Sounds: []way{wayBrowser}},
			Practice: true, Operation: d.cfg.Operation}}
}

// Snapshot is what the page shows.
func (p *Practice) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now
	now.Now = time.Now()
	return now
}

// Changed is closed at the next change of it.
func (p *Practice) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// Beat does nothing: nobody waits for this page.
func (p *Practice) Beat(time.Time, bool) {}

// Delay does nothing: nobody looks at it.
func (p *Practice) Delay(time.Duration) {}

// PageOpened is called once: a page has a seat of its own here.
func (p *Practice) PageOpened() uint64 { return 1 }

// Holds is always true.
func (p *Practice) Holds(uint64) bool { return true }

// PageClosed ends everything.
func (p *Practice) PageClosed(uint64) {
	p.mu.Lock()
	p.closed = true
	p.after(0, nil)
	p.silence()
	leg := p.leg
	p.leg = nil
	p.mu.Unlock()
	p.saying.Wait()
	if leg != nil {
		leg.Close()
	}
}

// ConnectAudio answers the page's offer.
func (p *Practice) ConnectAudio(ctx context.Context, offerSDP string) (string, error) {
	phone, answer, err := p.d.cfg.Gateway.Connect(ctx, offerSDP)
	if err != nil {
		p.d.cfg.Log.Warn("a page could not connect its sound for practice", "agent", p.person.ID, "error", err)
		return "", UserError("The sound of this page could not be connected. Reload the page; if that does not help, try another browser.")
	}
	p.mu.Lock()
	old := p.leg
	p.leg = phone
	if p.closed {
		old, p.leg = phone, nil
	}
	p.mu.Unlock()
	if old != nil {
		old.Close()
	}
	return answer, nil
}

// set changes the snapshot; the lock is held.
func (p *Practice) set(state triage.AgentState, change func(*Snapshot)) {
	p.now.Agent.State, p.now.Agent.Since = state, time.Now()
	if change != nil {
		change(&p.now)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// call changes the call that is shown; the lock is held.
func (p *Practice) call(change func(*CallView)) {
	if p.now.Call == nil {
		return
	}
	next := *p.now.Call
	change(&next)
	p.set(p.now.Agent.State, func(now *Snapshot) { now.Call = &next })
}

// after lets something happen by itself, in place of what was to happen; the
// lock is held.
func (p *Practice) after(d time.Duration, do func()) {
	if p.next != nil {
		p.next.Stop()
		p.next = nil
	}
	if do == nil {
		return
	}
	p.next = time.AfterFunc(d, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.closed {
			do()
		}
	})
}

func (p *Practice) ring() {
	p.set(triage.Offered, func(now *Snapshot) {
		now.Call = &CallView{Contact: practiceContact, Number: "+1 202 555 0123", Language: p.language, Queue: triage.QueueHelp, Path: []string{"language:" + p.language, "main:1"},
			WaitedS: 40, RingUntil: time.Now().Add(practiceRings), Mode: "normal", RecordingPolicy: triage.RecordingPolicy("never")}
	})
	p.after(practiceRings, p.wait)
}

// wait is Ready, until it rings again.
func (p *Practice) wait() {
	p.set(triage.Ready, func(now *Snapshot) { now.Call = nil })
	p.after(practiceAgain, p.ring)
}

// say lets the voice speak, or music play while it is on hold.
func (p *Practice) say(clip *audio.Clip) {
	p.silence()
	if p.leg == nil || p.closed {
		return
	}
	ctx, stop := context.WithCancel(p.leg.Context())
	p.hush = stop
	leg := p.leg
	p.saying.Go(func() {
		for ctx.Err() == nil {
			if _, err := leg.Audio().Play(ctx, clip, false); err != nil {
				return
			}
		}
	})
}

func (p *Practice) silence() {
	if p.hush != nil {
		p.hush()
		p.hush = nil
	}
}

func (p *Practice) voice() *audio.Clip {
	return audio.Concat(audio.Silence(time.Second), p.d.clip(p.language, "robot.speech"), audio.Silence(6*time.Second))
}

// Do carries out what the page asks for. Whatever a practised call does not
// have is refused with a sentence.
func (p *Practice) Do(_ context.Context, c Command) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	state, inCall := p.now.Agent.State, p.now.Call != nil
	switch c.Type {
	case "ready":
		if state == triage.Offline || state == triage.OnBreak {
			p.set(triage.Ready, nil)
			p.after(practiceSoon, p.ring)
		}
	case "break", "signout":
		if !inCall {
			p.after(0, nil)
			p.set(triage.OnBreak, nil)
		}
	case "accept":
		if state == triage.Offered {
			p.after(0, nil)
			p.set(triage.OnCall, nil)
			p.call(func(k *CallView) {
				k.AnsweredAt, k.Parties = time.Now(), []PartyView{{ID: "caller", Kind: "caller", State: "talking"}}
			})
			p.say(p.voice())
		}
	case "decline":
		if state == triage.Offered {
			p.wait()
		}
	case "mute":
		p.call(func(k *CallView) { k.Muted = c.On })
	case "hold", "resume":
		held := c.Type == "hold"
		p.call(func(k *CallView) { k.Held = held })
		if held {
			p.say(p.d.music())
		} else {
			p.say(p.voice())
		}
	case "emergency":
		p.call(func(k *CallView) { k.Emergency = c.On })
	case "help":
		p.call(func(k *CallView) { k.Help = c.On })
	case "keys":
	case "case.save":
		p.write(c.Fields)
	case "end":
		if inCall {
			p.silence()
			p.set(triage.WrapUp, nil)
		}
	case "wrap":
		if state == triage.WrapUp && !p.finished {
			p.finished = true
			p.saying.Go(p.finish)
		}
	case "test.sound": // for the sound check: something to hear, for as long as the page wants
		if c.On {
			p.say(p.d.music())
		} else {
			p.silence()
		}
	default:
		return UserError("This is only practice: there is nobody to do that with.")
	}
	return nil
}

// finish has the call noted before the page is told: the page goes from here to
// what is left to do, where it must not stand any more.
func (p *Practice) finish() {
	p.over()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = false
	if !p.closed {
		p.set(triage.Offline, func(now *Snapshot) { now.Call, now.Case, now.Agent.Reason = nil, nil, "practised" })
	}
}

// write shows the answers as a real call would, and keeps them nowhere.
func (p *Practice) write(fields map[string]any) {
	view := CaseView{Code: "000000", SavedAt: time.Now()}
	if p.now.Case != nil {
		view.Fields = p.now.Case.Fields
	}
	if raw, err := json.Marshal(fields); err == nil {
		next := view.Fields
		if json.Unmarshal(raw, &next) == nil {
			view.Fields = next
		}
	}
	view.Level = triage.Assess(view.Fields, false)
	p.set(p.now.Agent.State, func(now *Snapshot) { now.Case = &view })
}
