package ivr

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
)

// Names of the actions with which a supervisor records prompts by telephone,
// and of the announcement that is the prompt to record.
const (
	ActionPromptsAdded = "prompts.added"
	ActionPromptsNext  = "prompts.next"
	ActionPromptsKeep  = "prompts.keep"
	ActionPromptsSkip  = "prompts.skip"

	announcementPrompt = "prompt"
	recordingPrompt    = "prompt"
)

// PromptActions let a supervisor walk through the prompts of a language. They
// need account.id, and the language in attribute prompts.language.
//
// prompts.next gives {announcement: prompt} the prompt that is to be recorded
// next: "prompt", or "done" when all are; it sets prompts.left. prompts.keep
// makes the recording "prompt" what callers hear: "ok", or "quiet" when nobody
// is to be heard in it. prompts.skip goes on without it. prompts.added names
// the next language that came as a pack, with its greeting as the announcement:
// "ok" or "none".
func PromptActions(studio *prompts.Studio, shipped []string) map[string]Action {
	r := recorder{studio: studio, shipped: shipped}
	return map[string]Action{ActionPromptsAdded: r.added, ActionPromptsNext: r.next, ActionPromptsKeep: r.keep, ActionPromptsSkip: r.skip}
}

type recorder struct {
	studio  *prompts.Studio
	shipped []string // languages with a key of their own
}

// Attributes of a walk through the prompts.
const (
	attributePromptsLanguage = "prompts.language"
	attributePromptID        = "prompts.id"
	attributePromptsLeft     = "prompts.left"
)

var errNotSignedIn = errors.New("recording prompts needs an authenticated caller")

func (r recorder) who(s *Session) (prompts.Who, error) {
	who := prompts.Who{ID: s.Get(AttributeAccountID), Name: s.Get(AttributeAccountName), Via: "phone"}
	if who.ID == "" {
		return who, errNotSignedIn
	}
	return who, nil
}

func (r recorder) added(_ context.Context, s *Session) (string, error) {
	list := slices.DeleteFunc(r.studio.Languages(), func(l string) bool { return slices.Contains(r.shipped, l) })
	if len(list) == 0 {
		return "none", nil
	}
	at := (slices.Index(list, s.Get(attributePromptsLanguage)) + 1) % len(list)
	s.Set(attributePromptsLanguage, list[at])
	clip, err := r.studio.Clip(list[at], "hello")
	if err != nil { // nobody has said anything in it yet
		clip = audio.Silence(breath)
	}
	s.Announce(announcementPrompt, clip)
	return "ok", nil
}

func (r recorder) next(_ context.Context, s *Session) (string, error) {
	who, err := r.who(s)
	if err != nil {
		return "", err
	}
	language := s.Get(attributePromptsLanguage)
	p, left, err := r.studio.NextToRecord(language, who.ID)
	if err != nil {
		return "", err
	}
	s.Set(attributePromptsLeft, strconv.Itoa(left))
	if left == 0 {
		return "done", nil
	}
	clip, err := r.studio.Clip(language, p.ID)
	if err != nil { // no voice has said it: in English at least, to know which
		clip, err = r.studio.Clip(prompts.Fallback, p.ID)
	}
	if err != nil {
		return "", err
	}
	s.Set(attributePromptID, p.ID)
	s.Announce(announcementPrompt, clip)
	return "prompt", nil
}

func (r recorder) keep(ctx context.Context, s *Session) (string, error) {
	who, err := r.who(s)
	if err != nil {
		return "", err
	}
	clip, err := s.Recording(recordingPrompt).Finished()
	if errors.Is(err, audio.ErrNotWAV) {
		return "quiet", nil
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	language, id := s.Get(attributePromptsLanguage), s.Get(attributePromptID)
	if err := r.studio.Record(ctx, language, id, clip, who); err != nil {
		return "", err
	}
	s.ForgetRecording(recordingPrompt)
	return "ok", r.studio.Passed(ctx, language, id, who.ID)
}

func (r recorder) skip(ctx context.Context, s *Session) (string, error) {
	who, err := r.who(s)
	if err != nil {
		return "", err
	}
	s.ForgetRecording(recordingPrompt)
	ctx, cancel := outlive(ctx)
	defer cancel()
	return "ok", r.studio.Passed(ctx, s.Get(attributePromptsLanguage), s.Get(attributePromptID), who.ID)
}
