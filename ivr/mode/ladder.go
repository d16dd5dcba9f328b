package mode

import (
	"fmt"
	"time"
)

// Rung is a step of the load ladder: the more people wait, the shorter the
// words, and the sooner the hotline offers to call back instead of letting
// people wait on a line that others need.
type Rung int

// Rungs, from the best service to the least.
const (
	RungCalm Rung = iota
	RungBusy
	RungSurge
	RungClosed
)

var rungNames = [...]string{Calm, Busy, Surge, Closed}

func (r Rung) String() string {
	if r < 0 || int(r) >= len(rungNames) {
		return fmt.Sprintf("rung %d", int(r))
	}
	return rungNames[r]
}

// heldBy is the rung that a mode holds the ladder on, if it does.
func heldBy(mode string) (Rung, bool) {
	for rung, name := range rungNames {
		if name == mode {
			return Rung(rung), true
		}
	}
	return RungCalm, false
}

// Service is what a caller gets on one rung.
type Service struct {
	ShortGreeting  bool // one sentence instead of greeting and privacy notice
	OfferCallBack  bool // before waiting
	BulletinsFirst bool // most calls ask for what the bulletins say
	KeypadOnly     bool // volunteers register by keypad, without a person
	Overflow       bool // agents of other lines help at once
	Promise        bool // nobody waits: a message and a promise to call back
}

// ServiceOf is the whole ladder.
func ServiceOf(r Rung) Service {
	return Service{
		ShortGreeting: r >= RungBusy, OfferCallBack: r >= RungBusy,
		BulletinsFirst: r >= RungSurge, KeypadOnly: r >= RungSurge, Overflow: r >= RungSurge,
		Promise: r >= RungClosed,
	}
}

// Figures are what the ladder looks at: the people who need help and those who
// answer them.
type Figures struct {
	Waiting int           // callers in the queue
	Wait    time.Duration // expected for the next caller; negative when it cannot be told: nobody is there
	Agents  int           // signed in for that queue
	Ready   int           // of them, free at this moment

	rung Rung // where they have brought the ladder
}

// step is one threshold of the ladder. It is passed on the way up when Wait or
// Waiting reaches up, and on the way down when both are below down.
type step struct {
	waitUp, waitDown time.Duration
	peopleUp         int
	peopleDown       int
}

// steps: a call-back is worth offering from two minutes on (domain.md §5.6).
// Beyond half an hour most people hang up (domain.md §5.2), and the last rung
// is for a queue that would not be answered in an hour or fills the box.
var steps = [...]step{
	RungBusy:   {waitUp: 2 * time.Minute, waitDown: time.Minute, peopleUp: 12, peopleDown: 6},
	RungSurge:  {waitUp: 15 * time.Minute, waitDown: 8 * time.Minute, peopleUp: 50, peopleDown: 25},
	RungClosed: {waitUp: 60 * time.Minute, waitDown: 30 * time.Minute, peopleUp: 180, peopleDown: 100},
}

// fewPeople is a queue that proves nothing: with two callers and one agent the
// expected wait is long and the line is not overloaded.
const fewPeople = 3

// Figures must stay beyond a threshold for so long before the ladder moves.
// It is quick to help and slow to believe that it is over.
const (
	climbAfter   = 20 * time.Second
	descendAfter = 3 * time.Minute
)

// above reports whether the figures reach the threshold of a rung on the way
// up. It never turns false when a figure gets worse.
func (f Figures) above(r Rung) bool {
	s := steps[r]
	return f.Waiting >= s.peopleUp || f.Waiting >= fewPeople && f.longer(s.waitUp, r)
}

// below reports whether they have fallen under it on the way down. It never
// turns true when a figure gets worse.
func (f Figures) below(r Rung) bool {
	s := steps[r]
	return f.Waiting < s.peopleDown && (f.Waiting < fewPeople || !f.longer(s.waitDown, r))
}

// longer: without anybody to answer, no wait is short; but that alone closes
// nothing, for somebody may sign in at any moment.
func (f Figures) longer(limit time.Duration, r Rung) bool {
	if f.Wait < 0 {
		return r < RungClosed
	}
	return f.Wait >= limit
}

// ladder is where the load has brought the hotline.
type ladder struct {
	at       Rung
	figures  Figures
	climb    time.Time // since when the next rung is reached; zero when it is not
	descend  time.Time // since when this rung is no longer needed
	observed time.Time
}

// next is the ladder after looking at the figures at now. It moves one rung at
// a time, so that between two moves there is always a time in which the
// figures spoke for the second one. Pure: the same history gives the same rung,
// and a history that is worse at every moment never gives a better one.
func (l ladder) next(f Figures, now time.Time) ladder {
	l.figures, l.observed = f, now
	up := l.at < RungClosed && f.above(l.at+1)
	down := l.at > RungCalm && f.below(l.at)
	l.climb, l.descend = since(l.climb, up, now), since(l.descend, down, now)
	switch {
	case up && now.Sub(l.climb) >= climbAfter:
		l.at++
		l.climb, l.descend = time.Time{}, time.Time{}
	case down && now.Sub(l.descend) >= descendAfter:
		l.at--
		l.climb, l.descend = time.Time{}, time.Time{}
	}
	if l.climb.IsZero() && l.at < RungClosed && f.above(l.at+1) {
		l.climb = now
	}
	if l.descend.IsZero() && l.at > RungCalm && f.below(l.at) {
		l.descend = now
	}
	return l
}

func since(was time.Time, holds bool, now time.Time) time.Time {
	switch {
	case !holds:
		return time.Time{}
	case was.IsZero():
		return now
	}
	return was
}
