package reports

import (
	"encoding/json"
	"strconv"
	"time"

	"hotline/appliance/events"
	"hotline/triage"
)

// Figures are kept for the whole hotline and for each queue, agent and language.
const (
	scopeAll      = ""
	scopeQueue    = "queue "
	scopeAgent    = "agent "
	scopeLanguage = "language "
)

// hour is the figures of one hour, by scope.
type hour map[string]*Figures

func (h hour) of(scope string) *Figures {
	if h[scope] == nil {
		h[scope] = &Figures{}
	}
	return h[scope]
}

// tally is what has been counted up to an event, and what has to be known of
// the contacts and agents that are still under way. It is stored as JSON
// between two runs of the program. One goroutine owns it.
type tally struct {
	Seq      uint64              `json:"seq"`
	Last     time.Time           `json:"last"`     // time of the last event
	Contacts map[string]*contact `json:"contacts"` // on the line, or notes are being written
	Agents   map[string]*agent   `json:"agents"`
	People   map[string]*person  `json:"people"`
	Recent   []arrival           `json:"recent"` // of the last hour, oldest first

	zone  *time.Location
	hours map[string]hour // that have been touched; the key is that of the table
	load  func(key string) (hour, error)
	err   error // of load
}

// contact is one that is under way.
type contact struct {
	Out      bool              `json:"out,omitempty"`
	Staff    bool              `json:"staff,omitempty"` // not a person who seeks help
	Person   string            `json:"person,omitempty"`
	Began    time.Time         `json:"began"`
	Language string            `json:"language,omitempty"`
	Hour     string            `json:"hour,omitempty"`    // in which it first entered a queue; else in which it began
	Spells   map[string]*spell `json:"spells,omitempty"`  // by queue; "" is over all queues
	Waiting  string            `json:"waiting,omitempty"` // in this queue now
	Talks    map[string]*talk  `json:"talks,omitempty"`   // by agent
	Writing  int               `json:"writing,omitempty"` // agents who write notes about it
	Held     time.Time         `json:"held,omitzero"`     // since
	Ended    bool              `json:"ended,omitempty"`
}

// spell is the time of one contact in one queue.
type spell struct {
	Hour    string    `json:"hour"`
	Entered time.Time `json:"entered"`
	Over    bool      `json:"over,omitempty"` // handled, abandoned or promised
	Handled bool      `json:"handled,omitempty"`
}

// talk is the time of one agent with one contact.
type talk struct {
	Queue string    `json:"queue"`
	Since time.Time `json:"since,omitzero"` // zero: over
	Hold  int64     `json:"hold_ms,omitempty"`
}

// arrival is a contact that entered a queue.
type arrival struct {
	At       time.Time `json:"at"`
	Language string    `json:"language,omitempty"`
}

// lately is how far back the rate of arrivals looks.
const lately = time.Hour

func newTally(zone *time.Location) *tally {
	return &tally{Contacts: map[string]*contact{}, Agents: map[string]*agent{}, People: map[string]*person{}, zone: zone, hours: map[string]hour{}}
}

// keyOf is the hour in which t lies, on the clocks of the place, as the key of
// a table: sortable.
func (t *tally) keyOf(at time.Time) string { return t.begin(at).UTC().Format(time.RFC3339) }

func (t *tally) begin(at time.Time) time.Time {
	local := at.In(t.zone)
	// Not by time.Date: an hour that comes twice in autumn stays two.
	return local.Add(-time.Duration(local.Minute())*time.Minute - time.Duration(local.Second())*time.Second - time.Duration(local.Nanosecond()))
}

func (t *tally) day(at time.Time) string { return at.In(t.zone).Format(time.DateOnly) }

func (t *tally) figures(key, scope string) *Figures {
	h := t.hours[key]
	if h == nil && t.load != nil {
		found, err := t.load(key)
		if err != nil && t.err == nil {
			t.err = err
		}
		h = found
	}
	if h == nil {
		h = hour{}
	}
	t.hours[key] = h
	return h.of(scope)
}

