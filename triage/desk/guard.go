package desk

import (
	"fmt"
	"runtime/debug"
)

// Calls that begin here have no trunk around them that catches a fault of
// ours. These do it: one fault ends one part of one call, and is counted.

// begin runs a part of a call in a goroutine that Run waits for. After a fault
// it cleans up with after, which may be nil.
func (d *Desk) begin(part string, run, after func()) {
	d.out.Go(func() {
		defer d.caught(part, after)
		run()
	})
}

// caught, deferred, ends the panic of a part of a call.
func (d *Desk) caught(part string, after func()) {
	fault := recover()
	if fault == nil {
		return
	}
	d.noteFault(part, fault)
	if after != nil {
		after()
	}
}

// attempt makes a fault in try an error, for those who wait for its result.
func (d *Desk) attempt(part string, try func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			d.noteFault(part, fault)
			err = fmt.Errorf("%s failed by a fault of the hotline", part)
		}
	}()
	return try()
}

func (d *Desk) noteFault(part string, fault any) {
	d.panics.Add(1)
	d.cfg.Log.Error("a part of a call failed by a fault of the hotline; all other calls go on", "part", part, "fault", fault, "stack", string(debug.Stack()))
}

// Panics is how many faults of ours were caught in calls that began here.
func (d *Desk) Panics() int64 { return d.panics.Load() }

// freed gives an agent back who was on a call that failed.
func (s *Seat) freed(conv *conversation) func() {
	return func() {
		s.release(conv, false)
		s.d.cfg.Dispatcher.Release(s.id(), conv.id, true)
		s.touch()
	}
}
