package media

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
)

func TestRetuneGoesOnInTheMiddleOfASentence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, tr := newLeg(t, p, audio.MuLaw)
		e.Music(audio.Tone(2000, time.Second, -10))
		// The clock may begin with this leg or a frame after it: which packet is the
		// first of the new law is told by its time.
		retuned := time.Now().Add(503 * time.Millisecond)
		go func() {
			time.Sleep(time.Until(retuned))
			e.Retune(audio.ALaw, 96)
		}()
		if _, err := e.Play(t.Context(), audio.Tone(440, time.Second, -10), false); err != nil {
			t.Fatal(err)
		}
		if e.Law() != audio.ALaw {
			t.Errorf("the law is %v", e.Law())
		}
		time.Sleep(500 * time.Millisecond)
		packets := tr.take()
		checkStream(t, packets, 20*time.Millisecond)
		if first, last := packets[0].at, packets[len(packets)-1].at; !first.Before(retuned) || last.Before(retuned) {
			t.Fatalf("the packets from %s to %s are not of both laws", first, last)
		}
		for i, h := range packets {
			want := uint8(0)
			if h.at.After(retuned) {
				want = 8
			}
			if h.header.PayloadType != want {
				t.Fatalf("packet %d has payload type %d, want %d", i, h.header.PayloadType, want)
			}
		}
		pcm := listen(packets)
		if clip, music := audio.ToneLevel(pcm[400:8000], 440), audio.ToneLevel(pcm[8160:11200], 2000); clip < 0.98 || music < 0.98 {
			t.Errorf("the clip has %.2f of the energy, the music after it %.2f", clip, music)
		}
	})
}

func TestRetuneMovesTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, tr := newLeg(t, p, audio.MuLaw)
		say := newSpeaker(audio.MuLaw)
		event := func(pt uint8) []byte {
			say.ts += 1600
			b := say.event(1, say.ts, 160, false)
			b[1] = pt
			return b
		}
		e.Retune(audio.MuLaw, 96)
		e.Receive(event(testDTMF))
		if s := e.Stats(); s.DroppedInvalid != 1 {
			t.Errorf("a key of the old type: %+v", s)
		}
		e.Receive(event(96))
		if k, err := e.Key(t.Context()); k != '1' || err != nil {
			t.Errorf("a key of the new type: %q, %v", k, err)
		}
		if err := e.SendKeys(t.Context(), "5"); err != nil {
			t.Fatal(err)
		}
		sent := 0
		for _, h := range tr.take() {
			if h.header.PayloadType == 96 {
				sent++
			}
		}
		if sent != keyHeld+keyEnds {
			t.Errorf("%d packets of the new type for a key", sent)
		}
		go func() {
			time.Sleep(50 * time.Millisecond)
			e.Retune(audio.MuLaw, 0)
		}()
		if err := e.SendKeys(t.Context(), "123"); !errors.Is(err, ErrNoKeys) {
			t.Errorf("keys are not possible any more, SendKeys = %v", err)
		}
	})
}

func TestKeysThatSignallingBrings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPacer(t)
		e, _ := newLeg(t, p, audio.MuLaw)
		for _, k := range []byte("1#dE! ") {
			e.Press(k)
		}
		for _, want := range []byte("1#D") {
			if k, err := e.Key(t.Context()); k != want || err != nil {
				t.Errorf("key %q, %v; want %q", k, err, want)
			}
		}
		done := make(chan byte)
		go func() {
			k, _ := e.Key(t.Context())
			done <- k
		}()
		synctest.Wait()
		e.Press('*')
		if k := <-done; k != '*' {
			t.Errorf("someone waited for a key and got %q", k)
		}
	})
}
