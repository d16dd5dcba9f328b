package ui

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/lists"
	redact "hotline/appliance/table"
	"hotline/triage"
	"hotline/triage/desk"
)

// changed posts a change of a list, which must be taken.
func (s *site) changed(t *testing.T, client *http.Client, form url.Values) {
	t.Helper()
	if got := s.post(t, client, "/admin/lists", form); got.status != http.StatusSeeOther {
		t.Fatalf("%v: %d %s", form, got.status, got.body)
	}
}

// table posts a table.
func (s *site) table(t *testing.T, client *http.Client, list, do, table string) answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("sheet", "table.csv")
	if err == nil {
		_, err = part.Write([]byte(table))
	}
	for name, value := range map[string]string{"list": list, "do": do} {
		if err == nil {
			err = form.WriteField(name, value)
		}
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, s.url+"/admin/lists/bring", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.send(t, client, request)
}

// A coordinator asks something new: a desk that is open asks it with its next
// call, the answer is in the record, the export and the search, and still reads
// right when the choice is offered no more.
func TestAQuestionFromThePageToTheExport(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	s := startSite(t, far, nil)
	boss := s.as(t, coordinator)

	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("off")
	before := b.js(`document.getElementById("case").dataset.form`)
	s.changed(t, boss, url.Values{"list": {"case"}, "do": {"ask"}, "kind": {"one"}, "words.en": {"How is the roof?"}, "words.ar": {"كيف السقف؟"}, "choices": {"Whole\r\n\r\nIt <leaks>\r\n"}, "must": {"yes"}})
	s.changed(t, boss, url.Values{"list": {"case"}, "do": {"off"}, "code": {"landmark"}})
	const roof = "own_how_is_the_roof"

	call := ringing()
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.Offered, call })
	b.state("offer")
	b.until(`document.getElementById("case").dataset.form !== "` + before + `"`)
	answered := *call
	answered.AnsweredAt = time.Now()
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.OnCall, &answered })
	b.state("oncall")
	b.until(`document.querySelector('[name="` + roof + `"]')?.checkVisibility() !== undefined && !document.getElementById("landmark")`)
	if said := b.js(`document.querySelector('[data-must="` + roof + `"]').innerText`); !strings.Contains(said, "How is the roof?") || !strings.Contains(said, "It <leaks>") {
		t.Errorf("the desk asks %q", said)
	}
	b.do(typeInto("place", "Roma"))
	s.awaitCommand(t, "case.save", func(c desk.Command) bool { return c.Fields["place"] == "Roma" })
	s.set(func(now *desk.Snapshot) { now.Agent.State = triage.WrapUp })
	b.state("wrap")
	b.until(`document.querySelector('[data-part="unasked"]').checkVisibility() && document.querySelector('[data-part="unasked"]').innerText.includes("How is the roof?") && !document.querySelector('[data-part="unasked"]').innerText.includes("Where are they")`)
	b.press(`label:has(> [name="` + roof + `"][value="it_leaks"])`)
	s.awaitCommand(t, "case.save", func(c desk.Command) bool { return c.Fields[roof] == "it_leaks" })
	b.until(`!document.querySelector('[data-part="unasked"]').innerText.includes("How is the roof?")`)
	b.fits("wrap-own-question")
	// A child that is alone: its name is taken back while it is written.
	b.do(typeInto("name", "Lupita"))
	b.press(`label:has(> [name="child_alone"])`)
	b.until(`document.getElementById("name").disabled && document.getElementById("name").value === "" && !document.getElementById("place").disabled && document.querySelector('[data-part="child"]').checkVisibility()`)

	// As the desk stores it.
	k := s.called(t, triage.Contact{Caller: "+12025550147", Channel: "phone", Direction: "in"})
	s.wrote(t, k.ID, map[string]any{roof: "it_leaks", "place": "Roma", "landmark": "the old mill"})
	cs := s.firstCase(t)
	s.changed(t, boss, url.Values{"list": {roof}, "do": {"add"}, "words.en": {"Gone"}})
	s.changed(t, boss, url.Values{"list": {roof}, "do": {"off"}, "code": {"it_leaks"}})
	record := s.get(t, boss, "/records/cases/"+cs.ID).body
	for _, want := range []string{"How is the roof?", `value="it_leaks" checked`, "It &lt;leaks&gt;", `value="gone"`, "the old mill", "Incomplete. Not answered yet: "} {
		if !strings.Contains(record, want) {
			t.Errorf("the page of the case has no %q", want)
		}
	}
	if got := s.get(t, boss, "/records?tab=cases&"+roof+"=it_leaks").body; !strings.Contains(got, cs.Code) || !strings.Contains(got, "It &lt;leaks&gt;") {
		t.Error("the case is not found by the answer")
	}
	if got := s.get(t, boss, "/records?tab=cases&"+roof+"=gone").body; strings.Contains(got, cs.Code) {
		t.Error("it is found by another answer")
	}
	if got := s.get(t, boss, "/records/new/cases").body; strings.Contains(got, `value="it_leaks"`) || strings.Contains(got, `name="landmark"`) || !strings.Contains(got, `value="gone"`) {
		t.Error("a form offers what is switched off, or not what is new")
	}
	var out bytes.Buffer
	if err := redact.WriteCSV(&out, triage.CaseTable(s.cases).At(redact.Coordination, time.Time{})); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, roof+","+roof+"_text\r\n") || !strings.HasSuffix(got, ",it_leaks,It <leaks>\r\n") {
		t.Errorf("the export: %s", got)
	}
}

