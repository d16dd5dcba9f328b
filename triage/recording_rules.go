package triage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hotline/appliance/store"
	"hotline/appliance/switches"
)

// RecordingPolicy says whether the calls of a line are recorded.
type RecordingPolicy string

// Policies, in the order of how much is recorded.
const (
	RecordNever   RecordingPolicy = "never"
	RecordByAgent RecordingPolicy = "agent"  // the agent may switch it on and off
	RecordAlways  RecordingPolicy = "always" // callers are told before they are connected
)

// RecordingPolicies lists them.
func RecordingPolicies() []RecordingPolicy {
	return []RecordingPolicy{RecordNever, RecordByAgent, RecordAlways}
}

// Stricter is the policy that records less.
func (p RecordingPolicy) Stricter(other RecordingPolicy) RecordingPolicy {
	all := RecordingPolicies()
	return all[max(0, min(slices.Index(all, p), slices.Index(all, other)))]
}

// RecordingRules is what is recorded and for how long it is kept. They are
// changed while calls run: what becomes stricter counts for running calls too.
// Above them is the switch for all, switches.Recording (L7).
type RecordingRules struct {
	Purpose  string                     `json:"purpose,omitempty"`
	KeepDays int                        `json:"keep_days"`
	Queues   map[string]RecordingPolicy `json:"queues,omitempty"` // a line that is not here is never recorded
}

// Limits of the rules (domain 4.4: 30 days).
const (
	defaultKeepDays = 30
	maxKeepDays     = 365
	minPurpose      = 10 // letters
)

var recordingRules = store.NewTable[RecordingRules]("recording_rules")

const presentRules = "present"

func readRules(s *store.Store) (rules RecordingRules, err error) {
	err = s.View(func(tx *store.Tx) error {
		rules, err = recordingRules.Get(tx, presentRules)
		if errors.Is(err, store.ErrNotFound) {
			rules, err = RecordingRules{KeepDays: defaultKeepDays}, nil
		}
		return err
	})
	return rules, err
}

// Rules are the rules in force.
func (r *Recordings) Rules() RecordingRules {
	rules := *r.rules.Load()
	rules.Queues = maps.Clone(rules.Queues)
	return rules
}

// Policy is the policy for calls of a line now.
func (r *Recordings) Policy(queue string) RecordingPolicy {
	if p, ok := r.rules.Load().Queues[queue]; ok && !r.panel.Off(switches.Recording) {
		return p
	}
	return RecordNever
}

// SetRules replaces the rules. When it returns nil they are stored and count,
// for running calls as well. Its FieldError is a sentence for the person.
func (r *Recordings) SetRules(ctx context.Context, next RecordingRules, account string) error {
	if err := next.check(); err != nil {
		return err
	}
	next.Queues = maps.Clone(next.Queues)
	ev := by(account)
	ev.Kind = "recording.rules_changed"
	ev.Data = map[string]string{"keep_days": strconv.Itoa(next.KeepDays)}
	for queue, policy := range next.Queues {
		ev.Data["queue:"+queue] = string(policy)
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	err := r.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(ev)
		return recordingRules.Put(tx, presentRules, next)
	})
	if err == nil {
		r.rules.Store(&next)
	}
	return err
}

// Renew waits while change changes the stored rules by other ways than these
// recordings, and goes by what is stored then.
func (r *Recordings) Renew(change func()) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	change()
	rules, err := readRules(r.store)
	if err != nil {
		return fmt.Errorf("reading the rules for recording: %w", err)
	}
	r.rules.Store(&rules)
	return nil
}

func (rules *RecordingRules) check() error {
	rules.Purpose = strings.TrimSpace(clean(rules.Purpose))
	records := false
	for _, policy := range rules.Queues {
		if !slices.Contains(RecordingPolicies(), policy) {
			return FieldError{"policy", "Choose one of the answers on the page."}
		}
		records = records || policy != RecordNever
	}
	switch {
	case records && len([]rune(rules.Purpose)) < minPurpose:
		return FieldError{"purpose", "Write down what the recordings are for. Without a purpose no call may be recorded."}
	case len([]rune(rules.Purpose)) > maxText:
		return FieldError{"purpose", fmt.Sprintf("This text is too long to save: %d characters at most.", maxText)}
	case rules.KeepDays < 1 || rules.KeepDays > maxKeepDays:
		return FieldError{"keep_days", fmt.Sprintf("Enter for how many days recordings are kept: 1 to %d.", maxKeepDays)}
	}
	return nil
}
