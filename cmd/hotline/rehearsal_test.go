package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/health"
	"hotline/appliance/rehearsal"
	"hotline/appliance/trunk/phone"
	"hotline/appliance/trunk/trunktest"
	"hotline/triage"
	pagewords "hotline/ui/words"
)

// The box calls itself: by the door that every call comes in by and over its
// line to the telephone network, in both languages and to every line that a
// menu leads to. It is answered, sent on, recorded and exported, and leaves
// nothing: no record, no open item, no figure. It gives way to a real call at
// once. Then faults are seeded, and each is told in the right words.
func TestTheBoxRehearses(t *testing.T) {
	t.Parallel()
	here := fmt.Sprintf("127.0.0.1:%d", trunktest.FourPorts(t))
	var cfg config.Config
	var short atomic.Bool // of memory
	b := startBoxAfter(t, func(c *config.Config) {
		c.SIP.Listen, c.SIP.Help = here, []string{"+12025550100"}
		c.SIP.MaxCalls = innerAtOnce * keysShare
		c.SIP.Peers = []string{"127.0.0.2/32"}                                                        // the box may call itself all the same
		c.SIP.Lines = []config.Line{{Name: "gateway", Servers: []string{here}, From: "+12025550100"}} // brings every call back
		cfg = *c
	}, func(h *hotline) {
		h.strain = health.NewStrain(1, func() health.Reading {
			if short.Load() {
				return health.Reading{Available: 1, Memory: 100}
			}
			return health.Reading{Available: 50, Memory: 100}
		}, h.log)
	})
	b.recordLine(triage.RecordAlways)

	b.untilStarted()
	works := b.works()
	last, err := b.h.records.LastEvent()
	if err != nil {
		t.Fatal(err)
	}
	r, err := askForRehearsal(t.Context(), cfg) // as the command does
	if err != nil {
		t.Fatal(err)
	}
	b.rehearsedAll(r)
	b.onlyRehearsed(works, last)
	b.leftNothing()
	if line := of(health.Checks(b.h.measure()), "rehearsal.passed"); line == nil || line.State != health.Good {
		t.Error("the health page does not say when the last rehearsal passed")
	}

	b.rehearsesLightly()
	b.givesWay()
	b.seededFaults(r)
	short.Store(true)
	b.rehearsesNothing()
}

// rehearsedAll looks at the report of a whole rehearsal of a box that is well.
func (b *box) rehearsedAll(r rehearsal.Report) {
	b.t.Helper()
	if !r.Passed() || !r.Full || r.By == "" {
		b.t.Errorf("the rehearsal did not pass: %+v", r)
	}
	var good []string
	for _, c := range r.Lines {
		if c.State == health.Good {
			good = append(good, strings.Join(append([]string{strings.TrimPrefix(c.Words, "try.")}, c.Values[:min(2, len(c.Values))]...), " "))
		}
	}
	for _, want := range []string{"flows.good", "keys.good language es", "keys.good language en", "keys.shut", "greeting.heard language es", "greeting.heard language en", "queue.reached choice help", "queue.reached choice volunteers",
		"queue.reached choice family", "queue.reached choice private", "transfer.good", "recording.good choice help", "record.good", "line.good line gateway"} {
		if !slices.ContainsFunc(good, func(line string) bool { return strings.HasPrefix(line, want) }) {
			b.t.Errorf("the report does not say %q: %q", want, good)
		}
	}
	if !slices.Equal(r.Sounds, []string{"es", "en"}) {
		b.t.Errorf("there are samples of %v", r.Sounds)
	}
	for _, language := range r.Sounds {
		clip, err := b.h.rehearse.Sound(r.ID, language)
		if err != nil {
			b.t.Fatal(err)
		}
		if long, _ := loudness(clip.PCM()); long < 2*time.Second {
			b.t.Errorf("the sample of %s has %v of sound", language, long)
		}
	}
}

// leftNothing looks everywhere where a call leaves something.
func (b *box) leftNothing() {
	b.t.Helper()
	if rows := b.export("contacts"); len(rows) != 0 {
		b.t.Errorf("the rehearsal is in the export: %v", rows)
	}
	if list, err := b.h.contacts.OpenItems(); err != nil || len(list) != 0 {
		b.t.Errorf("the rehearsal is on the worklist: %v %v", list, err)
	}
	if day, err := b.h.contacts.Today(time.Now()); err != nil || day.Answered+day.Abandoned != 0 {
		b.t.Errorf("the rehearsal is counted: %+v %v", day, err)
	}
	tapes := 0
	if err := b.h.tapes.Each(func(triage.Recording) bool { tapes++; return true }); err != nil || tapes > 0 {
		b.t.Errorf("%d recordings of the rehearsal are kept: %v", tapes, err)
	}
	if signed := b.h.dispatch.SignedIn(); signed != 0 {
		b.t.Errorf("%d stand-ins sit among the phone volunteers", signed)
	}
	b.untilEnded()
}

// givesWay lets somebody ring while the box calls itself.
func (b *box) givesWay() {
	b.t.Helper()
	done := make(chan rehearsal.Report, 1)
	if err := b.h.rehearse.ask(asking{by: "Rosa", done: done}); err != nil {
		b.t.Fatal(err)
	}
	if err := b.h.rehearse.Start("Rosa"); !errors.Is(err, errRehearses) {
		b.t.Errorf("a second rehearsal beside the first: %v", err)
	}
	caller, err := phone.Dial(b.t.Context(), phone.Config{From: "+12024561111", To: "+12025550100", Server: b.h.trunk.Addr()})
	if err != nil {
		b.t.Fatal(err)
	}
	defer caller.Hangup()
	select {
	case r := <-done:
		if r.GaveWay != rehearsal.GaveWayCall || r.Failed() > 0 {
			b.t.Errorf("the rehearsal ended so: %+v", r)
		}
	case <-time.After(patience):
		b.t.Fatal("the rehearsal goes on beside a real call")
	}
	if _, err := listen(b.t.Context(), caller, 0, greetingHeard, greetingLimit); err != nil {
		b.t.Errorf("the caller who came meanwhile hears nothing: %v", err)
	}
	if again := b.h.rehearse.light(b.t.Context()); again != rehearseAgain {
		b.t.Errorf("the form of every hour is made beside a caller: %v", again)
	}
	caller.Hangup()
	b.untilEnded()
	if rows := b.export("contacts"); len(rows) != 1 {
		b.t.Errorf("there are %d contacts after one call", len(rows))
	}
}

// of is the line with these words; nil when there is none.
func of(lines []health.Check, words string) *health.Check {
	for i := range lines {
		if lines[i].Words == words {
			return &lines[i]
		}
	}
	return nil
}

// Every sentence of a rehearsal has its next step where it needs one, and no
// sentence is left over.
func TestEveryLineOfARehearsalIsUsed(t *testing.T) {
	catalogues, err := pagewords.Load()
	if err != nil {
		t.Fatal(err)
	}
	source := ""
	for _, name := range []string{"walkthrough.go", "rehearsalends.go", "rehearsallines.go", "rehearsalfailover.go", "rehearsalkeys.go", "rehearsalinner.go", "rehearsal.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source += string(text)
	}
	for _, key := range slices.Sorted(maps.Keys(catalogues.Keys(pagewords.English))) {
		words, ok := strings.CutPrefix(key, "health.try.")
		if words = strings.TrimSuffix(words, ".next"); ok && !strings.Contains(source, `"`+words+`"`) && !strings.HasPrefix(words, "gave_way.") {
			t.Errorf("nothing says %s", key)
		}
	}
}
