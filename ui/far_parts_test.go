package ui

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/acme"
	"hotline/appliance/audio/foreign"
	"hotline/appliance/backup"
	"hotline/appliance/call"
	"hotline/appliance/lines"
	"hotline/appliance/place"
	"hotline/appliance/support"
	"hotline/appliance/switches"
	redact "hotline/appliance/table"
	"hotline/appliance/trunk"
	"hotline/appliance/webhooks"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/find"
	"hotline/triage/intake"
	"hotline/triage/privacy"
	"hotline/triage/reach"
	"hotline/triage/reports"
	"hotline/ui/api"
	"hotline/volunteers"
)

func (s *script) config(t *testing.T) Config {
	return Config{
		Prompts: s.studio, Sounds: foreign.New(),
		Operation: "Flood response", Version: "test", Region: "US", Routing: s.routes, Reach: s.reach(),
		CallTo: "100", WorkLine: "198", PhoneServer: "192.0.2.1:5060", Desk: s, Sessions: s.accounts, Accounts: s.accounts, Mode: s.mode, Scenario: s.scenario, Lists: s.lists, Supervise: s.steer, Switches: s.parts, Offered: []string{"es", "en"}, Contacts: s.contacts, Cases: s.cases, Registrants: s.registry, Hours: volunteers.NewShifts(s.store, s.accounts, "US"), Finder: s.finds, Cards: s.filed(t),
		Worklist: s.contacts, Books: triage.NewBooks(s.store),
		Rounds: s.contacts, RoundsOn: s.CallsOut, RoundMay: func(n call.Number) bool { return strings.HasPrefix(string(n), "+1202555") },
		Results: func(_ context.Context, w io.Writer, round, _ string) error {
			return redact.WriteCSV(w, triage.RoundTable(s.contacts, round))
		},
		Scripts: s.scripts, Notices: s.noticeBoard(t),
		Reports: reports.New(s.store, time.UTC, slog.New(slog.DiscardHandler)),
		Health:  measured, Support: func(w io.Writer) error {
			return support.Write(w, support.Box{Figures: measured(), Log: new(support.Memory)})
		}, Rehearsals: s.rehearsals(t), Backups: s.keeper(t), BoxKey: s.boxKey(t), Updates: s.slots, Plugged: s.plugged, Disks: func() []place.Disk { return s.disks }, Radio: s.radio, SetClock: func(at time.Time) (bool, error) { s.clock = at; return !s.forgets, nil },
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
	return Telephone{Book: book, Trials: lines.NewTrials(lines.TrialConfig{Log: log}), Dropped: func() uint64 { return 0 }, Flows: flows, Allowed: func() []string { return append([]string{"+1202"}, book.Dials()...) }, Out: outOf(book),
		Filed: lines.Record{Lines: []lines.Line{{Name: "gateway"}}, Numbers: []lines.Number{{Number: "100", Leads: lines.Help}}},
		At:    func() TelephoneAddr { return TelephoneAddr{UDP: "192.0.2.1:5060"} },
		States: func() []trunk.LineState {
			return []trunk.LineState{{Name: "gateway", Up: true, Checked: true, Limit: s.carries}}
		}}
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

// outOf is who may call out there: who hotline.yaml lets, until somebody says
// otherwise.
func outOf(book *lines.Book) func() lines.CallsOut {
	return func() lines.CallsOut {
		if out, said := book.Out(); said {
			return out
		}
		return lines.CallsOut{Roles: []string{"supervisor", "coordinator", "own_phone"}, PerHour: 60}
	}
}
