package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/triage"
)

// TestAMessageIsHeardByWhoWorksOnIt leaves a message: a volunteer hears it once
// the item is taken, a coordinator at once, and the log says who did.
func TestAMessageIsHeardByWhoWorksOnIt(t *testing.T) {
	far := newScript(t)
	k := far.called(t, triage.Contact{Direction: "in", Caller: "+12025550147", Queue: "help", Language: "es"})
	said := audio.Tone(440, 2*time.Second, -12)
	if err := far.contacts.KeepMessage(t.Context(), k.ID, triage.Message{Box: "help"}, said.MuLaw()); err != nil {
		t.Fatal(err)
	}
	k, err := far.contacts.End(t.Context(), k.ID, func(k *triage.Contact, _ time.Time) {
		k.Outcome, k.Open = triage.OutcomeSelfService, triage.OpenVoicemail
	})
	if err != nil {
		t.Fatal(err)
	}
	s := startSite(t, far, nil)
	ana, boss := s.as(t, agent), s.as(t, coordinator)
	path := "/worklist/" + k.Item
	sound := path + "/message/" + k.ID + "/0"
	body := s.get(t, ana, path).body
	if got := s.get(t, ana, sound); got.status != http.StatusForbidden || strings.Contains(body, "<audio") || !strings.Contains(body, "Take the item to hear it") {
		t.Errorf("a volunteer who has not taken the item hears the message: %d", got.status)
	}
	s.post(t, ana, path, url.Values{"do": {"take"}})
	if body := s.get(t, ana, path).body; !strings.Contains(body, `src="`+sound+`"`) {
		t.Errorf("the message is not on the page: %s", body)
	}
	for who, client := range map[string]*http.Client{"who works on it": ana, "a coordinator": boss} {
		got := s.get(t, client, sound)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "audio/wav" || len(got.body) < 16000 || !strings.HasPrefix(got.body, "RIFF") {
			t.Errorf("%s hears: %d, %v, %d bytes", who, got.status, got.header, len(got.body))
		}
	}
	if got := s.get(t, boss, path+"/message/"+k.ID+"/1"); got.status != http.StatusNotFound {
		t.Errorf("a message that is not there: %d", got.status)
	}
	if log := s.get(t, s.as(t, admin), "/admin/log"); strings.Count(log.body, "Message heard") != 2 {
		t.Errorf("the log does not say twice who heard it")
	}
}

// TestWhatIsToldInPrivateIsForTrainedPeople: an ordinary volunteer finds neither
// the message nor the number, can take and close nothing of it, and a complaint
// is for those who lead.
func TestWhatIsToldInPrivateIsForTrainedPeople(t *testing.T) {
	far := newScript(t)
	items := map[string]triage.Contact{}
	for box, number := range map[string]call.Number{triage.QueuePrivate: "+12025550147", triage.BoxComplaint: "+12025550148"} {
		k := far.called(t, triage.Contact{Direction: "in", Caller: number})
		if err := far.contacts.KeepMessage(t.Context(), k.ID, triage.Message{Box: box}, audio.Tone(440, time.Second, -12).MuLaw()); err != nil {
			t.Fatal(err)
		}
		k, err := far.contacts.End(t.Context(), k.ID, func(k *triage.Contact, _ time.Time) {
			k.Outcome, k.Open = triage.OutcomeSelfService, triage.OpenVoicemail
		})
		if err != nil {
			t.Fatal(err)
		}
		items[box] = k
	}
	s := startSite(t, far, nil)
	ana, boss := s.as(t, agent), s.as(t, supervisor)
	for box, k := range items {
		path := "/worklist/" + k.Item
		if body := s.get(t, ana, "/worklist").body; strings.Contains(body, path) {
			t.Errorf("%s: it is on the list of an ordinary volunteer", box)
		}
		for _, do := range []string{"take", "queue", "close"} {
			if got := s.post(t, ana, path, url.Values{"do": {do}, "why": {"nothing to do"}}); got.status != http.StatusForbidden {
				t.Errorf("%s: an ordinary volunteer may %s it: %d", box, do, got.status)
			}
		}
		if i, _, err := far.contacts.Item(k.Item); err != nil || i.Lock.By != "" || !i.ClosedAt.IsZero() {
			t.Errorf("%s: after that the item is %+v (%v)", box, i, err)
		}
		sound := path + "/message/" + k.ID + "/0"
		for _, one := range []string{path, sound} {
			if got := s.get(t, ana, one); got.status != http.StatusForbidden {
				t.Errorf("%s: an ordinary volunteer sees %s: %d", box, one, got.status)
			}
			if got := s.get(t, boss, one); got.status != http.StatusOK {
				t.Errorf("%s: a supervisor does not see %s: %d", box, one, got.status)
			}
		}
	}
}
