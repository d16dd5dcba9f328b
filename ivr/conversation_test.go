package ivr_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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

// The PIN that the host of these tests takes.
const goodPIN = "246813"

// queues are those of the shipped hotline.
var queues = []string{"life", "help", "family", "private", "volunteers"}

// patience is how long a script waits for anything.
const patience = 5 * time.Minute

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

func (s *scene) fatal(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s: %s\nlog:\n%s", s.where, fmt.Sprintf(format, args...), s.log)
}

// play acts out the lines of a script.
func (s *scene) play(name, script string) {
	s.t.Helper()
	for i, line := range strings.Split(script, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		s.where = fmt.Sprintf("%s:%d: %s", name, i+1, strings.TrimSpace(line))
		s.act(words[0], words[1:])
	}
}

func (s *scene) act(verb string, args []string) {
	s.t.Helper()
	if s.line == nil && !slices.Contains([]string{"flow", "language", "languages", "given", "mode", "bulletin", "pass", "place", "saving", "staffing", "bulletins", "broken", "answer", "later", "enrol", "helper", "outline", "closed", "unanswered", "registered", "has-pin", "working", "shifts", "switched-off-bulletins", "case", "used", "standing"}, verb) {
		s.ring()
	}
	switch verb {
	case "flow":
		s.start.Flow = args[0]
	case "language":
		s.start.Language = args[0]
	case "languages": // that callers are offered
		s.start.Language = args[0]
		s.offer(args...)
	case "given":
		s.start.Attributes[args[0]] = args[1]
	case "mode": // mode emergency [language seconds]
		c := mode.Change{Mode: args[0], By: "acc-1", Via: "web", Announcements: map[string]*audio.Clip{}}
		if c.Mode == mode.Redirect {
			c.Partner, args = call.Number(args[1]), args[1:]
		}
		for a := args[1:]; len(a) > 1; a = a[2:] {
			c.Announcements[a[0]] = announcement(s.duration(a[1]))
		}
		if _, err := s.modes.Set(s.t.Context(), c); err != nil {
			s.fatal("%v", err)
		}
	case "bulletin": // bulletin language seconds [hours that it is valid]
		d := bulletins.Draft{Language: args[0], Sound: announcement(s.duration(args[1])), By: "acc-1", Via: "web"}
		if len(args) > 2 {
			d.For = s.duration(args[2])
		}
		if _, err := s.board.Publish(s.t.Context(), d); err != nil {
			s.fatal("%v", err)
		}
	case "pass": // time goes by before the call
		<-time.After(s.duration(args[0]))
	case "place":
		s.place = args[0]
	case "saving":
		s.saving = errors.New("the disk is full")
	case "staffing": // signed in, available, busy, waiting, expected wait
		s.staffing = ivr.Staffing{SignedIn: s.number(args[0]), Available: s.number(args[1]), Busy: s.number(args[2]), Waiting: s.number(args[3]),
			Wait: s.duration(args[4]), WaitKnown: true}
	case "bulletins":
		for _, long := range args {
			s.bulletins = append(s.bulletins, ivr.Bulletin{ID: long, Sound: announcement(s.duration(long))})
		}
	case "enrol": // Rosa has an account and a paper with codes
		s.enrol()
	case "helper": // somebody who may be called in
		s.helper(args[0])
	case "outline": // the hotline may call out
		s.people()
		s.supervise(true)
	case "switched-off-bulletins":
		s.newsOff = true
	case "unanswered":
		s.unanswered = s.number(args[0])
	case "closed": // a line
		if err := s.room.closures.Set(s.t.Context(), args[0], true, "acc-1", "Luis", "web"); err != nil {
			s.fatal("%v", err)
		}
	case "registered": // somebody from that number; the numbers in shift scripts are theirs
		s.registered(args[0])
	case "case": // of an earlier call: open, in_progress, referred, closed, protected, promised
		s.opened(args[0])
	case "used": // wrong codes, in calls before
		s.used(s.number(args[0]))
	case "mistype": // a code that the check digit tells, and what follows
		s.untold()
		s.line.press(s.mistyped() + args[0])
	case "guess": // a code that nobody has
		s.untold()
		s.line.press(s.strange() + args[0])
	case "standing": // of the registered volunteer
		s.stands(args[0])
	case "has-pin":
		s.hasPIN(args[0])
	case "working": // since so long
		s.checkIn()
		<-time.After(s.duration(args[0]))
	case "shifts": // cannot be stored
		s.hoursBroken = errors.New("the disk is full")
	case "key": // the code that was told, and what follows
		s.untold()
		s.line.press(s.helperCode + args[0])
	case "code": // keyed from the paper, by its place
		s.untold()
		s.line.press(s.room.codes[s.number(args[0])-1])
	case "rings":
		s.pickUp(args[0])
	case "broken":
		s.broken = errors.New("nobody knows")
	case "answer":
		s.answer = strings.Join(args, " ")
	case "later":
		<-time.After(s.duration(args[0]))
	case "hear":
		s.hear(args)
	case "press":
		s.untold()
		s.line.press(args[0])
	case "silence":
		s.wait("a wait without a key", func() bool { return s.line.silences > s.waited })
		s.waited++
	case "speak":
		<-time.After(s.duration(args[0]))
	case "music":
		s.wait("music", func() bool { return s.line.music != nil })
	case "hangup":
		s.hangup(errHungUp)
	case "within":
		if d := time.Since(s.began); d > s.duration(args[0]) {
			s.fatal("it took %s", d)
		}
	case "expect":
		s.expect(args)
	default:
		s.fatal("scripts have no %q", verb)
	}
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

func (s *scene) number(text string) int {
	n, ok := flow.Number(text)
	if !ok {
		s.fatal("%q is no number", text)
	}
	return n
}

func announcement(d time.Duration) *audio.Clip { return audio.Tone(700, d, -20) }

func (s *scene) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.fatal("%v", err)
	}
	return d
}

