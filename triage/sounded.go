package triage

import (
	"slices"
	"sync"
	"time"

	"hotline/appliance/health"
)

// Sounded keeps how the calls sounded that ended lately, each of the two ways
// apart, so that many bad ones are noticed while they happen (L14) and it is known
// on which way to look (L15). Its zero value is ready for use.
type Sounded struct {
	mu    sync.Mutex
	calls []sounded // the oldest first
}

type sounded struct {
	at time.Time
	Sound
}

const (
	soundedFor  = time.Hour
	mostSounded = 1000
)

// Note adds a call that ended at a time.
func (s *Sounded) Note(at time.Time, one Sound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, sounded{at, one})
	s.calls = s.calls[max(0, len(s.calls)-mostSounded):]
}

// Lately is how those of the last hour sounded.
func (s *Sounded) Lately(now time.Time) (q health.Quality) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = slices.DeleteFunc(s.calls, func(one sounded) bool { return now.Sub(one.at) > soundedFor })
	var trunk, agents wayFigures
	for _, one := range s.calls {
		gone := one.Silent && one.Heard == 0 // sound that went one way only, at best
		trunk.add(one.Heard, one.Lost, one.LostOut, one.JitterMS, one.RTTMS, one.MOS, gone)
		a := one.Agent
		agents.add(a.Heard, a.Lost, a.LostOut, a.JitterMS, a.RTTMS, a.MOS, a.Gone > 0)
	}
	return health.Quality{Trunk: trunk.sum(), Agents: agents.sum()}
}

// wayFigures are sums over calls.
type wayFigures struct {
	health.Way
	heard, lost  int
	jitters, rtt []int
}

func (w *wayFigures) add(heard, lost, lostOut, jitter, rtt int, mos float64, gone bool) {
	if heard+lost < leastHeard && !gone {
		return // too little to say anything
	}
	w.Calls++
	if gone || worse(mos, heard, lost, lostOut, jitter) > 0 {
		w.Bad++
	}
	w.heard, w.lost = w.heard+heard, w.lost+max(lost, lostOut)
	w.jitters = append(w.jitters, jitter)
	w.rtt = append(w.rtt, rtt)
}

func (w *wayFigures) sum() health.Way {
	out := w.Way
	if all := w.heard + w.lost; all > 0 {
		out.LostPermille = 1000 * w.lost / all
	}
	out.JitterMS, out.RTTMS = ninth(w.jitters), ninth(w.rtt)
	return out
}

// ninth is what nine of ten are not above.
func ninth(all []int) int {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)*9/10]
}
