package prompts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/store"
	"hotline/ivr/prompts/voice"
)

// Limits of what a hotline says by itself.
const (
	MaxLength = 2 * time.Minute // nobody listens that long
	MaxText   = 1500            // characters
	keptTakes = 5               // earlier recordings of one prompt
	shortest  = 100 * time.Millisecond
)

// Event kinds. Data names the language and the prompt, never the text.
const (
	EventRecorded = "prompt.recorded"
	EventText     = "prompt.text_changed"
	EventChosen   = "prompt.chosen" // another sound of the same prompt is used
	EventLanguage = "language.added"
)

// Errors that reach people in words.
var (
	ErrNone      = errors.New("there is no such prompt or recording: somebody may have changed it meanwhile")
	ErrTextLong  = fmt.Errorf("the text has more than %d characters: make it shorter", MaxText)
	ErrTextEmpty = errors.New("there is no text")
	ErrName      = errors.New("a prompt is named by small letters, digits and points, such as shelter.north")
	ErrSoundLong = fmt.Errorf("it is longer than %s: make it shorter", MaxLength)
	ErrSilenced  = errors.New("speaking texts is switched off: record the sentence, or have it switched on again")
	ErrNoVoice   = errors.New("this language has no synthetic voice: record the sentence instead")
)

// State is what callers hear of a prompt.
type State string

// The states. A recording always wins over the synthetic voice.
const (
	Recorded  State = "recorded"
	Synthetic State = "synthetic"
	Missing   State = "missing"
)

// Who changes something, and from where ("web", "phone", "command line").
type Who struct{ ID, Name, Via string }

// Take is one sound that somebody made of a prompt.
type Take struct {
	ID        string    `json:"id"`
	Text      string    `json:"text,omitempty"` // what was to be said at that time
	Synthetic bool      `json:"synthetic,omitempty"`
	Length    int       `json:"length_ms"`
	By        string    `json:"by,omitempty"`
	Name      string    `json:"name,omitempty"`
	Via       string    `json:"via,omitempty"`
	At        time.Time `json:"at"`
}

// record is what the hotline has of its own about a prompt in a language.
type record struct {
	Text  string `json:"text,omitempty"` // "": the language file's
	Takes []Take `json:"takes,omitempty"`
	Use   string `json:"use,omitempty"`    // the recording that callers hear
	Voice string `json:"spoken,omitempty"` // the synthetic take of Text
}

func (r record) take(id string) (Take, bool) {
	i := slices.IndexFunc(r.Takes, func(t Take) bool { return t.ID == id })
	if i < 0 {
		return Take{}, false
	}
	return r.Takes[i], true
}

var (
	records   = store.NewTable[record]("prompts")          // by "language/id"
	takes     = store.NewTable[[]byte]("prompt_sounds")    // µ-law by take
	languages = store.NewTable[string]("prompt_languages") // language files that were added
)

// Prompt is one sentence in one language, as a person sees it.
type Prompt struct {
	Language, ID string
	Text         string
	Internal     bool
	State        State
	Outdated     bool // it was recorded before the text was changed
	Use          string
	Takes        []Take // recordings, newest first
}

// Studio is everything that this hotline says: what it came with, and over it
// its own recordings, texts and languages. Library is the edition of this
// moment; a call keeps the one it began with.
type Studio struct {
	store   *store.Store
	shipped *Library
	speak   func(ctx context.Context, v voice.Voice, text string) (*audio.Clip, error)
	log     *slog.Logger

	mu   sync.Mutex // one change at a time
	own  map[string]record
	base map[string]Catalogue // the texts without the hotline's own
	now  atomic.Pointer[Library]
}

// OpenStudio reads what the hotline has of its own. While silenced says so (L7)
// no text is spoken; nil is never.
func OpenStudio(records *store.Store, silenced func() bool, log *slog.Logger) (*Studio, error) {
	shipped, err := Shipped()
	if err != nil {
		return nil, err
	}
	s := &Studio{store: records, shipped: shipped, log: log}
	s.speak = func(ctx context.Context, v voice.Voice, text string) (*audio.Clip, error) {
		if silenced != nil && silenced() {
			return nil, ErrSilenced
		}
		return voice.Speak(ctx, v, text)
	}
	if err := s.reload(); err != nil {
		return nil, fmt.Errorf("reading the hotline's own prompts: %w", err)
	}
	return s, nil
}

