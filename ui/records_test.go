package ui

import (
	"archive/zip"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/find"
	"hotline/volunteers"
)

func (s *script) firstCase(t *testing.T) triage.Case {
	t.Helper()
	var found triage.Case
	if err := s.cases.Each(func(c triage.Case) bool { found = c; return false }); err != nil {
		t.Fatal(err)
	}
	return found
}

// sees checks that a page says some words and not others.
func sees(t *testing.T, got answer, want []string, not ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got.body, w) {
			t.Errorf("the page does not say %q: %s", w, got.body)
		}
	}
	for _, w := range not {
		if strings.Contains(got.body, w) {
			t.Errorf("the page says %q", w)
		}
	}
}

func TestTheFilterOfTheListIsItsAddress(t *testing.T) {
	far := newScript(t)
	first := far.called(t, triage.Contact{Caller: "+12025550147", Language: "es"})
	second := far.called(t, triage.Contact{Caller: "+12025550148", Language: "en"})
	far.wrote(t, first.ID, map[string]any{"name": "José Muñoz", "place": "Santa Clara", "top_need": "water", "danger_now": "yes"})
	far.wrote(t, second.ID, map[string]any{"name": "Anna Smith", "place": "Riverside", "top_need": "food"})
	s := startSite(t, far, nil)
	client := s.as(t, coordinator)
	sees(t, s.get(t, client, "/records?tab=cases&q=munos"), []string{"José Muñoz", "1 record<"}, "Anna Smith")
	sees(t, s.get(t, client, "/records?tab=cases&need=food"), []string{"Anna Smith", `name="need" value="food" checked`}, "José Muñoz")
	sees(t, s.get(t, client, "/records?tab=cases&level=R"), []string{"José Muñoz"}, "Anna Smith")
	sees(t, s.get(t, client, "/records?tab=cases&language=en&from="+time.Now().Format(time.DateOnly)), []string{"Anna Smith"}, "José Muñoz")
	sees(t, s.get(t, client, "/records?tab=cases&q=agua"), []string{"José Muñoz"}, "Anna Smith") // water, in the other language of the pages
	sees(t, s.get(t, client, "/records?tab=cases&level=W"), []string{"Nothing fits these choices"})
	searched := s.noted(t, "records.searched")
	for _, ev := range searched {
		if strings.Contains(ev.Data["filter"], "munos") || ev.By != s.ids[coordinator] {
			t.Errorf("noted %+v", ev)
		}
	}
	if len(searched) != 6 {
		t.Errorf("%d searches are noted", len(searched))
	}
}

