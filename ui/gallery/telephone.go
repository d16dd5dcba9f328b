package gallery

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"hotline/appliance/lines"
	"hotline/appliance/trunk"
	"hotline/ui"
)

// telephone is the lines and numbers of a hotline that has no telephone side:
// how the lines are is made up.
func (s *scene) telephone(log *slog.Logger) (ui.Telephone, error) {
	filed := lines.Record{Lines: []lines.Line{{Name: "gateway", Servers: []string{"192.0.2.7"}}},
		Numbers: []lines.Number{{Number: "100", Leads: lines.Help}, {Number: "199", Leads: lines.Supervisor}, {Number: "198", Leads: lines.Agents}}}
	flows := func() []string { return []string{"family", "info", "main"} }
	book, err := lines.Open(s.store, lines.Rules{Lines: []string{"gateway"}, Numbers: []string{"100", "199", "198"}, Region: region, Languages: spoken(), Flows: flows, Queues: func() []string { return s.routes.Routing().LineIDs() }})
	if err != nil {
		return ui.Telephone{}, err
	}
	busy := func(_ context.Context, o trunk.Outgoing) (*trunk.Call, error) {
		return nil, &trunk.DialError{Status: 486, Q850: 17, Reason: "the called person is busy", Line: o.Lines[0]}
	}
	trials := lines.NewTrials(lines.TrialConfig{Dial: busy, Role: "line_test", Log: log})
	return ui.Telephone{Book: book, Trials: trials, Filed: filed, Peers: []string{"192.0.2.7"}, Dropped: func() uint64 { return 12 }, Flows: flows, Allowed: func() []string { return append([]string{"+1202"}, book.Dials()...) }, Out: outOf(book),
		At:     func() ui.TelephoneAddr { return ui.TelephoneAddr{UDP: "192.0.2.1:5060", TLS: "192.0.2.1:5061"} },
		States: func() []trunk.LineState { return lineStates(book.List(), time.Now()) }}, nil
}

// lineStates are as many ways to be as there are lines.
func lineStates(r lines.Record, now time.Time) []trunk.LineState {
	since := now.Add(-2 * time.Hour)
	out := []trunk.LineState{{Name: "gateway", Up: true, Checked: true, Reason: "answers", Since: since, Calls: 2, Limit: 4, CallIn: now.Add(-4 * time.Minute), Lets: []netip.Addr{netip.MustParseAddr("192.0.2.7")}}}
	for i, l := range r.Lines {
		s := trunk.LineState{Name: l.Name, Since: since, Limit: l.MaxCalls, Lets: []netip.Addr{netip.AddrFrom4([4]byte{203, 0, 113, byte(7 + i)})}}
		for _, net := range l.Accepts {
			s.Accepts = append(s.Accepts, netip.MustParsePrefix(net))
		}
		switch i {
		case 0:
			s.Up, s.Checked, s.Reason, s.RegisteredUntil, s.Calls, s.CallIn = true, true, "registered at sip.example.org", now.Add(8*time.Minute), 7, now.Add(-time.Minute)
		case 1:
			s.Checked, s.Reason = true, "server 192.168.1.50 does not answer; check the network and whether it is switched on"
		case 2:
			s.Up, s.Checked, s.Reason, s.Calls = true, true, "answers", l.MaxCalls
		}
		out = append(out, s)
	}
	return out
}

// addLines adds lines in every state, and numbers.
func (s *scene) addLines(ctx context.Context) error {
	book, by := s.phones.Book, s.who.ids["admin"]
	for _, l := range []lines.Line{
		{Name: "National Telecom", Kind: lines.Account, Servers: []string{"sip.example.org"}, User: "hotline", From: "+12025550100", MaxCalls: 30, Accepts: []string{"203.0.113.64/28"}},
		{Name: "SIM cards", Kind: lines.GSM, Servers: []string{"192.168.1.50"}, MaxCalls: 8},
		{Name: "Old office line", Kind: lines.FXO, Servers: []string{"192.168.1.51"}, MaxCalls: 2},
		{Name: "Telephone system of the town hall", Kind: lines.PBX, Servers: []string{"192.168.1.2"}},
		{Name: "Second company", Kind: lines.Address, Servers: []string{"198.51.100.9"}},
	} {
		secret := ""
		if l.Kind == lines.Account {
			secret = "made up"
		}
		if err := book.Add(ctx, l, secret, by); err != nil {
			return err
		}
	}
	if err := book.Switch(ctx, "Second company", false, by, "web"); err != nil {
		return err
	}
	for _, n := range []lines.Number{{Number: "+12025550100", Leads: lines.Help}, {Number: "+12025550111", Leads: lines.Queue, Name: "volunteers", Language: "en"}, {Number: "105", Leads: lines.Flash}} {
		if err := book.SetNumber(ctx, n, by); err != nil {
			return err
		}
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.phones.Trials.Run(running) }()
	err := s.phones.Trials.Start("gateway", "+12025550180", "en", by)
	if err == nil {
		<-s.phones.Trials.Over()
	}
	stop()
	<-ended
	return err
}

// outOf is who may call out there: who hotline.yaml lets, until somebody says
// otherwise.
func outOf(book *lines.Book) func() lines.CallsOut {
	return func() lines.CallsOut {
		if out, said := book.Out(); said {
			return out
		}
		return lines.CallsOut{Roles: []string{"supervisor", "coordinator", "own_phone"}, PerHour: 60}
	}
}
