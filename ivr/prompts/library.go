package prompts

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"hotline/appliance/audio"
)

//go:embed assets *.yaml
var shipped embed.FS

// ErrMissing means that a prompt does not exist in a language.
var ErrMissing = errors.New("there is no such prompt")

// Library is sounds and sentences by language. It never changes, so all calls
// share it.
type Library struct {
	sounds map[string]func() (*audio.Clip, error) // "language/id"
	texts  map[string]Catalogue
}

// Shipped is the library that comes with the hotline. Nothing is decoded
// before it is first spoken: that takes a few milliseconds for each sentence,
// once, and all sentences of all languages would take seconds at every start.
func Shipped() (*Library, error) {
	catalogues, err := Catalogues()
	if err != nil {
		return nil, err
	}
	l := &Library{sounds: map[string]func() (*audio.Clip, error){}, texts: catalogues}
	manifest, err := ShippedManifest()
	if err != nil {
		return nil, err
	}
	for name := range manifest {
		l.sounds[name] = sync.OnceValues(func() (*audio.Clip, error) { return shippedSound(name) })
	}
	return l, nil
}

// AssetPath is where an asset lies below the folder of the prompts. Speech is
// Opus, which is a quarter of the size and was made for it; music is not.
func AssetPath(name string) string {
	if strings.HasPrefix(name, Neutral+"/") {
		return path.Join("assets", name+".wav")
	}
	return path.Join("assets", name+".opus")
}

func shippedSound(name string) (*audio.Clip, error) {
	file := AssetPath(name)
	b, err := shipped.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading prompt %s: %w", name, err)
	}
	var clip *audio.Clip
	if path.Ext(file) == ".wav" {
		clip, err = audio.ReadWAV(bytes.NewReader(b), time.Minute)
	} else {
		clip, err = audio.ReadOpus(b)
	}
	if err != nil {
		return nil, fmt.Errorf("reading prompt %s: %w", name, err)
	}
	return clip, nil
}

// Catalogues are the shipped sentences by language.
func Catalogues() (map[string]Catalogue, error) {
	files, err := fs.Glob(shipped, "*.yaml")
	if err != nil {
		return nil, err
	}
	all := map[string]Catalogue{}
	for _, file := range files {
		b, err := shipped.ReadFile(file)
		if err != nil {
			return nil, err
		}
		c, err := ParseCatalogue(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all[c.Language] = c
	}
	return all, nil
}

// ShippedLanguages are the languages that the hotline comes with.
func ShippedLanguages() []string { return []string{"en", "es", "ar", "fr", "pt", "id"} }

// ShippedManifest lists the shipped sounds.
func ShippedManifest() (Manifest, error) {
	b, err := shipped.ReadFile("assets/manifest.txt")
	if err != nil {
		return nil, fmt.Errorf("reading the list of prompts: %w", err)
	}
	return ParseManifest(b)
}

// Languages are the languages that can be spoken.
func (l *Library) Languages() []string { return slices.Sorted(maps.Keys(l.texts)) }

// Has reports whether id can be spoken in that language, or has no words.
func (l *Library) Has(language, id string) bool { return l.sound(language, id) != nil }

// Clip is the sound of a prompt; of an internal one in English, if the
// language lacks it.
func (l *Library) Clip(language, id string) (*audio.Clip, error) {
	if sound := l.sound(language, id); sound != nil {
		return sound()
	}
	return nil, fmt.Errorf("%w: %q in language %q", ErrMissing, id, language)
}

func (l *Library) sound(language, id string) func() (*audio.Clip, error) {
	if sound := l.sounds[language+"/"+id]; sound != nil {
		return sound
	}
	if sound := l.sounds[Neutral+"/"+id]; sound != nil {
		return sound
	}
	if _, known := l.texts[language]; known && Internal(id) {
		return l.sounds[Fallback+"/"+id]
	}
	return nil
}

// Text is the sentence of a prompt, "" when there is none.
func (l *Library) Text(language, id string) string {
	if text, ok := l.texts[language].Prompts[id]; ok || !Internal(id) {
		return text
	}
	return l.texts[Fallback].Prompts[id]
}

// biggest is the last number that is spoken exactly.
const biggest = 999

// Pauses between words that belong together: inside a number, between the
// words of a phrase.
const (
	numberGap = 30 * time.Millisecond
	wordGap   = 60 * time.Millisecond
)

// Number speaks n by the rules of the language. Beyond 999 it says "more than
// nine hundred".
func (l *Library) Number(language string, n int) (*audio.Clip, error) {
	c, err := l.catalogue(language)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, fmt.Errorf("%w: the number %d in language %q", ErrMissing, n, language)
	}
	var more []string
	if n > biggest {
		more, n = []string{"number.more"}, biggest/100*100
	}
	ids, err := c.Number(Cardinal, n)
	if err != nil {
		return nil, err
	}
	return l.join(language, numberGap, append(more, ids...))
}

