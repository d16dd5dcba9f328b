package ui

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"hotline/appliance/acme"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/audio/foreign"
	"hotline/appliance/backup"
	"hotline/appliance/call"
	"hotline/appliance/export"
	"hotline/appliance/lines"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/media"
	"hotline/appliance/softphone"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/switches"
	redact "hotline/appliance/table"
	"hotline/appliance/trunk"
	"hotline/appliance/webhooks"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/ivr/prompts"
	"hotline/ivr/scenario"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/desk"
	"hotline/triage/find"
	"hotline/triage/intake"
	"hotline/triage/privacy"
	"hotline/triage/reach"
	"hotline/triage/reports"
	"hotline/triage/supervise"
	"hotline/ui/api"
	"hotline/ui/words"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

func TestMain(m *testing.M) {
	foreign.Intercept()
	goleak.VerifyTestMain(tidied{m})
}

// tidied ends what the tests share before anybody looks for what was left.
type tidied struct{ *testing.M }

func (m tidied) Run() int {
	code := m.M.Run()
	closeChromium()
	if dir, err := furnished(); err == nil {
		_ = os.RemoveAll(dir)
	}
	return code
}

// furnished is a folder with the records of a hotline whose four people have
// their accounts. It is made once and copied for every test: passwords are slow
// to store, on purpose.
var furnished = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "hotline-ui-"); err != nil {
		return "", err
	}
	log := slog.New(slog.DiscardHandler)
	records, err := store.Open(dir, log)
	if err != nil {
		return dir, err
	}
	accounts, err := roster.Open(records, dir, log)
	for _, name := range roleNames() {
		if err == nil {
			_, err = accounts.Add(context.Background(), roster.Account{Login: name, Name: "Amal " + name, Role: roster.Role(name), Languages: []string{"es", "en"}, Profile: "help"}, secret, "")
		}
	}
	if err == nil {
		err = telephone(accounts)
	}
	return dir, errors.Join(err, records.Close())
})

// script is the far end of the pages: a room, accounts and records whose
// content the test decides. Sound is real where a test asks for it.
type script struct {
	lists    *lists.Keeper
	mu       sync.Mutex
	snapshot desk.Snapshot
	changed  chan struct{}
	floorNow chan struct{}
	pages    uint64
	did      []desk.Command
	refuse   error
	beats    int
	delay    time.Duration
	keyDir   string // where the key of the box is kept
	bundles  scriptedBundles
	slots    Updates
	clock    time.Time // to which that of the machine was set
	forgets  bool      // it has none that goes on without power
	closeDir string    // where the certificates of operations are
	calls    atomic.Int64
	mic      bool
	gateway  *softphone.Gateway
	phones   []*softphone.Phone
	view     desk.FloorView
	list     desk.Directory
	noLine   bool          // for calls out
	told     []desk.Person // seats were told of
	steers   []string      // who steered what

	// These are the real ones, on a store of the test's own.
	store    *store.Store
	accounts *roster.Accounts
	mode     *mode.Switch
	studio   *prompts.Studio
	scenario *scenario.Choice
	scripts  *triage.Scripts
	contacts *triage.Contacts
	cases    *triage.Cases
	registry *volunteers.Registry
	finds    *find.Finder
	board    *bulletins.Board
	closures *triage.Closures
	routes   *triage.Routes
	parts    *switches.Panel
	steer    *supervise.Commands
	tapes    *triage.Recordings
	office   *export.Office
	intake   *intake.Office
	ids      map[role]string
}

const secret = "correct horse battery"

// telephone gives the phone volunteer a telephone and a PIN.
func telephone(accounts *roster.Accounts) error {
	people, err := accounts.List()
	for _, account := range people {
		if account.Login == string(agent) && err == nil {
			account.Phone = "+12025550144"
			err = errors.Join(accounts.Change(context.Background(), account, ""), accounts.SetPIN(context.Background(), account.ID, "271828", ""))
		}
	}
	return err
}

