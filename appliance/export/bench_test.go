package export

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"hotline/appliance/table"
)

// A million contacts as a workbook: how long it takes, and how much memory the
// process has had at most. The rows are made up as they go, so the memory is
// that of writing.
func BenchmarkMillionRows(b *testing.B) {
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				out := &counter{w: io.Discard}
				pack := newArchive(out, "correct horse battery", time.Unix(0, 0))
				err := pack.file("contacts."+format, func(w io.Writer) error {
					switch format {
					case XLSX:
						return table.WriteXLSX(w, million(), nil)
					case CSV:
						return table.WriteCSV(w, million())
					}
					return table.WriteJSONL(w, million())
				})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(out.n)/(1<<20), "MB-file")
			}
			b.ReportMetric(peak(b), "MB-peak")
		})
	}
}

func million() table.Table {
	t := table.Table{Name: "contacts"}
	for i := range 40 {
		t.Columns = append(t.Columns, table.Column{Name: fmt.Sprintf("column_%d", i), Kind: []table.Kind{table.ID, table.Phone, table.DateTime, table.Text, table.Int}[i%5], Level: table.Full})
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	t.Rows = func(yield func([]any, error) bool) {
		row := make([]any, 40)
		for n := range 1_000_000 {
			for i := range row {
				switch i % 5 {
				case 0:
					row[i] = fmt.Sprintf("01J%010d", n)
				case 1:
					row[i] = "+12024561111"
				case 2:
					row[i] = at.Add(time.Duration(n) * time.Second)
				case 3:
					row[i] = "words of the caller"
				case 4:
					row[i] = n
				}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
	return t
}

// peak is the most memory that the process has had, as Linux counts it.
func peak(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("only Linux tells")
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kb float64
			if _, err := fmt.Sscan(rest, &kb); err != nil {
				b.Fatal(err)
			}
			return kb / 1024
		}
	}
	return 0
}
