package triage

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// asksToBeCalled is a caller who was promised a call and hung up.
func asksToBeCalled(t *testing.T, c *Contacts, number string) Contact {
	t.Helper()
	k := opened(t, c, number)
	_, err := c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event {
		k.Queue, k.Priority, k.QueuedAt, k.Language = QueueHelp, 5, now, "es"
		return nil
	})
	must(t, err)
	end(t, c, k.ID, OutcomeCallBack, OpenCallBack)
	k, err = c.Get(k.ID)
	must(t, err)
	return k
}

func itemOf(t *testing.T, c *Contacts, contact string) Item {
	t.Helper()
	k, err := c.Get(contact)
	must(t, err)
	i, _, err := c.Item(k.Item)
	must(t, err)
	return i
}

// callsBack writes a call to an item down, as the desk does before it dials.
func callsBack(t *testing.T, c *Contacts, item string) Contact {
	t.Helper()
	k, err := c.BeginCall(t.Context(), item, Contact{ID: c.NewContactID(), Agent: "ana", AgentName: "Ana"})
	must(t, err)
	return k
}

// notReached ends such a call.
func notReached(t *testing.T, c *Contacts, id, why string) {
	t.Helper()
	_, err := c.End(t.Context(), id, func(k *Contact, _ time.Time) { k.Outcome, k.Failure = OutcomeNotReached, why })
	must(t, err)
}

// talked ends a call that was answered, and the agent writes how it went.
func talked(t *testing.T, c *Contacts, id, disposition string) {
	t.Helper()
	_, err := c.End(t.Context(), id, func(k *Contact, _ time.Time) { k.Outcome, k.Open = OutcomeAnswered, OpenWrapUp })
	must(t, err)
	_, err = c.Change(t.Context(), id, func(k *Contact, _ time.Time) []events.Event { k.Disposition, k.Open = disposition, ""; return nil })
	must(t, err)
}

func queuedNow(t *testing.T, c *Contacts) []Item {
	t.Helper()
	all, err := c.QueuedCallBacks()
	must(t, err)
	return all
}

// Bug 13: a call-back that was promised survives a restart and is there until
// somebody has talked with the person.
func Test2b13ACallBackIsThereUntilItIsDone(t *testing.T) {
	s := storetest.Open(t)
	c := NewContacts(s)
	k := asksToBeCalled(t, c, "+12024561111")
	// And one whose promise was stored and not even spoken to its end.
	since := time.Now().Add(-time.Minute)
	_, err := c.Change(t.Context(), opened(t, c, "+12024561112").ID, func(k *Contact, now time.Time) []events.Event {
		k.CallBack, k.Promise = "+12024561113", &Promise{Queue: QueueVolunteers, Priority: 3, Since: since, At: now}
		return nil
	})
	must(t, err)
	c = NewContacts(s) // the next start
	_, err = c.Recover(t.Context())
	must(t, err)
	all := queuedNow(t, c)
	if len(all) != 2 || all[1].Number != "+12024561113" || all[1].Kind != OpenCallBack || all[1].Back.Queue != QueueVolunteers || all[1].Back.Priority != 3 || !all[1].Back.Since.Equal(since) {
		t.Fatalf("after a restart these are to be called: %+v", all)
	}
	must(t, c.CloseItem(t.Context(), all[1].ID, "rosa", "done"))
	if all = queuedNow(t, c); len(all) != 1 || all[0].Number != "+12024561111" || all[0].Back.Queue != QueueHelp || all[0].Back.Priority != 5 || !all[0].Back.Since.Equal(k.QueuedAt) {
		t.Fatalf("after a restart these are to be called: %+v", all)
	}
	out := callsBack(t, c, all[0].ID)
	if len(queuedNow(t, c)) != 0 {
		t.Error("it is to be called again while it is being called")
	}
	if i := itemOf(t, c, k.ID); !i.ClosedAt.IsZero() {
		t.Error("it was closed before anybody was reached")
	}
	talked(t, c, out.ID, "info_given")
	if i := itemOf(t, c, k.ID); i.ClosedAt.IsZero() || i.ClosedFor != "called back" {
		t.Errorf("after the talk the item is %+v", i)
	}
	balanced(t, s)
	whole(t, s)
}

