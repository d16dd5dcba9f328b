package media

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
)

// The 20 ms of a frame are cut into slots of 1 ms. Every leg belongs to one
// slot, so a thousand legs leave the box as twenty small groups and not as
// one burst. A slot opens only when those open have slotFill legs each: waking
// up costs as much as sending a dozen packets.
const (
	slotLength = time.Millisecond
	slotCount  = int64(audio.FrameDuration / slotLength)
	slotFill   = 32
	slotStride = 7 // slots open far apart: 0, 7, 14, 1, 8 …
)

// Pacer is the 20 ms clock of all legs. Its deadlines are absolute, so errors
// do not add up; after a stall it skips what is past instead of sending it in
// a burst.
type Pacer struct {
	log   *slog.Logger
	epoch time.Time
	wake  chan struct{}

	mu    sync.Mutex                         // serialises add and remove
	slots [slotCount]atomic.Pointer[[]paced] // copied on change, read without a lock
	legs  atomic.Int64

	ears ears // of the legs with sockets

	lateness lateness
	buf      [headerLength + audio.FrameSamples]byte
}

// paced is something with a packet to send every 20 ms: a leg or a room.
// deadline is when it should have left, buf is space to build it in.
type paced interface {
	tick(deadline, now int64, buf *[headerLength + audio.FrameSamples]byte)
}

// NewPacer makes a clock; Run makes it tick.
func NewPacer(log *slog.Logger) *Pacer {
	p := &Pacer{log: log, epoch: time.Now(), wake: make(chan struct{}, 1)}
	for i := range p.slots {
		p.slots[i].Store(&[]paced{})
	}
	return p
}

// now is the time since the pacer was made, in nanoseconds. All times of
// this package are kept that way: comparing and converting them is one
// machine instruction.
func (p *Pacer) now() int64 { return int64(time.Since(p.epoch)) }

// Run sends until ctx ends. It is the only goroutine of the pacer.
func (p *Pacer) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	slot := p.now() / int64(slotLength)
	for {
		next, found := p.occupied(slot)
		if !found {
			select {
			case <-p.wake:
			case <-ctx.Done():
				return nil
			}
			slot = p.now()/int64(slotLength) + 1
			continue
		}
		slot = next
		if wait := slot*int64(slotLength) - p.now(); wait > 0 {
			timer.Reset(time.Duration(wait))
			select {
			case <-timer.C:
			case <-ctx.Done():
				return nil
			}
		} else if ctx.Err() != nil {
			return nil
		}
		slot = p.tick(slot, p.now()) + 1
	}
}

// occupied finds the first slot at or after from in which a leg waits.
func (p *Pacer) occupied(from int64) (slot int64, found bool) {
	for slot = from; slot < from+slotCount; slot++ {
		if len(*p.slots[slot%slotCount].Load()) > 0 {
			return slot, true
		}
	}
	return from, false
}

// tick sends for all legs of a slot and returns the slot it sent for, which
// is a later round of the same one when a whole round was missed.
func (p *Pacer) tick(slot, now int64) int64 {
	deadline := slot * int64(slotLength)
	legs := *p.slots[slot%slotCount].Load()
	if missed := (now - deadline) / int64(audio.FrameDuration); missed > 0 {
		// What was due then is never sent: who listens has a gap, as with what
		// comes too late.
		p.lateness.add(now, time.Duration(now-deadline), int(missed)*len(legs))
		slot += missed * slotCount
		deadline = slot * int64(slotLength)
	}
	for _, e := range legs {
		e.tick(deadline, now, &p.buf)
	}
	// As late as the last of them.
	p.lateness.add(now, time.Duration(p.now()-deadline), len(legs))
	return slot
}

// add begins to tick and returns the slot, which remove wants back.
func (p *Pacer) add(e paced) (slot int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	chosen := 0
	for i := range slotCount {
		slot := int(i * slotStride % slotCount)
		n := len(*p.slots[slot].Load())
		if n < len(*p.slots[chosen].Load()) {
			chosen = slot
		}
		if n > 0 && n < slotFill {
			chosen = slot
			break
		}
	}
	legs := append(slices.Clone(*p.slots[chosen].Load()), e)
	p.slots[chosen].Store(&legs)
	p.legs.Add(1)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return chosen
}

func (p *Pacer) remove(e paced, slot int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := *p.slots[slot].Load()
	legs := make([]paced, 0, len(old))
	for _, other := range old {
		if other != e {
			legs = append(legs, other)
		}
	}
	if len(legs) < len(old) {
		p.slots[slot].Store(&legs)
		p.legs.Add(-1)
	}
}

// PacerStats says how well the clock keeps time.
type PacerStats struct {
	Legs int
	// LateP99 is the lateness that 99 % of the packets of the last whole
	// second did not exceed, also of those that were too late to be sent.
	// Admission of new calls may look at it.
	LateP99 time.Duration
}

// Stats is the state of the clock now.
func (p *Pacer) Stats() PacerStats {
	return PacerStats{Legs: int(p.legs.Load()), LateP99: p.lateness.p99(p.now())}
}

// lateness counts packets by how many milliseconds late they left, one
// histogram per second. Only the pacer adds; anyone may read.
type lateness struct {
	second  int64
	current [64]int64
	last    atomic.Int64 // p99 of the last whole second in ns
	at      atomic.Int64 // the second that last belongs to
}

func (l *lateness) add(now int64, late time.Duration, packets int) {
	if second := now / int64(time.Second); second != l.second {
		l.last.Store(int64(l.percentile()))
		l.at.Store(second)
		l.second = second
		clear(l.current[:])
	}
	bucket := min(int(max(late, 0)/time.Millisecond), len(l.current)-1)
	l.current[bucket] += int64(packets)
}

func (l *lateness) percentile() time.Duration {
	var total, seen int64
	for _, n := range l.current {
		total += n
	}
	if total == 0 {
		return 0
	}
	for i, n := range l.current {
		if seen += n; seen*100 >= total*99 {
			return time.Duration(i+1) * time.Millisecond
		}
	}
	return time.Duration(len(l.current)) * time.Millisecond
}

func (l *lateness) p99(now int64) time.Duration {
	if now/int64(time.Second)-l.at.Load() > 1 {
		return 0 // nothing was sent lately
	}
	return time.Duration(l.last.Load())
}