func newScript(t *testing.T) *script {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	from, err := furnished()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "records")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	records := storetest.OpenAt(t, dir)
	listed := liststest.Open(t, records)
	s := &script{lists: listed, changed: make(chan struct{}), floorNow: make(chan struct{}), ids: map[role]string{}, store: records,
		contacts: triage.NewContacts(records), cases: triage.NewCases(records, listed), registry: volunteers.NewRegistry(records, listed)}
	if s.studio, err = prompts.OpenStudio(records, func() bool { return s.parts.Off(switches.Synthesis) }, log); err != nil {
		t.Fatal(err)
	}
	if s.accounts, err = roster.Open(records, dir, log); err != nil {
		t.Fatal(err)
	}
	if s.scenario, err = scenario.Open(records); err != nil {
		t.Fatal(err)
	}
	if s.scripts, err = triage.OpenScripts(records, triage.ShippedRouting().LineIDs); err != nil {
		t.Fatal(err)
	}
	if s.mode, err = mode.Open(records, log); err != nil {
		t.Fatal(err)
	}
	s.steered(t, log)
	if s.tapes, err = triage.OpenRecordings(records, s.parts, log); err != nil {
		t.Fatal(err)
	}
	s.exporting(t, log)
	people, err := s.accounts.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range people {
		s.ids[role(account.Role)] = account.ID
	}
	s.snapshot = desk.Snapshot{Agent: desk.AgentView{ID: s.ids[agent], Name: "Amal", Login: "agent", State: triage.Offline, Since: time.Now()}, Operation: "Flood response"}
	return s
}

// exporting makes exports until the test ends.
func (s *script) exporting(t *testing.T, log *slog.Logger) {
	t.Helper()
	var err error
	s.finds = s.finder(t)
	s.office, err = export.New(export.Config{Only: func(query string) (export.Only, error) {
		set, said, ids, err := s.finds.Only(query)
		return export.Only{Set: set, Said: said, IDs: ids}, err
	}, May: func(id string) (bool, error) {
		a, err := s.accounts.Get(id)
		return err == nil && a.Role.May(roster.Export), err
	}, Store: s.store, Operation: "Flood response", Version: "test", Log: log, Sets: []export.Set{
		{Name: "daily_situation", Table: func() redact.Table { return triage.SituationTable(s.cases) }},
		{Name: "cases", Table: func() redact.Table { return triage.CaseTable(s.cases) }},
		{Name: "contacts", Table: func() redact.Table { return triage.ContactTable(s.contacts, s.lists) }},
		{Name: "volunteers", Table: func() redact.Table { return volunteers.Table(s.registry) }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	labels, choices, err := ImportWords(s.lists)
	if err != nil {
		t.Fatal(err)
	}
	s.intake = intake.New(intake.Config{Store: s.store, Operation: "Flood response", Region: "US", Labels: labels, Words: choices, Log: log,
		Targets: []intake.Target{intake.People(s.lists), intake.Directory(s.filed(t)), intake.CallList("Flood response", []string{"es", "en"})}})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- s.office.Run(ctx) }()
	go func() { done <- s.intake.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
	})
}

// steered is what supervisors steer, all of it real.
func (s *script) steered(t *testing.T, log *slog.Logger) {
	t.Helper()
	dispatch := triage.NewDispatcher(triage.DispatcherConfig{Profiles: triage.ShippedProfiles(), RingFor: time.Minute, Journal: triage.NewJournal(nil, "test", log), Log: log})
	var err error
	if s.board, err = bulletins.Open(bulletins.Config{Store: s.store, Operation: "Flood response", Languages: []string{"es", "en"}, Log: log,
		Speak: func(_ context.Context, _, text string) (*audio.Clip, error) {
			return audio.Tone(500, time.Duration(len(text))*100*time.Millisecond, -20), nil
		}}); err != nil {
		t.Fatal(err)
	}
	s.routes = triage.NewRoutes(s.store, dispatch)
	if s.closures, err = triage.OpenClosures(s.store, dispatch.Queues); err != nil {
		t.Fatal(err)
	}
	if s.parts, err = switches.Open(s.store); err != nil {
		t.Fatal(err)
	}
	s.steer, err = supervise.New(supervise.Config{Store: s.store, Mode: s.mode, Board: s.board, Closures: s.closures, Dispatcher: dispatch, Accounts: s.accounts, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{dispatch.Run, s.steer.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { stop(); running.Wait() })
}

func (s *script) set(change func(*desk.Snapshot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapshot.Call != nil { // the page may be reading the one before
		one := *s.snapshot.Call
		s.snapshot.Call = &one
	}
	change(&s.snapshot)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *script) commands() []desk.Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]desk.Command(nil), s.did...)
}

// Seat of the room.
func (s *script) Seat(desk.Person) Seat { return s }

// CallFromBrowser is not in this room: the whole program's tests make such calls.
func (s *script) CallFromBrowser(context.Context, string, string, string) (BrowserCaller, error) {
	return nil, desk.ErrManyBrowsers
}

// Practise is the real one: a seat at which nothing is real.
func (s *script) Practise(p desk.Person, language string, over func()) Seat {
	return desk.New(desk.Config{Gateway: s.gateway, Prompts: s.studio, Operation: "Flood response", Log: slog.New(slog.DiscardHandler)}).Practise(p, language, over)
}

func (s *script) Snapshot() desk.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.snapshot
	now.Now = time.Now()
	return now
}

func (s *script) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *script) Know(p desk.Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, p)
}

