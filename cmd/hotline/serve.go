package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"hotline/appliance/acme"
	"hotline/appliance/audio/foreign"
	"hotline/appliance/backup"
	"hotline/appliance/boxkey"
	"hotline/appliance/config"
	"hotline/appliance/control"
	"hotline/appliance/export"
	"hotline/appliance/health"
	"hotline/appliance/lines"
	"hotline/appliance/lists"
	"hotline/appliance/mdns"
	"hotline/appliance/media"
	"hotline/appliance/softphone"
	"hotline/appliance/store"
	"hotline/appliance/support"
	"hotline/appliance/switches"
	"hotline/appliance/trunk"
	"hotline/appliance/webhooks"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/ivr/prompts"
	"hotline/ivr/scenario"
	"hotline/ivr/versions"
	"hotline/provisioning"
	"hotline/provisioning/disk"
	"hotline/provisioning/radio"
	"hotline/provisioning/slot"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/closedown"
	"hotline/triage/desk"
	"hotline/triage/find"
	"hotline/triage/intake"
	"hotline/triage/privacy"
	"hotline/triage/reach"
	"hotline/triage/reports"
	"hotline/triage/supervise"
	"hotline/ui"
	"hotline/ui/api"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// hotline is the whole program. assemble builds it in reading order, Run runs
// it, Close gives back what assemble took.
type hotline struct {
	log      *slog.Logger
	records  *store.Store
	keys     *boxkey.Keeper                                         // of the box; nil while it writes without
	front    func(context.Context, net.Listener, *tls.Config) error // what is served on the web
	backups  *backup.Keeper
	accounts *roster.Accounts
	contacts *triage.Contacts
	mode     *mode.Switch
	lists    *lists.Keeper // what can be chosen, and what is asked
	studio   *prompts.Studio
	board    *bulletins.Board
	flows    *versions.Shelf
	closures *triage.Closures
	commands *supervise.Commands
	engine   *ivr.Engine
	callers  *media.Pacer // the clock of the callers' legs
	agents   *media.Pacer // and of the agents', so that a slow browser costs no caller
	phones   *softphone.Gateway
	journal  *triage.Journal
	reports  *reports.Reports
	turned   *triage.TurnedAway
	hours    *volunteers.Shifts // of registered volunteers
	finder   *find.Finder
	dispatch *triage.Dispatcher
	routes   *triage.Routes // who helps whom
	reach    *reach.Map
	switches *switches.Panel
	tapes    *triage.Recordings
	exports  *export.Office
	imports  *intake.Office
	privacy  *privacy.Keeper
	closing  *closedown.Keeper // of the operation
	wiped    chan struct{}     // it is to be wiped now
	desk     *desk.Desk
	trunk    *trunk.Trunk
	hooks    *webhooks.Post // other systems that are told what happens
	pages    *ui.Server
	web      net.Listener
	watched  net.Listener          // where the figures are read; nil when nowhere
	strain   *health.Strain        // when no more callers can be carried
	measure  func() health.Figures // how the box is
	numbers  numbering             // that callers dial
	trials   *lines.Trials         // test calls
	lines    *lines.Book           // to the telephone network, and where numbers lead
	tcp      net.Listener          // SIP over TCP; nil when there is none
	certs    *provisioning.Certificates
	renewal  *acme.Keeper // of a certificate from an authority
	beacon   *mdns.Beacon // by which browsers find the box by a name; nil where none can
	disaster *scenario.Choice
	rehearse *rehearsals
	restarts *slot.Planner   // of the machine; nil where the program cannot restart it
	scripts  *triage.Scripts // what volunteers say first
	bundles  *bundles        // the whole hotline as files
	door     *control.Door   // for commands of this machine; nil: none
	sipAt    netip.AddrPort  // where this machine reaches its own telephone side
	takes    []func() error  // undone by Close, last first
}

// manner is what differs between a hotline for use and one for a demo or test.
type manner struct {
	robot func(server netip.AddrPort) error // rings the hotline on request; nil outside the demo
	drain time.Duration                     // how long running calls may go on after the end was asked for

	coolOff time.Duration // in which a wipe may be stopped; 0: as shipped
	quiet   time.Duration // after which a planned restart is carried out; 0: as shipped
	slots   string        // where the machine is asked for updates and restarts; "": as on the appliance's own image
	names   []string      // servers that are asked for names when a certificate is got; none: those of the machine

	log     *support.Memory // what the log wrote of late; nil: it is not kept
	records *store.Store    // opened already; nil: assemble opens those of the data folder
	locked  *lockedBox      // the box is without its key: what is written goes into an inbox
}

