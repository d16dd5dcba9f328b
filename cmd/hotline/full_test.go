package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
)

// TestAFullHotline: whoever finds no room is told to try again, is on the list
// of those to call back, once, and the health page says that it is full.
func TestAFullHotline(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.MaxCalls, c.SIP.Peers, c.Web.Metrics = 1, []string{"127.0.0.1"}, "127.0.0.1:0"
	})
	first := b.dial("+12024561161", "100")
	for range 2 {
		var refused *phone.RefusedError
		if _, err := phone.Dial(t.Context(), phone.Config{From: "+12024561162", To: "100", Server: b.h.trunk.Addr()}); !errors.As(err, &refused) || refused.Status != 503 {
			t.Fatalf("a second caller: %v", err)
		}
	}
	row := only(t, b.exportUntil("contacts", "outcome", "rejected_full"), "caller_number", "+12024561162")
	if row["open_item"] != "turned_away" || row["answered_at"] != "" || row["number_dialled"] != "100" {
		t.Errorf("who was turned away is recorded as %v", row)
	}

	read := func(client *http.Client, url string) string {
		t.Helper()
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", url, res.StatusCode, err)
		}
		return string(body)
	}
	page := read(b.web("supervisor"), b.base+"health?lang=en")
	for _, part := range []string{`data-check="calls.full" data-state="bad"`, `data-check="peer.heard" data-state="good"`, `data-check="records.saved"`, `data-check="certificate.good"`} {
		if !strings.Contains(page, part) {
			t.Errorf("the health page has no %s", part)
		}
	}
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	figures := read(plain, "http://"+b.h.watched.Addr().String()+"/metrics")
	for _, line := range []string{"hotline_calls 1", "hotline_calls_turned_away_total 2", "hotline_calls_answered_total 1"} {
		if !strings.Contains(figures, "\n"+line+"\n") {
			t.Errorf("the figures have no %q", line)
		}
	}
	first.Hangup()
	b.ended(first)
}
