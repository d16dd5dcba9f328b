package api

import (
	"strings"
	"testing"
	"time"

	"hotline/triage"
)

// This file gives programs' words that nobody foresaw to the API: marks of pages,
// and bodies.

func FuzzCursor(f *testing.F) {
	seal := func(after string) string { return strings.Repeat("0", sealLength) }
	f.Add("")
	f.Add("MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDB4")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, cursor string) {
		after, err := openCursor(cursor, seal)
		if err == nil && cursor != "" && (after == "" || len(after) > sealLength+64) {
			t.Errorf("%q leads behind %q", cursor, after)
		}
		if err != nil && after != "" {
			t.Errorf("%q is refused and leads behind %q", cursor, after)
		}
	})
}

// FuzzBodies: whatever a program sends, it is read or refused.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{`{"fields":{"top_need":"water"},"at":"2026-11-26T07:00:00Z"}`, `{"fields":{"people_total":1e999}}`, `{"fields":null}`, `[`, `{"fields":{"notes":"\ud800"}}`, `{}{}`, `{"why":1}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var wanted struct {
			At     time.Time      `json:"at"`
			Fields map[string]any `json:"fields"`
			Why    string         `json:"why"`
		}
		if err := decode(strings.NewReader(body), &wanted); err != nil {
			return
		}
		if _, err := shownBefore(triage.CaseFields{Notes: "x", People: 3}, wanted.Fields); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		if text := clean(wanted.Why, reasonMax); len([]rune(text)) > reasonMax || strings.ContainsRune(text, 0) {
			t.Errorf("%q is kept as %q", wanted.Why, text)
		}
	})
}
