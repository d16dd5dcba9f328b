package main

import (
	"os"
	"path/filepath"
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
