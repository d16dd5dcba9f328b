// Package trial plays a flow as text, with the real interpreter: what a caller
// would hear is printed, keys are typed, and whatever the flow asks of the
// hotline is asked of the person who tries it. Nothing real happens.
package trial

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
	"hotline/ivr/flow"
)

// Text is the sentence of a prompt, "" when there is none.
type Text func(language, id string) string

// Config is what a trial needs.
type Config struct {
	Flows   *flow.FlowSet
	With    flow.Surroundings
	Text    Text
	In      io.Reader // one answer a line
	Out     io.Writer
	Unasked bool // In is a list of answers given before: they are written out, as if typed
}

// errNoAnswer ends a trial whose input has come to its end.
var errNoAnswer = errors.New("the caller hung up")

// Run plays the flow of that name. More reports that the trial stopped because
// there was no further answer.
func Run(ctx context.Context, cfg Config, name, language string) (out ivr.Outcome, more bool, err error) {
	ctx, hangup := context.WithCancelCause(ctx)
	defer hangup(nil)
	t := &trial{cfg: cfg, in: bufio.NewScanner(cfg.In), hangup: hangup}
	actions := map[string]ivr.Action{}
	for action := range cfg.With.Actions {
		actions[action] = func(_ context.Context, s *ivr.Session) (string, error) { return t.act(action, s) }
	}
	engine, err := ivr.New(ivr.Config{Flows: cfg.Flows, Prompts: spoken{cfg.With, cfg.Text}, Languages: cfg.With.Languages, Actions: actions, Results: cfg.With.Actions,
		Host: t.host(), HasQueue: cfg.With.HasQueue, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return out, false, err
	}
	if cfg.Flows.Flow(name) == nil {
		return out, false, fmt.Errorf("there is no flow %q (there are: %s)", name, strings.Join(cfg.Flows.Names(), ", "))
	}
	out, err = engine.Run(ctx, t, ivr.Start{Flow: name, Language: language, Attributes: map[string]string{
		ivr.AttributeContactID: "trial", ivr.AttributeCaller: "+12025550123", ivr.AttributeWithheld: "no"}})
	if err == nil && (out.Exit != ivr.ExitLeft || !t.dry) {
		t.say("")
		t.say("%s", ending(out))
	}
	return out, t.dry, err
}

func ending(out ivr.Outcome) string {
	switch out.Exit {
	case ivr.ExitQueue:
		text := fmt.Sprintf("The caller waits for a person in the line %q, with priority %d", out.Queue, out.Priority)
		if out.Fallback {
			text += " (the fallback: the dialogue could not go on)"
		}
		return text + "."
	case ivr.ExitHangup, ivr.ExitEnd:
		return fmt.Sprintf("The call ends (%s).", out.Reason)
	}
	return "The caller hung up."
}

type trial struct {
	cfg    Config
	in     *bufio.Scanner
	keys   string // typed and not yet taken
	dry    bool   // no further answer
	hangup context.CancelCauseFunc
}

func (t *trial) say(format string, args ...any) { fmt.Fprintf(t.cfg.Out, format+"\n", args...) }

// ask reads one answer; false when there is none.
func (t *trial) ask(question string) (string, bool) {
	fmt.Fprintf(t.cfg.Out, "  ? %s\n  > ", question)
	if t.dry || !t.in.Scan() {
		t.dry = true
		t.hangup(errNoAnswer)
		fmt.Fprintln(t.cfg.Out)
		return "", false
	}
	answer := strings.TrimSpace(t.in.Text())
	if t.cfg.Unasked {
		fmt.Fprintln(t.cfg.Out, answer)
	}
	if answer == "hangup" {
		t.hangup(errNoAnswer)
		return "", false
	}
	return answer, true
}

// Play prints what is said; a waiting key cuts it short.
func (t *trial) Play(ctx context.Context, clip *audio.Clip, bargeIn bool) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	text := strings.TrimSpace(strings.ReplaceAll(string(clip.MuLaw()), string([]byte{audio.MuLaw.Silence()}), ""))
	cut := bargeIn && t.keys != ""
	switch {
	case text == "":
	case cut:
		t.say("    %s (cut short by a key)", text)
	default:
		t.say("    %s", text)
	}
	return cut, nil
}

// Music is what is heard behind.
func (t *trial) Music(clip *audio.Clip) {
	if clip != nil {
		t.say("    (music)")
	}
}

// FlushKeys forgets keys.
func (t *trial) FlushKeys() { t.keys = "" }

// Key takes a typed key.
func (t *trial) Key(ctx context.Context) (byte, error) {
	for t.keys == "" {
		answer, ok := t.ask("keys, or just Enter for silence")
		switch {
		case !ok:
			return 0, errNoAnswer
		case answer == "":
			return 0, context.DeadlineExceeded
		case strings.Trim(answer, "0123456789*#") != "":
			t.say("    Keys are 0 to 9, * and #; hangup ends the call.")
		default:
			t.keys = answer
		}
	}
	key := t.keys[0]
	t.keys = t.keys[1:]
	return key, nil
}

