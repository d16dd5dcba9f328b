package media

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
)

func TestEveryLegGetsAPacketEvery20ms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		tracks := make([]*track, 700)
		for i := range tracks {
			_, tracks[i] = newLeg(t, p, audio.MuLaw)
		}
		time.Sleep(2*time.Second + 500*time.Microsecond)
		moments := map[time.Duration]int{}
		for i, tr := range tracks {
			packets := tr.take()
			if len(packets) < 99 || len(packets) > 101 {
				t.Fatalf("leg %d: %d packets in 2 s", i, len(packets))
			}
			if !packets[0].header.Marker || packets[1].header.Marker {
				t.Errorf("leg %d: the marker must be on the first packet only", i)
			}
			checkStream(t, packets, 0)
			moments[packets[0].at.Sub(packets[0].at.Truncate(20*time.Millisecond))]++
		}
		for moment, legs := range moments {
			if legs > 40 {
				t.Errorf("%d of 700 legs send in one burst, %v into the 20 ms", legs, moment)
			}
		}
	})
}

func TestAFewLegsWakeTheMachineOncePer20ms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		moments := map[time.Duration]bool{}
		var tracks []*track
		for range slotFill {
			_, tr := newLeg(t, p, audio.MuLaw)
			tracks = append(tracks, tr)
		}
		time.Sleep(time.Second)
		for _, tr := range tracks {
			at := tr.take()[0].at
			moments[at.Sub(at.Truncate(20*time.Millisecond))] = true
		}
		if len(moments) != 1 {
			t.Errorf("%d legs send at %d moments of the 20 ms, want 1", slotFill, len(moments))
		}
	})
}

func TestAStallIsSkippedAndNotMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		tr := &track{before: func(n int) {
			if n == 10 {
				time.Sleep(95 * time.Millisecond) // the whole machine hangs
			}
		}}
		e := NewEndpoint(p, tr, Config{})
		defer e.Close()
		e.Start()
		time.Sleep(time.Second + 500*time.Microsecond)
		packets := tr.take()
		for i := 1; i < len(packets); i++ {
			gap := packets[i].at.Sub(packets[i-1].at)
			if gap < 4*time.Millisecond {
				t.Errorf("packet %d came %v after the one before: a burst", i, gap)
			}
		}
		checkStream(t, packets, 100*time.Millisecond)
		last := packets[len(packets)-1]
		rtpTime := time.Duration(last.header.Timestamp-packets[0].header.Timestamp) * time.Second / audio.SampleRate
		if wall := last.at.Sub(packets[0].at); rtpTime != wall {
			t.Errorf("after the stall the stream is at %v, the clock at %v", rtpTime, wall)
		}
		if s := e.Stats(); s.SkippedOut != 3 && s.SkippedOut != 4 {
			t.Errorf("skipped %d packets, want those of 95 ms", s.SkippedOut)
		}
	})
}

func TestClockTellsItsLateness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		// A leg of the same slot that holds up the others, for a while.
		slow := NewEndpoint(p, &track{before: func(n int) {
			if n < 100 {
				time.Sleep(15 * time.Millisecond)
			}
		}}, Config{})
		defer slow.Close()
		for range 20 {
			newLeg(t, p, audio.MuLaw)
		}
		time.Sleep(1500 * time.Millisecond)
		if s := p.Stats(); s.LateP99 > time.Millisecond || s.Legs != 20 {
			t.Errorf("a machine at rest reports %+v", s)
		}
		slow.Start()
		time.Sleep(1500 * time.Millisecond)
		if s := p.Stats(); s.LateP99 < 10*time.Millisecond {
			t.Errorf("a leg holds up the others by 15 ms, reported %v", s.LateP99)
		}
		time.Sleep(10 * time.Second)
	})
}

// A machine that does something else for 40 ms in every 70 sends half of the
// packets in time and the others not at all.
func TestClockTellsOfPacketsThatAreNeverSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(slog.New(slog.DiscardHandler))
		newLeg(t, p, audio.MuLaw)
		for slot := int64(0); p.now() < int64(2*time.Second); {
			time.Sleep(40 * time.Millisecond)
			for resumed := p.now(); p.now() < resumed+int64(30*time.Millisecond); {
				slot, _ = p.occupied(slot)
				time.Sleep(time.Duration(slot*int64(slotLength) - p.now())) // not at all when it is late
				slot = p.tick(slot, p.now()) + 1
			}
		}
		if s := p.Stats(); s.LateP99 <= 20*time.Millisecond {
			t.Errorf("half of the packets are never sent, reported %v", s.LateP99)
		}
	})
}

