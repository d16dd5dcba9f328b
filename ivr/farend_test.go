package ivr_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"hotline/appliance/audio"
)

// farEnd is a telephone: what it hears is what was played to its end, and its
// keys and voice come from a script. Sound takes as long as it sounds.
type farEnd struct {
	mu       sync.Mutex
	heard    []byte // µ-law of everything heard and not yet told
	music    *audio.Clip
	keys     []byte
	silences int // waits for a key that ended without one
	records  []*audio.Clip
	changed  chan struct{} // closed and replaced when anything changes
}

func newFarEnd() *farEnd { return &farEnd{changed: make(chan struct{})} }

func (f *farEnd) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.changed)
	f.changed = make(chan struct{})
}

// until waits until done says so, looking again after every change.
func (f *farEnd) until(ctx context.Context, done func() bool) error {
	for {
		f.mu.Lock()
		if done() {
			f.mu.Unlock()
			return nil
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (f *farEnd) Play(ctx context.Context, clip *audio.Clip, bargeIn bool) (bool, error) {
	over, cancel := context.WithTimeout(ctx, clip.Duration())
	defer cancel()
	err := f.until(over, func() bool { return bargeIn && len(f.keys) > 0 })
	if err == nil {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	f.change(func() { f.heard = append(f.heard, clip.MuLaw()...) })
	return false, nil
}

func (f *farEnd) Music(clip *audio.Clip) { f.change(func() { f.music = clip }) }

func (f *farEnd) Key(ctx context.Context) (key byte, err error) {
	err = f.until(ctx, func() bool {
		if len(f.keys) == 0 {
			return false
		}
		key, f.keys = f.keys[0], f.keys[1:]
		return true
	})
	if err != nil {
		f.change(func() { f.silences++ })
	}
	return key, err
}

func (f *farEnd) FlushKeys() { f.change(func() { f.keys = nil }) }

// Record hears a tone for as long as it records.
func (f *farEnd) Record(ctx context.Context, longest time.Duration, stopKeys string) (clip *audio.Clip, by byte, err error) {
	began := time.Now()
	over, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	_ = f.until(over, func() bool {
		for len(f.keys) > 0 {
			key := f.keys[0]
			f.keys = f.keys[1:]
			if strings.IndexByte(stopKeys, key) >= 0 {
				by = key
				return true
			}
		}
		return false
	})
	clip = audio.Tone(440, time.Since(began), -20)
	f.change(func() { f.records = append(f.records, clip) })
	return clip, by, context.Cause(ctx)
}

func (f *farEnd) press(keys string) { f.change(func() { f.keys = append(f.keys, keys...) }) }

// quiet is µ-law silence.
var quiet = []byte{audio.MuLaw.Silence()}

func withoutSilence(mulaw []byte) []byte { return bytes.TrimLeft(mulaw, string(quiet)) }

// hears takes the clip from the front of what was heard.
func (f *farEnd) hears(clip *audio.Clip) bool {
	want := withoutSilence(clip.MuLaw())
	got := withoutSilence(f.heard)
	if !bytes.HasPrefix(got, want) {
		return false
	}
	f.heard = slices.Clone(got[len(want):])
	return true
}

func (f *farEnd) nothingHeard() bool { return len(withoutSilence(f.heard)) == 0 }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
