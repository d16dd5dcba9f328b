package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/history"
	"hotline/appliance/sharing"
	"hotline/appliance/table"
	"hotline/triage"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// TestRecordsAreToldByTheLevelOfTheToken: without names at first, with those of
// people who agreed at the second, and of whoever is protected never anything.
func TestRecordsAreToldByTheLevelOfTheToken(t *testing.T) {
	b := start(t)
	open, shared := b.called("+12025550147", map[string]any{"name": "Marta Ruiz", "place": "Santa Clara", "may_share": "yes", "top_need": "water", "notes": "behind the mill"})
	_, private := b.called("+12025550148", map[string]any{"name": "Ivo Novak", "place": "Riverside", "may_share": "no", "top_need": "food"})
	locked, hidden := b.called("+12025550149", map[string]any{"name": "Nadia", "danger_now": "yes"})
	_, complaint := b.called("+12025550150", map[string]any{"name": "Omar", "top_need": "complaint"})
	_, err := b.cases.Save(t.Context(), locked.ID, b.owner.ID, map[string]any{"talk_freely": "specialist"})
	b.must(err)
	agreed, err := b.registry.Save(t.Context(), volunteers.Registrant{Source: "phone", GivenName: "Ana", Phone: "+12025550151", Skills: []volunteers.Skill{volunteers.SkillNurse}, Consent: volunteers.Consent{Given: true}}, nil)
	b.must(err)
	other, err := b.registry.Save(t.Context(), volunteers.Registrant{Source: "phone", GivenName: "Bertil", Phone: "+12025550152"}, nil)
	b.must(err)
	_, err = b.accounts.Add(t.Context(), roster.Account{Login: "rosa", Name: "Rosalind", Role: roster.RoleAgent, Profile: "help"}, "correct horse battery", "")
	b.must(err)
	called, err := b.contacts.Open(t.Context(), triage.Contact{Channel: "phone", Direction: "out", Dialled: "+12025550153", Caller: "+12025550153"})
	b.must(err)

	least, more := b.token(0), b.token(table.Referral)
	ids := func(token, kind, id string) (out []string) {
		for _, item := range b.wants(200, token, "GET", "/"+kind, "").items() {
			out = append(out, item[id].(string))
		}
		return out
	}
	for _, token := range []string{least, more} {
		if got := ids(token, "contacts", "contact_id"); !slices.Contains(got, open.ID) || !slices.Contains(got, called.ID) || slices.Contains(got, locked.ID) || len(got) != 4 {
			t.Errorf("contacts are %v", got)
		}
		if got := ids(token, "cases", "case_id"); !slices.Equal(got, []string{shared.ID, private.ID, complaint.ID}[:2]) {
			t.Errorf("cases are %v", got)
		}
		if got := ids(token, "registrants", "volunteer_id"); !slices.Equal(got, []string{agreed.ID, other.ID}) {
			t.Errorf("registrants are %v", got)
		}
		for _, path := range []string{"/contacts/" + locked.ID, "/cases/" + hidden.ID, "/cases/" + complaint.ID, "/cases/nobody", "/registrants/nobody", "/contacts/" + shared.ID} {
			b.wants(404, token, "GET", path, "")
		}
	}
	// All that a program of a level can read must not hold what the level hides.
	all := func(token string) (text string) {
		for _, path := range []string{"/contacts", "/cases", "/registrants", "/contacts/" + open.ID, "/contacts/" + called.ID, "/cases/" + shared.ID, "/cases/" + private.ID,
			"/registrants/" + agreed.ID, "/registrants/" + other.ID, "/room", "/agents", "/state", "/reports"} {
			text += b.wants(200, token, "GET", path, "").body
		}
		return text
	}
	told := map[string]bool{"Marta": true, "Santa Clara": true, "+12025550147": true, "Ana": true, "+12025550151": true, "Rosalind": true} // with consent, from L2 on; and who works here
	lowest, higher := all(least), all(more)
	for _, text := range []string{"Marta", "Santa Clara", "+12025550147", "Ana", "+12025550151", "Rosalind", "mill", "Ivo", "Riverside", "+12025550148", "Nadia", "+12025550149", "Omar", "+12025550150",
		"Bertil", "+12025550152", "+12025550153", locked.ID, hidden.ID} {
		if strings.Contains(lowest, text) {
			t.Errorf("a token of the lowest level reads %q", text)
		}
		if got := strings.Contains(higher, text); got != told[text] {
			t.Errorf("a token of the next level reads %q: %v", text, got)
		}
	}
	if got := b.wants(200, more, "GET", "/cases/"+private.ID, "").json; got["redaction"] != "L1" || got["top_need"] != "food" {
		t.Errorf("who has not agreed is told as %v", got)
	}
	if len(b.log("record.viewed")) == 0 || len(b.log("records.searched")) == 0 {
		t.Error("nobody noted who looked")
	}
	seen := b.log("record.viewed")
	if last := seen[len(seen)-1]; last.Via != "api" || last.By != b.owner.ID || last.Data["id"] != private.ID || last.Data["name"] != "dashboard" || last.Data["level"] != "L2" {
		t.Errorf("it is noted as %+v", last)
	}
	before := len(b.log("records.searched"))
	b.wants(200, least, "GET", "/cases?q=Marta", "")
	if noted := b.log("records.searched"); len(noted) != before+1 || strings.Contains(fmt.Sprint(noted[before].Data), "Marta") {
		t.Errorf("a search is noted as %v", noted[before:])
	}
}

