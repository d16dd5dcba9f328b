package page

import (
	"hotline/triage"
	"hotline/triage/reach"
)

// QueuesPage is all lines: what they are called, who answers, and how callers
// come there.
type QueuesPage struct {
	Frame
	Routing       triage.Routing
	Uses          map[string][]reach.Use // by line
	Offered       []string               // languages that callers are offered
	Typed         QueueForm              // what was refused
	Refused       []reach.Use            // what still leads to a line that is to be switched off
	Trouble, Done string
	MayFlows      bool // whoever looks may change dialogues
}

// QueueForm is what was typed about one line.
type QueueForm struct {
	ID, Name, Prompt string
	Names            map[string]string
	Profiles         []string
}

// QueuesDone are the words that the page may be asked to say.
func QueuesDone() []string { return []string{"add", "name", "off", "on"} }

// form is what stands in the fields of a line.
func (p QueuesPage) form(q triage.Queue) QueueForm {
	if p.Typed.ID == q.ID {
		return p.Typed
	}
	return QueueForm{ID: q.ID, Name: q.Name, Prompt: q.Prompt, Names: q.Names}
}

// adds are the fields for a new line. Who helps those who need help answers it,
// unless somebody chooses otherwise.
func (p QueuesPage) adds() QueueForm {
	if p.Trouble != "" && p.Typed.ID == "" && p.Refused == nil {
		return p.Typed
	}
	var f QueueForm
	for _, profile := range p.Routing.Profiles {
		if lineOf(profile, triage.QueueHelp).Priority > 0 {
			f.Profiles = append(f.Profiles, profile.ID)
		}
	}
	return f
}

// answered are the names of the profiles whose people answer a line.
func (p QueuesPage) answered(queue string) (names []string) {
	for _, profile := range p.Routing.Profiles {
		if lineOf(profile, queue).Priority > 0 {
			names = append(names, p.profile(profile))
		}
	}
	return names
}

// use is a sentence about what leads to a line or leans on it.
func (p QueuesPage) use(u reach.Use) string {
	name := u.Name
	switch u.Kind {
	case reach.ByLine:
		name = p.Line(u.Name)
	case reach.Profile:
		name = p.profile(p.Routing.Profile(u.Name))
	case reach.CallBack:
		return p.N("queues.use.callback", u.N)
	case reach.ByFlow:
		if u.Step == "" {
			return p.F("queues.use.stuck", "flow", u.Name)
		}
		if !u.Met {
			return p.F("queues.use.unmet", "flow", u.Name, "step", u.Step)
		}
		return p.F("queues.use.flow", "flow", u.Name, "step", u.Step)
	}
	return p.F("queues.use."+string(u.Kind), "name", name)
}

// waysShown is how many ways to a line are told one by one.
const waysShown = 6

// ways are how callers come to a line, in sentences.
func (p QueuesPage) ways(queue string) (words []string) {
	all := reach.Ways(p.Uses[queue])
	for _, u := range all[:min(len(all), waysShown)] {
		words = append(words, p.use(u))
	}
	if more := len(all) - waysShown; more > 0 {
		words = append(words, p.N("queues.more", more))
	}
	return words
}
