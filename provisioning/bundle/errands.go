package bundle

import (
	"bytes"
	"context"
	"errors"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
	"hotline/ivr/prompts/voice"
	"hotline/provisioning"
	"hotline/volunteers/roster"
)

// While a bundle is read over what is so already, nobody else can write, callers
// included. So what takes its time is not done there: sound that has to be decoded
// or spoken, and hashes of passwords. The first look only notes that it is wanted;
// it is done between two looks, and the next one finds it done.

// errNotReady ends a look that something was missing for. Nothing of it is kept.
var errNotReady = errors.New("something has to be made ready first")

// errands is what takes its time, done or to be done.
type errands struct {
	to     Hotline
	bundle *Bundle

	sounds map[string]recording // by file
	spoken map[utterance]speech
	hashes *roster.Hashes
	drawn  map[string]provisioning.Credential // of new people by login, so that every look speaks of the same
	files  []string
	speak  []utterance
}

type utterance struct {
	voice voice.Voice
	text  string
}

type speech struct {
	clip *audio.Clip
	err  error
}

func newErrands(to Hotline, b *Bundle) *errands {
	return &errands{to: to, bundle: b, sounds: map[string]recording{}, spoken: map[utterance]speech{}, hashes: roster.NewHashes(), drawn: map[string]provisioning.Credential{}}
}

// open reports that something has to be done first.
func (e *errands) open() bool { return len(e.files)+len(e.speak) > 0 || e.hashes.Wanted() }

// stand is heard by nobody: it stands for a sound that is not there yet, in a look
// of which nothing is kept.
func stand() *audio.Clip { return audio.NewClip(bytes.Repeat([]byte{0xff}, audio.SampleRate)) }

// sound is a recording of the bundle that has to be decoded.
func (e *errands) sound(file string) recording {
	if known, ok := e.sounds[file]; ok {
		return known
	}
	e.files = append(e.files, file)
	return recording{clip: stand()}
}

// say is the synthetic voice of the looks.
func (e *errands) say(_ context.Context, v voice.Voice, text string) (*audio.Clip, error) {
	if e.to.Silenced != nil && e.to.Silenced() {
		return nil, prompts.ErrSilenced
	}
	one := utterance{v, text}
	if known, ok := e.spoken[one]; ok {
		return known.clip, known.err
	}
	e.speak = append(e.speak, one)
	return stand(), nil
}

// do does what was noted.
func (e *errands) do(ctx context.Context) error {
	for _, file := range e.files {
		if _, done := e.sounds[file]; !done {
			e.sounds[file] = e.decode(ctx, file)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	for _, one := range e.speak {
		if _, done := e.spoken[one]; !done {
			clip, err := voice.Speak(ctx, one.voice, one.text)
			e.spoken[one] = speech{clip, err}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	e.files, e.speak = nil, nil
	return e.hashes.Make(ctx)
}

func (e *errands) decode(ctx context.Context, file string) (out recording) {
	ctx, over := context.WithTimeout(ctx, decodeLimit)
	defer over()
	out.clip, out.err = e.to.Decode(ctx, bytes.NewReader(e.bundle.files[file]), prompts.MaxLength)
	if out.err == nil {
		out.print = printOf(out.clip)
	}
	return out
}

// decodeLimit is far more than the child that decodes takes.
const decodeLimit = time.Minute
