package triage

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

func closeItemOf(t *testing.T, c *Contacts, contact string) {
	t.Helper()
	k, err := c.Get(contact)
	must(t, err)
	must(t, c.CloseItem(t.Context(), k.Item, "rosa", "done"))
}

// left is a caller who gives up waiting.
func left(t *testing.T, c *Contacts, number string) Contact {
	t.Helper()
	k := opened(t, c, number)
	end(t, c, k.ID, OutcomeAbandonedQueue, OpenAbandoned)
	k, err := c.Get(k.ID)
	must(t, err)
	return k
}

func list(t *testing.T, c *Contacts, p Pick) []Item {
	t.Helper()
	p.Limit = 100
	page, err := c.Worklist(p)
	must(t, err)
	return page.Items
}

func TestAttemptsOfOneNumberAreOneItem(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	first := left(t, c, "+12024561111")
	second := opened(t, c, "+12024561111")
	end(t, c, second.ID, OutcomeLeftInIVR, OpenLeftInIVR)
	left(t, c, "+12024561112")
	all := list(t, c, Pick{})
	if len(all) != 2 || all[0].Attempts != 2 || all[0].Kind != OpenAbandoned || !all[0].FirstAt.Equal(first.ReceivedAt) || all[0].Contact != second.ID {
		t.Fatalf("the worklist is %+v, want one item of two attempts and one of another number", all)
	}
	// Who gets through needs nothing else.
	end(t, c, opened(t, c, "+12024561111").ID, OutcomeAnswered, "")
	all = list(t, c, Pick{})
	if len(all) != 1 || all[0].Number != "+12024561112" {
		t.Errorf("after the first number got through the worklist is %+v", all)
	}
	gone, _, err := c.Item(first.Item)
	if must(t, err); gone.ClosedFor != "reached" || gone.ClosedAt.IsZero() {
		t.Errorf("the item that the rule closed is %+v", gone)
	}
	// And a later attempt is a new item.
	if again := left(t, c, "+12024561111"); again.Item == first.Item {
		t.Error("a closed item came back")
	}
}

func TestWithheldNumbersNeverFoldAndNeverClose(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	left(t, c, "")
	left(t, c, "")
	end(t, c, opened(t, c, "").ID, OutcomeAnswered, "")
	if all := list(t, c, Pick{}); len(all) != 2 {
		t.Errorf("the worklist is %+v, want both callers who withheld their number", all)
	}
}

func TestPeopleBehindOneNumberDoNotCloseEachOther(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	const gateway = "+12024561111"
	one, two := left(t, c, gateway), left(t, c, gateway)
	if one.Item != two.Item {
		t.Fatal("before anything is known of the number, its attempts are one item")
	}
	must(t, c.SetShared(t.Context(), one.Item, true, "rosa"))
	left(t, c, gateway)
	end(t, c, opened(t, c, gateway).ID, OutcomeAnswered, "")
	all := list(t, c, Pick{})
	if len(all) != 3 {
		t.Fatalf("the worklist is %+v, want the three callers apart", all)
	}
	for _, i := range all {
		if i.Attempts != 1 || !i.Shared || i.Number != gateway {
			t.Errorf("an item of a shared number is %+v", i)
		}
	}
}

func TestANumberIsFoundToBeSharedWhenItsCallsOverlap(t *testing.T) {
	c := NewContacts(storetest.Open(t))
	const gateway = "+12024561111"
	old := left(t, c, gateway)
	a, b := opened(t, c, gateway), opened(t, c, gateway)
	end(t, c, a.ID, OutcomeAbandonedQueue, OpenAbandoned)
	if k, err := c.Get(a.ID); err != nil || k.Item != old.Item {
		t.Errorf("one overlap may be one person who rang again: the items are %s and %s (%v)", k.Item, old.Item, err)
	}
	end(t, c, b.ID, OutcomeAnswered, "") // was on the line together with a
	if k, err := c.Get(a.ID); err != nil || k.Open == "" {
		t.Errorf("a caller was closed by one who was on the line at the same time: %+v (%v)", k, err)
	}
	a, b = opened(t, c, gateway), opened(t, c, gateway)
	end(t, c, a.ID, OutcomeAbandonedQueue, OpenAbandoned)
	end(t, c, b.ID, OutcomeAbandonedQueue, OpenAbandoned)
	if all := list(t, c, Pick{}); len(all) != 3 || !all[0].Shared {
		t.Errorf("after the second overlap the worklist is %+v, want all three callers apart", all)
	}
}

