package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/appliance/calendar"
	"hotline/triage"
	"hotline/triage/desk"
)

// The calculator says for the figures of the sizing table (domain: 600 calls an
// hour of ten minutes, 40 people) what that takes, and for others what is asked.
func TestTheMachineSaysWhatItCanCarry(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	number := func(body, of string) int {
		t.Helper()
		found := regexp.MustCompile("data-" + of + `[^>]*>([0-9]+)`).FindStringSubmatch(body)
		if found == nil {
			t.Fatalf("the page does not say %s", of)
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	got := s.get(t, client, "/admin/system?calls=600&talk=10&people=40")
	if got.status != http.StatusOK || number(got.body, "people") != 40 {
		t.Fatalf("status %d", got.status)
	}
	if n := number(got.body, "channels"); n < 100 || n > 160 { // 126 in the table
		t.Errorf("600 calls an hour for 40 people take %d channels", n)
	}
	got = s.get(t, client, "/admin/system?calls=100&talk=8&people=nobody")
	if n := number(got.body, "people"); n < 10 || n > 17 { // 17 for 80 % within one minute
		t.Errorf("100 calls an hour take %d people", n)
	}
	if stranger := s.get(t, s.as(t, nobody), "/trust"); stranger.status != http.StatusOK || !strings.Contains(stranger.body, "Firefox") {
		t.Errorf("who is warned and has not signed in gets %d", stranger.status)
	}
}

// The calculator begins with examples, and says so; once there were calls it
// begins with those of the busiest hour, with how long they took and with whoever
// is at work, and says where each number came from.
func TestTheCalculatorBeginsWithOwnFigures(t *testing.T) {
	far := newScript(t)
	far.carries = 3
	s := startSite(t, far, nil)
	client := s.as(t, admin)
	value := func(body, of string) string {
		t.Helper()
		found := regexp.MustCompile(`id="` + of + `"[^>]* value="([0-9]*)"`).FindStringSubmatch(body)
		if found == nil {
			t.Fatalf("the page has no field for %s", of)
		}
		return found[1]
	}
	got := s.get(t, client, "/admin/system").body
	if value(got, "calls") != "100" || value(got, "talk") != "10" || value(got, "people") != "0" || strings.Count(got, "an example, until your own calls are counted") != 2 || strings.Contains(got, "busiest hour of the last 7 days") {
		t.Error("a hotline that nobody has called does not begin with examples, or does not say that they are")
	}
	if !strings.Contains(got, "carry only 3 calls at a time") {
		t.Error("the page does not say how few calls the lines carry")
	}

	s.aMorning(t)
	far.mu.Lock()
	far.view = desk.FloorView{Agents: []desk.FloorAgent{{ID: "x", State: triage.Ready}, {ID: "y", State: triage.OnCall}, {ID: "z", State: triage.OnBreak}}}
	far.mu.Unlock()
	got = s.get(t, client, "/admin/system").body
	if calls := value(got, "calls"); calls != "11" && calls != "10" { // the first of eleven may be of the hour before
		t.Errorf("it begins with %s calls per hour", calls)
	}
	if value(got, "talk") != "6" || value(got, "people") != "2" {
		t.Errorf("it begins with %s minutes and %s people", value(got, "talk"), value(got, "people"))
	}
	for _, say := range []string{"your busiest hour of the last 7 days", "the average of your calls of the last 7 days", "those at work now"} {
		if !strings.Contains(got, say) {
			t.Errorf("the page does not say %q", say)
		}
	}
	if strings.Contains(got, "an example, until") {
		t.Error("own figures are called examples")
	}
	got = s.get(t, client, "/admin/system?calls=600&talk=12&people=0").body
	if value(got, "calls") != "600" || value(got, "talk") != "12" || value(got, "people") != "0" || strings.Contains(got, "data-from") {
		t.Error("what is asked is not what is calculated")
	}
}

// Who looks after the machine sets its clock, and says that a date that has
// leapt is right; both stand in the log.
func TestTheClockIsSetFromAPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	now := time.Now()
	for _, days := range []int{60, 0} {
		if _, err := calendar.Believe(t.Context(), s.store, now.AddDate(0, 0, -days)); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.get(t, client, "/admin/system"); !strings.Contains(got.body, "moved on by 60 days") {
		t.Error("the page does not say that the date has leapt")
	}
	if got := s.post(t, client, "/admin/system/clock", url.Values{"do": {"right"}}); got.header.Get("Location") != "/admin/system?done=date" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := s.get(t, client, "/admin/system?done=date"); strings.Contains(got.body, "data-leap") || !strings.Contains(got.body, "The date counts again") {
		t.Error("the date is not believed")
	}
	right := now.Add(time.Hour).Truncate(time.Millisecond)
	for said, want := range map[string]int{fmt.Sprint(right.UnixMilli()): http.StatusSeeOther, "soon": http.StatusUnprocessableEntity, "4102444800000000": http.StatusUnprocessableEntity, "-1": http.StatusUnprocessableEntity} {
		if got := s.post(t, client, "/admin/system/clock", url.Values{"do": {"set"}, "now": {said}}); got.status != want || (want != http.StatusSeeOther) != strings.Contains(got.body, "could not be set from here") {
			t.Errorf("%s: %d %v", said, got.status, got.header)
		}
	}
	if !s.clock.Equal(right) {
		t.Errorf("the clock was set to %v, want %v", s.clock, right)
	}
	s.forgets = true
	if got := s.post(t, client, "/admin/system/clock", url.Values{"do": {"set"}, "now": {fmt.Sprint(right.UnixMilli())}}); got.header.Get("Location") != "/admin/system?done=forgets" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := s.get(t, client, "/admin/system?done=forgets"); !strings.Contains(got.body, "After a power cut, set it again") {
		t.Error("nobody is told that the machine forgets the time")
	}
	log := s.get(t, client, "/admin/log").body
	for words, times := range map[string]int{"Clock set": 2, "Date said to be right": 1} {
		if strings.Count(log, words) != times {
			t.Errorf("the log has %q %d times", words, strings.Count(log, words))
		}
	}
}