func TestACaseIsWorkedOnByItsPage(t *testing.T) {
	far := newScript(t)
	k := far.called(t, triage.Contact{Caller: "+12025550147", Direction: "in", AgentName: "Amal agent"})
	far.wrote(t, k.ID, map[string]any{"place": "Santa Clara", "danger_now": "yes"})
	twin := far.called(t, triage.Contact{Caller: "+12025550147", Direction: "in"})
	far.wrote(t, twin.ID, map[string]any{"place": "Santa Clara, again"})
	s := startSite(t, far, nil)
	second := s.firstCase(t)
	first, err := s.cases.Get(mustContact(t, s.script, k.ID).Case)
	if err != nil {
		t.Fatal(err)
	}
	client, path := s.as(t, coordinator), "/records/cases/"+first.ID
	sees(t, s.get(t, client, path), []string{first.Code, `value="Santa Clara"`, "Opened", "Amal agent", "other cases from the same number", second.Code, "They called"})

	// The place was changed by somebody else since the page was opened.
	form := url.Values{"do": {"save"}, "place": {"Santa Rosa"}, "was.place": {"Santa Ana"}, "people_total": {"4"}, "danger_now": {"yes"}, "was.danger_now": {"yes"}}
	got := s.post(t, client, path, form)
	if got.status != http.StatusConflict {
		t.Fatalf("two who write the same field: %d", got.status)
	}
	sees(t, got, []string{"Somebody else has written here meanwhile: Santa Clara", `value="Santa Rosa"`, `name="was.place" value="Santa Clara"`})
	if now, err := s.cases.Get(first.ID); err != nil || now.Fields.Place != "Santa Clara" || now.Fields.People != 4 {
		t.Fatalf("stored %+v (%v)", now.Fields, err)
	}
	form = url.Values{"do": {"save"}, "place": {"Santa Rosa"}, "was.place": {"Santa Clara"}, "people_total": {"4"}, "was.people_total": {"4"}, "danger_now": {"yes"}, "was.danger_now": {"yes"}}
	if got := s.post(t, client, path, form); got.status != http.StatusSeeOther {
		t.Fatalf("sent again: %d", got.status)
	}
	sees(t, s.get(t, client, path+"?done=save"), []string{"Saved.", "Santa Clara</bdi> → <bdi>Santa Rosa", "Amal coordinator"})

	if got := s.post(t, client, path, url.Values{"do": {"move"}, "to": {"closed"}}); got.status != http.StatusConflict {
		t.Errorf("closed without an outcome: %d", got.status)
	}
	if got := s.post(t, client, path, url.Values{"do": {"level"}, "level": {"G"}, "why": {"they are safe with neighbours"}}); got.status != http.StatusSeeOther {
		t.Errorf("another urgency: %d", got.status)
	}
	if got := s.post(t, s.as(t, admin), path, url.Values{"do": {"level"}, "level": {"W"}, "why": {"no reason at all"}}); got.status != http.StatusConflict {
		t.Errorf("an administrator sets the urgency: %d", got.status)
	}
	if got := s.post(t, client, path, url.Values{"do": {"move"}, "to": {"closed"}, "outcome": {"met"}, "told": {"yes"}}); got.status != http.StatusSeeOther {
		t.Errorf("closed: %d", got.status)
	}
	sees(t, s.get(t, client, path), []string{"They got what they needed", "they are safe with neighbours"})

	if got := s.post(t, client, path, url.Values{"do": {"merge"}, "code": {"123"}}); got.status != http.StatusConflict {
		t.Errorf("merged with nothing: %d", got.status)
	}
	got = s.post(t, client, path, url.Values{"do": {"merge"}, "code": {second.Code}})
	if got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/records/cases/"+second.ID) {
		t.Fatalf("merged: %d %s", got.status, got.header.Get("Location"))
	}
	sees(t, s.get(t, client, path), []string{"This is the same as case " + second.Code})
	if got := s.post(t, client, "/records/cases/"+second.ID, url.Values{"do": {"unmerge"}, "case": {first.ID}}); got.status != http.StatusSeeOther {
		t.Errorf("taken apart: %d", got.status)
	}
	if now, err := s.cases.Get(first.ID); err != nil || now.Status != triage.CaseClosed || now.Fields.Place != "Santa Rosa" {
		t.Errorf("after it was taken apart: %+v (%v)", now, err)
	}
	if viewed := s.noted(t, "record.viewed"); len(viewed) == 0 || viewed[0].Data["kind"] != "cases" {
		t.Errorf("who looked is noted as %+v", viewed)
	}
	got = s.post(t, client, "/records/cases/"+second.ID, url.Values{"do": {"another"}, "contact": {twin.ID}})
	if got.status != http.StatusSeeOther {
		t.Errorf("another case: %d", got.status)
	}
	sees(t, s.get(t, client, "/records/contacts/"+twin.ID), []string{second.Code, "+12025550147"})
}

