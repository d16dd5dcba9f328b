package triage

import (
	"slices"
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

var room = map[string]Profile{
	"both":       {ID: "both", Lines: []Line{{Queue: "help", Priority: 1}, {Queue: "volunteers", Priority: 2}}},
	"volunteers": {ID: "volunteers", Lines: []Line{{Queue: "volunteers", Priority: 1}, {Queue: "help", Priority: 2, Delay: 30 * time.Second}}},
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		name    string
		waiting []Waiting
		free    []Free
		now     int
		offers  []Offer
		why     map[string]Reason
		next    time.Time
	}{
		{name: "the longest available agent gets the longest waiting caller",
			waiting: []Waiting{{Contact: "b", Queue: "help", Since: at(5)}, {Contact: "a", Queue: "help", Since: at(1)}},
			free:    []Free{{Agent: "x", Profile: "both", Since: at(3)}, {Agent: "y", Profile: "both", Since: at(2)}}, now: 10,
			offers: []Offer{{"a", "y"}, {"b", "x"}}},
		{name: "a lower line priority goes first, however short its wait",
			waiting: []Waiting{{Contact: "old", Queue: "volunteers", Since: at(0)}, {Contact: "new", Queue: "help", Since: at(9)}},
			free:    []Free{{Agent: "x", Profile: "both", Since: at(3)}}, now: 10,
			offers: []Offer{{"new", "x"}}, why: map[string]Reason{"old": WhyHigher}},
		{name: "a delay hides a contact from idle agents until it is that old",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0)}},
			free:    []Free{{Agent: "v", Profile: "volunteers", Since: at(0)}}, now: 29,
			why: map[string]Reason{"a": WhyDelay}, next: at(30)},
		{name: "after the delay they see it",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0)}},
			free:    []Free{{Agent: "v", Profile: "volunteers", Since: at(0)}}, now: 30,
			offers: []Offer{{"a", "v"}}},
		{name: "when both profiles may see it the longest idle over all of them wins",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0)}},
			free:    []Free{{Agent: "b", Profile: "both", Since: at(20)}, {Agent: "v", Profile: "volunteers", Since: at(10)}}, now: 31,
			offers: []Offer{{"a", "v"}}},
		{name: "whoever said not now is left out, the next one is asked",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0), NotTo: map[string]time.Time{"x": at(40)}}},
			free:    []Free{{Agent: "x", Profile: "both", Since: at(0)}, {Agent: "y", Profile: "both", Since: at(5)}}, now: 10,
			offers: []Offer{{"a", "y"}}},
		{name: "alone, the caller waits and it is said why and until when",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0), NotTo: map[string]time.Time{"x": at(40)}}},
			free:    []Free{{Agent: "x", Profile: "both", Since: at(0)}}, now: 10,
			why: map[string]Reason{"a": WhyDeclined}, next: at(40)},
		{name: "nobody is rung twice for one caller",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0), Offered: "z"}},
			free:    []Free{{Agent: "x", Profile: "both", Since: at(0)}}, now: 10,
			why: map[string]Reason{"a": WhyRinging}},
		{name: "a transfer to one agent rings there and nowhere else, before everything that waits",
			waiting: []Waiting{{Contact: "old", Queue: "help", Since: at(0)}, {Contact: "mine", Queue: "volunteers", Since: at(9), Only: "x"}},
			free:    []Free{{Agent: "y", Profile: "both", Since: at(1)}, {Agent: "x", Profile: "both", Since: at(3)}}, now: 10,
			offers: []Offer{{"old", "y"}, {"mine", "x"}}},
		{name: "a transfer to a busy agent waits for that agent",
			waiting: []Waiting{{Contact: "mine", Queue: "help", Since: at(9), Only: "x"}},
			free:    []Free{{Agent: "y", Profile: "both", Since: at(1)}}, now: 10,
			why: map[string]Reason{"mine": WhyBusy}},
		{name: "nobody signed in",
			waiting: []Waiting{{Contact: "a", Queue: "nowhere", Since: at(0)}}, now: 10,
			why: map[string]Reason{"a": WhyNobody}},
		{name: "all are busy",
			waiting: []Waiting{{Contact: "a", Queue: "help", Since: at(0)}}, now: 10,
			why: map[string]Reason{"a": WhyBusy}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := Snapshot{Profiles: room, Waiting: tc.waiting, Free: tc.free, Signed: map[string]int{"help": 3, "volunteers": 3}}
			got := Match(s, at(tc.now))
			if !slices.Equal(got.Offers, tc.offers) {
				t.Errorf("offers %v, want %v", got.Offers, tc.offers)
			}
			for contact, want := range tc.why {
				if got.Why[contact].Reason != want {
					t.Errorf("%s waits because %q, want %q", contact, got.Why[contact].Reason, want)
				}
			}
			if len(got.Why)+len(got.Offers) != len(tc.waiting) {
				t.Errorf("%d reasons and %d offers for %d contacts", len(got.Why), len(got.Offers), len(tc.waiting))
			}
			if !got.Next.Equal(tc.next) {
				t.Errorf("look again at %v, want %v", got.Next, tc.next)
			}
		})
	}
}

func TestPositionCountsThoseServedBefore(t *testing.T) {
	waiting := []Waiting{{Contact: "a", Queue: "help", Since: at(9)}, {Contact: "b", Queue: "help", Since: at(1)},
		{Contact: "c", Queue: "volunteers", Since: at(0)}, {Contact: "d", Queue: "help", Since: at(20), Priority: -1}}
	for contact, want := range map[string]int{"d": 1, "b": 2, "a": 3, "c": 1, "gone": 0} {
		if got := Position(waiting, contact); got != want {
			t.Errorf("position of %s is %d, want %d", contact, got, want)
		}
	}
}
