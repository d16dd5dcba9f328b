package triage

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// hall is a running dispatcher with a journal on a real store that is not
// written to: the journal is run by the tests that read it.
func hall(t *testing.T) *Dispatcher {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	d := NewDispatcher(DispatcherConfig{Profiles: []Profile{room["both"], room["volunteers"]}, RingFor: 20 * time.Second,
		Journal: NewJournal(nil, "test", log), Log: log})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d
}

func signIn(t *testing.T, d *Dispatcher, id, profile string) {
	t.Helper()
	d.SignIn(id, "Name of "+id, profile)
	must(t, d.Set(id, Ready, ""))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func enter(t *testing.T, d *Dispatcher, contact, queue string) *Place {
	t.Helper()
	p, err := d.Enter(Waiting{Contact: contact, Queue: queue, Since: time.Now()})
	must(t, err)
	synctest.Wait()
	return p
}

func expect(t *testing.T, p *Place, kind PlaceKind, agent string) {
	t.Helper()
	synctest.Wait()
	select {
	case ev := <-p.Events():
		if ev != (PlaceEvent{kind, agent}) {
			t.Fatalf("event %+v, want %+v", ev, PlaceEvent{kind, agent})
		}
	default:
		t.Fatalf("no event, want %+v", PlaceEvent{kind, agent})
	}
}

func quiet(t *testing.T, p *Place) {
	t.Helper()
	synctest.Wait()
	select {
	case ev := <-p.Events():
		t.Fatalf("event %+v, want none", ev)
	default:
	}
}

func state(t *testing.T, d *Dispatcher, agent string, want AgentState) {
	t.Helper()
	synctest.Wait()
	if got := d.Agent(agent).State; got != want {
		t.Fatalf("%s is %s, want %s", agent, got, want)
	}
}

func TestAnOfferAcceptedIsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		p := enter(t, d, "c1", "help")
		quiet(t, p)
		signIn(t, d, "ana", "both")
		expect(t, p, PlaceOffered, "ana")
		state(t, d, "ana", Offered)
		if err := d.Accept("ana", "other"); !errors.Is(err, ErrOfferGone) {
			t.Errorf("accepting a contact that does not ring here gave %v", err)
		}
		must(t, d.Accept("ana", "c1"))
		expect(t, p, PlaceAccepted, "ana")
		state(t, d, "ana", OnCall)
		p.Leave()
		state(t, d, "ana", OnCall)
		if err := d.Set("ana", Ready, ""); !errors.Is(err, ErrNotFree) {
			t.Errorf("ready during a call gave %v", err)
		}
		must(t, d.Set("ana", WrapUp, ""))
		q := enter(t, d, "c2", "help")
		quiet(t, q) // wrap-up holds
		must(t, d.Set("ana", Ready, ""))
		expect(t, q, PlaceOffered, "ana")
	})
}

func Test2b06AMissedOfferGoesToTheNextAndKeepsThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		time.Sleep(time.Second)
		signIn(t, d, "ben", "both")
		p := enter(t, d, "c1", "help")
		expect(t, p, PlaceOffered, "ana")
		time.Sleep(20 * time.Second)
		expect(t, p, PlaceMissed, "ana")
		expect(t, p, PlaceOffered, "ben")
		state(t, d, "ana", Missed)
		if got := p.Position(); got != 1 {
			t.Errorf("position %d after a missed offer, want 1", got)
		}
		time.Sleep(20 * time.Second)
		expect(t, p, PlaceMissed, "ben")
		time.Sleep(time.Hour)
		quiet(t, p) // neither is rung again until it says Ready
		must(t, d.Set("ana", Ready, ""))
		expect(t, p, PlaceOffered, "ana")
	})
}

func TestNotNowPausesTheAgentAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		p := enter(t, d, "c1", "help")
		expect(t, p, PlaceOffered, "ana")
		must(t, d.Decline("ana", "c1"))
		expect(t, p, PlaceDeclined, "ana")
		must(t, d.Set("ana", Ready, "")) // thought better of it
		expect(t, p, PlaceOffered, "ana")
		must(t, d.Decline("ana", "c1"))
		expect(t, p, PlaceDeclined, "ana")
		time.Sleep(29 * time.Second)
		quiet(t, p)
		state(t, d, "ana", OnBreak)
		time.Sleep(2 * time.Second)
		expect(t, p, PlaceOffered, "ana") // alone: the caller stayed queued
	})
}

