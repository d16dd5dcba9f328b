package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

const root = "../.."

// A page or script that was edited without building it again would not reach
// the people who use it.
func TestCommittedResultsAreUpToDate(t *testing.T) {
	pages, err := templates(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) == 0 {
		t.Fatal("no pages found")
	}
	files, err := bundle(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []generated{pages, files} {
		for name, want := range set {
			got, err := os.ReadFile(filepath.Join(root, name))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is older than its source (%v). Run: go run ./tools/assets", name, err)
			}
		}
	}
	committed, err := os.ReadDir(filepath.Join(root, distFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range committed {
		if _, ok := files[distFolder+"/"+entry.Name()]; !ok {
			t.Errorf("%s/%s comes from an earlier build. Run: go run ./tools/assets", distFolder, entry.Name())
		}
	}
}
