package desk

import (
	"errors"
	"testing"
	"time"

	"hotline/appliance/history"
	"hotline/triage"
)

// A call that is handed to the protection specialists is protected, also when
// the agent has not set the lock during the call.
func TestHandingToProtectionProtects(t *testing.T) {
	r := openRoom(t)
	ana := r.sit("ana")
	caller := r.dial("+12024561111")
	id := r.answer(ana)
	r.do(ana, Command{Type: "case.save", Contact: id, Fields: map[string]any{"notes": "he is in the house", "callback_number": "+12024561119", "danger_now": "no"}})
	caller.Hangup()
	r.state(ana, triage.WrapUp)
	r.do(ana, Command{Type: "wrap", Contact: id, Disposition: "protected_handover"})
	k := r.record(id)
	if !k.Protected || k.Caller != "" || k.Open != "" {
		t.Errorf("the contact keeps %+v", k)
	}
	file, err := r.cfg.Cases.Get(k.Case)
	if err != nil {
		t.Fatal(err)
	}
	if !file.Protected || file.Caller != "" || file.Fields.Notes != "" || file.Fields.CallbackNumber != "" {
		t.Errorf("the case keeps %+v", file)
	}
}

// Two people write about the same caller: what the other one wrote is told, and
// not overwritten; everything else is saved.
func TestTheDeskDoesNotOverwriteWhatSomebodyElseWrote(t *testing.T) {
	r := openRoom(t)
	ana := r.sit("ana")
	caller := r.dial("+12024561111")
	id := r.answer(ana)
	r.do(ana, Command{Type: "case.save", Contact: id, Fields: map[string]any{"place": "Santa Clara"}, Shown: map[string]any{"place": nil}})
	k, err := r.cfg.Contacts.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.cfg.Cases.Change(t.Context(), k.Case, history.Edit{By: "bea", Fields: map[string]any{"place": "Santa Ana"}}); err != nil {
		t.Fatal(err)
	}
	err = ana.Do(t.Context(), Command{Type: "case.save", Contact: id, Fields: map[string]any{"place": "Santa Rosa", "notes": "two dogs"}, Shown: map[string]any{"place": "Santa Clara", "notes": ""}})
	var told ConflictError
	if !errors.As(err, &told) || len(told.Conflicts) != 1 || string(told.Conflicts[0].Theirs) != `"Santa Ana"` {
		t.Fatalf("the page is told %v", err)
	}
	if shown := ana.Snapshot().Case; shown.Fields.Place != "Santa Ana" || shown.Fields.Notes != "two dogs" {
		t.Errorf("the page shows %+v", shown.Fields)
	}
	caller.Hangup()
	r.state(ana, triage.WrapUp)
}

// A code, and not a number, opens a case again.
func TestACodeOpensTheCaseOfAnEarlierCall(t *testing.T) {
	r := openRoom(t)
	first, err := r.cfg.Cases.Enter(t.Context(), triage.Paper{Channel: "walk_in", Fields: map[string]any{"place": "Santa Clara", "people_total": 4}}, "flood", "bea")
	if err != nil {
		t.Fatal(err)
	}
	ana := r.sit("ana")
	caller := r.dial("+12024561111")
	id := r.answer(ana)
	if shown := ana.Snapshot().Case; shown != nil {
		t.Fatalf("the number opened %+v", shown)
	}
	r.do(ana, Command{Type: "case.save", Contact: id, Fields: map[string]any{"landmark": "the blue church"}})
	var told UserError
	if err := ana.Do(t.Context(), Command{Type: "case.open", Contact: id, Digits: "000000"}); !errors.As(err, &told) {
		t.Errorf("a wrong code: %v", err)
	}
	r.do(ana, Command{Type: "case.open", Contact: id, Digits: first.Code})
	shown := ana.Snapshot().Case
	if shown == nil || shown.Code != first.Code || shown.Fields.Place != "Santa Clara" || shown.Fields.Landmark != "the blue church" {
		t.Errorf("the page shows %+v", shown)
	}
	r.do(ana, Command{Type: "case.save", Contact: id, Fields: map[string]any{"notes": "they have moved"}})
	caller.Hangup()
	r.state(ana, triage.WrapUp)
	k := r.record(id)
	if now, err := r.cfg.Cases.Get(first.ID); err != nil || k.Case != first.ID || now.Fields.Notes != "they have moved" || len(now.Contacts) != 2 {
		t.Errorf("the call is about %s, the case says %+v (%v)", k.Case, now, err)
	}
}

// An agent goes home without finishing the notes: the floor does not show a
// person who is not there, and the call stays an open item.
func TestWhoGoesHomeWithNotesOpenIsSignedOut(t *testing.T) {
	r := openRoom(t)
	ana := r.sit("ana")
	page := ana.PageOpened()
	caller := r.dial("+12024561111")
	id := r.answer(ana)
	caller.Hangup()
	r.state(ana, triage.WrapUp)
	ana.PageClosed(page)
	ana.watch(time.Now().Add(5 * time.Minute))
	r.state(ana, triage.WrapUp) // may come back
	ana.watch(time.Now().Add(11 * time.Minute))
	r.state(ana, triage.Offline)
	if k := r.record(id); k.Open != triage.OpenWrapUp {
		t.Errorf("the call is open as %q", k.Open)
	}
	if v := ana.Snapshot(); v.Call != nil {
		t.Errorf("the page shows %+v", v.Call)
	}
}
