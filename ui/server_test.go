package ui

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers"
)

func TestSignInAndOut(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.client(t)
	wrong := s.post(t, client, "/login", url.Values{"login": {"agent"}, "password": {"wrong"}})
	if wrong.status != http.StatusUnauthorized || !strings.Contains(wrong.body, "There is a problem") || !strings.Contains(wrong.body, `value="agent"`) {
		t.Fatalf("wrong password: %d %s", wrong.status, wrong.body)
	}
	right := s.post(t, client, "/login", url.Values{"login": {"agent"}, "password": {secret}})
	cookie := right.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-s=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s: %s", part, cookie)
		}
	}
	if got := s.get(t, client, "/desk"); got.status != http.StatusOK {
		t.Fatalf("desk: %d", got.status)
	}
	if got := s.post(t, client, "/logout", nil); got.header.Get("Location") != "/login?out" {
		t.Fatalf("signing out: %v", got)
	}
	if got := s.get(t, client, "/desk"); got.header.Get("Location") != "/login" {
		t.Fatalf("desk after signing out: %d", got.status)
	}
	request, err := http.NewRequest(http.MethodGet, s.url+"/desk", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Cookie", strings.SplitN(cookie, ";", 2)[0])
	if got := s.send(t, s.client(t), request); got.status == http.StatusOK {
		t.Fatal("the old cookie still opens the desk")
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.client(t)
	var got answer
	for range 20 {
		if got = s.post(t, client, "/login", url.Values{"login": {"agent"}, "password": {"x"}}); got.status == http.StatusTooManyRequests {
			break
		}
	}
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "too many attempts") {
		t.Fatalf("guessing goes on: %d", got.status)
	}
	if other := s.post(t, client, "/login", url.Values{"login": {"admin"}, "password": {secret}}); other.status != http.StatusSeeOther {
		t.Fatalf("another person is kept out: %d", other.status)
	}
}

func TestADisabledAccountIsOutAtOnce(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	boss, client := s.as(t, admin), s.as(t, agent)
	conn := s.openDesk(t, client)
	if got := s.post(t, boss, "/admin/accounts/"+s.ids[agent], url.Values{"do": {"disable"}}); got.status != http.StatusSeeOther {
		t.Fatalf("switching off: %d %s", got.status, got.body)
	}
	if got := s.get(t, client, "/desk"); got.status == http.StatusOK {
		t.Error("the desk page still opens")
	}
	limit, stop := context.WithTimeout(t.Context(), limitOfAStep)
	defer stop()
	for {
		var m reply
		err := wsjson.Read(limit, conn, &m)
		if err == nil {
			continue
		}
		if limit.Err() != nil {
			t.Fatal("the live channel stays open")
		}
		break
	}
	if got := s.post(t, boss, "/admin/accounts/"+s.ids[admin], url.Values{"do": {"disable"}}); got.status != http.StatusForbidden {
		t.Errorf("the administrator locked himself out: %d", got.status)
	}
}

