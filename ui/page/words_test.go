package page

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"hotline/ui/words"
)

// A text that a page asks for and nobody has written would show its key.
func TestEveryTextOfThePagesIsWritten(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	texts := catalogues.Keys(words.English)
	asks := regexp.MustCompile(`(\.[TFN]\(|[fF]rame\(r, [^",]+, )"([^"]+)"[,)]`)
	found := 0
	for _, pattern := range []string{"*.templ", "*.go", "../*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range asks.FindAllStringSubmatch(string(raw), -1) {
				key := m[2]
				if m[1] == ".N(" {
					key += ".other"
				}
				found++
				if _, ok := texts[key]; !ok {
					t.Errorf("%s asks for the text %q, which is not written", name, key)
				}
			}
		}
	}
	if found < 300 {
		t.Errorf("only %d texts are asked for", found)
	}
}

// sources are the programs of some folders, without their tests.
func sources(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			raw, err := os.ReadFile(path)
			all[path] = string(raw)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// What other parts of the program refuse, they say in English: a page in
// another language has the same sentence in its own.
func TestEveryRefusalIsTranslated(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	refusal := regexp.MustCompile(`(?:FieldError\{[^,}]+, |UserError\(|[^.]Mistake\()("(?:[^"\\]|\\.)+ (?:[^"\\]|\\.)+")`)
	found := 0
	for name, text := range sources(t, "../../triage", "../../volunteers") {
		for _, m := range refusal.FindAllStringSubmatch(text, -1) {
			sentence, err := strconv.Unquote(m[1])
			if err != nil {
				t.Fatal(err)
			}
			found++
			for _, language := range catalogues.Tags() {
				if language != words.English && catalogues.Choose("", language).Said(sentence) == sentence {
					t.Errorf("%s refuses something with a sentence that is not written in %s: %s", name, language, sentence)
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d refusals were found", found)
	}
}

// The log names whatever can happen.
func TestEveryEventHasWords(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	texts := catalogues.Keys(words.English)
	kind := regexp.MustCompile(`(?:Event\w*\s*=\s*|Kind: |\bwork\(ctx, id, by, )"([a-z_]+\.[a-z_]+)"`)
	found := 0
	for name, text := range sources(t, "../../appliance", "../../ivr", "../../triage", "../../volunteers", "../../cmd", "..") {
		for _, m := range kind.FindAllStringSubmatch(text, -1) {
			found++
			if _, ok := texts["event."+m[1]]; !ok {
				t.Errorf("%s: %s has no words", name, m[1])
			}
		}
	}
	if found < 90 {
		t.Errorf("only %d kinds of events were found", found)
	}
}
