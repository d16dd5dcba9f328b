package gallery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/audio/foreign"
	"hotline/appliance/backup"
	"hotline/appliance/boxkey"
	"hotline/appliance/call"
	"hotline/appliance/export"
	"hotline/appliance/health"
	"hotline/appliance/lists"
	"hotline/appliance/place"
	"hotline/appliance/rehearsal"
	"hotline/appliance/store"
	"hotline/appliance/switches"
	"hotline/appliance/table"
	"hotline/appliance/webhooks"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/ivr/prompts"
	"hotline/ivr/scenario"
	"hotline/ivr/trial"
	"hotline/ivr/versions"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/desk"
	"hotline/triage/find"
	"hotline/triage/intake"
	"hotline/triage/privacy"
	"hotline/triage/reach"
	"hotline/triage/reports"
	"hotline/triage/supervise"
	"hotline/ui"
	"hotline/ui/api"
	"hotline/ui/assets"
	"hotline/ui/words"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

const (
	operation = "Valle Alto flood"
	region    = "US"
)

// scene is a hotline of its own, with records of its own: the real parts, but
// without a telephone and behind a made-up room.
type scene struct {
	pages http.Handler
	runs  []func(context.Context) error
	takes []func() error    // undone by close, last first
	made  map[string]string // what addresses of pictures need
	carry string            // what the visitor's browser would have been given
	fresh func(context.Context, *scene) error
	asset func(name string) string

	store      *store.Store
	accounts   *roster.Accounts
	lists      *lists.Keeper
	contacts   *triage.Contacts
	cases      *triage.Cases
	registry   *volunteers.Registry
	hours      *volunteers.Shifts
	cards      *cards.Cards
	finder     *find.Finder
	studio     *prompts.Studio
	board      *bulletins.Board
	mode       *mode.Switch
	scenario   *scenario.Choice
	scripts    *triage.Scripts
	notices    *triage.Notices
	closures   *triage.Closures
	routes     *triage.Routes
	parts      *switches.Panel
	commands   *supervise.Commands
	tapes      *triage.Recordings
	exports    *export.Office
	imports    *intake.Office
	flows      *versions.Shelf
	hooks      *webhooks.Post
	phones     ui.Telephone
	rehearsals *rehearsals
	dispatch   *triage.Dispatcher
	room       *room
	who        visitors
	health     health.Figures
	dir        string
}

// spoken are the languages of its callers.
func spoken() []string { return []string{"es", "en"} }

// newScene makes a hotline on which nothing has happened yet.
func newScene(ctx context.Context, dir string, r *room, texts *words.Catalogues, log *slog.Logger) (s *scene, err error) {
	s = &scene{dir: dir, room: r, made: map[string]string{}, who: visitors{ids: map[string]string{}}, health: healthy()}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if s.store, err = store.Open(dir, log); err != nil {
		return nil, err
	}
	rehearsed, err := rehearsal.Open(s.store)
	if err != nil {
		return nil, err
	}
	s.rehearsals = &rehearsals{Keeper: rehearsed}
	s.takes = append(s.takes, s.store.Close)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.open(ctx, log); err != nil {
		return nil, err
	}
	server, err := s.serve(texts, log)
	if err != nil {
		return nil, err
	}
	s.pages = server.Handler()
	files, err := assets.Load()
	if err != nil {
		return nil, err
	}
	s.asset = files.Path
	return s, nil
}

