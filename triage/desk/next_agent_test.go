package desk

import (
	"testing"
	"time"

	"hotline/triage"
)

// An agent is lost in a protected, held call in which help was asked for. The
// caller waits again: the alarm stays on the floor, the number does not come
// back, and the next agent gets a call that is not on hold.
func TestTheNextAgentGetsTheCallAsItIs(t *testing.T) {
	r := openRoom(t)
	ana := r.sit("ana")
	r.dial("+12024561111")
	id := r.answer(ana)
	r.do(ana, Command{Type: "emergency", On: true})
	r.do(ana, Command{Type: "case.save", Contact: id, Fields: map[string]any{"talk_freely": "specialist"}})
	r.do(ana, Command{Type: "mute", Contact: id, On: true})
	r.do(ana, Command{Type: "hold", Contact: id})
	r.until("the call is on hold", func() bool { return ana.Snapshot().Call.Held })
	r.loseAgent(ana)
	r.until("the caller waits again", func() bool { return r.waiting() == id })
	floor, err := r.FloorView(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(floor.Waiting) != 1 || floor.Waiting[0].Number != "" {
		t.Errorf("the floor shows a protected caller as %+v", floor.Waiting)
	}
	if len(floor.Alarms) != 1 || floor.Alarms[0].Contact != id {
		t.Errorf("alarms %+v, want that of the caller who waits again", floor.Alarms)
	}
	ben := r.sit("ben")
	r.answer(ben)
	if v := ben.Snapshot().Call; v.Held || v.Muted || !v.Protected || v.Number != "" || !v.Emergency {
		t.Errorf("the next agent sees %+v", v)
	}
	r.do(ben, Command{Type: "end", Contact: id})
	r.state(ben, triage.WrapUp)
}

// loseAgent lets the time run out in which a call waits for its agent.
func (r *room) loseAgent(s *Seat) {
	r.t.Helper()
	r.patience.Store(int64(time.Millisecond))
	r.state(s, triage.Lost)
	r.patience.Store(int64(comeBack))
}
