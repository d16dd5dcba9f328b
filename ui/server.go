// Package ui is the web side of the hotline: pages, sign-in, the live channel
// of the phone volunteer's desk, and the rules of who may see what. It shows
// what the floors below say and passes on what people press; it keeps no state
// of calls, contacts or queues of its own.
package ui

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/audio/foreign"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/health"
	"hotline/appliance/lists"
	"hotline/appliance/place"
	"hotline/appliance/store"
	"hotline/appliance/switches"
	"hotline/triage"
	"hotline/triage/reach"
	"hotline/triage/supervise"
	"hotline/ui/api"
	"hotline/ui/assets"
	"hotline/ui/words"
	"hotline/volunteers/roster"
)

// Config is what the pages need. Everything is required unless it says so.
type Config struct {
	Operation    string // name of the disaster response, shown on every page
	MadeUp       bool   // nothing here is real, and every page says so
	Version      string
	SetClock     func(time.Time) (kept bool, err error) // sets that of the machine; nil where this program may not; kept: it still has the time after it was without power
	Region       string                                 // ISO 3166 country of numbers without a country code
	PhoneServer  string                                 // where desk phones register, as people type it; "" when none can
	WorkLine     string                                 // number for those who work by telephone; "" when there is none
	CallTo       string                                 // number of the hotline that the caller page calls; "" when there is none
	Desk         Desk
	Routing      *triage.Routes // who helps whom
	Reach        *reach.Map     // how callers come to the lines
	Sessions     Sessions
	Accounts     Accounts
	Mode         Mode
	Supervise    *supervise.Commands
	Switches     *switches.Panel
	Offered      []string // languages that callers are offered
	Scenario     Scenario
	Lists        *lists.Keeper // what can be chosen, and what is asked
	Scripts      Scripts
	Notices      *triage.Notices // nil: nobody gives any
	Contacts     Contacts
	Cases        Cases
	Worklist     Worklist
	Rounds       Rounds
	RoundMay     func(call.Number) bool                                             // whether a round may dial a number
	RoundsOn     func() bool                                                        // there are rounds at all: a line, and calls of theirs in an hour
	Results      func(ctx context.Context, w io.Writer, round, format string) error // of a round, "xlsx" or "csv"
	Books        Books
	Reports      Reports
	Registrants  Registrants
	Hours        Hours
	Finder       Finder
	Cards        Cards
	Prompts      Prompts
	Sounds       Sounds
	Exports      Exports
	Imports      Imports
	Privacy      Privacy
	Closing      Closing // of the operation
	Recordings   Recordings
	Journal      Journal
	Store        *store.Store // whose events programs hear
	Obtained     Obtained     // a certificate that is got by itself; nil where Certificates is
	Hooks        Hooks
	Flows        Flows
	FlowTrial    FlowTrial
	Bundles      Bundles
	Health       func() health.Figures
	Support      func(io.Writer) error // the file for whoever helps from afar
	Rehearsals   Rehearsals
	Backups      Backups
	BoxKey       BoxKey
	Telephone    Telephone
	Certificates Certificates        // nil where they are not the box's own
	Plugged      Plugged             // nil where whoever runs the machine looks after disks
	Disks        func() []place.Disk // that are plugged in; nil: those of this machine
	Updates      Updates             // nil on a machine that is not the appliance's own image
	Radio        Radio               // nil there, too
	Log          *slog.Logger
}

// Server answers the browsers.
type Server struct {
	cfg       Config
	words     *words.Catalogues
	assets    *assets.Assets
	pending   *pendingModes
	passes    passes   // of callers with a browser
	heard     hearings // of recordings
	modes     lately   // changes of the mode
	locks     lately   // of PINs
	programs  http.Handler
	handler   http.Handler
	packers   sync.Pool // *gzip.Writer
	panics    atomic.Int64
	closing   chan struct{}
	closeOnce sync.Once
	live      sync.WaitGroup // desk channels, which Shutdown does not know
}

// Limits. Pages are small; only recordings and language packs are not.
const (
	maxForm      = 64 << 10
	maxUpload    = foreign.MaxFile
	maxHeader    = 16 << 10
	readHeaders  = 5 * time.Second
	readRequest  = 30 * time.Second
	writeReply   = 30 * time.Second
	writeExport  = 10 * time.Minute
	idle         = 2 * time.Minute
	shutdownWait = 5 * time.Second
)

// New prepares the pages; it starts nothing.
func New(cfg Config) (*Server, error) {
	catalogues, err := words.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the texts of the pages: %w", err)
	}
	return NewIn(cfg, catalogues)
}

// NewIn prepares the pages with other texts than those that ship.
func NewIn(cfg Config, catalogues *words.Catalogues) (*Server, error) {
	files, err := assets.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the files of the pages: %w", err)
	}
	s := &Server{
		cfg: cfg, words: catalogues, assets: files, closing: make(chan struct{}),
		pending: newPendingModes(),
		modes:   lately{keep: changesMode, most: lastModes},
		locks:   lately{keep: func(ev events.Event) bool { return ev.Kind == roster.EventLocked }, most: mostLocks},
	}
	programs, err := api.New(api.Config{Operation: cfg.Operation, Region: cfg.Region, Store: cfg.Store, Accounts: cfg.Accounts, Desk: cfg.Desk, PersonOf: PersonOf, Routing: cfg.Routing,
		Mode: cfg.Mode, Supervise: cfg.Supervise, Contacts: cfg.Contacts, Cases: cfg.Cases, Registrants: cfg.Registrants, Finder: cfg.Finder, Lists: cfg.Lists, Exports: cfg.Exports,
		Reports: cfg.Reports, Gauge: s.gauge, Words: catalogues, Closing: s.closing, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	s.programs = programs.Handler()
	s.handler = s.protect(s.routes())
	return s, nil
}

// Handler is the whole site. It must be served over TLS.
func (s *Server) Handler() http.Handler { return s.handler }

// Panics is how many requests ended in a fault of the program so far.
func (s *Server) Panics() int64 { return s.panics.Load() }

// Run serves on the listener until ctx ends. It closes the listener.
func (s *Server) Run(ctx context.Context, listener net.Listener, config *tls.Config) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: readHeaders, ReadTimeout: readRequest, WriteTimeout: writeReply, IdleTimeout: idle,
		MaxHeaderBytes: maxHeader,
		// Browsers that do not trust the certificate yet complain on every
		// connection; that is not worth a line in the log above debug.
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	config = config.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	done := make(chan error, 1)
	go func() { done <- server.Serve(tls.NewListener(listener, config)) }()
	select {
	case err := <-done:
		s.stopStreams()
		return fmt.Errorf("serving the pages: %w", err)
	case <-ctx.Done():
	}
	s.stopStreams()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		// Somebody's download is slower than the stop; it is cut off.
		if err := server.Close(); err != nil {
			return fmt.Errorf("closing the pages: %w", err)
		}
	}
	s.live.Wait()
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the pages: %w", err)
	}
	return nil
}

// stopStreams ends the live channels, which would never end by themselves.
func (s *Server) stopStreams() { s.closeOnce.Do(func() { close(s.closing) }) }
