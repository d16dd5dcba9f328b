package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/export"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/desk"
	"hotline/triage/find"
	"hotline/triage/reports"
	"hotline/triage/supervise"
	"hotline/ui/words"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// box is a hotline without telephones: records, room and commands are the real
// ones, on a store that outlives a restart, and programs ask over HTTP. Every
// answer is held against the description.
type box struct {
	t   *testing.T
	dir string

	store    *store.Store
	accounts *roster.Accounts
	contacts *triage.Contacts
	cases    *triage.Cases
	registry *volunteers.Registry
	lists    *lists.Keeper
	finder   *find.Finder
	mode     *mode.Switch
	board    *bulletins.Board
	closures *triage.Closures
	dispatch *triage.Dispatcher
	routes   *triage.Routes
	desk     *desk.Desk
	api      *API

	server *httptest.Server
	client *http.Client
	router routers.Router
	owner  roster.Account
	stop   func()
}

func start(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir()}
	b.open()
	var err error
	b.owner, err = b.accounts.Add(t.Context(), roster.Account{Login: "admin", Name: "Ada", Role: roster.RoleAdmin, Languages: []string{"en"}, Profile: "help"}, "correct horse battery", "")
	b.must(err)
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// restart is what a power cut leaves: everything is read again from the disk.
func (b *box) restart() {
	b.t.Helper()
	b.stop()
	b.open()
}

func (b *box) open() {
	b.t.Helper()
	log := slog.New(slog.NewTextHandler(b.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	var err error
	b.store, err = store.Open(b.dir, log)
	b.must(err)
	b.accounts, err = roster.Open(b.store, b.dir, log)
	b.must(err)
	b.lists = liststest.Open(b.t, b.store)
	b.contacts, b.cases, b.registry = triage.NewContacts(b.store), triage.NewCases(b.store, b.lists), volunteers.NewRegistry(b.store, b.lists)
	filed, err := cards.Open(b.store)
	b.must(err)
	b.finder = find.New(find.Config{Store: b.store, Lists: b.lists, Contacts: b.contacts, Cases: b.cases, Registrants: b.registry, Cards: filed, Region: "US", Log: log})
	b.mode, err = mode.Open(b.store, log)
	b.must(err)
	b.board, err = bulletins.Open(bulletins.Config{Store: b.store, Operation: "Flood", Languages: []string{"es", "en"}, Log: log,
		Speak: func(_ context.Context, _, text string) (*audio.Clip, error) {
			return audio.Tone(500, time.Duration(len(text))*100*time.Millisecond, -20), nil
		}})
	b.must(err)
	journal := triage.NewJournal(b.store, "Flood", log)
	b.dispatch = triage.NewDispatcher(triage.DispatcherConfig{Profiles: triage.ShippedProfiles(), RingFor: time.Minute, Journal: journal, Log: log})
	b.routes = triage.NewRoutes(b.store, b.dispatch)
	b.closures, err = triage.OpenClosures(b.store, b.dispatch.Queues)
	b.must(err)
	commands, err := supervise.New(supervise.Config{Store: b.store, Mode: b.mode, Board: b.board, Closures: b.closures, Dispatcher: b.dispatch, Accounts: b.accounts, Log: log})
	b.must(err)
	b.desk = desk.New(desk.Config{Operation: "Flood", Region: "US", Contacts: b.contacts, Cases: b.cases, Lists: b.lists, Dispatcher: b.dispatch, Mode: b.mode, Closures: b.closures, Languages: []string{"en"}, Log: log})
	office, err := export.New(export.Config{Store: b.store, Operation: "Flood", Version: "test", Log: log,
		Only: func(query string) (export.Only, error) {
			set, said, ids, err := b.finder.Only(query)
			return export.Only{Set: set, Said: said, IDs: ids}, err
		},
		Sets: []export.Set{
			{Name: "daily_situation", Table: func() table.Table { return triage.SituationTable(b.cases) }},
			{Name: "cases", Table: func() table.Table { return triage.CaseTable(b.cases) }},
			{Name: "volunteers", Table: func() table.Table { return volunteers.Table(b.registry) }},
		}})
	b.must(err)
	counted := reports.New(b.store, time.UTC, log)
	texts, err := words.Load()
	b.must(err)
	closing := make(chan struct{})
	b.api, err = New(Config{Operation: "Flood", Region: "US", Store: b.store, Accounts: b.accounts, Desk: b.desk, Routing: b.routes, Mode: b.mode, Supervise: commands,
		PersonOf: func(a roster.Account) desk.Person {
			return desk.Person{ID: a.ID, Name: a.Name, Profile: a.Profile, Languages: a.Languages}
		},
		Contacts: b.contacts, Cases: b.cases, Registrants: b.registry, Finder: b.finder, Lists: b.lists, Exports: office, Reports: counted,
		Gauge: func(ctx context.Context, now time.Time) (reports.Gauge, error) { return counted.Gauge(ctx, now, nil) },
		Words: texts, Closing: closing, Log: log})
	b.must(err)
	b.router, err = described()
	b.must(err)

	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{journal.Run, b.dispatch.Run, commands.Run, b.finder.Run, b.desk.Run, office.Run, counted.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				b.t.Error(err)
			}
		})
	}
	b.server = httptest.NewUnstartedServer(b.api.Handler())
	b.server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		b.must(conn.(*net.TCPConn).SetWriteBuffer(256 << 10)) // a reader that does not read is noticed after that
		return ctx
	}
	b.server.Start()
	b.client = b.server.Client()
	b.stop = func() {
		close(closing)
		b.client.CloseIdleConnections()
		b.server.Close()
		stop()
		running.Wait()
		if err := errors.Join(b.store.Verify(), b.store.Close()); err != nil {
			b.t.Error(err)
		}
	}
}