// each changes the figures of several scopes of an hour.
func (t *tally) each(key string, fn func(*Figures), scopes ...string) {
	for _, scope := range scopes {
		fn(t.figures(key, scope))
	}
}

// apply counts one event. Events come in the order of the log.
func (t *tally) apply(ev events.Event) {
	at := ev.At
	// Of what could not be written at once, the log says when it was (Journal).
	if noted, err := time.Parse(time.RFC3339Nano, ev.Data["at"]); err == nil {
		at = noted
	}
	k := t.Contacts[ev.Contact]
	switch ev.Kind {
	case triage.EventStarted:
		t.restarted()
	case "contact.started":
		t.begins(ev, at)
	case "attempt.rejected", "attempt.flashed":
		n, err := strconv.Atoi(ev.Data["n"])
		if err != nil {
			break
		}
		t.each(t.keyOf(at), func(f *Figures) { f.Attempts += n; f.Rejected += n }, scopeAll)
		t.tries(ev.Data["person"], at)
	case "queue.entered":
		t.enters(k, ev, at)
	case "queue.abandoned":
		t.abandons(k, ev.Queue, at)
	case "callback.promised":
		t.promised(k)
	case "contact.connected":
		t.connects(k, ev, at)
	case "contact.hold":
		if k != nil && k.Held.IsZero() {
			k.Held = at
		}
	case "contact.resumed":
		t.resumes(k, at)
	case "contact.reached":
		if k != nil && k.Out {
			t.each(k.Hour, func(f *Figures) { f.CallsOutReached++ }, scopeAll, scopeAgent+ev.Agent)
		}
	case "contact.monitored":
		a := t.agent(ev.By)
		a.Visits = ev.Contact
	case "acw.ended":
		// A call of ours has reached somebody when the agent does not say
		// otherwise: machines answer, too.
		if k != nil && k.Out && len(k.Talks) > 0 && ev.Data["disposition"] != triage.DispositionNotReached {
			t.reached(k.Person, at)
		}
	case "contact.ended":
		t.ends(k, ev, at)
	case "agent.state":
		t.moves(ev, at)
	case "offer.missed":
		t.each(t.keyOf(at), func(f *Figures) { f.Missed++ }, scopeAll, scopeAgent+ev.Agent, scopeQueue+ev.Queue)
	case "offer.declined":
		t.each(t.keyOf(at), func(f *Figures) { f.Declined++ }, scopeAll, scopeAgent+ev.Agent, scopeQueue+ev.Queue)
	}
	t.Seq = ev.Seq
	if ev.At.After(t.Last) {
		t.Last = ev.At
	}
}

// restarted: the program began anew. Nobody is known to have done anything
// after the last event before.
func (t *tally) restarted() {
	for id := range t.Agents {
		t.leaves(id, t.Last)
		delete(t.Agents, id)
	}
	for id, k := range t.Contacts {
		for who := range k.Talks {
			t.quits(k, who, t.Last)
		}
		k.Held, k.Waiting = time.Time{}, ""
		t.forget(id, k)
	}
}

func (t *tally) begins(ev events.Event, at time.Time) {
	k := &contact{Out: ev.Data["direction"] != "in", Staff: ev.Data["staff"] == "yes", Person: ev.Data["person"], Began: at, Hour: t.keyOf(at)}
	t.Contacts[ev.Contact] = k
	switch {
	case k.Out && ev.Data["direction"] == "out":
		t.each(k.Hour, func(f *Figures) { f.CallsOut++ }, scopeAll)
	case !k.Out && !k.Staff:
		t.each(k.Hour, func(f *Figures) { f.Attempts++ }, scopeAll)
		t.tries(k.Person, at)
	}
}

