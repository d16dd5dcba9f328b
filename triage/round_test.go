package triage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// roundOf is a running round of these numbers.
func roundOf(t *testing.T, c *Contacts, r Round, numbers ...string) Round {
	t.Helper()
	var people []ListedPerson
	for n, number := range numbers {
		people = append(people, ListedPerson{Name: fmt.Sprint("Person ", n+1), Number: number, Language: "es"})
	}
	if r.Queue == "" {
		r.Name, r.Queue = "Welfare", QueueHelp
	}
	if r.Tries == 0 {
		r.Tries = MaxRoundTries
	}
	r, err := c.MakeRound(t.Context(), r, people, "US", "rosa", "Rosa")
	must(t, err)
	must(t, c.SetRound(t.Context(), r.ID, RoundRunning, "rosa"))
	return r
}

func due(t *testing.T, c *Contacts, round string) (ids []string) {
	t.Helper()
	people, _, err := c.DueInRound(round, time.Now(), 1000)
	must(t, err)
	for _, p := range people {
		ids = append(ids, p.ID)
	}
	return ids
}

func listedAs(t *testing.T, c *Contacts, id string) (p RoundPerson) {
	t.Helper()
	must(t, c.store.View(func(tx *store.Tx) (err error) {
		p, err = roundPeople.Get(tx, id)
		return err
	}))
	return p
}

func figures(t *testing.T, c *Contacts, round string) (RoundState, RoundFigures) {
	t.Helper()
	r, f, err := c.Round(round)
	must(t, err)
	return r.State, f
}

// rings writes a call of a round down, as the desk does before it dials.
func rings(t *testing.T, c *Contacts, person string) Contact {
	t.Helper()
	k, err := c.BeginRoundCall(t.Context(), person, Contact{ID: c.NewContactID()})
	must(t, err)
	return k
}

// keyed is somebody who picks up, presses a key and is done.
func keyed(t *testing.T, c *Contacts, k Contact, answer string) {
	t.Helper()
	_, err := c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event { k.AnsweredAt = now; return nil })
	must(t, err)
	if answer != "" {
		_, err = c.NoteAnswer(t.Context(), k.ID, answer)
		must(t, err)
	}
	end(t, c, k.ID, OutcomeSelfService, "")
}

func Test2b19ARoundCallsEverybodyOnItsListOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		c, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
		locked := opened(t, c, "+12024561116")
		save(t, cases, locked.ID, map[string]any{"talk_freely": "specialist"})
		must(t, c.StopNumber(t.Context(), "+12024561115", "rosa", "Rosa"))
		r := roundOf(t, c, Round{}, "+1 202 456 1111", "(202) 456-1112", "not a number", "2024561111", "+12024561113", "+12024561114", "+12024561115", "+12024561116", "+12024561117")
		calls, left, err := c.DryRun(r.ID, func(n call.Number) bool { return n != "+12024561117" })
		if must(t, err); calls != 4 || fmt.Sprint(left) != fmt.Sprint(map[string]int{LeftNoNumber: 1, LeftTwice: 1, LeftStopped: 1, LeftProtected: 1, LeftForbidden: 1}) {
			t.Fatalf("%d would be called, left out are %v", calls, left)
		}
		ids := due(t, c, r.ID)
		if len(ids) != 7 {
			t.Fatalf("to be called: %v", ids)
		}
		keyed(t, c, rings(t, c, ids[0]), AnswerSafe)
		keyed(t, c, rings(t, c, ids[1]), AnswerStop)
		busy := rings(t, c, ids[2])
		if _, err := c.BeginRoundCall(t.Context(), ids[2], Contact{}); !errors.Is(err, ErrDialling) {
			t.Errorf("a second call at the same time: %v", err)
		}
		notReached(t, c, busy.ID, FailedBusy)
		if _, err := c.BeginRoundCall(t.Context(), ids[2], Contact{}); !errors.Is(err, ErrCalledSoon) {
			t.Errorf("a second call within the gap: %v", err)
		}
		notReached(t, c, rings(t, c, ids[3]).ID, FailedNoNumber)
		for _, id := range ids[4:6] {
			if _, err := c.BeginRoundCall(t.Context(), id, Contact{}); !errors.Is(err, ErrLeftOut) {
				t.Errorf("calling who must not be called: %v", err)
			}
		}
		must(t, c.LeaveOut(t.Context(), ids[6], LeftForbidden))
		state, f := figures(t, c, r.ID)
		want := RoundFigures{"answered safe": 1, "answered stop": 1, "waits again": 1, "missed": 1, "left_out no_number": 1, "left_out twice": 1,
			"left_out stop_list": 1, "left_out protected": 1, "left_out not_allowed": 1}
		if !reflect.DeepEqual(f, want) || state != RoundRunning {
			t.Errorf("the round is %s: %v", state, f)
		}
		// Who wants no calls like this gets none in the next round either.
		other := roundOf(t, c, Round{}, "+12024561112")
		if _, err := c.BeginRoundCall(t.Context(), due(t, c, other.ID)[0], Contact{}); !errors.Is(err, ErrLeftOut) {
			t.Errorf("who keyed that no round may call was called again: %v", err)
		}
		if state, _ := figures(t, c, other.ID); state != RoundDone {
			t.Errorf("a round with nobody to call is %s", state)
		}
		// The busy one is tried three times, and then the round is over.
		for n, gap := range []time.Duration{5 * time.Minute, 70 * time.Minute} {
			if p := listedAs(t, c, ids[2]); p.Tries != n+1 || time.Until(p.NotBefore).Round(time.Second) != gap {
				t.Errorf("after try %d the person is %+v", n+1, p)
			}
			time.Sleep(gap + time.Second)
			notReached(t, c, rings(t, c, ids[2]).ID, FailedBusy)
		}
		if state, f := figures(t, c, r.ID); state != RoundDone || f[PersonMissed] != 2 {
			t.Errorf("at its end the round is %s: %v", state, f)
		}
		balanced(t, s)
		whole(t, s)
		// And everything of its list can be destroyed.
		must(t, c.DropRound(t.Context(), r.ID, "rosa"))
		must(t, s.View(func(tx *store.Tx) error {
			for id := range roundPeople.Prefix(tx, r.ID) {
				t.Errorf("%s is left", id)
			}
			for key, n := range roundBooks.Prefix(tx, r.ID) {
				t.Errorf("%s is left with %d", key, n)
			}
			return nil
		}))
		if _, err := c.BeginRoundCall(t.Context(), ids[0], Contact{}); err == nil {
			t.Error("somebody of a destroyed list was called")
		}
	})
}