// TestRecordsGoAsFarAsTheyMay: whose program it is decides, for reading, writing
// and exports.
func TestRecordsGoAsFarAsTheyMay(t *testing.T) {
	b := start(t)
	cases := map[string]triage.Case{}
	for _, scope := range sharing.Scopes() {
		_, cases[scope] = b.called("+12025550147", map[string]any{"name": "Marta " + scope, "may_share": "yes", "share_scope": scope, "top_need": "water"})
	}
	for to, want := range map[string][]string{sharing.Inside: {"inside", "helpers", "public"}, sharing.Helpers: {"helpers", "public"}, sharing.Public: {"public"}} {
		token, _, err := b.accounts.NewToken(t.Context(), roster.Token{Name: "map", Scopes: roster.Scopes(), Level: table.Referral, To: to, By: b.owner.ID}, time.Hour)
		b.must(err)
		var got []string
		for _, item := range b.wants(200, token, "GET", "/cases", "").items() {
			got = append(got, item["share_scope"].(string))
			if item["contact_name"] != "Marta "+item["share_scope"].(string) {
				t.Errorf("%s: who agreed is told as %v", to, item["contact_name"])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s reads %v", to, got)
		}
		for scope, cs := range cases {
			status := 404
			if slices.Contains(want, scope) {
				status = 200
			}
			b.wants(status, token, "GET", "/cases/"+cs.ID, "")
			b.wants(status, token, "POST", "/cases/"+cs.ID+"/notes", `{"text":"seen"}`)
			b.wants(status, token, "PATCH", "/cases/"+cs.ID, `{"fields":{"people_total":3}}`, "If-Match", "*")
		}
		if to != sharing.Inside {
			b.wants(403, token, "POST", "/exports", `{"sets":["cases"],"reason":"for the map","to":"inside"}`)
		}
		if got := b.wants(201, token, "POST", "/exports", `{"sets":["cases"],"reason":"for the map"}`); got.json["to"] != to {
			t.Errorf("an export of %s is for %v", to, got.json["to"])
		}
	}
}

func TestRecordsArePickedLikeOnThePage(t *testing.T) {
	b := start(t)
	_, water := b.called("+12025550147", map[string]any{"top_need": "water", "danger_now": "yes"})
	_, food := b.called("+12025550148", map[string]any{"top_need": "food"})
	token := b.token(0)
	<-b.finder.Ready()
	picked := func(query string) (ids []string) {
		for _, item := range b.wants(200, token, "GET", "/cases?"+query, "").items() {
			ids = append(ids, item["case_id"].(string))
		}
		return ids
	}
	if got := picked("need=water"); !slices.Equal(got, []string{water.ID}) {
		t.Errorf("need=water: %v", got)
	}
	if got := picked("need=water&need=food"); !slices.Equal(got, []string{water.ID, food.ID}) {
		t.Errorf("need=water&need=food: %v", got)
	}
	if got := picked("q=" + food.Code); !slices.Equal(got, []string{food.ID}) {
		t.Errorf("the code: %v", got)
	}
	if got := picked("since=" + url.QueryEscape(food.UpdatedAt.Format(time.RFC3339Nano))); !slices.Equal(got, []string{food.ID}) {
		t.Errorf("what changed since: %v", got)
	}
	if got := picked("since=" + url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339))); len(got) != 0 {
		t.Errorf("what changed since later: %v", got)
	}
	// What is not understood is refused: left out, it would tell of everybody.
	for _, query := range []string{"neeed=water", "skill=nurse", "limit=0", "limit=1000", "limit=x", "since=yesterday", "from=26.11.2026", "cursor=x", "cursor=eHg", "tab=contacts", "skip=3"} {
		b.wants(400, token, "GET", "/cases?"+query, "")
	}
}

