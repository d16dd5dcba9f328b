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
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
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
