package ivr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/ivr"
)

// Of the bugs that others have shipped (DEVELOPING.md has the list), those of
// phone dialogues.

// Bug 1: nobody is on shift. The caller is not rung for ever: within two minutes
// there is a promise to call back or a message.
func Test2b01WithNobodyOnShiftACallerIsNotRungForEver(t *testing.T) {
	for _, name := range []string{"nobody_there_callback_en", "nobody_there_callback_es", "nobody_there_message_en", "nobody_there_message_es"} {
		file := filepath.Join("testdata", name+".txt")
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, shippedFlows(t))
				s.play(file, string(script))
				<-s.over
				if took := time.Since(s.began); took > 2*time.Minute {
					t.Errorf("the caller waited for %v", took)
				}
				if len(s.promises)+len(s.messages) != 1 || s.out.Exit == ivr.ExitQueue {
					t.Errorf("the call ended as %+v, with the promises %v and the messages %v", s.out, s.promises, s.messages)
				}
			})
		})
	}
}

// Bug 25: the language is chosen within 8 seconds of the answer, also by who
// presses nothing, and nobody waits in silence.
func Test2b25TheLanguageComesAtOnceAndNobodyWaitsInSilence(t *testing.T) {
	library, err := shippedPrompts()
	if err != nil {
		t.Fatal(err)
	}
	flows := shippedFlows(t)
	choose := flows.Flow(ivr.FlowMain).Steps["language"]
	long := choose.Menu.Timeout
	for _, language := range []string{"es", "en"} { // those that are offered from the start
		clip, err := library.Clip(language, "language.choose")
		if err != nil {
			t.Fatal(err)
		}
		long += clip.Duration()
	}
	if long == 0 || long > 8*time.Second {
		t.Errorf("who presses nothing hears about languages for %v", long)
	}
	treatments := 0
	for _, name := range flows.Names() {
		if !strings.HasPrefix(name, ivr.FlowWaiting) {
			continue
		}
		treatments++
		if f := flows.Flow(name); f.Steps[f.Start].Music == "" {
			t.Errorf("%s begins in silence", name)
		}
	}
	if treatments < 3 {
		t.Errorf("only %d waiting treatments were looked at", treatments)
	}
}
