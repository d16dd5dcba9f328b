package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
)

// Prompt is what a hotline says in its own way: another text, which the synthetic
// voice speaks, and a recording, which callers hear before that.
type Prompt struct {
	Text      string `yaml:"text"`
	Recording string `yaml:"recording"` // a file of audio/, without that

	print string      // of the sound that is heard; "": none of its own
	clip  *audio.Clip // of the file
}

// told is a prompt as it is compared: by what is heard, not by the name of a file.
type told struct {
	Text  string `yaml:"text"`
	Sound string `yaml:"recording"`
}

type recording struct {
	clip  *audio.Clip
	print string
	err   error
}

func printOf(clip *audio.Clip) string {
	sum := sha256.Sum256(clip.MuLaw())
	return hex.EncodeToString(sum[:6])
}

func promptsPart() part {
	return many[Prompt]{name: "prompts.yaml",
		about: "What callers hear otherwise than the hotline came, by language and name, like es/hello. A text is\nspoken by the synthetic voice; recording is a file in the folder audio, like es/hello.wav.",
		now: func(r *run) (list []named[Prompt], err error) {
			studio, err := r.speech()
			if err != nil {
				return nil, err
			}
			for _, own := range studio.Owned() {
				one := Prompt{Text: own.Text}
				if own.Use != "" {
					clip, err := studio.Take(own.Language, own.ID, own.Use)
					if err != nil {
						return nil, err
					}
					if r.prints[own.Use] == "" {
						r.prints[own.Use] = printOf(clip)
					}
					one.clip, one.print = clip, r.prints[own.Use]
				}
				list = append(list, named[Prompt]{own.Language + "/" + own.ID, one})
			}
			return list, nil
		},
		fresh: func(r *run, name string) (p Prompt, err error) {
			language, id, ok := strings.Cut(name, "/")
			if !ok || !prompts.ValidName(id) {
				return p, errors.New("a prompt is named by its language and its name, like es/hello")
			}
			spoken, err := r.tongues()
			if err == nil && !contains(spoken, language) {
				err = fmt.Errorf("nothing can be said in %q; there are %s", language, strings.Join(spoken, ", "))
			}
			return p, err
		},
		tidy: func(r *run, _ string, was Prompt, is *Prompt) error {
			is.Text = strings.Join(strings.Fields(is.Text), " ")
			if is.Recording == "" { // not named, or taken back
				return nil
			}
			is.clip, is.print = nil, ""
			sound := r.sound(soundFolder + is.Recording)
			is.clip, is.print = sound.clip, sound.print
			if sound.err != nil {
				return fieldError{"recording", sound.err}
			}
			return nil
		},
		plain: func(p Prompt) any { return told{p.Text, p.print} },
		put: func(r *run, name string, was, is Prompt, _ bool) error {
			language, id, _ := strings.Cut(name, "/")
			studio, err := r.speech()
			if err != nil {
				return err
			}
			who := prompts.Who{ID: r.to.By, Name: r.to.By, Via: r.to.Via}
			if is.Text != was.Text {
				if err := studio.SetText(r.ctx, language, id, is.Text, who); err != nil {
					return fieldError{"text", err}
				}
			}
			if is.print == was.print {
				return nil
			}
			if err := studio.Record(r.ctx, language, id, is.clip, who); err != nil {
				return fieldError{"recording", err}
			}
			return nil
		},
		files: func(_ *run, name string, p Prompt, b *Bundle) (Prompt, error) {
			if p.clip == nil {
				return p, nil
			}
			var wav bytes.Buffer
			if err := audio.WriteWAV(&wav, p.clip); err != nil {
				return p, err
			}
			p.Recording = name + ".wav"
			b.files[soundFolder+p.Recording] = wav.Bytes()
			return p, nil
		}}
}

// sound is a recording of the bundle, decoded once.
func (r *run) sound(file string) recording {
	if known, ok := r.sounds[file]; ok {
		return known
	}
	var out recording
	raw, there := r.bundle.files[file]
	switch {
	case !there:
		out.err = fmt.Errorf("the bundle has no file %s", file)
	case own(raw):
		out.clip, out.err = audio.ReadWAV(bytes.NewReader(raw), prompts.MaxLength)
	case r.to.Decode == nil:
		out.err = errors.New("this recording is in another form than the hotline's own and cannot be decoded here")
	default:
		return r.slow.sound(file)
	}
	if out.err == nil {
		out.print = printOf(out.clip)
	}
	r.sounds[file] = out
	return out
}

// own reports a WAV file as this program writes it (µ-law, one channel, 8 kHz): it
// is a finished prompt, which is not made louder once more.
func own(raw []byte) bool {
	const muLaw = 7 // RFC 2361
	return len(raw) > 28 && string(raw[:4]) == "RIFF" && string(raw[8:16]) == "WAVEfmt " &&
		binary.LittleEndian.Uint16(raw[20:]) == muLaw && binary.LittleEndian.Uint16(raw[22:]) == 1 && binary.LittleEndian.Uint32(raw[24:]) == audio.SampleRate
}
