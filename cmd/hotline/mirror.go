package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hotline/appliance/config"
	"hotline/appliance/media"
	"hotline/appliance/store"
	"hotline/appliance/trunk"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers"
)

// A rehearsal call comes in by the door that every call comes in by, and hears
// the dialogues and the sound that every caller hears. Everything behind that is
// a mirror: records, queues and seats of its own, which are thrown away. So it
// is in no figure, no worklist and no export, nobody real can be rung for it,
// and nothing has to remember to leave it out.

// mirror is the part of a hotline behind the door, for one rehearsal.
type mirror struct {
	*hotline // with what is its own; the door, the sound and the dialogues are the real ones
	dir      string
	real     *hotline
	numbers  map[string]desk.Entry // by the secret number that leads here
	entries  []mirrorEntry
	loops    sync.Map         // own numbers that a line is about to ring, by the caller ID that it shows
	looped   chan *trunk.Call // the last call that a line brought back; has room for it
	gate     sync.Mutex       // guards closed, and that nothing is added to calls after it
	closed   bool
	calls    sync.WaitGroup // stories that run
	stop     func() error

	actions map[string]ivr.Action // of its dialogues, for trials by text
	host    ivr.Host
	inner   inner
}

// mirrorOf says for which part of a rehearsal a mirror is.
type mirrorOf int

const (
	ofCallers mirrorOf = iota // in the mode of the hotline
	ofKeys                    // in a mode of its own, which begins as normal
	ofInner                   // the same, for keys to which no number leads
)

// mirrorEntry is a dialogue that callers begin with, and the number that leads
// to its reflection.
type mirrorEntry struct {
	number string
	flow   string
}

// rehearsalPrefix begins the numbers of rehearsals. No telephone can dial it.
const rehearsalPrefix = "rehearsal-"

// rehearsalProfile serves every line, and exists in the mirror alone.
const rehearsalProfile = "rehearsal"

// newMirror makes the mirror of h and runs it until its stop is called.
func (h *hotline) newMirror(ctx context.Context, cfg config.Config, of mirrorOf) (_ *mirror, err error) {
	log := h.log.With("rehearsal", true)
	m := &mirror{hotline: &hotline{log: log, studio: h.studio, board: h.board, mode: h.mode, lists: h.lists, closures: h.closures, disaster: h.disaster,
		switches: h.switches, callers: h.callers, agents: h.agents, phones: h.phones}, real: h, dir: filepath.Join(cfg.DataDir(), "rehearsal"), numbers: map[string]desk.Entry{}, looped: make(chan *trunk.Call, 1)}
	if err := os.RemoveAll(m.dir); err != nil { // of a rehearsal that a stop cut short
		return nil, fmt.Errorf("clearing away an earlier rehearsal: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close(), os.RemoveAll(m.dir))
		}
	}()
	key := make([]byte, 32)
	rand.Read(key)
	if m.records, err = store.OpenWith(m.dir, key, log); err != nil {
		return nil, err
	}
	m.took(m.records.Close)
	if of != ofCallers {
		if m.mode, err = mode.Open(m.records, log); err != nil {
			return nil, err
		}
	}
	m.contacts = triage.NewContacts(m.records)
	if m.tapes, err = triage.OpenRecordings(m.records, h.switches, log); err != nil {
		return nil, err
	}
	if rules := h.tapes.Rules(); len(rules.Queues) > 0 {
		if err := m.tapes.SetRules(ctx, rules, rehearsalProfile); err != nil {
			return nil, err
		}
	}
	m.journal = triage.NewJournal(m.records, cfg.Operation, log)
	m.dispatch = triage.NewDispatcher(triage.DispatcherConfig{Routing: mirrored(h.dispatch.Routing(), h.dispatch.Queues()), RingFor: time.Duration(cfg.Ring) * time.Second, Journal: m.journal, Log: log})
	cases := triage.NewCases(m.records, h.lists)
	registry := volunteers.NewRegistry(m.records, h.lists)

	// Dialogues: those in use, with the words in use. What they do is done in the
	// mirror, and what they ask of people who work here is refused.
	actions := map[string]ivr.Action{}
	for name := range flowActions() {
		actions[name] = func(context.Context, *ivr.Session) (string, error) { return "", errRehearsal }
	}
	maps.Copy(actions, ivr.CaseActions(caseBook(cases)))
	maps.Copy(actions, map[string]ivr.Action{
		ivr.ActionModeRead:       ivr.ModeRead(m.mode),
		ivr.ActionBulletinsList:  ivr.BulletinsList(h.board, h.edition, h.bulletinsOff),
		ivr.ActionRegistrantSave: ivr.RegistrantSave(registry.SaveAnswers),
		desk.ActionQueueInfo:     desk.QueueInfo,
	})
	host := m.flowHost(config.Config{}) // asks no other machine
	host.Fetch = func(context.Context, string, map[string]string) (json.RawMessage, error) { return nil, errRehearsal }
	m.actions = actions
	said, at := h.edition, (func(*ivr.Session, string, string))(nil)
	if of == ofInner {
		if m.inner.ordered, err = openOrdered(filepath.Join(m.dir, "ordered"), cfg, m.dispatch, log); err != nil {
			return nil, err
		}
		m.took(m.inner.ordered.store.Close)
		m.actions, actions = m.inside(actions)
		host.Staffing = m.inner.staffing
		said, at = m.hushed(), m.at
		m.innerNumbers(cfg.Languages)
	}
	m.host = host
	if m.engine, err = ivr.New(ivr.Config{Flows: h.engine.Flows(), Prompts: h.studio, Edition: said, At: at, Languages: cfg.Languages, Log: log,
		Fallback: flow.Queue{ID: triage.QueueHelp, Priority: 5, Treatment: ivr.FlowWaiting}, HasQueue: h.dispatch.Has,
		Host: host, Actions: actions, Results: flowActions()}); err != nil {
		return nil, err
	}
	m.mirrorNumbers()
	entries := maps.Clone(h.numbers.all()) // for calls that a line brings back
	maps.Copy(entries, m.numbers)
	m.desk = desk.New(desk.Config{
		Operation: cfg.Operation, Region: cfg.Region, Entries: entries, Contacts: m.contacts, Cases: cases, Lists: h.lists,
		Dispatcher: m.dispatch, Engine: m.engine, Prompts: h.studio, Mode: m.mode, Scenario: h.disaster, Script: h.flows.InUse, Closures: h.closures, Registry: registry, Recordings: m.tapes, Gateway: h.phones,
		NewRoom: func() *media.Room { return media.NewRoom(h.agents, log) }, Languages: cfg.Languages, Log: log,
		CallsBack: func() bool { return false }, // and without Dial nobody outside can be rung
	})
	m.run(log)
	return m, nil
}

