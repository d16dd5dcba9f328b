package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/appliance/lines"
	"hotline/appliance/media"
	"hotline/appliance/switches"
	"hotline/appliance/table"
	"hotline/appliance/trunk"
	"hotline/provisioning"
	"hotline/triage"
	"hotline/triage/desk"
)

// This file is how calls come in and go out: the addresses, the lines, and what
// may be dialled for whom. serve.go is the rest of the wiring.

// listenForCalls opens the addresses for calls and makes the trunk; nothing is
// read before Run.
func (h *hotline) listenForCalls(cfg config.Config, m manner) error {
	at := netip.MustParseAddrPort(cfg.SIP.Listen) // checked by config
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return provisioning.Listening(err, "The telephone side", cfg.SIP.Listen, "sip: listen:")
	}
	h.took(conn.Close)
	ports, err := media.NewPorts(at.Addr(), cfg.Sound.FirstPort, cfg.Sound.LastPort)
	if err != nil {
		return err
	}
	peers, err := cfg.Peers()
	if err != nil {
		return err
	}
	desks, err := cfg.PhoneNets()
	if err != nil {
		return err
	}
	var phones trunk.Phones // nobody registers unless the configuration says where
	if len(desks) > 0 {
		phones = h.accounts
	}
	var advertise netip.Addr
	if cfg.SIP.Advertise != "" {
		advertise = netip.MustParseAddr(cfg.SIP.Advertise) // checked by config
	} else if at.Addr().IsUnspecified() {
		advertise = outwardAddr()
	}
	if h.tcp, err = h.listenTCP(cfg.SIP.TCP, "sip: tcp:"); err != nil {
		return err
	}
	encrypted, err := h.listenTCP(cfg.SIP.TLS, "sip: tls:")
	if err != nil {
		return err
	}
	if encrypted != nil {
		encrypted = tls.NewListener(encrypted, h.certs.TLS())
	}
	h.sipAt = nearby(conn.LocalAddr().(*net.UDPAddr).AddrPort())
	h.trunk, err = trunk.New(trunk.Config{
		Self:     h.sipAt.Addr(),
		Strained: h.strained,
		TCP:      h.tcp, TLS: encrypted, Reserved: min(reservedCalls, cfg.SIP.MaxCalls/10),
		Privileged: func(called string) bool { return h.numbers.all()[called].Supervisor },
		Conn:       conn, Advertise: advertise, Ports: ports, Pacer: h.callers, Peers: peers, MaxCalls: cfg.SIP.MaxCalls,
		Serves: func(called string) bool { return h.numbers.serves(called) || h.rehearse.serves(called) }, Handle: h.take,
		Phones: phones, PhoneNets: desks,
		Full: func(from call.Number, called string) {
			switch entry := h.numbers.all()[called]; {
			case entry.Flash:
				h.turned.NoteFlash(from, called)
			case !entry.Supervisor && !h.rehearse.serves(called):
				h.turned.Note(from, called)
			}
		},
		Region: cfg.Region, TrustIdentity: cfg.SIP.Trusted, Drain: m.drain, Log: h.log, Allow: h.rehearse.allowing(h.outbound(cfg)),
	})
	if err != nil {
		return err
	}
	return h.followLines(cfg)
}

// take carries one call to its end: a real one, or one of a rehearsal.
func (h *hotline) take(ctx context.Context, leg *trunk.Call) {
	if h.rehearse.takes(ctx, leg) {
		return
	}
	if !h.numbers.all()[leg.To()].Supervisor { // who works here may be on the line all day
		defer h.rehearse.real()()
	}
	h.desk.Take(ctx, leg)
}

// nearby is how this machine reaches an address of its own.
func nearby(at netip.AddrPort) netip.AddrPort {
	addr := at.Addr().Unmap()
	if addr.IsUnspecified() { // one for both kinds of addresses takes IPv4 as well
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(addr, at.Port())
}

// reservedCalls are kept for supervisors when callers take all the others
// (domain: sizing).
const reservedCalls = 5

// listenTCP listens when there is an address to listen on.
func (h *hotline) listenTCP(addr, setting string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, provisioning.Listening(err, "The telephone side", addr, setting)
	}
	h.took(ln.Close)
	return ln, nil
}

// outbound is what may be dialled: nothing, unless the configuration or an
// administrator says so. Rounds have an allowance of their own: they must not
// take the calls of those who were promised one.
func (h *hotline) outbound(cfg config.Config) func(call.Number, string) error {
	policy := &trunk.OutboundPolicy{Limit: func() int { return h.mayCall(cfg).PerHour }, More: func() []trunk.DialRule {
		roles := append([]string{desk.RoleCallBack, roleTest}, h.mayCall(cfg).Roles...) // whoever was promised a call gets it
		return []trunk.DialRule{{Roles: roles, Prefixes: h.mayDial(cfg)}}
	}}
	rounds := h.roundPolicy(cfg)
	return func(to call.Number, role string) error {
		switch {
		case len(h.mayDial(cfg)) == 0:
			return errors.New("the hotline may not call any number; an administrator can allow the beginnings of numbers on the page Telephone lines")
		case role == desk.RoleRound:
			return rounds.Allow(to, role)
		}
		return policy.Allow(to, role)
	}
}