func TestAProtectedCallersNumberIsNotCalled(t *testing.T) {
	s := storetest.Open(t)
	c, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	const number = "+12024561111"
	before := left(t, c, number)
	k := opened(t, c, number)
	_, err := c.Change(t.Context(), k.ID, func(k *Contact, now time.Time) []events.Event { k.ConnectedAt = now; return nil })
	must(t, err)
	save(t, cases, k.ID, map[string]any{"talk_freely": "specialist"})
	if old, _, err := c.Item(before.Item); err != nil || old.ClosedAt.IsZero() {
		t.Errorf("the attempt before the protected talk is still open: %+v (%v)", old, err)
	}
	end(t, c, k.ID, OutcomeDropped, OpenDropped)
	after := left(t, c, number)
	for _, i := range list(t, c, Pick{}) {
		if !i.NoCall {
			t.Errorf("an item of the protected caller may be called: %+v", i)
		}
		if i.Contact == k.ID && (i.Number != "" || i.Fold != "") {
			t.Errorf("the protected attempt keeps its number: %+v", i)
		}
	}
	if may, err := c.MayCall(number); err != nil || may {
		t.Errorf("the number may be dialled: %v (%v)", may, err)
	}
	must(t, c.SetSafe(t.Context(), after.Item, true, "rosa", "she says so"))
	if i, _, err := c.Item(after.Item); err != nil || i.NoCall {
		t.Errorf("marked safe, the item is %+v (%v)", i, err)
	}
	if may, err := c.MayCall(number); err != nil || !may {
		t.Errorf("marked safe, the number may be dialled: %v (%v)", may, err)
	}
}

func TestAnItemIsWorkedOnByOnePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewContacts(storetest.Open(t))
		item := left(t, c, "+12024561111").Item
		_, err := c.TakeItem(t.Context(), item, "ana", "Ana")
		must(t, err)
		var taken TakenError
		if _, err := c.TakeItem(t.Context(), item, "ben", "Ben"); !errors.As(err, &taken) || taken.Name != "Ana" {
			t.Errorf("a second person taking it gets %v", err)
		}
		if err := c.CloseItem(t.Context(), item, "ben", "done"); !errors.As(err, &taken) {
			t.Errorf("a second person closing it gets %v", err)
		}
		must(t, c.NotReached(t.Context(), item, "ana"))
		if i, _, err := c.Item(item); err != nil || i.Tries != 1 || i.Lock.By != "" {
			t.Errorf("after a try that reached nobody the item is %+v (%v)", i, err)
		}
		if err := c.NotReached(t.Context(), item, "ana"); !errors.Is(err, ErrNotTaken) {
			t.Errorf("counting a try without having the item gives %v", err)
		}
		_, err = c.TakeItem(t.Context(), item, "ana", "Ana")
		must(t, err)
		time.Sleep(lockFor + time.Second) // and went home
		_, err = c.TakeItem(t.Context(), item, "ben", "Ben")
		must(t, err)
		if err := c.CloseItem(t.Context(), item, "ben", " "); !errors.Is(err, ErrCloseText) {
			t.Errorf("closing without a reason gives %v", err)
		}
		must(t, c.CloseItem(t.Context(), item, "ben", "reached by radio"))
		if _, err := c.TakeItem(t.Context(), item, "ana", "Ana"); !errors.Is(err, ErrItemGone) {
			t.Errorf("taking a closed item gives %v", err)
		}
	})
}