// TestPagesAreStable: whoever turns the pages of a list is told of everything
// that was there at the beginning, and of nothing twice, whatever comes and
// changes meanwhile.
func TestPagesAreStable(t *testing.T) {
	b := start(t)
	token := b.token(0)
	<-b.finder.Ready()
	r := rand.New(rand.NewPCG(1, 2))
	var were []string
	add := func() string {
		_, cs := b.called(call.Number(fmt.Sprintf("+1202555%04d", r.IntN(10_000))), map[string]any{"top_need": []string{"water", "food"}[r.IntN(2)]})
		return cs.ID
	}
	for range 30 {
		were = append(were, add())
	}
	for _, query := range []string{"", "need=water&need=food", "since=2026-01-01T00:00:00Z"} {
		seen := map[string]int{}
		pages, cursor := 0, ""
		for {
			path := fmt.Sprintf("/cases?limit=%d&%s&cursor=%s", 1+r.IntN(9), query, url.QueryEscape(cursor))
			got := b.wants(200, token, "GET", strings.ReplaceAll(path, "&cursor=", map[bool]string{true: "&cursor=", false: "&"}[cursor != ""]), "")
			for _, item := range got.items() {
				seen[item["case_id"].(string)]++
			}
			if pages++; pages > 200 {
				t.Fatal("the pages have no end")
			}
			if cursor = got.next(); cursor == "" {
				break
			}
			if pages < 8 {
				add()
				_, _, err := b.cases.Change(t.Context(), were[r.IntN(len(were))], history.Edit{By: "ana", Fields: map[string]any{"people_total": r.IntN(9)}})
				b.must(err)
			}
		}
		for _, id := range were {
			if seen[id] != 1 {
				t.Errorf("%q: a case that was there is told %d times", query, seen[id])
			}
		}
		for id, n := range seen {
			if n > 1 {
				t.Errorf("%q: %s is told %d times", query, id, n)
			}
		}
	}
	// A cursor serves nobody else, and no other question.
	cursor := b.wants(200, token, "GET", "/cases?limit=2", "").next()
	b.wants(200, token, "GET", "/cases?cursor="+cursor, "")
	b.wants(400, b.token(0), "GET", "/cases?cursor="+cursor, "")
	b.wants(400, token, "GET", "/contacts?cursor="+cursor, "")
	b.wants(400, token, "GET", "/cases?need=water&cursor="+cursor, "")
	forged := []byte(cursor)
	forged[3] ^= 1
	b.wants(400, token, "GET", "/cases?cursor="+string(forged), "")
	b.restart()
	b.wants(200, token, "GET", "/cases?cursor="+cursor, "")
}

