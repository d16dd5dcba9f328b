package main

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
	"hotline/triage/desk"
)

// TestAFlashCallIsNotAnsweredButCalledBack: a number for people without credit
// rings, ends as busy without ever being answered, and the person stands on the
// worklist once, however often they ring; then the hotline calls them.
func TestAFlashCallIsNotAnsweredButCalledBack(t *testing.T) {
	t.Parallel()
	net, _ := outside(t, bHz)
	b := startBoxWith(t, func(c *config.Config) {
		callingOut(net)(c)
		c.SIP.Entries = []config.Entry{{Numbers: []string{"105"}, Flash: true}}
	})
	flash := func(from string) (rang []int, took time.Duration) {
		t.Helper()
		var mu sync.Mutex
		began := time.Now()
		_, err := phone.Dial(t.Context(), phone.Config{From: from, To: "105", Server: b.h.trunk.Addr(), Progress: func(status int) {
			mu.Lock()
			defer mu.Unlock()
			rang = append(rang, status)
		}})
		var refused *phone.RefusedError
		if !errors.As(err, &refused) || refused.Status != 486 {
			t.Fatalf("a flash call of %s: %v", from, err)
		}
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(rang), time.Since(began)
	}
	const number = "+12025550171"
	rang, took := flash(number)
	if !slices.Contains(rang, 180) || slices.Contains(rang, 183) || took < 4*time.Second {
		t.Errorf("the caller heard %v for %s", rang, took)
	}
	i := b.untilItem(number, "after a flash call", func(i triage.Item) bool { return i.Kind == triage.OpenFlash })
	if i.Attempts != 1 || !i.Queued() {
		t.Errorf("it stands on the worklist as %+v", i)
	}
	if rang, _ = flash(number); slices.Contains(rang, 180) {
		t.Error("a number that rings over and over takes a line each time")
	}
	flash("anonymous")
	second := b.untilItem(number, "after a second flash call", func(i triage.Item) bool { return i.Attempts == 2 })
	if second.ID != i.ID {
		t.Errorf("the second flash call is another item: %+v", second)
	}
	row := only(t, b.exportUntil("contacts", "caller_number", number), "caller_number", number)
	if row["outcome"] != "flash_call" || row["open_item"] != "flash_call" || row["answered_at"] != "" || row["number_dialled"] != "105" {
		t.Errorf("the flash call is recorded as %v", row)
	}
	b.until("the withheld call is counted", func() bool {
		for _, row := range b.export("contacts") {
			if row["caller_number"] == "" && row["number_dialled"] == "105" && row["outcome"] == "flash_call" && row["open_item"] == "" {
				return true
			}
		}
		return false
	})
	if page, err := b.h.contacts.Worklist(triage.Pick{Limit: 10}); err != nil || len(page.Items) != 1 {
		t.Errorf("the worklist is %+v (%v)", page, err)
	}

	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	amal.is(triage.Offered)
	if view := amal.seat.Snapshot().Call; view.Queue != triage.QueueHelp {
		t.Errorf("the call-back is offered in %q", view.Queue)
	}
}
