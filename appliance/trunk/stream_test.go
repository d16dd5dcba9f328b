package trunk_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

// certificate is one for 127.0.0.1, and the client side that trusts it.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}},
		&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

// streaming adds TCP and TLS listeners and gives their addresses.
func streaming(t testing.TB, server *tls.Config) (change func(*trunk.Config), addrs map[string]netip.AddrPort) {
	t.Helper()
	addrs = make(map[string]netip.AddrPort)
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	tcp, secure := listen(), listen()
	addrs["tcp"] = netip.MustParseAddrPort(tcp.Addr().String())
	addrs["tls"] = netip.MustParseAddrPort(secure.Addr().String())
	return func(cfg *trunk.Config) {
		cfg.TCP, cfg.TLS = tcp, tls.NewListener(secure, server)
	}, addrs
}

// A whole call over each transport: sound both ways, keys, hold, and the end
// from either side.
func TestCallsOverConnections(t *testing.T) {
	server, client := certificate(t)
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			ctx := limit(t)
			handle, calls := handing()
			change, addrs := streaming(t, server)
			h := serve(t, "127.0.0.1", handle, change)
			dial := func() (*phone.Call, *trunk.Call) {
				p := h.dial(ctx, func(cfg *phone.Config) {
					cfg.Transport, cfg.TLS, cfg.Server = transport, client, addrs[transport]
				})
				return p, receive(t, "the call", calls)
			}
			p, c := dial()
			c.Audio().Music(audio.Tone(440, time.Second, -10))
			if err := p.WaitTone(ctx, 440); err != nil {
				t.Error(err)
			}
			if err := p.Press(ctx, "7"); err != nil {
				t.Error(err)
			}
			if key, err := c.Audio().Key(ctx); err != nil || key != '7' {
				t.Errorf("key %q, %v", key, err)
			}
			if err := p.Hold(ctx, phone.SendOnly); err != nil {
				t.Error(err)
			}
			if !receive(t, "the hold", c.Holds()) {
				t.Error("not held")
			}
			if err := p.Resume(ctx); err != nil {
				t.Error(err)
			}
			p.Hangup()
			receive(t, "the end", c.Context().Done())
			if cause := call.CauseOf(c.Context()); cause.By != call.ByCaller {
				t.Errorf("ended %+v", cause)
			}

			p, c = dial()
			if got := h.Stats().Connections; got == 0 {
				t.Error("no connection is counted")
			}
			c.Hangup(call.Cause{By: call.ByAgent, Reason: "done"})
			receive(t, "the BYE over the caller's connection", p.Done())
			if !p.FarHungUp() {
				t.Error("the caller was not told of the end")
			}
		})
	}
}

func connect(t testing.TB, addr netip.AddrPort) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ends waits until the trunk closes the connection and gives what it sent.
func ends(t testing.TB, conn net.Conn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	sent, err := io.ReadAll(conn)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatalf("the connection stays open; it got %q", sent)
	}
	return string(sent)
}

func streamMessage(template string, n int) string {
	template = strings.NewReplacer("/UDP", "/TCP", "{me}", "127.0.0.1:9", "{branch}", fmt.Sprintf("z9hG4bKtcp%d", n), "{id}", fmt.Sprintf("tcp-%d", n)).Replace(template)
	return strings.ReplaceAll(template, "\n", "\r\n")
}

