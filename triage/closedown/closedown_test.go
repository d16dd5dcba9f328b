package closedown

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
	"hotline/appliance/wipe"
	"hotline/triage"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// noExports makes none: handing over is tried with the pages.
type noExports struct{}

func (noExports) Sets() []export.Set { return nil }
func (noExports) Ask(context.Context, export.Request) (export.Job, error) {
	return export.Job{}, export.WrongSet
}
func (noExports) Job(string, string) (export.Job, export.Progress, error) {
	return export.Job{}, export.Progress{}, export.ErrNone
}

type closing struct {
	*Keeper
	t        *testing.T
	store    *store.Store
	contacts *triage.Contacts
	calls    atomic.Int64
	open     atomic.Bool
	due      chan time.Time
}

var (
	chen = wipe.Person{Account: "a", Name: "Chen", Role: "admin"}
	dana = wipe.Person{Account: "b", Name: "Dana", Role: "coordinator"}
)

// confirmed is a closing whose time runs.
func confirmed(t *testing.T) *closing {
	t.Helper()
	c := &closing{t: t, store: storetest.Open(t), due: make(chan time.Time, 5)}
	c.contacts = triage.NewContacts(c.store)
	c.Keeper = New(Config{Store: c.store, Exports: noExports{}, Worklist: c.contacts, Running: func() int { return int(c.calls.Load()) }, Closed: func() bool { return !c.open.Load() },
		CoolOff: CoolOff, Operation: "Flood", Due: func() { c.due <- time.Now() }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	for _, err := range []error{c.Begin(t.Context(), chen, true), c.Skip(t.Context(), chen, "nobody goes on"), c.Ask(t.Context(), chen, roster.KeepAdmins, "flood"), c.Confirm(t.Context(), dana)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// runs watches until the test ends.
func (c *closing) runs() {
	c.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	c.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	})
	synctest.Wait()
}

func (c *closing) at(want Step) Closing {
	c.t.Helper()
	now, err := c.Now()
	if err != nil || now.Step(time.Now()) != want {
		c.t.Fatalf("the closing is at %s, want %s: %v", now.Step(time.Now()), want, err)
	}
	return now
}

// called is somebody who calls in vain, and is an item of the worklist.
func (c *closing) called() (item string) {
	c.t.Helper()
	k, err := c.contacts.Open(c.t.Context(), triage.Contact{Caller: "+12024561111", Channel: "phone", Direction: "in"})
	if err != nil {
		c.t.Fatal(err)
	}
	if k, err = c.contacts.End(c.t.Context(), k.ID, func(k *triage.Contact, _ time.Time) {
		k.Outcome, k.Open = triage.OutcomeAbandonedQueue, triage.OpenAbandoned
	}); err != nil {
		c.t.Fatal(err)
	}
	return k.Item
}

func TestTheWipeWaitsForItsTimeAndForEverybodyWhoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := confirmed(t)
		due := c.at(StepWait).Due
		c.runs()
		time.Sleep(CoolOff - time.Second)
		synctest.Wait()
		if len(c.due) > 0 {
			t.Fatal("the wipe begins before its time")
		}
		if _, err := Plan(c.store, "Flood", "test", nil, time.Now()); !errors.Is(err, ErrNotDue) {
			t.Errorf("a plan before its time: %v", err)
		}
		c.calls.Store(1)
		time.Sleep(time.Minute)
		synctest.Wait()
		item := c.called()
		c.calls.Store(0)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(c.due) > 0 {
			t.Fatal("the wipe begins although somebody called meanwhile and nobody has looked at it")
		}
		if o, err := c.Look(); o.Newer != 1 || err != nil {
			t.Errorf("open are %+v: %v", o, err)
		}
		if _, err := Plan(c.store, "Flood", "test", nil, time.Now()); !errors.Is(err, ErrNotDue) {
			t.Errorf("a plan while somebody who called is waiting: %v", err)
		}
		if _, err := c.contacts.TakeItem(t.Context(), item, "b", "Dana"); err != nil {
			t.Fatal(err)
		}
		if err := c.contacts.CloseItem(t.Context(), item, "b", "called back"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(c.due) != 1 {
			t.Fatalf("the wipe is begun %d times", len(c.due))
		}
		if at := <-c.due; at.Before(due.Add(time.Hour)) {
			t.Errorf("it begins at %s", at)
		}
		plan, err := Plan(c.store, "Flood", "test", nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if p := plan.Certificate; p.Asked.Name != "Chen" || p.Confirmed.Name != "Dana" || p.NoExport != "nobody goes on" || p.Records[0] != (wipe.Count{Kind: "contacts", Count: 1}) || !slices.Contains(plan.Texts, "12024561111") {
			t.Errorf("the plan: %+v", plan)
		}
	})
}

func TestTheWipeIsCalledOff(t *testing.T) {
	for why, during := range map[string]func(c *closing){
		StoppedByPerson: func(c *closing) {
			if err := c.Stop(t.Context(), wipe.Person{Account: "z", Name: "Zoe", Role: "agent"}); err != nil {
				t.Fatal(err)
			}
		},
		StoppedOpen: func(c *closing) { c.open.Store(true) },
		StoppedLate: func(*closing) { time.Sleep(CoolOff + lateAfter + time.Minute) }, // and then the box is switched on
	} {
		synctest.Test(t, func(t *testing.T) {
			c := confirmed(t)
			during(c)
			c.runs()
			time.Sleep(2 * lateAfter)
			synctest.Wait()
			if now := c.at(StepCheck); now.Why != why || len(c.due) > 0 {
				t.Errorf("%s: it was stopped because of %q, and begun %d times", why, now.Why, len(c.due))
			}
			if _, err := Plan(c.store, "Flood", "test", nil, time.Now()); !errors.Is(err, ErrNotDue) {
				t.Errorf("%s: a plan: %v", why, err)
			}
		})
	}
}

func TestTheSecondPersonHasADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := confirmed(t)
		for _, err := range []error{c.Stop(t.Context(), dana), c.Begin(t.Context(), chen, true), c.Skip(t.Context(), chen, "nobody goes on"), c.Ask(t.Context(), chen, roster.KeepAll, " Flood ")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Confirm(t.Context(), chen); !errors.Is(err, WrongSecond) {
			t.Errorf("who asked confirms: %v", err)
		}
		if err := c.Export(t.Context(), chen, table.Full, "", "", "the end", ""); !errors.Is(err, WrongStep) {
			t.Errorf("an export while the second person is waited for: %v", err)
		}
		time.Sleep(confirmWithin)
		if err := c.Confirm(t.Context(), dana); !errors.Is(err, WrongStep) {
			t.Errorf("a day later: %v", err)
		}
		c.at(StepAsk)
		if err := c.Again(t.Context(), chen); err != nil {
			t.Fatal(err)
		}
		c.at(StepExport)
	})
}

// The sample has names and numbers of people from every kind of record, and
// nothing of those who work here.
func TestTheSampleIsOfPeople(t *testing.T) {
	s := storetest.Open(t)
	listed := liststest.Open(t, s)
	cs, err := triage.NewCases(s, listed).Enter(t.Context(), triage.Paper{Channel: "walk_in", Caller: "+12024561112", Fields: map[string]any{"name": "Maria Lopez", "callback_number": "+12024561113"}}, "Flood", "01AGENT")
	if err != nil || cs.ID == "" {
		t.Fatal(err)
	}
	registry := volunteers.NewRegistry(s, listed)
	if _, err := registry.Save(t.Context(), volunteers.Registrant{Phone: "+12024561114", GivenName: "Amina", FamilyName: "Okonkwo", Source: "phone"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(tx *store.Tx) error {
		texts, err := sample(tx)
		for _, want := range []string{"12024561112", "Maria Lopez", "12024561113", "12024561114", "Amina", "Okonkwo"} {
			if !slices.Contains(texts, want) {
				t.Errorf("%q is not in the sample %q", want, texts)
			}
		}
		if slices.Contains(texts, "01AGENT") {
			t.Error("somebody who works here is in the sample")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