func TestTheWorklistIsSortedAndFiltered(t *testing.T) {
	s := storetest.Open(t)
	c, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	left(t, c, "+12024561111")
	menu := opened(t, c, "+12024561112")
	end(t, c, menu.ID, OutcomeLeftInIVR, OpenLeftInIVR)
	cut := opened(t, c, "+12024561113")
	_, err := c.End(t.Context(), cut.ID, func(k *Contact, _ time.Time) {
		k.Outcome, k.Open, k.Language = OutcomeDropped, OpenDropped, "es"
	})
	must(t, err)
	danger := opened(t, c, "+12024561114")
	save(t, cases, danger.ID, map[string]any{"danger_now": "yes"})
	end(t, c, danger.ID, OutcomeAnswered, OpenDanger)
	var got []string
	for _, i := range list(t, c, Pick{}) {
		got = append(got, i.Kind)
	}
	if want := fmt.Sprint([]string{OpenDanger, OpenDropped, OpenAbandoned, OpenLeftInIVR}); fmt.Sprint(got) != want {
		t.Errorf("the worklist is %v, want %v", got, want)
	}
	if only := list(t, c, Pick{Kind: OpenAbandoned}); len(only) != 1 || only[0].Number != "+12024561111" {
		t.Errorf("those who gave up: %+v", only)
	}
	if only := list(t, c, Pick{Language: "es"}); len(only) != 1 || only[0].Kind != OpenDropped {
		t.Errorf("those who speak Spanish: %+v", only)
	}
	if page, err := c.Worklist(Pick{Limit: 1}); err != nil || page.Open != 4 || len(page.Items) != 1 || !page.More {
		t.Errorf("the first line of the list: %+v (%v)", page, err)
	}
}

func TestRefusedCallsAreKeptButCannotFillTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		c := NewContacts(s)
		full := NewTurnedAway(c, "Flood", slog.New(slog.DiscardHandler))
		for range 50 {
			full.Note("+12024561111", "100")
		}
		must(t, full.write(t.Context()))
		full.Note("+12024561111", "100")
		full.Note("", "100")
		must(t, full.write(t.Context()))
		all := list(t, c, Pick{Kind: OpenTurnedAway})
		if len(all) != 2 || all[0].Attempts != 51 || all[0].Number != "+12024561111" || all[1].Attempts != 1 {
			t.Fatalf("refused callers are listed as %+v", all)
		}
		for n := range 5 * turnedPerHour {
			full.Note(call.Number(fmt.Sprintf("+1202%07d", n)), "100")
			if n%700 == 0 {
				must(t, full.write(t.Context()))
			}
		}
		must(t, full.write(t.Context()))
		page, err := c.Worklist(Pick{Kind: OpenTurnedAway, Limit: 2000})
		if must(t, err); page.Open > turnedPerHour+1 {
			t.Errorf("a flood of %d numbers made %d items", 5*turnedPerHour, page.Open)
		}
		sum := 0
		for _, i := range page.Items {
			sum += i.Attempts
		}
		if want := 52 + 5*turnedPerHour; sum != want {
			t.Errorf("%d refused calls are counted, want %d", sum, want)
		}
		// Who gets through needs no call-back for having been refused.
		time.Sleep(time.Second)
		end(t, c, opened(t, c, "+12024561111").ID, OutcomeAnswered, "")
		if i, _, err := c.Item(all[0].ID); err != nil || i.ClosedFor != "reached" {
			t.Errorf("after getting through, the refused caller's item is %+v (%v)", i, err)
		}
		full.Note("+12024561111", "100")
		must(t, full.write(t.Context()))
		balanced(t, s)
	})
}