// wait lets the call go on until done, or it is over.
func (s *scene) wait(what string, done func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	over := s.over
	go func() {
		select {
		case <-over:
			cancel()
		case <-ctx.Done():
		}
	}()
	if s.line.until(ctx, done) != nil {
		select {
		case <-over:
			s.line.mu.Lock()
			defer s.line.mu.Unlock()
			if !done() {
				s.fatal("the call ended (%+v, %v) before %s; heard %s", s.out, s.err, what, s.name())
			}
		default:
			s.fatal("no %s within %s; heard %s", what, patience, s.name())
		}
	}
}

// hear waits for one clip and takes it from what was heard.
func (s *scene) hear(args []string) {
	s.t.Helper()
	clip := s.clip(args)
	var wrong bool
	s.wait("hearing it", func() bool {
		if s.line.hears(clip) {
			return true
		}
		wrong = len(withoutSilence(s.line.heard)) >= len(withoutSilence(clip.MuLaw())) || !s.beginning(clip)
		return wrong
	})
	if wrong {
		s.fatal("heard %s instead", s.name())
	}
}

// beginning reports that what was heard so far may be the start of clip.
func (s *scene) beginning(clip *audio.Clip) bool {
	return strings.HasPrefix(string(withoutSilence(clip.MuLaw())), string(withoutSilence(s.line.heard)))
}

func (s *scene) clip(args []string) (clip *audio.Clip) {
	s.t.Helper()
	var err error
	switch args[0] {
	case "recording":
		s.line.mu.Lock()
		defer s.line.mu.Unlock()
		return s.line.records[len(s.line.records)-1]
	case "announcement":
		return announcement(s.duration(args[1]))
	case "tone": // what a recording of that length sounds like
		return audio.Tone(440, s.duration(args[1]), -20)
	case "asof": // since when the bulletins of a language hold
		list := s.board.Playing(args[1], time.Now())
		if len(list) == 0 {
			s.fatal("no bulletin hangs there")
		}
		clip, err = ivr.AsOf(s.library, args[1], list[0].AsOf.Local(), time.Now().Local())
	case "digits":
		clip, err = s.library.Digits(args[2], args[1])
	case "phone":
		clip, err = s.library.Phone(args[2], args[1])
	case "wait": // minutes
		clip, err = s.library.Wait(args[2], s.number(args[1]), s.number(args[1]))
	case "hours":
		clip, err = s.library.Hours(args[2], s.number(args[1]))
	case "number":
		var n int
		_, _ = fmt.Sscan(args[1], &n) // 0 is then spoken, and not heard
		clip, err = s.library.Number(args[2], n)
	default:
		id, language := args[0], prompts.Neutral
		if at := strings.LastIndex(id, "."); at >= 0 {
			id, language = id[:at], id[at+1:]
		}
		clip, err = s.library.Clip(language, id)
	}
	if err != nil {
		s.fatal("%v", err)
	}
	return clip
}

// name says what was heard, for an error message.
func (s *scene) name() string {
	for _, language := range s.library.Languages() {
		catalogues, _ := prompts.Catalogues()
		for id := range maps.Keys(catalogues[language].Prompts) {
			clip, err := s.library.Clip(language, id)
			if err == nil && strings.HasPrefix(string(withoutSilence(s.line.heard)), string(withoutSilence(clip.MuLaw()))) {
				return id + "." + language
			}
		}
	}
	return fmt.Sprintf("%d samples of something", len(withoutSilence(s.line.heard)))
}

