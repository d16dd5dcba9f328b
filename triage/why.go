package triage

import (
	"cmp"
	"time"
)

// Reason says why a contact still waits or an agent is idle, as a code that
// screens put in words.
type Reason string

// Reasons of contacts.
const (
	WhyRinging  Reason = "ringing"           // an agent is being rung
	WhyNobody   Reason = "nobody_signed_in"  // no agent serves this queue
	WhyBusy     Reason = "all_busy"          // those who serve it are busy or on a break
	WhyDelay    Reason = "delay"             // free agents may not see it yet
	WhyDeclined Reason = "declined_by_free"  // free agents said not now
	WhyHigher   Reason = "higher_goes_first" // free agents take somebody before it
	WhySkill    Reason = "skill"             // free agents lack a skill, and may have it later at most
	WhyUnable   Reason = "nobody_able"       // nobody at work has a skill without which it goes to nobody
	WhyPrefers  Reason = "prefers"           // who helped before is busy, and is waited for a moment
)

// Reasons of free agents.
const (
	IdleNobody   Reason = "idle_nobody"   // nobody waits in the agent's lines
	IdleNoLine   Reason = "idle_no_line"  // the agent serves no line
	IdleDelay    Reason = "idle_delay"    // who waits is for others first
	IdleSkill    Reason = "idle_skill"    // who waits needs a skill that the agent lacks
	IdleDeclined Reason = "idle_declined" // the agent said not now to who waits
	IdlePrefers  Reason = "idle_prefers"  // who waits prefers somebody else for a moment
)

// Why is a reason with what belongs to it.
type Why struct {
	Reason Reason    `json:"reason"`
	Skill  string    `json:"skill,omitempty"` // that is missing
	Agent  string    `json:"agent,omitempty"` // who is rung or preferred
	Until  time.Time `json:"until,omitzero"`  // when it is over at the latest, if time alone ends it
}

// ahead is what a group looks like to the agents who were free.
type ahead struct {
	idle, placed *view  // seen soonest by somebody who got nothing, and by somebody who got another contact
	named        []seer // kinds of one, to whom some contacts do not go
	late         *view  // of those at work when none of them may ever have these contacts
	able, served bool   // by somebody at work
}

type seer struct {
	*kind
	v *view
}

// explained says what was decided and why nothing else was.
func (m *matching) explained() Decision {
	d := Decision{Offers: m.offers, Why: make(map[string]Why, len(m.s.Waiting)), Idle: map[string]Why{}}
	seen := make(map[*group]*ahead, len(m.groups))
	for _, g := range m.groups {
		seen[g] = &ahead{}
	}
	for _, k := range m.kinds {
		for i := range k.views {
			seen[k.views[i].group].note(k, &k.views[i])
		}
	}
	for _, g := range m.groups {
		a := seen[g]
		m.notePresent(g, a)
		for i := range g.rows {
			if r := &g.rows[i]; !r.gone {
				d.Why[r.w.Contact] = m.whyWaits(g, r, a)
			}
		}
	}
	for i := range m.s.Waiting {
		if w := &m.s.Waiting[i]; w.Offered != "" {
			d.Why[w.Contact] = Why{Reason: WhyRinging, Agent: w.Offered}
		}
	}
	for _, k := range m.kinds {
		if len(k.waiting) == 0 {
			continue
		}
		why := m.whyIdle(k)
		d.Next = earlier(d.Next, why.Until)
		for _, a := range k.waiting {
			d.Idle[a.Agent] = why
		}
	}
	return d
}

func (a *ahead) note(k *kind, v *view) {
	if k.agent != "" {
		a.named = append(a.named, seer{k, v})
		return
	}
	if k.placed {
		a.placed = soonest(a.placed, v)
	}
	if len(k.waiting) > 0 {
		a.idle = soonest(a.idle, v)
	}
}

// soonest is the view that opens first; of two that open together, what they
// say of the wait decides, so that the order of the agents does not.
func soonest(a, b *view) *view {
	switch {
	case a == nil:
		return b
	case b == nil, a.from < b.from, a.from == b.from && a.skill <= b.skill:
		return a
	}
	return b
}