// Where a child is that is alone, and how it can be rung, stands in no list, no
// search and no history. A coordinator who says why is shown it, that once, and it
// is written down; an administrator never is; what nobody was shown is not lost
// when the rest is saved.
func TestWhereAChildIsIsShownToWhoSaysWhy(t *testing.T) {
	far := newScript(t)
	k := far.called(t, triage.Contact{Caller: "+12025559147", Queue: triage.QueueHelp})
	far.wrote(t, k.ID, map[string]any{"place": "Blue school", "landmark": "by the well", "callback_number": "+12025559148", "later_directions": "left at the green gate", "later_site_name": "Villa Hope"})
	far.wrote(t, k.ID, map[string]any{"child_alone": true, "urgent_need": "yes"})
	k, err := far.contacts.Get(k.ID)
	if err != nil {
		t.Fatal(err)
	}
	cs, err := far.cases.Get(k.Case)
	if err != nil {
		t.Fatal(err)
	}
	s := startSite(t, far, nil)
	client, boss := s.as(t, coordinator), s.as(t, admin)
	path := "/records/cases/" + cs.ID
	secrets := []string{"Blue", "by the well", "green gate", "Villa Hope", "9147", "9148"}
	hidden := func(where string, got answer) {
		t.Helper()
		for _, secret := range secrets {
			if strings.Contains(got.body, secret) {
				t.Errorf("%s tells %q", where, secret)
			}
		}
	}
	for _, who := range []*http.Client{client, boss} {
		for _, where := range []string{"/records?tab=cases", "/records?tab=contacts", "/records/contacts/" + k.ID, path, "/records?tab=cases&level=O"} {
			got := s.get(t, who, where)
			hidden(where, got)
			if got.status != http.StatusOK {
				t.Errorf("%s: %d", where, got.status)
			}
		}
		for _, text := range []string{"blue", "well", "gate", "hope", "9147", "2025559148"} {
			for _, kind := range []string{find.Cases, find.Contacts} {
				if strings.Contains(s.get(t, who, "/records?tab="+kind+"&q="+text).body, `href="/records/`+kind+`/0`) {
					t.Errorf("%s are found by %q", kind, text)
				}
			}
		}
	}
	sees(t, s.get(t, client, "/records?tab=cases&q="+cs.Code), []string{path, "Child alone"})
	hidden("for an administrator", s.post(t, boss, path, url.Values{"do": {"reveal"}, "reveal": {"rescue"}}))
	hidden("without a reason", s.post(t, client, path, url.Values{"do": {"reveal"}}))
	if got := s.post(t, client, path, url.Values{"do": {"save"}, "people_total": {"3"}}); got.status != http.StatusSeeOther {
		t.Errorf("saving what is shown: %d", got.status)
	}
	if noted := s.noted(t, "child.shown"); len(noted) != 0 {
		t.Errorf("nobody was shown it, and it is noted: %+v", noted)
	}
	sees(t, s.post(t, client, path, url.Values{"do": {"reveal"}, "reveal": {"rescue"}}), []string{"Blue school", "by the well", "left at the green gate", "Villa Hope", "+12025559148", `name="reveal" value="rescue"`})
	if noted := s.noted(t, "child.shown"); len(noted) != 1 || noted[0].Data["id"] != cs.ID || noted[0].Data["reason"] != "rescue" || noted[0].By == "" {
		t.Errorf("who was shown it is noted as %+v", noted)
	}
	hidden("the next look", s.get(t, client, path))

	// On the worklist it stands for nobody either, and no round calls it.
	if k, err = far.contacts.End(t.Context(), k.ID, func(k *triage.Contact, _ time.Time) { k.Outcome, k.Open = triage.OutcomeAnswered, triage.OpenChild }); err != nil {
		t.Fatal(err)
	}
	item := "/worklist/" + k.Item
	work := func(do string) answer { return s.post(t, client, item, url.Values{"do": {do}}) }
	sees(t, s.get(t, client, "/worklist"), []string{item, "Child alone"})
	hidden("the worklist", s.get(t, client, "/worklist"))
	hidden("who has not taken the item", work("number"))
	for _, source := range []string{triage.SourceItem, triage.SourceCase} {
		if got := s.roundForm(t, client, welfare(source), ""); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "There is nobody on this list") {
			t.Errorf("a round of %s: %d %s", source, got.status, got.body)
		}
	}
	if got := work("take"); got.status != http.StatusSeeOther {
		t.Errorf("taking it: %d", got.status)
	}
	hidden("an item that was only taken", s.get(t, client, item))
	sees(t, s.get(t, client, item), []string{`value="number"`})
	if noted := s.noted(t, "child.shown"); len(noted) != 1 {
		t.Errorf("nobody was shown the number, and it is noted: %+v", noted)
	}
	sees(t, work("number"), []string{"+12025559147"})
	if noted := s.noted(t, "child.shown"); len(noted) != 2 || !slices.ContainsFunc(noted, func(ev events.Event) bool {
		return ev.Data["id"] == k.Item && ev.Data["reason"] == "call" && ev.By != ""
	}) {
		t.Errorf("who was shown the number is noted as %+v", noted)
	}
	hidden("the next look at the item", s.get(t, client, item))
	if now, err := s.cases.Get(cs.ID); err != nil || now.Fields.Place != "Blue school" || now.Fields.CallbackNumber != "+12025559148" || now.Fields.People != 3 {
		t.Errorf("the case is %+v, %v", now.Fields, err)
	}
}

