package mode_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/ivr/mode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t testing.TB, s *store.Store) *mode.Switch {
	t.Helper()
	m, err := mode.Open(s, discard())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func set(t *testing.T, m *mode.Switch, c mode.Change) mode.State {
	t.Helper()
	if c.By == "" {
		c.By, c.Name, c.Via = "acc-1", "Rosa", "phone"
	}
	state, err := m.Set(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// history is the audit trail, oldest first.
func history(t *testing.T, s *store.Store) (evs []events.Event) {
	t.Helper()
	if err := s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			evs = append(evs, ev)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return evs
}

func tone(d time.Duration) *audio.Clip { return audio.Tone(500, d, -20) }

func TestAModeCountsForTheNextCallAndSurvivesARestart(t *testing.T) {
	s := storetest.Open(t)
	m := open(t, s)
	if now := m.Current(time.Now()); now.Active || now.Mode != mode.Normal || now.AnnouncementFor("es") != nil {
		t.Fatalf("a fresh hotline is in %+v", now)
	}
	began := time.Now()
	set(t, m, mode.Change{Mode: mode.Emergency, Announcement: tone(time.Second), Announcements: map[string]*audio.Clip{"es": tone(2 * time.Second)}})
	for name, sw := range map[string]*mode.Switch{"at once": m, "after a restart": open(t, s)} {
		got := sw.Current(time.Now())
		if !got.Active || got.Mode != mode.Emergency || got.By != "acc-1" || got.Name != "Rosa" || got.Via != "phone" || !got.HasAnnouncement {
			t.Errorf("%s: %+v", name, got)
		}
		if d := got.Expires.Sub(began); d < 12*time.Hour-time.Minute || d > 12*time.Hour+time.Minute {
			t.Errorf("%s: it ends after %s", name, d)
		}
		if !bytes.Equal(got.AnnouncementFor("es").MuLaw(), tone(2*time.Second).MuLaw()) ||
			!bytes.Equal(got.AnnouncementFor("en").MuLaw(), tone(time.Second).MuLaw()) ||
			!bytes.Equal(got.Announcement.MuLaw(), tone(time.Second).MuLaw()) {
			t.Errorf("%s: the announcements changed", name)
		}
		if l := got.Languages(); !slices.Equal(l, []string{"es"}) {
			t.Errorf("%s: own announcements for %v", name, l)
		}
	}
}

func TestAnnouncementsStayUntilTheModeEnds(t *testing.T) {
	s := storetest.Open(t)
	m := open(t, s)
	first := set(t, m, mode.Change{Mode: mode.Emergency, Announcements: map[string]*audio.Clip{"es": tone(time.Second)}})
	second := set(t, m, mode.Change{Mode: mode.Emergency, Announcements: map[string]*audio.Clip{"en": tone(2 * time.Second)}})
	if !second.Since.Equal(first.Since) {
		t.Error("a new announcement made the mode look new")
	}
	third := set(t, m, mode.Change{Mode: mode.Announcement})
	if !slices.Equal(third.Languages(), []string{"en", "es"}) || third.Announcement == nil {
		t.Errorf("announcements for %v are left", third.Languages())
	}
	if err := m.Clear(t.Context(), "acc-2", "Luis", "web"); err != nil {
		t.Fatal(err)
	}
	if fresh := set(t, m, mode.Change{Mode: mode.Emergency}); fresh.HasAnnouncement {
		t.Error("an announcement of an earlier emergency plays again")
	}
	if again := open(t, s).Current(time.Now()); again.HasAnnouncement {
		t.Error("after a restart an announcement of an earlier emergency plays again")
	}
}

func TestEveryChangeIsAudited(t *testing.T) {
	s := storetest.Open(t)
	m := open(t, s)
	set(t, m, mode.Change{Mode: mode.Emergency, Announcement: tone(time.Second)})
	set(t, m, mode.Change{Mode: mode.Announcement, By: "acc-2", Name: "Luis", Via: "web"})
	for range 2 { // clearing what is clear is no event
		if err := m.Clear(t.Context(), "acc-3", "Ana", "phone"); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, ev := range history(t, s) {
		if ev.At.IsZero() {
			t.Errorf("an event without a time: %+v", ev)
		}
		got = append(got, fmt.Sprint(ev.Kind, " ", ev.Data["from"], ">", ev.Data["to"], " ", ev.By, " ", ev.Data["name"], " ", ev.Via, " ", ev.Data["announcement"]))
	}
	want := []string{
		"mode.changed normal>emergency acc-1 Rosa phone any",
		"mode.changed emergency>announcement acc-2 Luis web any",
		"mode.changed announcement>normal acc-3 Ana phone ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("history:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAModeEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		m := open(t, s)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		synctest.Wait()
		set(t, m, mode.Change{Mode: mode.Emergency, For: time.Hour, Announcement: tone(time.Second)})
		<-time.After(30 * time.Minute)
		set(t, m, mode.Change{Mode: mode.Emergency, For: time.Hour}) // renewed
		<-time.After(59 * time.Minute)
		if !m.Current(time.Now()).Active {
			t.Error("it ended although it was renewed")
		}
		<-time.After(2 * time.Minute)
		if m.Current(time.Now()).Active {
			t.Error("it is still on after its time")
		}
		evs := history(t, s)
		last := evs[len(evs)-1]
		if last.Kind != mode.EventExpired || last.Via != "rule" || last.Data["from"] != mode.Emergency || last.Data["set_by"] != "acc-1" {
			t.Errorf("the last event is %+v", last)
		}
		if n := len(evs); n != 3 {
			t.Errorf("%d events", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAModeThatRanOutWhileTheBoxWasOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		set(t, open(t, s), mode.Change{Mode: mode.Announcement, For: time.Hour})
		<-time.After(3 * time.Hour)
		m := open(t, s)
		if m.Current(time.Now()).Active {
			t.Error("a mode of yesterday is on before anything ran")
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		<-time.After(time.Second) // the commit waits for company first
		evs := history(t, s)
		if last := evs[len(evs)-1]; last.Kind != mode.EventExpired {
			t.Errorf("the last event is %+v", last)
		}
		stop()
		<-done
	})
}

// TestManyWritersAndReaders: every reader sees one of the whole states that
// were set, and the last event tells the state that remains.
func TestManyWritersAndReaders(t *testing.T) {
	s := storetest.Open(t)
	m := open(t, s)
	sounds := map[string]*audio.Clip{"a": tone(100 * time.Millisecond), "b": tone(200 * time.Millisecond)}
	modes := map[string]string{"a": mode.Emergency, "b": mode.Announcement}
	ctx, stop := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				now := m.Current(time.Now())
				if now.Active && (now.Mode != modes[now.By] || now.Announcement.Duration() != sounds[now.By].Duration()) {
					t.Errorf("half a state: %s by %s with %s", now.Mode, now.By, now.Announcement.Duration())
					return
				}
			}
		})
	}
	for by := range sounds {
		writers.Go(func() {
			for range 10 {
				if _, err := m.Set(t.Context(), mode.Change{Mode: modes[by], Announcement: sounds[by], By: by, Via: "web"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	stop()
	readers.Wait()
	evs := history(t, s)
	now, stored := m.Current(time.Now()), open(t, s).Current(time.Now())
	if last := evs[len(evs)-1]; len(evs) != 20 || last.By != now.By || stored.By != now.By {
		t.Errorf("%d events, the last by %s; on by %s; stored by %s", len(evs), last.By, now.By, stored.By)
	}
	for i := 1; i < len(evs); i++ {
		if evs[i].Data["from"] != evs[i-1].Data["to"] {
			t.Errorf("event %d goes on from %s, the one before ended in %s", i, evs[i].Data["from"], evs[i-1].Data["to"])
		}
	}
}

func TestWhatIsNotStoredDoesNotCount(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, s)
	set(t, m, mode.Change{Mode: mode.Emergency})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Set(t.Context(), mode.Change{Mode: mode.Announcement, By: "a", Via: "web"}); err == nil || !strings.Contains(err.Error(), "was not changed") {
		t.Errorf("error %v", err)
	}
	if err := m.Clear(t.Context(), "a", "", "web"); err == nil || !strings.Contains(err.Error(), "still on") {
		t.Errorf("error %v", err)
	}
	if now := m.Current(time.Now()); now.Mode != mode.Emergency {
		t.Errorf("callers get %s, the store holds emergency", now.Mode)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	m := open(t, storetest.Open(t))
	for want, c := range map[string]mode.Change{
		`no mode "party"`: {Mode: "party", By: "a", Via: "web"},
		"lasts up to":     {Mode: mode.Emergency, By: "a", Via: "web", For: 1000 * time.Hour},
		"who does it":     {Mode: mode.Emergency, Via: "web"},
		"and how":         {Mode: mode.Emergency, By: "a"},
		"keep it under":   {Mode: mode.Emergency, By: "a", Via: "web", Announcement: tone(2 * time.Minute)},
	} {
		if _, err := m.Set(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if m.Current(time.Now()).Active {
		t.Error("a refused change counts")
	}
}

// TestTheAnnouncementIsSealed: a voice on disk is nobody's business.
func TestTheAnnouncementIsSealed(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	sound := tone(2 * time.Second)
	set(t, open(t, s), mode.Change{Mode: mode.Emergency, Announcement: sound})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "hotline.db"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, sound.MuLaw()[1000:1100]) || bytes.Contains(b, []byte("emergency")) {
		t.Error("the file shows the announcement or the mode in clear")
	}
}

func BenchmarkCurrent(b *testing.B) {
	m := open(b, storetest.Open(b))
	now := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = m.Current(now)
		}
	})
}
