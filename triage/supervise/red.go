package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/health"
	"hotline/appliance/store"
)

// What the health page or a rehearsal finds that callers or records suffer from
// (red) rings supervisors, too, through the same door and the same rules: those
// who have agreed, one after another, until one presses that they see to it. That
// one is not rung again for what was told. Where nobody does, the gaps grow: at
// night a telephone that rings every ten minutes is switched off.

// FlowRed is the flow that a supervisor hears who is called for that.
const FlowRed = "red"

const (
	attributeFound = "red.found" // what is said of it, a list
	attributeMore  = "red.more"  // yes when there is more than is said

	redAfter  = 2 * time.Minute // that it has to be so: a restart of a router is none
	redAgain  = 10 * time.Minute
	redGap    = 6 * time.Hour // the gaps grow up to it
	redForget = 6 * time.Hour // what was seen to and came back later is new
	redSaid   = 3             // things in one call: nobody remembers more
)

// Events of what is red.
const (
	EventRedRung  = "health.rung"
	EventRedHeard = "health.answered"
	EventRedOver  = "health.recovered"
)

// RedRound is the last time that supervisors were rung about what is red.
type RedRound struct {
	Began   time.Time `json:"began"`
	Found   []string  `json:"found"`  // the words of the checks
	People  []Called  `json:"people"` // in the order in which they were rung; none: nobody could be
	Round   int       `json:"round"`  // 0 for the first
	Next    time.Time `json:"next"`   // when they are rung again, if nobody of them said yes
	Ended   time.Time `json:"ended,omitzero"`
	Calling bool      `json:"-"` // at this moment
}

// redState is what is known of what is red. It is stored, so that a start does
// not ring anew for what somebody sees to.
type redState struct {
	Last RedRound             `json:"last"`
	Seen map[string]time.Time `json:"seen"` // somebody sees to it; when it was last red
	Told map[string]bool      `json:"told"` // in a round, and still red

	since map[string]time.Time // it is red without a gap
}

var redStates = store.NewTable[redState]("red_states")

const lastRed = "last"

