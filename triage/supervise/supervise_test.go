package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/health"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rosa = supervise.Who{ID: "acc-1", Name: "Rosa", Via: "web"}

// hotline is what supervisors steer, all of it real; its telephone network is
// the function ring of the test.
type hotline struct {
	*supervise.Commands
	cfg   supervise.Config
	store *store.Store
	off   atomic.Bool // no supervisor is called about lines
	red   atomic.Pointer[[]health.Check]
}

func start(t *testing.T, ring func(context.Context, supervise.Ringing) (ivr.Outcome, error)) *hotline {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := storetest.Open(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dispatch := triage.NewDispatcher(triage.DispatcherConfig{Profiles: triage.ShippedProfiles(), RingFor: time.Minute, Journal: triage.NewJournal(nil, "test", log), Log: log})
	h := &hotline{store: s, cfg: supervise.Config{Store: s, Dispatcher: dispatch, Ring: ring, Log: log}}
	h.cfg.AlertsOff = h.off.Load
	h.cfg.Health = func() []health.Check {
		if red := h.red.Load(); red != nil {
			return *red
		}
		return nil
	}
	var err error
	h.cfg.Mode, err = mode.Open(s, log)
	must(err)
	h.cfg.Board, err = bulletins.Open(bulletins.Config{Store: s, Operation: "test", Languages: []string{"es"}, Log: log})
	must(err)
	h.cfg.Closures, err = triage.OpenClosures(s, dispatch.Queues)
	must(err)
	h.cfg.Accounts, err = roster.Open(s, t.TempDir(), log)
	must(err)
	h.Commands, err = supervise.New(h.cfg)
	must(err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for _, run := range []func(context.Context) error{dispatch.Run, h.Run} {
		go func() { done <- run(ctx) }()
	}
	t.Cleanup(func() {
		stop()
		for range 2 {
			must(<-done)
		}
	})
	return h
}

func (h *hotline) add(t *testing.T, name string, change func(*roster.Account)) roster.Account {
	t.Helper()
	a := roster.Account{Login: name, Name: name, Role: roster.RoleAgent, Profile: "all", Phone: call.Number(fmt.Sprintf("+120255501%02d", len(name)+int(name[len(name)-1])%50)), Reachable: true}
	change(&a)
	a, err := h.cfg.Accounts.Add(t.Context(), a, "meadow-lantern-43", "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestUndoTakesBackTheLastOfAllChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		if _, err := h.Undo(t.Context(), rosa); !errors.Is(err, supervise.ErrNothingToUndo) {
			t.Errorf("nothing: %v", err)
		}
		steps := []struct {
			what string
			do   func() error
		}{
			{"mode", func() error { _, err := h.SetMode(t.Context(), rosa, mode.Change{Mode: mode.Busy}); return err }},
			{"queue", func() error { return h.CloseQueue(t.Context(), rosa, "help") }},
			{"bulletin", func() error {
				_, err := h.Publish(t.Context(), rosa, bulletins.Draft{Language: "es", Sound: audio.Tone(500, 2*time.Second, -20)})
				return err
			}},
		}
		for _, step := range steps {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
			if got := h.Undoable(time.Now()).What; got != step.what {
				t.Errorf("after %s undo would take back %q", step.what, got)
			}
		}
		state := h.State(time.Now())
		if state.Mode.Mode != mode.Busy || state.Playing != 1 || !slices.ContainsFunc(state.Queues, func(q supervise.QueueState) bool { return q.ID == "help" && q.Closed && q.Name == "Rosa" }) {
			t.Errorf("it stands at %+v", state)
		}
		for i := len(steps) - 1; i >= 0; i-- { // each change can be taken back, the last one first
			if what, err := h.Undo(t.Context(), rosa); err != nil || what != steps[i].what {
				t.Errorf("undo took back %q (%v), want %q", what, err, steps[i].what)
			}
		}
		if state := h.State(time.Now()); state.Mode.Active || state.Playing != 0 || state.Queues[0].Closed || state.Undo.What != "" {
			t.Errorf("after all of them it stands at %+v", state)
		}
	})
}

