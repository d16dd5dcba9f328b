package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotline/triage"
)

// talked is a call that ended as somebody said, so long ago.
func (s *script) talked(t *testing.T, k triage.Contact, ago time.Duration) triage.Contact {
	t.Helper()
	k.ReceivedAt = time.Now().Add(-ago - time.Minute)
	k = s.called(t, k)
	k, err := s.contacts.End(t.Context(), k.ID, func(k *triage.Contact, _ time.Time) {
		k.Outcome, k.EndedAt, k.Talk = triage.OutcomeAnswered, time.Now().Add(-ago), 60
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestOwnCallsAreListedCorrectedAndCalledAgain(t *testing.T) {
	far := newScript(t)
	ana := far.ids[agent]
	mine := far.talked(t, triage.Contact{Direction: "in", Caller: "+12025550147", Queue: "help", Language: "es", Agent: ana, AgentName: "Amal", Disposition: "info_given"}, 5*time.Minute)
	old := far.talked(t, triage.Contact{Direction: "in", Caller: "+12025550148", Queue: "help", Agent: ana, Disposition: "info_given"}, 2*time.Hour)
	hidden := far.talked(t, triage.Contact{Direction: "in", Caller: "+12025550149", Queue: "help", Agent: ana, Disposition: "info_given"}, time.Minute)
	far.wrote(t, hidden.ID, map[string]any{"talk_freely": "specialist"})
	others := far.talked(t, triage.Contact{Direction: "in", Caller: "+12025550199", Queue: "help", Agent: far.ids[supervisor], Disposition: "info_given"}, time.Minute)
	s := startSite(t, far, nil)
	client := s.as(t, agent)

	// D22: the day by state, of the agent alone; before it there is nothing to show.
	if body := s.get(t, client, "/desk/history").body; strings.Contains(body, "Your day by state") {
		t.Error("a day without any work has a ring")
	}
	s.aMorning(t)
	if now := time.Now(); now.Add(-40*time.Minute).Day() == now.Day() { // the morning began today
		if body := strings.Join(strings.Fields(s.get(t, client, "/desk/history").body), " "); !strings.Contains(body, `<circle cx="21" cy="21" r="15.9155" fill="none" class="arc-on_call" stroke-dasharray="82.5 17.5" stroke-dashoffset="25.0"`) ||
			!strings.Contains(body, `data-h="Longest">5 min 0 s<`) || !strings.Contains(body, "Finishing notes") {
			t.Errorf("five minutes of talk and one of notes are shown as %s", body)
		}
		if body := s.get(t, s.as(t, supervisor), "/desk/history").body; strings.Contains(body, "Your day by state") {
			t.Error("somebody else's day is shown")
		}
	}
	list := s.get(t, client, "/desk/history").body
	for want, is := range map[string]bool{"+12025550147": true, "+12025550148": true, "+12025550149": false, "Protected": true, "+12025550199": false,
		`href="/desk?again=` + mine.ID + `"`: true, `href="/desk?again=` + hidden.ID + `"`: false, "Correct the notes": true} {
		if strings.Contains(list, want) != is {
			t.Errorf("the list says %q: %v", want, !is)
		}
	}
	if strings.Count(list, "Correct the notes: Call of") != 1 {
		t.Error("only one of these calls can still be corrected")
	}
	for _, k := range []triage.Contact{hidden, others} {
		if got := s.get(t, client, "/desk/history/"+k.ID); got.status != http.StatusNotFound {
			t.Errorf("a call that is not to be seen here: %d", got.status)
		}
		if got := s.post(t, client, "/desk/history/"+k.ID, url.Values{"ending": {"callback_set"}}); got.status != http.StatusNotFound {
			t.Errorf("a call that is not to be corrected here: %d", got.status)
		}
	}
	if got := s.get(t, client, "/desk/history/"+old.ID); got.status != http.StatusOK || strings.Contains(got.body, "<textarea") || !strings.Contains(got.body, "no longer be corrected") {
		t.Errorf("a call of two hours ago: %d", got.status)
	}
	if got := s.post(t, client, "/desk/history/"+old.ID, url.Values{"ending": {"callback_set"}, "place": {"Nowhere"}}); got.status != http.StatusConflict {
		t.Errorf("correcting it: %d", got.status)
	}

	// A case needs its questions answered; then it is one, and the caller is
	// called back because the ending says so.
	path := "/desk/history/" + mine.ID
	if got := s.post(t, client, path, url.Values{"ending": {"case_opened"}, "place": {"Santa Clara"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Answer the questions about danger") {
		t.Errorf("a case without the questions: %d", got.status)
	}
	body := s.get(t, client, path).body
	if !strings.Contains(body, `value="Santa Clara"`) || !strings.Contains(body, `value="info_given" checked`) {
		t.Error("what was typed is not kept, or the ending is not what it was")
	}
	answers := url.Values{"ending": {"callback_set"}, "place": {"Santa Clara"}, "was.place": {"Santa Clara"}, "danger_now": {"no"}, "urgent_need": {"no"}, "safe_tonight": {"yes"}}
	if got := s.post(t, client, path, answers); got.status != http.StatusSeeOther || got.header.Get("Location") != "/desk/history?done=corrected" {
		t.Fatalf("correcting: %d %s", got.status, got.body)
	}
	k, err := far.contacts.Get(mine.ID)
	if err != nil || k.Disposition != "callback_set" || k.Open != triage.OpenCallBack || k.Item == "" {
		t.Errorf("after the correction: %s, open %q, item %q (%v)", k.Disposition, k.Open, k.Item, err)
	}
	if worklist := s.get(t, client, "/worklist").body; !strings.Contains(worklist, k.Item) {
		t.Error("the promise is not on the worklist")
	}

	// Protection can come late, and takes everything.
	answers.Set("talk_freely", "specialist")
	if got := s.post(t, client, path, answers); got.header.Get("Location") != "/desk/history?done=protected" {
		t.Errorf("protecting: %d %v", got.status, got.header)
	}
	if k, err := far.contacts.Get(mine.ID); err != nil || !k.Protected || k.Caller != "" {
		t.Errorf("the protected call keeps %q (%v)", k.Caller, err)
	}
}

func TestAContactWithoutACallIsWrittenDownAtTheDesk(t *testing.T) {
	far := newScript(t)
	s := startSite(t, far, nil)
	client := s.as(t, agent)
	if got := s.get(t, client, "/desk/history/new"); got.status != http.StatusOK || !strings.Contains(got.body, `action="/desk/history/new"`) {
		t.Fatalf("the form: %d", got.status)
	}
	if got := s.post(t, client, "/desk/history/new", url.Values{"channel": {"walk_in"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("nothing was typed: %d", got.status)
	}
	got := s.post(t, client, "/desk/history/new", url.Values{"channel": {"radio_relay"}, "place": {"North bridge"}, "people_total": {"3"}})
	to, err := url.Parse(got.header.Get("Location"))
	if err != nil || to.Path != "/desk/history" || to.Query().Get("done") != "new" {
		t.Fatalf("writing it down: %d %v %s", got.status, got.header, got.body)
	}
	cs, err := far.cases.ByCode(to.Query().Get("code"))
	if err != nil || cs.Fields.Place != "North bridge" || cs.OpenedBy != far.ids[agent] {
		t.Errorf("the case: %+v (%v)", cs, err)
	}
	if body := s.get(t, client, to.String()).body; !strings.Contains(body, "The code of the case is ") {
		t.Error("the code is not told")
	}
}