func (c *Commands) loadRed() error {
	err := c.cfg.Store.View(func(tx *store.Tx) (err error) {
		c.red, err = redStates.Get(tx, lastRed)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("reading who was called about what is red: %w", err)
	}
	if c.red.Seen == nil {
		c.red.Seen = map[string]time.Time{}
	}
	if c.red.Told == nil {
		c.red.Told = map[string]bool{}
	}
	c.red.since = map[string]time.Time{}
	for i := range c.red.Last.People { // a stop of the program ended it
		if c.red.Last.People[i].Answer == Rings {
			c.red.Last.People[i].Answer = Missed
		}
	}
	return nil
}

// RedRound is the last one; its zero value when there was none.
func (c *Commands) RedRound() RedRound {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.red.Last
	last.People, last.Found = slices.Clone(last.People), slices.Clone(last.Found)
	return last
}

// RingsAboutRed reports that supervisors could be rung: it is not switched off,
// and there is a line that may call.
func (c *Commands) RingsAboutRed() bool {
	return c.cfg.Health != nil && c.canRing() && (c.cfg.AlertsOff == nil || !c.cfg.AlertsOff())
}

// redKey is what makes one check the same as before, whatever its figures are.
func redKey(check health.Check) string {
	key := check.Words
	for i := 0; i+1 < len(check.Values); i += 2 {
		if slices.Contains([]string{"line", "name", "choice", "language", "flow"}, check.Values[i]) {
			key += "|" + check.Values[i+1]
		}
	}
	return key
}

// SeeRed looks what is red at now, and calls supervisors about what is due. Run
// does so all the time.
func (c *Commands) SeeRed(ctx context.Context, now time.Time) {
	if due := c.lookRed(ctx, now); len(due) > 0 {
		c.ringAboutRed(ctx, due, now)
	}
}

// lookRed notes what is red, and returns what supervisors are to be called about
// now.
func (c *Commands) lookRed(ctx context.Context, now time.Time) (due []health.Check) {
	if c.cfg.Health == nil {
		return nil
	}
	red := c.cfg.Health()
	c.mu.Lock()
	s := &c.red
	there := map[string]bool{}
	untold := false
	for _, check := range red {
		key := redKey(check)
		there[key] = true
		if s.since[key].IsZero() {
			s.since[key] = now
		}
		if _, seen := s.Seen[key]; seen {
			s.Seen[key] = now
			continue
		}
		if now.Sub(s.since[key]) >= redAfter {
			due = append(due, check)
			untold = untold || !s.Told[key]
		}
	}
	for key := range s.since {
		if !there[key] {
			delete(s.since, key)
			delete(s.Told, key)
		}
	}
	for key, at := range s.Seen {
		if now.Sub(at) > redForget {
			delete(s.Seen, key)
		}
	}
	over := len(red) == 0 && !s.Last.Began.IsZero() && s.Last.Ended.IsZero()
	if over {
		s.Last.Ended = now
	}
	if untold {
		s.Last.Round, s.Last.Next = 0, time.Time{}
	}
	wait := now.Before(s.Last.Next)
	c.mu.Unlock()
	if over {
		c.keepRed(ctx, &events.Event{Kind: EventRedOver, Via: "rule"})
	}
	if wait || !c.RingsAboutRed() {
		return nil
	}
	return due
}

// ringAboutRed calls supervisors about what is red until one of them sees to it.
func (c *Commands) ringAboutRed(ctx context.Context, due []health.Check, now time.Time) {
	people, err := c.onCall(now)
	if err != nil {
		c.cfg.Log.Error("supervisors cannot be called about what is red: the accounts cannot be read", "error", err)
	}
	if later, _ := c.onCall(now.Add(alertPerson)); len(people) == 0 && len(later) > 0 {
		return // they were called a moment ago
	}
	c.mu.Lock()
	s := &c.red
	again := len(due) > 0 && !slices.ContainsFunc(due, func(check health.Check) bool { return !s.Told[redKey(check)] })
	round := 0
	if again {
		round = s.Last.Round + 1
	}
	if len(people) == 0 && again { // nobody has changed anything
		s.Last.Round, s.Last.Next = round, now.Add(gapAfter(round))
		c.mu.Unlock()
		return
	}
	s.Last = RedRound{Began: now, Round: round, Next: now.Add(gapAfter(round)), Calling: len(people) > 0}
	for _, check := range due {
		s.Last.Found = append(s.Last.Found, check.Words)
		s.Told[redKey(check)] = true
	}
	found := slices.Compact(slices.Sorted(slices.Values(s.Last.Found)))
	c.mu.Unlock()
	c.keepRed(ctx, &events.Event{Kind: EventRedRung, Via: "rule", Data: map[string]string{"people": strconv.Itoa(len(people)), "found": strings.Join(found, " ")}})
	defer func() {
		c.mu.Lock()
		s.Last.Calling = false
		s.Last.Next = time.Now().Add(gapAfter(round))
		c.mu.Unlock()
		c.keepRed(ctx, nil)
	}()
	said, more := sayRed(due)
	attributes := map[string]string{attributeFound: strings.Join(said, ",")}
	if more {
		attributes[attributeMore] = "yes"
	}
	for _, a := range people {
		if ctx.Err() != nil || !c.RingsAboutRed() || !c.stillRed(due) {
			return
		}
		c.mu.Lock()
		s.Last.People = append(s.Last.People, Called{Account: a.ID, Name: a.Name, Answer: Rings, At: time.Now().UTC()})
		c.mu.Unlock()
		c.cfg.Dispatcher.Touch()
		answer := c.tell(ctx, a, Ringing{Flow: FlowRed, Attributes: attributes, Avoid: redLines(due)})
		c.mu.Lock()
		s.Last.People[len(s.Last.People)-1].Answer = answer
		if answer == Coming {
			for _, check := range due {
				s.Seen[redKey(check)] = time.Now()
			}
		}
		c.mu.Unlock()
		c.keepRed(ctx, &events.Event{Kind: EventRedHeard, Agent: a.ID, Via: "phone", Data: map[string]string{"answer": answer}})
		if answer == Coming {
			return
		}
	}
}

// gapAfter is how long nobody is called after a round in which nobody said yes.
func gapAfter(round int) time.Duration {
	return min(redAgain<<min(round, 10), redGap)
}

// stillRed reports that some of it is.
func (c *Commands) stillRed(due []health.Check) bool {
	now := c.cfg.Health()
	return slices.ContainsFunc(due, func(was health.Check) bool {
		return slices.ContainsFunc(now, func(is health.Check) bool { return redKey(is) == redKey(was) })
	})
}

// keepRed writes the state down, with what has happened. What cannot be written
// keeps nobody from being called.
func (c *Commands) keepRed(ctx context.Context, ev *events.Event) {
	c.cfg.Dispatcher.Touch()
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), commitFor)
	defer stop()
	now := redState{Last: c.RedRound()}
	c.mu.Lock()
	now.Seen, now.Told = maps.Clone(c.red.Seen), maps.Clone(c.red.Told)
	c.mu.Unlock()
	err := c.cfg.Store.Update(limit, func(tx *store.Tx) error {
		if ev != nil {
			tx.Emit(*ev)
		}
		return redStates.Put(tx, lastRed, now)
	})
	if err != nil {
		c.cfg.Log.Error("that supervisors are called about what is red could not be written down; they are called", "error", err)
	}
}

