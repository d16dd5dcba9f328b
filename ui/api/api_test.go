package api

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"hotline/appliance/lists"
	"hotline/appliance/table"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// forget lets everybody ask anew.
func (l *limits) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buckets = nil
}

// TestProgramsDoWhatTheirScopesSay: with every scope but the one, and with none,
// nothing is told and nothing is done.
func TestProgramsDoWhatTheirScopesSay(t *testing.T) {
	b := start(t)
	_, cs := b.called("+12025550147", map[string]any{"top_need": "water"})
	bodies := map[string]string{"/mode": `{"mode":"busy"}`, "/bulletins": `{"language":"en","text":"Water at the school"}`, "/queues/{id}": `{"closed":true}`,
		"/cases": `{"fields":{"top_need":"food"}}`, "/cases/{id}": `{"fields":{"top_need":"food"}}`, "/cases/{id}/notes": `{"text":"hello"}`, "/agents/{id}/profile": `{"profile":"help"}`,
		"/agents/{id}/state": `{"state":"break","reason":"rest"}`, "/registrants/{id}/steps": `{"step":"contacted"}`, "/exports": `{"sets":["cases"],"reason":"for the map"}`}
	before, err := b.store.LastEvent()
	b.must(err)
	tokens := 0
	for _, rt := range routes() {
		path := strings.Replace(rt.path, "{id}", cs.ID, 1)
		others := slices.DeleteFunc(roster.Scopes(), func(sc roster.Scope) bool { return sc == rt.scope })
		if got := b.wants(http.StatusForbidden, b.token(table.Referral, others...), rt.verb, path, bodies[rt.path]); !strings.Contains(got.body, string(rt.scope)) {
			t.Errorf("%s %s with all other scopes: %s", rt.verb, path, got.body)
		}
		tokens++
		if got := b.wants(http.StatusUnauthorized, "", rt.verb, path, bodies[rt.path]); got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s without a token: %v", rt.verb, path, got.header)
		}
		b.wants(http.StatusUnauthorized, "hotline_WRONG", rt.verb, path, bodies[rt.path])
	}
	if after, err := b.store.LastEvent(); err != nil || after != before+uint64(tokens) {
		t.Errorf("something was done or told: %d events for %d tokens, %v", after-before, tokens, err)
	}
	b.wants(http.StatusNotFound, b.token(0), "GET", "/nothing", "")
	if got := b.wants(http.StatusMethodNotAllowed, b.token(0), "DELETE", "/cases", ""); got.header.Get("Allow") != "GET, POST" {
		t.Errorf("what is allowed: %v", got.header)
	}
}

func TestProgramsSteerTheHotline(t *testing.T) {
	b := start(t)
	token := b.token(0)
	if got := b.wants(200, token, "PUT", "/mode", `{"mode":"redirect","hours":2,"partner":"+12025550147"}`); got.json["mode"] != "redirect" || got.json["undo_possible"] != true || got.json["via"] != "api" {
		t.Errorf("%v", got.json)
	}
	if now := b.mode.Current(time.Now()); now.Mode != mode.Redirect || now.Name != "dashboard" || now.By != b.owner.ID {
		t.Errorf("it is %+v", now)
	}
	b.wants(422, token, "PUT", "/mode", `{"mode":"party"}`)
	b.wants(400, token, "PUT", "/mode", `{"modus":"busy"}`)
	b.wants(400, token, "PUT", "/mode", ``)
	b.wants(400, token, "PUT", "/mode", `{"mode":"busy"}{"mode":"calm"}`)
	b.wants(413, token, "PUT", "/mode", `{"mode":"`+strings.Repeat("x", mostBody)+`"}`)
	b.wants(413, token, "PUT", "/mode", `{"mode":"`+strings.Repeat("x", mostBody)+`"}`, "Idempotency-Key", "large")
	b.wants(200, token, "POST", "/undo", ``)
	b.wants(409, token, "POST", "/undo", ``)
	bulletin := b.wants(201, token, "POST", "/bulletins", `{"language":"en","text":"Water at the school","hours":3}`)
	b.wants(422, token, "POST", "/bulletins", `{"language":"xx","text":"Water"}`)
	if got := b.wants(200, token, "GET", "/bulletins", ""); !strings.Contains(got.body, "Water at the school") {
		t.Errorf("the list: %s", got.body)
	}
	b.wants(200, token, "PUT", "/queues/help", `{"closed":true}`)
	b.wants(400, token, "PUT", "/queues/help", `{}`)
	b.wants(422, token, "PUT", "/queues/life", `{"closed":true}`)
	if state := b.wants(200, token, "GET", "/state", ""); state.json["bulletins_playing"] != 1.0 || !b.closures.Closed("help") {
		t.Errorf("%v", state.json)
	}
	b.wants(200, token, "GET", "/queues", "")
	b.wants(200, token, "GET", "/mode", "")
	b.wants(200, token, "GET", "/reports?from=2026-11-01&until=2026-11-02", "")
	b.wants(422, token, "GET", "/reports?from=yesterday", "")
	b.wants(204, token, "DELETE", "/bulletins/"+bulletin.json["id"].(string), "")
	b.wants(404, token, "DELETE", "/bulletins/"+bulletin.json["id"].(string), "")
}