func (s *script) CallsOut() bool { return !s.noLine }

// Do plays the simplest room: commands change the state as one expects.
func (s *script) Do(_ context.Context, c desk.Command) error {
	s.mu.Lock()
	s.did = append(s.did, c)
	refuse := s.refuse
	s.mu.Unlock()
	if refuse != nil {
		return refuse
	}
	s.set(func(now *desk.Snapshot) {
		to := func(state triage.AgentState) { now.Agent.State, now.Agent.Since = state, time.Now() }
		switch c.Type {
		case "ready":
			to(triage.Ready)
		case "break":
			if now.Call != nil {
				now.Agent.Next = string(triage.OnBreak)
				return
			}
			to(triage.OnBreak)
			now.Agent.Reason = c.Reason
		case "accept":
			to(triage.OnCall)
			answered := *now.Call
			answered.AnsweredAt = time.Now()
			now.Call = &answered
		case "decline":
			to(triage.Ready)
			now.Call = nil
		case "hold", "resume":
			held := *now.Call
			held.Held = c.Type == "hold"
			now.Call = &held
		case "emergency":
			flagged := *now.Call
			flagged.Emergency = c.On
			now.Call = &flagged
		case "end", "transfer", "consult.transfer", "leave":
			to(triage.WrapUp)
			over := *now.Call
			over.Consult = nil
			now.Call = &over
		case "consult.cancel":
			back := *now.Call
			back.Consult = nil
			now.Call = &back
		case "help":
			asking := *now.Call
			asking.Help = c.On
			now.Call = &asking
		case "record":
			recorded := *now.Call
			recorded.Recording = map[bool]string{true: "on", false: "off"}[c.On]
			now.Call = &recorded
		case "monitor.end":
			to(triage.OnBreak)
			now.Agent.Reason, now.Monitoring, now.Call = "after_listening", nil, nil
		case "wrap":
			to(triage.Ready)
			if now.Agent.Next != "" {
				to(triage.AgentState(now.Agent.Next))
			}
			now.Agent.Next = ""
			now.Call, now.Case = nil, nil
		case "case.save":
			saved := desk.CaseView{Code: "482916", SavedAt: time.Now()}
			if now.Case != nil {
				saved = *now.Case
				saved.SavedAt = time.Now()
			}
			raw, err := json.Marshal(c.Fields)
			if err == nil {
				err = json.Unmarshal(raw, &saved.Fields)
			}
			if err != nil {
				panic(err)
			}
			saved.Level = triage.Assess(saved.Fields, false)
			now.Case = &saved
			if saved.Fields.TalkFreely == "specialist" {
				locked := *now.Call
				locked.Protected, locked.Number, locked.Earlier = true, "", nil
				now.Call = &locked
			}
		}
	})
	return nil
}

