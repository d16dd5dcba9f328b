package ivr_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/flow"
	"hotline/ivr/mode"
	"hotline/ivr/prompts"
)

// patience is how long a script waits for anything.
const patience = 5 * time.Minute

func (s *scene) fatal(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s: %s\nlog:\n%s", s.where, fmt.Sprintf(format, args...), s.log)
}

// play acts out the lines of a script.
func (s *scene) play(name, script string) {
	s.t.Helper()
	for i, line := range strings.Split(script, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		s.where = fmt.Sprintf("%s:%d: %s", name, i+1, strings.TrimSpace(line))
		s.act(words[0], words[1:])
	}
}

func (s *scene) act(verb string, args []string) {
	s.t.Helper()
	if s.line == nil && !slices.Contains([]string{"flow", "language", "languages", "given", "mode", "bulletin", "pass", "place", "saving", "staffing", "bulletins", "broken", "answer", "later", "enrol", "helper", "outline", "closed", "unanswered", "registered", "has-pin", "working", "shifts", "switched-off-bulletins", "case", "used", "standing"}, verb) {
		s.ring()
	}
	switch verb {
	case "flow":
		s.start.Flow = args[0]
	case "language":
		s.start.Language = args[0]
	case "languages": // that callers are offered
		s.start.Language = args[0]
		s.offer(args...)
	case "given":
		s.start.Attributes[args[0]] = args[1]
	case "mode": // mode emergency [language seconds]
		c := mode.Change{Mode: args[0], By: "acc-1", Via: "web", Announcements: map[string]*audio.Clip{}}
		if c.Mode == mode.Redirect {
			c.Partner, args = call.Number(args[1]), args[1:]
		}
		for a := args[1:]; len(a) > 1; a = a[2:] {
			c.Announcements[a[0]] = announcement(s.duration(a[1]))
		}
		if _, err := s.modes.Set(s.t.Context(), c); err != nil {
			s.fatal("%v", err)
		}
	case "bulletin": // bulletin language seconds [hours that it is valid]
		d := bulletins.Draft{Language: args[0], Sound: announcement(s.duration(args[1])), By: "acc-1", Via: "web"}
		if len(args) > 2 {
			d.For = s.duration(args[2])
		}
		if _, err := s.board.Publish(s.t.Context(), d); err != nil {
			s.fatal("%v", err)
		}
	case "pass": // time goes by before the call
		<-time.After(s.duration(args[0]))
	case "place":
		s.place = args[0]
	case "saving":
		s.saving = errors.New("the disk is full")
	case "staffing": // signed in, available, busy, waiting, expected wait
		s.staffing = ivr.Staffing{SignedIn: s.number(args[0]), Available: s.number(args[1]), Busy: s.number(args[2]), Waiting: s.number(args[3]),
			Wait: s.duration(args[4]), WaitKnown: true}
	case "bulletins":
		for _, long := range args {
			s.bulletins = append(s.bulletins, ivr.Bulletin{ID: long, Sound: announcement(s.duration(long))})
		}
	case "enrol": // Rosa has an account and a paper with codes
		s.enrol()
	case "helper": // somebody who may be called in
		s.helper(args[0])
	case "outline": // the hotline may call out
		s.people()
		s.supervise(true)
	case "switched-off-bulletins":
		s.newsOff = true
	case "unanswered":
		s.unanswered = s.number(args[0])
	case "closed": // a line
		if err := s.room.closures.Set(s.t.Context(), args[0], true, "acc-1", "Luis", "web"); err != nil {
			s.fatal("%v", err)
		}
	case "registered": // somebody from that number; the numbers in shift scripts are theirs
		s.registered(args[0])
	case "case": // of an earlier call: open, in_progress, referred, closed, protected, promised
		s.opened(args[0])
	case "used": // wrong codes, in calls before
		s.used(s.number(args[0]))
	case "mistype": // a code that the check digit tells, and what follows
		s.untold()
		s.line.press(s.mistyped() + args[0])
	case "guess": // a code that nobody has
		s.untold()
		s.line.press(s.strange() + args[0])
	case "standing": // of the registered volunteer
		s.stands(args[0])
	case "has-pin":
		s.hasPIN(args[0])
	case "working": // since so long
		s.checkIn()
		<-time.After(s.duration(args[0]))
	case "shifts": // cannot be stored
		s.hoursBroken = errors.New("the disk is full")
	case "key": // the code that was told, and what follows
		s.untold()
		s.line.press(s.helperCode + args[0])
	case "code": // keyed from the paper, by its place
		s.untold()
		s.line.press(s.room.codes[s.number(args[0])-1])
	case "rings":
		s.pickUp(args[0])
	case "broken":
		s.broken = errors.New("nobody knows")
	case "answer":
		s.answer = strings.Join(args, " ")
	case "later":
		<-time.After(s.duration(args[0]))
	case "hear":
		s.hear(args)
	case "press":
		s.untold()
		s.line.press(args[0])
	case "silence":
		s.wait("a wait without a key", func() bool { return s.line.silences > s.waited })
		s.waited++
	case "speak":
		<-time.After(s.duration(args[0]))
	case "music":
		s.wait("music", func() bool { return s.line.music != nil })
	case "hangup":
		s.hangup(errHungUp)
	case "within":
		if d := time.Since(s.began); d > s.duration(args[0]) {
			s.fatal("it took %s", d)
		}
	case "expect":
		s.expect(args)
	default:
		s.fatal("scripts have no %q", verb)
	}
}

