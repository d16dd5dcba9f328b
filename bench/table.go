//go:build linux

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// table is a result: one line for each figure, one column for each size.
type table struct {
	lines [][]string
}

// row adds a line. A target is what design asks for, "" where it asks nothing.
func (t *table) row(name, target string, values ...string) {
	t.lines = append(t.lines, append([]string{name, target}, values...))
}

func (t table) print(out io.Writer, title string) error {
	fmt.Fprintf(out, "\n%s\n", title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, line := range t.lines {
		for _, cell := range line {
			fmt.Fprintf(w, "%s\t", cell)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// column makes one cell for each result.
func column[T any](results []T, cell func(T) string) []string {
	var out []string
	for _, r := range results {
		out = append(out, cell(r))
	}
	return out
}

func share(part, whole uint64) string {
	return fmt.Sprintf("%d = %.3f %%", part, 100*float64(part)/float64(max(1, whole)))
}