// Who needs somebody is never lost, whatever happens after the key.
func TestWhoNeedsHelpInARoundBecomesAnOpenItem(t *testing.T) {
	for name, story := range map[string]struct {
		after func(t *testing.T, c *Contacts, k Contact)
		kind  string
		calls bool // the hotline calls back by itself
	}{
		"left while waiting": {func(t *testing.T, c *Contacts, k Contact) { end(t, c, k.ID, OutcomeAbandonedQueue, OpenAbandoned) }, OpenAbandoned, true},
		"hung up at once":    {func(t *testing.T, c *Contacts, k Contact) { end(t, c, k.ID, OutcomeLeftInIVR, OpenLeftInIVR) }, OpenAbandoned, true},
		"promised a call":    {func(t *testing.T, c *Contacts, k Contact) { end(t, c, k.ID, OutcomeCallBack, OpenCallBack) }, OpenCallBack, true},
		"the hotline stops":  {func(t *testing.T, c *Contacts, _ Contact) { _, err := c.Recover(t.Context()); must(t, err) }, OpenInterrupted, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.Open(t)
			c := NewContacts(s)
			r := roundOf(t, c, Round{}, "+12024561111")
			k := rings(t, c, due(t, c, r.ID)[0])
			_, err := c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event { k.AnsweredAt = now; return nil })
			must(t, err)
			_, err = c.NoteAnswer(t.Context(), k.ID, AnswerHelp)
			must(t, err)
			story.after(t, c, k)
			all := list(t, c, Pick{})
			if len(all) != 1 || all[0].Kind != story.kind || all[0].Number != "+12024561111" || all[0].Queued() != story.calls {
				t.Errorf("the worklist is %+v", all)
			}
			if state, f := figures(t, c, r.ID); state != RoundDone || f["answered help"] != 1 {
				t.Errorf("the round is %s: %v", state, f)
			}
			balanced(t, s)
			whole(t, s)
		})
	}
}

// Whoever picked up and said nothing is no open item: the round calls again.
func TestAMachineThatPicksUpIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewContacts(storetest.Open(t))
		r := roundOf(t, c, Round{Tries: 2}, "+12024561111", "+12024561112")
		ids := due(t, c, r.ID)
		keyed(t, c, rings(t, c, ids[0]), "")
		k := rings(t, c, ids[1])
		_, err := c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event { k.AnsweredAt = now; return nil })
		must(t, err)
		end(t, c, k.ID, OutcomeLeftInIVR, OpenLeftInIVR)
		for _, id := range ids {
			if p := listedAs(t, c, id); p.State != PersonWaits || p.Failed != FailedMachine || time.Until(p.NotBefore).Round(time.Second) != 20*time.Minute {
				t.Errorf("after a call without a key the person is %+v", p)
			}
		}
		if all := list(t, c, Pick{}); len(all) != 0 {
			t.Errorf("the worklist has %+v", all)
		}
		time.Sleep(21 * time.Minute)
		keyed(t, c, rings(t, c, ids[0]), "")
		if p := listedAs(t, c, ids[0]); p.State != PersonMissed {
			t.Errorf("after the last try the person is %+v", p)
		}
	})
}