func TestACallerWhoLeavesWhileItRingsFreesTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		time.Sleep(time.Minute)
		signIn(t, d, "ben", "both")
		p := enter(t, d, "c1", "help")
		expect(t, p, PlaceOffered, "ana")
		p.Leave()
		p.Leave()
		state(t, d, "ana", Ready)
		if err := d.Accept("ana", "c1"); !errors.Is(err, ErrOfferGone) {
			t.Errorf("accepting a caller who left gave %v", err)
		}
		q := enter(t, d, "c2", "help")
		expect(t, q, PlaceOffered, "ana") // still the longest available
	})
}

func Test2b04AnAgentWhoVanishesDuringTheOfferCostsTheCallerNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "ana", "both")
		p := enter(t, d, "c1", "help")
		expect(t, p, PlaceOffered, "ana")
		time.Sleep(time.Second)
		signIn(t, d, "ben", "both")
		must(t, d.Set("ana", Lost, "page_gone"))
		expect(t, p, PlaceDeclined, "ana")
		expect(t, p, PlaceOffered, "ben")
		must(t, d.Accept("ben", "c1"))
		expect(t, p, PlaceAccepted, "ben")
		d.Lose("ben")
		state(t, d, "ben", Lost)
	})
}

func TestADelayedQueueOpensByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "vera", "volunteers")
		p := enter(t, d, "c1", "help")
		time.Sleep(29 * time.Second)
		quiet(t, p)
		if _, waiting := d.View(); len(waiting) != 1 || waiting[0].Why.Reason != WhyDelay || waiting[0].Position != 1 {
			t.Errorf("waiting %+v, want one that waits for its delay", waiting)
		}
		time.Sleep(time.Second)
		expect(t, p, PlaceOffered, "vera")
	})
}

func TestWatchersAreWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		changed := d.Changed()
		enter(t, d, "c1", "help")
		select {
		case <-changed:
		default:
			t.Error("a new caller woke nobody")
		}
	})
}

func TestAfterTheEndNothingHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		d := NewDispatcher(DispatcherConfig{Profiles: nil, RingFor: time.Second, Journal: NewJournal(nil, "", log), Log: log})
		ctx, stop := context.WithCancel(t.Context())
		stop()
		must(t, d.Run(ctx))
		if _, err := d.Enter(Waiting{Contact: "c"}); !errors.Is(err, ErrStopped) {
			t.Errorf("Enter gave %v", err)
		}
		if err := d.Accept("a", "c"); !errors.Is(err, ErrStopped) {
			t.Errorf("Accept gave %v", err)
		}
		<-d.Changed()
	})
}

func TestTheJournalTellsTheStory(t *testing.T) {
	s := storetest.Open(t)
	log := slog.New(slog.DiscardHandler)
	journal := NewJournal(s, "flood", log)
	d := NewDispatcher(DispatcherConfig{Profiles: []Profile{room["both"]}, RingFor: time.Minute, Journal: journal, Log: log})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- d.Run(ctx) }()
	signInQuiet(t, d, "ana")
	p, err := d.Enter(Waiting{Contact: "c1", Queue: "help", Since: time.Now()})
	must(t, err)
	if ev := <-p.Events(); ev.Kind != PlaceOffered {
		t.Fatalf("event %+v", ev)
	}
	must(t, d.Accept("ana", "c1"))
	stop()
	must(t, <-done)
	must(t, journal.Run(ctx)) // writes what is left
	var kinds []string
	must(t, s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			kinds = append(kinds, ev.Kind+":"+ev.Agent+":"+ev.Data["state"])
		}
		return nil
	}))
	want := []string{"agent.state:ana:ready", "agent.state:ana:offered", "offer.started:ana:", "agent.state:ana:on_call"}
	if len(kinds) != len(want) {
		t.Fatalf("event log %q, want %q", kinds, want)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Errorf("event %d is %q, want %q", i, kinds[i], want[i])
		}
	}
}

func signInQuiet(t *testing.T, d *Dispatcher, id string) {
	t.Helper()
	d.SignIn(id, id, "both")
	must(t, d.Set(id, Ready, ""))
}
