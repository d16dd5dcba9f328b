// Package mdns lets the box be found by a name on the networks it stands in:
// hotline.local, by Multicast DNS (RFC 6762). People who set it up read one name
// from its screen instead of numbers. It answers for that name and nothing else,
// and gives it up for hotline-2.local where another box has it.
package mdns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Host is the name that the box wants.
const Host = "hotline"

// Config is what a Beacon is made of.
type Config struct {
	IPv4, IPv6 bool // in which of the two the pages listen: only such addresses are told
	// Took is told each name that the box has got, without the dot at its end.
	Took func(name string)
	Log  *slog.Logger

	// Tests only: other networks, another port, faster steps.
	links func() ([]link, error)
	port  int
	pace  time.Duration
}

// For is a Beacon for pages that listen at an address; nil where nobody else on
// the network can reach them.
func For(at netip.Addr, took func(name string), log *slog.Logger) *Beacon {
	if at.IsLoopback() {
		return nil
	}
	// A listener on 0.0.0.0 has IPv4 alone, one on [::] both.
	return New(Config{IPv4: at.Is4() || at.IsUnspecified(), IPv6: at.Is6(), Took: took, Log: log})
}

// Beacon answers for the name of the box. One goroutine, Run's, owns everything
// but the name.
type Beacon struct {
	cfg Config

	mu   sync.Mutex
	name string // "" while it is not the box's

	// Of the goroutine of Run.
	door    *door
	links   []link
	number  int // of the name wanted: 1 is hotline, 2 hotline-2
	probes  int // sent for it so far; probed: it is the box's
	tells   int // announcements that are still to be made
	next    time.Time
	lost    int // names in a row that others had
	told    map[int]time.Time
	replies int // to single askers since the last look at the networks
}

// Times of RFC 6762, sections 8.1 and 8.3.
const (
	probed       = 3
	probePace    = 250 * time.Millisecond
	telling      = 2
	linksPace    = 5 * time.Second
	tooManyLost  = 10 // names; then it is tried at leisure (8.1)
	leisure      = time.Minute
	mostReplies  = 50 // to single askers between two looks at the networks
	mostNames    = 99
	standardPort = 5353
)

// New prepares a Beacon; it starts nothing.
func New(cfg Config) *Beacon {
	if cfg.links == nil {
		cfg.links = networks
	}
	if cfg.port == 0 {
		cfg.port = standardPort
	}
	if cfg.pace == 0 {
		cfg.pace = probePace
	}
	return &Beacon{cfg: cfg, number: 1, told: map[int]time.Time{}}
}