// untold refuses prompts that the script did not mention.
func (s *scene) untold() {
	s.t.Helper()
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	if !s.line.nothingHeard() {
		s.fatal("before this %s was heard", s.name())
	}
}

// expect waits for the end of the call and looks at its outcome.
func (s *scene) expect(args []string) {
	s.t.Helper()
	select {
	case <-s.over:
	case <-time.After(patience):
		s.fatal("the call is not over after %s; heard %s", patience, s.name())
	}
	s.untold()
	if s.rung != nil {
		s.out, s.err = s.rung.out, s.rung.err
	}
	if s.err != nil {
		s.fatal("the engine says: %v", s.err)
	}
	var got string
	want := strings.Join(args[1:], " ")
	switch args[0] {
	case "exit":
		got = strings.TrimSpace(string(s.out.Exit) + " " + s.out.Queue + s.out.Reason)
	case "priority":
		got = fmt.Sprint(s.out.Priority)
	case "treatment":
		got = s.out.Treatment
	case "language":
		got = s.out.Language
	case "path":
		got = strings.Join(s.out.Path, " ")
	case "keys":
		got = s.out.Keys
	case "attribute":
		got, want = s.out.Attributes[args[1]], strings.Join(args[2:], " ")
	case "saved":
		got, want = s.saved[args[1]], strings.Join(args[2:], " ")
	case "kept":
		got, want = s.out.Kept[args[1]], strings.Join(args[2:], " ")
	case "skills":
		got = strings.Join(s.out.Skills, " ")
	case "promise":
		for _, p := range s.promises {
			if got != "" {
				got += " + "
			}
			got += fmt.Sprintf("%s %s %d %s", p.Number, p.Queue, p.Priority, time.Since(p.Since).Round(time.Second))
		}
	case "message":
		for _, m := range s.messages {
			if got != "" {
				got += " + "
			}
			got += fmt.Sprintf("%s %s %s", m.Box, m.Sound.Duration(), m.Language)
		}
	case "dialled":
		got = strings.Join(s.dialled, " ")
	case "sound":
		got = fmt.Sprint(s.out.Recordings[args[1]].Duration())
		want = args[2]
	case "mode":
		state := s.modes.Current(time.Now())
		got = state.Mode
		if state.HasAnnouncement {
			got += " announced"
		}
		if state.Active {
			by := state.By
			if by == s.room.rosa {
				by = "acc-7"
			}
			got += " by " + by + " " + state.Name + " via " + state.Via
		}
	case "case": // open or shut, and how many wrong codes the log has
		got = s.caseWords()
	case "registration": // status and availability
		got = s.registrationWords()
	case "shift": // how many shifts, the last one: running or its minutes, and how it was said
		got = s.shiftWords()
	case "line": // a queue: open or closed
		got, want = "open", args[2]
		if s.room.closures.Closed(args[1]) {
			got = "closed"
		}
	case "board": // how many bulletins of a language are heard
		got, want = strconv.Itoa(len(s.board.Playing(args[1], time.Now()))), args[2]
	case "calledin": // name answer, ...
		s.calledIn()
		for _, p := range s.room.commands.CallOutState().People {
			got += p.Name + " " + p.Answer + " "
		}
		got = strings.TrimSpace(got)
	case "partner":
		got = string(s.modes.Current(time.Now()).Partner)
	default:
		s.fatal("scripts cannot expect %q", args[0])
	}
	if about, any := strings.CutSuffix(want, " any"); any && strings.HasPrefix(got, about) { // how old the place is does not matter
		return
	}
	if got != want {
		s.fatal("it is %q; heard %s", got, s.name())
	}
}

func shippedFlows(t *testing.T) *flow.FlowSet {
	t.Helper()
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	return flows
}

// TestConversations acts out every script in testdata.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("only %d scripts found (%v)", len(files), err)
	}
	flows := shippedFlows(t) // only read
	for n, file := range files {
		if n%share != 0 {
			continue
		}
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, flows)
				s.play(file, string(script))
				if s.over == nil {
					t.Fatal("the script never rang")
				}
				select {
				case <-s.over:
				default:
					t.Errorf("%s: the script ends before the call does", file)
				}
				if s.cases != nil && strings.Contains(s.log.String(), s.helperCode) {
					t.Errorf("the code is in the log:\n%s", s.log)
				}
				if strings.Contains(s.log.String(), goodPIN) {
					t.Errorf("the PIN is in the log:\n%s", s.log)
				}
			})
		})
	}
}
