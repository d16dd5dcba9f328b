package trunk_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/trunktest"
)

// member is somebody whom a provider knows.
type member struct{ user, password string }

func (a member) Proof(user string) (string, bool) {
	return trunk.PhoneProof(user, a.password), user == a.user
}

// Lines over connections, with another SIP server at their end: calls out,
// their sound both ways, and their ends from either side.
func TestLineOverConnections(t *testing.T) {
	server, client := certificate(t)
	for _, tc := range []struct {
		transport string
		encrypt   bool
	}{{trunk.OverTCP, false}, {trunk.OverTLS, false}, {trunk.OverTLS, true}} {
		t.Run(fmt.Sprint(tc.transport, " encrypted ", tc.encrypt), func(t *testing.T) {
			ctx := limit(t)
			handle, calls := handing()
			change, addrs := streaming(t, server)
			serve(t, "127.0.0.1", handle, change)
			h := calling(t, nil, trunk.Line{Name: "carrier", Kind: trunk.Static, Servers: []string{addrs[tc.transport].String()},
				Transport: tc.transport, Encrypt: tc.encrypt, Authorities: client.RootCAs})
			for _, weHangUp := range []bool{true, false} {
				ours, err := h.Dial(ctx, trunk.Outgoing{To: outside})
				if err != nil {
					t.Fatalf("%v\n%s", err, h.log)
				}
				far := receive(t, "the call at the carrier", calls)
				if far.Secure() != tc.encrypt || ours.Secure() != tc.encrypt {
					t.Errorf("encrypted: there %v, here %v", far.Secure(), ours.Secure())
				}
				hear(t, ctx, ours, far)
				first, second := ours, far
				if !weHangUp {
					first, second = far, ours
				}
				first.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
				receive(t, "the end at the other side", second.Context().Done())
				if cause := call.CauseOf(second.Context()); cause.By != call.ByCaller {
					t.Errorf("ended %+v", cause)
				}
			}
			if up := h.Lines()[0]; !up.Up || up.Server != addrs[tc.transport].String() {
				t.Errorf("the line: %+v", up)
			}
		})
	}
}

// hear proves sound from each call to the other.
func hear(t *testing.T, ctx context.Context, a, b *trunk.Call) {
	t.Helper()
	for _, pair := range [][2]*trunk.Call{{a, b}, {b, a}} {
		pair[0].Audio().Music(audio.Tone(440, time.Second, -10))
		heard, _, err := pair[1].Audio().Record(ctx, time.Second, "")
		if err != nil || share(heard, 440) < 0.5 {
			t.Fatalf("one side does not hear the other: %v", err)
		}
	}
}

// A line registers over TLS without any listener of its own, is rung over that
// connection, and is there again at once when the connection breaks.
func TestLineRegistersOverTLS(t *testing.T) {
	ctx := limit(t)
	server, client := certificate(t)
	change, addrs := streaming(t, server)
	carrier := serve(t, "127.0.0.1", answering, change, func(cfg *trunk.Config) {
		cfg.Phones = member{"account", secret}
	})
	handle, calls := handing()
	h := serveLines(t, "127.0.0.1", []trunk.Line{{Name: "carrier", Kind: trunk.Register, User: "account", Password: secret,
		Servers: []string{addrs["tls"].String()}, Transport: trunk.OverTLS, Authorities: client.RootCAs}}, handle,
		func(cfg *trunk.Config) { cfg.Hurry(100 * time.Millisecond) })
	registered := func() {
		t.Helper()
		for h.Lines()[0].RegisteredUntil.IsZero() {
			select {
			case <-ctx.Done():
				t.Fatalf("not registered: %+v\n%s", h.Lines(), h.log)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	ring := func() error {
		c, err := carrier.Dial(ctx, trunk.Outgoing{To: "sip:account@registered"})
		if err != nil {
			return err
		}
		ours := receive(t, "the call", calls)
		if !c.Secure() || !ours.Secure() {
			t.Error("the sound of a call over TLS is in the clear")
		}
		hear(t, ctx, c, ours)
		ours.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
		receive(t, "its end", c.Context().Done())
		return nil
	}
	registered()
	if err := ring(); err != nil {
		t.Fatalf("%v\n%s", err, carrier.log)
	}
	if n := h.Stats().Connections; n != 1 {
		t.Fatalf("%d connections", n)
	}
	carrier.CutConnections()
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C { // the carrier rings in vain until the line is back
		if err := ring(); err == nil {
			break
		} else if ctx.Err() != nil {
			t.Fatalf("the line does not come back: %v\n%s", err, h.log)
		}
	}
}

// What is wrong with a server's certificate is said in words.
func TestLineDoesNotTrust(t *testing.T) {
	server, client := certificate(t)
	change, addrs := streaming(t, server)
	serve(t, "127.0.0.1", answering, change)
	_, stranger := certificate(t)
	for _, tc := range []struct {
		name, want string
		line       trunk.Line
	}{
		{"nobody vouches", "nobody known vouches for", trunk.Line{Servers: []string{addrs["tls"].String()}, Authorities: stranger.RootCAs}},
		{"another name", "made out to another name", trunk.Line{Servers: []string{fmt.Sprintf("localhost:%d", addrs["tls"].Port())}, Authorities: client.RootCAs}},
		{"no TLS there", "does not speak TLS", trunk.Line{Servers: []string{addrs["tcp"].String()}, Authorities: client.RootCAs}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.line.Name, tc.line.Kind, tc.line.Transport = "carrier", trunk.Static, trunk.OverTLS
			h := calling(t, func(cfg *trunk.Config) { cfg.Hasty(500 * time.Millisecond) }, tc.line)
			_, err := h.Dial(limit(t), trunk.Outgoing{To: outside})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A phone that is not ours answers a call over a TLS line with SRTP.
func TestLineToBaresip(t *testing.T) {
	ctx := limit(t)
	server, client := certificate(t)
	port := trunktest.FourPorts(t)
	b := trunktest.StartBaresip(t, trunktest.Config{Transport: "tls", CA: caOf(t, server), Account: "\n<sip:12024561414@127.0.0.1;transport=tls>;regint=0;mediaenc=srtp-mand;answermode=auto;audio_codecs=PCMU/8000/1",
		Lines: []string{fmt.Sprintf("sip_listen 127.0.0.1:%d", port), "sip_certificate " + keyFile(t, server)}})
	h := calling(t, nil, trunk.Line{Name: "pbx", Kind: trunk.Static, Servers: []string{fmt.Sprintf("127.0.0.1:%d", port+1)},
		Transport: trunk.OverTLS, Encrypt: true, Authorities: client.RootCAs, Plus: "-"})
	var c *trunk.Call
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C { // it listens a moment later than it takes commands
		var err error
		var refused *trunk.DialError
		if c, err = h.Dial(ctx, trunk.Outgoing{To: outside}); err == nil {
			break
		} else if ctx.Err() != nil || !errors.As(err, &refused) || refused.Status != 503 {
			t.Fatalf("%v\n%s\n%s", err, b.Log(), h.log)
		}
	}
	if !c.Secure() {
		t.Error("the sound is in the clear")
	}
	heard, _, err := c.Audio().Record(ctx, 1500*time.Millisecond, "")
	if err != nil || share(heard, 1000) < 0.5 {
		t.Errorf("the phone is not heard: %v\n%s", err, b.Log())
	}
	c.Hangup(call.Cause{By: call.BySystem, Reason: "done"})
}

// keyFile writes certificate and key as one file.
func keyFile(t *testing.T, server *tls.Config) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.pem")
	if err := os.WriteFile(path, []byte(caOf(t, server)+keyOf(t, server)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
