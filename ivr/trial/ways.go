package trial

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
	"hotline/ivr/flow"
)

// Ways are the keys by which callers of one flow come somewhere.
type Ways struct {
	Languages map[string]string // keys after which a language is chosen
	Queues    map[string]string // keys that lead to a line, in the language in which it begins
}

const (
	deepest  = 6    // keys of one way
	mostWays = 4000 // tried
)

// FindWays tries keys from the beginning of a flow on, where somebody is free in
// every line, and remembers the shortest way to each language and each line.
// Lines to which only silence leads are not among them.
func FindWays(ctx context.Context, flows *flow.FlowSet, with flow.Surroundings, name string) (Ways, error) {
	w := &finder{with: with}
	actions := map[string]ivr.Action{}
	for action, results := range with.Actions {
		actions[action] = func(context.Context, *ivr.Session) (string, error) { return usual(results) }
	}
	engine, err := ivr.New(ivr.Config{Flows: flows, Prompts: w, Languages: with.Languages, Actions: actions, Results: with.Actions, HasQueue: with.HasQueue, Log: slog.New(slog.DiscardHandler),
		Host: ivr.Host{Staffing: func(context.Context, string) (ivr.Staffing, error) {
			return ivr.Staffing{SignedIn: 1, Available: 1, WaitKnown: true}, nil
		}, Fetch: (&walk{decided: true}).host().Fetch}})
	found := Ways{Languages: map[string]string{}, Queues: map[string]string{}}
	if err != nil {
		return found, err
	}
	seen := map[string]bool{}
	open := []string{""}
	for tried := 0; len(open) > 0 && tried < mostWays; tried++ {
		if ctx.Err() != nil {
			return found, context.Cause(ctx)
		}
		keys := open[0]
		open = open[1:]
		out, asked := w.try(ctx, engine, name, keys)
		// Where the same was said last and the same is asked, the same follows.
		if place := out.Language + "|" + asked; seen[place] {
			continue
		} else {
			seen[place] = true
		}
		if len(keys) > 0 {
			for _, language := range with.Languages {
				if _, known := found.Languages[language]; !known && out.Language == language && slices.ContainsFunc(out.Path, func(p string) bool { return strings.HasSuffix(p, ":"+language) }) {
					found.Languages[language] = keys
				}
			}
		}
		if out.Exit == ivr.ExitQueue && !out.Fallback {
			if _, known := found.Queues[out.Queue]; !known && out.Language == w.with.Languages[0] {
				found.Queues[out.Queue] = keys
			}
		}
		if out.Exit == ivr.ExitLeft && len(keys) < deepest {
			for _, key := range "1234567890*#" {
				open = append(open, keys+string(key))
			}
		}
	}
	return found, nil
}

// usual is what the hotline answers on a quiet day.
func usual(results []string) (string, error) {
	for _, calm := range []string{"normal", "none"} {
		if slices.Contains(results, calm) {
			return calm, nil
		}
	}
	if len(results) == 0 {
		return "", errPlanned
	}
	return results[0], nil
}

// finder is a caller who presses keys and hangs up at the first question that
// they do not answer.
type finder struct {
	walk
	with   flow.Surroundings
	keys   string
	said   []string
	hangup context.CancelFunc
}

func (f *finder) try(ctx context.Context, engine *ivr.Engine, name, keys string) (ivr.Outcome, string) {
	ctx, f.hangup = context.WithTimeout(ctx, walkLimit)
	defer f.hangup()
	f.keys, f.said = keys, nil
	out, _ := engine.Run(ctx, f, ivr.Start{Flow: name, Language: f.with.Languages[0],
		Attributes: map[string]string{ivr.AttributeContactID: "trial", ivr.AttributeCaller: "+12025550123", ivr.AttributeWithheld: "no"}})
	return out, string(out.Exit) + out.Queue + "|" + strings.Join(f.said, "|")
}

// Play implements ivr.Line.
func (f *finder) Play(ctx context.Context, clip *audio.Clip, _ bool) (bool, error) {
	f.said = append(f.said, string(clip.MuLaw()))
	return false, context.Cause(ctx)
}

// Key implements ivr.Line.
func (f *finder) Key(context.Context) (byte, error) {
	if f.keys == "" {
		f.hangup()
		return 0, context.Canceled
	}
	key := f.keys[0]
	f.keys, f.said = f.keys[1:], nil
	return key, nil
}

// Record implements ivr.Line.
func (f *finder) Record(context.Context, time.Duration, string) (*audio.Clip, byte, error) {
	f.hangup()
	return nil, 0, context.Canceled
}

// Clip implements ivr.Prompts.
func (f *finder) Clip(language, id string) (*audio.Clip, error) {
	return audio.NewClip([]byte(language + " " + id)), nil
}
