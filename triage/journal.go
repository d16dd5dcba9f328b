package triage

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Journal writes the dispatcher's events to the log without making it wait for
// the disk. Run owns the writing; what is noted before Run returns is written.
type Journal struct {
	store     *store.Store
	operation string
	log       *slog.Logger

	mu    sync.Mutex
	notes []events.Event // At is when they happened
	kick  chan struct{}
}

// late is from when on an event says that it was written long after it happened.
const late = time.Second

// NewJournal writes to s.
func NewJournal(s *store.Store, operation string, log *slog.Logger) *Journal {
	return &Journal{store: s, operation: operation, log: log, kick: make(chan struct{}, 1)}
}

func (j *Journal) add(ev events.Event) {
	ev.Operation, ev.At = j.operation, time.Now()
	j.mu.Lock()
	j.notes = append(j.notes, ev)
	j.mu.Unlock()
	select {
	case j.kick <- struct{}{}:
	default:
	}
}

func (j *Journal) contact(kind, contact, agent, queue string, data map[string]string) {
	j.add(events.Event{Kind: kind, Contact: contact, Agent: agent, Queue: queue, Data: data})
}

func (j *Journal) agentState(a *Agent, was AgentState) {
	j.add(events.Event{Kind: "agent.state", Agent: a.ID, Contact: a.Contact,
		Data: map[string]string{"state": string(a.State), "was": string(was), "reason": a.Reason}})
}

// Run writes until ctx ends, and then what is left.
func (j *Journal) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return j.flush()
		case <-j.kick:
		}
		for j.flush() != nil {
			select {
			case <-ctx.Done():
				return j.flush()
			case <-time.After(time.Second):
			}
		}
	}
}

func (j *Journal) flush() error {
	j.mu.Lock()
	notes := j.notes
	j.notes = nil
	j.mu.Unlock()
	if len(notes) == 0 {
		return nil
	}
	err := j.store.Update(context.Background(), func(tx *store.Tx) error {
		for _, ev := range notes {
			if tx.Now().Sub(ev.At) > late {
				data := map[string]string{"at": ev.At.UTC().Format(time.RFC3339Nano)}
				maps.Copy(data, ev.Data)
				ev.Data = data
			}
			tx.Emit(ev)
		}
		return nil
	})
	if err != nil {
		j.log.Error("writing the event log failed; calls go on and it is tried again", "error", err)
		j.mu.Lock()
		j.notes = append(notes, j.notes...)
		j.mu.Unlock()
	}
	return err
}
