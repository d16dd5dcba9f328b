package ivr

import (
	"context"
	"errors"
	"fmt"
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
	ActionPromptsPart  = "prompts.part"

	announcementPrompt = "prompt"
	recordingPrompt    = "prompt"
)

// PromptActions let a supervisor walk through the prompts of a language. They
// need account.id, and the language in attribute prompts.language.
//
// prompts.next gives {announcement: prompt} the prompt that is to be recorded
// next: "prompt", "part" when it is the first one of another part of the
// language than before, or "done" when all are recorded; it sets prompts.left,
// prompts.part and prompts.part_left. prompts.part goes to the part in
// attribute prompts.go: "ok". prompts.keep
// makes the recording "prompt" what callers hear: "ok", or "quiet" when nobody
// is to be heard in it. prompts.skip goes on without it. prompts.added names
// the next language that came as a pack, with its greeting as the announcement:
// "ok" or "none".
func PromptActions(studio *prompts.Studio, shipped []string) map[string]Action {
	r := recorder{studio: studio, shipped: shipped}
	return map[string]Action{ActionPromptsAdded: r.added, ActionPromptsNext: r.next, ActionPromptsKeep: r.keep, ActionPromptsSkip: r.skip, ActionPromptsPart: r.part}
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
	attributePromptsPart     = "prompts.part"
	attributePromptsPartLeft = "prompts.part_left"
	attributePromptsGo       = "prompts.go"
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
	walk, err := r.studio.NextToRecord(language, who.ID)
	if err != nil {
		return "", err
	}
	s.Set(attributePromptsLeft, strconv.Itoa(walk.Left))
	if walk.Left == 0 {
		return "done", nil
	}
	clip, err := r.studio.Clip(language, walk.Next.ID)
	if err != nil { // no voice has said it: in English at least, to know which
		clip, err = r.studio.Clip(prompts.Fallback, walk.Next.ID)
	}
	if err != nil {
		return "", err
	}
	s.Set(attributePromptID, walk.Next.ID)
	s.Announce(announcementPrompt, clip)
	s.Set(attributePromptsPartLeft, strconv.Itoa(walk.LeftInPart))
	if part := strconv.Itoa(walk.Part); part != s.Get(attributePromptsPart) {
		s.Set(attributePromptsPart, part)
		return "part", nil
	}
	return "prompt", nil
}

func (r recorder) part(ctx context.Context, s *Session) (string, error) {
	who, err := r.who(s)
	if err != nil {
		return "", err
	}
	part, err := strconv.Atoi(s.Get(attributePromptsGo))
	if err != nil {
		return "", fmt.Errorf("no part of a language: %w", err)
	}
	s.Set(attributePromptsPart, "") // it is announced again
	s.ForgetRecording(recordingPrompt)
	ctx, cancel := outlive(ctx)
	defer cancel()
	return "ok", r.studio.GoToPart(ctx, s.Get(attributePromptsLanguage), part, who.ID)
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
