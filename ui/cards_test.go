package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers/roster"
)

func (s *script) newestCard(t *testing.T, kind string) cards.Card {
	t.Helper()
	var found cards.Card
	if err := s.filed(t).Each(kind, func(c cards.Card) bool { found = c; return false }); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestRecordsBesideCasesAreWrittenAndFound(t *testing.T) {
	far := newScript(t)
	k := far.called(t, triage.Contact{Caller: "+12025550147", Direction: "in"})
	far.wrote(t, k.ID, map[string]any{"place": "Santa Clara"})
	s := startSite(t, far, nil)
	client := s.as(t, coordinator)
	cs := s.firstCase(t)
	add := func(path string, form url.Values, want int) answer {
		t.Helper()
		got := s.post(t, client, "/records/new/card/"+path, form)
		if got.status != want {
			t.Errorf("%s %v: %d, not %d", path, form, got.status, want)
		}
		return got
	}
	sees(t, add("missing_persons", url.Values{"description": {"tall"}}, http.StatusUnprocessableEntity), []string{"Full name: This question must be answered.", ">tall<"})
	add("missing_persons", url.Values{"full_name": {"José <b>Muñoz</b>"}, "phone_carried": {"(202) 555-0199"}, "child": {"yes"}, "last_seen_at": {"2026-11-20T08:30"}}, http.StatusSeeOther)
	lost := s.newestCard(t, cards.MissingPersons)
	if lost.Value("phone_carried") != "+12025550199" || lost.Value("child") != "yes" {
		t.Errorf("stored %+v", lost)
	}
	sees(t, s.get(t, client, "/records?tab=missing_persons&q=munos"), []string{"José &lt;b&gt;Muñoz", lost.Code, "Somebody is missing"})
	path := "/records/cards/" + lost.ID
	sees(t, s.get(t, client, path), []string{"Never tell a seeker", "Add news", "Opened"}, "<b>Muñoz")
	add("missing_notes", url.Values{"author_name": {"Ana"}}, http.StatusNotFound)
	add("missing_notes", url.Values{"of": {cs.ID}, "author_name": {"Ana"}}, http.StatusNotFound)
	add("missing_notes", url.Values{"of": {lost.ID}, "author_name": {"Ana"}, "source_date": {"2026-11-21T10:00"}, "text": {"was at the school"}}, http.StatusSeeOther)
	sees(t, s.get(t, client, path), []string{"was at the school"})
	got := s.post(t, client, path, url.Values{"full_name": {"José Muñoz Ruiz"}, "was.full_name": {"Somebody"}})
	sees(t, got, []string{"Somebody else has written here meanwhile"})
	if got.status != http.StatusConflict {
		t.Errorf("two who write the same field: %d", got.status)
	}

	if got := s.post(t, client, path, url.Values{"do": {"erase"}}); got.status != http.StatusSeeOther {
		t.Errorf("erased: %d", got.status)
	}
	if got := s.get(t, client, path); got.status != http.StatusNotFound {
		t.Errorf("after it was erased: %d", got.status)
	}
	sees(t, s.get(t, client, "/records?tab=missing_persons&q=munos"), []string{"Nothing matches"})

	sees(t, s.get(t, client, "/records/cases/"+cs.ID), []string{"Pass the case on"})
	add("referrals", url.Values{"of": {cs.ID}, "to_org": {"Cruz Roja"}, "consent": {"yes"}}, http.StatusSeeOther)
	sees(t, s.get(t, client, "/records/cases/"+cs.ID), []string{"Cruz Roja"})
	far.wrote(t, k.ID, map[string]any{"talk_freely": "specialist"})
	add("referrals", url.Values{"of": {cs.ID}, "to_org": {"Cruz Roja"}, "consent": {"yes"}}, http.StatusNotFound) // protected meanwhile
	add("pets", url.Values{"name": {"Rex"}}, http.StatusNotFound)

	add("directory", url.Values{"organization_name": {"Caritas"}, "service_name": {"Meals"}, "city": {"Riverside"}, "service_status": {"active"}}, http.StatusSeeOther)
	sees(t, s.get(t, client, "/records?tab=directory&service_status=active&q=caritas"), []string{"Meals", "Riverside"})
}

// What is sensitive leaves the list of everybody at once, also of who wrote it.
func TestSensitiveFeedbackIsForTheTrainedAlone(t *testing.T) {
	far := newScript(t)
	account, err := far.accounts.Add(t.Context(), roster.Account{Login: "focal", Name: "Focal Point", Role: roster.Role(coordinator), Profile: "private"}, secret, "")
	if err != nil {
		t.Fatal(err)
	}
	s := startSite(t, far, nil)
	client := s.as(t, coordinator)
	got := s.post(t, client, "/records/new/card/feedback", url.Values{"type": {"complaint"}, "sensitive": {"yes"}, "text": {"Xochitl was asked for money"}})
	if got.status != http.StatusSeeOther || !strings.Contains(got.header.Get("Location"), "done=sensitive") {
		t.Fatalf("written down: %d %s", got.status, got.header.Get("Location"))
	}
	card := s.newestCard(t, cards.Feedback)
	trained := s.client(t)
	if got := s.post(t, trained, "/login", url.Values{"login": {account.Login}, "password": {secret}}); got.status != http.StatusSeeOther {
		t.Fatalf("signing in: %d", got.status)
	}
	for _, who := range []*http.Client{client, s.as(t, admin)} {
		sees(t, s.get(t, who, "/records?tab=feedback"), []string{"Nothing has been said yet"}, "Xochitl", card.Code)
		sees(t, s.get(t, who, "/records?tab=feedback&q=xochitl"), []string{"Nothing matches"}, card.Code)
		if got := s.get(t, who, "/records/cards/"+card.ID); got.status != http.StatusForbidden || strings.Contains(got.body, "Xochitl") {
			t.Errorf("somebody who was not trained: %d", got.status)
		}
		if got := s.post(t, who, "/records/cards/"+card.ID, url.Values{"type": {"thanks"}}); got.status != http.StatusForbidden {
			t.Errorf("changed by somebody who was not trained: %d", got.status)
		}
	}
	sees(t, s.get(t, trained, "/records?tab=feedback"), []string{"Xochitl", card.Code})
	sees(t, s.get(t, trained, "/records/cards/"+card.ID), []string{"Xochitl", "Only people who were trained"})
}