// Nobody else's words get lost by a program, and it learns when they are there.
func TestACaseIsChangedOnlyAsItWasSeen(t *testing.T) {
	b := start(t)
	_, cs := b.called("+12025550147", map[string]any{"place": "Santa Clara", "top_need": "water"})
	token := b.token(0)
	path := "/cases/" + cs.ID
	tag := b.wants(200, token, "GET", path, "").header.Get("ETag")
	b.wants(428, token, "PATCH", path, `{"fields":{"top_need":"food"}}`)
	b.wants(412, token, "PATCH", path, `{"fields":{"top_need":"food"}}`, "If-Match", `"other"`)
	got := b.wants(200, token, "PATCH", path, `{"fields":{"top_need":"food"},"why":"said so later"}`, "If-Match", tag)
	if got.json["top_need"] != "food" || got.header.Get("ETag") == tag || got.header.Get("ETag") == "" {
		t.Errorf("changed: %v, %v", got.json, got.header)
	}
	b.wants(412, token, "PATCH", path, `{"fields":{"top_need":"shelter"}}`, "If-Match", tag)
	b.wants(200, token, "PATCH", path, `{"fields":{"top_need":"shelter"}}`, "If-Match", "*")
	tag = b.wants(200, token, "GET", path, "").header.Get("ETag")
	if got := b.wants(422, token, "PATCH", path, `{"fields":{"top_need":"gold"}}`, "If-Match", tag); got.json["field"] != "top_need" {
		t.Errorf("an answer that is none: %v", got.json)
	}
	b.wants(422, token, "PATCH", path, `{"fields":{}}`, "If-Match", tag)
	b.wants(422, token, "PATCH", path, `{"fields":{"nothing":1}}`, "If-Match", tag)
	b.wants(404, token, "PATCH", "/cases/nobody", `{"fields":{"top_need":"food"}}`, "If-Match", "*")
	now, err := b.cases.Get(cs.ID)
	if err != nil || now.Fields.TopNeed != "shelter" || now.Fields.Place != "Santa Clara" {
		t.Errorf("it is %+v, %v", now.Fields, err)
	}
	entries, err := b.cases.History(cs.ID)
	b.must(err)
	if i := slices.IndexFunc(entries, func(e history.Entry) bool { return e.Why == "said so later" && e.Via == "api" && e.By == b.owner.ID }); i < 0 {
		t.Errorf("the history is %+v", entries)
	}
	// Notes come below those that are there.
	b.wants(200, token, "POST", path+"/notes", `{"text":"the bridge is open","at":"2026-11-20T06:30:00Z"}`)
	b.wants(200, token, "POST", path+"/notes", `{"text":"and closed again"}`)
	b.wants(422, token, "POST", path+"/notes", `{"text":" "}`)
	b.wants(422, token, "POST", path+"/notes", `{"text":"tomorrow","at":"2099-01-01T00:00:00Z"}`)
	now, err = b.cases.Get(cs.ID)
	if err != nil || !strings.HasPrefix(now.Fields.Notes, "[2026-11-20 06:30 UTC, dashboard] the bridge is open\n[") || !strings.HasSuffix(now.Fields.Notes, "and closed again") {
		t.Errorf("the notes are %q, %v", now.Fields.Notes, err)
	}
	// By some answers a case is for people alone from then on.
	tag = b.wants(200, token, "GET", path, "").header.Get("ETag")
	if got := b.wants(200, token, "PATCH", path, `{"fields":{"talk_freely":"specialist"}}`, "If-Match", tag); got.json["redaction"] != "hidden" || len(got.json) != 2 {
		t.Errorf("protected: %s", got.body)
	}
	b.wants(404, token, "PATCH", path, `{"fields":{"top_need":"food"}}`, "If-Match", "*")
	b.wants(404, token, "POST", path+"/notes", `{"text":"hello"}`)
}

