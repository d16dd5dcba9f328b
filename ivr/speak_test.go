package ivr_test

import (
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
	"hotline/ivr"
)

// What is put together from recorded words is spoken as the language wants it,
// and what cannot be spoken is left out: the call goes on.
func TestFiguresAreSpokenInTheLanguageOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, shippedFlows(t))
		engine, err := ivr.New(ivr.Config{Prompts: s.library, Languages: []string{"fr", "es"}, Log: discard(), Flows: oneFlow(t, `
start: a
fallback: {queue: help}
steps:
  a:
    say: [{wait: wait}, {wait: range}, {hours: hours}, {time: time}, {date: date}, {phone: phone}, {number: broken}, {time: broken}, {date: broken}, {wait: broken}, {number: number, in: es}, {hours: nothing}]
    next: b
  b: {end: ok, say: goodbye}
`)})
		if err != nil {
			t.Fatal(err)
		}
		line := newFarEnd()
		out, err := engine.Run(t.Context(), line, ivr.Start{Flow: "test", Attributes: map[string]string{"wait": "1", "range": "5-10", "hours": "21",
			"time": "14:30", "date": "2026-11-26", "phone": "+33 1 99 00 12 34", "number": "31", "broken": "soon"}})
		if err != nil || out.Exit != ivr.ExitEnd {
			t.Fatalf("the call ended with %v (%v)", out.Exit, err)
		}
		day := time.Date(2026, 11, 26, 14, 30, 0, 0, time.UTC)
		for i, speak := range []func() (*audio.Clip, error){
			func() (*audio.Clip, error) { return s.library.Wait("fr", 1, 1) },
			func() (*audio.Clip, error) { return s.library.Wait("fr", 5, 10) },
			func() (*audio.Clip, error) { return s.library.Hours("fr", 21) },
			func() (*audio.Clip, error) { return s.library.Time("fr", day) },
			func() (*audio.Clip, error) { return s.library.Date("fr", day) },
			func() (*audio.Clip, error) { return s.library.Phone("fr", "33199001234") },
			func() (*audio.Clip, error) { return s.library.Number("es", 31) },
			func() (*audio.Clip, error) { return s.library.Clip("fr", "goodbye") },
		} {
			if clip, err := speak(); err != nil || !line.hears(clip) {
				t.Fatalf("part %d was not heard (%v)", i+1, err)
			}
		}
		if !line.nothingHeard() {
			t.Error("something else was heard")
		}
	})
}