// Whoever opens a connection and does nothing, or drips, or sends what is not
// SIP, is cut off in time.
func TestHoggedConnectionsAreCut(t *testing.T) {
	server, _ := certificate(t)
	change, addrs := streaming(t, server)
	h := serve(t, "127.0.0.1", answering, change, func(cfg *trunk.Config) { cfg.Hasty(300 * time.Millisecond) })
	options := streamMessage(optionsMessage, 1)
	for name, sent := range map[string]string{
		"nothing":             "",
		"half a message":      options[:100],
		"no length":           strings.Replace(options, "Content-Length: 0\r\n", "", 1),
		"two lengths":         strings.Replace(options, "Content-Length: 0\r\n", "Content-Length: 0\r\nl: 5\r\n", 1),
		"huge length":         strings.Replace(options, "Content-Length: 0", "Content-Length: 2000000000", 1),
		"negative length":     strings.Replace(options, "Content-Length: 0", "Content-Length: -1", 1),
		"body never comes":    strings.Replace(options, "Content-Length: 0", "Content-Length: 500", 1),
		"bare LF":             strings.Replace(options, "tag=a", "tag=a\nEvil: yes", 1),
		"NUL":                 strings.Replace(options, "tag=a", "tag=a\x00", 1),
		"web":                 "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"endless header":      "OPTIONS sip:a SIP/2.0\r\nX: " + strings.Repeat("x", 80_000),
		"TLS on the TCP port": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		for _, transport := range []string{"tcp", "tls"} {
			conn := connect(t, addrs[transport])
			_, _ = conn.Write([]byte(sent))
			if got := ends(t, conn); strings.Contains(got, "SIP/2.0") {
				t.Errorf("%s over %s is answered %q", name, transport, got)
			}
		}
	}
	drip := connect(t, addrs["tcp"])
	go func() {
		for i := range options {
			if _, err := drip.Write([]byte{options[i]}); err != nil {
				return
			}
			<-time.After(20 * time.Millisecond)
		}
	}()
	if got := ends(t, drip); got != "" {
		t.Errorf("a dripping peer got %q", got)
	}

	// An honest peer may be silent for a while, longer than before its first message,
	// and in the end is cut off too.
	const silent = 2 * time.Second
	change, addrs = streaming(t, server)
	serve(t, "127.0.0.1", answering, change, func(cfg *trunk.Config) { cfg.Hasty(silent) })
	conn := connect(t, addrs["tcp"])
	for n := range 2 {
		if _, err := conn.Write([]byte("\r\n\r\n" + streamMessage(optionsMessage, n))); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		in := bufio.NewReader(conn)
		pong, err := in.ReadString('\n')
		if pong != "\r\n" {
			t.Errorf("the sign of life is answered %q, %v", pong, err)
		}
		if line, err := in.ReadString('\n'); !strings.HasPrefix(line, "SIP/2.0 200") {
			t.Errorf("OPTIONS is answered %q, %v", line, err)
		}
		<-time.After(silent + silent/4)
	}
	ends(t, conn)
	if strings.Contains(h.log.String(), "Evil") {
		t.Error("what strangers wrote is in the log")
	}
}

// A connection that a call uses stays open however long nothing is said on it.
func TestConnectionOfACallStays(t *testing.T) {
	ctx := limit(t)
	server, _ := certificate(t)
	handle, calls := handing()
	change, addrs := streaming(t, server)
	h := serve(t, "127.0.0.1", handle, change, func(cfg *trunk.Config) { cfg.Hasty(100 * time.Millisecond) })
	p := h.dial(ctx, func(cfg *phone.Config) { cfg.Transport, cfg.Server = "tcp", addrs["tcp"] })
	c := receive(t, "the call", calls)
	<-time.After(time.Second)
	c.Hangup(call.Cause{By: call.ByAgent})
	receive(t, "the BYE", p.Done())
	if !p.FarHungUp() {
		t.Error("the caller was not told of the end")
	}
}

