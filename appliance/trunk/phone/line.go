package phone

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// line is the phone's SIP socket with sipgo's layers on it. Over TCP and TLS
// the phone opens a connection; nobody can open one to it.
type line struct {
	conn    *net.UDPConn
	local   netip.AddrPort
	carrier *sip.TransportLayer
	layer   *sip.TransactionLayer
}

// listening tells when sipgo reads, and so knows, the socket: a request sent
// before would make it open another one.
type listening struct {
	net.PacketConn
	once  sync.Once
	ready chan struct{}
	deaf  atomic.Bool
}

func (l *listening) ReadFrom(p []byte) (int, net.Addr, error) {
	l.once.Do(func() { close(l.ready) })
	for {
		n, from, err := l.PacketConn.ReadFrom(p)
		if err != nil || !l.deaf.Load() {
			return n, from, err
		}
	}
}

// settle is how long a closing phone gives to messages it has read.
const settle = 30 * time.Millisecond

func openLine(ctx context.Context, cfg Config, incoming func(*sip.Request, *sip.ServerTx), work *sync.WaitGroup) (*line, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(cfg.Local, 0)))
	if err != nil {
		return nil, fmt.Errorf("opening the SIP socket: %w", err)
	}
	silent := slog.New(slog.DiscardHandler)
	l := &line{conn: conn, local: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	l.carrier = sip.NewTransportLayer(net.DefaultResolver, sip.NewParser(), cfg.TLS, sip.WithTransportLayerLogger(silent))
	l.layer = sip.NewTransactionLayer(l.carrier, sip.WithTransactionLayerLogger(silent),
		sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {}))
	l.layer.OnRequest(incoming)

	wrapped := &listening{PacketConn: conn, ready: make(chan struct{})}
	read := make(chan struct{})
	work.Go(func() {
		_ = l.carrier.ServeUDP(wrapped)
		close(read)
	})
	work.Go(func() {
		<-ctx.Done()
		// What has been read is handled in goroutines that cannot be waited
		// for, and an answer without its socket would make sipgo open another.
		wrapped.deaf.Store(true)
		time.Sleep(settle)
		conn.Close()
		<-read
		l.layer.Close()
		_ = l.carrier.Close()
		time.Sleep(5 * settle)
		_ = l.carrier.Close() // sockets that sipgo opened for answers in the meantime
	})
	select {
	case <-wrapped.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return l, nil
}
