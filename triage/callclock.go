package triage

import (
	"sync"
	"time"
)

// callClocks are the clocks of calls that run: each begins with the time of the
// machine and goes on by the clock that never jumps. When somebody sets the clock
// of the machine in the middle of a call, what is on record still says how long
// the caller waited and spoke.
type callClocks struct {
	mu    sync.Mutex
	began map[string]clockStart // by contact
}

type clockStart struct {
	received time.Time // as it stands on record
	at       time.Time // with the reading of the steady clock
}

// begin starts the clock of a contact that was received at that time.
func (c *callClocks) begin(id string, received time.Time) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.began == nil {
		c.began = map[string]clockStart{}
	}
	c.began[id] = clockStart{received, now.Add(received.Sub(now.Round(0)))}
}

// at is the time of a contact's own clock, now where it has none: from before a
// restart, or after its end.
func (c *callClocks) at(id string, now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	began, runs := c.began[id]
	if !runs {
		return now
	}
	return began.received.Add(time.Since(began.at))
}

func (c *callClocks) end(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.began, id)
}
