package desk

import (
	"time"

	"hotline/appliance/call"
	"hotline/appliance/trunk"
)

const (
	flashRings  = 5 * time.Second  // one ring wherever the caller is
	flashAgain  = time.Minute      // a number that rang is not rung for again within it
	flashStored = 10 * time.Second // how long a disk that hangs may hold a channel
	flashNotes  = 10_000           // numbers remembered; beyond it nobody hears the ring
	busyHere    = 486
)

// flash takes a call that must not be answered: the caller has no credit and
// wants to be called. Only an answer (200) or sound before it (183) could cost
// anything, so there is neither: the caller hears the ring tone of the own
// network (180) and then busy. Busy (486) and not "unavailable" (480): it says
// that a telephone was found (Q.850 cause 17, RFC 3398 section 8.2.6.1), so no
// network has a reason to look for another way or for a voicemail, which would
// answer and cost.
//
// The call is on disk before it ends. A number that rings over and over is
// counted and hears busy at once: it must not take the lines of the others.
func (d *Desk) flash(leg *trunk.Call) {
	d.hereIs(leg.From()) // and is not called meanwhile
	defer d.isGone(leg.From())
	stored := d.cfg.Flashes.NoteFlash(leg.From(), leg.To())
	if d.mayRing(leg.From(), time.Now()) {
		_ = leg.Ringing() // fails when the caller has hung up, as flash callers do
		ring := time.NewTimer(flashRings)
		defer ring.Stop()
		select {
		case <-ring.C:
		case <-leg.Context().Done():
		}
		limit := time.NewTimer(flashStored)
		defer limit.Stop()
		select {
		case <-stored:
		case <-limit.C: // the log says why; it is tried again
		}
	}
	_ = leg.Reject(busyHere, 0)
	d.cfg.Dispatcher.Touch()
}

// mayRing reports whether a number has not rung of late. A withheld number
// cannot be called back and takes no line at all.
func (d *Desk) mayRing(n call.Number, now time.Time) bool {
	if n.Withheld() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for other, at := range d.rang {
		if now.Sub(at) >= flashAgain {
			delete(d.rang, other)
		}
	}
	if _, again := d.rang[n]; again || len(d.rang) >= flashNotes {
		return false
	}
	d.rang[n] = now
	return true
}