// What the list shows is what leaves the box.
func TestTheFilterIsTheExport(t *testing.T) {
	far := newScript(t)
	for name, number := range map[string]call.Number{"José Muñoz": "+12025550147", "Anna Smith": "+12025550148"} {
		k := far.called(t, triage.Contact{Caller: number})
		far.wrote(t, k.ID, map[string]any{"name": name, "place": "Santa Clara"})
	}
	s := startSite(t, far, nil)
	client := s.as(t, coordinator)
	filter := find.Filter{Kind: find.Cases, Text: "munos"}.Values().Encode()
	sees(t, s.get(t, client, "/records?"+filter), []string{"/records/export?q=munos&amp;set=cases&amp;tab=cases"})
	sees(t, s.get(t, client, "/records/export?set=cases&"+filter), []string{`name="filter" value="q=munos&amp;tab=cases"`, "Only what the list shows"})
	form := exportForm()
	form.Set("filter", filter)
	if got := s.post(t, client, "/records/export", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "another table") {
		t.Errorf("contacts with a filter of cases: %d", got.status)
	}
	form.Set("set", "cases")
	path := s.post(t, client, "/records/export", form).header.Get("Location")
	s.made(t, client, path, "Download the file")
	got := s.get(t, client, path+"/file")
	pack, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		t.Helper()
		file, err := pack.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	found := s.finds.Find(find.Filter{Kind: find.Cases, Text: "munos"}, 0, 5)
	cs, err := s.cases.Get(found.IDs[0])
	if text := read("cases.csv"); err != nil || strings.Count(text, "\n") != 2 || !strings.Contains(text, cs.Code) {
		t.Errorf("it holds %s (%v)", text, err)
	}
	if text := read("datapackage.json"); !strings.Contains(text, `tab=cases`) || strings.Contains(text, "munos") {
		t.Errorf("it says of itself %s", text)
	}
}

