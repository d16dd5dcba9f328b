// Package simulate lets a day of calls run in seconds, with the policy that
// decides on real calls (triage.Match), the estimator that tells real callers
// how long they will wait (triage.Expect), and a clock that jumps from event to
// event. The same plan and seed give the same day.
package simulate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"hotline/triage"
)

// Plan is the day to be played.
type Plan struct {
	Seed       uint64        `json:"seed"`
	Length     time.Duration `json:"length"`
	PerHour    []float64     `json:"per_hour"`    // calls an hour; the length is divided evenly among them
	SelfServed float64       `json:"self_served"` // share that needs no person
	Dialogue   time.Duration `json:"dialogue"`    // how long one talks with the machine first
	Handle     Time          `json:"handle"`      // how long one call keeps an agent, notes included
	Patience   time.Duration `json:"patience"`    // on average, exponential; 0: for ever
	Languages  []Share       `json:"languages"`   // of the callers; none: everybody understands everybody
	// AnyLanguage is how long callers wait for somebody who speaks their language
	// before anybody may answer; 0: as long as it takes.
	AnyLanguage time.Duration `json:"any_language"`
	Danger      float64       `json:"danger"`      // share of calls on which somebody is in danger: they go first
	CallBacks   float64       `json:"call_backs"`  // share that takes a call-back when one is offered
	OfferAfter  time.Duration `json:"offer_after"` // expected wait from which it is offered
	Redials     float64       `json:"redials"`     // share of those who gave up that tries again
	Crews       []Crew        `json:"crews"`
	Target      time.Duration `json:"target"` // of the service level
	Short       time.Duration `json:"short"`  // who leaves earlier is a short abandon
}

// Time is a random length of time.
type Time struct {
	Mean   time.Duration `json:"mean"`
	Spread float64       `json:"spread"` // standard deviation as a share of the mean; log-normal
	Random bool          `json:"random"` // exponential, as the formulas have it; Spread does not count
}

// Share is one language of the callers.
type Share struct {
	Language string  `json:"language"`
	Part     float64 `json:"part"`
}

// Crew is a number of agents who work at the same hours.
type Crew struct {
	Agents    int           `json:"agents"`
	Languages []string      `json:"languages"` // none: all
	From      time.Duration `json:"from"`
	To        time.Duration `json:"to"` // 0: to the end
}

// Shipped is a plan to begin with: a town's hotline on a busy day (domain:
// model inputs).
func Shipped() Plan {
	return Plan{Seed: 1, Length: 24 * time.Hour, PerHour: []float64{60}, SelfServed: 0.33, Dialogue: 75 * time.Second,
		Handle: Time{Mean: 10 * time.Minute, Spread: 0.6}, Patience: 20 * time.Minute, OfferAfter: 2 * time.Minute, AnyLanguage: 30 * time.Second,
		Crews: []Crew{{Agents: 8}}, Target: 2 * time.Minute, Short: 10 * time.Second}
}

// mostCalls bounds a day: what the machine may be asked to play.
const mostCalls = 1_000_000

// Check reports what cannot be played.
func (p Plan) Check() error {
	var calls float64
	for _, n := range p.PerHour {
		if n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
			return errors.New("calls per hour must be 0 or more")
		}
		calls += n * p.Length.Hours() / float64(max(len(p.PerHour), 1))
	}
	share := func(name string, v float64) error {
		if v < 0 || v > 1 || math.IsNaN(v) {
			return fmt.Errorf("%s is a share between 0 and 1", name)
		}
		return nil
	}
	switch {
	case p.Length <= 0 || p.Length > 31*24*time.Hour:
		return errors.New("a day to play takes more than nothing and at most 31 times 24 hours")
	case len(p.PerHour) == 0:
		return errors.New("say how many calls come an hour")
	case calls > mostCalls:
		return fmt.Errorf("%.0f calls are more than can be played at once: at most %d", calls, mostCalls)
	case p.Handle.Mean < time.Second:
		return errors.New("a call takes an agent at least a second")
	case p.Handle.Spread < 0 || p.Handle.Spread > 5:
		return errors.New("the spread of the handling time is between 0 and 5 times its mean")
	case p.Patience < 0 || p.AnyLanguage < 0 || p.Dialogue < 0 || p.Target < 0:
		return errors.New("times must be 0 or more")
	}
	agents := 0
	for _, c := range p.Crews {
		if c.Agents < 0 || c.From < 0 || c.To != 0 && c.To <= c.From {
			return errors.New("a crew has 0 or more agents and ends after it begins")
		}
		agents += c.Agents
	}
	if agents > 5000 {
		return errors.New("at most 5000 agents can be played")
	}
	var parts float64
	for _, l := range p.Languages {
		parts += l.Part
	}
	if len(p.Languages) > 0 && parts <= 0 {
		return errors.New("at least one language must have callers")
	}
	return errors.Join(share("the share that needs no person", p.SelfServed), share("the share in danger", p.Danger),
		share("the share that takes a call-back", p.CallBacks), share("the share that tries again", p.Redials))
}

// draw is a random length of time.
func (t Time) draw(r *rand.Rand) time.Duration {
	if t.Random {
		return time.Duration(r.ExpFloat64() * float64(t.Mean))
	}
	// Log-normal with this mean and standard deviation.
	v := math.Log(1 + t.Spread*t.Spread)
	return time.Duration(float64(t.Mean) * math.Exp(r.NormFloat64()*math.Sqrt(v)-v/2))
}

// queueOf is where a caller waits.
func queueOf(danger bool) string {
	if danger {
		return triage.QueueLife
	}
	return triage.QueueHelp
}

// profile is the routing profile of all agents: danger first, then help.
const profile = "all"

// routing is what ships, with what the plan says about languages.
func (p Plan) routing() (map[string]triage.Profile, map[string]triage.Queue, map[string]triage.SkillRule) {
	shipped := triage.ShippedRouting()
	queues := map[string]triage.Queue{}
	for _, q := range shipped.Queues {
		queues[q.ID] = q
	}
	rule := triage.SkillRule{Skill: "language", Level: 1}
	if p.AnyLanguage > 0 {
		rule.Relax = []triage.Relax{{After: p.AnyLanguage}}
	}
	return map[string]triage.Profile{profile: shipped.Profile(profile)}, queues, map[string]triage.SkillRule{rule.Skill: rule}
}
