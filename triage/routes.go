package triage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// EventRouting is a change of the routing.
const EventRouting = "routing.changed"

// RoutingVersion is the routing as it was from a moment on.
type RoutingVersion struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Name    string    `json:"name"`
	What    string    `json:"what"` // was changed: queue, profile, team, skill, back
	Routing Routing   `json:"routing"`
}

var routings = store.NewTable[RoutingVersion]("routings") // in order; the last one holds

// Routes keep the routing: what operators change in a crisis, with everything
// that it was before.
type Routes struct {
	store    *store.Store
	dispatch *Dispatcher // told of changes
	changing sync.Mutex
}

// ReadRouting is the routing in force, for a dispatcher that is to be made.
func ReadRouting(s *store.Store) (Routing, error) {
	r := ShippedRouting()
	err := s.View(func(tx *store.Tx) error {
		for _, version := range routings.Backward(tx) {
			r = version.Routing
			break
		}
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("reading who helps whom: %w", err)
	}
	return r.complete(), nil
}

// complete adds queues that have come with a newer program.
func (r Routing) complete() Routing {
	for _, shipped := range ShippedRouting().Queues {
		if !slices.ContainsFunc(r.Queues, func(q Queue) bool { return q.ID == shipped.ID }) {
			r.Queues = append(slices.Clone(r.Queues), shipped)
		}
	}
	return r
}

// NewRoutes changes the routing of d. Whoever makes both reads it once.
func NewRoutes(s *store.Store, d *Dispatcher) *Routes { return &Routes{store: s, dispatch: d} }

// Routing is what holds now.
func (r *Routes) Routing() Routing { return r.dispatch.Routing() }

// Trained reports whether the people of a profile were trained for what callers
// tell in private.
func (r *Routes) Trained(profile string) bool { return r.Routing().Trained(profile) }

// Change replaces the routing by what fn makes of it. When it returns nil that is
// stored and counts for the next offer. A FieldError is a sentence for the
// person. what names the part.
func (r *Routes) Change(ctx context.Context, what, by, name, via string, fn func(*Routing) error) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	next := r.Routing().clone()
	if err := fn(&next); err != nil {
		return err
	}
	return r.put(ctx, what, by, name, via, next)
}

// Check refuses what Replace would refuse of a routing that was made elsewhere.
func (r *Routes) Check(next Routing) error {
	now := r.Routing()
	next = next.with(now)
	if err := next.check(); err != nil {
		return err
	}
	return r.emptied(now, next)
}

// Replace makes a routing hold that was made elsewhere, whole or not at all.
// Lines of this hotline that it does not know are switched off, and what it says
// about none is an error.
func (r *Routes) Replace(ctx context.Context, next Routing, by, name, via string) error {
	return r.Change(ctx, "replaced", by, name, via, func(now *Routing) error { *now = next.with(*now); return nil })
}

func (r *Routes) put(ctx context.Context, what, by, name, via string, next Routing) error {
	was := r.Routing()
	if err := next.check(); err != nil { // before it is told who waits
		return err
	}
	if err := r.emptied(was, next); err != nil {
		return err
	}
	if err := putRouting(ctx, r.store, what, by, name, via, was, next); err != nil {
		return err
	}
	r.dispatch.Use(next)
	return nil
}

func putRouting(ctx context.Context, s *store.Store, what, by, name, via string, was, next Routing) error {
	for _, q := range was.Queues {
		if q.Own() && !slices.ContainsFunc(next.Queues, func(other Queue) bool { return other.ID == q.ID }) {
			return fmt.Errorf("the line %q cannot be taken away: records name it; switch it off", q.ID)
		}
	}
	if err := next.check(); err != nil {
		return err
	}
	err := s.Update(ctx, func(tx *store.Tx) error {
		v := RoutingVersion{ID: tx.NewID(), At: tx.Now(), By: by, Name: name, What: what, Routing: next}
		tx.Emit(events.Event{Kind: EventRouting, By: by, Via: via, Data: map[string]string{"what": what, "version": v.ID, "name": name}})
		for _, ev := range queueEvents(was, next) {
			ev.By, ev.Via, ev.Data = by, via, map[string]string{"name": name, "line": next.Queue(ev.Queue).Name}
			tx.Emit(ev)
		}
		return routings.Put(tx, v.ID, v)
	})
	if err != nil {
		return fmt.Errorf("storing who helps whom: %w", err)
	}
	return nil
}

// SetRouting changes what is stored: it holds from the next start on, or from
// Routes.Renew on. Whoever changes the routing of a hotline that runs has Routes.
func SetRouting(ctx context.Context, s *store.Store, what, by, name, via string, next Routing) error {
	was, err := ReadRouting(s)
	if err != nil {
		return err
	}
	return putRouting(ctx, s, what, by, name, via, was, next)
}