// Record asks whether something is said.
func (t *trial) Record(_ context.Context, limit time.Duration, _ string) (*audio.Clip, byte, error) {
	answer, ok := t.ask(fmt.Sprintf("what the caller says, up to %s, or just Enter for nothing", limit))
	if !ok {
		return nil, 0, errNoAnswer
	}
	if answer == "" {
		return nil, 0, nil
	}
	return audio.NewClip([]byte("«" + answer + "»" + strings.Repeat(string([]byte{audio.MuLaw.Silence()}), int(10*audio.SampleRate)))), 0, nil
}

// Pause lets no time pass.
func (t *trial) Pause(context.Context, time.Duration) {}

func (t *trial) act(action string, s *ivr.Session) (string, error) {
	ways := s.Ways()
	answer, ok := t.ask(fmt.Sprintf("the flow asks the hotline for %s; its answer: %s or error (attributes: name=value before it)", action, strings.Join(ways, ", ")))
	if !ok {
		return "", errNoAnswer
	}
	words := strings.Fields(answer)
	for _, word := range words {
		if name, value, set := strings.Cut(word, "="); set {
			s.Set(name, value)
		}
	}
	if len(words) == 0 || words[len(words)-1] == "error" {
		return "", errors.New("so it was typed")
	}
	return words[len(words)-1], nil
}

func (t *trial) host() ivr.Host {
	yes := func(question string) error {
		answer, ok := t.ask(question + ": yes or no")
		if !ok || answer == "no" {
			return errors.New("so it was typed")
		}
		return nil
	}
	return ivr.Host{
		Staffing: func(_ context.Context, queue string) (ivr.Staffing, error) {
			answer, ok := t.ask(fmt.Sprintf("who is there for the line %q: signed in, free, waiting, minutes to wait, such as 3 0 2 7 (or error)", queue))
			var s ivr.Staffing
			var minutes int
			if n, _ := fmt.Sscan(answer, &s.SignedIn, &s.Available, &s.Waiting, &minutes); !ok || n < 1 {
				return s, errors.New("so it was typed")
			}
			s.Busy, s.Wait, s.WaitKnown = s.SignedIn-s.Available, time.Duration(minutes)*time.Minute, true
			return s, nil
		},
		Promise: func(_ context.Context, _ *ivr.Session, p ivr.Promise) error {
			return yes(fmt.Sprintf("a call-back to %s is promised, in the line %q; it can be stored", p.Number, p.Queue))
		},
		Voicemail: func(_ context.Context, _ *ivr.Session, m ivr.Message) error {
			return yes("a message is left for " + strconv.Quote(m.Box) + "; it can be stored")
		},
		Bulletins: func(context.Context, string, string, time.Time) ([]ivr.Bulletin, error) {
			answer, ok := t.ask("how many bulletins hang on the board (or error)")
			n, err := strconv.Atoi(answer)
			if !ok || err != nil {
				return nil, errors.New("so it was typed")
			}
			var all []ivr.Bulletin
			for i := range min(max(n, 0), 20) {
				all = append(all, ivr.Bulletin{Sound: audio.NewClip(fmt.Appendf(nil, "[bulletin %d]", i+1))})
			}
			return all, nil
		},
		Transfer: func(_ context.Context, _ *ivr.Session, to string, _ time.Duration) error {
			return yes("the caller is connected with " + to + "; somebody answers")
		},
		Fetch: func(_ context.Context, url string, _ map[string]string) (json.RawMessage, error) {
			answer, ok := t.ask("what " + url + " answers, in JSON (or error)")
			if !ok || !json.Valid([]byte(answer)) {
				return nil, errors.New("so it was typed")
			}
			return json.RawMessage(answer), nil
		},
	}
}

// spoken is sound whose bytes are the sentence itself: no UTF-8 text contains
// the byte of silence.
type spoken struct {
	with flow.Surroundings
	text Text
}

func (s spoken) Has(language, id string) bool { return s.with.HasPrompt(language, id) }

func (s spoken) Clip(language, id string) (*audio.Clip, error) {
	text := s.text(language, id)
	if text == "" {
		text = "[" + id + "]"
	}
	return audio.NewClip([]byte(text + " ")), nil
}

func said(format string, args ...any) (*audio.Clip, error) {
	return audio.NewClip(fmt.Appendf(nil, format+" ", args...)), nil
}

func (spoken) Number(_ string, n int) (*audio.Clip, error)  { return said("%d", n) }
func (spoken) Digits(_, digits string) (*audio.Clip, error) { return said("%s", digits) }
func (spoken) Phone(_, number string) (*audio.Clip, error)  { return said("%s", number) }
func (spoken) Wait(_ string, from, to int) (*audio.Clip, error) {
	return said("%d to %d minutes", from, to)
}
func (spoken) Hours(_ string, n int) (*audio.Clip, error)      { return said("%d hours", n) }
func (spoken) Time(_ string, t time.Time) (*audio.Clip, error) { return said("%s", t.Format("15:04")) }
func (spoken) Date(_ string, t time.Time) (*audio.Clip, error) {
	return said("%s", t.Format(time.DateOnly))
}
