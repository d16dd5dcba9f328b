// Package reports computes what happened from the stored events and from nothing
// else: the same events give the same figures, today and in a year, whether they
// were counted one by one as they came or all at once. The formulas are those of
// features.md §4.3.
package reports

import (
	"math"
	"slices"
	"time"

	"hotline/triage"
)

// Figures are sums that can be added up over hours. Times are milliseconds, so
// that no sum depends on the order of its parts.
//
// What a contact adds counts for the hour in which it entered the queue (or, if
// it never did, began), also when it happens later: so every rate compares the
// same contacts. Busy and Available are the agents' time and count for the hour
// in which it passes.
type Figures struct {
	Attempts int `json:"attempts"` // calls that arrived, refused ones too
	Rejected int `json:"rejected"` // of them, refused or not answered: the box was full, or a flash call
	People   int `json:"people"`   // different numbers of a day; a withheld one counts as a person of its own
	Reached  int `json:"reached"`  // of them, who have talked with a person, then or later
	Finished int `json:"finished"` // calls of people who seek help that were answered and are over
	Self     int `json:"self"`     // of them, finished by the dialogue

	Offered   int   `json:"offered"` // entered the queue
	Handled   int   `json:"handled"` // talked with an agent
	Abandoned int   `json:"abandoned"`
	Promised  int   `json:"promised"` // left the queue to be called back
	QueueMS   int64 `json:"queue_ms"` // of handled contacts, until the first agent
	LeftMS    int64 `json:"left_ms"`  // of abandoned ones, until they left
	TalkMS    int64 `json:"talk_ms"`
	HoldMS    int64 `json:"hold_ms"`
	WrapMS    int64 `json:"wrap_ms"`

	Waits  Histogram `json:"waits"` // of handled contacts
	Leaves Histogram `json:"leaves"`

	BusyMS      int64 `json:"busy_ms"`      // agents talking, on hold, or writing notes
	AvailableMS int64 `json:"available_ms"` // agents ready

	// Of an agent alone: how long each state was kept (D22). A stay counts whole, for
	// the hour in which it began.
	Stays *[len(stayed)]Stay `json:"stays,omitempty"`

	CallsOut        int `json:"calls_out"` // that agents made, call-backs among them
	CallsOutReached int `json:"calls_out_reached"`
	Missed          int `json:"missed"` // offers that rang out
	Declined        int `json:"declined"`
}

// stayed are the states in which time is spent at work, in the order of pages.
var stayed = [...]triage.AgentState{triage.OnCall, triage.WrapUp, triage.Ready, triage.Offered, triage.OnBreak, triage.Missed}

// Stay is how long somebody was in one state: how often, all of it and the
// longest time.
type Stay struct {
	N         int   `json:"n"`
	MS        int64 `json:"ms"`
	LongestMS int64 `json:"longest_ms"`
}

// Mean is the usual time in the state.
func (s Stay) Mean() (time.Duration, bool) { return meanOf(s.MS, s.N) }

// StateStay is that of a state.
type StateStay struct {
	State triage.AgentState
	Stay
}

// StayedIn are the states in which somebody was, in the order of pages.
func (f Figures) StayedIn() (list []StateStay) {
	if f.Stays == nil {
		return nil
	}
	for i, s := range f.Stays {
		if s.N > 0 {
			list = append(list, StateStay{stayed[i], s})
		}
	}
	return list
}

// stay counts one time in a state.
func (f *Figures) stay(state triage.AgentState, d time.Duration) {
	i := slices.Index(stayed[:], state)
	if i < 0 || d <= 0 {
		return
	}
	if f.Stays == nil {
		f.Stays = new([len(stayed)]Stay)
	}
	f.Stays[i].add(Stay{1, d.Milliseconds(), d.Milliseconds()})
}

func (s *Stay) add(other Stay) {
	s.N += other.N
	s.MS += other.MS
	s.LongestMS = max(s.LongestMS, other.LongestMS)
}

// own is a copy that shares nothing.
func (f Figures) own() *Figures {
	if f.Stays != nil {
		stays := *f.Stays
		f.Stays = &stays
	}
	return &f
}

// steps are the waits, in seconds, at which counts are kept: service level and
// short abandons can be asked for at each of them without reading the events
// again.
var steps = [...]int{5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1200, 1800, 3600}

// Steps are the times at which a service level can be asked for.
func Steps() []time.Duration {
	var out []time.Duration
	for _, s := range steps {
		out = append(out, time.Duration(s)*time.Second)
	}
	return out
}

// Histogram counts waits up to each step, and beyond the last one.
type Histogram [len(steps) + 1]int

