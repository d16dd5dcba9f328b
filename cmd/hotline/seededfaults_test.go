package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/health"
	"hotline/appliance/rehearsal"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/ui/page"
	pagewords "hotline/ui/words"
	"hotline/volunteers/roster"
)

// seededFaults puts something out of order and looks at what is told: by the
// health page (and with it in every rehearsal), or by the part of a rehearsal
// that tries it. What the machine itself can be made to have is in
// TestTheHealthPageSeesCauses; here it is a figure where no cause can be made in a
// test. whole is the report of a box that is well, but for its single line.
func (b *box) seededFaults(whole rehearsal.Report) {
	t := b.t
	now := time.Now()
	day := 24 * time.Hour
	well := func() health.Figures {
		return health.Figures{Now: now, Started: now.Add(-day), Trunk: trunk.Stats{Calls: 1, Limit: 100}, DiskFree: 50 << 30, DiskSize: 100 << 30, Clock: health.Clock{Known: true, Synced: true},
			CertificateEnds: now.Add(90 * day), Backup: health.Backup{Place: "/media/usb", Started: now.Add(-day), Last: now, Key: true}, Key: health.Key{Kind: "file"}}
	}
	if worst := health.Worst(health.Checks(well())); worst != health.Good {
		t.Fatalf("the box is not well to begin with: %v", health.Checks(well()))
	}
	page := func(change func(*health.Figures)) func() []health.Check {
		return func() []health.Check {
			f := well()
			change(&f)
			return health.Checks(f)
		}
	}
	tried := func(try func(*walkthrough)) func() []health.Check {
		return func() []health.Check {
			w := &walkthrough{rehearsals: b.h.rehearse, report: rehearsal.Report{Full: true}}
			try(w)
			return w.report.Lines
		}
	}
	ctx := t.Context()
	with := b.h.engine.Surroundings()
	broken := func(change func(map[string]string)) *flow.FlowSet {
		texts := map[string]string{"one": faultyFlow, "wait": "start: a\nfallback: {queue: help, treatment: wait}\nsteps:\n  a: {music: music.hold, next: b}\n  b: {wait: 30s, next: b}\n"}
		change(texts)
		set, err := flow.ParseSet(texts)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	lineTrial := &walkthrough{rehearsals: b.h.rehearse, report: rehearsal.Report{Full: true}}
	var none, untried []health.Check
	oneWay := map[string][]health.Check{}
	b.mirrored(lineTrial, ofKeys, func() { // all of it behind one mirror, which takes a while to make
		none = b.failsOver(lineTrial)
		for name, way := range map[string]struct{ to, from carries }{"half": {allOfIt, nothing}, "other half": {nothing, allOfIt}, "mute": {silence, allOfIt}} {
			b.carrier(name, way.to, way.from)
			lineTrial.report.Lines = nil
			lineTrial.line(ctx, name, "+12025550100", "+12025550100")
			oneWay[name] = lineTrial.report.Lines
		}
	})
	were := func(lines []health.Check) func() []health.Check { return func() []health.Check { return lines } }
	sound := broken(func(map[string]string) {})
	help := map[string]bool{triage.QueueHelp: true}
	faults := []struct {
		fault string
		seed  func() []health.Check
		words string
		says  string // part of the sentence or the next step
	}{
		{"a full trunk", page(func(f *health.Figures) {
			f.Lines = []trunk.LineState{{Name: "carrier", Up: true, Checked: true, Calls: 2, Limit: 2}}
		}), "line.full", "Ask the telephone company for more channels"},
		{"a disk that takes nothing more", page(func(f *health.Figures) { f.DiskFull = true }), "disk.reserve", ""},
		{"records that cannot be written", page(func(f *health.Figures) { f.Unsaved = 3 }), "records.unsaved", "on paper"},
		{"a wrong clock", page(func(f *health.Figures) { f.Clock.Jumped = -2 * time.Hour }), "clock.jumped", "set it right"},
		{"a clock that drifts", page(func(f *health.Figures) { f.Clock.Synced = false }), "clock.alone", "Compare it with a telephone"},
		{"no backup", page(func(f *health.Figures) { f.Backup.Last = time.Time{} }), "backup.never", ""},
		{"damaged records", page(func(f *health.Figures) { f.Backup.Damaged = true }), "records.damaged", ""},
		{"a machine that is too weak", page(func(f *health.Figures) { f.Strain = health.StrainSound }), "strain.sound", "can carry no more calls"},
		{"exports that do not arrive", page(func(f *health.Figures) { f.Orders = []health.Order{{Late: true}} }), "export.late", ""},
		{"the wrong codec", func() []health.Check { // of a real call
			_, err := phone.Dial(ctx, phone.Config{From: "+12024561111", To: "+12025550100", Server: b.h.trunk.Addr(), Laws: []audio.Law{18}}) // G.729 (RFC 3551 §6)
			if refused := new(phone.RefusedError); !errors.As(err, &refused) || refused.Status != 488 {
				t.Errorf("a call with G.729 ended with %v", err)
			}
			return health.Checks(b.h.measure())
		}, "sound.refused", "G.711"},
		{"callers who are not heard", func() []health.Check { // real calls, of which no sound comes
			var calls sync.WaitGroup
			for i := range 3 {
				calls.Go(func() {
					c, err := phone.Dial(ctx, phone.Config{From: fmt.Sprintf("+1202456112%d", i), To: "+12025550100", Server: b.h.trunk.Addr(), Mute: true})
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Hangup()
					if _, err := listen(ctx, c, 0, 4*time.Second, 20*time.Second); err != nil { // they hear the hotline
						t.Error(err)
					}
				})
			}
			b.until("a call is on the line", func() bool { return b.h.trunk.Lines()[0].Calls > 0 })
			lineTrial.report.Lines = nil
			lineTrial.failOver(ctx, lineTrial.ownNumber()) // while they are on the line, and hear it
			untried = lineTrial.report.Lines
			calls.Wait()
			b.untilEnded()
			return health.Checks(b.h.measure())
		}, "sound.trunk", "between this machine and the telephone company"},
		{"a missing sentence", tried(func(w *walkthrough) {
			without := with
			without.HasPrompt = func(language, id string) bool {
				return !(language == "es" && id == "main.menu") && with.HasPrompt(language, id)
			}
			w.judgeFlows(ctx, sound, without)
		}), "try.flows.silent", "In Spanish the sentence main.menu of the flow one is missing"},
		{"a flow that leads in circles", tried(func(w *walkthrough) {
			w.judgeFlows(ctx, broken(func(texts map[string]string) {
				texts["one"] = strings.Replace(faultyFlow, "\"2\": help", "\"2\": round", 1) + circle
			}), with)
		}), "try.flows.lost", "at the step ask, a caller is lost"},
		{"a flow with a fault", tried(func(w *walkthrough) {
			w.judgeFlows(ctx, broken(func(texts map[string]string) {
				texts["one"] = strings.Replace(faultyFlow, "menu: {", "menu: {\"3\": nowhere, ", 1)
			}), with)
		}), "try.flows.unfit", "Read the words below to whoever writes the flows"},
		{"a language without a key", tried(func(w *walkthrough) { w.language(ctx, mirrorEntry{flow: "main"}, "ar", "", false) }), "try.language.keyless", "No key leads to Arabic"},
		{"a menu that leads to nobody", tried(func(w *walkthrough) { w.reaches(ctx, mirrorEntry{flow: "main"}, nil, map[string]bool{}) }), "try.queue.none", "Callers can only listen"},
		{"a hotline that is closed", tried(func(w *walkthrough) {
			if _, err := b.h.mode.Set(ctx, mode.Change{Mode: mode.CallBacks, For: time.Hour, By: "test", Via: "rule"}); err != nil {
				t.Fatal(err)
			}
			w.closed()
			if _, err := b.h.mode.Set(ctx, mode.Change{Mode: mode.Normal, By: "test", Via: "rule"}); err != nil {
				t.Fatal(err)
			}
		}), "try.closed", "callers hear its announcement instead of the menu"},
		{"a line that brings no call", tried(func(w *walkthrough) {
			w.m = &mirror{hotline: b.h, entries: []mirrorEntry{{number: "rehearsal-x"}}}
			w.line(ctx, "gone", "", "+12025550100")
		}), "try.line.dead", "did not bring a call"},
		{"a line by which callers hear nothing", were(oneWay["half"]), "try.line.deaf.callers", "sound goes one way only: the hotline hears callers, but they hear nothing"},
		{"a line by which callers are not heard", were(oneWay["other half"]), "try.line.deaf.hotline", "router (NAT) or firewall"},
		{"a line by which callers are silence", were(oneWay["mute"]), "try.line.still.hotline", "the gateway or the telephone company sends silence"},
		{"one line only", were(whole.Lines), "try.failover.only", "Line gateway is the only one that works. When it fails, nobody can be called back, and no caller comes in by it. Add a second line"},
		{"a line that no other one stands in for", were(none), "try.failover.none", "When line gateway fails, no other line takes calls out"},
		{"a line that cannot be made to fail", func() []health.Check { return untried }, "try.failover.untried", "a call is on it"},
		{"nobody signed in", tried(func(w *walkthrough) { w.staff(help) }), "try.staff.away", "Ask somebody to sign in"},
		{"a line that nobody serves", tried(func(w *walkthrough) { w.staff(map[string]bool{triage.QueuePrivate: true}) }), "try.staff.unserved", "Nobody is set to answer the line"},
		{"no phone volunteers", tried(func(w *walkthrough) { // the last one: the accounts stay shut
			list, err := b.h.accounts.List()
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range list {
				if a.Role.May(roster.Desk) {
					a.Disabled = true
					if err := b.h.accounts.Change(ctx, a, "test"); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.staff(help)
		}), "try.staff.none", "Invite phone volunteers"},
	}
	if len(faults) < 20 {
		t.Errorf("only %d faults are seeded", len(faults))
	}
	frames := framesOf(t)
	for i, f := range faults {
		line := of(f.seed(), f.words)
		if line == nil || line.State == health.Good {
			t.Errorf("%s: nothing says %s", f.fault, f.words)
			continue
		}
		checkWords(t, frames, f.fault, f.says, *line)
		sentence, next := frames[pagewords.English].CheckWords(*line)
		t.Logf("fault %d, %s (%s): %s %s", i+1, f.fault, line.State, sentence, next)
	}
}

// framesOf are pages in every language.
func framesOf(t *testing.T) map[string]page.Frame {
	t.Helper()
	catalogues, err := pagewords.Load()
	if err != nil {
		t.Fatal(err)
	}
	frames := map[string]page.Frame{}
	for _, tag := range catalogues.Tags() {
		text, err := pageText(catalogues, tag)
		if err != nil {
			t.Fatal(err)
		}
		frames[tag] = page.Frame{Text: text}
	}
	return frames
}

// checkWords looks whether a line is told in English as wanted, and in every
// language with a next step and without a gap.
func checkWords(t *testing.T, frames map[string]page.Frame, fault, says string, line health.Check) {
	t.Helper()
	for tag, frame := range frames {
		if !frame.Known("health."+line.Words) || !frame.Known("health."+line.Words+".next") {
			t.Errorf("%s, %s: there are no words for %s", fault, tag, line.Words)
			continue
		}
		sentence, next := frame.CheckWords(line)
		if strings.ContainsAny(sentence+next, "{}") {
			t.Errorf("%s, %s: %s %s", fault, tag, sentence, next)
		}
		if tag == pagewords.English && !strings.Contains(sentence+" "+next, says) {
			t.Errorf("%s is told as %q, %q; want %q", fault, sentence, next, says)
		}
	}
}

const faultyFlow = `
start: ask
fallback: {queue: help, priority: 5, treatment: wait}
steps:
  ask: {menu: {"1": help, "2": help}, say: main.menu, default: help}
  help: {queue: help, priority: 5, treatment: wait, say: queue.connecting}
`

const circle = `  round: {loop: 50, again: s1, done: help}
  s1: {set: {a: b}, next: s2}
  s2: {set: {a: b}, next: s3}
  s3: {set: {a: b}, next: s4}
  s4: {set: {a: b}, next: s5}
  s5: {set: {a: b}, next: s6}
  s6: {set: {a: b}, next: s7}
  s7: {set: {a: b}, next: s8}
  s8: {set: {a: b}, next: round}
`
