package bulletins_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/ivr/bulletins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, s *store.Store) *bulletins.Board {
	t.Helper()
	b, err := bulletins.Open(bulletins.Config{Store: s, Operation: "Flood", Languages: []string{"es", "en"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tone(hz float64, d time.Duration) *audio.Clip { return audio.Tone(hz, d, -20) }

func publish(t *testing.T, b *bulletins.Board, d bulletins.Draft) bulletins.Bulletin {
	t.Helper()
	if d.By == "" {
		d.By, d.Name, d.Via = "acc-1", "Rosa", "phone"
	}
	if d.Sound == nil {
		d.Sound = tone(500, 2*time.Second)
	}
	one, err := b.Publish(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// heard are the lengths of what a caller hears, which tell the bulletins of
// these tests apart.
func heard(b *bulletins.Board, language string) (lengths []time.Duration) {
	for _, one := range b.Playing(language, time.Now()) {
		lengths = append(lengths, one.Sound.Duration())
	}
	return lengths
}

func kinds(t *testing.T, s *store.Store) (list []string) {
	t.Helper()
	if err := s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(1) {
			list = append(list, ev.Kind+" by "+ev.By)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestCallersHearTheBulletinsOfTheirLanguageInOrder(t *testing.T) {
	s := storetest.Open(t)
	b := open(t, s)
	publish(t, b, bulletins.Draft{Language: "es", Sound: tone(500, 1*time.Second)})
	second := publish(t, b, bulletins.Draft{Language: "es", Sound: tone(500, 2*time.Second), Text: "Agua"})
	publish(t, b, bulletins.Draft{Language: "en", Sound: tone(500, 3*time.Second)})
	watch := b.Watch()
	if err := b.Up(t.Context(), second.ID, "acc-2", "Luis", "web"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-watch:
	default:
		t.Error("nobody was told of the change")
	}
	other, err := bulletins.Open(bulletins.Config{Store: s, Operation: "Fire", Languages: []string{"es"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if len(other.List()) != 0 {
		t.Error("another operation plays them too")
	}
	for name, board := range map[string]*bulletins.Board{"at once": b, "after a restart": open(t, s)} {
		if got := heard(board, "es"); !slices.Equal(got, []time.Duration{2 * time.Second, time.Second}) {
			t.Errorf("%s: in Spanish %v", name, got)
		}
		if got := heard(board, "en"); !slices.Equal(got, []time.Duration{3 * time.Second}) {
			t.Errorf("%s: in English %v", name, got)
		}
	}
	if err := b.Withdraw(t.Context(), second.ID, "acc-2", "Luis", "web"); err != nil {
		t.Fatal(err)
	}
	if got := heard(open(t, s), "es"); !slices.Equal(got, []time.Duration{time.Second}) {
		t.Errorf("after withdrawing %v", got)
	}
	if err := b.Withdraw(t.Context(), second.ID, "acc-2", "Luis", "web"); !errors.Is(err, bulletins.ErrNone) {
		t.Errorf("withdrawing twice: %v", err)
	}
	want := []string{"bulletin.published by acc-1", "bulletin.published by acc-1", "bulletin.published by acc-1", "bulletin.moved by acc-2", "bulletin.withdrawn by acc-2"}
	if got := kinds(t, s); !slices.Equal(got, want) {
		t.Errorf("the log says %v", got)
	}
}

func TestWhatHasRunOutIsNeverHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		b := open(t, s)
		one := publish(t, b, bulletins.Draft{Language: "es", For: time.Hour})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		<-time.After(59 * time.Minute)
		if len(heard(b, "es")) != 1 || len(b.Overdue(time.Now())) != 0 {
			t.Error("it is not heard while it is valid")
		}
		<-time.After(time.Minute)
		if len(heard(b, "es")) != 0 {
			t.Error("it is heard although it has run out")
		}
		<-time.After(time.Second) // the commit waits for company first
		if over := b.Overdue(time.Now()); len(over) != 1 || over[0].ID != one.ID {
			t.Errorf("nobody is warned: %v", over)
		}
		// A clock that is set back does not bring it back.
		if got := b.Playing("es", one.Published.Add(time.Minute)); len(got) != 0 {
			t.Error("a clock that went back plays it again")
		}
		if got := open(t, s).Playing("es", one.Published.Add(time.Minute)); len(got) != 0 {
			t.Error("and after a restart too")
		}
		if err := b.Renew(t.Context(), one.ID, 2*time.Hour, "acc-2", "Luis", "web"); err != nil {
			t.Fatal(err)
		}
		list := b.Playing("es", time.Now())
		if len(list) != 1 || time.Since(list[0].AsOf) > time.Minute {
			t.Errorf("renewed: %+v", list)
		}
		if got := kinds(t, s); !slices.Equal(got, []string{"bulletin.published by acc-1", "bulletin.expired by ", "bulletin.renewed by acc-2"}) {
			t.Errorf("the log says %v", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAClockBeforeThePublicationIsNotTrusted(t *testing.T) {
	b := open(t, storetest.Open(t))
	one := publish(t, b, bulletins.Draft{Language: "es"})
	if one.Plays(one.Published.Add(-time.Hour)) || !one.Plays(one.Published) {
		t.Error("a clock that is wrong decides what is still true")
	}
	if !one.Overdue(one.Published.Add(-time.Hour)) {
		t.Error("and nobody is warned")
	}
}

func TestTheLastChangeOfABulletinIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		b := open(t, s)
		first := publish(t, b, bulletins.Draft{Language: "es", Sound: tone(500, time.Second)})
		publish(t, b, bulletins.Draft{Language: "es", Sound: tone(500, 2*time.Second)})
		if err := b.Undo(t.Context(), "acc-2", "Luis", "phone"); err != nil {
			t.Fatal(err)
		}
		if got := heard(b, "es"); !slices.Equal(got, []time.Duration{time.Second}) {
			t.Errorf("after undoing a publication %v", got)
		}
		if err := b.Withdraw(t.Context(), first.ID, "acc-2", "Luis", "web"); err != nil {
			t.Fatal(err)
		}
		b = open(t, s)
		if err := b.Undo(t.Context(), "acc-2", "Luis", "phone"); err != nil {
			t.Fatal(err)
		}
		if got := heard(b, "es"); !slices.Equal(got, []time.Duration{time.Second}) || !slices.Equal(heard(open(t, s), "es"), got) {
			t.Errorf("after undoing a withdrawal %v", got)
		}
		if err := b.Undo(t.Context(), "acc-2", "Luis", "phone"); !errors.Is(err, bulletins.ErrNothingToUndo) {
			t.Errorf("a second time: %v", err)
		}
		publish(t, b, bulletins.Draft{Language: "en"})
		<-time.After(6 * time.Minute)
		if _, ok := b.Changed(time.Now()); ok {
			t.Error("undo is offered after five minutes")
		}
		if err := b.Undo(t.Context(), "acc-2", "Luis", "phone"); !errors.Is(err, bulletins.ErrNothingToUndo) {
			t.Errorf("late: %v", err)
		}
	})
}

func TestTextIsSpokenWhenItIsPublished(t *testing.T) {
	said := ""
	b, err := bulletins.Open(bulletins.Config{Store: storetest.Open(t), Operation: "Flood", Languages: []string{"en"}, Log: slog.New(slog.DiscardHandler),
		Speak: func(_ context.Context, language, text string) (*audio.Clip, error) {
			said = language + " " + text
			return tone(600, 3*time.Second), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	one, err := b.Publish(t.Context(), bulletins.Draft{Language: "en", Text: "Water at the town hall.", By: "a", Via: "web"})
	if err != nil || !one.Spoken || said != "en Water at the town hall." || one.Length != 3000 {
		t.Errorf("%+v, %v, said %q", one, err, said)
	}
}

func TestBulletinsThatHelpNobodyAreRefused(t *testing.T) {
	b := open(t, storetest.Open(t))
	for want, d := range map[string]bulletins.Draft{
		"not offered":        {Language: "fr", Sound: tone(500, 2*time.Second), By: "a", Via: "web"},
		"who does it":        {Language: "es", Sound: tone(500, 2*time.Second)},
		"keep it under":      {Language: "es", Sound: tone(500, 2*time.Minute), By: "a", Via: "web"},
		"nothing can be":     {Language: "es", Sound: tone(500, 100*time.Millisecond), By: "a", Via: "web"},
		"valid for up to":    {Language: "es", Sound: tone(500, 2*time.Second), For: 1000 * time.Hour, By: "a", Via: "web"},
		"cannot speak":       {Language: "es", Text: "Agua", By: "a", Via: "web"},
		"neither sound":      {Language: "es", By: "a", Via: "web"},
		"longer than":        {Language: "es", Text: strings.Repeat("a", 2000), By: "a", Via: "web"},
		"true in the future": {Language: "es", Sound: tone(500, 2*time.Second), AsOf: time.Now().Add(time.Hour), By: "a", Via: "web"},
	} {
		if _, err := b.Publish(t.Context(), d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if len(b.List()) != 0 {
		t.Error("something was published")
	}
	for range bulletins.MaxPlaying {
		publish(t, b, bulletins.Draft{Language: "es"})
	}
	if _, err := b.Publish(t.Context(), bulletins.Draft{Language: "es", Sound: tone(500, 2*time.Second), By: "a", Via: "web"}); !errors.Is(err, bulletins.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	publish(t, b, bulletins.Draft{Language: "en"})
}
