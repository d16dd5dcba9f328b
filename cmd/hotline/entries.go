package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/reach"
)

// numbering is where the numbers of the hotline lead, which changes while it runs.
type numbering struct {
	led atomic.Pointer[map[string]desk.Entry]
}

// all is not to be changed.
func (n *numbering) all() map[string]desk.Entry { return *n.led.Load() }

func (n *numbering) use(entries map[string]desk.Entry) { n.led.Store(&entries) }

func (n *numbering) serves(called string) bool {
	_, ours := n.all()[called]
	return ours
}

// filed are the numbers that hotline.yaml names.
func filed(cfg config.Config) []config.Entry {
	return slices.Concat([]config.Entry{{Numbers: cfg.SIP.Help}, {Numbers: cfg.SIP.Supervisor, Flow: ivr.FlowSupervisor}, {Numbers: cfg.SIP.Agents, Flow: ivr.FlowAgent}}, cfg.SIP.Entries)
}

// entries are the numbers of the hotline and where they lead, as they are
// configured and in their full form: trunks write one number in several ways.
// Those that operators have added come behind those of the file. A number may
// name a line that is not there: a hotline that was restored from an older
// backup, or is without its key, answers all the same, and the callers of that
// number come to those who help everybody.
func entries(cfg config.Config, flows *flow.FlowSet, added ...config.Entry) (map[string]desk.Entry, error) {
	all := slices.Concat(filed(cfg), added)
	out := map[string]desk.Entry{}
	add := func(form func(string) string) {
		for _, e := range all {
			for _, number := range e.Numbers {
				if number = form(number); out[number] == (desk.Entry{}) && number != "" {
					out[number] = entry(e, cfg.Languages[0])
				}
			}
		}
	}
	for _, e := range all {
		if e.Flow != "" && !slices.Contains(flows.Names(), e.Flow) {
			return nil, fmt.Errorf("sip: entries: there is no dialogue %q; there are %s", e.Flow, strings.Join(flows.Names(), ", "))
		}
	}
	if _, limited := cfg.SIP.Shares[triage.QueueLife]; limited {
		return nil, fmt.Errorf("sip: queue_shares: people in danger are never turned away, so the queue %q takes no share", triage.QueueLife)
	}
	add(func(number string) string { return number })
	add(func(number string) string { return string(call.ParseNumber(number, cfg.Region)) })
	return out, nil
}

// reachable are the numbers of the hotline, each once.
func (h *hotline) reachable(region string) func() []reach.Number {
	return func() []reach.Number {
		var out []reach.Number
		seen := map[string]bool{}
		for _, number := range slices.Sorted(maps.Keys(h.numbers.all())) {
			e, full := h.numbers.all()[number], number
			if parsed := call.ParseNumber(number, region); parsed.E164() {
				full = string(parsed)
			}
			if seen[full] || e.Supervisor {
				continue
			}
			seen[full] = true
			one := reach.Number{Number: full, Flow: e.Flow, Queue: e.Queue}
			if e.Flash { // whoever rings it is called for those who help everybody
				one.Queue = triage.QueueHelp
			}
			out = append(out, one)
		}
		return out
	}
}

func entry(e config.Entry, language string) desk.Entry {
	out := desk.Entry{Queue: e.Queue, Language: cmp.Or(e.Language, language), Flash: e.Flash, Agents: e.Flow == ivr.FlowAgent}
	out.Supervisor = out.Agents || e.Flow == ivr.FlowSupervisor
	if e.Queue == "" && !e.Flash {
		out.Flow = cmp.Or(e.Flow, ivr.FlowMain)
	}
	return out
}

// shares are how many calls each queue may have at a time.
func shares(cfg config.Config) map[string]int {
	out := map[string]int{}
	for queue, percent := range cfg.SIP.Shares {
		out[queue] = max(1, cfg.SIP.MaxCalls*percent/100)
	}
	return out
}