// described finds what the description says of an address; it is read once.
var described = sync.OnceValues(func() (routers.Router, error) {
	dir, err := os.MkdirTemp("", "lists")
	if err != nil {
		return nil, err
	}
	s, err := store.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	l, err := lists.Open(s)
	if err = errors.Join(err, s.Close(), os.RemoveAll(dir)); err != nil {
		return nil, err
	}
	text, err := description(l)
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// token is a new token; without scopes it has all.
func (b *box) token(level table.Level, scopes ...roster.Scope) string {
	b.t.Helper()
	if scopes == nil {
		scopes = roster.Scopes()
	}
	text, _, err := b.accounts.NewToken(b.t.Context(), roster.Token{Name: "dashboard", Scopes: scopes, Level: level, By: b.owner.ID}, time.Hour)
	b.must(err)
	return text
}

// answer is what a program hears.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any // when it is an object
}

// ask sends a request; more are header names and values.
func (b *box) ask(token, verb, path, body string, more ...string) answer {
	b.t.Helper()
	b.api.limits.forget()
	return b.rush(token, verb, path, body, more...)
}

// rush is ask for somebody whose requests count.
func (b *box) rush(token, verb, path, body string, more ...string) answer {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), verb, b.server.URL+Prefix+path, strings.NewReader(body))
	b.must(err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(more); i += 2 {
		request.Header.Set(more[i], more[i+1])
	}
	response, err := b.client.Do(request)
	b.must(err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	b.must(err)
	got := answer{status: response.StatusCode, header: response.Header, body: string(raw)}
	if strings.HasPrefix(got.body, "{") && strings.HasSuffix(response.Header.Get("Content-Type"), "json") {
		b.must(json.Unmarshal(raw, &got.json))
	}
	b.holds(request, got)
	return got
}

// holds holds an answer against the description: its status, its type and
// its shape.
func (b *box) holds(request *http.Request, got answer) {
	b.t.Helper()
	route, values, err := b.router.FindRoute(httptest.NewRequest(request.Method, request.URL.RequestURI(), nil))
	if err != nil {
		if request.URL.Path != Prefix+"/openapi.json" && got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
			b.t.Errorf("%s %s is not described and answers with %d", request.Method, request.URL.Path, got.status)
		}
		return
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: values, Route: route, Options: options}
	if err := openapi3filter.ValidateResponse(b.t.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: got.status, Header: got.header,
		Body: io.NopCloser(bytes.NewReader([]byte(got.body))), Options: options}); err != nil {
		b.t.Errorf("%s %s answers with %d, which is not what is described: %v\n%.600s", request.Method, request.URL.Path, got.status, err, got.body)
	}
}

// wants asks and fails unless the answer has the status.
func (b *box) wants(status int, token, verb, path, body string, more ...string) answer {
	b.t.Helper()
	got := b.ask(token, verb, path, body, more...)
	if got.status != status {
		b.t.Fatalf("%s %s %s: %d, not %d: %s", verb, path, body, got.status, status, got.body)
	}
	if status >= 400 {
		detail, _ := got.json["detail"].(string)
		if got.header.Get("Content-Type") != "application/problem+json" || got.json["status"] != float64(status) || !strings.Contains(detail, " ") {
			b.t.Errorf("%s %s: the problem is told as %s %s", verb, path, got.header.Get("Content-Type"), got.body)
		}
	}
	return got
}

func (a answer) items() []map[string]any {
	var list []map[string]any
	raw, _ := a.json["items"].([]any)
	for _, one := range raw {
		list = append(list, one.(map[string]any))
	}
	return list
}

func (a answer) next() string {
	next, _ := a.json["next"].(string)
	return next
}

// called is a call that is over, with its case.
func (b *box) called(number call.Number, fields map[string]any) (triage.Contact, triage.Case) {
	b.t.Helper()
	k, err := b.contacts.Open(b.t.Context(), triage.Contact{Operation: "Flood", Channel: "phone", Direction: "in", Dialled: "100", Caller: number, Language: "es", Queue: triage.QueueHelp})
	b.must(err)
	if fields == nil {
		return k, triage.Case{}
	}
	cs, err := b.cases.Save(b.t.Context(), k.ID, b.owner.ID, fields)
	b.must(err)
	k, err = b.contacts.Get(k.ID)
	b.must(err)
	return k, cs
}

// log is what the event log says of a kind.
func (b *box) log(kind string) (found []events.Event) {
	b.t.Helper()
	list, _, err := b.store.LogAfter(0, 100_000)
	b.must(err)
	for _, ev := range list {
		if ev.Kind == kind {
			found = append(found, ev)
		}
	}
	return found
}