// Name is what the box is called on its networks, such as hotline.local; ""
// while that is not settled. A nil Beacon has none.
func (b *Beacon) Name() string {
	if b == nil {
		return ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.name
}

// Run answers until ctx ends. Nothing that happens on a network ends it before:
// the hotline is there without a name, too.
func (b *Beacon) Run(ctx context.Context) error {
	if b == nil {
		<-ctx.Done()
		return nil
	}
	look := time.NewTimer(0)
	defer look.Stop()
	step := time.NewTimer(time.Hour)
	defer step.Stop()
	defer b.close()
	said := ""
	for {
		var packets <-chan packet
		if b.door != nil {
			packets = b.door.packets
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			look.Reset(20 * b.cfg.pace)
			if err := b.look(); err != nil && err.Error() != said {
				said = err.Error()
				b.cfg.Log.Info("the box has no name on its network for now; its address works", "error", err)
			}
		case <-step.C:
			b.step(time.Now())
		case p, open := <-packets:
			if !open { // a socket has failed; the next look opens others
				b.close()
				continue
			}
			b.hear(p, time.Now())
		}
		if len(b.links) > 0 && (b.probes < probed || b.tells > 0) {
			step.Reset(time.Until(b.next))
		}
	}
}

func (b *Beacon) close() {
	if b.door != nil {
		b.door.close()
		b.door = nil
	}
	b.links = nil
	b.call("")
}

// look follows the networks of the machine. A new one, or a new address, means
// asking again whether the name is free there (8, 8.1).
func (b *Beacon) look() error {
	b.replies = 0
	now, err := b.cfg.links()
	if err != nil {
		return err
	}
	if b.door != nil && slices.EqualFunc(now, b.links, link.same) {
		return nil
	}
	if len(now) == 0 {
		b.close()
		return errors.New("the machine is on no network")
	}
	if b.door == nil {
		if b.door, err = openDoor(b.cfg.port); err != nil {
			return err
		}
	}
	for _, l := range now {
		if err := b.door.join(l.Interface); err != nil {
			b.cfg.Log.Debug("a network cannot be listened to for names", "network", l.Name, "error", err)
		}
	}
	b.links = now
	b.again(0)
	return nil
}

// again asks anew whether the name is free, after a pause.
func (b *Beacon) again(pause time.Duration) {
	b.probes, b.tells, b.next = 0, 0, time.Now().Add(pause)
}

func (b *Beacon) wanted() string {
	if b.number == 1 {
		return Host + ".local."
	}
	return fmt.Sprintf("%s-%d.local.", Host, b.number)
}

func (b *Beacon) call(name string) {
	b.mu.Lock()
	was := b.name
	b.name = name
	b.mu.Unlock()
	if name != "" && name != was && b.cfg.Took != nil {
		b.cfg.Took(name)
	}
}

// step sends the next probe or announcement.
func (b *Beacon) step(now time.Time) {
	if len(b.links) == 0 || now.Before(b.next) {
		return
	}
	switch {
	case b.probes < probed:
		for _, l := range b.links {
			b.send(l, probe(b.wanted(), b.addrs(l)))
		}
		b.probes++
		b.next = now.Add(b.cfg.pace)
		if b.probes == probed { // the last one has its time to be answered, too
			b.tells = telling
		}
	case b.tells > 0:
		if b.tells == telling {
			name := strings.TrimSuffix(b.wanted(), ".")
			if b.Name() != name {
				b.cfg.Log.Info("the box has a name on its network", "name", name)
			}
			b.call(name)
			b.lost = 0
		}
		for _, l := range b.links {
			b.send(l, reply(b.wanted(), b.addrs(l), 0, nil, hostTTL))
			b.told[l.Index] = now
		}
		b.tells--
		b.next = now.Add(4 * b.cfg.pace)
	}
}

// addrs are the addresses of a network that are told on it.
func (b *Beacon) addrs(l link) []netip.Addr {
	var all []netip.Addr
	for _, p := range l.prefixes {
		if a := p.Addr(); a.Is4() && b.cfg.IPv4 || a.Is6() && b.cfg.IPv6 {
			all = append(all, a)
		}
	}
	return all
}

// send sends to everybody on a network, in both ways that there are.
func (b *Beacon) send(l link, raw []byte) {
	if err := b.door.everybody(l, raw, b.cfg.port); err != nil {
		b.cfg.Log.Debug("a network did not take the name of the box", "network", l.Name, "error", err)
	}
}

// hear takes a packet of somebody on the network. Whatever it is, the box goes on.
func (b *Beacon) hear(p packet, now time.Time) {
	i := slices.IndexFunc(b.links, func(l link) bool { return l.Index == p.network })
	if i < 0 {
		return
	}
	l := b.links[i]
	m, err := read(p.raw, b.wanted())
	if err != nil || !l.reaches(p.from.Addr()) { // of another network (11)
		return
	}
	own := slices.ContainsFunc(b.links, func(l link) bool { return l.has(p.from.Addr()) })
	switch {
	case own && (m.response || len(m.claims) > 0): // or of another program of this machine
	case m.response:
		if slices.ContainsFunc(m.claims, func(a netip.Addr) bool { return !b.ours(a) }) {
			b.taken(l, now)
		}
	case len(m.claims) > 0 && b.Name() == "":
		// Two ask for one name at the same moment: the greater one has it (8.2).
		if b.probes > 0 && compare(m.claims, b.addrs(l)) > 0 {
			b.again(4 * b.cfg.pace)
		}
	case !m.response && m.asked && b.Name() != "" && b.Name()+"." == b.wanted():
		b.answer(l, p, m, now)
	}
}

// taken gives the name up: somebody else on the network has it.
func (b *Beacon) taken(l link, now time.Time) {
	switch {
	case b.Name() != "": // it was ours: it is asked for anew, and so does the other (9)
		b.call("")
		b.again(0)
		return
	case b.probes == 0 && now.Before(b.next): // nobody has been asked yet
		return
	}
	b.number = b.number%mostNames + 1
	b.lost++
	pause := time.Duration(0)
	if b.lost > tooManyLost {
		pause = leisure
	}
	b.cfg.Log.Warn("another machine on the network has the name that the box wanted; it takes another one", "network", l.Name, "next", strings.TrimSuffix(b.wanted(), "."))
	b.again(pause)
}

func (b *Beacon) ours(a netip.Addr) bool {
	return slices.ContainsFunc(b.links, func(l link) bool { return l.has(a) })
}

// answer tells the addresses of the box on the network of whoever asks. Who asks
// from another port knows nothing of Multicast DNS and is answered alone (6.7),
// and so is who wants that (5.4).
func (b *Beacon) answer(l link, p packet, m message, now time.Time) {
	addrs := b.addrs(l)
	if len(addrs) == 0 { // the pages cannot be reached there
		return
	}
	probing, legacy := len(m.claims) > 0, int(p.from.Port()) != b.cfg.port
	if legacy || m.alone && !probing {
		if b.replies++; b.replies > mostReplies {
			return
		}
		id, question, ttl := uint16(0), (*asked)(nil), uint32(hostTTL)
		if legacy {
			id, question, ttl = m.id, &m.question, legacyTTL
		}
		if err := b.door.one(l, p.from, reply(b.wanted(), addrs, id, question, ttl)); err != nil {
			b.cfg.Log.Debug("who asked for the name of the box was not answered", "error", err)
		}
		return
	}
	// Everybody has heard it just now, or whoever asks has (6, 7.1). Somebody who
	// wants the name for itself hears it all the same.
	known := !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !slices.Contains(m.known, a) })
	if !probing && (known || now.Sub(b.told[l.Index]) < 4*b.cfg.pace) || now.Sub(b.told[l.Index]) < b.cfg.pace/2 {
		return
	}
	b.told[l.Index] = now
	b.send(l, reply(b.wanted(), addrs, 0, nil, hostTTL))
}