func TestPlayTakesAsLongAsTheClip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, tr := newLeg(t, p, audio.ALaw)
		began := time.Now()
		clip := audio.Tone(440, 2010*time.Millisecond, -10) // not a whole number of frames
		if interrupted, err := e.Play(t.Context(), clip, true); interrupted || err != nil {
			t.Fatalf("Play = %v, %v", interrupted, err)
		}
		if took := time.Since(began); took < 1990*time.Millisecond || took > 2030*time.Millisecond {
			t.Errorf("a clip of 2.01 s took %v", took)
		}
		// The next clip follows without a gap.
		if _, err := e.Play(t.Context(), audio.Tone(1000, time.Second, -10), false); err != nil {
			t.Fatal(err)
		}
		packets := tr.take()
		checkStream(t, packets, 0)
		pcm := listen(packets)
		if audio.ToneLevel(pcm[400:16000], 440) < 0.99 || audio.ToneLevel(pcm[len(pcm)-7500:], 1000) < 0.99 {
			t.Error("the tones did not arrive clean")
		}
		if packets[0].header.PayloadType != 8 {
			t.Errorf("payload type %d on an A-law leg", packets[0].header.PayloadType)
		}
	})
}

func TestWhatEndsAPlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, _ := newLeg(t, p, audio.MuLaw)
		long := audio.Tone(440, time.Minute, -10)
		caller := newSpeaker(audio.MuLaw)
		press := func(code byte) {
			e.Receive(caller.event(code, caller.ts, 0, false))
			caller.ts += 1600
		}

		pressed := make(chan struct{})
		go func() {
			defer close(pressed)
			time.Sleep(time.Second)
			press(5)
		}()
		if interrupted, err := e.Play(t.Context(), long, true); !interrupted || err != nil {
			t.Errorf("after a key Play = %v, %v", interrupted, err)
		}
		<-pressed
		// The key is still there, so the next prompt is skipped at once.
		if interrupted, err := e.Play(t.Context(), long, true); !interrupted || err != nil {
			t.Errorf("with a key waiting Play = %v, %v", interrupted, err)
		}
		if key, err := e.Key(t.Context()); key != '5' || err != nil {
			t.Errorf("Key = %q, %v", key, err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		press(6)
		if interrupted, err := e.Play(ctx, long, false); interrupted || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without barge-in, after the context's end Play = %v, %v", interrupted, err)
		}
		e.FlushKeys()
		if _, err := e.Key(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a flushed key came back: %v", err)
		}

		first := make(chan error, 1)
		go func() { _, err := e.Play(t.Context(), long, true); first <- err }()
		synctest.Wait()
		second := make(chan error, 1)
		go func() { _, err := e.Play(t.Context(), long, true); second <- err }()
		if err := <-first; !errors.Is(err, ErrReplaced) {
			t.Errorf("a replaced Play = %v", err)
		}
		go e.Close()
		if err := <-second; !errors.Is(err, ErrClosed) {
			t.Errorf("Play on a closed leg = %v", err)
		}
		if _, err := e.Play(t.Context(), long, true); !errors.Is(err, ErrClosed) {
			t.Errorf("Play after Close = %v", err)
		}
		if _, err := e.Key(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Key after Close = %v", err)
		}
	})
}

func TestMusicGoesOnWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, tr := newLeg(t, p, audio.MuLaw)
		// Every byte tells its place; the length is not a whole number of frames.
		bytes := make([]byte, 250)
		for i := range bytes {
			bytes[i] = byte(i)
		}
		music := audio.NewClip(bytes)
		// Everything is asked for between two packets: what happens at the same
		// instant has no order.
		time.Sleep(10 * time.Millisecond)
		tr.take()
		e.Music(music)
		time.Sleep(time.Second)
		if _, err := e.Play(t.Context(), audio.Silence(500*time.Millisecond), false); err != nil {
			t.Fatal(err)
		}
		e.Music(music) // setting the same again changes nothing
		time.Sleep(time.Second)

		packets := tr.take()
		checkStream(t, packets, 0)
		want, paused, marks := byte(0), 0, 0
		for _, h := range packets {
			if h.header.Marker {
				marks++
			}
			if h.payload[0] == 0xff && h.payload[1] == 0xff {
				paused++
				continue
			}
			for _, b := range h.payload {
				if b != want {
					t.Fatalf("the music jumped to %d, want %d", b, want)
				}
				want = (want + 1) % 250
			}
		}
		if paused != 25 {
			t.Errorf("the prompt took %d packets, want 25", paused)
		}
		if marks != 3 {
			t.Errorf("%d markers, want 3: music, prompt, music", marks)
		}
	})
}

func TestAHeldLegIsLeftInPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, tr := newLeg(t, p, audio.MuLaw)
		time.Sleep(time.Second + 500*time.Microsecond) // between two packets
		before := tr.take()
		e.Update(noAddr, true)
		// Prompts end in time although nobody hears them.
		if _, err := e.Play(t.Context(), audio.Tone(440, time.Second, -10), false); err != nil {
			t.Fatal(err)
		}
		if n := len(tr.take()); n != 0 {
			t.Errorf("%d packets to a far end that put us on hold", n)
		}
		e.Update(noAddr, false)
		time.Sleep(time.Second)
		after := tr.take()
		checkStream(t, append(before, after...), 0)
		if !after[0].header.Marker {
			t.Error("the first packet after the hold has no marker")
		}
	})
}
