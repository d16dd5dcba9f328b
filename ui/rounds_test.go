package ui

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotline/triage"
	"hotline/volunteers"
)

// roundForm sends the form of a new round.
func (s *site) roundForm(t *testing.T, client *http.Client, fields url.Values, sheet string) answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name := range fields {
		if err := form.WriteField(name, fields.Get(name)); err != nil {
			t.Fatal(err)
		}
	}
	if sheet != "" {
		part, err := form.CreateFormFile("sheet", "people.csv")
		if err == nil {
			_, err = part.Write([]byte(sheet))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, s.url+"/rounds", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.send(t, client, request)
}

func welfare(source string) url.Values {
	return url.Values{"name": {"Riverside"}, "source": {source}, "manner": {"ask"}, "queue": {"help"}, "margin": {"2"}, "tries": {"2"}}
}

func TestMakingAndRunningARound(t *testing.T) {
	far := newScript(t)
	s := startSite(t, far, nil)
	boss, luis := s.as(t, coordinator), s.as(t, supervisor)
	if got := s.post(t, luis, "/rounds/stop", url.Values{"number": {"202 555 0193"}}); got.status != http.StatusSeeOther {
		t.Fatalf("the stop list: %d %s", got.status, got.body)
	}
	if got := s.post(t, luis, "/rounds/stop", url.Values{"number": {"nobody"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "with country code") {
		t.Errorf("what is no number: %d", got.status)
	}
	sheet := "Nombre;Teléfono;Idioma\nAda;(202) 555-0191;en\nBruno;2025550192;es\nCleo;+12025550191;\nDara;nobody;\nEmil;2025550193;\nFay;+442079460018;\n"
	got := s.roundForm(t, luis, welfare("sheet"), sheet)
	path := got.header.Get("Location")
	if got.status != http.StatusSeeOther || !strings.HasPrefix(path, "/rounds/") {
		t.Fatalf("making a round: %d %s", got.status, got.body)
	}
	body := s.get(t, luis, path).body
	for _, want := range []string{`data-calls="2"`, "2 people will be called", `data-left="twice"`, `data-left="no_number"`, `data-left="stop_list"`, `data-left="not_allowed"`, "Ada", "+12025550192", "At most 2 calls more", "between 21:00 and 08:00"} {
		if !strings.Contains(body, want) {
			t.Errorf("before the start there is no %q: %s", want, body)
		}
	}
	round := strings.TrimPrefix(path, "/rounds/")
	if due, _, err := far.contacts.DueInRound(round, time.Now(), 10); err != nil || len(due) != 4 || due[0].Language != "en" || due[1].Language != "es" {
		t.Errorf("to be called: %+v (%v)", due, err)
	}
	do := func(what string) answer { return s.post(t, luis, path, url.Values{"do": {what}}) }
	if got := do("pause"); got.status != http.StatusConflict || !strings.Contains(got.body, "not possible") {
		t.Errorf("pausing what does not run: %d", got.status)
	}
	for _, step := range []struct {
		do    string
		state triage.RoundState
	}{{"start", triage.RoundRunning}, {"pause", triage.RoundPaused}, {"start", triage.RoundRunning}, {"stop", triage.RoundStopped}} {
		if got := do(step.do); got.status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", step.do, got.status, got.body)
		}
		if r, _, err := far.contacts.Round(round); err != nil || r.State != step.state || r.Margin != 2 || r.Tries != 2 {
			t.Errorf("after %s the round is %+v (%v)", step.do, r, err)
		}
	}
	if body := s.get(t, luis, path).body; strings.Contains(body, "Take the results away") {
		t.Error("a supervisor is offered the results")
	}
	if got := s.post(t, boss, path+"/results", url.Values{"format": {"csv"}, "reason": {"x"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("results without a reason: %d", got.status)
	}
	got = s.post(t, boss, path+"/results", url.Values{"format": {"csv"}, "reason": {"for the sitrep"}})
	if got.status != http.StatusOK || !strings.Contains(got.header.Get("Content-Disposition"), "round-") || !strings.Contains(got.body, "left_out") || !strings.Contains(got.body, "2025550191") {
		t.Errorf("the results: %d %v %s", got.status, got.header, got.body)
	}
	if body := s.get(t, luis, "/rounds").body; !strings.Contains(body, "Riverside") || !strings.Contains(body, "+12025550193") {
		t.Errorf("the rounds: %s", body)
	}
	if got := do("drop"); got.status != http.StatusSeeOther {
		t.Errorf("deleting the list: %d", got.status)
	}
	if got := s.get(t, luis, path); got.status != http.StatusNotFound {
		t.Errorf("the page of a deleted round: %d", got.status)
	}
	stops, err := far.contacts.StopList()
	if err != nil || len(stops) != 1 || stops[0].Name != "Amal supervisor" {
		t.Fatalf("the stop list is %+v (%v)", stops, err)
	}
	if got := s.post(t, luis, "/rounds/stop", url.Values{"remove": {stops[0].ID}}); got.status != http.StatusSeeOther {
		t.Errorf("taking a number off the stop list: %d", got.status)
	}
	if stops, err = far.contacts.StopList(); err != nil || len(stops) != 0 {
		t.Errorf("the stop list is %+v (%v)", stops, err)
	}
}

func TestARoundThatCannotBeMadeSaysWhy(t *testing.T) {
	far := newScript(t)
	s := startSite(t, far, nil)
	luis := s.as(t, supervisor)
	nameless := welfare("sheet")
	nameless.Set("name", " ")
	for what, one := range map[string]struct {
		fields      url.Values
		sheet, want string
	}{
		"no name":    {nameless, "phone\n2025550191\n", "Give the round a name"},
		"no file":    {welfare("sheet"), "", "Choose a file"},
		"no source":  {welfare("elsewhere"), "", "Choose whom to call"},
		"no numbers": {welfare("sheet"), "name,town\nAda,Tabara\n", "No column of the file holds telephone numbers"},
		"no rows":    {welfare("sheet"), "phone\n", "The file holds no table"},
		"no items":   {welfare("item"), "", "nobody on this list"},
	} {
		if got := s.roundForm(t, luis, one.fields, one.sheet); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, one.want) {
			t.Errorf("%s: %d, no %q in %s", what, got.status, one.want, got.body)
		}
	}
}

func TestTheListOfARoundComesFromTheRecords(t *testing.T) {
	far := newScript(t)
	item := far.gaveUp(t, "+12025550147")
	locked := far.called(t, triage.Contact{Direction: "in", Caller: "+12025550149"})
	far.wrote(t, locked.ID, map[string]any{"talk_freely": "specialist"})
	k := far.called(t, triage.Contact{Direction: "in", Caller: "+12025550148", Language: "es"})
	far.wrote(t, k.ID, map[string]any{"danger_now": "no"})
	r, err := far.registry.Save(t.Context(), volunteers.Registrant{Phone: "+12025550146", GivenName: "Ada", FamilyName: "Ros", Languages: []string{"es"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := startSite(t, far, nil)
	luis := s.as(t, supervisor)
	for source, want := range map[string]triage.RoundPerson{
		"item":       {Number: "+12025550147", Language: "es", Ref: item},
		"case":       {Number: "+12025550148"},
		"registrant": {Number: "+12025550146", Name: "Ada Ros", Language: "es", Ref: r.ID},
	} {
		got := s.roundForm(t, luis, welfare(source), "")
		if got.status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", source, got.status, got.body)
		}
		n := 0
		err := far.contacts.EachInRound(strings.TrimPrefix(got.header.Get("Location"), "/rounds/"), func(p triage.RoundPerson) bool {
			if n++; p.Number != want.Number || p.Source != source || want.Ref != "" && p.Ref != want.Ref || want.Name != "" && p.Name != want.Name || want.Language != "" && p.Language != want.Language {
				t.Errorf("%s: %+v", source, p)
			}
			return true
		})
		if err != nil || n != 1 {
			t.Errorf("%s: %d people (%v)", source, n, err)
		}
	}
}

func TestWithoutAnAllowanceNoRoundStarts(t *testing.T) {
	far := newScript(t)
	far.noLine = true
	s := startSite(t, far, nil)
	luis := s.as(t, supervisor)
	path := s.roundForm(t, luis, welfare("sheet"), "phone\n2025550191\n").header.Get("Location")
	if body := s.get(t, luis, path).body; strings.Contains(body, `value="start"`) || !strings.Contains(body, "may not call people of its own accord") {
		t.Errorf("a round that must not start: %s", body)
	}
	if got := s.post(t, luis, path, url.Values{"do": {"start"}}); got.status != http.StatusConflict {
		t.Errorf("starting it all the same: %d", got.status)
	}
}

// TestTheRoundsFit looks at the pages as people see them, and a page follows
// what happens.
func TestTheRoundsFit(t *testing.T) {
	far := newScript(t)
	s := startSite(t, far, nil)
	luis := s.as(t, supervisor)
	path := s.roundForm(t, luis, welfare("sheet"), "name,phone\nAda,2025550191\nBruno,2025550192\nCleo,nobody\n").header.Get("Location")
	if got := s.post(t, luis, "/rounds/stop", url.Values{"number": {"202 555 0193"}}); got.status != http.StatusSeeOther {
		t.Fatalf("the stop list: %d", got.status)
	}
	b := openBrowser(t, s)
	b.signIn(coordinator)
	b.do(navigate(s.url + "/rounds"))
	b.fits("rounds")
	b.do(navigate(s.url + path))
	b.fits("round-draft")
	b.press(`button[value="start"]`)
	b.until(`document.querySelector("[data-follow]") !== null`)
	due, _, err := far.contacts.DueInRound(strings.TrimPrefix(path, "/rounds/"), time.Now(), 10)
	if err != nil || len(due) != 2 {
		t.Fatal(due, err)
	}
	for _, p := range due {
		k, err := far.contacts.BeginRoundCall(t.Context(), p.ID, triage.Contact{})
		if err == nil {
			_, err = far.contacts.NoteAnswer(t.Context(), k.ID, triage.AnswerSafe)
		}
		if err == nil {
			_, err = far.contacts.End(t.Context(), k.ID, func(k *triage.Contact, _ time.Time) { k.Outcome = triage.OutcomeSelfService })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b.until(`document.body.innerText.includes("Finished")`)
	b.until(`document.querySelector('button[value="drop"]') !== null`)
	b.fits("round-done")
	b.speak("es")
	b.do(navigate(s.url + path))
	b.fits("round-done-es")
}