// notePresent looks whether anybody at work serves the group's queue, and
// whether one of them may ever have its contacts.
func (m *matching) notePresent(g *group, a *ahead) {
	for _, all := range [][]*kind{m.kinds, m.busy} {
		for _, k := range all {
			if a.able || !k.serves(g.queue) || g.away && k.onLine {
				continue
			}
			from, skill := m.opens(g, k.skills)
			a.served, a.able = true, from != never
			a.late = soonest(a.late, &view{group: g, from: from, skill: skill})
		}
	}
}

func (m *matching) whyWaits(g *group, r *row, a *ahead) Why {
	idle, placed := a.idle, a.placed
	var declined time.Time
	for _, one := range a.named {
		until, free := r.w.NotTo[one.agent], len(one.waiting) > 0
		switch {
		case until.After(m.now) && free:
			declined = earlier(declined, until)
		case until.After(m.now):
		case free:
			idle = soonest(idle, one.v)
		default:
			placed = soonest(placed, one.v)
		}
	}
	switch {
	case g.only && !declined.IsZero():
		return Why{Reason: WhyDeclined, Agent: g.agent, Until: declined}
	case g.only:
		return Why{Reason: WhyBusy, Agent: g.agent}
	case g.agent != "" && declined.IsZero():
		return Why{Reason: WhyPrefers, Agent: g.agent, Until: r.w.PreferUntil}
	case m.s.Signed[g.queue] == 0:
		return Why{Reason: WhyNobody}
	case placed != nil && !placed.opensAt(r).After(m.now):
		return Why{Reason: WhyHigher}
	case !declined.IsZero():
		return Why{Reason: WhyDeclined, Until: declined}
	case a.served && !a.able:
		return Why{Reason: WhyUnable, Skill: a.late.skill}
	}
	free := soonest(idle, placed)
	switch {
	case free == nil:
		return Why{Reason: WhyBusy}
	case free.from == never: // they will never have it; who is busy may
		return Why{Reason: WhySkill, Skill: free.skill}
	}
	return free.closed(r)
}

// closed says why a contact is not in sight yet.
func (v *view) closed(r *row) Why {
	why := Why{Reason: WhyDelay, Until: v.opensAt(r)}
	if v.skill != "" {
		why.Reason, why.Skill = WhySkill, v.skill
	}
	return why
}

// whyIdle says why the agents of a kind got nobody, and when that may change.
func (m *matching) whyIdle(k *kind) Why {
	why := Why{Reason: IdleNobody}
	if len(k.lines) == 0 {
		why.Reason = IdleNoLine
	}
	better := func(other Why) { // the one that ends first; what never ends by itself comes last
		if why.Reason == IdleNobody || other.before(why) {
			why = other
		}
	}
	for i := range k.views {
		v := &k.views[i]
		for j := v.next; j < len(v.rows); j++ {
			r := &v.rows[j]
			if r.gone {
				continue
			}
			until, declined := v.opensAt(r), r.w.NotTo[k.agent]
			switch {
			case v.from == never:
				better(Why{Reason: IdleSkill, Skill: v.skill})
			case k.agent != "" && declined.After(until) && declined.After(m.now):
				better(Why{Reason: IdleDeclined, Until: declined})
			case v.skill != "":
				better(Why{Reason: IdleSkill, Skill: v.skill, Until: until})
			default:
				better(Why{Reason: IdleDelay, Until: until})
			}
			if !declined.After(m.now) { // the younger ones come later
				break
			}
		}
	}
	for _, line := range k.lines {
		for _, g := range m.queues[line.Queue] {
			if g.only || g.away && k.onLine || g.agent == "" || g.agent == k.agent {
				continue
			}
			for i := range g.rows {
				if r := &g.rows[i]; !r.gone {
					better(Why{Reason: IdlePrefers, Agent: g.agent, Until: r.w.PreferUntil})
				}
			}
		}
	}
	return why
}

// before orders reasons by when they end; among those that end together the
// order is any, but always the same.
func (w Why) before(other Why) bool {
	if w.Until.IsZero() != other.Until.IsZero() {
		return other.Until.IsZero()
	}
	return cmp.Or(w.Until.Compare(other.Until), cmp.Compare(w.Reason, other.Reason), cmp.Compare(w.Skill, other.Skill), cmp.Compare(w.Agent, other.Agent)) < 0
}