// Library is what is said now. It never changes; the next edition is another one.
func (s *Studio) Library() *Library { return s.now.Load() }

// Clip is the sound of a prompt in the edition of this moment.
func (s *Studio) Clip(language, id string) (*audio.Clip, error) {
	return s.Library().Clip(language, id)
}

// Renew waits while change changes what is stored by other ways than this studio,
// and says what is stored then to every call that begins.
func (s *Studio) Renew(change func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	return s.reload()
}

// SpeakBy has texts be spoken by something else than the voice of this machine.
func (s *Studio) SpeakBy(speak func(ctx context.Context, v voice.Voice, text string) (*audio.Clip, error)) {
	s.speak = speak
}

// reload makes a new edition of what is stored.
func (s *Studio) reload() error {
	own := map[string]record{}
	added := map[string]Catalogue{}
	err := s.store.View(func(tx *store.Tx) error {
		clear(own)
		for key, r := range records.All(tx) {
			own[key] = r
		}
		for language, text := range languages.All(tx) {
			c, err := ParseCatalogue([]byte(text))
			if err != nil {
				// One language that cannot be read must not silence the others.
				s.log.Error("a language that was added cannot be read and is not spoken", "language", language, "error", err)
				continue
			}
			added[language] = c
		}
		return nil
	})
	if err != nil {
		return err
	}
	l := &Library{sounds: maps.Clone(s.shipped.sounds), texts: maps.Clone(s.shipped.texts)}
	for language, c := range added {
		l.texts[language] = over(l.texts[language], c)
	}
	base := maps.Clone(l.texts)
	for key, r := range own {
		language, id, _ := strings.Cut(key, "/")
		c, known := l.texts[language]
		if !known {
			continue // the language file cannot be read
		}
		if r.Text != "" {
			c.Prompts = maps.Clone(c.Prompts)
			c.Prompts[id] = r.Text
			l.texts[language] = c
		}
		if take := r.sounding(); take != "" {
			l.sounds[key] = s.sound(take, key, l.sounds[key])
		}
	}
	s.own, s.base = own, base
	s.now.Store(l)
	return nil
}

// over lays an added language file over the one that was there.
func over(under, c Catalogue) Catalogue {
	texts := maps.Clone(under.Prompts)
	if texts == nil {
		texts = map[string]string{}
	}
	maps.Copy(texts, c.Prompts)
	c.Prompts = texts
	if len(c.Spoken.Numbers) == 0 {
		c.Spoken = under.Spoken
	}
	if c.Voice.Name == "" {
		c.Voice, c.Respell = under.Voice, under.Respell
	}
	return c
}

// sounding is the take that callers hear, "" for the shipped sound.
func (r record) sounding() string {
	if r.Use != "" {
		return r.Use
	}
	return r.Voice
}

// sound reads a take when it is first spoken. A damaged one falls back to what
// was there before it: a caller must hear something.
func (s *Studio) sound(take, key string, before func() (*audio.Clip, error)) func() (*audio.Clip, error) {
	return sync.OnceValues(func() (*audio.Clip, error) {
		clip, err := s.read(take)
		if err == nil {
			return clip, nil
		}
		s.log.Error("a recorded prompt cannot be read; callers hear the one before it", "prompt", key, "error", err)
		if before != nil {
			return before()
		}
		return nil, fmt.Errorf("reading prompt %s: %w", key, err)
	})
}

func (s *Studio) read(take string) (clip *audio.Clip, err error) {
	err = s.store.View(func(tx *store.Tx) error {
		sound, err := takes.Get(tx, take)
		if err == nil {
			clip = audio.NewClip(sound)
		}
		return err
	})
	return clip, err
}

// Take is the sound of one recording.
func (s *Studio) Take(language, id, take string) (*audio.Clip, error) {
	s.mu.Lock()
	_, ok := s.own[language+"/"+id].take(take)
	s.mu.Unlock()
	if !ok {
		return nil, ErrNone
	}
	return s.read(take)
}

// Added are the language files that were added, by language.
func (s *Studio) Added() (map[string]string, error) {
	texts := map[string]string{}
	err := s.store.View(func(tx *store.Tx) error {
		for language, text := range languages.All(tx) {
			texts[language] = text
		}
		return nil
	})
	return texts, err
}

// Own is what this hotline says otherwise than it came: a text, a recording, or
// both.
type Own struct {
	Language, ID string
	Text         string // "": the language file's
	Use          string // the recording that callers hear; "": the synthetic voice
}