func mustContact(t *testing.T, s *script, id string) triage.Contact {
	t.Helper()
	k, err := s.contacts.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAPersonIsLedFromOfferToWork(t *testing.T) {
	far := newScript(t)
	g, err := far.registry.Save(t.Context(), volunteers.Registrant{Source: "phone", Phone: "+12025550101", Age: volunteers.Adult, Consent: volunteers.Consent{Given: true, How: "key"}},
		map[string][]byte{volunteers.RecordingName: make([]byte, audio.SampleRate)})
	if err != nil {
		t.Fatal(err)
	}
	other, err := far.registry.Save(t.Context(), volunteers.Registrant{Source: "phone", Phone: "+12025550101", GivenName: "Bea"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := startSite(t, far, nil)
	client, path := s.as(t, coordinator), "/records/registrants/"+g.ID
	sees(t, s.get(t, client, path), []string{g.Code, "Others have the same number", "Bea", "Name, as spoken", "/name.wav"})
	if got := s.get(t, client, path+"/name.wav"); got.status != http.StatusOK || !strings.HasPrefix(got.body, "RIFF") {
		t.Errorf("the spoken name: %d", got.status)
	}
	if got := s.get(t, client, path+"/secret.wav"); got.status != http.StatusNotFound {
		t.Errorf("something else: %d", got.status)
	}
	do := func(want int, form url.Values) {
		t.Helper()
		if got := s.post(t, client, path, form); got.status != want {
			t.Errorf("%v: %d, not %d: %s", form, got.status, want, got.body)
		}
	}
	do(http.StatusSeeOther, url.Values{"do": {"save"}, "given_name": {"Ana"}, "phone": {"(202) 555-0102"}, "was.phone": {"+12025550101"}, "skills": {"nurse", "driver"}, "age": {"adult"}, "was.age": {"adult"}, "area": {"06700"}, "availability": {"now"}})
	if now, err := s.registry.Get(g.ID); err != nil || now.Phone != "+12025550102" || len(now.Skills) != 2 {
		t.Errorf("stored %+v (%v)", now, err)
	}
	for _, step := range []string{"contacted", "approve", "brief", "ready"} {
		do(http.StatusSeeOther, url.Values{"do": {"move"}, "step": {step}})
	}
	do(http.StatusConflict, url.Values{"do": {"move"}, "step": {"assign"}}) // the code of conduct
	do(http.StatusSeeOther, url.Values{"do": {"agree"}, "to": {"conduct"}, "how": {"paper"}})
	sees(t, s.get(t, client, "/records/match"), []string{"How many people"})
	tomorrow := time.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	sees(t, s.get(t, client, "/records/match?wanted=20&skill=nurse&area=067+068&free="+tomorrow), []string{"Found: 1. Wanted: 20", "Ana", "+12025550102", "/records/export?area="})
	ask := "/records/match?wanted=20&skill=nurse&area=067+068&free=" + tomorrow
	if got := s.post(t, client, ask, url.Values{}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a list to call without a name: %d", got.status)
	}
	got := s.post(t, client, ask, url.Values{"name": {"Shelter, night shift"}})
	if got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/rounds/") {
		t.Fatalf("a list to call: %d %s", got.status, got.body)
	}
	sees(t, s.get(t, client, got.header.Get("Location")), []string{"Shelter, night shift", "Ana"})
	do(http.StatusSeeOther, url.Values{"do": {"move"}, "step": {"assign"}})
	sees(t, s.get(t, client, "/records/match?wanted=20&skill=nurse&area=067+068&free="+tomorrow), []string{"Nobody fits"})
	do(http.StatusSeeOther, url.Values{"do": {"in"}})
	do(http.StatusConflict, url.Values{"do": {"in"}})
	sees(t, s.get(t, client, path), []string{"At work", "Has finished now"})
	do(http.StatusSeeOther, url.Values{"do": {"out"}})
	// Hours are corrected beside what was written, and a forgotten PIN is reset.
	book := volunteers.NewShifts(s.store, s.accounts, "US")
	worked, err := book.Of(g.ID)
	if err != nil || len(worked) != 1 {
		t.Fatalf("%d shifts, %v", len(worked), err)
	}
	now := time.Now() // one: hours apart to the minute
	at := func(d time.Duration) string { return now.Add(-d).Format("2006-01-02T15:04") }
	correction := url.Values{"do": {"correct"}, "registrant": {g.ID}, "shift": {worked[0].ID}, "from": {at(5 * time.Hour)}, "until": {at(2 * time.Hour)}, "why": {"forgot to check in"}}
	do(http.StatusSeeOther, correction)
	if worked, err = book.Of(g.ID); err != nil || len(worked) != 2 || worked[0].CorrectedBy != worked[1].ID || worked[1].Worked() != 3*time.Hour || worked[1].By != s.ids[coordinator] {
		t.Errorf("after the correction: %+v, %v", worked, err)
	}
	// What was done in it is written down beside it, and vouched for.
	work := url.Values{"do": {"work"}, "registrant": {g.ID}, "shift": {worked[1].ID}, "site": {"Depot North"}, "break_min": {"200"}, "equipment_hours": {"1,5"}, "confirm": {"yes"}}
	do(http.StatusConflict, work)
	work.Set("break_min", "45")
	do(http.StatusSeeOther, work)
	sees(t, s.get(t, client, path+"?done=work"), []string{"Depot North", "Written down.", "Confirmed"})
	if worked, err = book.Of(g.ID); err != nil || worked[1].Work.Break != 45 || worked[1].Work.EquipmentHours != 1.5 || worked[1].ConfirmedBy != s.ids[coordinator] {
		t.Errorf("what was done: %+v, %v", worked, err)
	}
	for range 2 {
		if err := book.ChoosePIN(t.Context(), g.ID, "480216"); err != nil {
			t.Fatal(err)
		}
		if ok, err := book.ConfirmPIN(t.Context(), g.ID, "480216"); !ok || err != nil {
			t.Fatalf("a PIN: %v, %v", ok, err)
		}
		do(http.StatusSeeOther, url.Values{"do": {"pin"}})
		if ok, err := book.Prove(t.Context(), g.ID, "480216"); ok || err != nil {
			t.Errorf("the PIN that was reset proves: %v, %v", ok, err)
		}
	}
	sees(t, s.get(t, client, path+"?done=pin"), []string{"The PIN is gone"})
	do(http.StatusConflict, url.Values{"do": {"move"}, "step": {"suspend"}})
	do(http.StatusSeeOther, url.Values{"do": {"move"}, "step": {"suspend"}, "why": {"shouted at people"}})
	sees(t, s.get(t, client, path), []string{"Kept away", "shouted at people", "Amal coordinator"})
	do(http.StatusSeeOther, url.Values{"do": {"merge"}, "code": {other.Code}})
	sees(t, s.get(t, client, path), []string{"This person is registered as " + other.Code})
	if got := s.post(t, client, "/records/registrants/"+other.ID, url.Values{"do": {"unmerge"}, "person": {g.ID}}); got.status != http.StatusSeeOther {
		t.Errorf("taken apart: %d", got.status)
	}
}

func TestRecordsFromPaper(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, coordinator)
	at := time.Now().Add(-26 * time.Hour).Truncate(time.Minute)
	if got := s.post(t, client, "/records/new/cases", url.Values{"channel": {"walk_in"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an empty paper: %d", got.status)
	}
	if got := s.post(t, client, "/records/new/cases", url.Values{"place": {"Roma"}, "at": {time.Now().Add(time.Hour).Format("2006-01-02T15:04")}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `value="Roma"`) {
		t.Errorf("a paper from the future: %d", got.status)
	}
	got := s.post(t, client, "/records/new/cases", url.Values{"channel": {"radio_relay"}, "at": {at.Format("2006-01-02T15:04")}, "phone": {"202 555 0177"}, "place": {"Roma"}, "top_need": {"water"}, "more_needs": {"food", "power"}})
	cs := s.firstCase(t)
	if got.status != http.StatusSeeOther || !cs.OpenedAt.Equal(at) || cs.Caller != "+12025550177" || cs.Fields.Place != "Roma" || len(cs.Fields.MoreNeeds) != 2 {
		t.Errorf("a paper: %d %+v", got.status, cs)
	}
	if got := s.post(t, client, "/records/new/registrants", url.Values{"given_name": {"Ana"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Without their agreement") {
		t.Errorf("somebody who did not agree: %d", got.status)
	}
	got = s.post(t, client, "/records/new/registrants", url.Values{"given_name": {"Ana"}, "agreed": {"yes"}, "at": {at.Format("2006-01-02T15:04")}, "phone": {"202 555 0178"}, "skills": {"cooking"}})
	list, err := s.registry.List(0, 2)
	if got.status != http.StatusSeeOther || err != nil || len(list) != 1 || !list[0].RegisteredAt.Equal(at) || list[0].Consent.How != "paper" || list[0].EnteredBy != s.ids[coordinator] {
		t.Errorf("a registration on paper: %d %+v (%v)", got.status, list, err)
	}
	sees(t, s.get(t, client, "/records?tab=registrants&q=0178"), []string{"Ana", list[0].Code})
}

// Long words and hostile text change neither layout nor page.
func TestRecordPagesInTheBrowser(t *testing.T) {
	far := newScript(t)
	long := strings.Repeat("Donaudampfschifffahrtsgesellschaft", 4)
	k := far.called(t, triage.Contact{Caller: "+12025550147", Direction: "in", Language: "es", Queue: "help"})
	far.wrote(t, k.ID, map[string]any{"name": long, "place": long, "notes": long + " <b>x</b>", "danger_now": "yes", "top_need": "water", "may_share": "yes"})
	other := far.called(t, triage.Contact{Caller: "+12025550148", Direction: "in", Language: "es", Queue: "help"})
	far.wrote(t, other.ID, map[string]any{"name": "María Muñoz", "place": "Iztapalapa"})
	far.registered(t, volunteers.Registrant{Source: "phone", Phone: "+12025550101", GivenName: long, Skills: volunteers.Skills(), Availability: volunteers.AvailableNow})
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(coordinator)
	cs, err := s.cases.Get(mustContact(t, far, k.ID).Case)
	if err != nil {
		t.Fatal(err)
	}
	people, err := s.registry.List(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	service, err := s.filed(t).Add(t.Context(), cards.Directory, "", map[string]any{"organization_name": long, "service_name": long, "service_description": long}, s.ids[coordinator])
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"cases": "/records?tab=cases&level=R", "contacts": "/records?tab=contacts&q=0147", "registrants": "/records?tab=registrants", "case": "/records/cases/" + cs.ID,
		"directory": "/records?tab=directory", "service": "/records/cards/" + service.ID, "missing": "/records/new/card/missing_persons", "contact": "/records/contacts/" + k.ID, "person": "/records/registrants/" + people[0].ID, "paper": "/records/new/cases", "match": "/records/match?wanted=3&skill=nurse"} {
		b.do(chromedp.Navigate(b.site.url + path))
		b.fits("records-" + name)
	}
	for _, path := range []string{"/records/cases/" + cs.ID, "/records/contacts/" + k.ID} {
		b.do(chromedp.Navigate(b.site.url + path))
		b.until(`document.querySelector("[aria-labelledby=consent-h]")?.innerText.includes("Pass on to those who help: Yes · told to a person")`)
	}
	// Search as you type: the address follows, the focus stays.
	b.do(chromedp.Navigate(b.site.url + "/records?tab=cases"))
	b.do(typeInto("q", "munos"))
	b.until(`document.querySelector("#found").innerText.includes("María Muñoz") && !document.querySelector("#found").innerText.includes("Donau")`)
	b.until(`location.search.includes("q=munos") && document.activeElement.id === "q"`)
	b.until(`document.querySelector("#kinds [aria-current]").innerText.includes("1")`)
}