// The call goes on when its connection breaks; the sound does not depend on it.
func TestConnectionBreaksDuringACall(t *testing.T) {
	server, _ := certificate(t)
	handle, calls := handing()
	change, addrs := streaming(t, server)
	serve(t, "127.0.0.1", handle, change)
	conn := connect(t, addrs["tcp"])
	body := strings.ReplaceAll(offer, "\n", "\r\n")
	invite := strings.Replace(inviteHead, "\nMax", fmt.Sprintf("\nContent-Length: %d\nMax", len(body)), 1)
	_, _ = conn.Write([]byte(streamMessage(invite+"Content-Type: application/sdp\n\n", 77) + body))
	c := receive(t, "the call", calls)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	var answer string
	for in := bufio.NewReader(conn); !strings.HasPrefix(answer, "To:"); {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "To:") && strings.Contains(line, "tag=") {
			answer = strings.TrimSpace(line)
		}
	}
	ack := strings.NewReplacer("INVITE", "ACK", "To: <sip:100@127.0.0.1>", answer).Replace(cut(inviteHead, "Content-Type"))
	_, _ = conn.Write([]byte(streamMessage(ack+"Content-Length: 0\n\n", 78)))
	conn.Close()
	select {
	case <-c.Context().Done():
		t.Fatalf("the call ended with its connection: %+v", call.CauseOf(c.Context()))
	case <-time.After(300 * time.Millisecond):
	}
	// The caller comes back over another connection and hangs up.
	conn = connect(t, addrs["tcp"])
	bye := strings.NewReplacer("1 INVITE", "2 BYE", "INVITE", "BYE", "To: <sip:100@127.0.0.1>", answer).Replace(inviteHead)
	_, _ = conn.Write([]byte(strings.Replace(streamMessage(bye+"Content-Length: 0\n\n", 79), "tcp-79", "tcp-77", 1)))
	receive(t, "the end", c.Context().Done())
	if cause := call.CauseOf(c.Context()); cause.By != call.ByCaller {
		t.Errorf("ended %+v", cause)
	}
}

// One address cannot take every connection, and none is left open at the end.
func TestConnectionsAreLimited(t *testing.T) {
	server, _ := certificate(t)
	change, addrs := streaming(t, server)
	h := serve(t, "127.0.0.1", answering, change)
	var conns []net.Conn
	for n := range 70 {
		conn := connect(t, addrs["tcp"])
		_, _ = conn.Write([]byte(streamMessage(optionsMessage, 100+n)))
		conns = append(conns, conn)
	}
	answered := 0
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if line, _ := bufio.NewReader(conn).ReadString('\n'); strings.HasPrefix(line, "SIP/2.0 200") {
			answered++
		}
	}
	if answered != 64 {
		t.Errorf("%d of 70 connections from one address were served, want 64", answered)
	}
	if err := h.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	for _, conn := range conns {
		ends(t, conn)
	}
	if got := h.Stats().Connections; got != 0 {
		t.Errorf("%d connections are open after the end", got)
	}
}

func TestConnectionsFromPeersOnly(t *testing.T) {
	server, _ := certificate(t)
	change, addrs := streaming(t, server)
	h := serve(t, "127.0.0.1", answering, change, func(cfg *trunk.Config) { cfg.Peers = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	for _, addr := range addrs {
		conn := connect(t, addr)
		_, _ = conn.Write([]byte(streamMessage(optionsMessage, 200)))
		if got := ends(t, conn); got != "" {
			t.Errorf("a stranger got %q", got)
		}
	}
	if got := h.Stats().Dropped; got != 2 {
		t.Errorf("%d dropped, want 2", got)
	}
}

// sips is for TLS only (RFC 5630 §3.3).
func TestSipsOverTLS(t *testing.T) {
	server, client := certificate(t)
	change, addrs := streaming(t, server)
	serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) { _ = c.Reject(486, 0) }, change)
	plain := connect(t, addrs["tcp"])
	secure := tls.Client(connect(t, addrs["tls"]), client)
	body := strings.ReplaceAll(offer, "\n", "\r\n")
	invite := strings.Replace(inviteHead, "\nMax", fmt.Sprintf("\nContent-Length: %d\nMax", len(body)), 1)
	invite = streamMessage(strings.ReplaceAll(invite, "sip:", "sips:")+"Content-Type: application/sdp\n\n", 300) + body
	for conn, want := range map[net.Conn]string{plain: "416", secure: "486"} {
		invite := invite // the other connection's stays as it is
		if conn == net.Conn(secure) {
			invite = strings.NewReplacer("/TCP", "/TLS", "tcp-300", "tcp-301", "tcp300", "tcp301").Replace(invite)
		}
		_, _ = conn.Write([]byte(invite))
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		in := bufio.NewReader(conn)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "SIP/2.0 ") && !strings.HasPrefix(line, "SIP/2.0 1") {
				if status(line) != want {
					t.Errorf("sips is answered %q, want %s", line, want)
				}
				break
			}
		}
	}
}