// link is a network that the machine is on, and its addresses there.
type link struct {
	net.Interface
	prefixes []netip.Prefix
}

func (l link) same(o link) bool {
	return l.Index == o.Index && slices.Equal(l.prefixes, o.prefixes)
}

func (l link) has(a netip.Addr) bool {
	return slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Addr() == a.WithZone("") })
}

// own4 is an address of the machine on this network; without one, another's is
// chosen by the kernel.
func (l link) own4() netip.Addr {
	for _, p := range l.prefixes {
		if p.Addr().Is4() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// reaches reports that an address is of this network.
func (l link) reaches(a netip.Addr) bool {
	a = a.WithZone("")
	return a.IsLinkLocalUnicast() || slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// networks are those that the machine is on, without itself and without lines
// that lead to one other machine.
func networks() ([]link, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []link
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		if l := linkOf(i); len(l.prefixes) > 0 {
			all = append(all, l)
		}
	}
	return all, nil
}

func linkOf(i net.Interface) link {
	l := link{Interface: i}
	addrs, err := i.Addrs()
	if err != nil {
		return l // it is gone meanwhile
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			l.prefixes = append(l.prefixes, p)
		}
	}
	slices.SortFunc(l.prefixes, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return l
}

// door is the sockets.
type door struct {
	v4      *ipv4.PacketConn
	v6      *ipv6.PacketConn // nil on a machine without IPv6
	packets chan packet
	ended   chan struct{}
	readers sync.WaitGroup
}

type packet struct {
	raw     []byte
	from    netip.AddrPort
	network int // index of the interface
}

var (
	group4 = netip.MustParseAddr("224.0.0.251")
	group6 = netip.MustParseAddr("ff02::fb")
)

// openDoor opens the sockets beside those of whoever else on this machine does
// the same: an address of a group is shared (net.ListenPacket).
func openDoor(port int) (*door, error) {
	d := &door{packets: make(chan packet, 64), ended: make(chan struct{})}
	four, err := net.ListenPacket("udp4", netip.AddrPortFrom(group4, uint16(port)).String())
	if err != nil {
		return nil, err
	}
	d.v4 = ipv4.NewPacketConn(four)
	if err := errors.Join(d.v4.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true), d.v4.SetMulticastLoopback(true), d.v4.SetMulticastTTL(255)); err != nil {
		return nil, errors.Join(err, four.Close())
	}
	if six, err := net.ListenPacket("udp6", netip.AddrPortFrom(group6, uint16(port)).String()); err == nil {
		v6 := ipv6.NewPacketConn(six)
		if err := errors.Join(v6.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true), v6.SetMulticastLoopback(true), v6.SetMulticastHopLimit(255)); err != nil {
			_ = six.Close() // IPv4 is enough
		} else {
			d.v6 = v6
		}
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		d.receive(func(buf []byte) (int, int, net.IP, net.Addr, error) {
			n, about, from, err := d.v4.ReadFrom(buf)
			if about == nil {
				return n, 0, nil, from, err
			}
			return n, about.IfIndex, about.Dst, from, err
		})
	})
	if d.v6 != nil {
		reading.Go(func() {
			d.receive(func(buf []byte) (int, int, net.IP, net.Addr, error) {
				n, about, from, err := d.v6.ReadFrom(buf)
				if about == nil {
					return n, 0, nil, from, err
				}
				return n, about.IfIndex, about.Dst, from, err
			})
		})
	}
	d.readers.Go(func() {
		reading.Wait()
		close(d.packets)
	})
	return d, nil
}

