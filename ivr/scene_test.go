package ivr_test

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/ivr/prompts"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/supervise"
	"hotline/volunteers"
)

// This file is the rest of the hotline as a script of a conversation finds it: one
// call, an engine, and a host that knows one PIN, one place in a queue and how to
// register.

// The PIN that the host of these tests takes.
const goodPIN = "246813"

// queues are those of the shipped hotline.
var queues = []string{"life", "help", "family", "private", "volunteers"}

var errHungUp = call.Cause{By: call.ByCaller, Reason: "hung up"}

// shippedPrompts are read once: they never change.
var shippedPrompts = sync.OnceValues(prompts.Shipped)

// scene is one call between a script and an engine, with a real emergency mode
// and a host that knows one PIN, one place in a queue and how to register.
type scene struct {
	t       *testing.T
	where   string // file:line of the script
	config  ivr.Config
	engine  *ivr.Engine
	library *prompts.Library
	modes   *mode.Switch
	board   *bulletins.Board
	log     *strings.Builder
	logger  *slog.Logger
	records *store.Store
	room    *room

	start  ivr.Start
	line   *farEnd
	hangup context.CancelCauseFunc
	began  time.Time
	over   chan struct{}
	out    ivr.Outcome
	err    error
	waited int // silences already told

	studio *prompts.Studio
	place  string
	saving error
	saved  map[string]string
	sounds map[string][]byte

	staffing  ivr.Staffing
	bulletins []ivr.Bulletin
	broken    error // of everything that the host is asked
	promises  []ivr.Promise
	messages  []ivr.Message
	dialled   []string
	answer    string // of the other machine

	cases       *triage.Cases      // opened when a script needs it
	hours       *volunteers.Shifts // opened when a script needs it
	helperID    string             // the registered volunteer of a shift script
	helperCode  string             // or the code of the case
	hoursBroken error

	rung       *ringing // the call of the hotline that the script is at
	newsOff    bool     // bulletins are switched off
	unanswered int      // calls of the hotline that nobody picks up
}

