package health

import "strconv"

// Quality is how the calls of the last hour sounded, by the two ways that sound
// takes: between this machine and the telephone network, and between this machine
// and those who answer.
type Quality struct{ Trunk, Agents Way }

// Way is one of them.
type Way struct {
	Calls        int // that could be judged
	Bad          int // that sounded bad, or on which no sound came
	LostPermille int // of the packets of all of them
	JitterMS     int // nine of ten calls were not above it
	RTTMS        int // there and back, likewise
}

// When bad sound is more than bad luck: one mobile in a tunnel is none.
const (
	qualityBad   = 3 // calls
	qualityWatch = 2
	qualityShare = 5 // one call in so many, twice that for Watch
)

// Checks judges both ways apart, so that the right one is asked for help.
func (q Quality) Checks() []Check {
	var out []Check
	for _, one := range []struct {
		words string
		Way
	}{{"sound.trunk", q.Trunk}, {"sound.agents", q.Agents}} {
		c := Check{State: Watch, Words: one.words, Values: []string{"bad", strconv.Itoa(one.Bad), "calls", strconv.Itoa(one.Calls), "lost", Permille(one.LostPermille), "jitter", strconv.Itoa(one.JitterMS)}}
		switch {
		case one.Bad >= qualityBad && one.Bad*qualityShare >= one.Calls:
			c.State = Bad
		case one.Bad >= qualityWatch && one.Bad*2*qualityShare >= one.Calls:
		default:
			continue
		}
		out = append(out, c)
	}
	if len(out) == 0 && q.Trunk.Calls > 0 {
		out = []Check{{State: Good, Words: "sound.good", Values: []string{"calls", strconv.Itoa(q.Trunk.Calls)}}}
	}
	return out
}

// Permille writes a share in percent, with one digit behind the point.
func Permille(n int) string { return strconv.Itoa(n/10) + "." + strconv.Itoa(n%10) }
