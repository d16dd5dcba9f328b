// Package proof lets tests run long where there is time for it (make torture)
// and write down what they measured there: the promises page is made of that,
// and of nothing else.
package proof

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// File is the environment variable that names the file of results; with it,
// tests run long.
const File = "HOTLINE_PROOF"

// Result is what one test has shown.
type Result struct {
	Promise string `json:"promise"` // key of a promise of tools/promises
	Test    string `json:"test"`
	Figure  string `json:"figure"`  // what was measured, with how many tries
	Control string `json:"control"` // how it was seen that the test can fail
}

// Rounds is how often a test tries: short beside the others, long by itself.
func Rounds(short, long int) int {
	if os.Getenv(File) != "" {
		return long
	}
	return short
}

// Note writes a result down when the test has passed.
func Note(tb testing.TB, r Result) {
	tb.Helper()
	path := os.Getenv(File)
	tb.Logf("%s; control: %s", r.Figure, r.Control)
	if path == "" || tb.Failed() {
		return
	}
	r.Test = tb.Name()
	line, err := json.Marshal(r)
	if err != nil {
		tb.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = f.Write(append(line, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		tb.Fatal(err)
	}
}