// errRehearsal is why a step takes its error path in a rehearsal.
var errRehearsal = fmt.Errorf("this is a rehearsal: %w", ivr.ErrRefused)

// mirrored is the routing without anybody outside, and with the one who answers
// rehearsals.
func mirrored(r triage.Routing, queues []string) triage.Routing {
	r.Emergency = nil
	r.Teams = slices.DeleteFunc(slices.Clone(r.Teams), triage.Team.Outside)
	all := triage.Profile{ID: rehearsalProfile, Name: rehearsalProfile}
	for i, queue := range queues {
		all.Lines = append(all.Lines, triage.Line{Queue: queue, Priority: i + 1})
	}
	r.Profiles = append(slices.Clone(r.Profiles), all)
	return r
}

// mirrorNumbers gives every dialogue that callers begin with a number that
// nobody can guess.
func (m *mirror) mirrorNumbers() {
	known := map[desk.Entry]bool{}
	for _, number := range slices.Sorted(maps.Keys(m.real.numbers.all())) {
		e := m.real.numbers.all()[number]
		e.Language = ""
		if e.Supervisor || e.Flash || e.Flow == "" || known[e] {
			continue
		}
		known[e] = true
		here := mirrorEntry{number: secretNumber(), flow: e.Flow}
		m.entries = append(m.entries, here)
		m.numbers[here.number] = m.real.numbers.all()[number]
	}
}

func (m *mirror) run(log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background()) // ends by stop, in order
	var parts errgroup.Group
	for _, run := range []func(context.Context) error{m.journal.Run, m.dispatch.Run, m.desk.Run, m.tapes.Run} {
		parts.Go(func() error { return run(ctx) })
	}
	m.stop = func() error {
		m.gate.Lock()
		m.closed = true
		m.gate.Unlock()
		m.calls.Wait() // their callers have hung up
		cancel()
		return errors.Join(ignoreEnd(parts.Wait()), m.Close(), os.RemoveAll(m.dir))
	}
}

// takes reports that a call is one of the rehearsal, and carries it to its end.
func (m *mirror) takes(ctx context.Context, leg *trunk.Call) bool {
	if m == nil {
		return false
	}
	_, own := m.numbers[leg.To()]
	back := m.broughtBack(leg)
	if !own && !back {
		return false
	}
	m.gate.Lock()
	if m.closed {
		m.gate.Unlock()
		_ = leg.Reject(480, 0) // its caller is gone
		return true
	}
	m.calls.Add(1)
	if back {
		m.forgetLooped()
		m.looped <- leg // there is room, and the gate lets one in at a time
	}
	m.gate.Unlock()
	defer m.calls.Done()
	m.desk.Take(ctx, leg)
	return true
}

// headerRehearsal marks calls that a line is to bring back. Most telephone
// companies drop it: then the caller ID says it.
const headerRehearsal = "X-Hotline-Rehearsal"

// broughtBack reports that a call to one of the hotline's own numbers is the one that
// the rehearsal has just made by a line.
func (m *mirror) broughtBack(leg *trunk.Call) bool {
	for _, said := range leg.Header(headerRehearsal) {
		if _, own := m.numbers[said]; own {
			return true
		}
	}
	_, pending := m.loops.Load(leg.From())
	return pending && leg.From().E164()
}

// forgetLooped forgets the call that a line brought back.
func (m *mirror) forgetLooped() {
	select {
	case <-m.looped:
	default:
	}
}

// lastLooped is the sound of the call that a line has brought back; nil when
// there is none that was answered.
func (m *mirror) lastLooped(ctx context.Context) *media.Endpoint {
	ctx, over := context.WithTimeout(ctx, loopFound)
	defer over()
	select {
	case leg := <-m.looped:
		tick := time.NewTicker(poll)
		defer tick.Stop()
		for leg.Audio() == nil {
			select {
			case <-tick.C:
			case <-leg.Context().Done():
				return nil
			case <-ctx.Done():
				return nil
			}
		}
		return leg.Audio()
	case <-ctx.Done():
		return nil
	}
}