// open opens the records and what works on them.
func (s *scene) open(ctx context.Context, log *slog.Logger) (err error) {
	quiet := func() bool { return s.parts.Off(switches.Synthesis) }
	say := func(_ context.Context, _, text string) (*audio.Clip, error) { // how long it would be
		return audio.Tone(440, time.Duration(len(text))*60*time.Millisecond, -20), nil
	}
	for _, one := range []func() error{
		func() error { s.accounts, err = roster.Open(s.store, s.dir, log); return err },
		func() error { s.lists, err = lists.Open(s.store); return err },
		func() error { s.parts, err = switches.Open(s.store); return err },
		func() error { s.scenario, err = scenario.Open(s.store); return err },
		func() error { s.mode, err = mode.Open(s.store, log); return err },
		func() error { s.studio, err = prompts.OpenStudio(s.store, quiet, log); return err },
		func() error { s.tapes, err = triage.OpenRecordings(s.store, s.parts, log); return err },
		func() error { s.cards, err = cards.Open(s.store); return err },
		func() error {
			s.board, err = bulletins.Open(bulletins.Config{Store: s.store, Operation: operation, Languages: spoken(), Speak: say, Log: log})
			return err
		},
	} {
		if err := one(); err != nil {
			return err
		}
	}
	s.who.accounts = s.accounts
	s.contacts, s.cases, s.registry = triage.NewContacts(s.store), triage.NewCases(s.store, s.lists), volunteers.NewRegistry(s.store, s.lists)
	s.hours = volunteers.NewShifts(s.store, s.accounts, region)
	s.dispatch = triage.NewDispatcher(triage.DispatcherConfig{Profiles: triage.ShippedProfiles(), RingFor: time.Minute, Journal: triage.NewJournal(nil, "gallery", log), Log: log})
	s.routes = triage.NewRoutes(s.store, s.dispatch)
	if s.closures, err = triage.OpenClosures(s.store, s.dispatch.Queues); err != nil {
		return err
	}
	if s.scripts, err = triage.OpenScripts(s.store, s.dispatch.Queues); err != nil {
		return err
	}
	if s.notices, err = triage.OpenNotices(ctx, s.store); err != nil {
		return err
	}
	if s.commands, err = supervise.New(supervise.Config{Store: s.store, Mode: s.mode, Board: s.board, Closures: s.closures, Dispatcher: s.dispatch, Accounts: s.accounts, Log: log}); err != nil {
		return err
	}
	names, err := ui.SearchWords(s.lists)
	if err != nil {
		return err
	}
	s.finder = find.New(find.Config{Store: s.store, Lists: s.lists, Contacts: s.contacts, Cases: s.cases, Registrants: s.registry, Cards: s.cards, Region: region, Names: names, Log: log})
	if err := s.openOffices(log); err != nil {
		return err
	}
	s.runs = append(s.runs, s.dispatch.Run, s.commands.Run, s.finder.Run, s.exports.Run, s.imports.Run)
	return nil
}

// openOffices opens what brings records in and out, and the dialogues.
func (s *scene) openOffices(log *slog.Logger) (err error) {
	s.exports, err = export.New(export.Config{Store: s.store, Operation: operation, Version: "gallery", Log: log,
		Only: func(query string) (export.Only, error) {
			set, said, ids, err := s.finder.Only(query)
			return export.Only{Set: set, Said: said, IDs: ids}, err
		},
		May: func(id string) (bool, error) {
			a, err := s.accounts.Get(id)
			return err == nil && a.Role.May(roster.Export), err
		},
		Sets: []export.Set{
			{Name: "daily_situation", Table: func() table.Table { return triage.SituationTable(s.cases) }},
			{Name: "cases", Table: func() table.Table { return triage.CaseTable(s.cases) }},
			{Name: "contacts", Table: func() table.Table { return triage.ContactTable(s.contacts, s.lists) }},
			{Name: "volunteers", Table: func() table.Table { return volunteers.Table(s.registry) }},
			{Name: "shift_hours", Table: func() table.Table { return volunteers.ShiftTable(s.hours, s.lists, operation) }},
		}})
	if err != nil {
		return err
	}
	labels, choices, err := ui.ImportWords(s.lists)
	if err != nil {
		return err
	}
	s.imports = intake.New(intake.Config{Store: s.store, Operation: operation, Region: region, Labels: labels, Words: choices, Log: log,
		Targets: []intake.Target{intake.People(s.lists), intake.Directory(s.cards), intake.CallList(operation, spoken())}})
	s.hooks = webhooks.New(webhooks.Config{Store: s.store, Tell: api.NewTeller(s.contacts, s.cases, log).Message, Topics: api.Topics(), Off: func() bool { return true }, Log: log})
	if s.phones, err = s.telephone(log); err != nil {
		return err
	}
	s.flows, err = versions.Open(versions.Config{Store: s.store, Shipped: ivr.ShippedTexts(), Engine: nobodyCalls{}, Log: log})
	s.made["main"] = versions.Print(ivr.ShippedTexts()[ivr.FlowMain]) // where nobody has changed it
	return err
}

// reach is how callers come to the lines: the dialogues that ship, two numbers
// that begin with one, and one that leads to a line at once.
func (s *scene) reach() *reach.Map {
	numbers := []reach.Number{{Number: "100", Flow: ivr.FlowMain}, {Number: "+12025550100", Flow: ivr.FlowMain}, {Number: "+12025550133", Queue: "shelter"}}
	return reach.New(reach.Config{Routes: s.routes, Flows: sync.OnceValue(func() *flow.FlowSet {
		set, err := ivr.ShippedFlows()
		if err != nil { // a test of those flows fails as well
			return &flow.FlowSet{}
		}
		return set
	}), Numbers: func() []reach.Number { return numbers }, Contacts: s.contacts})
}

// surroundings are what dialogues are checked against, as in a hotline.
func surroundings() flow.Surroundings {
	actions := ivr.Results()
	maps.Copy(actions, supervise.Results())
	maps.Copy(actions, desk.Results())
	return flow.Surroundings{Languages: spoken(), HasPrompt: func(_, id string) bool { return id != "not.recorded" }, Actions: actions}
}