// TestCallingInIsPaced: twelve people are called two at a time, with pauses, once
// each; who is at work, disabled, without a number or has not agreed is not.
func TestCallingInIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, all atomic.Int32
		h := start(t, func(ctx context.Context, r supervise.Ringing) (ivr.Outcome, error) {
			if r.Flow != supervise.FlowCallOut {
				t.Errorf("they hear %q", r.Flow)
			}
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			select {
			case <-time.After(10 * time.Second):
			case <-ctx.Done():
				return ivr.Outcome{}, ctx.Err()
			}
			switch all.Add(1) % 3 {
			case 0:
				return ivr.Outcome{}, errors.New("busy")
			case 1:
				return ivr.Outcome{Attributes: map[string]string{"callout.answer": "yes"}}, nil
			}
			return ivr.Outcome{}, nil
		})
		if _, err := h.CallOut(t.Context(), rosa); !errors.Is(err, supervise.ErrNobody) {
			t.Errorf("nobody to call: %v", err)
		}
		for i := range 12 {
			h.add(t, fmt.Sprintf("helper-%c", 'a'+i), func(*roster.Account) {})
		}
		h.add(t, "unasked-a", func(a *roster.Account) { a.Reachable = false })
		h.add(t, "gone-b", func(a *roster.Account) { a.Disabled = true })
		h.add(t, "silent-c", func(a *roster.Account) { a.Phone = "" })
		busy := h.add(t, "busy-d", func(*roster.Account) {})
		h.cfg.Dispatcher.SignIn(busy.ID, busy.Name, "all")
		if err := h.cfg.Dispatcher.Set(busy.ID, triage.Ready, ""); err != nil {
			t.Fatal(err)
		}
		// A supervisor of a team calls in its people alone (S12).
		few := h.add(t, "few-e", func(a *roster.Account) {
			a.Role, a.Teams, a.Reachable = roster.RoleSupervisor, []string{"north"}, false
		})
		own, err := h.Reachable(supervise.Who{ID: few.ID})
		if !errors.Is(err, supervise.ErrNobody) {
			t.Errorf("people of a team that nobody has made: %v, %v", own, err)
		}
		all12, err := h.Reachable(rosa)
		if err != nil {
			t.Fatal(err)
		}
		routing := h.cfg.Dispatcher.Routing()
		routing.Teams = []triage.Team{{ID: "north", Name: "North", Members: []string{all12[3].ID}}}
		h.cfg.Dispatcher.Use(routing)
		if own, err = h.Reachable(supervise.Who{ID: few.ID}); err != nil || len(own) != 1 || own[0].ID != all12[3].ID {
			t.Errorf("the people of the team: %v, %v", own, err)
		}
		began := time.Now()
		state, err := h.CallOut(t.Context(), rosa)
		if err != nil || len(state.People) != 12 {
			t.Fatalf("%d people, %v", len(state.People), err)
		}
		if _, err := h.CallOut(t.Context(), rosa); !errors.Is(err, supervise.ErrRunning) {
			t.Errorf("twice at once: %v", err)
		}
		for h.CallOutState().Running {
			<-time.After(time.Second)
		}
		if most.Load() != 2 || all.Load() != 12 {
			t.Errorf("%d calls, %d at once", all.Load(), most.Load())
		}
		if took := time.Since(began); took < 6*10*time.Second+5*3*time.Second {
			t.Errorf("without pauses: %s", took)
		}
		done := h.CallOutState()
		if done.Count(supervise.Coming) != 4 || done.Count(supervise.Missed) != 4 || done.Count(supervise.Silent) != 4 || done.Ended.IsZero() {
			t.Errorf("the answers are %+v", done.People)
		}
		again, err := supervise.New(h.cfg)
		if err != nil || again.CallOutState().Count(supervise.Coming) != 4 {
			t.Errorf("after a restart: %v, %v", again.CallOutState(), err)
		}
	})
}

func TestCallingInIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		h := start(t, func(ctx context.Context, _ supervise.Ringing) (ivr.Outcome, error) {
			calls.Add(1)
			select {
			case <-time.After(10 * time.Second):
				return ivr.Outcome{}, nil
			case <-ctx.Done():
				return ivr.Outcome{}, ctx.Err()
			}
		})
		for i := range 6 {
			h.add(t, fmt.Sprintf("helper-%c", 'a'+i), func(*roster.Account) {})
		}
		if _, err := h.CallOut(t.Context(), rosa); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Second)
		if what, err := h.Undo(t.Context(), rosa); err != nil || what != "callout" {
			t.Fatalf("undo: %q, %v", what, err)
		}
		<-time.After(time.Minute)
		if h.CallOutState().Running || calls.Load() != 2 {
			t.Errorf("running %v, %d calls", h.CallOutState().Running, calls.Load())
		}
	})
}

// TestAChangeThatNobodyConfirmsIsForgotten: the number on file is rung three
// times; without a confirmation nothing changes, and a late key does nothing.
func TestAChangeThatNobodyConfirmsIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		var id atomic.Value
		h := start(t, func(_ context.Context, r supervise.Ringing) (ivr.Outcome, error) {
			calls.Add(1)
			id.Store(r.Attributes["pending.id"])
			return ivr.Outcome{}, errors.New("nobody answered")
		})
		a := h.add(t, "rosa", func(a *roster.Account) { a.Role = roster.RoleSupervisor })
		changed := false
		err := h.Prepare(supervise.Who{ID: a.ID}, "en", map[string]string{}, func(context.Context, supervise.Who) error { changed = true; return nil })
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * time.Minute)
		if calls.Load() != 3 || changed {
			t.Errorf("%d calls, changed %v", calls.Load(), changed)
		}
		if len(id.Load().(string)) < 20 {
			t.Errorf("the change is named %q, which can be guessed", id.Load())
		}
	})
}
