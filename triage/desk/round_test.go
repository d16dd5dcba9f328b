package desk

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/store/storetest"
	"hotline/triage"
)

// hall is a hotline with agents and rounds and without a telephone: how calls go
// is made up.
type roundHall struct {
	t        *testing.T
	contacts *triage.Contacts
	dispatch *triage.Dispatcher
	off      atomic.Bool // the switch of rounds
	caller   *roundCaller

	mu     sync.Mutex
	flying int // as the test counts
	rung   int
}

// run makes the hotline work until the test ends. Ring makes up a call.
func newRoundHall(t *testing.T, ring func(h *roundHall, ctx context.Context, r triage.Round, p triage.RoundPerson, met func()) error) *roundHall {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s := storetest.Open(t)
	h := &roundHall{t: t, contacts: triage.NewContacts(s)}
	h.dispatch = triage.NewDispatcher(triage.DispatcherConfig{Profiles: triage.ShippedProfiles(), RingFor: 20 * time.Second, Journal: triage.NewJournal(s, "flood", log), Log: log})
	if err := h.contacts.SetQuietHours(t.Context(), triage.Quiet{}, "rosa"); err != nil {
		t.Fatal(err)
	}
	d := New(Config{Contacts: h.contacts, Dispatcher: h.dispatch, Log: log, Rounds: func() bool { return !h.off.Load() }, RoundMay: func(call.Number) bool { return true }})
	h.caller = newRoundCaller(d, h.dispatch.Spare, func(ctx context.Context, r triage.Round, p triage.RoundPerson, met func()) error {
		return ring(h, ctx, r, p, met)
	})
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = h.dispatch.Run(ctx) })
	work.Go(func() { h.caller.run(ctx) })
	t.Cleanup(func() { stop(); d.stop(); work.Wait() })
	return h
}

func (h *roundHall) round(r triage.Round, people int) triage.Round {
	h.t.Helper()
	var list []triage.ListedPerson
	for n := range people {
		list = append(list, triage.ListedPerson{Number: fmt.Sprintf("+1202456%04d", n)})
	}
	r.Name, r.Queue = "Welfare", triage.QueueHelp
	r, err := h.contacts.MakeRound(h.t.Context(), r, list, "US", "rosa", "Rosa")
	if err == nil {
		err = h.contacts.SetRound(h.t.Context(), r.ID, triage.RoundRunning, "rosa")
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *roundHall) state(id string) (triage.RoundState, triage.RoundFigures) {
	h.t.Helper()
	r, f, err := h.contacts.Round(id)
	if err != nil {
		h.t.Fatal(err)
	}
	return r.State, f
}

// free is how many agents could take somebody now, as a person in the room would
// count them.
func (h *roundHall) free() int {
	agents, waiting := h.dispatch.View()
	n := 0
	for _, a := range agents {
		if a.State == triage.Ready {
			n++
		}
	}
	for _, w := range waiting {
		if w.Offered == "" {
			n--
		}
	}
	return max(n, 0)
}

// calls is how many calls were made.
func (h *roundHall) calls() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rung
}

// took counts a call of a round from its dial, and fails when it is one too many.
func (h *roundHall) took(r triage.Round) (back func()) {
	free := h.free()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flying++
	h.rung++
	if h.flying > free+r.Margin {
		h.t.Errorf("%d calls of rounds have nobody to talk with, %d agents are free, the margin is %d", h.flying, free, r.Margin)
	}
	return sync.OnceFunc(func() {
		h.mu.Lock()
		h.flying--
		h.mu.Unlock()
	})
}

