package prompts

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// This file is how what callers hear is changed: sounds that people record, texts,
// and which sound of a prompt is used.

// Record makes clip the sound of a prompt for every call that begins from now
// on. The recordings before it are kept.
func (s *Studio) Record(ctx context.Context, language, id string, clip *audio.Clip, who Who) error {
	switch d := clip.Duration(); {
	case d > MaxLength:
		return ErrSoundLong
	case d < shortest:
		return &audio.Refusal{Code: audio.RefusedQuiet, Why: "nobody is to be heard in it; record it again"}
	}
	return s.change(ctx, language, id, EventRecorded, who, func(tx *store.Tx, r *record, text string) error {
		take, err := s.put(tx, r, clip, Take{Text: text}, who)
		r.Use = take
		return err
	})
}

// SetText changes what a prompt says and has the synthetic voice speak it. A
// recording of the old text goes on being heard, and is marked. An empty text,
// or the one of the language file, takes the own one back.
func (s *Studio) SetText(ctx context.Context, language, id, text string, who Who) error {
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case utf8.RuneCountInString(text) > MaxText:
		return ErrTextLong
	case !utf8.ValidString(text) || !ValidName(id):
		return ErrName
	}
	c, ok := s.Library().texts[language]
	if !ok {
		return ErrNone
	}
	original := s.original(language, id)
	if text == "" && original == "" {
		return ErrTextEmpty
	}
	var clip *audio.Clip
	if text != "" && text != original {
		if c.Voice.Name == "" {
			return ErrNoVoice
		}
		spelled, err := c.Spelling(text)
		if err != nil {
			return err
		}
		if clip, err = s.speak(ctx, c.Voice, spelled); err != nil {
			return err
		}
		if clip.Duration() > MaxLength {
			return ErrSoundLong
		}
	}
	return s.change(ctx, language, id, EventText, who, func(tx *store.Tx, r *record, _ string) error {
		old := r.Voice
		r.Text, r.Voice = "", ""
		if clip != nil {
			take, err := s.put(tx, r, clip, Take{Text: text, Synthetic: true}, who)
			if err != nil {
				return err
			}
			r.Text, r.Voice = text, take
		}
		return s.drop(tx, r, old)
	})
}

// original is the text that a prompt has without the hotline's own.
func (s *Studio) original(language, id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base[language].Prompts[id]
}

// Use goes back to an earlier recording, or with "" to the synthetic voice.
func (s *Studio) Use(ctx context.Context, language, id, take string, who Who) error {
	return s.change(ctx, language, id, EventChosen, who, func(_ *store.Tx, r *record, _ string) error {
		if take != "" {
			if t, ok := r.take(take); !ok || t.Synthetic {
				return ErrNone
			}
		}
		r.Use = take
		return nil
	})
}

// change stores one change of one prompt and makes the next edition.
func (s *Studio) change(ctx context.Context, language, id, kind string, who Who, do func(tx *store.Tx, r *record, text string) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.Library().texts[language]
	if !ok || !ValidName(id) {
		return ErrNone
	}
	text := c.Prompts[id]
	if text == "" && kind != EventText && s.Library().texts[Fallback].Prompts[id] == "" {
		return ErrNone
	}
	key := language + "/" + id
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		r, err := records.Get(tx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := do(tx, &r, text); err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: kind, By: who.ID, Via: who.Via, Data: map[string]string{"language": language, "prompt": id}})
		return records.Put(tx, key, r)
	})
	if err != nil {
		return err
	}
	return s.reload()
}

// put stores a sound and forgets the oldest recordings that nobody hears.
func (s *Studio) put(tx *store.Tx, r *record, clip *audio.Clip, t Take, who Who) (string, error) {
	t.ID, t.At, t.By, t.Name, t.Via = tx.NewID(), tx.Now(), who.ID, who.Name, who.Via
	t.Length = int(clip.Duration().Milliseconds())
	if err := takes.Put(tx, t.ID, clip.MuLaw()); err != nil {
		return "", err
	}
	r.Takes = append(slices.Clone(r.Takes), t)
	for {
		recorded := 0
		oldest := ""
		for _, old := range r.Takes {
			if old.Synthetic {
				continue
			}
			if recorded++; oldest == "" && old.ID != r.Use && old.ID != t.ID {
				oldest = old.ID
			}
		}
		if recorded <= keptTakes+1 || oldest == "" {
			return t.ID, nil
		}
		if err := s.drop(tx, r, oldest); err != nil {
			return "", err
		}
	}
}

func (s *Studio) drop(tx *store.Tx, r *record, take string) error {
	if take == "" {
		return nil
	}
	r.Takes = slices.DeleteFunc(slices.Clone(r.Takes), func(t Take) bool { return t.ID == take })
	return takes.Delete(tx, take)
}
