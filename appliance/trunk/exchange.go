package trunk

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

// exchange sends a request that is no INVITE and waits for its final answer,
// for 64*T1 at most and not for long once the calls are being ended.
func (t *Trunk) exchange(ctx context.Context, r *sip.Request) (*sip.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 64*t.cfg.t1)
	defer cancel()
	tx, err := t.request(r)
	if err != nil {
		return nil, err
	}
	defer tx.Terminate()
	ending := t.base.Done()
	for {
		select {
		case res := <-tx.Responses():
			if res != nil && !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, fmt.Errorf("sending %s: %w", r.Method, tx.Err())
		case <-ctx.Done():
			return nil, fmt.Errorf("sending %s: %w", r.Method, context.Cause(ctx))
		case <-ending:
			ending = nil
			time.AfterFunc(goodbyeLimit, cancel)
		}
	}
}

// aside runs something short that belongs to no loop, unless the trunk is
// being stopped.
func (t *Trunk) aside(do func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		return false
	}
	t.work.Go(do)
	return true
}

// target is one address of a server.
type target struct {
	addr      netip.AddrPort
	host      string // as configured: the name its certificate must have
	name      string // for people
	transport string // empty is UDP
}

func (t target) String() string { return t.addr.String() }

func addrOf(hostPort string) netip.Addr {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(host)
	return ip.Unmap()
}

// behindRouter reports a Contact with an inside address that comes from an
// outside one: nothing sent there arrives.
func behindRouter(host string, source netip.Addr) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && source.IsValid() && ip.Unmap() != source && ip.IsPrivate() && !source.IsPrivate() && !source.IsLoopback()
}
