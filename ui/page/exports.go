package page

import (
	"slices"

	"hotline/appliance/export"
)

// ExportPage is the form of an export, and what was asked for lately.
type ExportPage struct {
	Frame
	Sets    []ExportSet
	Formats []string
	Levels  []string
	Form    ExportForm
	Jobs    []export.Job
	Me      string // account of the reader
	Trouble string
}

// ExportSet is one set to choose, and the lowest level with which it says
// anything.
type ExportSet struct{ Name, Least string }

// ExportForm is what was chosen, shown again when something was wrong.
type ExportForm struct {
	Sets, Formats                             []string
	Level, Since, Reason, Recipient, Password string
	To                                        string // for whom it is meant
	HXL, Lock                                 bool
	Filter                                    string // only what it finds; the address of the list that shows it
}

func (f ExportForm) has(set string) bool        { return slices.Contains(f.Sets, set) }
func (f ExportForm) wants(format string) bool   { return slices.Contains(f.Formats, format) }
func (f Frame) exportState(j export.Job) string { return f.T("export.state." + string(j.State)) }

// setWords names sets in words.
func (f Frame) setWords(names []string) string {
	out := ""
	for i, name := range names {
		if i > 0 {
			out += " · "
		}
		out += f.Or("export.set."+name, name)
	}
	return out
}

// ExportJobPage is one export.
type ExportJobPage struct {
	Frame
	Job      export.Job
	Progress export.Progress
	Mine     bool
	Trouble  string
}

// busy reports that the state will change by itself.
func (p ExportJobPage) busy() bool {
	return p.Job.State == export.Queued || p.Job.State == export.Running || p.Job.State == export.Waiting && p.Mine
}

// mayStop reports that there is still something to stop or to delete.
func (p ExportJobPage) mayStop() bool {
	return p.Mine && slices.Contains([]export.State{export.Waiting, export.Queued, export.Running, export.Done}, p.Job.State)
}

func (p ExportJobPage) size() string {
	switch n := p.Job.Size; {
	case n < 1<<20:
		return itoa(int(n+1023)/1024) + " kB"
	default:
		return itoa(int(n>>20)) + " MB"
	}
}

// withheld reports that records were found which could not leave with a file.
func withheld(job export.Job) bool {
	return slices.ContainsFunc(job.Parts, func(part export.Part) bool { return part.Withheld > 0 })
}
