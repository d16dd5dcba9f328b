package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
	"hotline/ivr/flow"
)

// Trouble is a way on which a caller would be lost.
type Trouble struct {
	Flow, Step string
	Way        string // key, "silence", "hangs up", or what the hotline answers
	Language   string
	Kind       TroubleKind
	Detail     string // English, for whoever repairs it
}

// TroubleKind is what goes wrong.
type TroubleKind string

// Kinds of trouble.
const (
	Circles  TroubleKind = "circle"  // the caller is led in circles until the flow is given up
	Endless  TroubleKind = "endless" // the call does not end by itself
	Nowhere  TroubleKind = "nowhere" // the caller waits in a line that does not exist
	Failing  TroubleKind = "failing" // the dialogue fails
	Wordless TroubleKind = "silent"  // a sentence is missing in the language
)

// Walked is what a walk found.
type Walked struct {
	Flows, Ways int
	Trouble     []Trouble
}

const (
	// mostQuestions bounds a caller's patience: who has been asked so often in
	// one dialogue is in a waiting treatment, or in a circle.
	mostQuestions = 60
	// walkLimit is for one way; nothing in it waits.
	walkLimit = 10 * time.Second
)

// Walk begins at every step of every flow and goes every way that a caller or
// the hotline can choose there, in every language: each key, a wrong one,
// silence, a hang-up, each answer of an action and its failure. From there on
// the caller says nothing and everything fails. Nothing is heard, no time
// passes and nothing real happens.
func Walk(ctx context.Context, flows *flow.FlowSet, with flow.Surroundings, internal func(prompt string) bool) (Walked, error) {
	w := &walk{with: with, internal: internal, missing: map[string]bool{}}
	actions := map[string]ivr.Action{}
	for name, results := range with.Actions {
		actions[name] = func(context.Context, *ivr.Session) (string, error) {
			if answer := w.decide(); slices.Contains(results, answer) {
				return answer, nil
			}
			return "", errPlanned
		}
	}
	engine, err := ivr.New(ivr.Config{Flows: flows, Prompts: w, Languages: with.Languages, Actions: actions, Results: with.Actions, Host: w.host(), HasQueue: with.HasQueue, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return w.found, err
	}
	for _, name := range flows.Names() {
		f := flows.Flow(name)
		if f == nil {
			continue
		}
		w.found.Flows++
		for _, step := range f.Order {
			from := flows.From(name, step)
			for _, plan := range plans(f.Steps[step], with.Actions) {
				for _, language := range with.Languages {
					if ctx.Err() != nil {
						return w.found, context.Cause(ctx)
					}
					w.at = Trouble{Flow: name, Step: step, Way: plan, Language: language}
					w.way(ctx, engine, from, f.Steps[step].Wait != nil || heardInQueue(flows, name))
				}
			}
		}
	}
	return w.found, nil
}

// heardInQueue reports that a flow goes on until somebody answers.
func heardInQueue(flows *flow.FlowSet, name string) bool {
	for _, f := range flows.Names() {
		if flows.Flow(f) == nil {
			continue
		}
		for _, s := range flows.Flow(f).Steps {
			if s.Queue != nil && s.Queue.Treatment == name {
				return true
			}
		}
	}
	return false
}

// plans are all that can happen at a step.
func plans(s *flow.Step, results map[string][]string) []string {
	all := []string{"silence", "hangs up"}
	switch {
	case s.Menu != nil:
		for _, key := range slices.Sorted(maps.Keys(s.Menu.Keys)) {
			all = append(all, string(key))
		}
		for _, wrong := range "0123456789*#" {
			if _, known := s.Menu.Keys[byte(wrong)]; !known {
				return append(all, string(wrong))
			}
		}
	case s.Collect != nil, s.CallBack != nil:
		return append(all, "1", "#", "*")
	case s.Record != nil, s.Voicemail != nil:
		return append(all, "speaks", "ok")
	case s.Do != nil:
		return append(slices.Clone(results[s.Do.Action]), "fails", "hangs up")
	case s.Staffing != nil:
		return []string{"ok", "busy", "long", "nobody", "fails"}
	case s.Wait != nil:
		for _, key := range slices.Sorted(maps.Keys(s.Wait.Keys)) {
			all = append(all, string(key))
		}
	case s.Transfer != nil, s.Bulletins != nil, s.HTTP != nil:
		return append(all, "ok", "fails")
	}
	return all
}

// walk is a caller, and the hotline around the call: at the first question
// either of them answers as planned, and afterwards nobody does.
type walk struct {
	with     flow.Surroundings
	internal func(string) bool
	missing  map[string]bool // language and prompt that were told already
	found    Walked

	at        Trouble // the way that is walked
	decided   bool
	questions int
	hangup    context.CancelFunc
}

var errPlanned = errors.New("as planned")

func (w *walk) way(ctx context.Context, engine *ivr.Engine, from *flow.FlowSet, goesOn bool) {
	ctx, hangup := context.WithTimeout(ctx, walkLimit)
	defer hangup()
	w.decided, w.questions, w.hangup = false, 0, hangup
	w.found.Ways++
	out, err := engine.Run(ctx, w, ivr.Start{Flow: w.at.Flow, Language: w.at.Language, Flows: from,
		Attributes: map[string]string{ivr.AttributeContactID: "trial", ivr.AttributeCaller: "+12025550123", ivr.AttributeWithheld: "no"}})
	switch {
	case err != nil:
		w.trouble(Failing, err.Error())
	case out.Fallback:
		w.trouble(Circles, "")
	case out.Exit == ivr.ExitQueue && (out.Queue == "" || w.with.HasQueue != nil && !w.with.HasQueue(out.Queue)):
		w.trouble(Nowhere, out.Queue)
	case out.Exit == ivr.ExitLeft && w.at.Way != "hangs up" && !goesOn:
		w.trouble(Endless, "")
	}
}

func (w *walk) trouble(kind TroubleKind, detail string) {
	t := w.at
	t.Kind, t.Detail = kind, detail
	w.found.Trouble = append(w.found.Trouble, t)
}

// decide is the plan at the first question, and nothing later.
func (w *walk) decide() string {
	if w.questions++; w.questions > mostQuestions {
		w.hangup()
	}
	if w.decided {
		return ""
	}
	w.decided = true
	if w.at.Way == "hangs up" {
		w.hangup()
	}
	return w.at.Way
}

// Play implements ivr.Line.
func (w *walk) Play(ctx context.Context, _ *audio.Clip, _ bool) (bool, error) {
	if w.at.Way == "hangs up" && !w.decided {
		w.decide()
	}
	return false, context.Cause(ctx)
}

// Music implements ivr.Line.
func (w *walk) Music(*audio.Clip) {}

// FlushKeys implements ivr.Line.
func (w *walk) FlushKeys() {}

// Pause lets no time pass.
func (w *walk) Pause(context.Context, time.Duration) {}

// Key implements ivr.Line: a caller who says nothing is not waited for.
func (w *walk) Key(ctx context.Context) (byte, error) {
	if key := w.decide(); len(key) == 1 {
		return key[0], nil
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return 0, context.DeadlineExceeded
}

// Record implements ivr.Line.
func (w *walk) Record(ctx context.Context, longest time.Duration, _ string) (*audio.Clip, byte, error) {
	if w.decide() == "speaks" {
		return audio.Tone(440, min(longest, 5*time.Second), -12), '#', nil
	}
	return nil, 0, context.Cause(ctx)
}

// asked is what the hotline answers.
func (w *walk) asked() error {
	if w.decide() == "ok" {
		return nil
	}
	return errPlanned
}

func (w *walk) host() ivr.Host {
	return ivr.Host{
		Staffing: func(context.Context, string) (ivr.Staffing, error) {
			switch w.decide() {
			case "ok":
				return ivr.Staffing{SignedIn: 2, Available: 1, Busy: 1, WaitKnown: true}, nil
			case "busy":
				return ivr.Staffing{SignedIn: 2, Busy: 2, Waiting: 1, Wait: time.Minute, WaitKnown: true}, nil
			case "long":
				return ivr.Staffing{SignedIn: 2, Busy: 2, Waiting: 9, Wait: time.Hour, WaitKnown: true}, nil
			case "nobody":
				return ivr.Staffing{}, nil
			}
			return ivr.Staffing{}, errPlanned
		},
		Promise:   func(context.Context, *ivr.Session, ivr.Promise) error { return w.asked() },
		Voicemail: func(context.Context, *ivr.Session, ivr.Message) error { return w.asked() },
		Bulletins: func(context.Context, string, string, time.Time) ([]ivr.Bulletin, error) {
			return []ivr.Bulletin{{Sound: audio.Silence(time.Second)}}, w.asked()
		},
		Transfer: func(context.Context, *ivr.Session, string, time.Duration) error { return w.asked() },
		Fetch: func(context.Context, string, map[string]string) (json.RawMessage, error) {
			return json.RawMessage(`{}`), w.asked()
		},
	}
}

// Has implements ivr.Prompts: everything is there, so that a flow with a gap can
// be walked past it.
func (w *walk) Has(string, string) bool { return true }

// Clip implements ivr.Prompts. A sentence that is missing is told once.
func (w *walk) Clip(language, id string) (*audio.Clip, error) {
	if key := language + " " + id; !w.with.HasPrompt(language, id) && !w.internal(id) && !w.missing[key] {
		w.missing[key] = true
		at := w.at
		w.at.Language = language
		w.trouble(Wordless, id)
		w.at = at
	}
	return audio.NewClip([]byte(id)), nil
}

// Number implements ivr.Prompts.
func (*walk) Number(string, int) (*audio.Clip, error) { return said("%s", "a number") }

// Digits implements ivr.Prompts.
func (*walk) Digits(string, string) (*audio.Clip, error) { return said("%s", "digits") }

// Phone implements ivr.Prompts.
func (*walk) Phone(string, string) (*audio.Clip, error) { return said("%s", "a telephone number") }

// Wait implements ivr.Prompts.
func (*walk) Wait(string, int, int) (*audio.Clip, error) { return said("%s", "a wait") }

// Hours implements ivr.Prompts.
func (*walk) Hours(string, int) (*audio.Clip, error) { return said("%s", "hours") }

// Time implements ivr.Prompts.
func (*walk) Time(string, time.Time) (*audio.Clip, error) { return said("%s", "a time") }

// Date implements ivr.Prompts.
func (*walk) Date(string, time.Time) (*audio.Clip, error) { return said("%s", "a date") }

// String names the way, for logs.
func (t Trouble) String() string {
	return fmt.Sprintf("%s/%s, %s, in %s: %s %s", t.Flow, t.Step, t.Way, t.Language, t.Kind, t.Detail)
}