// An agent who saw the person first has the last word.
func TestTheNotesOfAnAgentSettleACallOfARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		c := NewContacts(s)
		before := left(t, c, "+12024561111")
		r := roundOf(t, c, Round{Name: "Visits", Queue: QueueHelp, Preview: true}, "+12024561111", "+12024561112")
		ids := due(t, c, r.ID)
		talks := func(id, disposition string) {
			k := rings(t, c, id)
			_, err := c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event { k.AnsweredAt, k.ConnectedAt = now, now; return nil })
			must(t, err)
			_, err = c.End(t.Context(), k.ID, func(k *Contact, _ time.Time) { k.Outcome, k.Open = OutcomeAnswered, OpenWrapUp })
			must(t, err)
			if p := listedAs(t, c, id); p.State != PersonCalled {
				t.Errorf("before the notes the person is %+v", p)
			}
			_, err = c.Change(t.Context(), k.ID, func(k *Contact, _ time.Time) []events.Event { k.Disposition, k.Open = disposition, ""; return nil })
			must(t, err)
		}
		talks(ids[0], "info_given")
		talks(ids[1], DispositionNotReached)
		if p := listedAs(t, c, ids[0]); p.Answer != AnswerTalk {
			t.Errorf("who talked is %+v", p)
		}
		if i := itemOf(t, c, before.ID); i.ClosedAt.IsZero() {
			t.Errorf("who talked with an agent is still open: %+v", i)
		}
		if p := listedAs(t, c, ids[1]); p.State != PersonWaits || p.Failed != FailedMachine {
			t.Errorf("where a machine answered the person is %+v", p)
		}
		// Notes that a stop of the hotline swallowed do not keep the round open.
		time.Sleep(time.Hour)
		k := rings(t, c, ids[1])
		_, err := c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event { k.AnsweredAt, k.ConnectedAt = now, now; return nil })
		must(t, err)
		_, err = c.End(t.Context(), k.ID, func(k *Contact, _ time.Time) { k.Outcome, k.Open = OutcomeAnswered, OpenWrapUp })
		must(t, err)
		c = NewContacts(s)
		_, err = c.Recover(t.Context())
		must(t, err)
		if state, f := figures(t, c, r.ID); state != RoundDone || f["answered talk"] != 2 {
			t.Errorf("after the restart the round is %s: %v", state, f)
		}
	})
}

func TestTheAnswerIsWithTheRecordThatThePersonComesFrom(t *testing.T) {
	s := storetest.Open(t)
	c, kept := NewContacts(s), NewCases(s, liststest.Open(t, s))
	open := left(t, c, "+12024561111")
	talk := opened(t, c, "+12024561112")
	file := save(t, kept, talk.ID, map[string]any{"danger_now": "no"})
	end(t, c, talk.ID, OutcomeAnswered, "")
	r, err := c.MakeRound(t.Context(), Round{Name: "Welfare", Queue: QueueHelp, Tries: 1}, []ListedPerson{
		{Number: "+12024561111", Source: SourceItem, Ref: open.Item}, {Number: "+12024561112", Source: SourceCase, Ref: file.ID},
		{Number: "+12024561113", Source: SourceRegistrant, Ref: "reg-1"}}, "US", "rosa", "Rosa")
	must(t, err)
	if ids := due(t, c, r.ID); len(ids) != 3 {
		t.Fatalf("on the list: %v", ids)
	}
	if _, err := c.BeginRoundCall(t.Context(), due(t, c, r.ID)[0], Contact{}); !errors.Is(err, ErrRoundState) {
		t.Errorf("a round that was not started calls: %v", err)
	}
	must(t, c.SetRound(t.Context(), r.ID, RoundRunning, "rosa"))
	var last Contact
	for _, id := range due(t, c, r.ID) {
		last = rings(t, c, id)
		keyed(t, c, last, AnswerSafe)
	}
	if i := itemOf(t, c, open.ID); i.Said != AnswerSafe || !i.ClosedAt.IsZero() {
		t.Errorf("the item is %+v, want it open and with the answer", i)
	}
	if cs, err := kept.Get(file.ID); err != nil || cs.Said != AnswerSafe || cs.SaidAt.IsZero() {
		t.Errorf("the case is %+v (%v)", cs, err)
	}
	if k, err := c.Get(last.ID); err != nil || k.Registrant != "reg-1" || k.Answer != AnswerSafe {
		t.Errorf("the call of the registered volunteer is %+v (%v)", k, err)
	}
}

