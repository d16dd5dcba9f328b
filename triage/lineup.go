package triage

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// How Match looks at a large room in little time: contacts that differ in
// nothing but their age stand in one group, agents that may see the same are of
// one kind, and from which age a kind sees a group is worked out once. Older
// contacts are seen by whoever sees younger ones of the same group, so only
// the first of each group has to be looked at.

// matching is one decision being made.
type matching struct {
	s      Snapshot
	now    time.Time
	groups map[groupKey]*group
	queues map[string][]*group
	kinds  []*kind      // of free agents, in the order of their longest available one
	busy   []*kind      // of those at work who are not free
	free   []*candidate // the longest available first
	levels map[[2]string]int
	offers []Offer
}

// groupKey is what contacts of one group have in common.
type groupKey struct {
	queue    string
	skills   string
	agent    string // the one agent who may see them; "" for all
	only     bool   // asked for by name, not just preferred
	away     bool   // nobody is on the line
	priority int
}

// group is contacts that wait for the same, the oldest first.
type group struct {
	groupKey
	wants  []string
	best   bool
	urgent bool
	rows   []row
	next   int // rows before it are gone
}

type row struct {
	since int64
	w     *Waiting
	gone  bool // given to somebody
}

// kind is agents who may see the same contacts.
type kind struct {
	m       *matching
	agent   string // of a kind of one: somebody a contact names
	onLine  bool   // takes only who is on the line
	lines   []Line
	skills  []Skill
	waiting []*candidate // not placed yet, the longest available first
	placed  bool         // one of them at least
	views   []view       // the lowest priority first
	top     *row         // its present choice
	topVia  *view
	nothing bool // it has no choice, and never will
}

// view is one group as a kind sees it.
type view struct {
	*group
	line  int           // priority of the line through which it is seen
	from  time.Duration // age from which it is
	skill string        // for which it waits; "" for a delay
}

type candidate struct {
	Free
	turn   int // place among the free
	kind   *kind
	placed bool
}

func newMatching(s Snapshot, now time.Time) *matching {
	m := &matching{s: s, now: now, groups: map[groupKey]*group{}, queues: map[string][]*group{}, levels: map[[2]string]int{}}
	working := make(map[string]*Free, len(s.Free)+len(s.Busy))
	for _, all := range [][]Free{s.Free, s.Busy} {
		for i := range all {
			working[all[i].Agent] = &all[i]
		}
	}
	named := map[string]bool{} // by a contact: they see what nobody else of their kind does
	for i := range s.Waiting {
		m.lineUp(&s.Waiting[i], working, named)
	}
	for _, g := range m.groups {
		slices.SortFunc(g.rows, func(a, b row) int {
			return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.w.Contact, b.w.Contact))
		})
		m.queues[g.queue] = append(m.queues[g.queue], g)
	}
	kinds := map[string]*kind{}
	var key []byte
	kindOf := func(f *Free) (k *kind, fresh bool) {
		key = append(append(key[:0], f.Profile...), 0)
		for _, team := range f.Teams {
			key = append(append(key, team...), 0)
		}
		key = append(key, 0)
		for _, skill := range f.Skills {
			key = append(append(key, skill.Name...), 0, byte(skill.Level))
		}
		if f.OnLine {
			key = append(key, 2)
		}
		agent := ""
		if named[f.Agent] {
			agent = f.Agent
			key = append(append(key, 1), agent...)
		}
		if k = kinds[string(key)]; k != nil {
			return k, false
		}
		k = &kind{m: m, agent: agent, onLine: f.OnLine, lines: s.lines(f.Profile, f.Teams), skills: f.Skills}
		kinds[string(key)] = k
		return k, true
	}
	m.free = make([]*candidate, len(s.Free))
	for i := range s.Free {
		m.free[i] = &candidate{Free: s.Free[i]}
	}
	slices.SortFunc(m.free, func(a, b *candidate) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Agent, b.Agent))
	})
	for i, a := range m.free {
		var fresh bool
		a.turn = i
		if a.kind, fresh = kindOf(&a.Free); fresh {
			m.kinds = append(m.kinds, a.kind)
		}
		a.kind.waiting = append(a.kind.waiting, a)
	}
	for i := range s.Busy {
		if k, fresh := kindOf(&s.Busy[i]); fresh {
			m.busy = append(m.busy, k)
		}
	}
	for _, k := range m.kinds {
		k.look()
	}
	return m
}

// lineUp puts a contact into its group. Who is being rung for stands in none.
func (m *matching) lineUp(w *Waiting, working map[string]*Free, named map[string]bool) {
	for agent, until := range w.NotTo {
		if until.After(m.now) {
			named[agent] = true
		}
	}
	if w.Offered != "" {
		return
	}
	key := m.key(w, working)
	g := m.groups[key]
	if g == nil {
		queue := m.s.Queues[key.queue]
		g = &group{groupKey: key, best: queue.Best, urgent: queue.Urgent, wants: strings.Fields(key.skills)}
		m.groups[key] = g
		if key.agent != "" {
			named[key.agent] = true
		}
	}
	g.rows = append(g.rows, row{since: w.Since.UnixNano(), w: w})
}

func (m *matching) key(w *Waiting, working map[string]*Free) groupKey {
	switch {
	case w.Only != "":
		return groupKey{queue: w.Queue, agent: w.Only, only: true, away: w.Away, priority: w.Priority}
	case w.Prefer != "" && w.PreferUntil.After(m.now) && m.s.takes(working[w.Prefer], w):
		return groupKey{queue: w.Queue, skills: w.Skills, agent: w.Prefer, away: w.Away, priority: w.Priority}
	}
	return groupKey{queue: w.Queue, skills: w.Skills, away: w.Away, priority: w.Priority}
}