func (h *Histogram) add(d time.Duration, n int) {
	for i, s := range steps {
		if d <= time.Duration(s)*time.Second {
			h[i] += n
			return
		}
	}
	h[len(steps)] += n
}

// Within counts the waits of at most d, which is one of Steps; another d counts
// as the next smaller one.
func (h Histogram) Within(d time.Duration) (n int) {
	for i, s := range steps {
		if time.Duration(s)*time.Second > d {
			break
		}
		n += h[i]
	}
	return n
}

// Quantile is the step that the share of all waits does not exceed; a wait
// beyond the last step is told as that one.
func (h Histogram) Quantile(share float64) time.Duration {
	all := 0
	for _, n := range h {
		all += n
	}
	if all == 0 {
		return 0
	}
	need, n := int(math.Ceil(share*float64(all))), 0
	for i, s := range steps {
		if n += h[i]; n >= need {
			return time.Duration(s) * time.Second
		}
	}
	return time.Duration(steps[len(steps)-1]) * time.Second
}

// Terms are what an organisation has agreed on: answered within Within is in
// time, and who leaves within Short may have dialled wrongly.
type Terms struct{ Within, Short time.Duration }

// Agreed are the terms to begin with.
func Agreed() Terms { return Terms{Within: 60 * time.Second, Short: 5 * time.Second} }

// Each rate is false when there is nothing to divide by: no figure is better
// than a wrong one.

func ratio(a, b int64) (float64, bool) {
	if b <= 0 {
		return 0, false
	}
	return float64(a) / float64(b), true
}

func meanOf(ms int64, n int) (time.Duration, bool) {
	if n <= 0 {
		return 0, false
	}
	return time.Duration(ms/int64(n)) * time.Millisecond, true
}

// ShortAbandons are those who left within the time that is agreed on.
func (f Figures) ShortAbandons(t Terms) int { return f.Leaves.Within(t.Short) }

// Abandonment is abandoned / offered. Who was promised a call-back has not
// abandoned, and is no longer counted as offered.
func (f Figures) Abandonment() (float64, bool) {
	return ratio(int64(f.Abandoned), int64(f.Offered-f.Promised))
}

// ASA is the average speed of answer: the mean queue time of handled contacts.
func (f Figures) ASA() (time.Duration, bool) { return meanOf(f.QueueMS, f.Handled) }

// AbandonTime is the mean queue time of abandoned contacts.
func (f Figures) AbandonTime() (time.Duration, bool) { return meanOf(f.LeftMS, f.Abandoned) }

// AHT is the average handle time: (talk + hold + after-call work) / handled.
func (f Figures) AHT() (time.Duration, bool) {
	return meanOf(f.TalkMS+f.HoldMS+f.WrapMS, f.Handled)
}

// ServiceLevel is answered within T / (handled + abandoned - short abandons).
func (f Figures) ServiceLevel(t Terms) (float64, bool) {
	return ratio(int64(f.Waits.Within(t.Within)), int64(f.Handled+f.Abandoned-f.ShortAbandons(t)))
}

// Occupancy is (talk + hold + after-call work) / (that + available), of the
// agents' time.
func (f Figures) Occupancy() (float64, bool) { return ratio(f.BusyMS, f.BusyMS+f.AvailableMS) }

// Reach is people reached / people who tried.
func (f Figures) Reach() (float64, bool) { return ratio(int64(f.Reached), int64(f.People)) }

// Containment is the share of calls that the dialogue finished without an agent.
func (f Figures) Containment() (float64, bool) { return ratio(int64(f.Self), int64(f.Finished)) }

// add adds other's sums.
func (f *Figures) add(other Figures) {
	f.Attempts += other.Attempts
	f.Rejected += other.Rejected
	f.People += other.People
	f.Reached += other.Reached
	f.Finished += other.Finished
	f.Self += other.Self
	f.Offered += other.Offered
	f.Handled += other.Handled
	f.Abandoned += other.Abandoned
	f.Promised += other.Promised
	f.QueueMS += other.QueueMS
	f.LeftMS += other.LeftMS
	f.TalkMS += other.TalkMS
	f.HoldMS += other.HoldMS
	f.WrapMS += other.WrapMS
	for i := range f.Waits {
		f.Waits[i] += other.Waits[i]
		f.Leaves[i] += other.Leaves[i]
	}
	if other.Stays != nil {
		if f.Stays == nil {
			f.Stays = new([len(stayed)]Stay)
		}
		for i := range f.Stays {
			f.Stays[i].add(other.Stays[i])
		}
	}
	f.BusyMS += other.BusyMS
	f.AvailableMS += other.AvailableMS
	f.CallsOut += other.CallsOut
	f.CallsOutReached += other.CallsOutReached
	f.Missed += other.Missed
	f.Declined += other.Declined
}
