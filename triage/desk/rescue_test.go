package desk

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/trunk"
	"hotline/triage"
)

// TestOneServiceAfterAnotherIsCalled: whatever the volunteer may call, the
// services that operators have named are rung in their order, urgently; the
// caller stays with the volunteer, the floor is alarmed, and when nobody answers
// the page says when they are called again.
func TestOneServiceAfterAnotherIsCalled(t *testing.T) {
	var mu sync.Mutex
	var dialled []Dialling
	r := openRoomWith(t, map[string]string{"straight": "about: t\nstart: q\nfallback: {queue: help, priority: 5}\nsteps:\n  q:\n    queue: help\n    priority: 1\n"},
		func(_ context.Context, d Dialling) (*trunk.Call, error) {
			mu.Lock()
			defer mu.Unlock()
			dialled = append(dialled, d)
			return nil, errors.New("nobody there")
		})
	services := func(list ...triage.Service) {
		routing := r.cfg.Dispatcher.Routing()
		routing.Emergency = list
		r.cfg.Dispatcher.Use(routing)
	}
	ana := r.sit("ana")
	r.dial("+12024561111")
	contact := r.answer(ana)
	var refused UserError
	if err := ana.Do(t.Context(), Command{Type: "rescue"}); !errors.As(err, &refused) || ana.Snapshot().Call.CanRescue {
		t.Errorf("without any service: %v", err)
	}
	services(triage.Service{Name: "Control room", Number: "+12025550190"}, triage.Service{Name: "Fire", Number: "+12025550191"})
	r.do(ana, Command{Type: "rescue"})
	again := func() bool {
		k := ana.Snapshot().Call
		return k.CanRescue && k.Rescue && k.Consult != nil && strings.Contains(k.Consult.Failed, "called again at")
	}
	r.until("all have been called", again)
	mu.Lock()
	if len(dialled) != 2 || dialled[0].To != "+12025550190" || dialled[1].To != "+12025550191" || !dialled[0].Urgent || dialled[0].RingFor != rescueRings {
		t.Errorf("dialled were %+v", dialled)
	}
	mu.Unlock()
	view, err := r.FloorView(time.Now())
	if err != nil || len(view.Alarms) != 1 || view.Alarms[0].Contact != contact || view.Alarms[0].Kind != "danger" {
		t.Errorf("the floor is told %+v (%v)", view.Alarms, err)
	}
	if ana.Snapshot().Call.Held {
		t.Error("the caller was put on hold although nobody has answered")
	}
	services(triage.Service{Name: "Sheriff", Number: "+12025550192"})
	r.do(ana, Command{Type: "rescue"}) // at once, and not in two minutes
	r.until("the new one has been called", func() bool { mu.Lock(); defer mu.Unlock(); return len(dialled) == 3 && dialled[2].To == "+12025550192" })
}
