package trunk

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// registration is our place at a provider's registrar. Only the line's watch
// touches it.
type registration struct {
	callID   string
	seq      uint32
	asked    time.Duration // what the registrar insists on, when more than we want
	at       target        // where we are registered; zero when we are not
	contact  netip.AddrPort
	over     *stream // the connection that contact is an end of
	failures int
}

const (
	refreshShare  = 0.8              // of the time granted
	longestRetry  = 2 * time.Minute  // between attempts at a registrar that does not answer
	refusedRetry  = 30 * time.Second // after a wrong password: registrars lock accounts that insist
	shortestGrant = 10 * time.Second
)

// register keeps the line registered (RFC 3261 §10.2): one round, and the time
// until the next.
func (t *Trunk) register(ctx context.Context, l *line, a *registration) time.Duration {
	if a.callID == "" {
		a.callID, a.contact = newCallID(), t.contact
	}
	targets, _ := t.targets(ctx, l)
	reason := "its server cannot be found; check its name and the network"
	refused := false
	for _, to := range targets {
		granted, failed := t.enrol(ctx, l, a, to, l.cfg.Expires)
		if ctx.Err() != nil {
			return 0
		}
		if failed == nil {
			a.at, a.failures = to, 0
			l.registered(time.Now().Add(granted))
			l.note(t.log, true, "registered at "+to.name, to.String())
			return max(time.Duration(float64(granted)*refreshShare), shortestGrant/2)
		}
		reason, refused = failed.Error(), errors.As(failed, new(*refusedError))
		if refused {
			break
		}
		l.avoid(to, 0)
	}
	a.at = target{}
	l.registered(time.Time{})
	l.note(t.log, false, reason, "")
	pause := min((4*t.cfg.t1)<<min(a.failures, 10), longestRetry)
	if refused {
		pause = max(pause, min(refusedRetry, 60*t.cfg.t1))
	}
	a.failures++
	return jitter(pause)
}

// refusedError is a registrar that does not want us, as set apart from one
// that cannot be reached.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return e.reason }

// enrol registers at one server and gives the time granted.
func (t *Trunk) enrol(ctx context.Context, l *line, a *registration, to target, expires time.Duration) (time.Duration, error) {
	if err := t.reachFor(ctx, l, to, ownChecks); err != nil {
		return 0, errors.New(whyUnreached(err, to))
	}
	if s := t.streams.find(to.String()); l.transport() != "UDP" && s != nil && s != a.over {
		c := &Call{trunk: t, dialog: dialog{stream: s, transport: l.transport()}}
		a.over, a.contact = s, c.here()
	}
	var credentials sip.Header
	tried := 0
	for range 6 { // challenge, stale nonce, a longer interval, another address
		wanted := expires
		if wanted > 0 {
			wanted = max(wanted, a.asked)
		}
		r := t.registerRequest(l, a, to, wanted)
		if credentials != nil {
			r.AppendHeader(credentials)
		}
		res, err := t.promptly(ctx, r)
		if err != nil {
			return 0, errors.New(whyUnreached(err, to))
		}
		switch {
		case res.IsSuccess():
			if seen := seenAs(res, a.contact); expires > 0 && seen != a.contact && !t.cfg.Advertise.IsValid() {
				a.contact = seen // a router is in between: be registered where answers get through (RFC 3581)
				credentials, tried = nil, 0
				continue
			}
			return granted(res, a.contact, wanted), nil
		case res.StatusCode == 401 || res.StatusCode == 407:
			if credentials, err = l.credentials(res, r, tried); err != nil {
				return 0, &refusedError{err.Error()}
			}
			tried++
		case res.StatusCode == 423: // RFC 3261 §10.2.8
			least := seconds(res.GetHeader("min-expires"))
			if least <= wanted || least > 24*time.Hour {
				return 0, &refusedError{fmt.Sprintf("server %s wants another registration time than it says; its provider must help", to.name)}
			}
			a.asked = least
			credentials, tried = nil, 0
		case res.StatusCode >= 500 && res.StatusCode < 600, res.StatusCode == 408:
			return 0, fmt.Errorf("server %s is overloaded or out of service (%d); the next attempt follows by itself", to.name, res.StatusCode)
		default:
			return 0, &refusedError{fmt.Sprintf("server %s refuses the registration (%d); check user, password and server in the line's settings", to.name, res.StatusCode)}
		}
	}
	return 0, &refusedError{fmt.Sprintf("server %s never accepts the registration; its provider must help", to.name)}
}