// Bug 14: however often somebody asks, there is one call-back, and however many
// want to make it, there is one call.
// TestWhoWasLeftToPeopleIsNotCalled: an agent takes a call-back that somebody
// stops in the same moment.
func TestWhoWasLeftToPeopleIsNotCalled(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	k := asksToBeCalled(t, c, "+12024561111")
	if err := c.UnqueueItem(t.Context(), k.Item, "rosa"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.BeginQueued(t.Context(), k.Item, Contact{Agent: "ana"}); !errors.Is(err, ErrItemGone) {
		t.Errorf("the call begins: %v", err)
	}
	if _, err := c.BeginCall(t.Context(), k.Item, Contact{Agent: "ana"}); err != nil {
		t.Errorf("somebody who takes the item may call: %v", err)
	}
}

func Test2b14OneCallBackPerNumberAndOneCallAtATime(t *testing.T) {
	s := storetest.Open(t)
	c := NewContacts(s)
	first := asksToBeCalled(t, c, "+12024561111")
	again := asksToBeCalled(t, c, "+12024561111")
	all := queuedNow(t, c)
	if len(all) != 1 || first.Item != again.Item || !all[0].Back.Since.Equal(first.QueuedAt) {
		t.Fatalf("asking twice gives %+v, want one call-back with the first place", all)
	}
	// A number that is shared has an item for each person, and still one call.
	must(t, c.SetShared(t.Context(), all[0].ID, true, "rosa"))
	all = queuedNow(t, c)
	if len(all) != 2 {
		t.Fatalf("two people behind one number are to be called as %+v", all)
	}
	var mu sync.Mutex
	var made []string
	var tries sync.WaitGroup
	for n := range 8 {
		tries.Go(func() {
			k, err := c.BeginCall(t.Context(), all[n%2].ID, Contact{ID: c.NewContactID(), Agent: fmt.Sprint("agent", n)})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made = append(made, k.ID)
			} else if !errors.Is(err, ErrDialling) {
				t.Errorf("a second call is refused with %v", err)
			}
		})
	}
	tries.Wait()
	if len(made) != 1 {
		t.Fatalf("%d calls were made to one number at a time", len(made))
	}
	notReached(t, c, made[0], FailedNoAnswer)
	callsBack(t, c, all[0].ID)
	whole(t, s)
}

// Bug 15 is Test2b15PromisesOfCallBacksInTheQueue, below, and the desk's.

// Bug 16: busy, unreachable, a recorded voice: three tries with growing gaps,
// and then it is for people.
func Test2b16TriesAreBoundedAndTheirGapsGrow(t *testing.T) {
	for why, want := range map[string][]time.Duration{
		FailedNoAnswer: {20 * time.Minute, 70 * time.Minute},
		FailedBusy:     {5 * time.Minute, 70 * time.Minute},
		FailedUnsure:   {20 * time.Minute, 70 * time.Minute},
		FailedMachine:  {20 * time.Minute, 70 * time.Minute},
	} {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := NewContacts(storetest.Open(t))
				k := asksToBeCalled(t, c, "+12024561111")
				for n, gap := range append(want, 0) {
					out := callsBack(t, c, k.Item)
					if why == FailedMachine {
						talked(t, c, out.ID, DispositionNotReached)
					} else {
						notReached(t, c, out.ID, why)
					}
					i := itemOf(t, c, k.ID)
					if i.Back.Tries != n+1 || i.Tries != n+1 || i.Back.Failed != why || !i.ClosedAt.IsZero() {
						t.Fatalf("after try %d the item is %+v", n+1, i)
					}
					if gap > 0 {
						if got := time.Until(i.Back.NotBefore); got != gap {
							t.Errorf("the gap after try %d is %v, want %v", n+1, got, gap)
						}
						time.Sleep(gap)
					}
				}
				if i := itemOf(t, c, k.ID); i.Back.Stopped != StoppedTries || i.Queued() || !i.ClosedAt.IsZero() {
					t.Errorf("after the last try the item is %+v, want it open and left to people", i)
				}
			})
		})
	}
	c := NewContacts(storetest.Open(t))
	k := asksToBeCalled(t, c, "+12024561111")
	notReached(t, c, callsBack(t, c, k.Item).ID, FailedNoNumber)
	if i := itemOf(t, c, k.ID); i.Back.Stopped != FailedNoNumber || i.Queued() {
		t.Errorf("a number that does not exist is to be called again: %+v", i)
	}
}

func TestAFaultOfOurLineIsNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewContacts(storetest.Open(t))
		k := asksToBeCalled(t, c, "+12024561111")
		last := time.Duration(0)
		for n := range 8 {
			notReached(t, c, callsBack(t, c, k.Item).ID, FailedLine)
			i := itemOf(t, c, k.ID)
			gap := time.Until(i.Back.NotBefore)
			if i.Back.Tries != 0 || i.Tries != 0 || !i.Queued() || gap < last || gap > lineFaultLimit {
				t.Fatalf("after fault %d the item is %+v, the gap %v after %v", n+1, i, gap, last)
			}
			last = gap
		}
	})
}

// Bug 17: who rings us needs no call any more, and has the place that was kept.
func Test2b17WhoRingsUsIsNotCalled(t *testing.T) {
	s := storetest.Open(t)
	c := NewContacts(s)
	k := asksToBeCalled(t, c, "+12024561111")
	place, ok, err := c.KeptPlace("+12024561111")
	if must(t, err); !ok || !place.Since.Equal(k.QueuedAt) || place.Priority != 5 {
		t.Errorf("the place that was kept is %+v, %v", place, ok)
	}
	here := opened(t, c, "+12024561111")
	if _, err := c.BeginCall(t.Context(), k.Item, Contact{Agent: "ana"}); !errors.Is(err, ErrOnLine) {
		t.Errorf("calling somebody who is on the line gives %v", err)
	}
	end(t, c, here.ID, OutcomeAbandonedQueue, OpenAbandoned) // gave up: the promise holds
	if all := queuedNow(t, c); len(all) != 1 || all[0].Attempts != 2 || all[0].Kind != OpenCallBack {
		t.Errorf("after giving up, these are to be called: %+v", all)
	}
	end(t, c, opened(t, c, "+12024561111").ID, OutcomeAnswered, "")
	if all := queuedNow(t, c); len(all) != 0 {
		t.Errorf("after getting through, these are to be called: %+v", all)
	}
	if _, err := c.BeginCall(t.Context(), k.Item, Contact{Agent: "ana"}); !errors.Is(err, ErrItemGone) {
		t.Errorf("calling somebody who got through gives %v", err)
	}
	// Also from another phone, when that is the number that was given.
	other := opened(t, c, "")
	_, err = c.End(t.Context(), other.ID, func(k *Contact, _ time.Time) {
		k.CallBack, k.Outcome, k.Open = "+12024561119", OutcomeCallBack, OpenCallBack
	})
	must(t, err)
	if all := queuedNow(t, c); len(all) != 1 || all[0].Number != "+12024561119" {
		t.Fatalf("a caller who withholds the number and gives one: %+v", all)
	}
	end(t, c, opened(t, c, "+12024561119").ID, OutcomeAnswered, "")
	if all := queuedNow(t, c); len(all) != 0 {
		t.Errorf("after getting through from the number given, these are to be called: %+v", all)
	}
	whole(t, s)
}

// Bug 18: whoever calls back is told the language, and the call keeps it.
func Test2b18TheLanguageSurvivesTheCallBack(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	k := asksToBeCalled(t, c, "+12024561111")
	if i := itemOf(t, c, k.ID); i.Language != "es" {
		t.Errorf("the item's language is %q", i.Language)
	}
	if out := callsBack(t, c, k.Item); out.Language != "es" || out.Direction != "out" || out.Caller != "+12024561111" {
		t.Errorf("the call back is %+v", out)
	}
}

