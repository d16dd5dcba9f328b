package trunk

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// UseLines sets the lines, in the order in which they are tried. It may be
// called at any time. While the trunk runs, a line whose settings are the same
// goes on as it is, with its registration; one that is there no more signs off,
// and its calls go on to their ends. Its servers stay let in for as long, and
// begin no new call.
func (t *Trunk) UseLines(lines ...Line) error {
	made, err := newLines(lines)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return errors.New("setting up the lines: the hotline is shutting down")
	}
	was := t.lines
	for i, l := range made {
		before := named(was, l.cfg.Name)
		switch {
		case before == nil:
		case before.cfg.same(l.cfg):
			made[i] = before
		default:
			l.follow(before)
		}
	}
	for _, l := range was {
		if !slices.Contains(made, l) {
			t.part(l)
		}
	}
	t.lines = made
	t.let()
	for transport, out := range t.prepareOutward(made) {
		if t.watched != nil {
			t.read(func() error { return t.listenStream(transport, out) })
		}
	}
	if t.watched == nil {
		return nil
	}
	var before []chan struct{}
	for _, l := range t.parting {
		if l.watches() {
			before = append(before, l.gone)
		}
	}
	for _, l := range made {
		if l.gone == nil {
			t.beginWatch(l, before)
		}
	}
	return nil
}

// CheckLine says in a sentence why a line cannot be used, nil when it can.
func CheckLine(cfg Line) error {
	_, err := newLine(cfg)
	return err
}

func newLines(lines []Line) ([]*line, error) {
	var made []*line
	for _, cfg := range lines {
		l, err := newLine(cfg)
		if err != nil {
			return nil, fmt.Errorf("setting up line %q: %w", cfg.Name, err)
		}
		if named(made, cfg.Name) != nil {
			return nil, fmt.Errorf("setting up line %q: there are two lines of that name", cfg.Name)
		}
		made = append(made, l)
	}
	return made, nil
}

// same reports settings that make the same line.
func (l Line) same(other Line) bool {
	if !l.Authorities.Equal(other.Authorities) {
		return false
	}
	l.Authorities, other.Authorities = nil, nil
	if len(l.Accepts) == 0 && len(other.Accepts) == 0 {
		l.Accepts, other.Accepts = nil, nil
	}
	return reflect.DeepEqual(l, other)
}

// follow takes the place of a line of the same name: its calls count on, and
// servers that stay are let in without a gap.
func (l *line) follow(before *line) {
	l.books, l.lost = before.books, before.lost
	before.mu.Lock()
	defer before.mu.Unlock()
	l.state.CallIn = before.state.CallIn
	if l.transport() == before.transport() && slices.Equal(l.servers, before.servers) {
		l.found = before.found // looked up again at once, because foundAt is not set
	}
}

// part ends the use of a line. t.mu is held.
func (t *Trunk) part(l *line) {
	t.parting = append(t.parting, l)
	if l.stop != nil {
		l.stop()
	}
}

// beginWatch watches a line. t.mu is held.
func (t *Trunk) beginWatch(l *line, before []chan struct{}) {
	watched, stop := context.WithCancel(t.watched)
	l.stop, l.gone = stop, make(chan struct{})
	t.watching.Go(func() {
		t.watch(watched, l, before)
		stop()
		close(l.gone)
		t.letIn() // whoever signs off hears the answer
	})
}

// letIn lets messages from the servers of the lines in, and nobody else's.
func (t *Trunk) letIn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.let()
}

// let is letIn; t.mu is held.
func (t *Trunk) let() {
	t.parting = slices.DeleteFunc(t.parting, func(l *line) bool { return !l.watches() && !t.carries(l) })
	g := &guests{addrs: make(map[netip.Addr]struct{})}
	for _, l := range slices.Concat(t.lines, t.parting) {
		for _, ip := range l.addresses() {
			g.addrs[ip] = struct{}{}
		}
		g.nets = append(g.nets, l.cfg.Accepts...)
	}
	t.wire.guests.Store(g)
	if t.draining {
		return
	}
	if ends := t.streams.of(func(ip netip.Addr) bool { return !t.wire.welcome(ip) }); len(ends) > 0 {
		t.watching.Go(func() { // a far end that does not read takes seconds
			for _, s := range ends {
				_ = s.Close()
			}
		})
	}
}

// watches reports that the line's watch has not ended.
func (l *line) watches() bool {
	if l.gone == nil {
		return false
	}
	select {
	case <-l.gone:
		return false
	default:
		return true
	}
}

// carries reports that a call goes over the line. t.mu is held.
func (t *Trunk) carries(l *line) bool {
	for _, c := range t.calls {
		if c.line == l {
			return true
		}
	}
	return false
}

func (l *line) addresses() []netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []netip.Addr
	for _, f := range l.found {
		out = append(out, f.addr.Addr())
	}
	return out
}

// owner is the line that messages from source belong to, nil when none: the
// first with a server there, otherwise the first that takes calls from there.
// t.mu is held.
func (t *Trunk) owner(source netip.Addr) *line {
	for _, l := range t.lines {
		if slices.Contains(l.addresses(), source) {
			return l
		}
	}
	for _, l := range t.lines {
		if within(l.cfg.Accepts, source) {
			return l
		}
	}
	return nil
}

// lineOf is owner.
func (t *Trunk) lineOf(source netip.Addr) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owner(source)
}

// hasParted reports an address that is let in only for the calls that a line
// carried when it was given up.
func (t *Trunk) hasParted(source netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.parting) > 0 && t.owner(source) == nil && !t.wire.always(source)
}

// inUse are the lines.
func (t *Trunk) inUse() []*line {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines)
}

// named finds a line by its name, nil when there is none.
func named(lines []*line, name string) *line {
	if i := slices.IndexFunc(lines, func(l *line) bool { return l.cfg.Name == name }); i >= 0 {
		return lines[i]
	}
	return nil
}

// rang notes that a call came over the line.
func (l *line) rang() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.CallIn = time.Now()
}
