package triage

import (
	"testing"
	"time"
)

// Trained people take who wants to speak in private before everybody but those
// in danger: nobody else can. Under a load of urgent calls such a caller would
// else wait for ever.
func TestTrainedPeopleTakePrivateCallsFirst(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	profiles := map[string]Profile{}
	for _, p := range ShippedProfiles() {
		profiles[p.ID] = p
	}
	private := Waiting{Contact: "private", Queue: QueuePrivate, Since: now.Add(-time.Second), Priority: 4}
	hurt := Waiting{Contact: "hurt", Queue: QueueHelp, Since: now.Add(-time.Hour), Priority: 2}
	danger := Waiting{Contact: "danger", Queue: QueueLife, Since: now, Priority: 5}
	cutOff := Waiting{Contact: "cut off", Queue: QueuePrivate, Since: now.Add(-time.Hour), Priority: -1}
	for _, one := range []struct {
		waiting []Waiting
		want    string
	}{
		{[]Waiting{hurt, private}, "private"},
		{[]Waiting{hurt, private, danger}, "danger"},
		{[]Waiting{cutOff, danger}, "danger"},
		{[]Waiting{hurt}, "hurt"},
	} {
		d := Match(Snapshot{Profiles: profiles, Waiting: one.waiting, Free: []Free{{Agent: "mara", Profile: "private", Since: now}}}, now)
		if len(d.Offers) != 1 || d.Offers[0].Contact != one.want {
			t.Errorf("of %d the trained agent is offered %+v, want %s", len(one.waiting), d.Offers, one.want)
		}
	}
}
