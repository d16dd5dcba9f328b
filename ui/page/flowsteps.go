package page

import (
	"strings"
	"time"

	"hotline/ivr/flow"
	"hotline/ivr/flow/edit"
)

// StepsPage is one dialogue as a list of steps.
type StepsPage struct {
	Frame
	Name, About, Seen  string
	Rows               []StepRow
	Problems           []StepProblem // all of this dialogue, those of steps with the step's name
	Warnings           flow.Problems
	Elsewhere          int // problems in other dialogues
	Draft, Undo        bool
	DraftBy            string
	DraftAt            time.Time
	Done, Trouble      string
	AsText             bool // it is written in a way that only its text can be changed in
	Map                FlowMap
	Languages, Changed int
}

// StepProblem is what is wrong, and with which step.
type StepProblem struct {
	flow.Problem
	Step string
}

// StepRow is one step in the list.
type StepRow struct {
	Name        string
	Kind        flow.Kind
	Says        []string // sentences, or pieces as they are written
	About       string   // the line, the dialogue, whatever it is for
	Ways        []StepWay
	Problems    []StepProblem
	Begins      bool
	First, Last bool
	Unknown     []string
}

// StepWay is one way on.
type StepWay struct {
	Setting, Name string
	To            string
}

// StepForm is one step as a form.
type StepForm struct {
	Frame
	Flow, Name, Seen string
	Kind             flow.Kind
	New              bool
	After, By        string
	ByWords          string
	Main, More       []StepField
	Open             bool // what is seldom changed is in view
	Unknown          []string
	Source           string
	Problems         []StepProblem
	Trouble          string
	Done             string
	Known            map[string][]string // what has been named in dialogues so far, by what it is
}

// StepField is one setting in the form.
type StepField struct {
	edit.Setting
	Value    string
	Options  []StepOptions
	Said     []StepSaid
	Sound    []StepOptions // what can be said
	Branches []StepBranch
	Free     []string // keys that are not used yet; nil where answers have any name
	Test     edit.Test
	Values   []edit.Value
	Path     string
}

// StepSaid is one piece of what is said.
type StepSaid struct {
	Value, Text string // a prompt, or a piece as it is written
}

// StepBranch is one key or answer.
type StepBranch struct {
	edit.Branch
	Path        string
	First, Last bool
}

// StepOptions are some answers under a heading.
type StepOptions struct {
	Label   string
	Options []Option
}

// StepNew asks what kind of step comes next.
type StepNew struct {
	Frame
	Flow, After string
	Ways        []Option
	Trouble     string
}

// StepRemove asks where callers go instead.
type StepRemove struct {
	Frame
	Flow, Name, Seen, Instead string
	Leading                   []StepLead
	Steps                     []Option
}

// StepLead is a way that leads to a step.
type StepLead struct{ From, Setting, Name string }

// KindWords is what a step does, in words.
func (f Frame) KindWords(kind flow.Kind) string {
	if kind == "" {
		return f.T("step.kind.none")
	}
	return f.Or("step.kind."+string(kind), string(kind))
}

// WayWords says when callers take a way.
func (f Frame) WayWords(setting, name string) string {
	switch setting {
	case "menu", "keys":
		return f.F("step.key", "key", name)
	case "on":
		return f.F("step.answer", "answer", name)
	case "when":
		return f.F("step.case", "n", itoa(atoi(name)+1))
	case "ways":
		return f.F("step.share", "n", itoa(atoi(name)+1))
	}
	return f.Or("step.way."+setting, setting)
}

func atoi(text string) (n int) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func (f Frame) settingWords(one edit.Setting) string {
	if one.Is == edit.WayOut {
		return f.WayWords(one.Name, "")
	}
	return f.Or("step.set."+one.Name, one.Name)
}

func (f Frame) settingHint(one edit.Setting) string { return f.Or("step.hint."+one.Name, "") }

func stepPath(flow, step string) string { return "/admin/flow/" + flow + "/step/" + step }

// plainSays reports that a piece is a sentence and no piece of YAML.
func plainSays(text string) bool { return !strings.HasPrefix(text, "{") }

// testWays are the ways to test, in words.
func (f Frame) testWays() []Option {
	var all []Option
	for _, how := range edit.TestWays {
		all = append(all, Option{Value: how, Label: f.T("step.test." + how)})
	}
	return all
}
