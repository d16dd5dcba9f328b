package desk

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/store"
	"hotline/triage"
)

// steered are the kinds of all that stands in the log.
func (r *room) steered() (kinds []string) {
	r.t.Helper()
	if err := r.records.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(0) {
			kinds = append(kinds, ev.Kind)
		}
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	return kinds
}

// A supervisor takes a volunteer out of Ready, who sees by whom and why. During
// a call it counts afterwards, and the caller notices nothing.
func TestASupervisorChangesSomebodysState(t *testing.T) {
	r := openRoom(t)
	who := Steerer{ID: "lead", Name: "Amal", Via: "web"}
	refused := func(agent string, state triage.AgentState, reason string) {
		t.Helper()
		var user UserError
		if _, err := r.SteerAgent(t.Context(), who, agent, state, reason); !errors.As(err, &user) {
			t.Errorf("%s to %s for %q: %v", agent, state, reason, err)
		}
	}
	steer := func(state triage.AgentState) bool {
		t.Helper()
		later, err := r.SteerAgent(t.Context(), who, "a", state, "rest")
		if err != nil {
			t.Fatal(err)
		}
		return later
	}
	refused("a", triage.OnBreak, "rest") // nobody is there
	a := r.sit("a")
	r.sit("lead")
	refused("lead", triage.OnBreak, "rest")
	refused("a", triage.Ready, "rest")
	refused("a", triage.OnBreak, "because")
	if later := steer(triage.OnBreak); later {
		t.Error("a free volunteer is not on a break at once")
	}
	if v := a.Snapshot().Agent; v.State != triage.OnBreak || v.By != "Amal" || v.Why != "rest" {
		t.Errorf("the volunteer sees %+v", v)
	}
	refused("a", triage.OnBreak, "rest")
	r.do(r.Seat(Person{ID: "lead", Name: "Amal", Profile: "all"}), Command{Type: "break", Reason: "meal"})
	if err := r.cfg.Dispatcher.Set("a", triage.Ready, ""); err != nil {
		t.Fatal(err)
	}

	c := r.dial("+12025550101")
	contact := r.answer(a)
	if later := steer(triage.Offline); !later {
		t.Error("somebody who talks is signed out at once")
	}
	if v := a.Snapshot().Agent; v.State != triage.OnCall || v.Next != "offline" || v.NextBy != "Amal" || v.Why != "rest" || a.Snapshot().Call == nil {
		t.Errorf("during the call the volunteer sees %+v", v)
	}
	if view, err := r.FloorView(time.Now()); err != nil || !slices.ContainsFunc(view.Agents, func(f FloorAgent) bool { return f.ID == "a" && f.Next == "offline" }) {
		t.Errorf("the floor does not show what comes: %+v, %v", view.Agents, err)
	}
	c.Hangup()
	r.state(a, triage.WrapUp)
	if v := a.Snapshot().Agent; v.Next != "offline" {
		t.Errorf("while the notes are written: %+v", v)
	}
	r.do(a, Command{Type: "break", Reason: "nobody knows"}) // takes nothing back
	r.do(a, Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	if v := a.Snapshot().Agent; v.State != triage.Offline || v.By != "Amal" || v.Why != "rest" || v.Next != "" {
		t.Errorf("afterwards: %+v", v)
	}
	if n := count(r.steered(), triage.EventAgentSteered); n != 2 {
		t.Errorf("%d entries in the log, want 2", n)
	}
}

// A wish for after a call that needs no notes is not kept for the next call.
func TestTheWishCountsWithoutNotes(t *testing.T) {
	r := openRoom(t)
	a := r.sit("a")
	a.mu.Lock()
	a.next = afterwards{triage.OnBreak, "rest", "Amal"}
	a.mu.Unlock()
	a.obeyNext()
	if v := a.Snapshot().Agent; v.State != triage.OnBreak || v.By != "Amal" || v.Next != "" {
		t.Errorf("%+v", v)
	}
}

// Somebody who waits is put first or taken, never before danger and in private
// by trained people alone.
func TestASupervisorMovesWhoWaits(t *testing.T) {
	r := openRoom(t)
	who := Steerer{ID: "lead", Name: "Amal", Via: "web"}
	waits := func(n int) func() bool {
		return func() bool { _, all := r.cfg.Dispatcher.View(); return len(all) == n }
	}
	first := r.rings("+12025550101")
	r.until("the first waits", waits(1))
	second := r.rings("+12025550102")
	r.until("both wait", waits(2))
	place := func(contact string) (w triage.WaitingView) {
		_, all := r.cfg.Dispatcher.View()
		if i := slices.IndexFunc(all, func(w triage.WaitingView) bool { return w.Contact == contact }); i >= 0 {
			w = all[i]
		}
		return w
	}
	refused := func(what string, err error) {
		t.Helper()
		var user UserError
		if !errors.As(err, &user) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("without a reason", r.PutFirst(t.Context(), who, second, ""))
	refused("who does not wait", r.PutFirst(t.Context(), who, "nobody", "worse"))
	refused("no phone page", r.TakeNow(t.Context(), who, second))

	danger := r.waitingConversation(first)
	danger.change(func() { danger.alarm = true })
	refused("before somebody in danger", r.PutFirst(t.Context(), who, second, "worse"))
	danger.change(func() { danger.alarm = false })
	private := r.waitingConversation(second)
	private.change(func() { private.protected = true })
	refused("a protected caller, not trained", r.PutFirst(t.Context(), who, second, "worse"))
	refused("a protected caller, not trained", r.TakeNow(t.Context(), who, second))
	private.change(func() { private.protected = false })
	if w := place(second); w.Position != 2 || w.First != "" {
		t.Fatalf("what was refused changed something: %+v", w)
	}
	if err := r.PutFirst(t.Context(), who, second, "worse"); err != nil {
		t.Fatal(err)
	}
	refused("twice", r.PutFirst(t.Context(), who, second, "worse"))
	if w := place(second); w.Position != 1 || w.First != "Amal" {
		t.Errorf("the second is at %+v", w)
	}
	view, err := r.FloorView(time.Now())
	if err != nil || len(view.Waiting) != 2 || view.Waiting[0].Contact != second || view.Waiting[0].First != "Amal" {
		t.Errorf("the floor shows %+v, %v", view.Waiting, err)
	}

	lead := r.Seat(Person{ID: "lead", Name: "Amal", Profile: "private", Supervises: true}) // sees help after a while
	lead.PageOpened()
	refused("a page that is not ready", r.TakeNow(t.Context(), who, first))
	if err := r.cfg.Dispatcher.Set("lead", triage.Ready, ""); err != nil {
		t.Fatal(err)
	}
	lead.Beat(time.Now(), true)
	if err := r.TakeNow(t.Context(), who, first); err != nil {
		t.Fatal(err)
	}
	if got := r.answer(lead); got != first {
		t.Errorf("the supervisor has %s, want %s", got, first)
	}
	if w := place(second); w.Position != 1 {
		t.Errorf("the other one is at %+v", w)
	}
	events := r.steered()
	if count(events, triage.EventPutFirst) != 1 || count(events, triage.EventTaken) != 1 {
		t.Errorf("the log has %v", events)
	}
}

// Supervisors of a team (S12) steer and hear its people alone, until somebody is
// in danger. The call of their people that goes over to another team goes on
// without them.
func TestASupervisorOfATeamSteersAndHearsItAlone(t *testing.T) {
	r := openRoom(t)
	routing := triage.Routing{Teams: []triage.Team{{ID: "north", Members: []string{"a"}}, {ID: "south", Members: []string{"b"}}}}
	r.cfg.Scope = func(account string) triage.Scope {
		return routing.Scope(account, map[string][]string{"lead": {"north"}}[account])
	}
	a, b := r.sit("a"), r.sit("b")
	lead := r.Seat(Person{ID: "lead", Name: "Amal", Profile: "all", Supervises: true})
	steer := func(who, agent string) error {
		_, err := r.SteerAgent(t.Context(), Steerer{ID: who, Name: who, Via: "web"}, agent, triage.OnBreak, "rest")
		return err
	}
	if err := steer("lead", "b"); !errors.Is(err, errNotTheirs) {
		t.Errorf("somebody of another team: %v", err)
	}
	if err := steer("lead", "a"); err != nil {
		t.Errorf("the own people: %v", err)
	}
	if err := steer("boss", "b"); err != nil {
		t.Errorf("who sees everybody: %v", err)
	}
	for _, seat := range []*Seat{a, b} {
		if err := r.cfg.Dispatcher.Set(seat.id(), triage.Ready, ""); err != nil {
			t.Fatal(err)
		}
	}
	c := r.dial("+12025550101")
	var first, second *Seat
	r.until("a call rings", func() bool {
		for _, seat := range []*Seat{a, b} {
			if r.cfg.Dispatcher.Agent(seat.id()).State == triage.Offered {
				first = seat
			}
		}
		return first != nil
	})
	if second = b; first == b {
		second = a
	}
	contact := r.answer(first)
	hears := func() error {
		return lead.Do(t.Context(), Command{Type: "monitor", Contact: contact, Mode: modeListen})
	}
	toTheOther := func(from *Seat) { // the caller goes to the other one, who was asked first
		to := map[*Seat]*Seat{a: b, b: a}[from]
		r.do(from, Command{Type: "consult", Contact: contact, To: Target{Kind: "agent", ID: to.id()}})
		r.answer(to)
		r.do(from, Command{Type: "consult.transfer", Contact: contact})
		r.state(from, triage.WrapUp)
		r.do(from, Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	}
	if first == b {
		if err := hears(); err == nil || !strings.Contains(err.Error(), "in one of your teams") {
			t.Errorf("a call of another team: %v", err)
		}
		toTheOther(b)
		first, second = a, b
	}
	if err := hears(); err == nil || !strings.Contains(err.Error(), "sound") { // which this room has not: the team was no reason
		t.Errorf("a call of the own people: %v", err)
	}
	conv := r.conversation(contact)
	if err := lead.ask(t.Context(), conv, Command{Type: "monitor", Contact: contact, Mode: modeListen}); err != nil {
		t.Fatal(err)
	}
	if !conv.listenedTo() {
		t.Error("the supervisor is not on the call")
	}
	toTheOther(first)
	r.until("the supervisor has left a call that went to another team", func() bool { return !conv.listenedTo() })
	if v := second.Snapshot(); v.Call == nil || v.Call.CallerLeft {
		t.Errorf("the call that went on: %+v", v.Call)
	}
	if err := hears(); err == nil || !strings.Contains(err.Error(), "in one of your teams") {
		t.Errorf("a call that is with another team now: %v", err)
	}
	r.do(second, Command{Type: "emergency", Contact: contact, On: true})
	if err := hears(); err == nil || !strings.Contains(err.Error(), "sound") {
		t.Errorf("somebody is in danger: %v", err)
	}
	view, err := r.FloorView(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	view = view.For(r.scope("lead"))
	if len(view.Alarms) != 1 || view.Alarms[0].Contact != contact || slices.ContainsFunc(view.Agents, func(f FloorAgent) bool { return f.ID == "b" }) {
		t.Errorf("the floor of the supervisor shows %+v and %+v", view.Agents, view.Alarms)
	}
	c.Hangup()
}