// redLines are the telephone lines that are red themselves.
func redLines(red []health.Check) (lines []string) {
	for _, check := range red {
		if i := slices.Index(check.Values, "line"); i >= 0 && i%2 == 0 && i+1 < len(check.Values) && strings.Contains(check.Words, "line.") {
			lines = append(lines, check.Values[i+1])
		}
	}
	return lines
}

// sayRed is what is said of it in a call, what matters most first; more: there is
// something of which nothing is said.
func sayRed(red []health.Check) (said []string, more bool) {
	for _, check := range red {
		said = append(said, SaidOf(check.Words))
	}
	order := redWords()
	slices.SortStableFunc(said, func(a, b string) int { return cmp.Compare(slices.Index(order, a), slices.Index(order, b)) })
	said = slices.Compact(said)
	if len(said) > 1 { // that it found something is told by what it found
		said = slices.DeleteFunc(said, func(one string) bool { return one == "rehearsal" && slices.ContainsFunc(said, isTried) })
	}
	return said[:min(len(said), redSaid)], len(said) > redSaid
}

func isTried(said string) bool { return strings.HasPrefix(said, "try_") }

// redWords are the sentences of the flow red, what matters most first.
func redWords() []string {
	return []string{"locked", "full", "strain", "try_calls", "line", "try_line", "sound_trunk", "sound_agents", "sound_refused", "try_staff", "try_flows", "lost", "unsaved", "disk", "heat", "damaged",
		"try_record", "clock", "certificate", "backup", "key", "export", "hook", "rehearsal"}
}

// SaidOf is the sentence of the flow red that tells of a check.
func SaidOf(words string) string {
	if tried, ok := strings.CutPrefix(words, "try."); ok {
		switch part, _, _ := strings.Cut(tried, "."); part {
		case "line", "staff", "flows", "record":
			return "try_" + part
		case "recording", "unkept":
			return "try_record"
		}
		return "try_calls"
	}
	switch words {
	case "key.locked":
		return "locked"
	case "key.waiting":
		return "key"
	case "backup.keyless":
		return "key"
	case "calls.full":
		return "full"
	case "records.unsaved":
		return "unsaved"
	case "records.damaged":
		return "damaged"
	case "sound.trunk", "sound.agents", "sound.refused":
		return strings.Replace(words, ".", "_", 1)
	}
	switch part, _, _ := strings.Cut(words, "."); part {
	case "got":
		return "certificate"
	default:
		return part
	}
}