func (s *script) Directory() desk.Directory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

func (s *script) refuseWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

func (s *script) setCall(change func(*desk.CallView)) {
	s.set(func(now *desk.Snapshot) {
		changed := *now.Call
		change(&changed)
		now.Call = &changed
	})
}

func (s *script) ConnectAudio(ctx context.Context, offer string) (string, error) {
	if s.gateway == nil {
		return "", desk.UserError("There is no sound in this test.")
	}
	phone, answer, err := s.gateway.Connect(ctx, offer)
	if err == nil {
		s.mu.Lock()
		s.phones = append(s.phones, phone)
		s.mu.Unlock()
	}
	return answer, err
}

func (s *script) Beat(_ time.Time, mic bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beats++
	s.mic = mic
}

func (s *script) Delay(there time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = there
}

func (s *script) PageOpened() uint64 {
	s.set(func(*desk.Snapshot) { s.pages++ })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pages
}

func (s *script) Holds(token uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pages == token
}

func (s *script) PageClosed(uint64) {}

func (s *script) FloorView(now time.Time) (desk.FloorView, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	view := s.view
	view.Now = now
	if now := s.mode.Current(now); now.Active {
		view.Mode = desk.ModeView{Active: true, Mode: now.Mode, Since: now.Since, Expires: now.Expires, By: now.By}
	}
	return view, nil
}

func (s *script) FloorChanged() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.floorNow
}

func (s *script) setFloor(change func(*desk.FloorView)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.view)
	close(s.floorNow)
	s.floorNow = make(chan struct{})
}

func (s *script) config(t *testing.T) Config {
	return Config{
		Prompts: s.studio, Sounds: foreign.New(),
		Operation: "Flood response", Version: "test", Region: "US", Routing: s.routes, Reach: s.reach(),
		CallTo: "100", WorkLine: "198", PhoneServer: "192.0.2.1:5060", Desk: s, Sessions: s.accounts, Accounts: s.accounts, Mode: s.mode, Scenario: s.scenario, Lists: s.lists, Supervise: s.steer, Switches: s.parts, Offered: []string{"es", "en"}, Contacts: s.contacts, Cases: s.cases, Registrants: s.registry, Hours: volunteers.NewShifts(s.store, s.accounts, "US"), Finder: s.finds, Cards: s.filed(t),
		Worklist: s.contacts, Books: triage.NewBooks(s.store),
		Rounds: s.contacts, RoundMay: func(n call.Number) bool { return strings.HasPrefix(string(n), "+1202555") },
		Results: func(_ context.Context, w io.Writer, round, _ string) error {
			return redact.WriteCSV(w, triage.RoundTable(s.contacts, round))
		},
		Scripts: s.scripts, Notices: s.noticeBoard(t),
		Reports: reports.New(s.store, time.UTC, slog.New(slog.DiscardHandler)),
		Health:  measured, Rehearsals: s.rehearsals(t), Backups: s.keeper(t), BoxKey: s.boxKey(t), Updates: s.slots, SetClock: func(at time.Time) (bool, error) { s.clock = at; return !s.forgets, nil },
		Recordings: s.tapes,
		Exports:    s.office, Imports: s.intake, Privacy: privacy.New(s.store, "Flood response", slog.New(slog.DiscardHandler), privacy.Aging{Rule: "imports", Find: intake.Aged, Gone: intake.Expire}), Journal: FromStore(s.store), Store: s.store, Hooks: s.hooks(t), Obtained: s.obtained(t), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Closing: s.closer(t), Telephone: s.telephone(t),
		Flows: openFlows(t, s.store), FlowTrial: playFlow, Bundles: &s.bundles,
	}
}

