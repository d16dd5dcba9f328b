package page

import (
	"strings"
	"time"

	"hotline/ivr/flow"
)

// FlowsPage is all dialogues and their versions.
type FlowsPage struct {
	Frame
	Flows              []FlowRow
	Drafts             int
	Problems, Warnings flow.Problems
	Current, Previous  int // Previous is -1 when there is nothing to go back to
	Versions           []FlowVersion
	Note               string
	Done, Trouble      string
	Unfit              bool // what was published does not fit the program
}

// FlowRow is one dialogue in the list.
type FlowRow struct {
	Name, About             string
	Steps                   int
	Shipped, Changed, Draft bool
	Wrong                   bool
}

// FlowVersion is one publication.
type FlowVersion struct {
	Number   int
	At       time.Time
	By, Note string
	Back     *int
	Changed  []string
}

// FlowPage is one dialogue.
type FlowPage struct {
	Frame
	Name, About, Text, Seen string
	Problems, Warnings      flow.Problems
	Elsewhere               int // problems in other flows
	Draft                   bool
	DraftBy                 string
	DraftAt                 time.Time
	Done, Trouble           string
	Queues                  []string // lines that a step can lead to
}

// FlowVersionPage is what one version changed.
type FlowVersionPage struct {
	Frame
	Version FlowVersion
	Files   []FlowDiff
}

// FlowDiff is how one file changed.
type FlowDiff struct {
	Name  string
	Lines []DiffLine
}

// DiffLine is one line of a comparison: Sign is + for new, - for gone, a space
// for the same, and … for lines that are left out.
type DiffLine struct {
	Sign string
	Text string
}

// FlowTryPage is a dialogue played as text.
type FlowTryPage struct {
	Frame
	Name, Answers, Transcript, Trouble string
	More                               bool
}

func (p FlowsPage) note(v FlowVersion) string {
	if v.Back != nil {
		return p.F("flows.back.note", "version", itoa(*v.Back))
	}
	return v.Note
}

func (v FlowVersion) flows() string { return strings.Join(v.Changed, ", ") }

func where(p flow.Problem) string { return itoa(p.Pos.Line) + ":" + itoa(p.Pos.Col) }

// around is how many unchanged lines stay beside a change.
const around = 3

// Diff compares two texts line by line.
func Diff(before, after string) []DiffLine {
	a, b := splitLines(before), splitLines(after)
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && a[endA-1] == b[endB-1] {
		endA--
		endB--
	}
	var all []DiffLine
	for _, text := range a[:start] {
		all = append(all, DiffLine{" ", text})
	}
	all = append(all, middle(a[start:endA], b[start:endB])...)
	for _, text := range a[endA:] {
		all = append(all, DiffLine{" ", text})
	}
	return shorten(all)
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// mostCompared bounds the work: longer changes are shown as a whole.
const mostCompared = 2_000_000

// middle finds the longest common lines.
func middle(a, b []string) []DiffLine {
	var out []DiffLine
	i, j := 0, 0
	if len(a)*len(b) <= mostCompared {
		common := make([][]int32, len(a)+1)
		for i := range common {
			common[i] = make([]int32, len(b)+1)
		}
		for i := len(a) - 1; i >= 0; i-- {
			for j := len(b) - 1; j >= 0; j-- {
				if a[i] == b[j] {
					common[i][j] = common[i+1][j+1] + 1
				} else {
					common[i][j] = max(common[i+1][j], common[i][j+1])
				}
			}
		}
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				out = append(out, DiffLine{" ", a[i]})
				i++
				j++
			case common[i+1][j] >= common[i][j+1]:
				out = append(out, DiffLine{"-", a[i]})
				i++
			default:
				out = append(out, DiffLine{"+", b[j]})
				j++
			}
		}
	}
	for ; i < len(a); i++ {
		out = append(out, DiffLine{"-", a[i]})
	}
	for ; j < len(b); j++ {
		out = append(out, DiffLine{"+", b[j]})
	}
	return out
}

// shorten leaves out what is the same, but for a few lines beside each change.
func shorten(all []DiffLine) []DiffLine {
	near := make([]bool, len(all))
	for i, line := range all {
		if line.Sign == " " {
			continue
		}
		for k := max(0, i-around); k <= min(len(all)-1, i+around); k++ {
			near[k] = true
		}
	}
	var out []DiffLine
	for i, line := range all {
		switch {
		case near[i]:
			out = append(out, line)
		case len(out) == 0 || out[len(out)-1].Sign != "…":
			out = append(out, DiffLine{"…", ""})
		}
	}
	return out
}