// enters: a contact comes into a queue. Coming into the same one again, sent
// back by an agent, is no second offer.
func (t *tally) enters(k *contact, ev events.Event, at time.Time) {
	if k == nil || k.Staff {
		return
	}
	if k.Spells == nil {
		k.Spells = map[string]*spell{}
		if ev.Data["language"] != "" {
			k.Language = ev.Data["language"]
		}
		if !k.Out {
			k.Hour = t.keyOf(at)
		}
	}
	k.Waiting = ev.Queue
	if k.Out { // somebody whom we called and who was sent on waits, and was not offered
		return
	}
	offer := func(id string, scopes ...string) {
		if k.Spells[id] == nil {
			k.Spells[id] = &spell{Hour: t.keyOf(at), Entered: at}
			t.each(k.Spells[id].Hour, func(f *Figures) { f.Offered++ }, scopes...)
		}
	}
	if k.Spells[""] == nil {
		t.Recent = append(t.Recent, arrival{at, k.Language})
		for len(t.Recent) > 0 && at.Sub(t.Recent[0].At) > lately {
			t.Recent = t.Recent[1:]
		}
	}
	offer("", scopeAll, scopeLanguage+k.Language)
	offer(ev.Queue, scopeQueue+ev.Queue)
}

// over ends the spells of the queue and of the whole contact that are not over.
func (t *tally) over(k *contact, queue string, fn func(*Figures, time.Time), handled bool) {
	for _, id := range []string{"", queue} {
		s := k.Spells[id]
		if s == nil || s.Over {
			continue
		}
		s.Over, s.Handled = true, handled
		scopes := []string{scopeQueue + queue}
		if id == "" {
			scopes = []string{scopeAll, scopeLanguage + k.Language}
		}
		t.each(s.Hour, func(f *Figures) { fn(f, s.Entered) }, scopes...)
	}
	k.Waiting = ""
}

func (t *tally) abandons(k *contact, queue string, at time.Time) {
	if k == nil {
		return
	}
	t.over(k, queue, func(f *Figures, entered time.Time) {
		f.Abandoned++
		f.LeftMS += at.Sub(entered).Milliseconds()
		f.Leaves.add(at.Sub(entered), 1)
	}, false)
}

// promised: who waits leaves the queue to be called back.
func (t *tally) promised(k *contact) {
	if k == nil || k.Waiting == "" {
		return
	}
	t.over(k, k.Waiting, func(f *Figures, _ time.Time) { f.Promised++ }, false)
}

func (t *tally) connects(k *contact, ev events.Event, at time.Time) {
	if k == nil {
		return
	}
	if a := t.agent(ev.Agent); a.Visits == ev.Contact { // has listened and takes over
		a.Visits = ""
		if a.State == triage.OnCall {
			a.Since = at
		}
	}
	if k.Waiting == "" && !k.Out && k.Spells[ev.Queue] == nil {
		ev.Queue = "" // a talk in no queue
	}
	if !k.Out {
		t.reached(k.Person, at)
		// The agent's figures are those of the contacts the agent took.
		if k.Talks[ev.Agent] == nil {
			wait := time.Duration(0)
			if s := k.Spells[ev.Queue]; s != nil && !s.Over {
				wait = at.Sub(s.Entered)
			}
			t.each(k.Hour, func(f *Figures) {
				f.Handled++
				f.QueueMS += wait.Milliseconds()
				f.Waits.add(wait, 1)
			}, scopeAgent+ev.Agent)
		}
		t.over(k, ev.Queue, func(f *Figures, entered time.Time) {
			f.Handled++
			f.QueueMS += at.Sub(entered).Milliseconds()
			f.Waits.add(at.Sub(entered), 1)
		}, true)
	}
	k.Waiting = ""
	if k.Talks == nil {
		k.Talks = map[string]*talk{}
	}
	one := k.Talks[ev.Agent]
	if one == nil {
		one = &talk{Queue: ev.Queue}
		k.Talks[ev.Agent] = one
	}
	if one.Since.IsZero() {
		one.Since, one.Hold = at, 0
	}
}

