package ivr_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/prompts"
)

// What is kept of the news for the next caller is not heard after somebody has
// recorded a word of it, or renewed the bulletin.
func TestNewsAreHeardAsTheyAreNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		time.Sleep(10*time.Hour + 20*time.Minute) // the clock of these tests begins at midnight
		list := ivr.Bulletins(s.board, func() ivr.Prompts { return s.studio.Library() }, func() bool { return false })
		hear := func() *audio.Clip {
			heard, err := list(t.Context(), "", "es", time.Now())
			if err != nil || len(heard) != 1 {
				t.Fatalf("%d bulletins, %v", len(heard), err)
			}
			return heard[0].Sound
		}
		// asOf tells whether the time is said before the bulletin.
		asOf := func(clip *audio.Clip, at time.Time) bool {
			said, err := s.studio.Time("es", at.Local())
			if err != nil {
				t.Fatal(err)
			}
			return bytes.Contains(clip.MuLaw(), said.MuLaw())
		}
		published := time.Now()
		one, err := s.board.Publish(t.Context(), bulletins.Draft{Language: "es", Sound: audio.Tone(500, 2*time.Second, -20), By: "acc-7", Via: "phone"})
		if err != nil {
			t.Fatal(err)
		}
		first := hear()
		if !asOf(first, published) {
			t.Fatal("the bulletin does not say since when it holds")
		}
		if hear() != first {
			t.Error("the same news is put together for every caller")
		}

		word := audio.Tone(1000, 700*time.Millisecond, -20)
		if err := s.studio.Record(t.Context(), "es", "asof.today", word, prompts.Who{ID: "acc-7", Via: "phone"}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(hear().MuLaw(), word.MuLaw()) {
			t.Error("callers hear the old recording of a word")
		}

		time.Sleep(95 * time.Minute)
		if err := s.board.Renew(t.Context(), one.ID, time.Hour, "acc-7", "Rosa", "phone"); err != nil {
			t.Fatal(err)
		}
		if clip := hear(); !asOf(clip, published.Add(95*time.Minute)) || asOf(clip, published) {
			t.Error("a renewed bulletin says the old time")
		}
	})
}
