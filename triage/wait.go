package triage

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Pace is how a queue has been served of late.
type Pace struct {
	Handle   time.Duration // how long one contact keeps an agent, notes included
	Patience time.Duration // how long people wait before they give up, on average
}

// firstPace is what is assumed before anything was seen: untrained volunteers
// and patient callers (domain: model inputs).
var firstPace = Pace{Handle: 8 * time.Minute, Patience: 20 * time.Minute}

// Outlook is what a caller may expect: the wait on average, and the range in
// which eight of ten callers in this place are answered.
type Outlook struct{ Mean, Low, High time.Duration }

const (
	// spread80 is how many standard deviations off the mean a normal value
	// stays with the probability 0.8 on both sides together.
	spread80 = 1.2816
	// unsure is by how much a pace that was learned from a few dozen contacts
	// may be wrong: one standard deviation, as a share of it.
	unsure = 0.07
)

// ExpectedWait is how long the next caller waits for a person when so many wait
// before them and so many agents work, of whom some are free. It is false when
// that cannot be told, because nobody works.
func ExpectedWait(before, agents, free int, p Pace) (time.Duration, bool) {
	o, known := foresee(float64(before-free), float64(agents), p)
	return o.Mean, known
}

// foresee is the outlook with before people in front for whom no agent is free.
//
// With k people before the caller, one of them goes on average after
// 1/(agents/Handle + k/Patience): an agent becomes free, or somebody gives up.
// The wait is the sum of that from all of them down to none; those times are
// independent and exponential, so their variances add up as well. Whoever calls
// later stands behind and changes nothing, unless they go before (ahead).
//
// The range takes the wait for gamma distributed with that mean and variance,
// which is exact for one step and for many equal ones; its quantiles are those
// of Wilson and Hilferty. The variance has a share for the pace, which is only
// known from what was seen.
func foresee(before, agents float64, p Pace) (Outlook, bool) {
	if agents <= 0 {
		return Outlook{}, false
	}
	if before < 0 {
		return Outlook{}, true
	}
	rate := agents / max(p.Handle, time.Second).Seconds()
	leaves := 1 / max(p.Patience, time.Second).Seconds()
	var mean, variance float64
	for k := 0.0; k <= before; k++ {
		step := 1 / (rate + k*leaves)
		mean += step
		variance += step * step
	}
	// Half a person in front, as the shares of other queues make them.
	if part := before - math.Floor(before); part > 0 {
		step := part / (rate + before*leaves)
		mean += step
		variance += step * step
	}
	variance += unsure * unsure * mean * mean
	shape := mean * mean / variance
	at := func(z float64) time.Duration {
		root := 1 - 1/(9*shape) + z/math.Sqrt(9*shape)
		return seconds(mean * max(root, 0) * max(root, 0) * max(root, 0))
	}
	return Outlook{Mean: seconds(mean), Low: at(-spread80), High: at(spread80)}, true
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Minutes is the range as callers are told it, in whole minutes: wider than
// what was computed, never narrower. From ten minutes on it goes in steps of
// five: more would pretend to know.
func (o Outlook) Minutes() (from, to int) {
	step := 1.0
	if o.High > 10*time.Minute {
		step = 5
	}
	from, to = int(math.Floor(o.Low.Minutes()/step)*step), int(math.Ceil(o.High.Minutes()/step)*step)
	return max(from, 1), max(to, 1)
}

// crew is agents at work who see the same contacts.
type crew struct {
	lines        []Line
	skills       []Skill
	atWork, free float64
}

// sees reports whether the crew may take w, now or after a while, and with
// which priority.
func (c *crew) sees(s Snapshot, crews []*crew, w *Waiting) (priority int, sees bool) {
	for _, line := range c.lines {
		if line.Queue == w.Queue && (!sees || line.Priority < priority) {
			priority, sees = line.Priority, true
		}
	}
	if !sees || s.Queues[w.Queue].Urgent {
		return priority, sees
	}
	for _, name := range strings.Fields(w.Skills) {
		most := 0
		for _, other := range crews {
			if slices.ContainsFunc(other.lines, func(l Line) bool { return l.Queue == w.Queue }) {
				most = max(most, level(other.skills, name))
			}
		}
		if s.rule(name).opens(level(c.skills, name), most) == never {
			return 0, false
		}
	}
	return priority, true
}

// crews sorts those at work by what they see.
func (s Snapshot) crews() []*crew {
	var out []*crew
	known := map[string]*crew{}
	var key []byte
	add := func(agents []Free, free float64) {
		for i := range agents {
			a := &agents[i]
			if i > 0 && a.Profile == agents[i-1].Profile && slices.Equal(a.Teams, agents[i-1].Teams) && slices.Equal(a.Skills, agents[i-1].Skills) {
				c := known[string(key)] // like the one before
				c.atWork++
				c.free += free
				continue
			}
			key = append(key[:0], a.Profile...)
			for _, team := range a.Teams {
				key = append(append(key, 0), team...)
			}
			key = append(key, 0, 0)
			for _, skill := range a.Skills {
				key = append(append(key, skill.Name...), 0, byte(skill.Level))
			}
			c := known[string(key)]
			if c == nil {
				c = &crew{lines: s.lines(a.Profile, a.Teams), skills: a.Skills}
				known[string(key)] = c
				out = append(out, c)
			}
			c.atWork++
			c.free += free
		}
	}
	add(s.Free, 1)
	add(s.Busy, 0)
	return out
}

// Expect is the outlook of w from now on in a hotline that stands like s; w may
// be among those who wait there. It is false when nobody at work serves w.
//
// Who waits in front is whom the agents of w take first: by the line of their
// profile, then by place. Agents who serve others too share the work with those
// others' agents: of somebody in front, as much falls on the agents of w as
// they are of all who could take that one. People who will come later into a
// queue that goes before take of the agents' time as well.
func Expect(w Waiting, s Snapshot, paces *Paces, now time.Time) (Outlook, bool) {
	crews := s.crews()
	var agents, free float64
	mine := make([]int, len(crews)) // priority of w, by crew
	seen := make([]bool, len(crews))
	for i, c := range crews {
		if mine[i], seen[i] = c.sees(s, crews, &w); seen[i] {
			agents += c.atWork
			free += c.free
		}
	}
	if agents <= 0 {
		return Outlook{}, false
	}
	pace := paces.of(w.Queue)
	// What part of a contact falls on the agents of w: of one that their profile
	// puts first, and of one on the same step.
	type part struct{ sooner, level float64 } // in contacts of the queue of w
	parts := map[[2]string]part{}
	partOf := func(other *Waiting) part {
		key := [2]string{other.Queue, other.Skills}
		p, known := parts[key]
		if known {
			return p
		}
		var all float64
		for i, c := range crews {
			priority, sees := c.sees(s, crews, other)
			if !sees {
				continue
			}
			all += c.atWork
			switch {
			case !seen[i]:
			case priority < mine[i]:
				p.sooner += c.atWork
			case priority == mine[i]:
				p.level += c.atWork
			}
		}
		if all > 0 {
			all *= pace.Handle.Seconds() / paces.of(other.Queue).Handle.Seconds()
			p.sooner, p.level = p.sooner/all, p.level/all
		}
		parts[key] = p
		return p
	}
	var before float64
	for i := range s.Waiting {
		other := &s.Waiting[i]
		if other.Contact == w.Contact || other.Only != "" || other.Offered != "" {
			continue // who rings has an agent already
		}
		p := partOf(other)
		before += p.sooner
		if p.level > 0 && inOrder(other, &w) < 0 {
			before += p.level
		}
	}
	left := agents
	for _, queue := range paces.known() {
		if takes := partOf(&Waiting{Queue: queue}).sooner; takes > 0 {
			left -= takes * paces.perSecond(queue, now) * pace.Handle.Seconds()
		}
	}
	// However many go before, somebody of this queue is served now and then.
	return foresee(before-free, max(left, agents/10), pace)
}

// QueueLoad is how one queue stands at a moment.
type QueueLoad struct {
	Waiting int           // on the line
	Away    int           // to be called back
	Longest time.Duration // the longest wait until now
	Agents  int           // at work for it: free, ringing, talking or writing notes
	Ready   int           // of them, free
	Wait    time.Duration // expected for the next caller; negative when nobody works
}

// ordinary is the priority of a caller about whom nothing is known.
const ordinary = 5

// Load is how a queue stands at now. The zero QueueLoad with a negative wait
// when the dispatcher has stopped.
func (d *Dispatcher) Load(queue string, now time.Time) QueueLoad {
	l := QueueLoad{Wait: -1}
	var all Snapshot
	var paces *Paces
	if !d.do(func() {
		for _, p := range d.places {
			switch {
			case p.waiting.Queue != queue || p.waiting.Only != "":
			case p.waiting.Away:
				l.Away++
			default:
				l.Waiting++
				l.Longest = max(l.Longest, now.Sub(p.waiting.Since))
			}
		}
		for _, a := range d.agents {
			if !d.works(a, queue) {
				continue
			}
			l.Agents++
			if a.State == Ready {
				l.Ready++
			}
		}
		all, paces = d.snapshot(), d.paces.clone()
	}) {
		return l
	}
	if o, known := Expect(Waiting{Queue: queue, Since: now, Priority: ordinary}, all, paces, now); known {
		l.Wait = o.Mean
	}
	return l
}

func (d *Dispatcher) works(a *Agent, queue string) bool {
	if a.Outside != "" { // comes last, if at all
		return false
	}
	switch a.State {
	case Ready, Offered, OnCall, WrapUp:
	default:
		return false
	}
	return d.serves(a, queue)
}

// Overflow has everybody who serves a queue help there at once, whatever the
// delay of their profile: under a heavy load nobody waits for the right team.
func (d *Dispatcher) Overflow(queue string, on bool) {
	d.do(func() {
		if d.overflow[queue] == on {
			return
		}
		next := map[string]bool{}
		maps.Copy(next, d.overflow)
		next[queue] = on
		d.overflow = next
		d.touch()
	})
}