// takes reports whether somebody, nil for nobody at work, takes contacts like w.
func (s Snapshot) takes(f *Free, w *Waiting) bool {
	return f != nil && !(f.OnLine && w.Away) && slices.ContainsFunc(s.lines(f.Profile, f.Teams), func(l Line) bool { return l.Queue == w.Queue })
}

// lines are those through which somebody sees contacts: of the profile, and of
// the teams that join in.
func (s Snapshot) lines(profile string, teams []string) []Line {
	var out []Line
	for _, line := range s.Profiles[profile].Lines {
		if s.Overflow[line.Queue] {
			line.Delay = 0
		}
		out = append(out, line)
	}
	if len(teams) == 0 {
		return out
	}
	for id, q := range s.Queues {
		for _, step := range q.Widen {
			if slices.Contains(teams, step.Team) {
				out = append(out, Line{Queue: id, Priority: step.Priority, Delay: step.After})
			}
		}
	}
	return out
}

func (k *kind) serves(queue string) bool {
	return slices.ContainsFunc(k.lines, func(l Line) bool { return l.Queue == queue })
}

// look works out which groups the kind sees, and from which age.
func (k *kind) look() {
	for _, line := range k.lines {
		for _, g := range k.m.queues[line.Queue] {
			if g.only || g.away && k.onLine || g.agent != "" && g.agent != k.agent {
				continue
			}
			from, skill := k.m.opens(g, k.skills)
			if from < line.Delay {
				from, skill = line.Delay, ""
			}
			k.views = append(k.views, view{g, line.Priority, from, skill})
		}
	}
	if k.agent != "" { // whoever is asked for by name is rung for that before anything else
		for _, g := range k.m.groups {
			if g.only && g.agent == k.agent {
				k.views = append(k.views, view{group: g, line: math.MinInt})
			}
		}
	}
	slices.SortStableFunc(k.views, func(a, b view) int { return cmp.Compare(a.line, b.line) })
}

// opens is the age from which contacts of a group may go to somebody with these
// skills, and the skill that decides it.
func (m *matching) opens(g *group, skills []Skill) (from time.Duration, skill string) {
	if g.urgent {
		return 0, ""
	}
	for _, name := range g.wants {
		if opens := m.s.rule(name).opens(level(skills, name), m.most(g.queue, name)); opens > from {
			from, skill = opens, name
		}
	}
	return from, skill
}

// most is the highest level of a skill among those at work who serve a queue.
func (m *matching) most(queue, skill string) int {
	most, known := m.levels[[2]string{queue, skill}]
	if known {
		return most
	}
	for _, all := range [][]*kind{m.kinds, m.busy} {
		for _, k := range all {
			if k.serves(queue) {
				most = max(most, level(k.skills, skill))
			}
		}
	}
	m.levels[[2]string{queue, skill}] = most
	return most
}

// choice is the contact that an agent of the kind would take now, nil when
// there is none that it may see.
func (k *kind) choice(now time.Time) (*row, *view) {
	if k.nothing || k.top != nil && !k.top.gone {
		return k.top, k.topVia
	}
	k.top, k.topVia = nil, nil
	for i := range k.views {
		v := &k.views[i]
		if k.top != nil && v.line > k.topVia.line {
			break
		}
		if r := v.first(k.agent, now); r != nil && (k.top == nil || inOrder(r.w, k.top.w) < 0) {
			k.top, k.topVia = r, v
		}
	}
	k.nothing = k.top == nil
	return k.top, k.topVia
}

// first is the first contact of the group that may be offered now, to the agent
// of a kind of one.
func (v *view) first(agent string, now time.Time) *row {
	g := v.group
	for g.next < len(g.rows) && g.rows[g.next].gone {
		g.next++
	}
	for i := g.next; i < len(g.rows); i++ {
		r := &g.rows[i]
		switch {
		case r.gone:
		case v.opensAt(r).After(now):
			return nil
		case agent != "" && r.w.NotTo[agent].After(now):
		default:
			return r
		}
	}
	return nil
}

// far is a time that does not come.
var far = time.Unix(1<<40, 0)

// opensAt is when a contact of the group comes into sight.
func (v *view) opensAt(r *row) time.Time {
	if v.from == never {
		return far
	}
	return r.w.Since.Add(v.from)
}

// chosen is who gets a contact that is a's choice: a, or the best at what it
// needs among those whose choice it is too.
func (m *matching) chosen(r *row, g *group, a *candidate) *candidate {
	if !g.best {
		return a
	}
	who, score := a, a.kind.score(g)
	for _, k := range m.kinds {
		if len(k.waiting) == 0 || k == a.kind {
			continue
		}
		next, sc := k.waiting[0], k.score(g)
		if sc < score || sc == score && next.turn > who.turn {
			continue
		}
		if top, _ := k.choice(m.now); top == r {
			who, score = next, sc
		}
	}
	return who
}

// score is how good the agents of the kind are at what a group wants.
func (k *kind) score(g *group) (sum int) {
	for _, name := range g.wants {
		sum += level(k.skills, name)
	}
	return sum
}

func (m *matching) give(r *row, a *candidate) {
	r.gone, a.placed, a.kind.placed = true, true, true
	a.kind.waiting = a.kind.waiting[1:] // the longest available of its kind
	m.offers = append(m.offers, Offer{Contact: r.w.Contact, Agent: a.Agent})
}
