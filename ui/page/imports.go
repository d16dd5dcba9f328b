package page

import (
	"slices"
	"strconv"
	"strings"

	"hotline/triage/cards"
	"hotline/triage/intake"
)

// ImportsPage is the form for a new file, and what was brought in so far.
type ImportsPage struct {
	Frame
	Targets []string
	Target  string
	List    []intake.Import
	Trouble string
}

// ImportCheckPage is what would happen with a file, line by line.
type ImportCheckPage struct {
	Frame
	Upload  *intake.Upload
	Target  intake.Target
	Columns []string // field of each column
	Check   intake.Check
	Lines   []intake.Line // that are shown
	Show    string        // which: all, or one of ImportShows
	More    bool          // not all of these are shown
	Form    ImportForm
	Queues  []string
	Trouble string
}

// ImportForm is what was typed, shown again when something was wrong.
type ImportForm struct {
	Basis, Title, Queue string
	Without             bool
}

// ImportShows are the lines that can be looked at by themselves, with what needs
// somebody first.
func ImportShows() []string {
	return []string{intake.RefusedLine, "look", intake.NewLine, intake.SameLine}
}

// ImportPage is one file that was brought in.
type ImportPage struct {
	Frame
	Import  intake.Import
	Lines   int // that are written so far
	Trouble string
}

// busy reports that the state will change by itself.
func (p ImportPage) busy() bool {
	return p.Import.State == intake.Filling || p.Import.State == intake.Undoing
}

// keptShown bounds how many kept records are listed.
const keptShown = 100

func (p ImportPage) kept() []string { return p.Import.Kept[:min(len(p.Import.Kept), keptShown)] }

// ImportRecord is the page of a record of a target.
func ImportRecord(target, id string) string {
	switch target {
	case "volunteers":
		return "/records/registrants/" + id
	case "call_list":
		return "/rounds/" + id
	}
	return "/records/cards/" + id
}

// see is where the records of an import are.
func (p ImportPage) see() string {
	switch p.Import.Target {
	case "volunteers":
		return "/records?tab=registrants"
	case "call_list":
		return "/rounds/" + p.Import.Made
	}
	return "/records?tab=" + p.Import.Target
}

// ImportWhat is what becomes of a line.
func ImportWhat(l intake.Line) string {
	if l.What == intake.NewLine && len(l.Notes) > 0 {
		return "look"
	}
	return l.What
}

// count is how many lines there are of a kind that can be shown.
func (p ImportCheckPage) count(show string) int {
	switch show {
	case intake.RefusedLine:
		return p.Check.Refused
	case "look":
		return p.Check.Warned
	case intake.SameLine:
		return p.Check.Same
	case intake.NewLine:
		return p.Check.New - p.Check.Warned
	}
	return len(p.Check.Lines)
}

func (p ImportCheckPage) showPath(show string) string {
	return "/import/check/" + p.Upload.ID + "?show=" + show + "#lines"
}

// missing names the fields without which nothing can be brought in.
func (p ImportCheckPage) missing() string {
	var words []string
	for _, field := range p.Check.Missing {
		words = append(words, p.ImportField(p.Target.Name, field))
	}
	return strings.Join(words, " · ")
}

// heading is the name of a column.
func (p ImportCheckPage) heading(i int) string {
	if name := p.Upload.Sheet.Header[i]; name != "" {
		return name
	}
	return p.F("import.nameless", "n", strconv.Itoa(i+1))
}

// ImportNote is what is said about a line.
func (f Frame) ImportNote(target string, n intake.Note) string {
	return f.F("import.note."+n.Key, "field", f.ImportField(target, n.Field), "value", n.Value, "line", strconv.Itoa(n.Line), "code", n.Code)
}

// ImportField names a field that a column can be.
func (f Frame) ImportField(target, field string) string {
	for _, key := range importKeys(target, field) {
		if f.Known(key) {
			return f.T(key)
		}
	}
	return field
}

// ImportLabel is the word for a field in a catalogue, "" when it has none.
func ImportLabel(texts map[string]string, target, field string) string {
	for _, key := range importKeys(target, field) {
		if text := texts[key]; text != "" {
			return text
		}
	}
	return ""
}

// importKeys are where the words for a field may stand.
func importKeys(target, field string) []string {
	switch {
	case field == "":
		return nil
	case slices.Contains(cards.Kinds(), target):
		return []string{"card." + field, "import.field." + field}
	case target != "volunteers":
		return []string{"import.field." + field}
	case field == "notes":
		return []string{"case.notes"}
	}
	return []string{"person." + field, "pick." + field, "import.field." + field, "col." + field}
}

// ImportChoice is the word for a choice in a catalogue, "" when it has none.
func ImportChoice(texts map[string]string, target, field, value string) string {
	kind := target
	if target == "volunteers" {
		kind = "registrants"
	}
	return CodeWords(texts, kind, field, value)
}