// nobodyCalls takes dialogues that callers would hear.
type nobodyCalls struct{}

func (nobodyCalls) Check(set *flow.FlowSet) error   { return flow.Check(set, surroundings()) }
func (nobodyCalls) Publish(set *flow.FlowSet) error { return flow.Check(set, surroundings()) }
func (nobodyCalls) Resume(set *flow.FlowSet) (flow.Problems, error) {
	return nil, flow.Check(set, surroundings())
}

// serve puts the pages before it, as they are before a hotline that takes
// calls.
func (s *scene) serve(texts *words.Catalogues, log *slog.Logger) (*ui.Server, error) {
	keeper, err := backup.Open(backup.Config{Store: s.store, Data: s.dir})
	if err != nil {
		return nil, err
	}
	keys, err := boxkey.Open(s.dir)
	if err == nil {
		err = keys.Adopt(s.store.Key(), "")
	}
	if err != nil {
		return nil, err
	}
	closing, err := s.closer(log)
	if err != nil {
		return nil, err
	}
	return ui.NewIn(ui.Config{
		MadeUp: true, Certificates: madeUpCertificates{}, Obtained: madeUpObtained{filepath.Base(s.dir)}, Operation: operation, Version: "gallery", Region: region, PhoneServer: "192.0.2.1:5060", CallTo: "100", WorkLine: "198",
		Desk: s.room, Sessions: s.who, Accounts: s.accounts, Routing: s.routes, Reach: s.reach(), Mode: s.mode, Supervise: s.commands, Switches: s.parts, Offered: spoken(),
		Scenario: s.scenario, Lists: s.lists, Scripts: s.scripts, Notices: s.notices, Contacts: s.contacts, Cases: s.cases, Registrants: s.registry, Hours: s.hours, Finder: s.finder, Cards: s.cards,
		Worklist: s.contacts, Books: triage.NewBooks(s.store), Rounds: s.contacts,
		RoundsOn: func() bool { return true }, RoundMay: func(n call.Number) bool { return strings.HasPrefix(string(n), "+1202555") },
		Results: func(_ context.Context, w io.Writer, round, _ string) error {
			return table.WriteCSV(w, triage.RoundTable(s.contacts, round))
		},
		Reports: reports.New(s.store, time.Local, log), Health: func() health.Figures { return s.health }, Support: func(io.Writer) error { return nil }, Rehearsals: s.rehearsals, Backups: keeper, BoxKey: boxkey.Owner{Keeper: keys, Records: s.store}, Updates: s.slots(), Plugged: s.plugged(), Disks: s.disks, Radio: s.radio(), SetClock: s.clock(),
		Prompts: s.studio, Sounds: foreign.New(), Recordings: s.tapes, Exports: s.exports, Imports: s.imports,
		Privacy: privacy.New(s.store, operation, log, privacy.Aging{Rule: "imports", Find: intake.Aged, Gone: intake.Expire}), Closing: closing, Journal: ui.FromStore(s.store), Store: s.store, Hooks: s.hooks, Telephone: s.phones, Flows: s.flows, FlowTrial: playFlow, Bundles: bundles{}, Log: log,
	}, texts)
}

// clock is what the first machine may do, and the others may not.
func (s *scene) clock() func(time.Time) (bool, error) {
	if filepath.Base(s.dir) == fullScene {
		return func(time.Time) (bool, error) { return true, nil }
	}
	return nil
}

// plugged is what looks after the disks of an appliance.
func (s *scene) plugged() ui.Plugged {
	if s.slots() == nil && filepath.Base(s.dir) != emptyScene {
		return nil
	}
	return pulls{}
}

type pulls struct{}

func (pulls) Remove(context.Context, string) error { return nil }

// ofNoUse are disks on which nothing can be kept.
func ofNoUse() []place.Disk {
	return []place.Disk{{Path: "/media/CARD-77AA0001", Name: "CARD", Size: 900e6, ReadOnly: true, Held: true}, {Name: "Films", Size: 2e12, Trouble: place.NTFS}, {Name: "USB", Size: 8e9, Trouble: place.Broken}}
}

// disks are those that are plugged into it: one for use, and each that is of none.
func (s *scene) disks() []place.Disk {
	switch filepath.Base(s.dir) {
	case fullScene:
		return append([]place.Disk{{Path: "/media/COPIES-3F2A11BC", Name: "COPIES", Size: 64e9, Free: 61e9, Held: true}}, ofNoUse()...)
	case longScene:
		return []place.Disk{{Path: "/media/nothing-but-the-longest-of-names-3F2A11BC", Name: "nothing-but-the-longest-of-names", Size: 2e12, Free: 5e8, Held: true}}
	}
	return nil
}

