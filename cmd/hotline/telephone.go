package main

import (
	"errors"
	"net/netip"
	"slices"

	"hotline/appliance/config"
	"hotline/appliance/lines"
	"hotline/appliance/trunk"
	"hotline/ivr"
	"hotline/ui"
)

// This file brings together what hotline.yaml says of lines and numbers and
// what operators have said since.

// lineRules are what operators cannot say, because the file says it, and what
// they can choose from.
func (h *hotline) lineRules(cfg config.Config) lines.Rules {
	r := lines.Rules{Region: cfg.Region, Languages: cfg.Languages, Queues: func() []string { return h.routes.Routing().LineIDs() },
		Flows: func() []string { return h.engine.Flows().Names() }}
	for _, l := range cfg.SIP.Lines {
		r.Lines = append(r.Lines, l.Name)
	}
	for _, e := range filed(cfg) {
		r.Numbers = append(r.Numbers, e.Numbers...)
	}
	return r
}

// followLines uses the lines and numbers of the file and, beside them, those of
// the operators, now and whenever these change. What is wrong with the file ends
// the start; what is wrong with a record must not keep callers from the others.
func (h *hotline) followLines(cfg config.Config) error {
	first, err := fileLines(cfg)
	if err != nil {
		return err
	}
	if err := h.trunk.UseLines(first...); err != nil {
		return err
	}
	err = h.lines.Follow(func(ways []trunk.Line, numbers []lines.Number) error {
		led, err := entries(cfg, h.engine.Flows(), h.added(numbers)...)
		if err == nil {
			h.numbers.use(led)
			h.desk.UseEntries(led)
		}
		return errors.Join(err, h.trunk.UseLines(slices.Concat(first, ways)...))
	})
	if err != nil {
		h.log.Error("some telephone lines or numbers that were added on the pages cannot be used; the others are", "error", err)
	}
	return nil
}

// added is what operators say of numbers, as the file would.
func (h *hotline) added(numbers []lines.Number) []config.Entry {
	var out []config.Entry
	known := h.engine.Flows().Names()
	for _, n := range numbers {
		e := config.Entry{Numbers: []string{n.Number}, Language: n.Language}
		switch n.Leads {
		case lines.Supervisor:
			e.Flow = ivr.FlowSupervisor
		case lines.Agents:
			e.Flow = ivr.FlowAgent
		case lines.Flow:
			if slices.Contains(known, n.Name) { // otherwise to the main menu: somebody calls
				e.Flow = n.Name
			}
		case lines.Queue:
			if h.dispatch.Has(n.Name) {
				e.Queue = n.Name
			}
		case lines.Flash:
			e.Flash = true
		}
		out = append(out, e)
	}
	return out
}

// hasLine says whether there is a line to call out over.
func (h *hotline) hasLine() bool { return len(h.trunk.Lines()) > 0 }

// way is a line by its name, and the number that it shows.
type way struct{ name, from string }

// ways are the lines in use, in the order in which they are tried.
func (h *hotline) ways(cfg config.Config) []way {
	var out []way
	for _, l := range cfg.SIP.Lines {
		out = append(out, way{l.Name, l.From})
	}
	for _, l := range h.lines.List().Lines {
		if !l.Off && !slices.ContainsFunc(cfg.SIP.Lines, func(filed config.Line) bool { return filed.Name == l.Name }) {
			out = append(out, way{l.Name, l.From})
		}
	}
	return out
}

// helpNumbers are the numbers that people in need call.
func (h *hotline) helpNumbers(cfg config.Config) []string {
	out := slices.Clone(cfg.SIP.Help)
	for _, n := range h.lines.List().Numbers {
		if n.Leads == lines.Help {
			out = append(out, n.Number)
		}
	}
	return out
}

// roleTest may dial what others may, to try a line.
const roleTest = "line_test"

// telephone is what the pages need of the lines and numbers.
func (h *hotline) telephone(cfg config.Config) ui.Telephone {
	t := ui.Telephone{Book: h.lines, Trials: h.trials, States: h.trunk.Lines, Peers: cfg.SIP.Peers, Dropped: func() uint64 { return h.trunk.Stats().Dropped },
		Flows: func() []string { return h.engine.Flows().Names() }, Allowed: func() []string { return h.mayDial(cfg) }, Out: func() lines.CallsOut { return h.mayCall(cfg) }}
	t.Filed.Dials = cfg.SIP.Outgoing.Prefixes
	for _, l := range cfg.SIP.Lines {
		t.Filed.Lines = append(t.Filed.Lines, lines.Line{Name: l.Name, Servers: l.Servers})
	}
	for _, e := range filed(cfg) {
		n := lines.Number{Leads: lines.Help, Language: e.Language}
		switch {
		case e.Flash:
			n.Leads = lines.Flash
		case e.Queue != "":
			n.Leads, n.Name = lines.Queue, e.Queue
		case e.Flow == ivr.FlowSupervisor:
			n.Leads = lines.Supervisor
		case e.Flow == ivr.FlowAgent:
			n.Leads = lines.Agents
		case e.Flow != "" && e.Flow != ivr.FlowMain:
			n.Leads, n.Name = lines.Flow, e.Flow
		}
		for _, n.Number = range e.Numbers {
			t.Filed.Numbers = append(t.Filed.Numbers, n)
		}
	}
	at := h.trunk.Addr()
	t.At = func() ui.TelephoneAddr {
		out := ui.TelephoneAddr{UDP: at.String()}
		for text, port := range map[*string]string{&out.TCP: cfg.SIP.TCP, &out.TLS: cfg.SIP.TLS} {
			if addr, err := netip.ParseAddrPort(port); err == nil {
				*text = netip.AddrPortFrom(at.Addr(), addr.Port()).String()
			}
		}
		return out
	}
	return t
}