func TestACaseFromPaperHasItsOwnTime(t *testing.T) {
	b := start(t)
	token := b.token(table.Referral)
	got := b.wants(201, token, "POST", "/cases", `{"at":"2026-11-20T06:30:00Z","channel":"radio_relay","phone":"(202) 555-0147","language":"es","fields":{"name":"Marta","place":"Santa Clara","top_need":"water","may_share":"yes"}}`)
	if got.json["opened_at"] != "2026-11-20T06:30:00Z" || got.json["contact_name"] != "Marta" || got.header.Get("Location") != Prefix+"/cases/"+got.json["case_id"].(string) {
		t.Errorf("it is %s", got.body)
	}
	cs, err := b.cases.Get(got.json["case_id"].(string))
	if err != nil || cs.Caller != "+12025550147" || cs.EnteredAt.IsZero() || cs.OpenedBy != b.owner.ID {
		t.Errorf("stored: %+v, %v", cs, err)
	}
	b.wants(422, token, "POST", "/cases", `{"at":"2099-11-20T06:30:00Z","fields":{"top_need":"water"}}`)
	b.wants(422, token, "POST", "/cases", `{"fields":{"top_need":"gold"}}`)
	b.wants(422, token, "POST", "/cases", `{}`)
	b.wants(400, token, "POST", "/cases", `{"field":{}}`)
	b.wants(400, token, "POST", "/cases", `no`)
}

func TestARegistrantTakesStepsWithTheirGuards(t *testing.T) {
	b := start(t)
	g, err := b.registry.Save(t.Context(), volunteers.Registrant{Source: "phone", Phone: "+12025550151", Age: volunteers.Adult}, nil)
	b.must(err)
	token, path := b.token(0), "/registrants/"+g.ID+"/steps"
	b.wants(409, token, "POST", path, `{"step":"assign"}`)
	for _, step := range []string{"contacted", "approve", "brief", "ready"} {
		b.wants(200, token, "POST", path, `{"step":"`+step+`"}`)
	}
	if got := b.wants(409, token, "POST", path, `{"step":"assign"}`); !strings.Contains(got.json["detail"].(string), "agreed") {
		t.Errorf("without consents: %s", got.body)
	}
	b.wants(409, token, "POST", path, `{"step":"suspend"}`)
	if got := b.wants(200, token, "POST", path, `{"step":"suspend","why":"two complaints"}`); got.json["status"] != "suspended" {
		t.Errorf("suspended: %s", got.body)
	}
	b.wants(404, token, "POST", "/registrants/nobody/steps", `{"step":"contacted"}`)
	if moved := b.log(volunteers.EventMoved); len(moved) != 5 || moved[0].Via != "api" {
		t.Errorf("the log: %+v", moved)
	}
}

