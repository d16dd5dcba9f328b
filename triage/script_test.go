package triage_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"hotline/appliance/store/storetest"
	"hotline/triage"
)

func TestScriptsByLineAndLanguage(t *testing.T) {
	s := storetest.Open(t)
	open := func() *triage.Scripts {
		t.Helper()
		scripts, err := triage.OpenScripts(s, func() []string { return []string{"help", "life"} })
		if err != nil {
			t.Fatal(err)
		}
		return scripts
	}
	scripts := open()
	set := func(queue, language string, lines ...string) error {
		return scripts.Set(t.Context(), triage.Script{Queue: queue, Language: language, Lines: lines, By: "a"})
	}
	for _, err := range []error{set("", "en", "Hello.", " ", "Where are you?"), set("life", "en", "Are you in danger?"), set("life", "es", "¿Está en peligro?")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var mistake triage.ScriptMistake
	for name, err := range map[string]error{"line": set("nothing", "en", "x"), "language": set("", "", "x"), "long": set("", "en", strings.Repeat("x", 241)), "many": set("", "en", strings.Split("a b c d e f g h i", " ")...)} {
		if !errors.As(err, &mistake) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, scripts := range []*triage.Scripts{scripts, open()} { // at once, and after a restart
		for at, want := range map[[2]string][]string{{"help", "en"}: {"Hello.", "Where are you?"}, {"life", "en"}: {"Are you in danger?"}, {"life", "es"}: {"¿Está en peligro?"}, {"help", "es"}: nil} {
			if got := scripts.For(at[0], at[1]).Lines; !slices.Equal(got, want) {
				t.Errorf("%v: %q", at, got)
			}
		}
	}
	if err := set("life", "en"); err != nil {
		t.Fatal(err)
	}
	if got := scripts.For("life", "en").Lines; len(got) != 2 || len(scripts.List()) != 2 {
		t.Errorf("taken away: %q, %d left", got, len(scripts.List()))
	}
}
