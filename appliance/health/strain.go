package health

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/procfs"

	"hotline/appliance/media"
)

// Strain says when the box carries all that it can, whatever number of calls
// the settings allow: one more caller would spoil the sound of all others, or
// end the program for want of memory. Then new callers are asked to try again
// and are on the list of people to call back; those on the line, and
// supervisors, go on. A full disk is no such reason: calls go on in the reserve.
// Nor is late sound with few callers: something else keeps the machine busy, and
// a voice with gaps is better than none.
type Strain struct {
	least int // legs
	look  func() Reading
	log   *slog.Logger
	kind  atomic.Pointer[string]

	// Readings in a row: late sound, with as many callers as it may be blamed on
	// and without that; late sound, with however many, and none.
	late, calm, slow, fine int
}

// Reading is one look at the box.
type Reading struct {
	Clock     media.PacerStats // of the callers' sound
	Available uint64           // bytes of memory that may still be taken
	Memory    uint64           // bytes there are; 0: not known
}

// Kinds of strain.
const (
	StrainSound  = "sound"  // packets leave late
	StrainMemory = "memory" // there is hardly any left
	StrainBusy   = "busy"   // packets leave late, but the callers should not be too many; none is turned away
)

const (
	strainEvery = time.Second
	// Sound that is 20 ms late for 99 of 100 packets is not heard yet; for
	// three seconds on end it is no hiccup either.
	lateSound = 20 * time.Millisecond
	lateFor   = 3
	calmFor   = 5
	// It is blamed on the calls when a quarter of those that the settings allow
	// are there, but not on a few of them, however few are allowed: 50 callers
	// with agents take a fifteenth of a core.
	manyCalls = 4
	fewCalls  = 50
	// Of 100 parts of the memory.
	leastMemory  = 5
	enoughMemory = 8
)

// NewStrain looks at the box with look, each second while Run runs. limit is how
// many calls the settings allow.
func NewStrain(limit int, look func() Reading, log *slog.Logger) *Strain {
	s := &Strain{least: max(fewCalls, limit/manyCalls), look: look, log: log}
	s.kind.Store(new(string))
	return s
}

// Kind is what is short, "" when nothing is.
func (s *Strain) Kind() string { return *s.kind.Load() }

// Full says that new callers have to be turned away.
func (s *Strain) Full() bool {
	kind := s.Kind()
	return kind == StrainSound || kind == StrainMemory
}

// Run looks until ctx ends.
func (s *Strain) Run(ctx context.Context) error {
	ticker := time.NewTicker(strainEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.judge(s.look())
		}
	}
}

// judge needs several readings to change its mind about the sound, and more
// memory to be content again than to have become worried.
func (s *Strain) judge(r Reading) {
	slow := r.Clock.Legs > 0 && r.Clock.LateP99 > lateSound
	s.slow, s.fine = inARow(slow, s.slow, s.fine)
	s.late, s.calm = inARow(slow && r.Clock.Legs >= s.least, s.late, s.calm)
	was, is := s.Kind(), ""
	switch {
	case r.Memory > 0 && (100*r.Available < leastMemory*r.Memory || was == StrainMemory && 100*r.Available < enoughMemory*r.Memory):
		is = StrainMemory
	case s.late >= lateFor || was == StrainSound && s.calm < calmFor:
		is = StrainSound
	case s.slow >= lateFor || was == StrainBusy && s.fine < calmFor:
		is = StrainBusy
	}
	if is == was {
		return
	}
	s.kind.Store(&is)
	log := s.log.With("calls", r.Clock.Legs, "late", r.Clock.LateP99, "memory", r.Available)
	switch is {
	case StrainSound, StrainMemory:
		log.Warn("the machine carries all that it can: new callers are asked to try again and are put on the list of people to call back", "short", is)
	case StrainBusy:
		log.Warn("sound leaves late although the machine should carry this many calls; something else keeps it busy, or it is weak: close other programs, or lower max_calls")
	default:
		log.Info("the machine has room again", "was", was)
	}
}

// inARow goes on counting how often something was, or was not.
func inARow(is bool, times, without int) (int, int) {
	if is {
		return times + 1, 0
	}
	return 0, without + 1
}

// MemoryRoom is how much memory may still be taken, and how much there is; 0 and
// 0 where that cannot be told.
func MemoryRoom() (available, memory uint64) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, 0
	}
	m, err := fs.Meminfo()
	if err != nil || m.MemAvailableBytes == nil || m.MemTotalBytes == nil {
		return 0, 0
	}
	return *m.MemAvailableBytes, *m.MemTotalBytes
}

// Strained judges whether the machine keeps up with its callers.
func Strained(kind string, calls int) Check {
	switch kind {
	case "":
		return Check{State: Good, Words: "strain.none"}
	case StrainBusy:
		return Check{State: Watch, Words: "strain.busy"}
	}
	return Check{State: Bad, Words: "strain." + kind, Values: []string{"calls", strconv.Itoa(calls)}}
}
