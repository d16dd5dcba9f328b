package main

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"hotline/provisioning/radio"
)

// Whatever is to be read fits on the smallest screen, also when names and
// addresses are long, and names do not steer the terminal.
func TestWhatTheScreenSaysFits(t *testing.T) {
	at := netip.MustParseAddrPort("0.0.0.0:8443")
	long := []netip.Addr{netip.MustParseAddr("192.168.178.123"), netip.MustParseAddr("172.16.254.100"), netip.MustParseAddr("10.100.200.100"), netip.MustParseAddr("10.100.200.101")}
	print := "0123 4567 89AB CDEF 0123 4567 89AB CDEF"
	colours := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, c := range map[string]struct {
		n    notice
		at   []netip.Addr
		says string
	}{
		"before the first page": {notice{English: "THIS HOTLINE IS NOT SET UP YET", Path: "/setup", At: at, Code: "ABCD-EFGH", Print: print, Name: func() string { return "hotline-99.local" }}, long, "ABCD-EFGH"},
		"with a network of its own": {notice{English: "THIS HOTLINE IS NOT SET UP YET", Path: "/setup", At: at, Code: "ABCD-EFGH", Print: print, Name: func() string { return "hotline-99.local" },
			Network: func() *radio.Settings { return &radio.Settings{Name: "Hotline-AB2C", Password: "defg-hjkm-npqr"} }}, long, "defg-hjkm-npqr"},
		"with a network that somebody named": {notice{English: "THIS HOTLINE IS NOT SET UP YET", Path: "/setup", At: at, Code: "ABCD-EFGH", Print: print,
			Network: func() *radio.Settings {
				return &radio.Settings{Name: strings.Repeat("n", 32), Password: strings.Repeat("p", 63)}
			}}, long, strings.Repeat("n", 32)},
		"in use":            {notice{English: "THE HOTLINE IS ON. SIGN IN:", Hotline: strings.Repeat("\x1b[2JLínea ", 20), At: at, Print: print}, long, "https://192.168.178.123:8443"},
		"without a network": {notice{English: "THIS HOTLINE IS NOT SET UP YET", Path: "/setup", At: at, Code: "ABCD-EFGH"}, nil, "plug in a network cable"},
		"ended":             {notice{English: "THE HOTLINE DOES NOT RUN", Why: strings.Repeat("/data/hotline cannot be written to. ", 8)}, nil, "cannot be written to"},
		"locked":            {notice{English: "LOCKED: CALLS ARE TAKEN, NOBODY SIGNS IN", At: at}, long[:1], "LOCKED"},
	} {
		text := colours.ReplaceAllString(c.n.text(c.at), "")
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(lines) > 24 || !strings.Contains(text, c.says) || strings.Contains(text, "\x1b") {
			t.Errorf("%s: %d lines: %q", name, len(lines), text)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > 80 {
				t.Errorf("%s: %d letters in %q", name, n, line)
			}
		}
	}
}
