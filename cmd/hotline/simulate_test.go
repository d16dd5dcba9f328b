package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hotline/triage/simulate"
)

func TestSimulateCommand(t *testing.T) {
	t.Parallel()
	status, out, errs := hotlineCommand(t.Context(), "simulate", "--calls", "200", "--agents", "12", "--hours", "6")
	if status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	for _, want := range []string{"lines that ship", "6 hours,", "answered  ", "gave up", "Service level:", "The range they heard"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	status, out, errs = hotlineCommand(t.Context(), "simulate", "--calls", "30,90", "--hours", "8", "--languages", "en=60,es=40",
		"--crew", "9:en", "--crew", "1:en+es:0-4", "--staff", "--json")
	var told struct {
		Needed []hourlyNeed    `json:"needed"`
		Played simulate.Result `json:"played"`
	}
	if err := json.Unmarshal([]byte(out), &told); status != 0 || err != nil {
		t.Fatalf("status %d, %v\n%s%s", status, err, out, errs)
	}
	if len(told.Needed) != 2 || told.Needed[0].More["es"] == 0 || told.Needed[1].More["es"] <= told.Needed[0].More["es"] || told.Needed[0].More["en"] != 0 {
		t.Errorf("who is missing: %+v", told.Needed)
	}
	if got := told.Played.ServiceLevel; got < 0.75 {
		t.Errorf("played with those who were missing, %.2f are answered within two minutes", got)
	}
	status, out, _ = hotlineCommand(t.Context(), "simulate", "--calls", "60", "--agents", "5", "--hours", "4", "--staff")
	if status != 0 || !strings.Contains(out, "more phone volunteers") || !strings.Contains(out, "within 2.0 min") {
		t.Errorf("in words: status %d\n%s", status, out)
	}
	for _, wrong := range [][]string{{"--crew", "a"}, {"--crew", "1:en:9-3"}, {"--languages", "en"}, {"--hours", "0"}, {"--calls", "5000000"}, {"--staff", "--share", "1"}} {
		if status, _, errs := hotlineCommand(t.Context(), append([]string{"simulate"}, wrong...)...); status != 1 || errs == "" {
			t.Errorf("%v: status %d, %s", wrong, status, errs)
		}
	}
}

func TestCrewOnTheCommandLine(t *testing.T) {
	t.Parallel()
	got, err := parseCrew("4:en+es:6-14.5")
	if err != nil || got.Agents != 4 || len(got.Languages) != 2 || got.From != 6*time.Hour || got.To != 14*time.Hour+30*time.Minute {
		t.Errorf("%+v, %v", got, err)
	}
}