func newScene(t *testing.T, flows *flow.FlowSet) *scene {
	t.Helper()
	library, err := shippedPrompts()
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, library: library, log: &strings.Builder{}, place: "1", staffing: ivr.Staffing{SignedIn: 3, Available: 1, Busy: 2, WaitKnown: true},
		start: ivr.Start{Flow: ivr.FlowMain, Language: "es", Attributes: map[string]string{ivr.AttributeContactID: "contact-1", ivr.AttributeCaller: "5550001111"}}}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	records := storetest.Open(t)
	s.records, s.logger = records, log
	s.modes, err = mode.Open(records, log)
	if err != nil {
		t.Fatal(err)
	}
	s.board, err = bulletins.Open(bulletins.Config{Store: records, Operation: "test", Languages: []string{"es", "en", "ar", "fr", "pt"}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if s.studio, err = prompts.OpenStudio(records, nil, log); err != nil {
		t.Fatal(err)
	}
	s.openRoom(records, log)
	s.config = ivr.Config{
		Flows: flows, Prompts: library, Log: log,
		HasQueue: func(id string) bool { return slices.Contains(queues, id) },
		Host:     s.host(),
		Actions:  s.actions(),
	}
	s.offer("es", "en")
	return s
}

// offer makes an engine that offers callers these languages.
func (s *scene) offer(languages ...string) {
	s.t.Helper()
	s.config.Languages = languages
	engine, err := ivr.New(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.engine = engine
}

// actions are what the host of these tests does.
func (s *scene) actions() map[string]ivr.Action {
	actions := map[string]ivr.Action{
		ivr.ActionModeRead:       ivr.ModeRead(s.modes),
		ivr.ActionBulletinsList:  ivr.BulletinsList(s.board, func() ivr.Prompts { return s.library }, func() bool { return s.newsOff }),
		ivr.ActionRegistrantSave: ivr.RegistrantSave(s.save),
		"authenticate":           s.authenticate,
		"agent.authenticate":     s.authenticate,
		"agent.state":            s.agentState,
		"agent.set":              s.agentSet,
		"queue.info":             s.queueInfo,
		"round.answer":           func(context.Context, *ivr.Session) (string, error) { return "ok", s.saving },
		"test.panic":             func(context.Context, *ivr.Session) (string, error) { panic("on purpose") },
	}
	maps.Copy(actions, ivr.ShiftActions(s.shiftBook()))
	maps.Copy(actions, ivr.CaseActions(s.caseBook()))
	maps.Copy(actions, ivr.PromptActions(s.studio, prompts.ShippedLanguages()))
	for name := range s.room.commands.Actions() {
		actions[name] = func(ctx context.Context, c *ivr.Session) (string, error) { // of the commands there are then
			return s.room.commands.Actions()[name](ctx, c)
		}
	}
	for name, known := range results(actions) {
		action := actions[name]
		actions[name] = func(ctx context.Context, c *ivr.Session) (string, error) {
			result, err := action(ctx, c)
			if err == nil && len(known) > 0 && !slices.Contains(known, result) {
				s.t.Errorf("%s answers %q, which it does not declare (%v)", name, result, known)
			}
			return result, err
		}
	}
	return actions
}

// results are what these actions answer, as far as it is known.
func results(actions map[string]ivr.Action) map[string][]string {
	declared := ivr.Results()
	maps.Copy(declared, supervise.Results())
	maps.Copy(declared, desk.Results())
	list := map[string][]string{}
	for name := range actions {
		list[name] = declared[name]
	}
	return list
}

func (s *scene) authenticate(_ context.Context, c *ivr.Session) (string, error) {
	if c.Get("pin") != goodPIN {
		return "denied", nil
	}
	c.Set(ivr.AttributeAccountID, cmp.Or(s.room.rosa, "acc-7"))
	c.Set(ivr.AttributeAccountName, "Rosa")
	return "ok", nil
}

// agentState is the state of a phone volunteer; the desk knows the real one.
func (s *scene) agentState(_ context.Context, c *ivr.Session) (string, error) {
	state := c.Get("test.state")
	if state == "" {
		state = "away"
	}
	c.Set("agent.state", state)
	return state, nil
}

func (s *scene) agentSet(_ context.Context, c *ivr.Session) (string, error) {
	if c.Arg("to") == "ready" && s.broken != nil {
		return "refused", nil
	}
	c.Set("test.state", c.Arg("to"))
	return "ok", nil
}

func (s *scene) queueInfo(_ context.Context, c *ivr.Session) (string, error) {
	c.Set("queue.position", s.place)
	if s.staffing.WaitKnown {
		c.Set("queue.wait", ivr.Minutes(s.staffing.Wait))
		c.Set("queue.wait_range", ivr.Minutes(s.staffing.Wait))
	}
	return "ok", nil
}

func (s *scene) save(_ context.Context, answers map[string]string, sounds map[string][]byte) (string, error) {
	if s.saving != nil {
		return "", s.saving
	}
	s.saved, s.sounds = answers, sounds
	return "482917", nil
}

// ring begins the call.
func (s *scene) ring() {
	ctx, hangup := context.WithCancelCause(s.t.Context())
	s.line, s.hangup, s.began, s.over = newFarEnd(), hangup, time.Now(), make(chan struct{})
	s.t.Cleanup(func() { hangup(errHungUp) })
	go func() {
		defer close(s.over)
		s.out, s.err = s.engine.Run(ctx, s.line, s.start)
	}()
}

// host answers as the script has said.
func (s *scene) host() ivr.Host {
	return ivr.Host{
		Staffing: func(context.Context, string) (ivr.Staffing, error) { return s.staffing, s.broken },
		Promise: func(_ context.Context, _ *ivr.Session, p ivr.Promise) error {
			if s.broken == nil {
				s.promises = append(s.promises, p)
			}
			return s.broken
		},
		Voicemail: func(_ context.Context, _ *ivr.Session, m ivr.Message) error {
			if s.broken == nil {
				s.messages = append(s.messages, m)
			}
			return s.broken
		},
		Bulletins: func(context.Context, string, string, time.Time) ([]ivr.Bulletin, error) { return s.bulletins, s.broken },
		Transfer: func(_ context.Context, _ *ivr.Session, to string, _ time.Duration) error {
			s.dialled = append(s.dialled, to)
			return s.broken
		},
		Fetch: func(context.Context, string, map[string]string) (json.RawMessage, error) {
			return json.RawMessage(s.answer), s.broken
		},
	}
}

func announcement(d time.Duration) *audio.Clip { return audio.Tone(700, d, -20) }

func shippedFlows(t *testing.T) *flow.FlowSet {
	t.Helper()
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	return flows
}