func TestRequestsOfOtherSitesAreRefused(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	for name, header := range map[string]http.Header{
		"fetch metadata": {"Sec-Fetch-Site": {"cross-site"}},
		"origin":         {"Origin": {"https://evil.example"}},
	} {
		request, err := http.NewRequest(http.MethodPost, s.url+"/floor/mode/clear", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = header
		if got := s.send(t, client, request); got.status != http.StatusForbidden || !strings.Contains(got.body, "another website") {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	for _, origin := range []string{"", "https://evil.example", strings.Replace(s.url, "https", "http", 1)} {
		_, response, err := websocket.Dial(t.Context(), s.url+"/ws/agent", &websocket.DialOptions{HTTPClient: s.as(t, agent), HTTPHeader: http.Header{"Origin": {origin}}})
		if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("a live channel from origin %q opened: %v", origin, err)
		}
	}
}

func (s *site) openDesk(t *testing.T, client *http.Client) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), s.url+"/ws/agent", &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{"Origin": {s.url}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func expect(t *testing.T, conn *websocket.Conn, kind string) reply {
	t.Helper()
	limit, stop := context.WithTimeout(t.Context(), limitOfAStep)
	defer stop()
	for {
		var m reply
		if err := wsjson.Read(limit, conn, &m); err != nil {
			t.Fatalf("waiting for %s: %v", kind, err)
		}
		if m.Type == kind {
			return m
		}
	}
}

func tellDesk(t *testing.T, conn *websocket.Conn, m map[string]any) {
	t.Helper()
	m["v"] = protocol
	if err := wsjson.Write(t.Context(), conn, m); err != nil {
		t.Fatal(err)
	}
}

func TestDeskChannel(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.OnCall, ringing() })
	conn := s.openDesk(t, s.as(t, agent))
	if m := expect(t, conn, "state"); m.State.Agent.State != triage.OnCall {
		t.Errorf("state %+v", m.State.Agent)
	}
	tellDesk(t, conn, map[string]any{"type": "ping", "mic": true, "rtt": 180})
	expect(t, conn, "pong")
	s.mu.Lock()
	beats, mic, delay := s.beats, s.mic, s.delay
	s.mu.Unlock()
	if beats != 1 || !mic || delay != 180*time.Millisecond {
		t.Errorf("beats %d, microphone %v, delay %v", beats, mic, delay)
	}
	tellDesk(t, conn, map[string]any{"type": "case.save", "contact": "c1", "n": 17, "fields": map[string]any{"place": "Santa Clara"}})
	if m := expect(t, conn, "case.saved"); m.N != 17 || m.At == nil {
		t.Errorf("confirmation %+v", m)
	}
	if done := s.commands(); len(done) != 1 || done[0].Fields["place"] != "Santa Clara" || done[0].Contact != "c1" {
		t.Errorf("commands %+v", done)
	}
	s.mu.Lock()
	s.refuse = errors.New("disk full at /var/x")
	s.mu.Unlock()
	tellDesk(t, conn, map[string]any{"type": "case.save", "n": 18, "fields": map[string]any{}})
	if m := expect(t, conn, "error"); m.N != 18 || m.For != "case.save" || strings.Contains(m.Text, "disk") || !strings.Contains(m.Text, "caller is still on the line") {
		t.Errorf("refusal %+v", m)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("not json")); err != nil {
		t.Fatal(err)
	}
	if m := expect(t, conn, "error"); !strings.Contains(m.Text, "older than the hotline") {
		t.Errorf("nonsense: %+v", m)
	}
	second := s.openDesk(t, s.as(t, agent))
	expect(t, second, "state")
	expect(t, conn, "elsewhere")
}

// What the room refuses is read in the language of the page.
func TestRefusalsAreTranslated(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, agent)
	s.post(t, client, "/language", url.Values{"language": {"es"}})
	call := ringing()
	call.Consult = &desk.ConsultView{Failed: "Beatriz did not answer. The caller is still with you."}
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.OnCall, call })
	conn := s.openDesk(t, client)
	if m := expect(t, conn, "state"); m.State.Call.Consult.Failed != "Beatriz no contestó. Quien llama sigue con usted." {
		t.Errorf("state: %q", m.State.Call.Consult.Failed)
	}
	s.mu.Lock()
	s.refuse = desk.UserError("The number is busy.")
	s.mu.Unlock()
	tellDesk(t, conn, map[string]any{"type": "call.out", "number": "+12025550199"})
	if m := expect(t, conn, "error"); m.For != "call.out" || m.Text != "El número está ocupado." {
		t.Errorf("refusal: %+v", m)
	}
}

func TestAFloodOfMessagesEndsThePage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	conn := s.openDesk(t, s.as(t, agent))
	limit, stop := context.WithTimeout(t.Context(), limitOfAStep)
	defer stop()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for {
			if _, _, err := conn.Read(limit); err != nil {
				return
			}
		}
	}()
	for wsjson.Write(limit, conn, map[string]any{"v": 1, "type": "ping"}) == nil { // until it is refused
	}
	<-drained
	if limit.Err() != nil {
		t.Fatal("the page may send as much as it likes")
	}
}

