package media

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
)

type recording struct {
	clip *audio.Clip
	key  byte
	err  error
}

func record(ctx context.Context, e *Endpoint, longest time.Duration, keys string) <-chan recording {
	got := make(chan recording, 1)
	go func() {
		clip, key, err := e.Record(ctx, longest, keys)
		got <- recording{clip, key, err}
	}()
	synctest.Wait()
	return got
}

func TestRecordKeepsOrderAndGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, _ := newLeg(t, p, audio.MuLaw)
		say := newSpeaker(audio.MuLaw)
		e.Receive(say.event(7, say.ts, 0, false)) // nobody asked for this key
		got := record(t.Context(), e, time.Minute, "#")
		time.Sleep(3 * time.Second) // the caller hesitates: not recorded
		frame := func(b byte) []byte { return slices.Repeat([]byte{b}, 160) }
		var sent [][]byte
		for i := range 5 {
			sent = append(sent, say.packet(frame(byte(i+1))))
		}
		for _, i := range []int{0, 2, 1, 4} { // 3 is lost, 1 came late
			e.Receive(sent[i])
			time.Sleep(20 * time.Millisecond)
		}
		say.ts += 320 // silence suppressed for two frames
		time.Sleep(40 * time.Millisecond)
		e.Receive(say.packet(frame(6)))
		e.Receive(say.event(11, say.ts, 0, false))
		r := <-got
		if r.err != nil || r.key != '#' {
			t.Fatalf("Record = %q, %v", r.key, r.err)
		}
		var want []byte
		for _, b := range []byte{1, 2, 3, 0xff, 5, 0xff, 0xff, 6} {
			want = append(want, frame(b)...)
		}
		if !slices.Equal(r.clip.MuLaw(), want) {
			t.Errorf("recorded %d bytes, want %d, or in the wrong order", len(r.clip.MuLaw()), len(want))
		}
	})
}

func TestWhatEndsARecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, _ := newLeg(t, p, audio.ALaw)
		say := newSpeaker(audio.ALaw)
		talk := func(d time.Duration) {
			for _, f := range frames(audio.Tone(440, d, -10), audio.ALaw, 20*time.Millisecond) {
				e.Receive(say.packet(f))
				time.Sleep(20 * time.Millisecond)
			}
		}
		got := record(t.Context(), e, time.Second, "#")
		talk(2 * time.Second)
		r := <-got
		if r.err != nil || r.key != 0 || r.clip.Duration() != time.Second {
			t.Errorf("at its limit of 1 s: %v, %q, %v", r.clip.Duration(), r.key, r.err)
		}
		if level := audio.ToneLevel(r.clip.PCM(), 440); level < 0.98 {
			t.Errorf("an A-law recording has %.2f of the tone", level)
		}

		ctx, cancel := context.WithCancel(t.Context())
		got = record(ctx, e, time.Minute, "#")
		talk(500 * time.Millisecond)
		cancel()
		if r := <-got; !errors.Is(r.err, context.Canceled) || r.clip.Duration() != 500*time.Millisecond {
			t.Errorf("when the caller hangs up: %v, %v; what was said must not be lost", r.clip.Duration(), r.err)
		}

		got = record(t.Context(), e, time.Minute, "#")
		talk(200 * time.Millisecond)
		say = &speaker{pt: 8, ssrc: 99, seq: 5, ts: 12345} // transferred
		talk(200 * time.Millisecond)
		say.ts += 80000000 // its clock jumps
		talk(200 * time.Millisecond)
		e.Close()
		r = <-got
		if !errors.Is(r.err, ErrClosed) {
			t.Errorf("when the leg closes: %v", r.err)
		}
		if d := r.clip.Duration(); d < 590*time.Millisecond || d > 650*time.Millisecond {
			t.Errorf("0.6 s in three streams became %v", d)
		}
	})
}

func TestNothingSaidIsAnEmptyClip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, _ := newLeg(t, p, audio.MuLaw)
		clip, key, err := e.Record(t.Context(), time.Second, "#")
		if clip.Duration() != 0 || key != 0 || err != nil {
			t.Errorf("Record of silence = %v, %q, %v", clip.Duration(), key, err)
		}
	})
}