// mayDial are the beginnings of numbers that may be called.
func (h *hotline) mayDial(cfg config.Config) []string {
	if h.lines == nil { // of a box without its key
		return cfg.SIP.Outgoing.Prefixes
	}
	return slices.Concat(cfg.SIP.Outgoing.Prefixes, h.lines.Dials())
}

// mayCall is who may call out, and how often: what an administrator has said on
// the page of the lines, before that what the configuration says.
func (h *hotline) mayCall(cfg config.Config) lines.CallsOut {
	if h.lines != nil {
		if out, said := h.lines.Out(); said {
			return out
		}
	}
	o := cfg.SIP.Outgoing
	return lines.CallsOut{Roles: o.Roles, PerHour: o.PerHour, Rounds: o.Rounds}
}

// callsOut reports that there is a line, and a number that may be called.
func (h *hotline) callsOut(cfg config.Config) func() bool {
	return func() bool { return len(h.mayDial(cfg)) > 0 && h.hasLine() }
}

// roundPolicy is what rounds may dial.
func (h *hotline) roundPolicy(cfg config.Config) *trunk.OutboundPolicy {
	return &trunk.OutboundPolicy{Limit: func() int { return h.mayCall(cfg).Rounds }, More: func() []trunk.DialRule {
		if h.mayCall(cfg).Rounds == 0 {
			return nil
		}
		return []trunk.DialRule{{Roles: []string{desk.RoleRound}, Prefixes: h.mayDial(cfg)}}
	}}
}

// roundsAllowed says whether there are rounds at all.
func (h *hotline) roundsAllowed(cfg config.Config) func() bool {
	out := h.callsOut(cfg)
	return func() bool { return h.mayCall(cfg).Rounds > 0 && out() }
}

// roundsRun says whether rounds may call somebody now.
func (h *hotline) roundsRun(cfg config.Config) func() bool {
	allowed := h.roundsAllowed(cfg)
	return func() bool { return !h.switches.Off(switches.CallDowns) && allowed() }
}

// roundResults writes what came of a round.
func (h *hotline) roundResults(_ context.Context, w io.Writer, round, format string) error {
	t := triage.RoundTable(h.contacts, round)
	if format == "xlsx" {
		return table.WriteXLSX(w, t, nil)
	}
	return table.WriteCSV(w, t)
}

// roundMay says whether rounds may dial a number.
func (h *hotline) roundMay(cfg config.Config) func(call.Number) bool {
	policy := h.roundPolicy(cfg)
	return func(to call.Number) bool {
		_, err := trunk.Dialable(to, cfg.Region)
		return err == nil && policy.Permits(to, desk.RoleRound) == nil
	}
}

// fileLines are the lines of hotline.yaml.
func fileLines(cfg config.Config) ([]trunk.Line, error) {
	var out []trunk.Line
	for _, l := range cfg.SIP.Lines {
		authorities, err := provisioning.Authorities(cfg.CertificateFile(l))
		if err != nil {
			return nil, fmt.Errorf("the certificate of line %s: %w", l.Name, err)
		}
		out = append(out, trunk.Line{Name: l.Name, Kind: lineKind(l.Kind), Servers: l.Servers, User: l.User, AuthUser: l.AuthUser, Password: l.Password,
			Domain: l.Domain, Plus: l.Plus, From: call.ParseNumber(l.From, cfg.Region), MaxCalls: l.MaxCalls,
			Transport: l.Transport, Encrypt: l.Encrypt, Authorities: authorities})
	}
	return out, nil
}

func lineKind(kind string) trunk.LineKind {
	switch kind {
	case "ip":
		return trunk.ByIP
	case "register":
		return trunk.Register
	}
	return trunk.Static
}

// ringOutFor is how long a number that we call may ring.
const ringOutFor = 45 * time.Second

// dialler places calls for agents.
func (h *hotline) dialler(cfg config.Config) func(context.Context, desk.Dialling) (*trunk.Call, error) {
	shown := map[string]call.Number{} // the first line that names a queue decides
	for _, line := range cfg.SIP.Lines {
		for queue, number := range line.QueueFrom {
			if _, named := shown[queue]; !named {
				shown[queue] = call.Number(number)
			}
		}
	}
	return func(ctx context.Context, d desk.Dialling) (*trunk.Call, error) {
		over := h.rehearse.real()
		leg, err := h.trunk.Dial(ctx, trunk.Outgoing{To: d.To, Role: d.Role, From: shown[d.Queue], RingFor: cmp.Or(d.RingFor, ringOutFor), Urgent: d.Urgent, Beyond: d.Role == desk.RoleOwnPhone})
		if err != nil {
			over()
			return nil, err
		}
		context.AfterFunc(leg.Context(), over)
		return leg, nil
	}
}

// telephones are the desk phones of the agents. They are shown no number: a
// telephone keeps a list of who rang.
func (h *hotline) telephones(cfg config.Config) desk.Telephones {
	if len(cfg.SIP.Phones) == 0 {
		return desk.Telephones{}
	}
	return desk.Telephones{
		Ring: func(ctx context.Context, extension string, ringFor time.Duration) (*trunk.Call, error) {
			return h.trunk.Dial(ctx, trunk.Outgoing{To: call.Number("sip:" + extension + "@registered"), Display: cfg.Name, RingFor: cmp.Or(ringFor, ringOutFor), Beyond: true})
		},
		Registered: func(extension string) time.Time { return h.trunk.RegisteredAt(extension) },
	}
}
