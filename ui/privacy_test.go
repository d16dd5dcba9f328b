package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotline/triage"
	"hotline/volunteers"
)

// Somebody asks to be forgotten: looked for, shown, erased at the second press,
// and the page has looked that nothing is left.
func TestAPersonIsTakenOutOfTheRecords(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	k := s.called(t, triage.Contact{Caller: "+12024561111", Channel: "phone", Direction: "in"})
	s.wrote(t, k.ID, map[string]any{"name": "Maria", "top_need": "water"})
	s.registered(t, volunteers.Registrant{Phone: "+12024561111", GivenName: "Maria", Source: "phone"})
	find := url.Values{"do": {"find"}, "number": {"(202) 456-1111"}}
	erase := url.Values{"do": {"erase"}, "number": {"(202) 456-1111"}, "why": {"asked"}}
	if got := s.post(t, client, "/admin/privacy", find); got.status != http.StatusOK || !strings.Contains(got.body, "Calls: 1. Cases: 1. Registered volunteers: 1.") || !strings.Contains(got.body, `value="erase"`) {
		t.Errorf("found: %d %s", got.status, got.body)
	}
	if got := s.post(t, client, "/admin/privacy", erase); got.status != http.StatusConflict || !strings.Contains(got.body, "on the phone now") {
		t.Errorf("during the call: %d", got.status)
	}
	s.ended(t, k.ID, triage.OpenAbandoned)
	if got := s.post(t, client, "/admin/privacy", url.Values{"do": {"erase"}, "number": {"+12024561111"}}); got.status != http.StatusConflict || !strings.Contains(got.body, "Choose why") {
		t.Errorf("without a reason: %d", got.status)
	}
	if got := s.post(t, client, "/admin/privacy", erase); got.status != http.StatusOK || !strings.Contains(got.body, "the number stands nowhere any more") {
		t.Errorf("erased: %d %s", got.status, got.body)
	}
	if got := s.post(t, client, "/admin/privacy", find); !strings.Contains(got.body, "Nothing is stored of this person") || strings.Contains(got.body, `value="erase"`) {
		t.Errorf("afterwards: %s", got.body)
	}
	if got := s.post(t, client, "/admin/privacy", url.Values{"do": {"find"}, "number": {"nobody"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("no number: %d", got.status)
	}
	log := s.get(t, client, "/admin/log").body
	if !strings.Contains(log, "Person taken out of the records") || strings.Contains(log, "4561111") || strings.Contains(log, "Maria") {
		t.Error("the log does not say it, or it says whom")
	}
}

func TestHowLongRecordsAreKeptIsDecidedOnAPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	form := url.Values{"do": {"rules"}, "call_detail": {"180"}, "unanswered": {"7"}, "messages": {"30"}, "cases": {"60"}, "volunteers": {"0"}, "log": {"730"},
		"found": {"30"}, "feedback": {"90"}, "complaints": {"30"}, "rounds": {"90"}, "hours": {"1095"}, "imports": {"30"}, "withdrawn": {"30"}}
	if got := s.post(t, client, "/admin/privacy", form); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.get(t, client, "/admin/privacy"); !strings.Contains(got.body, `name="call_detail" class="in num slim" inputmode="numeric" value="180"`) {
		t.Errorf("the page shows %s", got.body)
	}
	if got := s.post(t, client, "/admin/privacy", url.Values{"do": {"preview"}}); got.status != http.StatusOK || !strings.Contains(got.body, "Missing persons and feedback</th><td class=\"num\">0") || !strings.Contains(got.body, "looks the next time") {
		t.Errorf("what would go: %d %s", got.status, got.body)
	}
	form.Set("cases", "soon")
	if got := s.post(t, client, "/admin/privacy", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Enter days as numbers") || !strings.Contains(got.body, `value="soon"`) {
		t.Errorf("no number: %d", got.status)
	}
}

func (s *script) ended(t *testing.T, id, open string) {
	t.Helper()
	if _, err := s.contacts.End(t.Context(), id, func(k *triage.Contact, _ time.Time) {
		k.Outcome, k.Open = triage.OutcomeAbandonedQueue, open
	}); err != nil {
		t.Fatal(err)
	}
}
