package erlang

import (
	"math"
	"time"
)

// Demand is what a hotline is to carry in its busiest hour (domain: sizing).
type Demand struct {
	PerHour    float64       // calls that arrive
	SelfServed float64       // share that needs no person: 0.33 was seen
	Dialogue   time.Duration // how long one talks with the machine first
	Handle     time.Duration
	Patience   time.Duration
	Agents     int // present; 0: as many as the target needs
	Target     Target
}

// ShippedDemand are the figures to begin with (domain: model inputs).
func ShippedDemand(perHour float64) Demand {
	return Demand{PerHour: perHour, SelfServed: 0.33, Dialogue: 75 * time.Second, Handle: 10 * time.Minute, Patience: 20 * time.Minute,
		Target: Target{Within: 2 * time.Minute, Share: 0.8}}
}

// Capacity is what that takes.
type Capacity struct {
	Agents    int
	Channels  int     // calls at the same time, enough for 99 % of the time
	PerHour   float64 // answered
	Abandoned float64 // share of those who waited for a person
	Occupancy float64
	Wait      time.Duration
	Within    float64 // share for whom an agent is free within the target
}

// channelsEnough is the share of the time for which the channels suffice.
const channelsEnough = 0.99

// Capacity computes channels and agents.
func (d Demand) Capacity() Capacity {
	l := Line{PerHour: d.PerHour * (1 - d.SelfServed), Handle: d.Handle, Patience: d.Patience, Agents: d.Agents}
	if l.Agents == 0 {
		l.Agents = l.Needed(d.Target)
	}
	s := l.Steady()
	c := Capacity{Agents: l.Agents, Abandoned: s.Abandoned, Occupancy: s.Occupancy, Wait: s.Wait, Within: s.Within(d.Target.Within),
		PerHour: l.PerHour * (1 - s.Abandoned)}
	if !s.ends {
		c.PerHour, c.Channels = float64(l.Agents)/max(d.Handle, time.Second).Hours(), math.MaxInt32
		return c
	}
	// Callers in the dialogue are a Poisson number, independent of those who
	// wait or talk: the two add up.
	talking := d.PerHour * d.Dialogue.Hours()
	var reached float64
	for n := 0; ; n++ {
		p := 0.0
		dialogue := math.Exp(-talking)
		for k := 0; k <= n; k++ {
			if k > 0 {
				dialogue *= talking / float64(k)
			}
			if n-k < len(s.there) {
				p += dialogue * s.there[n-k]
			}
		}
		if reached += p; reached >= channelsEnough || n > 100_000 {
			c.Channels = n
			return c
		}
	}
}
