// Package erlang computes what a line of so many agents can carry: the models
// that telephone engineers have used for a hundred years, in which calls come at
// random (Poisson) and take an exponential time. It knows nothing of the
// hotline and keeps nothing.
//
//   - Blocking and Lines are Erlang B: who finds every line taken is turned away.
//   - WaitProbability is Erlang C: everybody waits as long as it takes.
//   - Line is Erlang A (Palm; M/M/n+M): who waits may give up. With a patience
//     without end it is Erlang C.
package erlang

import (
	"math"
	"time"
)

// Blocking is the share of calls that find all lines taken when load Erlang
// are offered: calls an hour times the hours that one takes.
func Blocking(load float64, lines int) float64 {
	if load <= 0 {
		return 0
	}
	blocked := 1.0
	for n := 1; n <= lines; n++ {
		blocked = load * blocked / (float64(n) + load*blocked)
	}
	return blocked
}

// Lines is how many lines keep the share of turned-away calls at blocked or
// below.
func Lines(load, blocked float64) int {
	if load <= 0 {
		return 0
	}
	share := 1.0
	for n := 1; ; n++ {
		if share = load * share / (float64(n) + load*share); share <= blocked {
			return n
		}
	}
}

// WaitProbability is the share of callers who find no agent free, when all of
// them wait (Erlang C). It is 1 when the agents cannot carry the load.
func WaitProbability(load float64, agents int) float64 {
	if float64(agents) <= load {
		return 1
	}
	b, n := Blocking(load, agents), float64(agents)
	return n * b / (n - load*(1-b))
}

// Line is a queue with its agents.
type Line struct {
	PerHour  float64       // calls that come into the queue
	Handle   time.Duration // how long one keeps an agent, notes included, on average
	Patience time.Duration // how long people wait before they give up, on average; 0: for ever
	Agents   int
}

// Load is the work that is offered, in Erlang.
func (l Line) Load() float64 { return l.PerHour * l.Handle.Hours() }

// State is how a line stands in the long run.
type State struct {
	Wait      time.Duration // of all callers, on average, until answered or given up
	Waits     float64       // share of callers who find no agent free
	Abandoned float64       // share of callers who give up
	Occupancy float64       // share of their time in which agents are busy
	Waiting   float64       // callers who wait, on average
	there     []float64     // probability of n callers, waiting or served
	line      Line
	ends      bool // false: the queue grows for ever
}

// Forever is the wait in a queue that grows for ever.
const Forever = time.Duration(math.MaxInt64)

// full is the share of what agents can do beyond which a queue of people who
// never give up has no end that anybody would live to see.
const full = 0.9999

// enough ends a sum when what is left cannot change a figure.
const enough = 1e-12

// Steady computes the long run of the birth and death process: n callers go
// over to n+1 at the rate of arrivals, to n-1 at min(n, agents)/Handle, and
// each who waits leaves at 1/Patience.
func (l Line) Steady() State {
	s := State{line: l, ends: true}
	if l.PerHour <= 0 {
		s.there = []float64{1}
		return s
	}
	rate, serve, leave := l.PerHour/3600, 1/max(l.Handle, time.Second).Seconds(), 0.0
	if l.Patience > 0 {
		leave = 1 / l.Patience.Seconds()
	}
	n := float64(l.Agents)
	if leave == 0 && rate >= full*n*serve {
		return State{line: l, Wait: Forever, Waits: 1, Occupancy: 1, Waiting: math.Inf(1)}
	}
	// Everything relative to the state in which all agents are busy and nobody
	// waits, so that nothing overflows.
	below := make([]float64, l.Agents)
	p, sum := 1.0, 1.0
	for k := l.Agents; k > 0; k-- {
		p *= float64(k) * serve / rate
		below[k-1] = p
		sum += p
		if math.IsInf(sum, 1) { // next to nothing to do for so many agents
			s.there = []float64{1}
			return s
		}
	}
	above := []float64{1}
	p = 1
	for k := 1; ; k++ {
		p *= rate / (n*serve + float64(k)*leave)
		above = append(above, p)
		sum += p
		if p < enough*sum && rate < n*serve+float64(k)*leave {
			break
		}
	}
	var busy float64
	for k := range below {
		below[k] /= sum
		busy += float64(k) * below[k]
	}
	for k := range above {
		above[k] /= sum
		s.Waits += above[k]
		s.Waiting += float64(k) * above[k]
	}
	busy += n * s.Waits
	s.there = append(below, above...)
	s.Abandoned = s.Waiting * leave / rate
	s.Wait = time.Duration(s.Waiting / rate * float64(time.Second)) // Little
	if n > 0 {
		s.Occupancy = busy / n
	}
	return s
}

// Within is the share of callers for whom an agent is free within d, if they
// wait for it.
//
// Whoever finds k others waiting is served after the sum of k+1 exponential
// times, the j-th from the end with the rate agents/Handle + j/Patience. Such a
// sum exceeds d with the probability Σ over i ≤ k of xᶜ(1-x)ⁱ·Γ(c+i)/(Γ(c)·i!),
// where x = exp(-d/Patience) and c = agents·Patience/Handle; without end of
// patience that becomes the Poisson sum of Erlang C.
func (s State) Within(d time.Duration) float64 {
	if !s.ends {
		return 0
	}
	if s.line.Agents == 0 {
		return 0
	}
	served := float64(s.line.Agents) / max(s.line.Handle, time.Second).Seconds() * d.Seconds() // in d, when all are busy
	logTerm, grow := -served, func(i float64) float64 { return served / i }
	if s.line.Patience > 0 {
		x := math.Exp(-d.Seconds() / s.line.Patience.Seconds())
		c := float64(s.line.Agents) * s.line.Patience.Seconds() / max(s.line.Handle, time.Second).Seconds()
		grow = func(i float64) float64 { return (1 - x) * (c + i - 1) / i }
	}
	var late, beyond float64
	for k, p := range s.there[min(s.line.Agents, len(s.there)):] {
		if k > 0 {
			logTerm += math.Log(grow(float64(k)))
		}
		beyond = min(beyond+math.Exp(logTerm), 1)
		late += p * beyond
	}
	return 1 - late
}

// Callers is the number of callers, waiting or served, that is not exceeded in
// the share of the time.
func (s State) Callers(share float64) int {
	var sum float64
	for n, p := range s.there {
		if sum += p; sum >= share {
			return n
		}
	}
	return len(s.there)
}

// Target is how soon callers should be answered: Share of them within Within.
type Target struct {
	Within time.Duration
	Share  float64
}

// mostAgents bounds a search: beyond it no hotline of this kind is staffed.
const mostAgents = 5000

// Needed is how many agents reach the target with the line's calls; what
// l.Agents says does not count.
func (l Line) Needed(t Target) int {
	reached := func(n int) bool {
		l.Agents = n
		return l.Steady().Within(t.Within) >= t.Share
	}
	if l.PerHour <= 0 {
		return 0
	}
	high := 1
	for !reached(high) {
		if high >= mostAgents {
			return high
		}
		high *= 2
	}
	low := high / 2 // not reached, except when nothing was tried below 1
	for low+1 < high {
		if middle := (low + high) / 2; reached(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}