func (t *Trunk) registerRequest(l *line, a *registration, to target, expires time.Duration) *sip.Request {
	a.seq++
	host := uriHost(l.cfg.Domain)
	account := sip.Uri{Scheme: "sip", User: l.cfg.User, Host: host}
	r := t.alone(sip.REGISTER, sip.Uri{Scheme: "sip", Host: host}, account, account, a.callID, a.seq, to)
	contact := sip.Uri{Scheme: "sip", User: l.cfg.User, Host: uriHost(a.contact.Addr().String()), Port: int(a.contact.Port())}
	text := contact.String()
	if l.transport() != "UDP" {
		text += ";transport=" + l.cfg.Transport
	}
	r.AppendHeader(sip.NewHeader("Contact", "<"+text+">"))
	r.AppendHeader(sip.NewHeader("Expires", strconv.Itoa(int(expires/time.Second))))
	r.AppendHeader(sip.NewHeader("Allow", allowed))
	return r
}

// unregister gives the place back, so that the provider sends calls elsewhere
// at once. It does not wait long for the answer.
func (t *Trunk) unregister(l *line, a *registration) {
	if !a.at.addr.IsValid() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = t.enrol(ctx, l, a, a.at, 0)
	l.registered(time.Time{})
	l.note(t.log, false, "signed off", "")
}

func (l *line) registered(until time.Time) {
	l.mu.Lock()
	l.state.RegisteredUntil = until
	l.mu.Unlock()
}

// granted reads how long the registration lasts: what is said beside our
// contact, otherwise for all, otherwise what we asked.
func granted(res *sip.Response, ours netip.AddrPort, asked time.Duration) time.Duration {
	d := time.Duration(0)
	for _, h := range res.GetHeaders("contact") {
		for value := range splitList(h.Value()) {
			if !strings.Contains(value, ours.String()) {
				continue
			}
			_, params, _ := strings.Cut(value, ">")
			for p := range strings.SplitSeq(params, ";") {
				if name, text, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(name), "expires") {
					d = parseSeconds(text)
				}
			}
		}
	}
	if d <= 0 {
		d = seconds(res.GetHeader("expires"))
	}
	if d <= 0 {
		d = asked
	}
	return max(min(d, 24*time.Hour), shortestGrant)
}

func seconds(h sip.Header) time.Duration {
	if h == nil {
		return 0
	}
	return parseSeconds(h.Value())
}

func parseSeconds(text string) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// seenAs is the address that the server saw us at (RFC 3581).
func seenAs(res *sip.Response, otherwise netip.AddrPort) netip.AddrPort {
	via := res.Via()
	if via == nil {
		return otherwise
	}
	address, port := otherwise.Addr(), otherwise.Port()
	if text, ok := via.Params.Get("received"); ok {
		if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
			address = ip.Unmap()
		}
	}
	if text, ok := via.Params.Get("rport"); ok {
		if n, err := strconv.ParseUint(text, 10, 16); err == nil && n != 0 {
			port = uint16(n)
		}
	}
	return netip.AddrPortFrom(address, port)
}

// calledNumber is the user part that was dialled. A provider sends the calls
// of an account to the address that is registered, which is named after the
// account; the number is in To then.
func (t *Trunk) calledNumber(r *sip.Request) string {
	called := calledUser(r.Recipient)
	l := t.lineOf(sourceOf(r))
	if l == nil || l.cfg.Kind != Register || called != l.cfg.User {
		return called
	}
	if to := calledUser(r.To().Address); to != "" && t.cfg.Serves(to) {
		return to
	}
	return called
}
