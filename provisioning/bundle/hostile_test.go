package bundle_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"hotline/provisioning/bundle"
)

// This file tests bundles that somebody made to do harm, or that are no bundles.

func TestHostileBundlesAreRefusedInWords(t *testing.T) {
	t.Parallel()
	good := "format: 1\n"
	many := map[string]string{"bundle.yaml": good}
	for i := range 3001 {
		many[fmt.Sprintf("flows/f%d.yaml", i)] = ""
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a way out":       {map[string]string{"bundle.yaml": good, "../../etc/cron.d/x": "x"}, "leads out of the bundle"},
		"an absolute one": {map[string]string{"bundle.yaml": good, "/etc/passwd": "x"}, "leads out of the bundle"},
		"of Windows":      {map[string]string{"bundle.yaml": good, `audio\..\x.wav`: "x"}, "leads out of the bundle"},
		"a program":       {map[string]string{"bundle.yaml": good, "run.sh": "x"}, "does not belong into a bundle"},
		"no bundle":       {map[string]string{"queues.yaml": ""}, "this is no bundle of a hotline"},
		"a large one":     {map[string]string{"bundle.yaml": good, "users.yaml": strings.Repeat("a", 1<<20+1)}, "users.yaml: this file is larger than 1 MB"},
		"many files":      {many, "more than 3000 files"},
	} {
		raw := zipped(t, c.files)
		if _, err := bundle.Read(bytes.NewReader(raw), int64(len(raw))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A thousand times as large as it says, and as it is in the ZIP file.
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	w, err := z.Create("users.yaml")
	if err == nil {
		_, err = w.Write(make([]byte, 4<<20))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	lying := bytes.ReplaceAll(bomb.Bytes(), []byte{0, 0, 0x40, 0}, []byte{1, 0, 0, 0}) // its size, where it is said
	for _, raw := range [][]byte{bomb.Bytes(), lying} {
		if _, err := bundle.Read(bytes.NewReader(raw), int64(len(raw))); err == nil || !strings.Contains(err.Error(), "users.yaml: this file") {
			t.Errorf("a bomb: %v", err)
		}
	}
	raw := zipped(t, map[string]string{"bundle.yaml": good})
	for n := range raw {
		if b, err := bundle.Read(bytes.NewReader(raw[:n]), int64(n)); err == nil {
			t.Fatalf("%d bytes of a ZIP file are a bundle: %v", n, b.Files())
		}
	}
	if _, err := bundle.Open(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "there is no bundle") {
		t.Errorf("a bundle that is not there: %v", err)
	}
}

// FuzzBundle changes one file of a bundle: nothing that somebody can write ends the
// program, and what is refused says where.
func FuzzBundle(f *testing.F) {
	for name, text := range town(f) {
		if strings.HasSuffix(name, ".yaml") && !strings.HasPrefix(name, "flows/") {
			f.Add(name, text)
		}
	}
	for _, evil := range []string{"a: &a [*a, *a]\n", "? [x]\n: 1\n", "help: !!binary x\n", "- 1\n", "\x00", "help:\n\thours: 1\n", "<<: {a: 1}\n", "help: {hours: {dates: [1]}}\n", "---\na: 1\n---\nb: 2\n", "2: {name: 3}\n"} {
		f.Add("queues.yaml", evil)
	}
	h := newHotline(f)
	f.Fuzz(func(t *testing.T, name, text string) {
		raw := zipped(t, map[string]string{"bundle.yaml": "format: 1\n", name: text})
		b, err := bundle.Read(bytes.NewReader(raw), int64(len(raw)))
		if err == nil {
			_, err = bundle.Diff(context.Background(), h.to(), b, bundle.Secrets{})
		}
		var problems bundle.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("%q in %s is refused without a place: %v", text, name, err)
		}
		for _, p := range problems {
			if p.File == "" || p.Text == "" {
				t.Errorf("a problem without a file or words: %+v", p)
			}
		}
	})
}
