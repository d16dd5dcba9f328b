// Package prompts owns what the hotline can say: the sentences of every
// language, their sound, and numbers put together from recorded words. It does
// not know flows, calls or who speaks when.
package prompts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml"
)

// Neutral is the "language" of sounds without words.
const Neutral = "any"

// Sounds without words.
const (
	HoldMusic = "music.hold"
	Beep      = "beep"
)

// Voice is how the speech program speaks a language.
type Voice struct {
	Name  string `yaml:"name" json:"name"`
	Speed int    `yaml:"speed" json:"speed"` // as the program counts words per minute
	Pitch int    `yaml:"pitch" json:"pitch"`
	Gap   int    `yaml:"gap" json:"gap"` // between words, in 10 ms
}

// Catalogue is everything that is said in one language.
type Catalogue struct {
	Language string            `yaml:"language"`
	Voice    Voice             `yaml:"voice"`
	Prompts  map[string]string `yaml:"prompts"`
}

// ParseCatalogue reads a language file. Unknown keys are errors with line and
// column.
func ParseCatalogue(text []byte) (Catalogue, error) {
	var c Catalogue
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return c, fmt.Errorf("reading the sentences of a language: %w", err)
	}
	return c, nil
}

// Recipe numbers how sound is made of text; a change of it renders all anew.
const Recipe = 3

// Entry is what the manifest knows of one asset.
type Entry struct {
	Source string `json:"source"` // SHA-256 of text, voice and recipe
	Asset  string `json:"asset"`  // SHA-256 of the file
	Millis int    `json:"ms"`
}

// Manifest lists the assets by "language/id".
type Manifest map[string]Entry

// SourceKey is the SHA-256 of everything that a spoken prompt is made of.
func SourceKey(voice Voice, text string) string {
	b, err := json.Marshal(struct {
		Recipe int
		Voice  Voice
		Text   string
	}{Recipe, voice, text})
	if err != nil {
		panic(err) // numbers and strings always encode
	}
	return Sum(b)
}

// Sum is the SHA-256 of b in hex.
func Sum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
