// Command licences reads the list of what is in the program (CycloneDX, made by
// make supply) and writes down under which licence each part is. It fails when
// a part has none that was found, or one that does not go with Apache-2.0.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// fitting may be linked into an Apache-2.0 program that everybody may pass on.
var fitting = []string{"MIT", "BSD-2-Clause", "BSD-3-Clause", "BSD-Source-Code", "0BSD", "ISC", "Apache-2.0", "Unlicense", "CC0-1.0"}

type list struct {
	Components []struct {
		Name, Version string
		Licenses      []choice
		Evidence      struct{ Licenses []choice }
	}
}

type choice struct {
	License    struct{ ID, Name string }
	Expression string
}

func (c choice) String() string {
	for _, s := range []string{c.License.ID, c.License.Name, c.Expression} {
		if s != "" {
			return s
		}
	}
	return "unknown"
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(r io.Reader, w io.Writer) error {
	var all list
	if err := json.NewDecoder(r).Decode(&all); err != nil {
		return fmt.Errorf("reading the list of parts: %w", err)
	}
	if len(all.Components) == 0 {
		return errors.New("the list of parts is empty")
	}
	var wrong error
	for _, c := range all.Components {
		var names []string
		for _, l := range append(c.Licenses, c.Evidence.Licenses...) {
			names = append(names, l.String())
		}
		fmt.Fprintf(w, "%-60s %-40s %s\n", c.Name, c.Version, strings.Join(names, ", "))
		if len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(fitting, n) }) {
			wrong = errors.Join(wrong, fmt.Errorf("%s is under %q", c.Name, names))
		}
	}
	return wrong
}