func (s *scene) number(text string) int {
	n, ok := flow.Number(text)
	if !ok {
		s.fatal("%q is no number", text)
	}
	return n
}

func (s *scene) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.fatal("%v", err)
	}
	return d
}

// wait lets the call go on until done, or it is over.
func (s *scene) wait(what string, done func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	over := s.over
	go func() {
		select {
		case <-over:
			cancel()
		case <-ctx.Done():
		}
	}()
	if s.line.until(ctx, done) != nil {
		select {
		case <-over:
			s.line.mu.Lock()
			defer s.line.mu.Unlock()
			if !done() {
				s.fatal("the call ended (%+v, %v) before %s; heard %s", s.out, s.err, what, s.name())
			}
		default:
			s.fatal("no %s within %s; heard %s", what, patience, s.name())
		}
	}
}

// hear waits for one clip and takes it from what was heard.
func (s *scene) hear(args []string) {
	s.t.Helper()
	clip := s.clip(args)
	var wrong bool
	s.wait("hearing it", func() bool {
		if s.line.hears(clip) {
			return true
		}
		wrong = len(withoutSilence(s.line.heard)) >= len(withoutSilence(clip.MuLaw())) || !s.beginning(clip)
		return wrong
	})
	if wrong {
		s.fatal("heard %s instead", s.name())
	}
}

// beginning reports that what was heard so far may be the start of clip.
func (s *scene) beginning(clip *audio.Clip) bool {
	return strings.HasPrefix(string(withoutSilence(clip.MuLaw())), string(withoutSilence(s.line.heard)))
}

func (s *scene) clip(args []string) (clip *audio.Clip) {
	s.t.Helper()
	var err error
	switch args[0] {
	case "recording":
		s.line.mu.Lock()
		defer s.line.mu.Unlock()
		return s.line.records[len(s.line.records)-1]
	case "announcement":
		return announcement(s.duration(args[1]))
	case "tone": // what a recording of that length sounds like
		return audio.Tone(440, s.duration(args[1]), -20)
	case "asof": // since when the bulletins of a language hold
		list := s.board.Playing(args[1], time.Now())
		if len(list) == 0 {
			s.fatal("no bulletin hangs there")
		}
		clip, err = ivr.AsOf(s.library, args[1], list[0].AsOf.Local(), time.Now().Local())
	case "digits":
		clip, err = s.library.Digits(args[2], args[1])
	case "phone":
		clip, err = s.library.Phone(args[2], args[1])
	case "wait": // minutes
		clip, err = s.library.Wait(args[2], s.number(args[1]), s.number(args[1]))
	case "hours":
		clip, err = s.library.Hours(args[2], s.number(args[1]))
	case "number":
		var n int
		_, _ = fmt.Sscan(args[1], &n) // 0 is then spoken, and not heard
		clip, err = s.library.Number(args[2], n)
	default:
		id, language := args[0], prompts.Neutral
		if at := strings.LastIndex(id, "."); at >= 0 {
			id, language = id[:at], id[at+1:]
		}
		clip, err = s.library.Clip(language, id)
	}
	if err != nil {
		s.fatal("%v", err)
	}
	return clip
}

// name says what was heard, for an error message.
func (s *scene) name() string {
	for _, language := range s.library.Languages() {
		catalogues, _ := prompts.Catalogues()
		for id := range maps.Keys(catalogues[language].Prompts) {
			clip, err := s.library.Clip(language, id)
			if err == nil && strings.HasPrefix(string(withoutSilence(s.line.heard)), string(withoutSilence(clip.MuLaw()))) {
				return id + "." + language
			}
		}
	}
	return fmt.Sprintf("%d samples of something", len(withoutSilence(s.line.heard)))
}

