package desk

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/lists/liststest"
	"hotline/appliance/media"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/ivr/prompts"
	"hotline/ivr/scenario"
	"hotline/triage"
	"hotline/volunteers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// room is a running desk with a trunk on loopback. Its one dialogue leads
// callers straight into the queue. Nobody watches the seats, so agents without
// sound stay where a test puts them.
type room struct {
	*Desk
	t       testing.TB
	records *store.Store
	trunk   *trunk.Trunk
	faults  uint64       // of ours that the test wants
	stop    func()       // ends the trunk as a stop of the hotline does
	dialled atomic.Int64 // what a test has changed before it dials is seen by the call
}

func openRoom(t testing.TB) *room {
	t.Helper()
	return openRoomWith(t, map[string]string{"straight": "about: t\nstart: q\nfallback: {queue: help, priority: 5}\nsteps:\n  q:\n    queue: help\n    priority: 1\n"}, nil)
}

// openRoomWith leads callers through the flow "straight" of texts. Dial places
// calls to numbers outside; lines are the ways there.
func openRoomWith(t testing.TB, texts map[string]string, dial func(context.Context, Dialling) (*trunk.Call, error), lines ...trunk.Line) *room {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := &room{t: t, records: storetest.Open(t)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	library, err := prompts.Shipped()
	must(err)
	flows, err := flow.ParseSet(texts)
	must(err)
	journal := triage.NewJournal(r.records, "flood", log)
	dispatcher := triage.NewDispatcher(triage.DispatcherConfig{Profiles: triage.ShippedProfiles(), RingFor: time.Minute, Journal: journal, Log: log})
	engine, err := ivr.New(ivr.Config{Flows: flows, Prompts: library, Languages: []string{"en"}, Log: log, Host: FlowHost(dispatcher),
		Actions: map[string]ivr.Action{ActionQueueInfo: QueueInfo}})
	must(err)
	disaster, err := scenario.Open(r.records)
	must(err)
	emergency, err := mode.Open(r.records, log)
	must(err)
	r.Desk = New(Config{Operation: "flood", Region: "US", Entries: map[string]Entry{"100": {Flow: "straight", Language: "en"}},
		Contacts: triage.NewContacts(r.records), Lists: liststest.Open(t, r.records), Cases: triage.NewCases(r.records, liststest.Open(t, r.records)), Dispatcher: dispatcher, Engine: engine,
		Prompts: library, Languages: []string{"en"}, Scenario: disaster, Mode: emergency, Registry: volunteers.NewRegistry(r.records, liststest.Open(t, r.records)), Dial: dial, Log: log})

	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	ports, err := media.NewPorts(netip.AddrFrom4([4]byte{127, 0, 0, 1}), media.FirstPort, media.LastPort)
	must(err)
	pacer := media.NewPacer(log)
	r.trunk, err = trunk.New(trunk.Config{Conn: conn, Ports: ports, Pacer: pacer, Serves: func(string) bool { return true },
		Handle: func(ctx context.Context, c *trunk.Call) {
			r.dialled.Load()
			r.Take(ctx, c)
		}, Region: "US", Drain: time.Millisecond, Log: log,
		Allow: (&trunk.OutboundPolicy{Rules: []trunk.DialRule{{Roles: []string{RoleOfFlows}, Prefixes: []string{"+1202555"}}}}).Allow})
	must(err)
	must(r.trunk.UseLines(lines...))
	ctx, cancel := context.WithCancel(context.Background())
	calls, stopCalls := context.WithCancel(ctx)
	var work, ringing sync.WaitGroup
	for _, run := range []func(context.Context) error{pacer.Run, journal.Run, dispatcher.Run} {
		work.Go(func() { _ = run(ctx) })
	}
	ringing.Go(func() { _ = r.trunk.Run(calls) })
	r.stop = func() { stopCalls(); ringing.Wait() }
	t.Cleanup(func() {
		r.stop()
		cancel()
		work.Wait()
		if n := r.trunk.Stats().Panics; n != r.faults {
			t.Errorf("%d faults of ours were caught, want %d", n, r.faults)
		}
	})
	return r
}

func (r *room) dial(from string) *phone.Call {
	r.t.Helper()
	r.dialled.Add(1)
	c, err := phone.Dial(r.t.Context(), phone.Config{From: from, To: "100", Server: r.trunk.Addr()})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Hangup)
	return c
}

// until waits for something to become true.
func (r *room) until(what string, so func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !so() {
		select {
		case <-tick.C:
		case <-limit:
			r.t.Fatalf("it never happens that %s", what)
		}
	}
}

// sit gives an agent a seat and makes it ready, as if its sound were there.
func (r *room) sit(id string) *Seat {
	r.t.Helper()
	s := r.Seat(Person{ID: id, Name: "Name of " + id, Profile: "all"})
	if err := r.cfg.Dispatcher.Set(id, triage.Ready, ""); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// answer accepts what rings at the seat and returns the contact.
func (r *room) answer(s *Seat) string {
	r.t.Helper()
	var contact string
	r.until("a call rings", func() bool {
		a := r.cfg.Dispatcher.Agent(s.id())
		contact = a.Contact
		return a.State == triage.Offered
	})
	r.do(s, Command{Type: "accept", Contact: contact})
	r.until("the call is at the seat", func() bool { v := s.Snapshot(); return v.Call != nil && !v.Call.AnsweredAt.IsZero() })
	return contact
}

func (r *room) do(s *Seat, c Command) {
	r.t.Helper()
	if err := s.Do(r.t.Context(), c); err != nil {
		r.t.Fatalf("%s: %v", c.Type, err)
	}
}

func (r *room) state(s *Seat, want triage.AgentState) {
	r.t.Helper()
	r.until(string("the agent is "+want), func() bool { return r.cfg.Dispatcher.Agent(s.id()).State == want })
}

// record waits until the contact has ended and returns it.
func (r *room) record(contact string) (k triage.Contact) {
	r.t.Helper()
	r.until("the contact has ended", func() bool {
		var err error
		if k, err = r.cfg.Contacts.Get(contact); err != nil {
			r.t.Fatal(err)
		}
		return !k.EndedAt.IsZero()
	})
	return k
}