func TestAgentsAreSteeredByPrograms(t *testing.T) {
	b := start(t)
	amal, err := b.accounts.Add(t.Context(), roster.Account{Login: "amal", Name: "Amal", Role: roster.RoleAgent, Languages: []string{"es"}, Profile: "help"}, "correct horse battery", "")
	b.must(err)
	token := b.token(0)
	state := func() (string, map[string]any) {
		for _, item := range b.wants(200, token, "GET", "/agents", "").items() {
			if item["agent"] == amal.ID {
				return item["state"].(string), item
			}
		}
		return "", nil
	}
	if got, item := state(); got != "offline" || item["name"] != nil || item["profile"] != "help" {
		t.Errorf("before signing in: %v", item)
	}
	b.wants(409, token, "PUT", "/agents/"+amal.ID+"/state", `{"state":"break","reason":"rest"}`)
	b.desk.Seat(b.api.cfg.PersonOf(amal))
	b.must(b.dispatch.Set(amal.ID, triage.Ready, ""))
	if got, item := state(); got != "ready" || item["why"] == nil {
		t.Errorf("ready: %v", item)
	}
	b.wants(409, token, "PUT", "/agents/"+amal.ID+"/state", `{"state":"ready","reason":"rest"}`)
	if got := b.wants(200, token, "PUT", "/agents/"+amal.ID+"/state", `{"state":"break","reason":"rest"}`); got.json["after_call"] != false {
		t.Errorf("on a break: %s", got.body)
	}
	if got, item := state(); got != "break" || item["reason"] != "rest" {
		t.Errorf("on a break: %v", item)
	}
	profiles := b.routes.Routing().Profiles
	plain := slices.IndexFunc(profiles, func(p triage.Profile) bool { return p.ID != "help" && !b.routes.Routing().Trained(p.ID) })
	trained := slices.IndexFunc(profiles, func(p triage.Profile) bool { return b.routes.Routing().Trained(p.ID) })
	if got := b.wants(200, token, "PUT", "/agents/"+amal.ID+"/profile", `{"profile":"`+profiles[plain].ID+`"}`); got.json["profile"] != profiles[plain].ID {
		t.Errorf("another profile: %s", got.body)
	}
	b.wants(403, token, "PUT", "/agents/"+amal.ID+"/profile", `{"profile":"`+profiles[trained].ID+`"}`)
	b.wants(422, token, "PUT", "/agents/"+amal.ID+"/profile", `{"profile":"kings"}`)
	b.wants(404, token, "PUT", "/agents/nobody/profile", `{"profile":"help"}`)
	b.wants(404, token, "PUT", "/agents/nobody/state", `{"state":"break","reason":"rest"}`)

	// Who waits, and why; of whoever calls in private only that somebody does.
	for _, queue := range []string{triage.QueueHelp, triage.QueuePrivate} {
		k, _ := b.called("+12025550147", nil)
		place, err := b.dispatch.Enter(triage.Waiting{Contact: k.ID, Queue: queue})
		b.must(err)
		defer place.Leave()
	}
	got := b.wants(200, token, "GET", "/room", "")
	waiting := got.json["waiting"].([]any)
	if len(waiting) != 1 || waiting[0].(map[string]any)["why"].(map[string]any)["sentence"] == "" || got.json["waiting_private"] != 1.0 {
		t.Errorf("the room: %s", got.body)
	}
}

func TestExportsOfPrograms(t *testing.T) {
	b := start(t)
	b.called("+12025550147", map[string]any{"name": "Marta Ruiz", "top_need": "water", "may_share": "yes"})
	token, other := b.token(0), b.token(table.Referral)
	b.wants(403, token, "POST", "/exports", `{"sets":["cases"],"level":"L2","reason":"for the map","recipient":"Red Cross","password":"a long password"}`)
	b.wants(403, other, "POST", "/exports", `{"sets":["cases"],"level":"L3","reason":"for the map","password":"a very long password"}`)
	b.wants(422, token, "POST", "/exports", `{"sets":["cases"],"level":"L9","reason":"for the map"}`)
	b.wants(422, token, "POST", "/exports", `{"sets":["cases"],"reason":"x"}`)
	b.wants(422, token, "POST", "/exports", `{"sets":["secrets"],"reason":"for the map"}`)
	if b.log("export.asked") != nil {
		t.Error("something was asked for all the same")
	}
	job := b.wants(201, token, "POST", "/exports", `{"sets":["cases"],"reason":"for the map"}`)
	id := job.json["id"].(string)
	limit := time.After(time.Minute)
	for job.json["state"] != "done" {
		select {
		case <-limit:
			t.Fatalf("it is %s", job.body)
		case <-time.After(20 * time.Millisecond):
		}
		job = b.wants(200, token, "GET", "/exports/"+id, "")
	}
	file := b.wants(200, token, "GET", "/exports/"+id+"/file", "")
	if file.header.Get("Content-Type") != "application/zip" || !strings.HasPrefix(file.body, "PK") || job.json["level"] != "L1" || job.json["rows"] != 1.0 {
		t.Errorf("the file: %v, %s", file.header, job.body)
	}
	if len(b.log("export.downloaded")) != 1 {
		t.Error("nobody noted that it left the box")
	}
	if list := b.wants(200, token, "GET", "/exports", "").items(); len(list) != 1 || list[0]["id"] != id {
		t.Errorf("the list is %v", list)
	}
	// Somebody else's is not there, of the same owner neither.
	for _, path := range []string{"/exports/" + id, "/exports/" + id + "/file"} {
		b.wants(404, other, "GET", path, "")
	}
	b.wants(404, other, "DELETE", "/exports/"+id, "")
	if list := b.wants(200, other, "GET", "/exports", "").items(); len(list) != 0 {
		t.Errorf("another token sees %v", list)
	}
	b.wants(204, token, "DELETE", "/exports/"+id, "")
	b.wants(409, token, "GET", "/exports/"+id+"/file", "")
	b.wants(409, token, "DELETE", "/exports/"+id, "")
	secret := b.wants(201, other, "POST", "/exports", `{"sets":["cases"],"level":"L2","reason":"for the map","recipient":"Red Cross","password":"a very long password"}`)
	if strings.Contains(secret.body, "very long") {
		t.Errorf("the password is told: %s", secret.body)
	}
}

// TestWhatIsSentAgainIsNotDoneAgain, also after a restart.
func TestWhatIsSentAgainIsNotDoneAgain(t *testing.T) {
	b := start(t)
	token := b.token(table.Referral)
	body := `{"fields":{"name":"Marta Ruiz","top_need":"water","may_share":"yes"}}`
	first := b.wants(201, token, "POST", "/cases", body, "Idempotency-Key", "k1")
	again := func(name, with string) {
		t.Helper()
		got := b.wants(201, with, "POST", "/cases", body, "Idempotency-Key", "k1")
		if got.body != first.body || got.header.Get("Idempotent-Replayed") != "true" || got.header.Get("ETag") != first.header.Get("ETag") || got.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("%s: another answer: %s %v", name, got.body, got.header)
		}
	}
	again("at once", token)
	b.wants(422, token, "POST", "/cases", strings.Replace(body, "water", "food", 1), "Idempotency-Key", "k1")
	b.wants(422, token, "POST", "/cases/"+first.json["case_id"].(string)+"/notes", body, "Idempotency-Key", "k1")
	wrong := b.wants(422, token, "POST", "/cases", `{"fields":{"top_need":"gold"}}`, "Idempotency-Key", "k2")
	if got := b.wants(422, token, "POST", "/cases", `{"fields":{"top_need":"gold"}}`, "Idempotency-Key", "k2"); got.body != wrong.body || got.header.Get("Idempotent-Replayed") == "" {
		t.Errorf("a refusal sent again: %s", got.body)
	}
	b.wants(400, token, "POST", "/cases", body, "Idempotency-Key", strings.Repeat("k", 300))
	b.restart()
	again("after a restart", token)
	if other := b.wants(201, b.token(0), "POST", "/cases", body, "Idempotency-Key", "k1"); other.json["case_id"] == first.json["case_id"] {
		t.Error("somebody else's key is answered")
	}
	count := 0
	b.must(b.cases.Each(func(triage.Case) bool { count++; return true }))
	if count != 2 {
		t.Errorf("there are %d cases", count)
	}
	// When somebody becomes protected, no answer remembers them.
	cs, err := b.cases.Get(first.json["case_id"].(string))
	b.must(err)
	if places, err := b.store.Mentions(t.Context(), "Marta Ruiz"); err != nil || !slices.ContainsFunc(places, func(p string) bool { return strings.Contains(p, "requests_once") }) {
		t.Fatalf("the answer is not kept: %v, %v", places, err)
	}
	_, _, err = b.cases.Change(t.Context(), cs.ID, history.Edit{By: "ana", Fields: map[string]any{"talk_freely": "specialist"}})
	b.must(err)
	if places, err := b.store.Mentions(t.Context(), "Marta Ruiz"); err != nil || slices.ContainsFunc(places, func(p string) bool { return strings.Contains(p, "requests_once") }) {
		t.Errorf("somebody who is protected is still in %v, %v", places, err)
	}
	b.wants(http.StatusConflict, token, "POST", "/cases", body, "Idempotency-Key", "k1")
}