// untold refuses prompts that the script did not mention.
func (s *scene) untold() {
	s.t.Helper()
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	if !s.line.nothingHeard() {
		s.fatal("before this %s was heard", s.name())
	}
}

// expect waits for the end of the call and looks at its outcome.
func (s *scene) expect(args []string) {
	s.t.Helper()
	select {
	case <-s.over:
	case <-time.After(patience):
		s.fatal("the call is not over after %s; heard %s", patience, s.name())
	}
	s.untold()
	if s.rung != nil {
		s.out, s.err = s.rung.out, s.rung.err
	}
	if s.err != nil {
		s.fatal("the engine says: %v", s.err)
	}
	var got string
	want := strings.Join(args[1:], " ")
	switch args[0] {
	case "exit":
		got = strings.TrimSpace(string(s.out.Exit) + " " + s.out.Queue + s.out.Reason)
	case "priority":
		got = fmt.Sprint(s.out.Priority)
	case "treatment":
		got = s.out.Treatment
	case "language":
		got = s.out.Language
	case "path":
		got = strings.Join(s.out.Path, " ")
	case "keys":
		got = s.out.Keys
	case "attribute":
		got, want = s.out.Attributes[args[1]], strings.Join(args[2:], " ")
	case "saved":
		got, want = s.saved[args[1]], strings.Join(args[2:], " ")
	case "kept":
		got, want = s.out.Kept[args[1]], strings.Join(args[2:], " ")
	case "skills":
		got = strings.Join(s.out.Skills, " ")
	case "promise":
		for _, p := range s.promises {
			if got != "" {
				got += " + "
			}
			got += fmt.Sprintf("%s %s %d %s", p.Number, p.Queue, p.Priority, time.Since(p.Since).Round(time.Second))
		}
	case "message":
		for _, m := range s.messages {
			if got != "" {
				got += " + "
			}
			got += fmt.Sprintf("%s %s %s", m.Box, m.Sound.Duration(), m.Language)
		}
	case "dialled":
		got = strings.Join(s.dialled, " ")
	case "sound":
		got = fmt.Sprint(s.out.Recordings[args[1]].Duration())
		want = args[2]
	case "mode":
		state := s.modes.Current(time.Now())
		got = state.Mode
		if state.HasAnnouncement {
			got += " announced"
		}
		if state.Active {
			by := state.By
			if by == s.room.rosa {
				by = "acc-7"
			}
			got += " by " + by + " " + state.Name + " via " + state.Via
		}
	case "case": // open or shut, and how many wrong codes the log has
		got = s.caseWords()
	case "registration": // status and availability
		got = s.registrationWords()
	case "shift": // how many shifts, the last one: running or its minutes, and how it was said
		got = s.shiftWords()
	case "line": // a queue: open or closed
		got, want = "open", args[2]
		if s.room.closures.Closed(args[1]) {
			got = "closed"
		}
	case "board": // how many bulletins of a language are heard
		got, want = strconv.Itoa(len(s.board.Playing(args[1], time.Now()))), args[2]
	case "calledin": // name answer, ...
		s.calledIn()
		for _, p := range s.room.commands.CallOutState().People {
			got += p.Name + " " + p.Answer + " "
		}
		got = strings.TrimSpace(got)
	case "partner":
		got = string(s.modes.Current(time.Now()).Partner)
	default:
		s.fatal("scripts cannot expect %q", args[0])
	}
	if about, any := strings.CutSuffix(want, " any"); any && strings.HasPrefix(got, about) { // how old the place is does not matter
		return
	}
	if got != want {
		s.fatal("it is %q; heard %s", got, s.name())
	}
}

// TestConversations acts out every script in testdata.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("only %d scripts found (%v)", len(files), err)
	}
	flows := shippedFlows(t) // only read
	for n, file := range files {
		if n%share != 0 {
			continue
		}
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, flows)
				s.play(file, string(script))
				if s.over == nil {
					t.Fatal("the script never rang")
				}
				select {
				case <-s.over:
				default:
					t.Errorf("%s: the script ends before the call does", file)
				}
				if s.cases != nil && strings.Contains(s.log.String(), s.helperCode) {
					t.Errorf("the code is in the log:\n%s", s.log)
				}
				if strings.Contains(s.log.String(), goodPIN) {
					t.Errorf("the PIN is in the log:\n%s", s.log)
				}
			})
		})
	}
}
