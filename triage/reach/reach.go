// Package reach says how callers come into a line, and what else leans on it:
// the numbers and the phone dialogues that lead there, the lines that send
// callers on, the profiles whose people answer, and whoever is to be called. So
// nobody makes a line that no caller can reach without knowing it, and nobody
// switches one off to which something still leads.
package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/triage"
)

// Number is a number of the hotline and where it leads: a flow, or a queue at
// once.
type Number struct{ Number, Flow, Queue string }

// Contacts are who is to be called.
type Contacts interface {
	QueuedCallBacks() ([]triage.Item, error)
	Rounds() ([]triage.Round, error)
}

// Config is what a Map reads. All of it may change while the hotline runs.
type Config struct {
	Routes   *triage.Routes
	Flows    func() *flow.FlowSet // in use
	Numbers  func() []Number
	Contacts Contacts
}

// Map knows what leads where.
type Map struct{ cfg Config }

// New makes a map.
func New(cfg Config) *Map { return &Map{cfg} }

// Kind is what leads to a queue or leans on it.
type Kind string

// Kinds of uses. By the first three callers come in.
const (
	ByNumber Kind = "number"   // leads there at once: Name
	ByFlow   Kind = "flow"     // the dialogue Name does, in Step ("" where it cannot go on)
	ByLine   Kind = "line"     // the line Name sends callers on who wait too long
	Profile  Kind = "profile"  // its people answer: Name
	CallBack Kind = "callback" // so many people are to be called back: N
	Round    Kind = "round"    // calls people for it: Name
)

// Use is one thing that leads to a queue or leans on it.
type Use struct {
	Queue string
	Kind  Kind
	Name  string
	Step  string
	N     int
	Met   bool // of a dialogue: a number leads to it and it to the queue, so callers come that way
}

// Ways are the uses by which callers come in.
func Ways(uses []Use) []Use {
	return slices.DeleteFunc(slices.Clone(uses), func(u Use) bool {
		return u.Kind != ByNumber && u.Kind != ByLine && (u.Kind != ByFlow || !u.Met)
	})
}

// always are dialogues to which no number has to lead: every call may meet them.
var always = []string{ivr.FlowClosed, ivr.FlowWaiting, ivr.FlowWaitingDanger, ivr.FlowWaitingQuiet}

// All is what leads to queues or leans on them, by queue, those that there are
// not among them.
func (m *Map) All() (map[string][]Use, error) {
	routing, flows := m.cfg.Routes.Routing(), m.cfg.Flows()
	all := map[string][]Use{}
	note := func(u Use) {
		if !slices.Contains(all[u.Queue], u) {
			all[u.Queue] = append(all[u.Queue], u)
		}
	}
	begin := slices.Clone(always)
	for _, n := range m.cfg.Numbers() {
		if n.Queue != "" {
			note(Use{Queue: n.Queue, Kind: ByNumber, Name: n.Number})
		}
		begin = append(begin, n.Flow)
	}
	met := flows.Met(begin...)
	for _, step := range flows.Queues() {
		note(Use{Queue: step.Queue, Kind: ByFlow, Name: step.Flow, Step: step.Step, Met: met[step.Flow] && !step.Asks})
	}
	for _, q := range routing.Lines() {
		if q.Over.To != "" && q.Over.To != triage.OverflowPromise {
			note(Use{Queue: q.Over.To, Kind: ByLine, Name: q.ID})
		}
	}
	for _, p := range routing.Profiles {
		for _, line := range p.Lines {
			note(Use{Queue: line.Queue, Kind: Profile, Name: p.ID})
		}
	}
	due, err1 := m.cfg.Contacts.QueuedCallBacks()
	rounds, err2 := m.cfg.Contacts.Rounds()
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("looking for what leads to the lines: %w", err)
	}
	waiting := map[string]int{}
	for _, i := range due {
		waiting[i.Back.Queue]++
	}
	for queue, n := range waiting {
		note(Use{Queue: queue, Kind: CallBack, N: n})
	}
	for _, r := range rounds {
		if r.EndedAt.IsZero() {
			note(Use{Queue: r.Queue, Kind: Round, Name: r.Name})
		}
	}
	return all, nil
}

// Lost are uses by which callers are sent to queues that there are not: they come
// to those who help everybody until somebody adds the queue or changes what
// leads there.
func (m *Map) Lost() ([]Use, error) {
	all, err := m.All()
	routing := m.cfg.Routes.Routing()
	var lost []Use
	for queue, uses := range all {
		if !routing.Has(queue) {
			lost = append(lost, Ways(uses)...)
		}
	}
	slices.SortFunc(lost, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Step, b.Step))
	})
	return lost, err
}

// InUseError refuses to switch a queue off to which something leads.
type InUseError struct{ Uses []Use }

func (e InUseError) Error() string {
	return fmt.Sprintf("the line is in use: %d things lead to it or lean on it", len(e.Uses))
}

// SwitchOff lets no callers into a queue any more. It is refused while anything
// leads there, and while anybody waits.
func (m *Map) SwitchOff(ctx context.Context, queue, by, name, via string) error {
	all, err := m.All()
	if err != nil {
		return err
	}
	if uses := all[queue]; len(uses) > 0 {
		return InUseError{uses}
	}
	return m.switched(ctx, queue, true, by, name, via)
}

// SwitchOn lets callers in again. Who answers has to be chosen anew.
func (m *Map) SwitchOn(ctx context.Context, queue, by, name, via string) error {
	return m.switched(ctx, queue, false, by, name, via)
}

func (m *Map) switched(ctx context.Context, queue string, off bool, by, name, via string) error {
	what := "line.on"
	if off {
		what = "line.off"
	}
	return m.cfg.Routes.Change(ctx, what, by, name, via, func(next *triage.Routing) error {
		i := slices.IndexFunc(next.Queues, func(q triage.Queue) bool { return q.ID == queue })
		if i < 0 {
			return triage.FieldError{Text: "There is no such line."}
		}
		next.Queues[i].Off = off
		return nil
	})
}
