package bundle

import (
	"context"
	"log/slog"
	"slices"

	"hotline/appliance/config"
	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/ivr/flow"
	"hotline/ivr/prompts"
	"hotline/provisioning"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// Hotline is its records, and what it is told by its configuration file.
type Hotline struct {
	Store  *store.Store
	Config config.Config // as the file is now
	// Keep keeps a changed configuration and says how to put back the one from
	// before; nil where it is kept already and cannot change.
	Keep func(config.Config) (back func() error, err error)

	// Flows is what flows are checked against; its prompts are added here.
	Flows func(config.Config) (flow.Surroundings, error)
	// Leads says what is wrong with where the numbers lead.
	Leads  func(config.Config, *flow.FlowSet) error
	Topics []string       // that other systems can be told of
	Decode prompts.Decode // of recordings that come from elsewhere
	By     string         // who does it, in the log
	Via    string         // and how: at the console, or in setting up
	Log    *slog.Logger

	// Alone is of a hotline that runs; nil for another one. It runs change while
	// nobody else changes what bundles change, and has the hotline go on with what
	// is stored then; its error is what cannot be used before the next start.
	Alone    func(change func()) error
	Running  config.Config // by which it works until its next start
	Silenced func() bool   // the synthetic voice is switched off there; nil: never
}

// run is one look at a bundle, or one change by it.
type run struct {
	ctx    context.Context
	to     Hotline
	in     *store.Store // all changes are one transaction of it
	bundle *Bundle
	docs   map[string]*doc
	secret Secrets
	slow   *errands

	cfg      config.Config
	routing  triage.Routing
	accounts *roster.Accounts
	studio   *prompts.Studio
	listed   *lists.Keeper
	differ   map[string]lists.Difference // that the file of lists wants
	sounds   map[string]recording        // of the bundle, by file
	prints   map[string]string           // of takes that are stored

	problems    Problems
	changes     []Change
	notes       []Note
	same        int
	rest        int // regular exports that came
	routed      bool
	credentials []provisioning.Credential
}

func newRun(ctx context.Context, to Hotline, in *store.Store, b *Bundle, secret Secrets, slow *errands) (*run, error) {
	r := &run{ctx: ctx, to: to, in: in, bundle: b, secret: secret, slow: slow, docs: map[string]*doc{}, sounds: map[string]recording{}, prints: map[string]string{}, cfg: to.Config}
	var err error
	r.routing, err = triage.ReadRouting(in)
	return r, err
}

// speech is what this hotline says.
func (r *run) speech() (_ *prompts.Studio, err error) {
	if r.studio == nil {
		if r.studio, err = prompts.OpenStudio(r.in, nil, r.to.Log); err == nil {
			r.studio.SpeakBy(r.slow.say)
		}
	}
	return r.studio, err
}

// tongues are the languages in which something can be said.
func (r *run) tongues() ([]string, error) {
	studio, err := r.speech()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(studio.Library().Languages(), func(tag string) bool { return tag == prompts.Neutral }), nil
}

// people are the accounts of this hotline.
func (r *run) people() (_ *roster.Accounts, err error) {
	if r.accounts == nil {
		r.accounts, err = roster.Within(r.in, r.to.Config.DataDir(), r.to.Log, r.slow.hashes)
	}
	return r.accounts, err
}

// everybody are all accounts.
func (r *run) everybody() ([]roster.Account, error) {
	accounts, err := r.people()
	if err != nil {
		return nil, err
	}
	return accounts.List()
}

// lists are the lists of this hotline.
func (r *run) lists() (_ *lists.Keeper, err error) {
	if r.listed == nil {
		r.listed, err = lists.Open(r.in)
	}
	return r.listed, err
}

// problem notes something that is wrong at a place of a file.
func (r *run) problem(file string, line, column int, text string) {
	r.problems = append(r.problems, Problem{File: file, Line: line, Column: column, Text: text})
}

// problemWith notes what is wrong with a thing.
func (r *run) problemWith(about, file string, line, column int, text string) {
	r.problems = append(r.problems, Problem{File: file, Line: line, Column: column, About: about, Text: text})
}
