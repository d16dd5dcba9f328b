package ui

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
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
	"hotline/appliance/call"
	"hotline/appliance/export"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/place"
	"hotline/appliance/softphone"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/switches"
	redact "hotline/appliance/table"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/ivr/prompts"
	"hotline/ivr/scenario"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/find"
	"hotline/triage/intake"
	"hotline/triage/supervise"
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
	radio    Radio
	plugged  Plugged
	disks    []place.Disk
	clock    time.Time // to which that of the machine was set
	forgets  bool      // it has none that goes on without power
	closeDir string    // where the certificates of operations are
	calls    atomic.Int64
	mic      bool
	gateway  *softphone.Gateway
	phones   []*softphone.Phone
	view     desk.FloorView
	carries  int // calls at a time that the line gateway does; 0 is not known
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