func TestWhoWasCutOffIsCalledFirst(t *testing.T) {
	s := storetest.Open(t)
	c := NewContacts(s)
	asksToBeCalled(t, c, "+12024561111")
	cut := opened(t, c, "+12024561112")
	_, err := c.End(t.Context(), cut.ID, func(k *Contact, now time.Time) {
		k.ConnectedAt, k.Outcome, k.Open, k.Queue = now, OutcomeDropped, OpenDropped, QueueHelp
	})
	must(t, err)
	opened(t, c, "+12024561113") // on the line when the box stops
	_, err = c.Open(t.Context(), Contact{Direction: "in", Caller: "+12024561114", Supervisor: true})
	must(t, err)
	c = NewContacts(s)
	_, err = c.Recover(t.Context())
	must(t, err)
	got := map[call.Number]int{}
	for _, i := range queuedNow(t, c) {
		got[i.Number] = i.Back.Priority
	}
	if fmt.Sprint(got) != fmt.Sprint(map[call.Number]int{"+12024561111": 5, "+12024561112": cutOff, "+12024561113": cutOff}) {
		t.Errorf("to be called, by priority: %v", got)
	}
	// The agent writes that the call was over anyway: nobody is called.
	_, err = c.Change(t.Context(), cut.ID, func(k *Contact, _ time.Time) []events.Event { k.Disposition, k.Open = "info_given", ""; return nil })
	must(t, err)
	if all := queuedNow(t, c); len(all) != 2 {
		t.Errorf("after the notes, to be called: %+v", all)
	}
	balanced(t, s)
}

// A restart while it rings: it may have been answered. It counts as a try, is
// marked, and waits like after any other.
func TestARestartDoesNotDialTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		c := NewContacts(s)
		k := asksToBeCalled(t, c, "+12024561111")
		out := callsBack(t, c, k.Item)
		c = NewContacts(s)
		_, err := c.Recover(t.Context())
		must(t, err)
		i := itemOf(t, c, k.ID)
		if i.Back.Failed != FailedUnsure || i.Back.Tries != 1 || time.Until(i.Back.NotBefore) != 20*time.Minute || !i.Queued() {
			t.Errorf("after a restart while it rang the item is %+v", i)
		}
		if gone, err := c.Get(out.ID); err != nil || gone.Outcome != OutcomeNotReached || gone.Open != "" {
			t.Errorf("the call that rang is %+v (%v)", gone, err)
		}
		// And a restart during the talk: the person is called again, first.
		out = callsBack(t, c, k.Item)
		_, err = c.Change(t.Context(), out.ID, func(k *Contact, now time.Time) []events.Event { k.AnsweredAt = now; return nil })
		must(t, err)
		c = NewContacts(s)
		_, err = c.Recover(t.Context())
		must(t, err)
		if i := itemOf(t, c, k.ID); !i.Queued() || i.Back.Priority != cutOff || i.Back.NotBefore.After(time.Now()) {
			t.Errorf("after a restart during the talk the item is %+v", i)
		}
		whole(t, s)
		balanced(t, s)
	})
}

func TestProtectedNumbersAreNotDialled(t *testing.T) {
	s := storetest.Open(t)
	c, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	k := asksToBeCalled(t, c, "+12024561111")
	locked := opened(t, c, "+12024561111")
	save(t, cases, locked.ID, map[string]any{"talk_freely": "specialist"}) // before anybody answered
	if all := queuedNow(t, c); len(all) != 0 {
		t.Errorf("a protected caller is to be called: %+v", all)
	}
	if _, err := c.BeginCall(t.Context(), k.Item, Contact{Agent: "ana"}); !errors.Is(err, ErrNoCall) {
		t.Errorf("calling a protected caller gives %v", err)
	}
	must(t, c.SetSafe(t.Context(), k.Item, true, "rosa", "she asked for it"))
	if all := queuedNow(t, c); len(all) != 1 {
		t.Errorf("marked safe, these are to be called: %+v", all)
	}
	callsBack(t, c, k.Item)
}

func TestATalkThatBecomesProtectedForgetsTheNumberThatWasCalled(t *testing.T) {
	s := storetest.Open(t)
	c, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	k := asksToBeCalled(t, c, "+12024561111")
	out := callsBack(t, c, k.Item)
	_, err := c.Change(t.Context(), out.ID, func(k *Contact, now time.Time) []events.Event { k.AnsweredAt, k.ConnectedAt = now, now; return nil })
	must(t, err)
	save(t, cases, out.ID, map[string]any{"talk_freely": "specialist"})
	talked(t, c, out.ID, "protected_handover")
	if gone, err := c.Get(out.ID); err != nil || gone.Caller != "" || gone.Dialled != "" {
		t.Errorf("the protected call keeps its number: %+v (%v)", gone, err)
	}
	if i := itemOf(t, c, k.ID); i.ClosedAt.IsZero() {
		t.Errorf("the person was reached, and the item is %+v", i)
	}
	must(t, s.View(func(tx *store.Tx) error {
		for range numbersCalled.IDs(tx, tx.Digest("+12024561111")) {
			t.Error("the number counts as being called for ever")
		}
		return nil
	}))
	balanced(t, s)
	whole(t, s)
}

func TestAnAgreedTimeAndStoppingByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewContacts(storetest.Open(t))
		k := left(t, c, "+12024561111")
		if len(queuedNow(t, c)) != 0 {
			t.Error("who only hung up is called without anybody having said so")
		}
		at := time.Now().Add(3 * time.Hour)
		must(t, c.QueueItem(t.Context(), k.Item, at, "ana"))
		all := queuedNow(t, c)
		if len(all) != 1 || !ShippedQuiet.When(all[0].Back, time.Now()).Equal(at) {
			t.Fatalf("a call at an agreed time is kept as %+v", all)
		}
		must(t, c.UnqueueItem(t.Context(), k.Item, "ana"))
		if i := itemOf(t, c, k.ID); len(queuedNow(t, c)) != 0 || !i.ClosedAt.IsZero() || i.Back.Stopped != StoppedByHand {
			t.Errorf("stopped by hand, the item is %+v", i)
		}
		must(t, c.QueueItem(t.Context(), k.Item, time.Time{}, "ana"))
		callsBack(t, c, k.Item)
		if err := c.UnqueueItem(t.Context(), k.Item, "ana"); !errors.Is(err, ErrDialling) {
			t.Errorf("stopping a call that is being made gives %v", err)
		}
		if err := c.QueueItem(t.Context(), left(t, c, "").Item, time.Time{}, "ana"); !errors.Is(err, ErrNoDial) {
			t.Errorf("calling somebody without a number gives %v", err)
		}
	})
}

func TestQuietHours(t *testing.T) {
	day := func(d, h, m int) time.Time { return time.Date(2026, 3, d, h, m, 0, 0, time.Local) }
	for _, tc := range []struct {
		name string
		q    Quiet
		b    CallBack
		now  time.Time
		want time.Time
	}{
		{"by day at once", ShippedQuiet, CallBack{Since: day(1, 9, 0)}, day(1, 12, 0), day(1, 12, 0)},
		{"after a gap", ShippedQuiet, CallBack{Since: day(1, 9, 0), NotBefore: day(1, 12, 20), Tries: 1}, day(1, 12, 0), day(1, 12, 20)},
		{"in the evening until the morning", ShippedQuiet, CallBack{Since: day(1, 9, 0)}, day(1, 21, 0), day(2, 8, 0)},
		{"at night until the morning", ShippedQuiet, CallBack{Since: day(1, 9, 0)}, day(2, 7, 59), day(2, 8, 0)},
		{"a gap that ends at night", ShippedQuiet, CallBack{Since: day(1, 20, 30), NotBefore: day(1, 21, 10), Tries: 1}, day(1, 20, 50), day(2, 8, 0)},
		{"who has just asked expects it, also at night", ShippedQuiet, CallBack{Since: day(1, 23, 0)}, day(1, 23, 30), day(1, 23, 30)},
		{"but not for ever", ShippedQuiet, CallBack{Since: day(1, 23, 0)}, day(2, 0, 0), day(2, 8, 0)},
		{"and not twice", ShippedQuiet, CallBack{Since: day(1, 23, 0), Tries: 1}, day(1, 23, 30), day(2, 8, 0)},
		{"an agreed time holds", ShippedQuiet, CallBack{Since: day(1, 9, 0), NotBefore: day(1, 22, 0), Agreed: true}, day(1, 12, 0), day(1, 22, 0)},
		{"a siesta", Quiet{13 * 60, 16 * 60}, CallBack{Since: day(1, 9, 0)}, day(1, 13, 0), day(1, 16, 0)},
		{"outside the siesta", Quiet{13 * 60, 16 * 60}, CallBack{Since: day(1, 9, 0)}, day(1, 23, 0), day(1, 23, 0)},
		{"never quiet", Quiet{}, CallBack{Since: day(1, 9, 0)}, day(2, 3, 0), day(2, 3, 0)},
	} {
		if got := tc.q.When(tc.b, tc.now); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