// radio is the Wi-Fi network of an appliance; the other has no radio for one.
func (s *scene) radio() ui.Radio {
	switch filepath.Base(s.dir) {
	case fullScene:
		return wifi{There: true, On: true, Name: "Hotline-VALLE", Password: "kx4m-9tzq-h7cd", Picture: "WIFI:T:WPA;S:Hotline-VALLE;P:kx4m-9tzq-h7cd;;"}
	case longScene:
		return wifi{}
	}
	return nil
}

type wifi ui.RadioState

func (w wifi) Look(context.Context) (ui.RadioState, error) { return ui.RadioState(w), nil }

func (w wifi) Set(context.Context, string, string, bool) (ui.RadioState, error) {
	return ui.RadioState(w), errMadeUp
}

// playFlow plays a dialogue as text, as the pages ask for it.
func playFlow(ctx context.Context, texts map[string]string, name, answers string) (string, bool, error) {
	set, err := flow.ParseSet(texts)
	if err != nil {
		return "", false, err
	}
	catalogues, err := prompts.Catalogues()
	if err != nil {
		return "", false, err
	}
	var heard strings.Builder
	_, more, err := trial.Run(ctx, trial.Config{Flows: set, With: surroundings(), In: strings.NewReader(answers), Out: &heard, Unasked: true,
		Text: func(language, id string) string { return catalogues[language].Prompts[id] }}, name, "")
	return heard.String(), more, err
}

func (s *scene) close() error {
	var errs []error
	for i := len(s.takes) - 1; i >= 0; i-- {
		errs = append(errs, s.takes[i]())
	}
	return errors.Join(errs...)
}

// answer is what a page says to a form.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// press sends a form as somebody, who is led on to another page: its address.
func (s *scene) press(ctx context.Context, who, path string, form url.Values) (string, error) {
	got, err := s.send(ctx, who, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	to := got.header.Get("Location")
	if to == "" && got.status >= http.StatusBadRequest {
		_, said, _ := strings.Cut(got.body.String(), `role="alert"`)
		return "", fmt.Errorf("making up %s: the page answers %d: %.300s", path, got.status, said)
	}
	return to, nil
}

func (s *scene) send(ctx context.Context, who, path, kind string, body io.Reader) (*answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://hotline.test"+path, body)
	if err != nil {
		return nil, err
	}
	ui.As(r, who, words.English)
	r.Header.Set("Cookie", r.Header.Get("Cookie")+"; "+s.carry)
	r.RemoteAddr = "192.0.2.10:40000"
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	got := &answer{status: http.StatusOK, header: http.Header{}}
	s.pages.ServeHTTP(got, r)
	return got, nil
}

// bring sends a file with a form.
func (s *scene) bring(ctx context.Context, who, path, field, name, content string, form url.Values) (string, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for key := range form {
		if err := w.WriteField(key, form.Get(key)); err != nil {
			return "", err
		}
	}
	part, err := w.CreateFormFile(field, name)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return "", err
	}
	got, err := s.send(ctx, who, path, w.FormDataContentType(), &body)
	if err != nil {
		return "", err
	}
	return got.header.Get("Location"), nil
}

// add opens an account of a role.
func (s *scene) add(ctx context.Context, a roster.Account) error {
	made, err := s.accounts.Add(ctx, a, "made up and used by nobody", "")
	if err == nil && s.who.ids[string(a.Role)] == "" {
		s.who.ids[string(a.Role)] = made.ID
	}
	if len(a.Teams) > 0 {
		s.who.ids["leader"] = made.ID
	}
	return err
}

func (s *scene) sub(name string) string { return filepath.Join(s.dir, name) }

// begin answers the questions before the first start, up to the last one.
func (s *scene) begin(ctx context.Context, code string) error {
	got, err := s.send(ctx, "", "/setup/code", "application/x-www-form-urlencoded", strings.NewReader(url.Values{"code": {code}}.Encode()))
	if err != nil {
		return err
	}
	s.carry, _, _ = strings.Cut(got.header.Get("Set-Cookie"), ";")
	for n, form := range []url.Values{{"language": {"en"}}, {"hotline": {"Valle Alto hotline"}, "operation": {operation}, "region": {region}, "zone": {"America/Mexico_City"}}, {"admin": {"Maryam"}, "login": {"admin"}}, {"line": {"none"}}, {"languages": {"es", "en"}}} {
		if _, err := s.press(ctx, "", fmt.Sprint("/setup/", n+1), form); err != nil {
			return err
		}
	}
	return nil
}