// Check refuses what would keep somebody from help, with a FieldError.
func (r Routing) Check() error { return r.check() }

// History is the last versions, the newest first.
func (r *Routes) History(most int) (all []RoutingVersion, err error) {
	err = r.store.View(func(tx *store.Tx) error {
		for _, v := range routings.Backward(tx) {
			if all = append(all, v); len(all) == most {
				break
			}
		}
		return nil
	})
	return all, err
}

// ErrNoVersion means that the routing was never so.
var ErrNoVersion = errors.New("there is no such version")

// Renew waits while change changes what is stored by other ways than these routes,
// and has the next offer go by what is stored then.
func (r *Routes) Renew(change func()) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	change()
	next, err := ReadRouting(r.store)
	if err != nil {
		return err
	}
	r.dispatch.Use(next)
	return nil
}

// Restore makes an older version hold again; "" is what was shipped.
func (r *Routes) Restore(ctx context.Context, id, by, name, via string) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	next := ShippedRouting()
	if id != "" {
		err := r.store.View(func(tx *store.Tx) error {
			v, err := routings.Get(tx, id)
			next = v.Routing
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return ErrNoVersion
		}
		if err != nil {
			return err
		}
	}
	return r.put(ctx, "back", by, name, via, next.complete().keeps(r.Routing()))
}

func (r Routing) clone() Routing {
	r.Queues, r.Profiles, r.Teams, r.Skills = slices.Clone(r.Queues), slices.Clone(r.Profiles), slices.Clone(r.Teams), slices.Clone(r.Skills)
	r.Emergency = slices.Clone(r.Emergency)
	for i := range r.Queues {
		r.Queues[i].Widen, r.Queues[i].Names = slices.Clone(r.Queues[i].Widen), maps.Clone(r.Queues[i].Names)
	}
	for i := range r.Profiles {
		r.Profiles[i].Lines = slices.Clone(r.Profiles[i].Lines)
	}
	for i := range r.Teams {
		r.Teams[i].Members = slices.Clone(r.Teams[i].Members)
	}
	for i := range r.Skills {
		r.Skills[i].Relax = slices.Clone(r.Skills[i].Relax)
	}
	return r
}

// Trained reports whether the people of a profile were trained for what callers
// tell in private: whoever is to be rung for that must be.
func (r Routing) Trained(profile string) bool {
	return slices.ContainsFunc(r.Profile(profile).Lines, func(l Line) bool { return l.Queue == QueuePrivate })
}

// Bounds of what can be set.
const (
	mostOfAKind  = 50 // profiles, teams, skills
	mostPriority = 9
	mostDelay    = time.Hour
	mostAgain    = 7 * 24 * time.Hour
	maxNameRunes = 64
	mostOutside  = 100 // calls at a time of a team outside
	mostWaiting  = 5000
	leastOver    = 10 * time.Second
)

// check refuses what would keep somebody from help.
func (r *Routing) check() error {
	refuse := func(format string, args ...any) error { return FieldError{Text: fmt.Sprintf(format, args...)} }
	if len(r.Profiles) > mostOfAKind || len(r.Teams) > mostOfAKind || len(r.Skills) > mostOfAKind {
		return refuse("There can be %d profiles, teams and skills each at most.", mostOfAKind)
	}
	named := func(id, name string) error {
		if id == "" || strings.ContainsAny(id, " \x00") || strings.TrimSpace(name) == "" || len([]rune(name)) > maxNameRunes {
			return refuse("Give a name of up to %d letters.", maxNameRunes)
		}
		return nil
	}
	if err := r.checkNames(refuse); err != nil {
		return err
	}
	seen := map[string]bool{}
	twice := func(kind, id string) bool { was := seen[kind+" "+id]; seen[kind+" "+id] = true; return was }
	for _, t := range r.Teams {
		if err := named(t.ID, t.Name); err != nil {
			return err
		}
		switch {
		case twice("team", t.ID):
			return refuse("There is a team with this name already.")
		case t.Outside() && (!t.Number.E164() || len(t.Members) > 0):
			return refuse("The number of a team outside is not a full one: write it with its country code, such as +12025550123.")
		case t.Outside() && (t.Calls < 1 || t.Calls > mostOutside):
			return refuse("Say how many calls the team outside takes at a time: 1 to %d.", mostOutside)
		}
	}
	for _, s := range r.Emergency {
		if strings.TrimSpace(s.Name) == "" || len([]rune(s.Name)) > maxNameRunes || !s.Number.E164() {
			return refuse("An emergency service needs a name and its full number with country code, such as +12025550123. Short numbers like 911 cannot be called from here.")
		}
	}
	for _, p := range r.Profiles {
		if err := named(p.ID, p.Name); err != nil {
			return err
		}
		if twice("profile", p.ID) {
			return refuse("There is a profile with this name already.")
		}
		if err := p.check(r.Has, refuse); err != nil {
			return err
		}
	}
	for _, q := range r.Queues {
		if twice("queue", q.ID) {
			return refuse("There is a line with this name already.")
		}
		if err := r.checkQueue(q, refuse); err != nil {
			return err
		}
	}
	for _, s := range r.Skills {
		if err := named(s.Skill, s.Skill); err != nil || twice("skill", s.Skill) {
			return refuse("Every skill needs a name of its own, without spaces.")
		}
		if err := s.check(refuse); err != nil {
			return err
		}
	}
	return nil
}

