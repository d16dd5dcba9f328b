package media

import (
	"context"
	"strings"
	"time"

	"hotline/appliance/audio"
)

// recorder collects the far end's sound. Every packet is written where its
// timestamp says, so packets that overtook each other fall into place and
// gaps stay silent.
type recorder struct {
	sound   []byte // µ-law
	longest int

	placed  bool
	base    uint32 // timestamp of sound[0]
	started int64  // arrival of what is at sound[0]
}

// recordJump: a timestamp that far from the wall clock is a clock that began
// anew, not a pause.
const recordJump = 2 * audio.SampleRate

func (r *recorder) packet(ts uint32, payload []byte, law audio.Law, now int64) {
	if !r.placed {
		if r.started == 0 {
			r.started = now
		}
		r.base = ts - uint32(r.expected(now))
		r.placed = true
	}
	at := int(int32(ts - r.base))
	if drift := at - r.expected(now); drift > recordJump || drift < -recordJump {
		at = r.expected(now)
		r.base = ts - uint32(at)
	}
	if at < 0 || at >= r.longest {
		return
	}
	end := min(at+len(payload), r.longest)
	for len(r.sound) < end {
		r.sound = append(r.sound, audio.MuLaw.Silence())
	}
	n := copy(r.sound[at:end], payload)
	audio.Translate(r.sound[at:at+n], law, audio.MuLaw)
}

// expected is where a packet that arrives now belongs: by the clock, but never
// over what is there already.
func (r *recorder) expected(now int64) int {
	return max(len(r.sound), int((now-r.started)/tickLength))
}

// restart forgets the source's time line; the sound goes on after what there
// is.
func (r *recorder) restart() { r.placed = false }

// Record collects what the far end says, from its first packet on, until one
// of stopKeys is pressed, longest has passed or ctx ends. A key pressed
// earlier and still queued counts, so forget those first if they should not;
// other keys pressed meanwhile are dropped. What was recorded is returned in
// every case, also with an error. A later Record takes over from an earlier
// one, which returns ErrReplaced.
func (e *Endpoint) Record(ctx context.Context, longest time.Duration, stopKeys string) (clip *audio.Clip, stoppedBy byte, err error) {
	r := &recorder{longest: int(longest * audio.SampleRate / time.Second)}
	e.in.mu.Lock()
	e.in.recorder = r
	e.adjustFilter()
	e.in.mu.Unlock()

	stoppedBy, err = e.recorded(ctx, longest, stopKeys)

	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	if e.in.recorder == r {
		e.in.recorder = nil
		e.adjustFilter()
	} else if err == nil {
		err = ErrReplaced
	}
	return audio.NewClip(r.sound), stoppedBy, err
}

// recorded waits for the end of a recording.
func (e *Endpoint) recorded(ctx context.Context, longest time.Duration, stopKeys string) (stoppedBy byte, err error) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	for {
		key, ok, changed := e.keys.pop()
		if ok {
			if strings.IndexByte(stopKeys, key) >= 0 {
				return key, nil
			}
			continue
		}
		select {
		case <-changed:
		case <-timer.C:
			return 0, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-e.done:
			return 0, ErrClosed
		}
	}
}
