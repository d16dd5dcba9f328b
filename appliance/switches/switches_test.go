package switches_test

import (
	"testing"

	"go.uber.org/goleak"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/switches"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, s *store.Store) *switches.Panel {
	t.Helper()
	p, err := switches.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPartIsOffUntilItIsSwitchedOnAgain(t *testing.T) {
	s := storetest.Open(t)
	p := open(t, s)
	for range 2 { // the second time is no event
		if err := p.Turn(t.Context(), switches.Bulletins, false, "acc-1", "Rosa", "web"); err != nil {
			t.Fatal(err)
		}
	}
	for name, panel := range map[string]*switches.Panel{"at once": p, "after a restart": open(t, s)} {
		if !panel.Off(switches.Bulletins) || panel.Off(switches.HTTP) {
			t.Errorf("%s: %v is off", name, panel.List())
		}
		if list := panel.List(); len(list) != 1 || list[0].By != "acc-1" || list[0].Name != "Rosa" || list[0].Since.IsZero() {
			t.Errorf("%s: %+v", name, list)
		}
	}
	if err := p.Turn(t.Context(), switches.Bulletins, true, "acc-2", "Luis", "api"); err != nil {
		t.Fatal(err)
	}
	if p.Off(switches.Bulletins) || open(t, s).Off(switches.Bulletins) {
		t.Error("it is still off")
	}
	var evs []events.Event
	if err := s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			evs = append(evs, ev)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(evs) != 2 || evs[0].Data["state"] != "off" || evs[1].Data["state"] != "on" || evs[1].By != "acc-2" {
		t.Errorf("the log says %+v", evs)
	}
}

func TestNonsenseIsNotSwitched(t *testing.T) {
	p := open(t, storetest.Open(t))
	if p.Turn(t.Context(), "coffee", false, "a", "", "web") == nil || p.Turn(t.Context(), switches.HTTP, false, "", "", "web") == nil {
		t.Error("nonsense was switched")
	}
	var none *switches.Panel
	if none.Off(switches.HTTP) {
		t.Error("a hotline without a panel has a part off")
	}
}

// A door that most places do not need is shut until somebody opens it.
func TestBrowsersAreOffUntilTheyAreSwitchedOn(t *testing.T) {
	s := storetest.Open(t)
	p := open(t, s)
	var none *switches.Panel
	if !p.Off(switches.Browsers) || !none.Off(switches.Browsers) || len(p.List()) != 0 {
		t.Errorf("at first: off %v, listed %v", p.Off(switches.Browsers), p.List())
	}
	if err := p.Turn(t.Context(), switches.Browsers, true, "acc-1", "Rosa", "web"); err != nil {
		t.Fatal(err)
	}
	if p.Off(switches.Browsers) || open(t, s).Off(switches.Browsers) {
		t.Error("switched on, it is off")
	}
	if err := p.Turn(t.Context(), switches.Browsers, false, "acc-1", "Rosa", "web"); err != nil {
		t.Fatal(err)
	}
	if !p.Off(switches.Browsers) || !open(t, s).Off(switches.Browsers) {
		t.Error("switched off again, it is on")
	}
}