func (p Profile) check(has func(queue string) bool, refuse func(string, ...any) error) error {
	first, danger := mostPriority+1, 0
	lines := map[string]bool{}
	for _, l := range p.Lines {
		switch {
		case lines[l.Queue] || !has(l.Queue):
			return refuse("There is no such line.")
		case l.Priority < 1 || l.Priority > mostPriority:
			return refuse("The order of a line is a number from 1 to %d.", mostPriority)
		case l.Delay < 0 || l.Delay > mostDelay:
			return refuse("A line joins in after %d minutes at most.", int(mostDelay.Minutes()))
		case l.Queue == QueueLife && l.Delay > 0:
			return refuse("Nobody in danger waits while somebody is free: that line has no delay.")
		}
		lines[l.Queue] = true
		if l.Queue == QueueLife {
			danger = l.Priority
		} else {
			first = min(first, l.Priority)
		}
	}
	if danger == 0 || danger >= first {
		return refuse("Every profile takes calls of people in danger, before all others: give that line the lowest number.")
	}
	return nil
}

func (r Routing) checkQueue(q Queue, refuse func(string, ...any) error) error {
	for _, step := range q.Widen {
		team, known := r.Team(step.Team)
		switch {
		case !known:
			return refuse("There is no such team.")
		case step.After < 0 || step.After > mostDelay:
			return refuse("A team joins in after %d minutes at most.", int(mostDelay.Minutes()))
		case step.Priority < 1 || step.Priority > mostPriority:
			return refuse("The order of a line is a number from 1 to %d.", mostPriority)
		case q.ID == QueuePrivate:
			return refuse("What callers tell in private goes to people alone whose profile has that line.")
		case q.ID == QueueLife && !team.Outside():
			return refuse("Everybody takes calls of people in danger already.")
		}
	}
	switch {
	case q.ID == QueueLife && (q.Most != 0 || q.From != q.Until || q.Hours != nil || q.Over.To != ""):
		return refuse("The line for people in danger is always open, and sends nobody on.")
	case q.Most < 0 || q.Most > mostWaiting:
		return refuse("Up to %d people can wait in a line.", mostWaiting)
	case q.Over.To != "" && (q.Over.After < leastOver || q.Over.After > mostDelay || !r.mayOverflow(q)):
		return refuse("Who waits too long goes on after 10 seconds at least, to another line or to the promise of a call.")
	}
	if q.Hours != nil {
		if err := q.Hours.check(refuse); err != nil {
			return err
		}
	}
	switch {
	case q.WarnWaiting < 0 || q.WarnWaiting > mostWaiting:
		return refuse("A line is marked when up to %d people wait.", mostWaiting)
	case q.WarnOldest < 0 || q.WarnOldest > mostDelay:
		return refuse("A line is marked after %d minutes of waiting at most.", int(mostDelay.Minutes()))
	}
	if q.Again < 0 || q.Again > mostAgain {
		return refuse("Who helped before can be asked first for 7 days at most.")
	}
	if q.ID == QueueLife && !q.Urgent {
		return refuse("Nobody in danger waits for a skill.")
	}
	return nil
}

// mayOverflow reports whether callers may go on to where the queue says. What is
// told in private is not for everybody, and danger and private lines take
// nobody who has not asked for them.
func (r Routing) mayOverflow(q Queue) bool {
	if q.Over.To == OverflowPromise {
		return true
	}
	return q.ID != QueuePrivate && q.Over.To != q.ID && q.Over.To != QueueLife && q.Over.To != QueuePrivate && r.Has(q.Over.To)
}

func (s SkillRule) check(refuse func(string, ...any) error) error {
	level, after := s.Level, time.Duration(0)
	if level < 1 || level > MaxLevel {
		return refuse("A skill is wanted at a level from 1 to %d.", MaxLevel)
	}
	for _, step := range s.Relax {
		if step.Level < 0 || step.Level >= level || step.After <= after || step.After > mostDelay {
			return refuse("Every step asks for less than the one before it, and comes later: after %d minutes at most.", int(mostDelay.Minutes()))
		}
		level, after = step.Level, step.After
	}
	if strings.HasPrefix(s.Skill, languageRule) && level > 0 {
		return refuse("Anybody takes a caller in the end, whatever the language: somebody who asks a colleague is better than nobody.")
	}
	return nil
}
