package triage

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

func openClosures(t *testing.T, s *store.Store) *Closures {
	t.Helper()
	c, err := OpenClosures(s, func() []string { return []string{"help", "life", "volunteers"} })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAClosedQueueStaysClosedOverARestart(t *testing.T) {
	s := storetest.Open(t)
	c := openClosures(t, s)
	must(t, c.Set(t.Context(), "volunteers", true, "acc-1", "Rosa", "phone"))
	for name, one := range map[string]*Closures{"at once": c, "after a restart": openClosures(t, s)} {
		if !one.Closed("volunteers") || one.Closed("help") {
			t.Errorf("%s: closed are %v", name, one.List())
		}
	}
	must(t, c.Set(t.Context(), "volunteers", false, "acc-2", "Luis", "web"))
	if c.Closed("volunteers") || openClosures(t, s).Closed("volunteers") {
		t.Error("it does not open")
	}
}

func TestTheQueueForDangerIsNeverClosed(t *testing.T) {
	c := openClosures(t, storetest.Open(t))
	if err := c.Set(t.Context(), QueueLife, true, "acc-1", "Rosa", "phone"); err == nil || c.Closed(QueueLife) {
		t.Errorf("it was closed (%v)", err)
	}
	for _, queue := range c.Queues() {
		if queue == QueueLife {
			t.Error("it is offered to be closed")
		}
	}
	if c.Set(t.Context(), "party", true, "acc-1", "Rosa", "phone") == nil || c.Set(t.Context(), "help", true, "", "", "phone") == nil {
		t.Error("nonsense was done")
	}
}

func TestClosingAQueueIsTakenBackWithinFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		c := openClosures(t, s)
		if err := c.Undo(t.Context(), "a", "", "web"); !errors.Is(err, ErrNoClosureToUndo) {
			t.Errorf("undoing nothing: %v", err)
		}
		must(t, c.Set(t.Context(), "help", true, "acc-1", "Rosa", "phone"))
		c = openClosures(t, s)
		<-time.After(4 * time.Minute)
		must(t, c.Undo(t.Context(), "acc-2", "Luis", "web"))
		if c.Closed("help") || openClosures(t, s).Closed("help") {
			t.Error("it is still closed")
		}
		must(t, c.Set(t.Context(), "help", true, "acc-1", "Rosa", "phone"))
		must(t, c.Set(t.Context(), "help", false, "acc-1", "Rosa", "phone"))
		must(t, c.Undo(t.Context(), "acc-2", "Luis", "web"))
		if list := c.List(); len(list) != 1 || list[0].By != "acc-1" {
			t.Errorf("undoing an opening gives %v", list)
		}
		if err := c.Undo(t.Context(), "a", "", "web"); !errors.Is(err, ErrNoClosureToUndo) {
			t.Errorf("undoing an undo: %v", err)
		}
		must(t, c.Set(t.Context(), "help", false, "acc-1", "Rosa", "phone"))
		<-time.After(6 * time.Minute)
		if err := c.Undo(t.Context(), "a", "", "web"); !errors.Is(err, ErrNoClosureToUndo) {
			t.Errorf("undoing late: %v", err)
		}
	})
}