// TestRoundsNeverDialMoreThanAgentsAreFree is the promise of rounds: at every
// dial, calls in flight and people who have answered and talk with nobody are not
// more than the agents who are free and the margin; and the round comes to its end.
func TestRoundsNeverDialMoreThanAgentsAreFree(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chance := rand.New(rand.NewPCG(seed, 3))
				var dice sync.Mutex
				roll := func(n int) int {
					dice.Lock()
					defer dice.Unlock()
					return chance.IntN(n)
				}
				// Never at the instant of a look, so that what is counted is what was seen.
				pause := func(least, most int) {
					time.Sleep(time.Duration(least+roll(most-least))*time.Second + 137*time.Millisecond)
				}
				h := newRoundHall(t, func(h *roundHall, _ context.Context, r triage.Round, p triage.RoundPerson, met func()) error {
					back := h.took(r)
					defer back()
					k, err := h.contacts.BeginRoundCall(context.Background(), p.ID, triage.Contact{ID: h.contacts.NewContactID()})
					if err != nil {
						return err
					}
					end := func(o triage.Outcome, failure string) error {
						_, err := h.contacts.End(context.Background(), k.ID, func(k *triage.Contact, _ time.Time) { k.Outcome, k.Failure = o, failure })
						return err
					}
					pause(3, 40) // it rings
					switch roll(6) {
					case 0:
						return end(triage.OutcomeNotReached, triage.FailedNoAnswer)
					case 1:
						return end(triage.OutcomeNotReached, triage.FailedBusy)
					}
					pause(5, 20) // the flow speaks
					answer := []string{triage.AnswerSafe, triage.AnswerSafe, triage.AnswerHelp}[roll(3)]
					if _, err := h.contacts.NoteAnswer(context.Background(), k.ID, answer); err != nil {
						return err
					}
					if answer == triage.AnswerHelp {
						place, err := h.dispatch.Enter(triage.Waiting{Contact: k.ID, Queue: triage.QueueHelp, Since: time.Now(), Priority: 4})
						if err != nil {
							return err
						}
						defer place.Leave()
						patience := time.NewTimer(10*time.Minute + 57*time.Millisecond)
						defer patience.Stop()
						for met != nil {
							select {
							case <-patience.C:
								return end(triage.OutcomeAbandonedQueue, "")
							case ev := <-place.Events():
								if ev.Kind == triage.PlaceAccepted {
									met()
									back()
									met = nil
								}
							}
						}
						pause(20, 90)
					}
					return end(triage.OutcomeSelfService, "")
				})
				ctx, stop := context.WithCancel(context.Background())
				var agents sync.WaitGroup
				for n := range 3 {
					id := fmt.Sprint("agent", n)
					h.dispatch.SignIn(id, id, "help")
					agents.Go(func() {
						pause(0, 3)
						_ = h.dispatch.Set(id, triage.Ready, "")
						for ctx.Err() == nil {
							pause(1, 4)
							switch a := h.dispatch.Agent(id); a.State {
							case triage.Offered:
								if h.dispatch.Accept(id, a.Contact) == nil {
									pause(20, 90)
									_ = h.dispatch.Set(id, triage.WrapUp, "")
									pause(5, 20)
									_ = h.dispatch.Set(id, triage.Ready, "")
								}
							case triage.Ready:
								if roll(20) == 0 {
									_ = h.dispatch.Set(id, triage.OnBreak, "short")
									pause(10, 60)
								}
							default:
								_ = h.dispatch.Set(id, triage.Ready, "")
							}
						}
					})
				}
				agents.Go(func() { // callers, who come first
					for n := 0; ctx.Err() == nil; n++ {
						pause(20, 120)
						place, err := h.dispatch.Enter(triage.Waiting{Contact: fmt.Sprint("caller", n), Queue: triage.QueueHelp, Since: time.Now(), Priority: 3})
						if err != nil {
							return
						}
						agents.Go(func() {
							patience := time.NewTimer(200*time.Second + 57*time.Millisecond)
							defer patience.Stop()
							defer place.Leave()
							for {
								select {
								case ev := <-place.Events():
									if ev.Kind == triage.PlaceAccepted {
										return
									}
								case <-patience.C:
									return
								}
							}
						})
					}
				})
				defer agents.Wait()
				defer stop()
				r := h.round(triage.Round{Margin: roll(3), Tries: 2}, 25)
				for range 400 {
					time.Sleep(time.Minute)
					if state, _ := h.state(r.ID); state == triage.RoundDone {
						break
					}
				}
				state, figures := h.state(r.ID)
				if state != triage.RoundDone || figures[triage.PersonWaits] > 0 {
					t.Errorf("after hours the round is %s: %v", state, figures)
				}
				if h.calls() < 25 {
					t.Errorf("only %d calls were made", h.calls())
				}
			})
		})
	}
}

// TestRoundsStopWhenTheyAreToldTo: nobody free, the switch, a pause, the night,
// and a fault of our line.
func TestRoundsStopWhenTheyAreToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault atomic.Bool
		h := newRoundHall(t, func(h *roundHall, _ context.Context, r triage.Round, p triage.RoundPerson, _ func()) error {
			defer h.took(r)()
			k, err := h.contacts.BeginRoundCall(context.Background(), p.ID, triage.Contact{ID: h.contacts.NewContactID()})
			if err != nil {
				return err
			}
			why := triage.FailedNoNumber
			if fault.Load() {
				why = triage.FailedLine
			}
			_, err = h.contacts.End(context.Background(), k.ID, func(k *triage.Contact, _ time.Time) { k.Outcome, k.Failure = triage.OutcomeNotReached, why })
			if fault.Load() {
				return errLine{context.DeadlineExceeded}
			}
			return err
		})
		r := h.round(triage.Round{Tries: 3}, 200)
		rung := func(what string, want bool) {
			t.Helper()
			before := h.calls()
			time.Sleep(10*time.Second + 500*time.Millisecond)
			if got := h.calls() > before; got != want {
				t.Errorf("%s: %d calls in ten seconds", what, h.calls()-before)
			}
		}
		rung("nobody is signed in", false)
		h.dispatch.SignIn("ana", "Ana", "help")
		if err := h.dispatch.Set("ana", triage.Ready, ""); err != nil {
			t.Fatal(err)
		}
		rung("an agent is free", true)
		h.off.Store(true)
		rung("rounds are switched off", false)
		h.off.Store(false)
		rung("switched on again", true)
		if err := h.contacts.SetRound(t.Context(), r.ID, triage.RoundPaused, "rosa"); err != nil {
			t.Fatal(err)
		}
		rung("the round is paused", false)
		if err := h.contacts.SetRound(t.Context(), r.ID, triage.RoundRunning, "rosa"); err != nil {
			t.Fatal(err)
		}
		rung("and goes on", true)
		minute := time.Now().Local().Hour()*60 + time.Now().Local().Minute()
		if err := h.contacts.SetQuietHours(t.Context(), triage.Quiet{From: minute, Until: (minute + 30) % (24 * 60)}, "rosa"); err != nil {
			t.Fatal(err)
		}
		rung("quiet hours", false)
		if err := h.contacts.SetQuietHours(t.Context(), triage.Quiet{}, "rosa"); err != nil {
			t.Fatal(err)
		}
		place, err := h.dispatch.Enter(triage.Waiting{Contact: "caller", Queue: triage.QueueHelp, Since: time.Now(), Priority: 5})
		if err != nil {
			t.Fatal(err)
		}
		rung("a caller is rung for", false)
		place.Leave()
		fault.Store(true)
		before := h.calls()
		time.Sleep(30 * time.Second)
		if h.calls() != before+1 {
			t.Errorf("%d calls within half a minute of a fault of our line", h.calls()-before)
		}
		if _, figures := h.state(r.ID); figures[triage.PersonMissed] == 0 || figures["waits again"] != 0 {
			t.Errorf("a fault of our line counts as a try: %v", figures)
		}
	})
}
