// Package prompts owns what the hotline can say: the sentences of every
// language, their sound, and numbers put together from recorded words. It does
// not know flows, calls or who speaks when.
package prompts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"hotline/ivr/prompts/voice"
)

// Neutral is the "language" of sounds without words.
const Neutral = "any"

// Sounds without words.
const (
	HoldMusic = "music.hold"
	Beep      = "beep"
)

// Fallback is the language of internal prompts where a language lacks them.
const Fallback = "en"

// Internal reports whether a prompt is heard only by those who work here. Every
// language has all others; internal ones are spoken in English where a
// language lacks them.
func Internal(id string) bool {
	for _, prefix := range []string{"supervisor.", "agent.", "confirm.", "robot."} {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

// Catalogue is everything that is said in one language.
type Catalogue struct {
	Language string            `yaml:"language"`
	Name     string            `yaml:"name"` // of the language, in itself
	Voice    voice.Voice       `yaml:"voice"`
	Respell  map[string]string `yaml:"respell"` // what the synthetic voice reads wrong, as regular expressions
	Spoken   Spoken            `yaml:"spoken"`
	Prompts  map[string]string `yaml:"prompts"`
}

// ParseCatalogue reads a language file. Unknown keys are errors with line and
// column.
func ParseCatalogue(text []byte) (Catalogue, error) {
	var c Catalogue
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return c, fmt.Errorf("reading the sentences of a language: %w", err)
	}
	for name := range c.Spoken.Counted {
		if _, twice := c.Spoken.Numbers[name]; twice {
			return c, fmt.Errorf("reading the sentences of a language: %q is both a set of numbers and something that is counted; rename one", name)
		}
	}
	return c, nil
}

// Spelling is a text as the synthetic voice must be given it.
func (c Catalogue) Spelling(text string) (string, error) {
	for _, pattern := range slices.Sorted(maps.Keys(c.Respell)) {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return "", fmt.Errorf("language %q: respell: %w", c.Language, err)
		}
		text = re.ReplaceAllString(text, c.Respell[pattern])
	}
	return text, nil
}

// Recipe numbers how sound is made of text; a change of it renders all anew.
const Recipe = 4

// Entry is what the manifest knows of one asset.
type Entry struct {
	Source string // sum of text, voice and recipe
	Asset  string // sum of the file
}

// Manifest lists the assets by "language/id".
type Manifest map[string]Entry

// ParseManifest reads lines of name, source and asset. Where two branches of
// work were merged line by line, a name may come twice; the later one counts,
// and the renderer puts it right.
func ParseManifest(text []byte) (Manifest, error) {
	m := Manifest{}
	for i, line := range strings.Split(string(bytes.TrimSpace(text)), "\n") {
		if line == "" {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("line %d of the list of prompts is not three words: %q", i+1, line)
		}
		m[f[0]] = Entry{Source: f[1], Asset: f[2]}
	}
	return m, nil
}

// Text is the manifest as ParseManifest reads it.
func (m Manifest) Text() []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s %s %s\n", name, m[name].Source, m[name].Asset)
	}
	return b.Bytes()
}

// SourceKey is the sum of everything that a spoken prompt is made of.
func SourceKey(v voice.Voice, text string) string {
	b, err := json.Marshal(struct {
		Recipe int
		Voice  voice.Voice
		Text   string
	}{Recipe, v, text})
	if err != nil {
		panic(err) // numbers and strings always encode
	}
	return Sum(b)
}

// Sum tells contents apart: half of a SHA-256, in hex.
func Sum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
