package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestThePageSaysOnlyWhatWasMeasured(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results")
	if err := os.WriteFile(results, []byte(`{"promise":"kept","test":"TestX","figure":"0 of 7 lost","control":"one is missed"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run([]string{results}, &out); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"0 of 7 lost.", "Control: one is missed. (`TestX`)", "A full disk does not stop calls.\n\n- Not measured in this run."} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the page has no %q:\n%s", part, out.String())
		}
	}
	if err := os.WriteFile(results, []byte(`{"promise":"moon"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{results}, &out); err == nil {
		t.Error("a figure for no promise passes")
	}
}

// A test that the page names is in the tree.
func TestWhatThePageNamesExists(t *testing.T) {
	written := map[string]bool{}
	name := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range name.FindAllSubmatch(source, -1) {
			written[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\bTest\w+`).FindAllString(string(page), -1)
	for _, p := range promises {
		named = append(named, regexp.MustCompile(`Test\w+`).FindAllString(p.test, -1)...)
	}
	if len(named) < 10 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, one := range named {
		if !written[one] {
			t.Errorf("the page of promises names %s, which is no test", one)
		}
	}
}
