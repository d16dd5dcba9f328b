package page

import (
	"slices"
	"strconv"

	"hotline/appliance/webhooks"
)

// WebhooksPage is which other systems are told what happens, and how that goes.
type WebhooksPage struct {
	Frame
	Hooks   []webhooks.Status
	Topics  []string
	Form    HookForm
	Fresh   string // secret of one that was just made: shown this once
	Off     bool   // the part is switched off
	Tested  *webhooks.Result
	Who     string // that was tested
	Trouble string
	Done    string
}

// HookForm is what was typed, shown again when something was wrong.
type HookForm struct {
	Name, URL, Network string
	Topics             []string
}

func (f HookForm) has(topic string) bool { return slices.Contains(f.Topics, topic) }

// HooksDone are the words that say what was done.
func HooksDone() []string { return []string{"removed", "paused", "resumed", "hurried"} }

// went says in a sentence how a try went.
func (p WebhooksPage) went(r webhooks.Result) string {
	if r.Code == "" {
		return p.T("hooks.said.none")
	}
	return p.F("hooks.said."+string(r.Code), "status", strconv.Itoa(r.Status))
}