// A call of a round that becomes protected leaves no number and no name.
func TestARoundForgetsWhoBecomesProtected(t *testing.T) {
	s := storetest.Open(t)
	c, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	r := roundOf(t, c, Round{}, "+12024561111")
	k := rings(t, c, due(t, c, r.ID)[0])
	_, err := c.NoteAnswer(t.Context(), k.ID, AnswerTalk)
	must(t, err)
	_, err = c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event { k.AnsweredAt, k.ConnectedAt = now, now; return nil })
	must(t, err)
	save(t, cases, k.ID, map[string]any{"talk_freely": "specialist"})
	talked(t, c, k.ID, "protected_handover")
	if p := listedAs(t, c, k.Round); p.Number != "" || p.Name != "" || p.State != PersonAnswered {
		t.Errorf("the list keeps %+v", p)
	}
	must(t, s.View(func(tx *store.Tx) error {
		for range numbersCalled.IDs(tx, tx.Digest("+12024561111")) {
			t.Error("the number counts as being called for ever")
		}
		return nil
	}))
}

// TestRoundsSurviveAnyStop runs rounds at random with stops at any point: nobody
// is dialled within the gap, nobody more often than stated, and at the end
// everybody has an answer or was tried as often as stated.
func TestRoundsSurviveAnyStop(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 11))
				s := storetest.Open(t)
				c := NewContacts(s)
				var numbers []string
				for n := range 8 {
					numbers = append(numbers, fmt.Sprintf("+1202456%04d", n))
				}
				round := roundOf(t, c, Round{}, numbers...)
				dialled := map[string][]time.Time{}
				var out []Contact
				for step := 0; step < 2000; step++ {
					if state, _ := figures(t, c, round.ID); state == RoundDone {
						break
					}
					switch r.IntN(6) {
					case 0, 1:
						if ids := due(t, c, round.ID); len(ids) > 0 {
							id := ids[r.IntN(len(ids))]
							k := rings(t, c, id)
							if at := dialled[id]; len(at) > 0 && time.Since(at[len(at)-1]) < 5*time.Minute {
								t.Fatalf("%s was dialled again after %v", id, time.Since(at[len(at)-1]))
							}
							dialled[id] = append(dialled[id], time.Now())
							out = append(out, k)
						}
					case 2, 3:
						if len(out) == 0 {
							continue
						}
						k := out[0]
						out = out[1:]
						switch r.IntN(4) {
						case 0:
							keyed(t, c, k, RoundAnswers()[r.IntN(5)])
						case 1:
							keyed(t, c, k, "")
						default:
							notReached(t, c, k.ID, []string{FailedBusy, FailedNoAnswer}[r.IntN(2)])
						}
					case 4:
						time.Sleep(time.Duration(r.IntN(20)) * time.Minute)
					case 5:
						if r.IntN(3) > 0 {
							continue
						}
						c = NewContacts(s) // the next start
						_, err := c.Recover(t.Context())
						must(t, err)
						out = nil
					}
				}
				state, f := figures(t, c, round.ID)
				if state != RoundDone {
					t.Fatalf("the round does not end: %s %v", state, f)
				}
				for n := range numbers {
					p := listedAs(t, c, fmt.Sprintf("%s-%06d", round.ID, n+1))
					if p.State != PersonAnswered && (p.State != PersonMissed || p.Tries != MaxRoundTries) || len(dialled[p.ID]) > MaxRoundTries || len(dialled[p.ID]) == 0 {
						t.Errorf("at the end somebody is %+v, dialled %d times", p, len(dialled[p.ID]))
					}
				}
				whole(t, s)
			})
		})
	}
}

// A list that was being stored when the hotline stopped leaves no name behind.
func TestAListThatWasNotStoredToItsEndIsDestroyed(t *testing.T) {
	s := storetest.Open(t)
	c := NewContacts(s)
	r := roundOf(t, c, Round{}, "+12024561111")
	must(t, s.Update(t.Context(), func(tx *store.Tx) error {
		r.State = roundFilling
		return rounds.Put(tx, r.ID, r)
	}))
	_, err := c.Recover(t.Context())
	must(t, err)
	if all, err := c.Rounds(); err != nil || len(all) != 0 {
		t.Errorf("the rounds are %+v (%v)", all, err)
	}
	must(t, c.EachInRound(r.ID, func(p RoundPerson) bool { t.Errorf("%+v is left", p); return true }))
}
