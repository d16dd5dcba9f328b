package ivr

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/flow"
)

// breath is the pause between two spoken parts.
const breath = 160 * time.Millisecond

// say speaks parts one after another; with bargeIn until a key waits.
func (r *run) say(ctx context.Context, parts []flow.Part, bargeIn bool) {
	if bargeIn && r.unread != 0 {
		return
	}
	clips := r.clips(parts)
	if r.music && len(clips) > 1 {
		// One clip, or the music would come up between the parts.
		clips = []*audio.Clip{audio.Concat(clips...)}
	}
	for _, clip := range clips {
		if r.sound(ctx, clip, bargeIn) || ctx.Err() != nil {
			return
		}
	}
}

// sound plays one clip and reports that a key cut it short.
func (r *run) sound(ctx context.Context, clip *audio.Clip, bargeIn bool) bool {
	limited, cancel := context.WithTimeout(ctx, clip.Duration()+slack)
	defer cancel()
	interrupted, err := r.line.Play(limited, clip, bargeIn)
	if err != nil && ctx.Err() == nil {
		r.log.Warn("a caller did not hear a prompt to its end", "error", err)
	}
	return interrupted
}

// clips finds the sound of parts, with pauses between them. What cannot be
// found is left out and logged: a caller who misses a sentence is better off
// than one who is cut off.
func (r *run) clips(parts []flow.Part) []*audio.Clip {
	var clips []*audio.Clip
	gap := false
	add := func(clip *audio.Clip) {
		if clip.Duration() == 0 {
			return
		}
		if gap {
			clips = append(clips, audio.Silence(breath))
		}
		clips, gap = append(clips, clip), true
	}
	for _, p := range r.inEveryLanguage(parts) {
		language := p.In
		if language == "" {
			language = r.Language()
		}
		switch p.Kind {
		case flow.PartPause:
			clips, gap = append(clips, audio.Silence(p.Pause)), false
		case flow.PartPrompt:
			add(r.prompt(language, p.Ref))
		case flow.PartAnnouncement:
			add(r.spoken[p.Ref])
		case flow.PartRecording:
			add(r.recordings[p.Ref])
		case flow.PartPick:
			id, ok := p.Of[r.attributes[p.Ref]]
			if !ok {
				id, ok = p.Of[""]
			}
			if ok {
				add(r.prompt(language, id))
			}
		case flow.PartEach:
			for _, item := range flow.Items(r.attributes[p.Ref]) {
				if id, ok := p.Of[item]; ok {
					add(r.prompt(language, id))
				}
			}
		default:
			if value := r.attributes[p.Ref]; value != "" {
				add(r.heard(figure(r.prompts, language, p.Kind, value)))
			}
		}
	}
	return clips
}

// inEveryLanguage says parts that are for callers of every language once in each.
func (r *run) inEveryLanguage(parts []flow.Part) []flow.Part {
	var out []flow.Part
	for _, p := range parts {
		if p.In != flow.Offered {
			out = append(out, p)
			continue
		}
		for _, language := range r.engine.cfg.Languages {
			p.In = language
			out = append(out, p)
		}
	}
	return out
}

// figure speaks a value that is put together from recorded words.
func figure(p Prompts, language string, kind flow.PartKind, value string) (*audio.Clip, error) {
	switch kind {
	case flow.PartDigits:
		return p.Digits(language, value)
	case flow.PartPhone:
		return p.Phone(language, value)
	case flow.PartTime:
		t, err := time.Parse("15:04", value)
		if err != nil {
			return nil, fmt.Errorf("a time of day to speak: %w", err)
		}
		return p.Time(language, t)
	case flow.PartDate:
		t, err := time.Parse(time.DateOnly, value)
		if err != nil {
			return nil, fmt.Errorf("a date to speak: %w", err)
		}
		return p.Date(language, t)
	}
	from, to, isRange := strings.Cut(value, "-")
	n, err := strconv.Atoi(from)
	m := n
	if err == nil && isRange {
		m, err = strconv.Atoi(to)
	}
	if err != nil {
		return nil, fmt.Errorf("a number to speak: %w", err)
	}
	switch kind {
	case flow.PartWait:
		return p.Wait(language, n, m)
	case flow.PartHours:
		return p.Hours(language, n)
	default:
		return p.Number(language, n)
	}
}

func (r *run) prompt(language, id string) *audio.Clip {
	return r.heard(r.prompts.Clip(language, id))
}

func (r *run) heard(clip *audio.Clip, err error) *audio.Clip {
	if err != nil {
		r.log.Error("a prompt could not be spoken", "error", err)
		return nil
	}
	return clip
}
