package mode_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/store/storetest"
	"hotline/ivr/mode"
)

func TestAChangeIsTakenBackWithinFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		m := open(t, s)
		if _, err := m.Undo(t.Context(), "acc-1", "Rosa", "phone"); !errors.Is(err, mode.ErrNothingToUndo) {
			t.Errorf("undoing nothing: %v", err)
		}
		first := set(t, m, mode.Change{Mode: mode.Emergency, For: 2 * time.Hour, Announcements: map[string]*audio.Clip{"es": tone(2 * time.Second)}})
		<-time.After(time.Minute)
		set(t, m, mode.Change{Mode: mode.Closed, Announcement: tone(time.Second)})
		m = open(t, s) // a restart in between loses nothing
		<-time.After(4 * time.Minute)
		if got := m.Current(time.Now()).Undoes; got != mode.Emergency {
			t.Errorf("undo would bring back %q", got)
		}
		back, err := m.Undo(t.Context(), "acc-2", "Luis", "web")
		if err != nil {
			t.Fatal(err)
		}
		if back.Mode != mode.Emergency || !back.Expires.Equal(first.Expires) || back.AnnouncementFor("es").Duration() != 2*time.Second || back.AnnouncementFor("en").Duration() != 2*time.Second {
			t.Errorf("it is back in %+v", back)
		}
		if now := open(t, s).Current(time.Now()); now.Mode != mode.Emergency || now.Undoes != "" {
			t.Errorf("stored is %+v", now)
		}
		if _, err := m.Undo(t.Context(), "acc-2", "Luis", "web"); !errors.Is(err, mode.ErrNothingToUndo) {
			t.Errorf("undoing an undo: %v", err)
		}
		evs := history(t, s)
		if last := evs[len(evs)-1]; last.Kind != mode.EventUndone || last.Data["from"] != mode.Closed || last.Data["to"] != mode.Emergency || last.By != "acc-2" {
			t.Errorf("the last event is %+v", last)
		}

		if err := m.Clear(t.Context(), "acc-1", "Rosa", "web"); err != nil {
			t.Fatal(err)
		}
		<-time.After(5*time.Minute + time.Second)
		if m.Current(time.Now()).Undoes != "" {
			t.Error("a change is offered to be undone after five minutes")
		}
		if _, err := m.Undo(t.Context(), "acc-1", "Rosa", "phone"); !errors.Is(err, mode.ErrNothingToUndo) {
			t.Errorf("undoing late: %v", err)
		}
	})
}

func TestUndoDoesNotBringBackWhatHasRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := open(t, storetest.Open(t))
		set(t, m, mode.Change{Mode: mode.Emergency, For: time.Minute})
		set(t, m, mode.Change{Mode: mode.Busy})
		<-time.After(2 * time.Minute)
		back, err := m.Undo(t.Context(), "acc-1", "Rosa", "phone")
		if err != nil || back.Active || back.Mode != mode.Normal {
			t.Errorf("%+v, %v", back, err)
		}
	})
}

func TestTheLoadMovesTheLadderUnlessASupervisorHoldsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		m := open(t, s)
		watch := m.Watch()
		look := func(waiting int, wait time.Duration, long time.Duration) {
			for range int(long / (10 * time.Second)) {
				m.Observe(t.Context(), mode.Figures{Waiting: waiting, Wait: wait, Agents: 2}, time.Now())
				<-time.After(10 * time.Second)
			}
		}
		look(8, 5*time.Minute, time.Minute)
		select {
		case <-watch:
		default:
			t.Error("the screens are not told")
		}
		if now := m.Current(time.Now()); now.Rung != mode.RungBusy || now.Held || now.Active || !now.Service().OfferCallBack || now.Load.Waiting != 8 {
			t.Errorf("under load it is %+v", now)
		}
		set(t, m, mode.Change{Mode: mode.Calm, For: time.Hour})
		look(8, 5*time.Minute, time.Minute)
		if now := m.Current(time.Now()); now.Rung != mode.RungCalm || !now.Held || now.Service() != (mode.Service{}) {
			t.Errorf("held at calm it is %+v", now)
		}
		<-time.After(time.Hour)
		if now := m.Current(time.Now()); now.Rung != mode.RungBusy || now.Held {
			t.Errorf("released it is %+v", now)
		}
		if now := set(t, m, mode.Change{Mode: mode.Closed}); now.Rung != mode.RungClosed || !now.Service().Promise {
			t.Errorf("closed it is %+v", now)
		}
		evs := history(t, s)
		if evs[0].Kind != mode.EventRung || evs[0].Data["to"] != mode.Busy || evs[0].Data["waiting"] != "8" {
			t.Errorf("the first event is %+v", evs[0])
		}
	})
}
