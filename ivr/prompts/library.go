package prompts

import (
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
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
	clips map[string]*audio.Clip // "language/id"
	texts map[string]Catalogue
}

// Shipped is the library that comes with the hotline.
func Shipped() (*Library, error) {
	catalogues, err := Catalogues()
	if err != nil {
		return nil, err
	}
	l := &Library{clips: map[string]*audio.Clip{}, texts: catalogues}
	manifest, err := ShippedManifest()
	if err != nil {
		return nil, err
	}
	for name := range manifest {
		b, err := shipped.ReadFile(path.Join("assets", name+".wav"))
		if err != nil {
			return nil, fmt.Errorf("reading prompt %s: %w", name, err)
		}
		sound, err := soundOf(b)
		if err != nil {
			return nil, fmt.Errorf("reading prompt %s: %w", name, err)
		}
		l.clips[name] = audio.NewClip(sound)
	}
	return l, nil
}

// soundOf takes the µ-law bytes out of one of our own assets, whose layout is
// the one that audio.WriteWAV writes. Decoding them as foreign files costs a
// hundred times more, at every start.
func soundOf(wav []byte) ([]byte, error) {
	const header = 58
	if len(wav) < header || string(wav[:4]) != "RIFF" || binary.LittleEndian.Uint16(wav[20:]) != 7 || string(wav[50:54]) != "data" {
		return nil, errors.New("this is not a µ-law file as the renderer writes it")
	}
	size := int(binary.LittleEndian.Uint32(wav[54:]))
	if size > len(wav)-header {
		return nil, errors.New("the file is cut off")
	}
	return wav[header : header+size], nil
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

// ShippedManifest lists the shipped sounds.
func ShippedManifest() (Manifest, error) {
	b, err := shipped.ReadFile("assets/manifest.json")
	if err != nil {
		return nil, fmt.Errorf("reading the list of prompts: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("reading the list of prompts: %w", err)
	}
	return m, nil
}

// Languages are the languages that can be spoken.
func (l *Library) Languages() []string { return slices.Sorted(maps.Keys(l.texts)) }

// Has reports whether id can be spoken in that language, or has no words.
func (l *Library) Has(language, id string) bool {
	_, err := l.Clip(language, id)
	return err == nil
}

// Clip is the sound of a prompt.
func (l *Library) Clip(language, id string) (*audio.Clip, error) {
	if clip, ok := l.clips[language+"/"+id]; ok {
		return clip, nil
	}
	if clip, ok := l.clips[Neutral+"/"+id]; ok {
		return clip, nil
	}
	return nil, fmt.Errorf("%w: %q in language %q", ErrMissing, id, language)
}

// Text is the sentence of a prompt, "" when there is none.
func (l *Library) Text(language, id string) string { return l.texts[language].Prompts[id] }

// biggest is the last number that is spoken exactly.
const biggest = 100

// tensGap is the seam inside a number of two words.
const tensGap = 30 * time.Millisecond

// Number speaks n as one number: from its own recording, or from its tens and
// units ("treinta y" + "siete"), so that a speaker has some forty words to
// record and not a hundred. Beyond 100 it says "more than one hundred".
func (l *Library) Number(language string, n int) (*audio.Clip, error) {
	if n > biggest {
		return l.join(language, pairGap, "number.more", number(biggest))
	}
	if whole, err := l.Clip(language, number(n)); err == nil || n < 0 {
		return whole, err
	}
	tens := number(n / 10 * 10)
	if l.Has(language, tens+".and") {
		tens += ".and"
	}
	return l.join(language, tensGap, tens, number(n%10))
}

func number(n int) string { return "number." + strconv.Itoa(n) }

func (l *Library) join(language string, gap time.Duration, first, second string) (*audio.Clip, error) {
	a, err := l.Clip(language, first)
	if err != nil {
		return nil, err
	}
	b, err := l.Clip(language, second)
	if err != nil {
		return nil, err
	}
	return audio.Concat(a, audio.Silence(gap), b), nil
}

// Digits are spoken in pairs, slowly enough to be written down.
const (
	digitGap = 120 * time.Millisecond
	pairGap  = 380 * time.Millisecond
)

// Digits speaks digits one by one. Other characters are left out.
func (l *Library) Digits(language, digits string) (*audio.Clip, error) {
	var clips []*audio.Clip
	for i, d := range strings.Map(onlyDigits, digits) {
		switch {
		case i > 0 && i%2 == 0:
			clips = append(clips, audio.Silence(pairGap))
		case i > 0:
			clips = append(clips, audio.Silence(digitGap))
		}
		clip, err := l.Clip(language, number(int(d-'0')))
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
