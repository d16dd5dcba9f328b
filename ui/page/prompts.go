package page

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"hotline/ivr/prompts"
)

// PromptViews are the ways to look at the list, the usual one first.
func PromptViews() []string { return []string{"all", "unrecorded", "missing", "figures"} }

// PromptsPage is everything that is said, by prompt and language.
type PromptsPage struct {
	Frame
	Show    string
	Columns []PromptColumn
	Rows    []string // names of the prompts
	Import  prompts.Import
	Speaks  bool // texts can be spoken on this machine
	Trouble string
	Done    string
}

// PromptColumn is one language.
type PromptColumn struct {
	Tag, Name                    string
	Recorded, Synthetic, Missing int
	prompts                      map[string]prompts.Prompt
}

// AddLanguage adds a column.
func (p *PromptsPage) AddLanguage(tag, name string, all []prompts.Prompt) {
	c := PromptColumn{Tag: tag, Name: name, prompts: map[string]prompts.Prompt{}}
	for _, one := range all {
		c.prompts[one.ID] = one
		switch {
		case one.Internal && one.State == prompts.Missing: // spoken in English
		case one.State == prompts.Recorded:
			c.Recorded++
		case one.State == prompts.Synthetic:
			c.Synthetic++
		default:
			c.Missing++
		}
		if p.shows(one) && !slices.Contains(p.Rows, one.ID) {
			p.Rows = append(p.Rows, one.ID)
		}
	}
	p.Columns = append(p.Columns, c)
	slices.Sort(p.Rows)
}

func (p *PromptsPage) shows(one prompts.Prompt) bool {
	if prompts.OfFigures(one.ID) {
		return p.Show == "figures"
	}
	switch p.Show {
	case "unrecorded":
		return one.State != prompts.Recorded && !one.Internal
	case "missing":
		return one.State == prompts.Missing && !one.Internal
	case "figures":
		return false
	}
	return true
}

// words is what a prompt says, in the language of the page where it can be.
func (p PromptsPage) words(id string) string {
	for _, tag := range []string{p.Lang(), prompts.Fallback} {
		for _, c := range p.Columns {
			if text := c.prompts[id].Text; c.Tag == tag && text != "" {
				return text
			}
		}
	}
	for _, c := range p.Columns {
		if text := c.prompts[id].Text; text != "" {
			return text
		}
	}
	return ""
}

// state is what callers hear of a prompt in a language: a word of the texts.
func (c PromptColumn) state(id string) string {
	one, ok := c.prompts[id]
	switch {
	case !ok:
		return "none"
	case one.State == prompts.Missing && one.Internal:
		return "english"
	case one.Outdated:
		return "outdated"
	}
	return string(one.State)
}

func promptURL(language, id string) string {
	return "/prompts/" + url.PathEscape(language) + "/" + url.PathEscape(id)
}

// PromptPage is one prompt in one language.
type PromptPage struct {
	Frame
	Prompt   prompts.Prompt
	Language string // its name
	Meaning  string // what it says, in the language of the page
	Text     string // in the form
	Speaks   bool
	Trouble  string
	Done     string
}

// dirOf is the writing direction of a language's own words.
func dirOf(language string) string {
	base, _, _ := strings.Cut(language, "-")
	if slices.Contains([]string{"ar", "fa", "he", "ps", "ur", "ckb", "sd", "ug", "yi", "dv"}, base) {
		return "rtl"
	}
	return "ltr"
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }
