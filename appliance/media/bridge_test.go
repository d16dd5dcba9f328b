package media

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
)

func TestBridgeCarriesBothSidesWithoutDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		a, trackA := newLeg(t, p, audio.MuLaw)
		b, trackB := newLeg(t, p, audio.ALaw)
		music := audio.Tone(2000, time.Second, -10)
		a.Music(music)
		b.Music(music)
		time.Sleep(time.Second + 7300*time.Microsecond)
		c := Bridge(a, b)
		sayA, sayB := newSpeaker(audio.MuLaw), newSpeaker(audio.ALaw)
		voiceA := frames(audio.Tone(440, 2*time.Second, -10), audio.MuLaw, 20*time.Millisecond)
		voiceB := frames(audio.Tone(1000, 2*time.Second, -10), audio.ALaw, 20*time.Millisecond)
		before := trackB.count()
		for i := range voiceA {
			a.Receive(sayA.packet(voiceA[i]))
			if got := trackB.last(); !got.at.Equal(time.Now()) || got.header.PayloadType != 8 {
				t.Fatalf("packet %d was not passed on at once, or not in the law of the other side", i)
			}
			b.Receive(sayB.packet(voiceB[i]))
			time.Sleep(20 * time.Millisecond)
		}
		if sent := trackB.count() - before; sent > len(voiceA)+1 {
			t.Errorf("%d packets went out for %d that came in", sent, len(voiceA))
		}
		c.Close()
		time.Sleep(time.Second)

		for name, check := range map[string]struct {
			packets []heard
			hz      float64
		}{"a": {trackA.take(), 1000}, "b": {trackB.take(), 440}} {
			checkStream(t, check.packets, 40*time.Millisecond)
			pcm := listen(check.packets)
			music, voice, after := pcm[:7200], pcm[8800:8800+14400], pcm[len(pcm)-7200:]
			if audio.ToneLevel(music, 2000) < 0.95 || audio.ToneLevel(voice, check.hz) < 0.95 || audio.ToneLevel(after, 2000) < 0.95 {
				t.Errorf("leg %s heard music %.2f, voice %.2f, music %.2f", name,
					audio.ToneLevel(music, 2000), audio.ToneLevel(voice, check.hz), audio.ToneLevel(after, 2000))
			}
			marks := 0
			for _, h := range check.packets {
				if h.header.Marker {
					marks++
				}
			}
			if marks < 3 || marks > 4 {
				t.Errorf("leg %s: %d markers, want music, voice, music", name, marks)
			}
		}
	})
}

// bridged is one direction of a bridge: what the speaker says on from arrives
// in out.
func bridged(t *testing.T) (say *speaker, from *Endpoint, out *track) {
	p := startPacer(t)
	a, _ := newLeg(t, p, audio.MuLaw)
	b, tr := newLeg(t, p, audio.MuLaw)
	time.Sleep(105 * time.Millisecond)
	Bridge(a, b)
	return newSpeaker(audio.MuLaw), a, tr
}

// talk says a tone for d.
func (s *speaker) talk(to *Endpoint, hz float64, d time.Duration) {
	for _, f := range frames(audio.Tone(hz, d, -10), audio.MuLaw, 20*time.Millisecond) {
		to.Receive(s.packet(f))
		time.Sleep(20 * time.Millisecond)
	}
}

func TestSilenceIsFilledInAndSpeechResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		say, from, out := bridged(t)
		say.talk(from, 440, time.Second)
		for range 20 { // a phone that suppresses silence: time goes on, packets do not
			time.Sleep(500 * time.Millisecond)
			say.ts += 4000
			say.talk(from, 440, 500*time.Millisecond)
		}
		packets := out.take()
		checkStream(t, packets, 60*time.Millisecond)
		for i := 1; i < len(packets); i++ {
			if gap := packets[i].at.Sub(packets[i-1].at); gap > 125*time.Millisecond {
				t.Errorf("nothing went out for %v", gap)
			}
		}
	})
}

func TestAPhoneWhoseClockStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		say, from, out := bridged(t)
		say.talk(from, 440, time.Second)
		time.Sleep(10 * time.Second) // on hold, and its timestamps with it
		say.talk(from, 1000, time.Second)
		packets := out.take()
		checkStream(t, packets, 60*time.Millisecond)
		pcm := listen(packets)
		if level := audio.ToneLevel(pcm[len(pcm)-5600:], 1000); level < 0.98 {
			t.Errorf("after the pause the voice has %.2f of the energy", level)
		}
	})
}

func TestABacklogDoesNotBecomeDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		say, from, out := bridged(t)
		say.talk(from, 440, time.Second)
		time.Sleep(2 * time.Second)
		// The network delivers two seconds at once, then all is well.
		for _, f := range frames(audio.Tone(700, 2*time.Second, -10), audio.MuLaw, 20*time.Millisecond) {
			from.Receive(say.packet(f))
		}
		burst := len(out.take())
		say.talk(from, 1000, time.Second)
		packets := out.take()
		checkStream(t, packets, 45*time.Millisecond)
		pcm := listen(packets)
		if level := audio.ToneLevel(pcm[:7200], 1000); level < 0.98 {
			t.Errorf("after the stall the live voice has %.2f of the energy: it comes late", level)
		}
		if burst > 1000/20+100/20+2000/20 {
			t.Errorf("%d packets before the live voice: the burst was passed on", burst)
		}
	})
}

func TestLossOrderAndGapsStayAsTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		say, from, out := bridged(t)
		say.talk(from, 440, 200*time.Millisecond)
		out.take()
		frame := make([]byte, 160)
		next := func() []byte { return say.packet(frame) }
		one, two, three, four, five := next(), next(), next(), next(), next()
		twice := append([]byte(nil), two...)
		for _, b := range [][]byte{one, two, twice, four, three, five} { // sent twice, overtaken
			from.Receive(b)
			time.Sleep(10 * time.Millisecond)
		}
		next() // lost
		say.ts += 160
		from.Receive(next()) // a pause of a frame
		say.pt = 13
		from.Receive(next()) // comfort noise is not sound
		say.pt = 0
		from.Receive(say.event(1, say.ts, 0, false)) // a key neither
		from.Receive(next())

		packets := out.take()
		base := packets[0].header
		var got [][2]int
		for _, h := range packets {
			got = append(got, [2]int{int(int16(h.header.SequenceNumber - base.SequenceNumber)), int(int32(h.header.Timestamp-base.Timestamp)) / 160})
			if h.header.PayloadType != 0 {
				t.Errorf("payload type %d was passed on", h.header.PayloadType)
			}
		}
		want := [][2]int{{0, 0}, {1, 1}, {3, 3}, {2, 2}, {4, 4}, {6, 7}, {7, 9}}
		if len(got) != len(want) {
			t.Fatalf("numbers and times %v, want %v", got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("numbers and times %v, want %v", got, want)
			}
		}
		if key, err := from.Key(t.Context()); key != '1' || err != nil {
			t.Errorf("the key on a bridged leg: %q, %v", key, err)
		}
	})
}

func TestLongPacketsAndNewStreamsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		say, from, out := bridged(t)
		for _, ptime := range []time.Duration{30, 60, 10} {
			ptime *= time.Millisecond
			for _, f := range frames(audio.Tone(440, 1200*time.Millisecond, -10), audio.MuLaw, ptime) {
				from.Receive(say.packet(f))
				time.Sleep(ptime)
			}
			// A transfer: other source, other numbers.
			say = &speaker{ssrc: say.ssrc + 1, seq: say.seq * 7, ts: say.ts * 7}
		}
		packets := out.take()
		checkStream(t, packets, 80*time.Millisecond)
		pcm := listen(packets)
		if level := audio.ToneLevel(pcm[len(pcm)-3*9600:], 440); level < 0.95 {
			t.Errorf("the voice has %.2f of the energy", level)
		}
		if len(packets) > 6+40+20+120+3 {
			t.Errorf("%d packets: silence was mixed in", len(packets))
		}
	})
}

func TestADriftingClockIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		say, from, out := bridged(t)
		frame := make([]byte, 160)
		for range 6000 { // two minutes of a clock that is 2 % fast
			from.Receive(say.packet(frame))
			time.Sleep(19600 * time.Microsecond)
		}
		packets := out.take()
		marks := 0
		for i, h := range packets[1:] {
			if h.header.Marker {
				marks++
			}
			if int32(h.header.Timestamp-packets[i].header.Timestamp) < 160 {
				t.Fatalf("time went back at packet %d", i)
			}
		}
		if marks > 5 {
			t.Errorf("%d new beginnings in two minutes", marks)
		}
	})
}

func TestAClockThatJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		say, from, out := bridged(t)
		for _, jump := range []uint32{0, 5_000_000, 1 << 31, 9_000_000} {
			say.ts += jump
			say.talk(from, 440, 500*time.Millisecond)
			say.ts -= 2 * jump
			say.talk(from, 440, 500*time.Millisecond)
		}
		packets := out.take()
		checkStream(t, packets, 60*time.Millisecond)
		if level := audio.ToneLevel(listen(packets)[1600:], 440); level < 0.9 {
			t.Errorf("the voice has %.2f of the energy", level)
		}
	})
}

func TestManyBridgesBuildUpNoDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		a, _ := newLeg(t, p, audio.MuLaw)
		b, out := newLeg(t, p, audio.MuLaw)
		say := newSpeaker(audio.MuLaw)
		for i := range 100 {
			time.Sleep(60 * time.Millisecond)
			c := Bridge(a, b)
			say.talk(a, 440, 100*time.Millisecond)
			c.Close()
			time.Sleep(time.Duration(i%20) * time.Millisecond) // at every moment of a frame
		}
		checkStream(t, out.take(), 45*time.Millisecond)
	})
}

func TestPlayOverABridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		a, _ := newLeg(t, p, audio.MuLaw)
		b, out := newLeg(t, p, audio.MuLaw)
		Bridge(a, b)
		say := newSpeaker(audio.MuLaw)
		done := make(chan struct{})
		go func() { defer close(done); say.talk(a, 440, 3*time.Second) }()
		time.Sleep(1003 * time.Millisecond)
		if _, err := b.Play(t.Context(), audio.Tone(1000, time.Second, -10), false); err != nil {
			t.Fatal(err)
		}
		<-done
		packets := out.take()
		checkStream(t, packets, 45*time.Millisecond)
		pcm := listen(packets)
		for i, hz := range []float64{440, 1000, 440} {
			if level := audio.ToneLevel(pcm[i*8000+800:i*8000+7200], hz); level < 0.98 {
				t.Errorf("second %d: %v Hz has %.2f of the energy", i, hz, level)
			}
		}
	})
}

// The other side goes on talking while keys are sent: they go out at their own
// pace, and the talk is heard again afterwards.
func TestKeysOnABridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		a, _ := newLeg(t, p, audio.MuLaw)
		b, out := newLeg(t, p, audio.MuLaw)
		Bridge(a, b)
		say := newSpeaker(audio.MuLaw)
		done := make(chan struct{})
		go func() { defer close(done); say.talk(a, 440, 4*time.Second) }()
		time.Sleep(1003 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := b.SendKeys(ctx, "12"); err != nil {
			t.Fatalf("sending keys: %v", err)
		}
		<-done
		keys := map[uint32]bool{}
		packets := out.take()
		for _, h := range packets {
			if h.header.PayloadType == testDTMF {
				keys[h.header.Timestamp] = true
			}
		}
		if len(keys) != 2 {
			t.Errorf("%d keys arrived, want 2", len(keys))
		}
		pcm := listen(onlySound(packets))
		if level := audio.ToneLevel(pcm[len(pcm)-8000:], 440); level < 0.98 {
			t.Errorf("after the keys the talk has %.2f of the energy", level)
		}
	})
}

func TestBridgesComeApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		a, trackA := newLeg(t, p, audio.MuLaw)
		b, trackB := newLeg(t, p, audio.MuLaw)
		c, trackC := newLeg(t, p, audio.MuLaw)
		for _, e := range []*Endpoint{a, b, c} {
			e.Music(audio.Tone(2000, time.Second, -10))
		}
		first := Bridge(a, b)
		second := Bridge(b, c) // a is alone now
		first.Close()          // too late to matter
		time.Sleep(50 * time.Millisecond)
		say := newSpeaker(audio.MuLaw)
		trackA.take()
		trackC.take()
		say.talk(b, 440, time.Second)
		if level := audio.ToneLevel(listen(trackC.take()), 440); level < 0.95 {
			t.Errorf("the new partner hears %.2f of the voice", level)
		}
		if level := audio.ToneLevel(listen(trackA.take()), 2000); level < 0.95 {
			t.Errorf("the old partner hears %.2f of the music", level)
		}
		c.Close()
		trackB.take()
		time.Sleep(time.Second)
		if level := audio.ToneLevel(listen(trackB.take()), 2000); level < 0.95 {
			t.Errorf("after the other leg closed: %.2f of the music", level)
		}
		second.Close()
	})
}
