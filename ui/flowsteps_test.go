package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Two people change the same dialogue: the second is told, and loses nothing.
func TestTwoChangeTheStepsOfADialogue(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	ada, bo := s.as(t, admin), s.as(t, admin)
	seen := func() string {
		t.Helper()
		return seenField.FindStringSubmatch(s.get(t, ada, "/admin/flow/main/step/bye").body)[1]
	}
	old := seen()
	if got := s.post(t, bo, "/admin/flow/main/steps", url.Values{"do": {"again"}, "step": {"person"}, "seen": {old}}); got.status != http.StatusSeeOther || !strings.HasSuffix(got.header.Get("Location"), "#change-person_2") {
		t.Fatalf("a copy: %d %v", got.status, got.header)
	}
	form := url.Values{"do": {"save"}, "step": {"bye"}, "seen": {old}, "name": {"bye"}, "asked.say": {"said"}, "said.say": {"announcement.noted"}, "word.hangup": {"leaving"}}
	got := s.post(t, ada, "/admin/flow/main/step", form)
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Somebody else has changed this dialogue meanwhile") || !strings.Contains(got.body, `value="leaving"`) {
		t.Errorf("the second of two: %d %s", got.status, got.body)
	}
	if text := s.get(t, ada, "/admin/flow/main/text").body; strings.Contains(text, "leaving") {
		t.Error("what the second one filled in was saved without asking")
	}
	form.Set("seen", seenField.FindStringSubmatch(got.body)[1])
	if got = s.post(t, ada, "/admin/flow/main/step", form); got.status != http.StatusSeeOther {
		t.Errorf("saved again: %d %s", got.status, got.body)
	}
	text := s.get(t, ada, "/admin/flow/main/text").body
	for _, want := range []string{"  person_2: {queue: help}", "  bye: {hangup: leaving, say: announcement.noted}"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is lost in %s", want, text)
		}
	}
	for _, do := range []string{"up", "remove", "undo"} {
		got = s.post(t, bo, "/admin/flow/main/steps", url.Values{"do": {do}, "step": {"person_2"}, "seen": {old}})
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Nothing of yours was done") || !strings.Contains(got.body, `id="step-person_2"`) {
			t.Errorf("%s on an old list: %d", do, got.status)
		}
	}

	// The last change is undone, and then the one before; then there is no draft.
	for range 2 {
		if got = s.post(t, bo, "/admin/flow/main/steps", url.Values{"do": {"undo"}, "seen": {seen()}}); got.status != http.StatusSeeOther {
			t.Errorf("undone: %d %s", got.status, got.body)
		}
	}
	if list := s.get(t, ada, "/admin/flow/main").body; strings.Contains(list, "Draft by") || strings.Contains(list, "person_2") {
		t.Error("after everything was undone there is a draft")
	}
}

func TestStepsThatFormsDoNotKnow(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	const text = "start: a\nfallback: {queue: help}\nsteps:\n  a: # first\n    if: {expr: 'number(\"queue.wait\") > 3'}\n    then: b\n    else: b\n  b: {hangup: done, say: goodbye}\n"
	s.post(t, client, "/admin/flow/main", url.Values{"do": {"save"}, "text": {text}})
	page := s.get(t, client, "/admin/flow/main/step/a").body
	for _, want := range []string{"Not in this form, and kept as it is written", "number(&#34;queue.wait&#34;)", `name="way.then"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the form does not say %q", want)
		}
	}
	seen := seenField.FindStringSubmatch(page)[1]
	source := url.Values{"do": {"source"}, "step": {"a"}, "seen": {seen}, "source": {"a: # first\r\n  if: {known: yes\r\n"}}
	if got := s.post(t, client, "/admin/flow/main/step", source); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Nothing was changed") {
		t.Errorf("text that is none: %d %s", got.status, got.body)
	}
	source.Set("source", "a: # second\r\n  goto: b\r\n")
	if got := s.post(t, client, "/admin/flow/main/step", source); got.status != http.StatusSeeOther {
		t.Errorf("the text of a step: %d %s", got.status, got.body)
	}
	if now := s.get(t, client, "/admin/flow/main/text").body; !strings.Contains(now, "\n  a: # second\n    goto: b\n  b: {hangup") {
		t.Errorf("it says %s", now)
	}
	// What can only be changed as text says so.
	s.post(t, client, "/admin/flow/main", url.Values{"do": {"save"}, "text": {"start: a\nfallback: {queue: help}\nsteps:\n  a: &x {hangup: done, say: goodbye}\n"}})
	if list := s.get(t, client, "/admin/flow/main").body; !strings.Contains(list, "only its text can be changed") || !strings.Contains(list, `href="/admin/flow/main/text"`) {
		t.Error("a dialogue that has no list is not led to as text")
	}
	if got := s.get(t, client, "/admin/flow/main/step/a"); got.status != http.StatusNotFound {
		t.Errorf("its form: %d", got.status)
	}
}

func TestADialogueBeginsAsATemplate(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	begin := func(name, template string) answer {
		return s.post(t, client, "/admin/flows/new", url.Values{"name": {name}, "template": {template}})
	}
	if got := begin("shelter line", "information"); got.status != http.StatusSeeOther || got.header.Get("Location") != "/admin/flow/shelter_line?done=begun" {
		t.Fatalf("begun: %d %v", got.status, got.header)
	}
	if list := s.get(t, client, "/admin/flow/shelter_line").body; !strings.Contains(list, "Information line only") || !strings.Contains(list, `id="step-advice"`) {
		t.Error("the new dialogue has no steps")
	}
	for _, one := range [][2]string{{"shelter line", "people"}, {"main", "people"}, {"", "people"}, {"other", "nothing"}} {
		if got := begin(one[0], one[1]); got.status != http.StatusUnprocessableEntity {
			t.Errorf("begun as %v: %d", one, got.status)
		}
	}
}
