package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/triage"
	"hotline/triage/desk"
)

func isQueue(id string) bool { return slices.Contains(triage.Queues(), id) }

// entries are the numbers of the hotline and where they lead, as they are
// configured and in their full form: trunks write one number in several ways.
func entries(cfg config.Config, flows *flow.FlowSet) (map[string]desk.Entry, error) {
	all := slices.Concat([]config.Entry{{Numbers: cfg.SIP.Help}, {Numbers: cfg.SIP.Supervisor, Flow: ivr.FlowSupervisor}, {Numbers: cfg.SIP.Agents, Flow: ivr.FlowAgent}}, cfg.SIP.Entries)
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
		if e.Queue != "" && !isQueue(e.Queue) {
			return nil, fmt.Errorf("sip: entries: there is no queue %q; there are %s", e.Queue, strings.Join(triage.Queues(), ", "))
		}
	}
	for queue := range cfg.SIP.Shares {
		if !isQueue(queue) {
			return nil, fmt.Errorf("sip: queue_shares: there is no queue %q; there are %s and %s", queue, triage.QueueHelp, triage.QueueVolunteers)
		}
	}
	if _, limited := cfg.SIP.Shares[triage.QueueLife]; limited {
		return nil, fmt.Errorf("sip: queue_shares: people in danger are never turned away, so the queue %q takes no share", triage.QueueLife)
	}
	add(func(number string) string { return number })
	add(func(number string) string { return string(call.ParseNumber(number, cfg.Region)) })
	return out, nil
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