func TestTooManyRequestsAreToldWhenToComeBack(t *testing.T) {
	b := start(t)
	for name, token := range map[string]string{"a token": b.token(0), "guessing": "hotline_WRONG"} {
		var got answer
		for range 3 * burst {
			if got = b.rush(token, "GET", "/mode", ""); got.status == http.StatusTooManyRequests {
				break
			}
		}
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if got.status != http.StatusTooManyRequests || err != nil || seconds < 1 {
			t.Errorf("%s: %d, Retry-After %q", name, got.status, got.header.Get("Retry-After"))
		}
	}
	var l limits
	now := time.Unix(1_700_000_000, 0)
	for range burst {
		if l.wait("a", now, true) != 0 {
			t.Fatal("the first requests have to wait")
		}
	}
	if wait := l.wait("a", now, true); wait <= 0 || wait > time.Second {
		t.Errorf("it waits %s", wait)
	}
	if l.wait("a", now.Add(time.Second), true) != 0 || l.wait("b", now, true) != 0 {
		t.Error("it waits for too long, or for others")
	}
}

// What operators ask besides is in the description at once, is told in the
// records, and picks them.
func TestWhatOperatorsAskIsDescribedAndTold(t *testing.T) {
	b := start(t)
	before := b.ask("", "GET", "/openapi.json", "").body
	name, err := b.lists.AddQuestion(t.Context(), lists.NewQuestion{Kind: lists.One, Words: lists.Words{"en": "Roof"}, Choices: []lists.Words{{"en": "Whole"}, {"en": "Leaks"}}}, lists.Actor{ID: b.owner.ID, Name: "Ada", Via: "web"})
	b.must(err)
	_, leaks := b.called("+12025550147", map[string]any{name: "leaks"})
	b.called("+12025550148", map[string]any{name: "whole"})
	b.must(b.finder.Settle(t.Context()))
	doc, err := openapi3.NewLoader().LoadFromData([]byte(b.ask("", "GET", "/openapi.json", "").body))
	b.must(err)
	for _, kind := range []string{"Case", "CaseFields"} {
		if doc.Components.Schemas[kind].Value.Properties[name] == nil || strings.Contains(before, name) {
			t.Errorf("%s is not described with %s", kind, name)
		}
	}
	b.router, err = gorillamux.NewRouter(doc) // what is told now is held against it
	b.must(err)
	got := b.ask(b.token(0), "GET", "/cases?"+name+"=leaks", "")
	if got.status != http.StatusOK || !strings.Contains(got.body, leaks.ID) || !strings.Contains(got.body, `"own_roof_text":"Leaks"`) || strings.Contains(got.body, `"whole"`) {
		t.Errorf("told: %d %s", got.status, got.body)
	}
}

// TestTheDescriptionIsTrue: everything that programs can do is in the
// description, with its scope, and nothing else; and whoever reads OpenAPI can
// read it.
func TestTheDescriptionIsTrue(t *testing.T) {
	b := start(t)
	got := b.ask("", "GET", "/openapi.json", "")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(got.body))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%s: %v", doc.OpenAPI, err)
	}
	var asked, fields []string
	for name := range doc.Components.Schemas["CaseFields"].Value.Properties {
		asked = append(asked, name)
	}
	for i := range reflect.TypeFor[triage.CaseFields]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[triage.CaseFields]().Field(i).Tag.Get("json"), ",")
		if name != "-" { // answers to questions of an operation's own stand beside the others
			fields = append(fields, name)
		}
	}
	shipped, err := lists.Shipped()
	b.must(err)
	for _, q := range shipped.Full() {
		fields = append(fields, q.Name)
	}
	slices.Sort(asked)
	slices.Sort(fields)
	if !slices.Equal(asked, fields) {
		t.Errorf("the fields of a case are described as %v and are %v", asked, fields)
	}
	var described, real []string
	for path, item := range doc.Paths.Map() {
		for verb, op := range item.Operations() {
			security := *op.Security
			described = append(described, verb+" "+path+" "+security[0]["token"][0])
		}
	}
	for _, rt := range routes() {
		real = append(real, rt.verb+" "+rt.path+" "+string(rt.scope))
	}
	slices.Sort(described)
	slices.Sort(real)
	if !slices.Equal(described, real) {
		t.Errorf("described:\n%s\nreal:\n%s", strings.Join(described, "\n"), strings.Join(real, "\n"))
	}
}
