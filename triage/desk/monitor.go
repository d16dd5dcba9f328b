package desk

import (
	"slices"
	"time"

	"hotline/appliance/events"
	"hotline/triage"
)

// remove takes a visitor off the call.
func (t *talk) remove(seat *Seat) {
	if t.consult != nil && t.consult.seat == seat {
		t.endConsult()
		return
	}
	for _, list := range []*[]*party{&t.others, &t.watchers} {
		for i, p := range *list {
			if p.seat == seat {
				*list = slices.Delete(*list, i, i+1)
				p.leave(t.d, t.conv.id)
				return
			}
		}
	}
}

// monitor puts a supervisor on the call, or changes the way of being on it.
func (t *talk) monitor(seat *Seat, mode string) error {
	if mode != modeListen && mode != modeWhisper && mode != modeBarge {
		return UserError("Choose whether to listen, to speak to the volunteer or to join.")
	}
	if mode == modeBarge {
		if err := t.full(); err != nil {
			return err
		}
	}
	kind := "contact.monitored"
	i := slices.IndexFunc(t.watchers, func(p *party) bool { return p.seat == seat })
	if i < 0 {
		if err := t.d.cfg.Dispatcher.Occupy(seat.id(), t.conv.id); err != nil {
			return err
		}
		t.watchers = append(t.watchers, &party{id: seat.id(), kind: "supervisor", name: seat.name(), seat: seat})
		i = len(t.watchers) - 1
		agent := ""
		if t.seat != nil {
			agent = t.seat.name()
		}
		seat.visit(t.conv, agent)
	}
	t.watchers[i].mode = mode
	seat.setMonitoring(mode)
	t.change(func(k *triage.Contact, _ time.Time) []events.Event {
		return []events.Event{{Kind: kind, By: seat.id(), Agent: k.Agent, Queue: k.Queue, Data: map[string]string{"mode": mode}}}
	})
	return nil
}

// takeOver makes a supervisor who is on the call its lead.
func (t *talk) takeOver(seat *Seat) error {
	i := slices.IndexFunc(t.watchers, func(p *party) bool { return p.seat == seat })
	if i < 0 {
		if err := t.monitor(seat, modeBarge); err != nil {
			return err
		}
		i = len(t.watchers) - 1
	}
	t.watchers = slices.Delete(t.watchers, i, i+1)
	t.endConsult()
	seat.begin(t.conv)
	t.note("contact.taken_over")
	t.handOver(seat)
	return nil
}