// What cannot be changed is refused with the reason, changes are on the page and
// in the log with who made them, and the page fits everywhere.
func TestFieldsAndListsOnTheirPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	boss := s.as(t, coordinator)
	for why, form := range map[string]url.Values{
		"stay as they are":        {"list": {"case"}, "do": {"off"}, "code": {"danger_now"}},
		"hotline depends on it":   {"list": {"needs"}, "do": {"off"}, "code": {"protection"}},
		"at least two answers":    {"list": {"case"}, "do": {"ask"}, "kind": {"several"}, "words.en": {"Which?"}, "choices": {"One"}},
		"no language code":        {"list": {"languages"}, "do": {"add"}, "words.en": {"Nahuatl"}, "new": {"?"}},
		"not there any more":      {"list": {"needs"}, "do": {"reword"}, "code": {"gold"}, "words.en": {"Gold"}},
		"means something already": {"list": {"needs"}, "do": {"add"}, "words.en": {"Wells"}, "new": {"water"}},
	} {
		if got := s.post(t, boss, "/admin/lists", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, why) {
			t.Errorf("%v: %d, no %q", form, got.status, why)
		}
	}
	s.changed(t, boss, url.Values{"list": {"languages"}, "do": {"add"}, "words.en": {"Nahuatl"}, "new": {"nah"}})
	s.changed(t, boss, url.Values{"list": {"needs"}, "do": {"reword"}, "code": {"water"}, "words.en": {"Clean water"}, "words.es": {""}})
	if got := s.get(t, boss, "/admin/lists?list=needs&code=water").body; !strings.Contains(got, `value="Clean water"`) || !strings.Contains(got, "Other words") || !strings.Contains(got, "Amal coordinator") {
		t.Error("the change is not on the page")
	}
	if told := s.noted(t, lists.EventChanged); len(told) != 2 || told[0].By != s.ids[coordinator] || told[0].Data["code"] != "water" {
		t.Errorf("the log: %+v", told)
	}
	if got := s.get(t, boss, "/records/new/registrants").body; !strings.Contains(got, `name="languages" value="nah"`) {
		t.Error("the new language cannot be chosen")
	}

	// Places, from a file to the field.
	if got := s.table(t, boss, "places", "take", "code,name,parent\nMX09,,\n"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Line 2: the words are missing: MX09") {
		t.Errorf("a wrong file: %d %s", got.status, got.body)
	}
	file := "code,name,parent\nMX09,Mexico City,\nMX09007,Iztapalapa,MX09\n"
	if got := s.table(t, boss, "places", "look", file); got.status != http.StatusOK || !strings.Contains(got.body, "New: 2") || !strings.Contains(got.body, "Nothing was taken yet") {
		t.Errorf("a look: %d %s", got.status, got.body)
	}
	if got := s.table(t, boss, "places", "take", file); got.status != http.StatusOK || !strings.Contains(got.body, "Places: 2") {
		t.Errorf("taken: %d %s", got.status, got.body)
	}
	if got := s.table(t, boss, "needs", "take", "code,en\nlamps,Lamps\n"); got.status != http.StatusOK || !s.lists.Now().List(lists.Needs).Has("lamps") {
		t.Errorf("needs from a file: %d", got.status)
	}
	if got := s.get(t, boss, "/admin/lists?list=needs").body; !strings.Contains(got, "Take the last file back") {
		t.Error("the page does not offer to take the file back")
	}
	s.changed(t, boss, url.Values{"list": {"needs"}, "do": {"back"}})
	if slices.ContainsFunc(s.lists.Now().List(lists.Needs).On(), func(c lists.Choice) bool { return c.Code == "lamps" }) {
		t.Error("what a file that was taken back has added is still offered")
	}
	if got := s.get(t, boss, "/admin/lists?list=needs").body; strings.Contains(got, "Take the last file back") || !strings.Contains(got, "A file was taken back") {
		t.Error("the page does not tell that the file was taken back")
	}
	var found []lists.Found
	if got := s.get(t, s.as(t, agent), "/places?q=izta"); json.Unmarshal([]byte(got.body), &found) != nil || len(found) != 1 || found[0].Text != "Iztapalapa, Mexico City" {
		t.Errorf("offered: %v", found)
	}
	if got := s.get(t, boss, "/admin/lists/case_form.xlsx"); got.status != http.StatusOK || !strings.HasPrefix(got.body, "PK") {
		t.Errorf("the form for other programs: %d", got.status)
	}

	b := openBrowser(t, s)
	b.signIn(coordinator)
	b.do(navigate(s.url + "/records/new/cases"))
	b.do(typeInto("f-place", "izta"))
	b.until(`document.getElementById("f-place").list.options[0]?.value === "Iztapalapa, Mexico City"`)
	for name, address := range map[string]string{"lists-case": "?list=case&code=place", "lists-needs": "?list=needs&code=water", "lists-places": "?list=places&q=mexico"} {
		b.do(navigate(s.url + "/admin/lists" + address))
		b.fits(name)
	}
}
