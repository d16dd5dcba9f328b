package trunk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

// watch keeps a line's state true until ctx ends: registers it, or asks its
// servers whether they are there. Its servers are let in at once; what it says
// to them waits until the lines before it have signed off.
func (t *Trunk) watch(ctx context.Context, l *line, before []chan struct{}) {
	defer func() {
		if recovered := recover(); recovered != nil {
			t.fault(t.log, "watching a line", recovered)
			l.note(t.log, false, "a fault in the software stopped the watch over this line; restart the hotline", "")
		}
	}()
	select {
	case <-t.wire.reading:
	case <-ctx.Done():
		return
	}
	if len(before) > 0 {
		_, _ = t.targets(ctx, l)
	}
	for _, gone := range before {
		select {
		case <-gone:
		case <-ctx.Done():
			return
		}
	}
	var account registration
	for {
		var pause time.Duration
		switch {
		case l.cfg.Kind == Register:
			pause = t.register(ctx, l, &account)
		case l.cfg.Probe < 0: // only so that its servers' calls are let in
			_, _ = t.targets(ctx, l)
			pause = lookupFresh
		default:
			pause = t.probe(ctx, l)
		}
		wake := time.NewTimer(pause)
		select {
		case <-wake.C:
		case <-l.look:
			wake.Stop()
		case <-l.lost: // until there is another connection the provider cannot ring us
			wake.Reset(jitter(2 * t.cfg.t1))
			select {
			case <-wake.C:
			case <-ctx.Done():
			}
		case <-ctx.Done():
			wake.Stop()
			t.unregister(l, &account)
			return
		}
	}
}

// probe sends OPTIONS to the servers until one answers, and gives the time
// until the next round. Any answer is a sign of life, but for those that say
// that no call can be taken.
func (t *Trunk) probe(ctx context.Context, l *line) time.Duration {
	targets, err := t.targets(ctx, l)
	reason := "its server cannot be found; check its name and the network"
	if err == nil {
		reason = ""
	}
	for _, to := range targets {
		uri := sip.Uri{Scheme: "sip", Host: uriHost(l.cfg.Domain)}
		from := sip.Uri{Scheme: "sip", User: l.cfg.User, Host: uriHost(t.contact.Addr().String())}
		var res *sip.Response
		err := t.reachFor(ctx, l, to, ownChecks)
		if err == nil {
			res, err = t.promptly(ctx, t.alone(sip.OPTIONS, uri, from, uri, newCallID(), 1+mathrand.Uint32N(1000), to))
		}
		switch {
		case ctx.Err() != nil:
			return 0
		case err != nil:
			reason = whyUnreached(err, to)
		case res.StatusCode == 408 || res.StatusCode == 500 || res.StatusCode >= 502 && res.StatusCode <= 504:
			reason = fmt.Sprintf("server %s says that it takes no calls (%d); its provider must help", to.name, res.StatusCode)
		default:
			words := "answers"
			if reason != "" {
				words = "answers at another server: " + reason
			}
			l.note(t.log, true, words, to.String())
			return jitter(l.cfg.Probe)
		}
		l.avoid(to, l.cfg.Probe+avoidFor)
	}
	l.note(t.log, false, reason, "")
	return jitter(l.cfg.Probe)
}

// promptly is exchange with no more patience than a caller has.
func (t *Trunk) promptly(ctx context.Context, r *sip.Request) (*sip.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, unansweredFor*t.cfg.t1)
	defer cancel()
	return t.exchange(ctx, r)
}

// alone builds a request outside any call.
func (t *Trunk) alone(method sip.RequestMethod, uri, from, to sip.Uri, callID string, seq uint32, at target) *sip.Request {
	c := &Call{trunk: t, callID: callID}
	if at.transport != "" && at.transport != "UDP" {
		c.source, c.transport, c.stream = at.String(), at.transport, t.streams.find(at.String())
	}
	c.us = &sip.FromHeader{Address: from, Params: sip.NewParams()}
	c.us.Params.Add("tag", sip.GenerateTagN(12))
	c.them = &sip.ToHeader{Address: to, Params: sip.NewParams()}
	c.target = uri
	r := c.numbered(method, seq)
	r.SetDestination(at.String())
	return r
}

func newCallID() string {
	var random [12]byte
	rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

// jitter spreads what would otherwise happen to all lines at once.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + mathrand.N(d/5+1)
}

// uriHost writes an address as URIs want it.
func uriHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		return "[" + ip.String() + "]"
	}
	return host
}

// note sets the state; Since changes only when something does.
func (l *line) note(log *slog.Logger, up bool, reason, server string) {
	l.mu.Lock()
	changed := !l.state.Checked || l.state.Up != up
	if changed || l.state.Reason != reason {
		l.state.Since = time.Now()
	}
	l.state.Up, l.state.Checked, l.state.Reason = up, true, reason
	if server != "" {
		l.state.Server = server
	}
	l.mu.Unlock()
	if !changed {
		return
	}
	level := slog.LevelInfo
	if !up {
		level = slog.LevelWarn
	}
	log.Log(context.Background(), level, "line changed", "line", l.cfg.Name, "up", up, "reason", reason)
}