func assemble(cfg config.Config, m manner, log *slog.Logger) (h *hotline, err error) {
	h = &hotline{log: log, wiped: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()

	// What is on disk.
	data := cfg.DataDir()
	if err := provisioning.Folder(data); err != nil {
		return h, err
	}
	home := data // of the records
	if m.locked != nil {
		home = m.locked.inbox.Dir
	}
	if h.records, h.keys, err = openHome(context.Background(), data, m, log); err != nil {
		return h, err
	}
	h.took(h.records.Close)
	switch n, err := repeatErasures(context.Background(), h.records, home, cfg.Operation, log); {
	case err != nil: // callers must not wait for it
		log.Error("who was erased after the backup from which the hotline has started may be in the records again; it is tried at the next start", "error", err)
	case n > 0:
		log.Warn("people and records that were erased after the backup from which the hotline has started were erased again", "erasures", n)
	}
	h.backups, err = backup.Open(backup.Config{Store: h.records, Data: home, Files: carriedFiles(cfg), Version: version(), Log: log,
		Erasing: []string{privacy.EventErased, cards.EventErased}, NewKey: h.rewrap, Strained: h.strained})
	if err != nil {
		return h, err
	}
	if err := h.unlocked(context.Background()); err != nil {
		return h, err
	}
	if h.accounts, err = roster.Open(h.records, home, log); err != nil {
		return h, err
	}
	if h.certs, err = provisioning.OpenCertificates(provisioning.CertificateDir(data), provisioning.Names(cfg), time.Now()); err != nil {
		return h, err
	}
	if h.renewal, err = acme.Open(acme.Config{Store: h.records, Use: h.certs.Get, Resolvers: m.names, Log: log}); err != nil {
		return h, err
	}
	if h.disaster, err = scenario.Open(h.records); err != nil {
		return h, err
	}
	h.contacts = triage.NewContacts(h.records)
	h.turned = triage.NewTurnedAway(h.contacts, cfg.Operation, log)
	if h.lists, err = lists.Open(h.records); err != nil {
		return h, err
	}
	cases := triage.NewCases(h.records, h.lists)
	registry := volunteers.NewRegistry(h.records, h.lists)
	h.hours = volunteers.NewShifts(h.records, h.accounts, cfg.Region)
	names, err := ui.SearchWords(h.lists)
	if err != nil {
		return h, err
	}
	filed, err := cards.Open(h.records)
	if err != nil {
		return h, err
	}
	h.finder = find.New(find.Config{Store: h.records, Lists: h.lists, Contacts: h.contacts, Cases: cases, Registrants: registry, Cards: filed, Region: cfg.Region, Names: names, Log: log})
	if h.switches, err = switches.Open(h.records); err != nil {
		return h, err
	}
	if h.tapes, err = triage.OpenRecordings(h.records, h.switches, log); err != nil {
		return h, err
	}
	if h.mode, err = mode.Open(h.records, log); err != nil {
		return h, err
	}

	if h.studio, err = prompts.OpenStudio(h.records, func() bool { return h.switches.Off(switches.Synthesis) }, log); err != nil {
		return h, err
	}
	h.board, err = bulletins.Open(bulletins.Config{Store: h.records, Operation: cfg.Operation, Languages: cfg.Languages, Speak: h.studio.Say, Log: log})
	if err != nil {
		return h, err
	}

	// Sound.
	h.callers, h.agents = media.NewPacer(log), media.NewPacer(log)
	h.strain = health.NewStrain(cfg.SIP.MaxCalls, h.reading, log)
	port, _ := strconv.Atoi(cfg.Web.Sound) // checked by config
	if h.phones, err = softphone.New(softphone.Config{IPs: browserAddrs(cfg), Port: port, Pacer: h.agents, Log: log}); err != nil {
		return h, provisioning.Listening(err, "The sound of the browsers", "UDP port "+cfg.Web.Sound, "web: sound:")
	}

	// Who is helped next.
	h.journal = triage.NewJournal(h.records, cfg.Operation, log)
	h.reports = reports.New(h.records, cfg.Place(), log)
	routing, err := triage.ReadRouting(h.records)
	if err != nil {
		return h, err
	}
	h.dispatch = triage.NewDispatcher(triage.DispatcherConfig{Routing: routing, RingFor: time.Duration(cfg.Ring) * time.Second, Journal: h.journal, Log: log})

	h.routes = triage.NewRoutes(h.records, h.dispatch)
	if h.closures, err = triage.OpenClosures(h.records, h.dispatch.Queues); err != nil {
		return h, err
	}

	// What supervisors can do to it while it runs.
	h.commands, err = supervise.New(supervise.Config{Store: h.records, Mode: h.mode, Board: h.board, Closures: h.closures, Dispatcher: h.dispatch,
		Accounts: h.accounts, Ring: h.ringer(), HasLine: h.callsOut(cfg), Health: h.red, AlertsOff: func() bool { return h.switches.Off(switches.Alerts) }, Log: log})
	if err != nil {
		return h, err
	}

	// Phone dialogues.
	flows, err := ivr.ShippedFlows()
	if err != nil {
		return h, err
	}
	actions := h.commands.Actions()
	maps.Copy(actions, ivr.PromptActions(h.studio, prompts.ShippedLanguages()))
	maps.Copy(actions, ivr.ShiftActions(shiftBook(h.hours, registry)))
	maps.Copy(actions, ivr.CaseActions(caseBook(cases)))
	maps.Copy(actions, map[string]ivr.Action{
		ivr.ActionModeRead:       ivr.ModeRead(h.mode),
		ivr.ActionBulletinsList:  ivr.BulletinsList(h.board, h.edition, h.bulletinsOff),
		ivr.ActionRegistrantSave: ivr.RegistrantSave(registry.SaveAnswers),
		desk.ActionQueueInfo:     desk.QueueInfo,
		desk.ActionAuthenticate:  desk.Authenticate(h.checkPIN),

		desk.ActionAgentAuthenticate: desk.AgentAuthenticate(h.checkAgent),
		desk.ActionAgentState:        desk.AgentState,
		desk.ActionAgentSet:          desk.AgentSet,
		desk.ActionRoundAnswer:       desk.RoundAnswer,
	})
	h.engine, err = ivr.New(ivr.Config{
		Flows: flows, Prompts: h.studio, Edition: h.edition, Languages: cfg.Languages, Log: log,
		Fallback: flow.Queue{ID: triage.QueueHelp, Priority: 5, Treatment: ivr.FlowWaiting},
		HasQueue: h.dispatch.Has,
		Host:     h.flowHost(cfg),
		Actions:  actions, Results: flowActions(),
	})
	if err != nil {
		return h, err
	}
	h.flows, err = versions.Open(versions.Config{Store: h.records, Shipped: ivr.ShippedTexts(), Engine: h.engine, Log: log})
	if err != nil {
		return h, err
	}

	// The room where callers and agents meet, and the way in for callers.
	var robot func() error
	if m.robot != nil {
		robot = func() error { return m.robot(h.trunk.Addr()) }
	}
	led, err := entries(cfg, h.engine.Flows())
	if err != nil {
		return h, err
	}
	h.numbers.use(led)
	if h.lines, err = lines.Open(h.records, h.lineRules(cfg)); err != nil {
		return h, err
	}
	h.reach = reach.New(reach.Config{Routes: h.routes, Flows: h.engine.Flows, Numbers: h.reachable(cfg.Region), Contacts: h.contacts})
	h.desk = desk.New(desk.Config{
		Operation: cfg.Operation, Region: cfg.Region, Entries: led, Shares: shares(cfg), Forwarded: cfg.SIP.Forwarded, Upstream: cfg.SIP.Trusted, Contacts: h.contacts, Cases: cases, Lists: h.lists,
		Dispatcher: h.dispatch, Engine: h.engine, Prompts: h.studio, Mode: h.mode, Scenario: h.disaster, Script: h.flows.InUse, Closures: h.closures, Flashes: h.turned, Registry: registry, Recordings: h.tapes, Gateway: h.phones,
		NewRoom: func() *media.Room { return media.NewRoom(h.agents, log) }, // writes to browsers, which may be slow
		Dial:    h.dialler(cfg), HasLine: h.callsOut(cfg), Telephones: h.telephones(cfg), Languages: cfg.Languages, Robot: robot,
		CallsBack: func() bool { return !h.switches.Off(switches.CallBacks) }, Rounds: h.roundsRun(cfg), RoundMay: h.roundMay(cfg), Scope: h.commands.Scope, Log: log,
	})
	if h.rehearse, err = newRehearsals(h, cfg); err != nil {
		return h, err
	}
	if err := h.listenForCalls(cfg, m); err != nil {
		return h, err
	}

	h.trials = lines.NewTrials(lines.TrialConfig{Dial: h.trunk.Dial, Role: roleTest, Clip: h.studio.Clip, Book: h.lines, Log: log})

	// Records that leave the box, and people who leave the records.
	h.privacy = privacy.New(h.records, cfg.Operation, log, agingImports())
	h.exports, err = export.New(export.Config{Store: h.records, Strained: h.strained, Operation: cfg.Operation, Version: version(), Log: log,
		Sets: exportSets(h.contacts, cases, h.lists, registry, h.hours, filed, h.board, cfg.Operation), Only: exportOnly(h.finder), May: mayExport(h.accounts)})
	if err != nil {
		return h, err
	}
	h.closing = h.closer(cfg, home, m.coolOff)
	if h.imports, err = importOffice(h.records, h.lists, filed, cfg, log); err != nil {
		return h, err
	}

	// What happens, for other systems.
	h.hooks = webhooks.New(webhooks.Config{Store: h.records, Tell: api.NewTeller(h.contacts, cases, log).Message, Topics: api.Topics(),
		Off: func() bool { return h.switches.Off(switches.Webhooks) }, Log: log})

	if h.scripts, err = triage.OpenScripts(h.records, h.dispatch.Queues); err != nil {
		return h, err
	}
	notices, err := triage.OpenNotices(context.Background(), h.records)
	if err != nil {
		return h, err
	}

	// Pages.
	if h.web, err = net.Listen("tcp", cfg.Web.Listen); err != nil {
		return h, provisioning.Listening(err, "The web pages", cfg.Web.Listen, "web: listen:")
	}
	h.took(h.web.Close)
	h.beacon = mdns.For(pagesAt(cfg).Addr(), h.certs.Cover, log)
	if cfg.Web.Metrics != "" {
		if h.watched, err = net.Listen("tcp", cfg.Web.Metrics); err != nil {
			return h, provisioning.Listening(err, "The figures of this machine", cfg.Web.Metrics, "web: metrics:")
		}
		h.took(h.watched.Close)
	}
	h.bundles = &bundles{h: h, cfg: cfg}
	h.listenForCommands(cfg)
	h.measure = h.figures(data, time.Now())
	h.pages, err = ui.New(ui.Config{
		Operation: cfg.Operation, Version: version(), Region: cfg.Region, Routing: h.routes, Reach: h.reach, PhoneServer: h.phoneServer(cfg), CallTo: callTo(cfg), WorkLine: first(cfg.SIP.Agents), Desk: ui.FromDesk(h.desk),
		Accounts: h.accounts, Sessions: h.accounts, Mode: h.mode, Scenario: h.disaster, Lists: h.lists, Supervise: h.commands, Switches: h.switches, Offered: cfg.Languages, Contacts: h.contacts, Cases: cases, Registrants: registry, Hours: h.hours, Finder: h.finder, Cards: filed, Prompts: h.studio, Sounds: foreign.New(),
		Worklist: h.contacts, Books: triage.NewBooks(h.records),
		Rounds: h.contacts, RoundMay: h.roundMay(cfg), RoundsOn: h.roundsAllowed(cfg), Results: h.roundResults,
		Scripts: h.scripts, Notices: notices,
		Reports: h.reports,
		Health:  h.measure, Support: h.supportFile(cfg, m.log), Rehearsals: h.rehearse, Backups: h.backups, BoxKey: boxkey.Owner{Keeper: h.keys, Records: h.records}, Certificates: pageCertificates{Certificates: h.certs, records: h.records}, Obtained: h.renewal, SetClock: clockSetter(), Updates: h.updates(cfg, m), Plugged: plugged(disk.Socket), Radio: radioOf(radio.Socket), Telephone: h.telephone(cfg),
		Recordings: h.tapes,
		Exports:    h.exports, Imports: h.imports, Privacy: h.privacy, Closing: h.closing, Journal: ui.FromStore(h.records), Store: h.records, Hooks: h.hooks, Log: log,
		Flows: h.flows, FlowTrial: h.flowTrial, Bundles: h.bundles,
	})
	if err != nil {
		return h, err
	}
	h.front = h.pages.Run
	if m.locked != nil {
		return h, m.locked.begin(h)
	}
	return h, nil
}

func (h *hotline) took(back func() error) { h.takes = append(h.takes, back) }

// Close gives back what assemble took. It may be called after Run or instead
// of it.
func (h *hotline) Close() error {
	var errs []error
	for i := len(h.takes) - 1; i >= 0; i-- {
		if err := h.takes[i](); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	h.takes = nil
	return errors.Join(errs...)
}

// Run takes calls until ctx ends: then no new ones, running ones up to the
// drain limit, and the rest is stopped behind them. It returns the first error
// of a part that nobody can do without.
func (h *hotline) Run(ctx context.Context) error {
	n, err := h.contacts.Recover(context.WithoutCancel(ctx))
	if err != nil {
		// A damaged record must not keep callers from the hotline.
		h.log.Error("some calls that a stop interrupted could not be found; calls are taken", "error", err)
	}
	if n > 0 {
		h.log.Warn("calls were running when the hotline stopped; they head the list of open items", "calls", n)
	}
	if err := h.tapes.Recover(context.WithoutCancel(ctx)); err != nil {
		h.log.Error("some recordings that a stop cut short could not be finished; it is tried again at the next start", "error", err)
	}
	// Everything that a running call needs outlives the trunk.
	below, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	calls, ctx := errgroup.WithContext(ctx)
	var support errgroup.Group
	failed := make(chan error, 1)
	for _, run := range []func(context.Context) error{h.callers.Run, h.agents.Run, h.strain.Run, h.phones.Run, h.journal.Run, h.reports.Run, h.turned.Run, h.hours.Run, h.finder.Run, h.dispatch.Run,
		h.desk.Run, h.mode.Run, h.board.Run, h.commands.Run, h.followLoad, h.tellScreens, h.tapes.Run, h.exports.Run, h.hooks.Run, h.renewal.Run, h.imports.Run, h.backUp, h.privacy.Run, h.closing.Run, h.records.KeepReserve, h.serveFigures, h.rehearse.Run, h.answerCommands, h.trials.Run, h.restart, h.tellSystem, h.beacon.Run,
		func(ctx context.Context) error { return h.front(ctx, h.web, h.certs.Pages()) }} {
		support.Go(func() error {
			err := run(below)
			if err != nil && below.Err() == nil {
				select {
				case failed <- err:
				default:
				}
			}
			return err
		})
	}
	calls.Go(func() error { return h.trunk.Run(ctx) })
	// A part below that fails ends the calls too, in order: the others go on
	// for the callers on the line.
	calls.Go(func() error {
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	err = calls.Wait()
	stop()
	return errors.Join(err, ignoreEnd(support.Wait()), h.Close())
}

// followLoad shows the load ladder how the line for help stands.
func (h *hotline) followLoad(ctx context.Context) error {
	return h.mode.Follow(ctx, func(now time.Time) mode.Figures {
		l := h.dispatch.Load(triage.QueueHelp, now)
		return mode.Figures{Waiting: l.Waiting, Wait: l.Wait, Agents: l.Agents, Ready: l.Ready}
	})
}

// tellScreens wakes everybody's screens when the mode or the bulletins change:
// the next caller gets them, so everybody who answers must know. Under a heavy
// load it opens the line for help to all who serve it.
func (h *hotline) tellScreens(ctx context.Context) error {
	for {
		mode, board := h.mode.Watch(), h.board.Watch()
		h.dispatch.Overflow(triage.QueueHelp, h.mode.Current(time.Now()).Service().Overflow)
		select {
		case <-ctx.Done():
			return nil
		case <-mode:
		case <-board:
		}
		h.desk.Touch()
	}
}

// ignoreEnd drops the errors that only say that Run was asked to end.
func ignoreEnd(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Panics is how many faults of ours were caught since the start.
func (h *hotline) Panics() int64 {
	return int64(h.trunk.Stats().Panics) + h.pages.Panics() + h.desk.Panics()
}
