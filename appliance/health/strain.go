package health

import (
	"context"
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
type Strain struct {
	least int
	look  func() Reading
	kind  atomic.Pointer[string]

	late, calm int // readings in a row
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
)

const (
	strainEvery = time.Second
	// Sound that is 20 ms late for 99 of 100 packets is not heard yet; for
	// three seconds on end it is no hiccup either.
	lateSound = 20 * time.Millisecond
	lateFor   = 3
	calmFor   = 5
	// Of 100 parts of the memory.
	leastMemory  = 5
	enoughMemory = 8
)

// NewStrain looks at the box with look, each second while Run runs. With fewer
// than least legs late sound is not blamed on the calls.
func NewStrain(least int, look func() Reading) *Strain {
	s := &Strain{least: least, look: look}
	s.kind.Store(new(string))
	return s
}

// Kind is what is short, "" when nothing is.
func (s *Strain) Kind() string { return *s.kind.Load() }

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
	if r.Clock.Legs >= s.least && r.Clock.LateP99 > lateSound {
		s.late, s.calm = s.late+1, 0
	} else {
		s.late, s.calm = 0, s.calm+1
	}
	was, is := s.Kind(), ""
	switch {
	case r.Memory > 0 && (100*r.Available < leastMemory*r.Memory || was == StrainMemory && 100*r.Available < enoughMemory*r.Memory):
		is = StrainMemory
	case s.late >= lateFor || was == StrainSound && s.calm < calmFor:
		is = StrainSound
	}
	if is != was {
		s.kind.Store(&is)
	}
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

// Strained judges whether new callers have to be turned away.
func Strained(kind string, calls int) Check {
	if kind == "" {
		return Check{State: Good, Words: "strain.none"}
	}
	return Check{State: Bad, Words: "strain." + kind, Values: []string{"calls", strconv.Itoa(calls)}}
}