// TestFlashCallsAreOneItemPerNumber: a thousand are one call-back in the queue,
// also over hours; withheld numbers are only counted; what hung up early on
// another number is work for people.
func TestFlashCallsAreOneItemPerNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		c := NewContacts(s)
		flashes := NewTurnedAway(c, "Flood", slog.New(slog.DiscardHandler))
		var noted []<-chan struct{}
		for n := range 1000 {
			noted = append(noted, flashes.NoteFlash("+12024561111", "105"))
			flashes.NoteFlash("", "105")
			if n%100 == 0 {
				must(t, flashes.write(t.Context()))
			}
		}
		select {
		case <-noted[999]:
			t.Error("a flash call counts as stored before it is")
		default:
		}
		must(t, flashes.write(t.Context()))
		for _, stored := range noted {
			select {
			case <-stored:
			default:
				t.Fatal("a stored flash call is not told as such")
			}
		}
		time.Sleep(2 * time.Hour)
		flashes.NoteFlash("+12024561111", "105")
		must(t, flashes.write(t.Context()))
		all := list(t, c, Pick{})
		if len(all) != 1 || all[0].Kind != OpenFlash || all[0].Attempts != 1001 || all[0].Number != "+12024561111" || !all[0].Queued() ||
			all[0].Back.Queue != QueueHelp || all[0].Back.Priority != 5 {
			t.Fatalf("flash calls are listed as %+v", all)
		}
		kept := map[bool]int{}
		must(t, c.Each(func(k Contact) bool {
			if k.Outcome != OutcomeFlash || !k.AnsweredAt.IsZero() {
				t.Errorf("a flash call is recorded as %+v", k)
			}
			kept[k.Withheld] += k.Turned
			return true
		}))
		if kept[true] != 1000 || kept[false] != 1001 {
			t.Errorf("%d withheld and %d other flash calls are counted", kept[true], kept[false])
		}
		end(t, c, opened(t, c, "+12024561112").ID, OutcomeFlash, OpenFlash)
		for _, i := range list(t, c, Pick{}) {
			if i.Number == "+12024561112" && i.Queued() {
				t.Errorf("who hung up early is called back by itself: %+v", i)
			}
		}
		balanced(t, s)
	})
}

// balanced fails unless the figures of the log agree with the records.
func balanced(t *testing.T, s *store.Store) Balance {
	t.Helper()
	total, _, err := NewBooks(s).Balance(t.Context(), time.Now())
	must(t, err)
	var want Balance
	must(t, NewContacts(s).Each(func(k Contact) bool {
		if k.Direction == "out" {
			return true
		}
		n := max(k.Turned, 1)
		want.Attempts += n
		switch {
		case k.EndedAt.IsZero():
			want.OnLine += n
		case k.Open != "":
			want.Open += n
		case k.Outcome == OutcomeAnswered:
			want.Answered += n
		default:
			want.Closed += n
		}
		return true
	}))
	if total != want || !total.Holds() {
		t.Errorf("the books say %+v, the records %+v", total, want)
	}
	return total
}

// whole fails unless every open contact is in exactly one open item, and every
// open item has one.
func whole(t *testing.T, s *store.Store) {
	t.Helper()
	must(t, s.View(func(tx *store.Tx) error {
		in := map[string]int{}
		listed := map[string]bool{}
		for place := range itemsOpen.IDs(tx, allOpen) {
			listed[idIn(place)] = true
		}
		open := 0
		for id, i := range items.All(tx) {
			if i.ClosedAt.IsZero() != listed[id] {
				t.Errorf("item %+v is listed: %v", i, listed[id])
			}
			if !i.ClosedAt.IsZero() {
				continue
			}
			open++
			n, worst := 0, len(Kinds())
			for contact := range itemContacts.IDs(tx, id) {
				k, err := contacts.Get(tx, contact)
				if err != nil {
					return err
				}
				if k.Open == "" || k.Item != id {
					t.Errorf("item %s holds %+v", id, k)
				}
				n, worst = n+1, min(worst, kindRank(k.Open))
				in[contact]++
			}
			if n == 0 || worst != kindRank(i.Kind) {
				t.Errorf("open item %+v holds %d contacts, the worst of rank %d", i, n, worst)
			}
		}
		if open != len(listed) {
			t.Errorf("%d open items, %d listed", open, len(listed))
		}
		for id, k := range contacts.All(tx) {
			if want := map[bool]int{true: 1, false: 0}[k.Open != ""]; in[id] != want {
				t.Errorf("contact %s, open %q, is in %d items", id, k.Open, in[id])
			}
		}
		return nil
	}))
}