// reach is how callers come to the lines: by the flows that ship, and by one
// number that leads to a line at once.
func (s *script) reach() *reach.Map {
	numbers := []reach.Number{{Number: "100", Flow: ivr.FlowMain}, {Number: "+12025550133", Queue: "shelter"}}
	set, err := ivr.ShippedFlows()
	if err != nil {
		panic(err)
	}
	return reach.New(reach.Config{Routes: s.routes, Flows: func() *flow.FlowSet { return set }, Numbers: func() []reach.Number { return numbers }, Contacts: s.contacts})
}

func (s *script) noticeBoard(t *testing.T) *triage.Notices {
	t.Helper()
	n, err := triage.OpenNotices(t.Context(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// filed are the records beside cases.
func (s *script) filed(t *testing.T) *cards.Cards {
	t.Helper()
	c, err := cards.Open(s.store)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// telephone has one line in the file and knows how no line is.
func (s *script) telephone(t *testing.T) Telephone {
	t.Helper()
	flows := func() []string { return []string{"main", "info"} }
	book, err := lines.Open(s.store, lines.Rules{Lines: []string{"gateway"}, Numbers: []string{"100"}, Region: "US", Languages: []string{"es", "en"}, Flows: flows, Queues: func() []string { return s.routes.Routing().LineIDs() }})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	return Telephone{Book: book, Trials: lines.NewTrials(lines.TrialConfig{Log: log}), Dropped: func() uint64 { return 0 }, Flows: flows, Allowed: func() []string { return append([]string{"+1202"}, book.Dials()...) },
		Filed:  lines.Record{Lines: []lines.Line{{Name: "gateway"}}, Numbers: []lines.Number{{Number: "100", Leads: lines.Help}}},
		At:     func() TelephoneAddr { return TelephoneAddr{UDP: "192.0.2.1:5060"} },
		States: func() []trunk.LineState { return []trunk.LineState{{Name: "gateway", Up: true, Checked: true}} }}
}

// hooks tell other systems of the test.
func (s *script) hooks(t *testing.T) *webhooks.Post {
	t.Helper()
	post := webhooks.New(webhooks.Config{Store: s.store, Tell: api.NewTeller(s.contacts, s.cases, slog.New(slog.DiscardHandler)).Message, Topics: api.Topics(),
		Off: func() bool { return s.parts.Off(switches.Webhooks) }, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := post.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return post
}

// obtained gets a certificate for nobody.
func (s *script) obtained(t *testing.T) *acme.Keeper {
	t.Helper()
	keeper, err := acme.Open(acme.Config{Store: s.store, Use: func(*tls.Certificate) {}, Resolvers: []string{"127.0.0.1:1"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := keeper.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return keeper
}

// finder finds the records of the test.
func (s *script) finder(t *testing.T) *find.Finder {
	t.Helper()
	names, err := SearchWords(s.lists)
	if err != nil {
		t.Fatal(err)
	}
	f := find.New(find.Config{Store: s.store, Lists: s.lists, Contacts: s.contacts, Cases: s.cases, Registrants: s.registry, Cards: s.filed(t), Region: "US", Names: names, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := f.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return f
}

// keeper keeps backups of the store of the test.
func (s *script) keeper(t *testing.T) *backup.Keeper {
	t.Helper()
	k, err := backup.Open(backup.Config{Store: s.store, Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// site is the server on a real TLS port.
type site struct {
	*script
	server *Server
	url    string
	roots  *x509.CertPool
	cable  *cable
}

func startSite(t *testing.T, s *script, extra map[string]map[string]string) *site {
	t.Helper()
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	if extra != nil {
		all := map[string]map[string]string{"en": catalogues.Keys("en")}
		for tag, texts := range extra {
			all[tag] = texts
		}
		if catalogues, err = words.New(all); err != nil {
			t.Fatal(err)
		}
	}
	server, err := NewIn(s.config(t), catalogues)
	if err != nil {
		t.Fatal(err)
	}
	certificate, roots := lentCertificate()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &cable{Listener: socket}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- server.Run(ctx, listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	}()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the server ended with: %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("the server did not stop")
		}
		if n := server.Panics(); n != 0 {
			t.Errorf("%d requests ended in a fault of the program", n)
		}
	})
	return &site{script: s, server: server, url: "https://" + listener.Addr().String(), roots: roots, cable: listener}
}

// lentCertificate is httptest's, which it only lends for 127.0.0.1.
func lentCertificate() (tls.Certificate, *x509.CertPool) {
	lender := httptest.NewUnstartedServer(nil)
	lender.StartTLS()
	defer lender.Close()
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())
	return lender.TLS.Certificates[0], roots
}

// withSound runs the real browser side of the voice plane behind the script.
func (s *script) withSound(t *testing.T) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	pacer := media.NewPacer(log)
	gateway, err := softphone.New(softphone.Config{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Pacer: pacer, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := pacer.Run(ctx); err != nil {
			t.Errorf("pacer: %v", err)
		}
	})
	running.Go(func() {
		if err := gateway.Run(ctx); err != nil {
			t.Errorf("gateway: %v", err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	s.gateway = gateway
}

func (s *site) client(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// as signs in; nobody stays outside.
func (s *site) as(t *testing.T, who role) *http.Client {
	t.Helper()
	client := s.client(t)
	if who == nobody {
		return client
	}
	s.admit(t, client, who)
	return client
}

// admit gives a client the session of somebody who has signed in. The form has
// tests of its own; here its password would only take time.
func (s *site) admit(t *testing.T, client *http.Client, who role) {
	t.Helper()
	home, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	client.Jar.SetCookies(home, []*http.Cookie{{Name: sessionCookie, Value: s.session(t, who), Path: "/", Secure: true}})
}

func (s *site) session(t *testing.T, who role) string {
	t.Helper()
	token, err := s.accounts.Begin(t.Context(), s.ids[who], "127.0.0.1")
	if err != nil {
		t.Fatalf("signing in as %s: %v", who, err)
	}
	return token
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) get(t *testing.T, client *http.Client, path string) answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.send(t, client, request)
}

func (s *site) post(t *testing.T, client *http.Client, path string, form url.Values) answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.send(t, client, request)
}

func (s *site) send(t *testing.T, client *http.Client, request *http.Request) answer {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	// A live stream never ends: its beginning is enough.
	body, err := io.ReadAll(io.LimitReader(response.Body, liveLimit(response)))
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func liveLimit(response *http.Response) int64 {
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return 20
	}
	return 1 << 20
}

// ringing is a call as it is offered.
func ringing() *desk.CallView {
	return &desk.CallView{Contact: "01JD0000000000000000000001", Number: "+12025550147", Language: "es", Queue: "help", Path: []string{"language:es", "main:1"},
		Keys: "1", WaitedS: 80, RingUntil: time.Now().Add(20 * time.Second), Mode: "normal",
		Earlier: []desk.EarlierView{{At: time.Now().Add(-3 * time.Hour), Disposition: "info_given", Queue: "help"}, {At: time.Now().Add(-25 * time.Hour), Disposition: "case_opened", Queue: "help"}}}
}

func masked(number string) string { return call.Number(number).String() }

// SteerAgent, PutFirst and TakeNow remember what they were asked for.
func (s *script) SteerAgent(_ context.Context, who desk.Steerer, agent string, state triage.AgentState, reason string) (bool, error) {
	return state == triage.Offline, s.steeredBy(who, "agent", agent, string(state), reason)
}

func (s *script) PutFirst(_ context.Context, who desk.Steerer, contact, reason string) error {
	return s.steeredBy(who, "first", contact, reason)
}

func (s *script) TakeNow(_ context.Context, who desk.Steerer, contact string) error {
	return s.steeredBy(who, "take", contact)
}

func (s *script) steeredBy(who desk.Steerer, what ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steers = append(s.steers, who.ID+" "+strings.Join(what, " "))
	return s.refuse
}
