package page

import (
	"net/url"

	"github.com/a-h/templ"

	"hotline/appliance/lists"
)

// TabCase is the part of the page with the questions about a case; the others
// are named like their lists.
const TabCase = "case"

// ListTabs are the parts of the page.
func ListTabs() []string {
	return append(append([]string{TabCase}, lists.Names()...), lists.PlacesName)
}

// ListsPage is where it is decided what is asked and what can be chosen.
type ListsPage struct {
	Frame
	Tab     string // of ListTabs, or the name of an own question: its choices
	Code    string // what is being changed; "" for nothing
	Past    []ListChange
	Places  int
	Since   string
	Found   []lists.Found // of the places, what Typed finds
	Typed   string
	Brought *lists.Brought // what a file would change, or has
	Looked  bool           // it has changed nothing yet
	Back    bool           // the last file can be taken back
	Trouble string
	Done    bool
}

// ListChange is one change of a list.
type ListChange struct{ When, Who, What, Which string }

// WordField is the field of a text in one language.
type WordField struct{ Language, Name, Label, Value string }

func (p ListsPage) is(tab string) bool {
	_, own := p.question(p.Tab)
	return p.Tab == tab || tab == TabCase && own
}

func (p ListsPage) address(tab, code string) templ.SafeURL {
	q := url.Values{"list": {tab}}
	if code != "" {
		q.Set("code", code)
	}
	return templ.SafeURL("/admin/lists?" + q.Encode())
}

func (p ListsPage) question(name string) (lists.Question, bool) { return p.Lists.Question(name) }

// chosen is the choice that is being changed.
func (p ListsPage) chosen() (lists.Choice, bool) {
	for _, c := range p.Lists.List(p.Tab).Choices {
		if c.Code == p.Code {
			return c, true
		}
	}
	return lists.Choice{}, false
}

// wordFields are the fields of a text in all languages. What is shown is what
// counts now, in languages that have words of their own.
func (p ListsPage) wordFields(prefix string, w lists.Words) (fields []WordField) {
	for _, tag := range lists.Tags() {
		fields = append(fields, WordField{Language: tag, Name: prefix + tag, Label: p.F("lists.words.in", "language", p.Spoken(tag)), Value: w[tag]})
	}
	return fields
}

// keep is why something cannot be switched off.
func (p ListsPage) keep(why string) string { return p.T("lists.keep." + why) }

func (p ListsPage) kind(kind string) string { return p.T("lists.kind." + kind) }

// findings are the lines of a file that cannot be taken.
func (p ListsPage) findings() (out []string) {
	for _, f := range p.Brought.Findings {
		out = append(out, p.F("lists.brought.line", "line", itoa(f.Line), "what", p.T("lists.wrong."+string(f.What)), "value", f.Value))
	}
	return out
}

func (p ListsPage) counts() string {
	b := p.Brought
	return p.F("lists.brought", "added", itoa(b.Added), "changed", itoa(b.Changed), "same", itoa(b.Same), "gone", itoa(b.Gone))
}

// mostWords is how long a text may be.
func mostWords() string { return itoa(lists.MaxText) }
