package page

import (
	"os"
	"path/filepath"
	"regexp"
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
	asks := regexp.MustCompile(`(\.[TFN]\(|frame\(r, [^",]+, )"([^"]+)"[,)]`)
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