// Phrase speaks a saying with numbers in it; see the names of phrases.
func (l *Library) Phrase(language, name string, values map[string]int) (*audio.Clip, error) {
	c, err := l.catalogue(language)
	if err != nil {
		return nil, err
	}
	ids, err := c.Phrase(name, values)
	if err != nil {
		return nil, err
	}
	return l.join(language, wordGap, ids)
}

// Wait speaks how long somebody will wait, in minutes: "about ten minutes", or
// "between five and ten minutes" where to is larger.
func (l *Library) Wait(language string, from, to int) (*audio.Clip, error) {
	if to > from {
		return l.Phrase(language, PhraseBetween, map[string]int{"n": from, "m": to})
	}
	return l.Phrase(language, PhraseAbout, map[string]int{"n": from})
}

// Hours speaks how many hours something lasts.
func (l *Library) Hours(language string, n int) (*audio.Clip, error) {
	return l.Phrase(language, PhraseHours, map[string]int{"n": n})
}

// Time speaks a time of day.
func (l *Library) Time(language string, t time.Time) (*audio.Clip, error) {
	return l.Phrase(language, PhraseTime, clock(t.Hour(), t.Minute()))
}

// Date speaks the weekday, the day and the month.
func (l *Library) Date(language string, t time.Time) (*audio.Clip, error) {
	return l.Phrase(language, PhraseDate, map[string]int{"weekday": int(t.Weekday()), "day": t.Day(), "month": int(t.Month())})
}

func (l *Library) catalogue(language string) (Catalogue, error) {
	c, ok := l.texts[language]
	if !ok {
		return c, fmt.Errorf("%w: language %q", ErrMissing, language)
	}
	return c, nil
}

func (l *Library) join(language string, gap time.Duration, ids []string) (*audio.Clip, error) {
	var clips []*audio.Clip
	for i, id := range ids {
		clip, err := l.Clip(language, id)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			clips = append(clips, audio.Silence(gap))
		}
		clips = append(clips, clip)
	}
	if len(clips) == 1 {
		return clips[0], nil
	}
	return audio.Concat(clips...), nil
}

// Digits are spoken in groups, slowly enough to be written down.
const (
	digitGap = 120 * time.Millisecond
	groupGap = 380 * time.Millisecond
)

// Kinds of digits, whose groups differ.
const (
	groupCode  = "code"
	groupPhone = "phone"
)

// Digits speaks the digits of a code one by one, in pairs unless the language
// says otherwise. Other characters are left out.
func (l *Library) Digits(language, digits string) (*audio.Clip, error) {
	return l.digits(language, digits, groupCode, 2)
}

// Phone speaks a telephone number digit by digit, in groups of three unless
// the language says otherwise. A last digit alone joins the group before it.
func (l *Library) Phone(language, number string) (*audio.Clip, error) {
	return l.digits(language, number, groupPhone, 3)
}

func (l *Library) digits(language, text, kind string, group int) (*audio.Clip, error) {
	c, err := l.catalogue(language)
	if err != nil {
		return nil, err
	}
	if n := c.Spoken.Groups[kind]; n > 0 {
		group = n
	}
	var clips []*audio.Clip
	digits := strings.Map(onlyDigits, text)
	for i, d := range digits {
		switch {
		case i > 0 && i%group == 0 && (kind == groupCode || i < len(digits)-1):
			clips = append(clips, audio.Silence(groupGap))
		case i > 0:
			clips = append(clips, audio.Silence(digitGap))
		}
		clip, err := l.Clip(language, "number."+string(d))
		if err != nil {
			return nil, err
		}
		clips = append(clips, clip)
	}
	return audio.Concat(clips...), nil
}

func onlyDigits(c rune) rune {
	if c < '0' || c > '9' {
		return -1
	}
	return c
}