// receive hands on what comes for the group until the socket is closed.
func (d *door) receive(read func([]byte) (n, network int, to net.IP, from net.Addr, err error)) {
	buf := make([]byte, 9000) // RFC 6762, 17
	for {
		n, network, to, from, err := read(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			select { // a network that went away; not at full speed
			case <-time.After(100 * time.Millisecond):
				continue
			case <-d.ended:
				return
			}
		}
		udp, ok := from.(*net.UDPAddr)
		if !ok || !to.IsMulticast() {
			continue
		}
		at := udp.AddrPort()
		select {
		case d.packets <- packet{raw: slices.Clone(buf[:n]), from: netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), network: network}:
		case <-d.ended:
			return
		}
	}
}

func (d *door) close() {
	close(d.ended)
	_ = d.v4.Close()
	if d.v6 != nil {
		_ = d.v6.Close()
	}
	d.readers.Wait()
}

// join listens on a network. Having joined before is no error to whoever asks.
func (d *door) join(i net.Interface) error {
	err := d.v4.JoinGroup(&i, &net.UDPAddr{IP: group4.AsSlice()})
	if d.v6 != nil {
		if err6 := d.v6.JoinGroup(&i, &net.UDPAddr{IP: group6.AsSlice()}); err6 == nil {
			err = nil
		}
	}
	return err
}

// everybody sends to all who listen on a network.
func (d *door) everybody(l link, raw []byte, port int) error {
	var err4, err6 error = errors.New("no IPv4"), errors.New("no IPv6")
	if own := l.own4(); own.IsValid() {
		_, err4 = d.v4.WriteTo(raw, &ipv4.ControlMessage{IfIndex: l.Index, Src: own.AsSlice()}, &net.UDPAddr{IP: group4.AsSlice(), Port: port})
	}
	if d.v6 != nil && slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		_, err6 = d.v6.WriteTo(raw, &ipv6.ControlMessage{IfIndex: l.Index}, &net.UDPAddr{IP: group6.AsSlice(), Port: port, Zone: l.Name})
	}
	if err4 == nil || err6 == nil {
		return nil
	}
	return errors.Join(err4, err6)
}

// one sends to somebody.
func (d *door) one(l link, to netip.AddrPort, raw []byte) (err error) {
	if own := l.own4(); to.Addr().Is4() && own.IsValid() {
		_, err = d.v4.WriteTo(raw, &ipv4.ControlMessage{IfIndex: l.Index, Src: own.AsSlice()}, net.UDPAddrFromAddrPort(to))
		return err
	}
	if d.v6 == nil || to.Addr().Is4() {
		return errors.New("the box cannot speak to it")
	}
	_, err = d.v6.WriteTo(raw, &ipv6.ControlMessage{IfIndex: l.Index}, net.UDPAddrFromAddrPort(to))
	return err
}
