package mode

import (
	"context"
	"fmt"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Observe shows the ladder the figures of the room at now. A move of the
// ladder is an event; it counts also when that cannot be written, for the load
// is there in any case. After a restart the ladder begins at the bottom: the
// callers who waited are gone.
func (m *Switch) Observe(ctx context.Context, f Figures, now time.Time) {
	m.mu.Lock()
	was := m.ladder
	m.ladder = was.next(f, now)
	moved := m.ladder.at != was.at
	if moved || f != was.figures {
		m.publishLoad(moved)
	}
	held := m.current.Load().Held
	at := m.ladder.at
	m.mu.Unlock()
	if !moved {
		return
	}
	m.log.Info("the load has moved the ladder", "rung", at, "waiting", f.Waiting, "wait", f.Wait, "agents", f.Agents, "held by a supervisor", held)
	err := m.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventRung, Via: "rule", Data: map[string]string{
			"from": was.at.String(), "to": at.String(), "held": fmt.Sprint(held), "waiting": fmt.Sprint(f.Waiting),
			"wait_s": fmt.Sprint(int(f.Wait.Seconds())), "agents": fmt.Sprint(f.Agents)}})
		return nil
	})
	if err != nil && ctx.Err() == nil {
		m.log.Error("a move of the load ladder could not be written down; callers are served by it", "error", err)
	}
}

// publishLoad gives every call the figures; who watches is woken only when the
// rung has moved. Under mu.
func (m *Switch) publishLoad(moved bool) {
	s := *m.current.Load()
	if moved {
		m.publish(s)
		return
	}
	s.Load = m.ladder.figures
	s.Load.rung = m.ladder.at
	m.current.Store(&s)
}

// observeEvery is how often the room is looked at.
const observeEvery = 2 * time.Second

// Follow observes what look sees until ctx ends.
func (m *Switch) Follow(ctx context.Context, look func(now time.Time) Figures) error {
	tick := time.NewTicker(observeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			m.Observe(ctx, look(now), now)
		}
	}
}
