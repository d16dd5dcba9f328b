package triage

import (
	"errors"
	"strings"
	"testing"
	"time"

	"hotline/appliance/store/storetest"
)

func TestNoticesReachThoseForWhomTheyAre(t *testing.T) {
	s := storetest.Open(t)
	n, err := OpenNotices(t.Context(), s)
	must(t, err)
	changed := n.Changed()
	must(t, n.Give(t.Context(), Notice{Text: "Shelter Santa Clara is full", By: "boss", Name: "Boss"}, time.Hour, "web"))
	select {
	case <-changed:
	default:
		t.Error("nobody is told of a new notice")
	}
	must(t, n.Give(t.Context(), Notice{Text: "Bridge closed", Urgent: true, Profile: "help", By: "boss"}, time.Hour, "web"))
	texts := func(list []Notice) string {
		var all []string
		for _, one := range list {
			all = append(all, one.Text)
		}
		return strings.Join(all, "|")
	}
	now := time.Now()
	if got := texts(n.For("ana", "help", nil, now)); got != "Bridge closed|Shelter Santa Clara is full" {
		t.Errorf("with the profile: %s", got)
	}
	if got := texts(n.For("bea", "volunteers", nil, now)); got != "Shelter Santa Clara is full" {
		t.Errorf("with another one: %s", got)
	}
	if got := texts(n.For("ana", "help", nil, now.Add(time.Hour+time.Minute))); got != "" {
		t.Errorf("what has run out is shown: %s", got)
	}
	{ // of a supervisor of teams (S12)
		n.up = append(n.up, Notice{Text: "North meets at noon", Teams: []string{"north"}, Until: now.Add(time.Hour)})
		if with, without := texts(n.For("bea", "volunteers", []string{"south", "north"}, now)), texts(n.For("bea", "volunteers", []string{"south"}, now)); !strings.Contains(with, "North") || strings.Contains(without, "North") {
			t.Errorf("a notice for a team is read by %q and %q", with, without)
		}
		n.up = n.up[:len(n.up)-1]
	}
	must(t, n.See(t.Context(), n.Up(now)[0].ID, "ana"))
	again, err := OpenNotices(t.Context(), s)
	must(t, err)
	if got := texts(again.For("ana", "help", nil, now)); got != "Shelter Santa Clara is full" || len(again.Up(now)[0].Seen) != 1 {
		t.Errorf("after a start, with one seen: %s", got)
	}
	must(t, again.Withdraw(t.Context(), again.Up(now)[1].ID, "boss", "Boss", "web"))
	if got := texts(again.For("ana", "help", nil, now)); got != "" {
		t.Errorf("what was taken down is shown: %s", got)
	}
	for text, want := range map[string]error{"": ErrNoticeText, strings.Repeat("ä", NoticeMost+1): ErrNoticeText, "for ever": ErrNoticeLong} {
		if err := n.Give(t.Context(), Notice{Text: text}, map[bool]time.Duration{true: time.Hour, false: 13 * time.Hour}[text != "for ever"], "web"); !errors.Is(err, want) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	var none *Notices
	if none.For("ana", "help", nil, now) != nil || none.Changed() != nil {
		t.Error("a hotline without notices has some")
	}
}