func TestAFaultBecomesAPage(t *testing.T) {
	s := newScript(t)
	server, err := New(s.config(t))
	if err != nil {
		t.Fatal(err)
	}
	broken := server.protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret of the house") }))
	recorder := &recorder{header: http.Header{}}
	request, err := http.NewRequest(http.MethodGet, "https://hotline.test/floor", nil)
	if err != nil {
		t.Fatal(err)
	}
	broken.ServeHTTP(recorder, request)
	body := recorder.String()
	if recorder.status != http.StatusInternalServerError || server.Panics() != 1 || !strings.Contains(body, "Calls go on") {
		t.Errorf("status %d, counted %d, page %s", recorder.status, server.Panics(), body)
	}
	if strings.Contains(body, "secret") || strings.Contains(body, "goroutine") {
		t.Errorf("the page tells about the program: %s", body)
	}
}

type recorder struct {
	bytes.Buffer
	header http.Header
	status int
}

func (r *recorder) Header() http.Header    { return r.header }
func (r *recorder) WriteHeader(status int) { r.status = status }

func (s *script) noted(t *testing.T, kind string) []events.Event {
	t.Helper()
	found, err := FromStore(s.store).Latest(100, func(ev events.Event) bool { return ev.Kind == kind })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (s *script) called(t *testing.T, k triage.Contact) triage.Contact {
	t.Helper()
	k, err := s.contacts.Open(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (s *script) wrote(t *testing.T, contact string, fields map[string]any) {
	t.Helper()
	if _, err := s.cases.Save(t.Context(), contact, s.ids[agent], fields); err != nil {
		t.Fatal(err)
	}
}

func (s *script) registered(t *testing.T, g volunteers.Registrant) {
	t.Helper()
	if _, err := s.registry.Save(t.Context(), g, nil); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsAreFoundByPartOfTheNumber(t *testing.T) {
	far := newScript(t)
	first := far.called(t, triage.Contact{Caller: "+12025550147", Queue: "help", Outcome: triage.OutcomeAbandonedQueue, Open: triage.OpenAbandoned})
	far.called(t, triage.Contact{Caller: "+12025550188", Outcome: triage.OutcomeAnswered, Disposition: "case_opened"})
	locked := far.called(t, triage.Contact{Caller: "+12025550199"})
	far.wrote(t, first.ID, map[string]any{"place": "<b>Santa Clara</b>", "top_need": "water"})
	far.wrote(t, locked.ID, map[string]any{"talk_freely": "specialist"})
	for range listed + 10 {
		far.registered(t, volunteers.Registrant{Source: "phone", GivenName: "N"})
	}
	s := startSite(t, far, nil)
	client := s.as(t, coordinator)
	body := s.get(t, client, "/records?q=0147").body
	if !strings.Contains(body, "+12025550147") || strings.Contains(body, "+12025550188") || !strings.Contains(body, "To call back: left while waiting") {
		t.Errorf("search by number: %s", body)
	}
	if body := s.get(t, client, "/records").body; !strings.Contains(body, "Protected") || !strings.Contains(body, "3 records") || strings.Contains(body, "+12025550199") {
		t.Errorf("list: %s", body)
	}
	if body := s.get(t, client, "/records?q=999"); !strings.Contains(body.body, "Nothing matches 999") {
		t.Errorf("nothing found: %s", body.body)
	}
	body = s.get(t, client, "/records?tab=cases&q=santa").body
	if !strings.Contains(body, "Drinking water") || strings.Contains(body, "<b>Santa") || !strings.Contains(body, "1 record<") {
		t.Errorf("cases: %s", body)
	}
	if body := s.get(t, client, "/records?tab=registrants").body; strings.Count(body, "<tr>") != listed+1 || !strings.Contains(body, "60 records") {
		t.Errorf("registrants: %d rows", strings.Count(body, "<tr>"))
	}
}

// What callers and volunteers type or send is hostile until it is escaped.
func TestHostileTextAppearsOnlyEscaped(t *testing.T) {
	far := newScript(t)
	hostile := `<script>x</script>"'><img src=x onerror=1>`
	far.view = desk.FloorView{Agents: []desk.FloorAgent{{Name: hostile, State: triage.Ready, Since: time.Now()}},
		Waiting: []desk.FloorWaiting{{Number: hostile, Queue: hostile, Language: hostile, Since: time.Now(), Why: triage.Why{Reason: "delay", Skill: hostile, Agent: hostile}}},
		Alarms:  []desk.FloorAlarm{{Agent: hostile, Queue: hostile, Since: time.Now()}}, Lines: []desk.FloorLine{{ID: hostile}}}
	k := far.called(t, triage.Contact{Caller: call.Number(hostile), Queue: hostile, AgentName: hostile, Disposition: hostile, Outcome: triage.Outcome(hostile)})
	far.wrote(t, k.ID, map[string]any{"place": hostile, "name": hostile, "callback_number": hostile})
	far.registered(t, volunteers.Registrant{Phone: call.Number(hostile), Source: "phone", Availability: volunteers.Availability(hostile)})
	account, err := far.accounts.Get(far.ids[agent])
	if err != nil {
		t.Fatal(err)
	}
	account.Name = hostile
	if err := far.accounts.Change(t.Context(), account, far.ids[admin]); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, far, nil)
	client := s.as(t, admin)
	for _, path := range []string{"/floor", "/records", "/records?tab=cases", "/records?tab=registrants", "/admin", "/admin/accounts/" + s.ids[agent], "/records?q=" + url.QueryEscape(hostile)} {
		body := s.get(t, client, path).body
		if strings.Contains(body, "<script>x") || strings.Contains(body, "<img") {
			t.Errorf("%s shows it unescaped", path)
		}
		if !strings.Contains(body, "&lt;script&gt;x") {
			t.Errorf("%s does not show it at all", path)
		}
	}
}

func TestFloorStreamFollowsTheRoom(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, supervisor)
	client.Timeout = 0
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/ev/floor", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	found := make(chan struct{})
	go func() {
		defer close(found)
		var seen strings.Builder
		buffer := make([]byte, 4096)
		for !strings.Contains(seen.String(), "Beatriz") {
			n, err := response.Body.Read(buffer)
			seen.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	s.setFloor(func(view *desk.FloorView) {
		view.Agents = append(view.Agents, desk.FloorAgent{Name: "Beatriz", State: triage.OnCall, Since: time.Now()})
	})
	select {
	case <-found:
	case <-time.After(limitOfAStep):
		t.Fatal("the floor page does not learn of the change")
	}
}

func TestRightToLeftAndFallback(t *testing.T) {
	s := startSite(t, newScript(t), map[string]map[string]string{"ar": {"dir": "rtl", "language.name": "العربية", "desk.go": "جاهز"}})
	client := s.as(t, agent)
	s.post(t, client, "/language", url.Values{"language": {"ar"}})
	body := s.get(t, client, "/desk").body
	if !strings.Contains(body, `<html lang="ar" dir="rtl">`) || !strings.Contains(body, "جاهز") || !strings.Contains(body, "Incoming call") {
		t.Errorf("the page: %.300s", body)
	}
}

func TestPlainHTTPIsNotServed(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{RootCAs: s.roots, MaxVersion: tls.VersionTLS11, ServerName: "127.0.0.1"})
	if err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is accepted")
	}
	response, err := http.Get(strings.Replace(s.url, "https", "http", 1) + "/login")
	if err == nil {
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode == http.StatusOK {
			t.Error("the sign-in page is served without encryption")
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTextIsCleaned(t *testing.T) {
	for in, want := range map[string]string{" a\x00b\u202Ec\u2066 ": "abc", "ab\xffc": "abc", "abcdefghijk": "abcdefgh"} {
		if got := clean(in, 8); got != want {
			t.Errorf("clean(%q) = %q", in, got)
		}
	}
	if masked("+12025550147") == "+12025550147" {
		t.Error("numbers are not masked")
	}
}