// Owned is all of that, in the order of languages and names.
func (s *Studio) Owned() []Own {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Own
	for _, key := range slices.Sorted(maps.Keys(s.own)) {
		if r := s.own[key]; r.Text != "" || r.Use != "" {
			language, id, _ := strings.Cut(key, "/")
			all = append(all, Own{language, id, r.Text, r.Use})
		}
	}
	return all
}

// Prompts are all prompts of a language, in the order of their names: every one
// that any language has, so that what is missing is seen.
func (s *Studio) Prompts(language string) []Prompt {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.Library()
	ids := map[string]bool{}
	for id := range l.texts[language].Prompts {
		ids[id] = true
	}
	for id := range l.texts[Fallback].Prompts {
		if !OfFigures(id) { // every language has words of its own for numbers
			ids[id] = true
		}
	}
	var all []Prompt
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		all = append(all, s.prompt(l, language, id))
	}
	return all
}

// Get is one prompt.
func (s *Studio) Get(language, id string) (Prompt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.Library()
	if _, ok := l.texts[language]; !ok || l.texts[language].Prompts[id] == "" && l.texts[Fallback].Prompts[id] == "" {
		return Prompt{}, ErrNone
	}
	return s.prompt(l, language, id), nil
}

func (s *Studio) prompt(l *Library, language, id string) Prompt {
	r := s.own[language+"/"+id]
	p := Prompt{Language: language, ID: id, Text: l.texts[language].Prompts[id], Internal: Internal(id), Use: r.Use}
	for _, t := range slices.Backward(r.Takes) {
		if !t.Synthetic {
			p.Takes = append(p.Takes, t)
		}
	}
	switch {
	case r.Use != "":
		p.State = Recorded
		used, _ := r.take(r.Use)
		p.Outdated = used.Text != "" && used.Text != p.Text
	case l.sounds[language+"/"+id] != nil:
		p.State = Synthetic
	default:
		p.State = Missing
	}
	return p
}

// OfFigures reports whether a prompt is a word of which numbers, waits, times
// and dates are made.
func OfFigures(id string) bool {
	for _, prefix := range []string{"number.", "unit.", "spoken.", "clock.", "date."} {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

// ValidName reports whether id can name a prompt: words of small letters,
// digits and underscores with points between them.
func ValidName(id string) bool {
	words := strings.Split(id, ".")
	for _, word := range words {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return false
		}
	}
	return len(id) <= 64
}

// Say speaks a text that is no prompt, such as a bulletin.
func (s *Studio) Say(ctx context.Context, language, text string) (*audio.Clip, error) {
	c, ok := s.Library().texts[language]
	if !ok || c.Voice.Name == "" {
		return nil, ErrNoVoice
	}
	spelled, err := c.Spelling(text)
	if err != nil {
		return nil, err
	}
	return s.speak(ctx, c.Voice, spelled)
}

// The same as Library has, in the edition of this moment: for what is said
// outside a dialogue.

// Has reports whether id can be spoken in that language, or has no words.
func (s *Studio) Has(language, id string) bool { return s.Library().Has(language, id) }

// Number speaks n.
func (s *Studio) Number(language string, n int) (*audio.Clip, error) {
	return s.Library().Number(language, n)
}

// Digits speaks the digits of a code.
func (s *Studio) Digits(language, digits string) (*audio.Clip, error) {
	return s.Library().Digits(language, digits)
}

// Phone speaks a telephone number.
func (s *Studio) Phone(language, number string) (*audio.Clip, error) {
	return s.Library().Phone(language, number)
}

// Wait speaks how long somebody will wait.
func (s *Studio) Wait(language string, from, to int) (*audio.Clip, error) {
	return s.Library().Wait(language, from, to)
}

// Hours speaks how many hours something lasts.
func (s *Studio) Hours(language string, n int) (*audio.Clip, error) {
	return s.Library().Hours(language, n)
}

// Time speaks a time of day.
func (s *Studio) Time(language string, t time.Time) (*audio.Clip, error) {
	return s.Library().Time(language, t)
}

// Date speaks a date.
func (s *Studio) Date(language string, t time.Time) (*audio.Clip, error) {
	return s.Library().Date(language, t)
}

// Languages are the languages that can be spoken.
func (s *Studio) Languages() []string { return s.Library().Languages() }

// NameOf is a language's name in itself.
func (s *Studio) NameOf(language string) string { return s.Library().texts[language].Name }
