package ui

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
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