// resumes ends a hold: its time is on the talks that run.
func (t *tally) resumes(k *contact, at time.Time) {
	if k == nil || k.Held.IsZero() {
		return
	}
	for _, one := range k.Talks {
		if !one.Since.IsZero() {
			one.Hold += at.Sub(later(k.Held, one.Since)).Milliseconds()
		}
	}
	k.Held = time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// spends adds to the time that an agent has spent with a contact: to the
// agent's figures, and to those of the queue and of the whole where the contact
// counts as handled. A call of ours is no handled contact.
func (t *tally) spends(k *contact, id string, one *talk, fn func(*Figures)) {
	if k.Out {
		return
	}
	t.each(k.Hour, fn, scopeAgent+id)
	if s := k.Spells[""]; s != nil && s.Handled {
		t.each(s.Hour, fn, scopeAll, scopeLanguage+k.Language)
	}
	if s := k.Spells[one.Queue]; one.Queue != "" && s != nil && s.Handled {
		t.each(s.Hour, fn, scopeQueue+one.Queue)
	}
}

// quits ends the talk of one agent with a contact.
func (t *tally) quits(k *contact, id string, at time.Time) {
	one := k.Talks[id]
	if one == nil || one.Since.IsZero() {
		return
	}
	talk, hold := k.spent(one, at)
	t.spends(k, id, one, func(f *Figures) { f.TalkMS += talk; f.HoldMS += hold })
	one.Since = time.Time{}
}

// spent divides the time of a talk until at.
func (k *contact) spent(one *talk, at time.Time) (talk, hold int64) {
	hold = one.Hold
	if !k.Held.IsZero() {
		hold += max(at.Sub(later(k.Held, one.Since)).Milliseconds(), 0)
	}
	return max(at.Sub(one.Since).Milliseconds()-hold, 0), hold
}

func (t *tally) ends(k *contact, ev events.Event, at time.Time) {
	if k == nil || k.Ended {
		return
	}
	k.Ended, k.Waiting = true, ""
	for id := range k.Talks {
		t.quits(k, id, at)
	}
	outcome := triage.Outcome(ev.Data["outcome"])
	if !k.Out && !k.Staff && outcome != triage.OutcomeFlash && outcome != triage.OutcomeRejected {
		t.each(k.Hour, func(f *Figures) {
			f.Finished++
			if outcome == triage.OutcomeSelfService {
				f.Self++
			}
		}, scopeAll)
	}
	t.forget(ev.Contact, k)
}

// forget drops a contact about which nothing more can come.
func (t *tally) forget(id string, k *contact) {
	if !k.Ended || k.Writing > 0 {
		return
	}
	for who := range k.Talks { // notes may be about to begin
		if a := t.Agents[who]; a != nil && a.Contact == id {
			return
		}
	}
	delete(t.Contacts, id)
}

// sofar is a copy in which everything that still runs ends at now: what a page
// shows that is looked at in this moment. The tally itself is not changed.
func (t *tally) sofar(now time.Time) (*tally, error) {
	running := *t
	running.People, running.Recent = nil, nil // nothing about them runs
	kept, err := json.Marshal(running)
	if err != nil {
		return nil, err
	}
	c := newTally(t.zone)
	if err := json.Unmarshal(kept, c); err != nil {
		return nil, err
	}
	// Hours that are touched below are copied; the others are only looked at.
	c.load = func(key string) (hour, error) {
		h := t.hours[key]
		if h == nil && t.load != nil {
			found, err := t.load(key)
			if err != nil {
				return nil, err
			}
			h = found
		}
		out := hour{}
		for scope, f := range h {
			out[scope] = f.own()
		}
		return out, nil
	}
	for id := range c.Agents {
		c.leaves(id, now)
	}
	for _, k := range c.Contacts {
		for who := range k.Talks {
			c.quits(k, who, now)
		}
	}
	return c, c.err
}
