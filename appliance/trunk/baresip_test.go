package trunk_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/trunktest"
)

// A phone that is not ours calls, is heard, presses keys, holds, resumes and
// hangs up: over UDP and TCP in the clear, and over TLS with SRTP.
func TestBaresip(t *testing.T) {
	server, _ := certificate(t)
	for _, tc := range []struct {
		name, transport, account string
		secure                   bool
	}{
		{"UDP", "udp", "", false},
		{"TCP", "tcp", "", false},
		{"TLS and SRTP", "tls", ";mediaenc=srtp-mand", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := limit(t)
			handle, calls := handing()
			change, addrs := streaming(t, server)
			h := serve(t, "127.0.0.1", handle, change)
			addrs["udp"] = h.addr
			b := trunktest.StartBaresip(t, trunktest.Config{Transport: tc.transport, CA: caOf(t, server), Account: tc.account})
			fail := func(what string, err any) {
				t.Helper()
				t.Fatalf("%s: %v\n%s\n%s", what, err, b.Log(), h.log)
			}
			b.Do("dial", fmt.Sprintf("sip:100@%s;transport=%s", addrs[tc.transport], tc.transport))
			var c *trunk.Call
			select {
			case c = <-calls:
			case <-ctx.Done():
				fail("the call", "does not come")
			}
			if c.Secure() != tc.secure {
				fail("encryption", c.Secure())
			}
			hears := func(when string) {
				t.Helper()
				heard, _, err := c.Audio().Record(ctx, time.Second, "")
				if err != nil || share(heard, 1000) < 0.5 {
					fail(when+" the caller is not heard", err)
				}
			}
			hears("at first")
			for _, key := range "1*9#" {
				b.Do("sndcode", string(key))
				if got, err := c.Audio().Key(ctx); err != nil || got != byte(key) {
					fail("key "+string(key), fmt.Sprintf("%q %v", got, err))
				}
				b.Do("sndcode", "")
			}
			b.Do("hold", "")
			if held := receive(t, "the hold", c.Holds()); !held {
				fail("hold", "not held")
			}
			b.Do("resume", "")
			if held := receive(t, "the resume", c.Holds()); held {
				fail("resume", "still held")
			}
			hears("after the hold")
			if tc.secure { // a transfer is refused: no REFER from outside. The phone hangs up over it
				b.Do("transfer", "sip:100@192.0.2.1")
			} else {
				b.Do("hangup", "")
			}
			select {
			case <-c.Context().Done():
			case <-ctx.Done():
				fail("the end", "does not come")
			}
			if cause := call.CauseOf(c.Context()); cause.By != call.ByCaller {
				fail("ended", cause)
			}
			if n := h.Stats().Rejected[405]; (n == 1) != tc.secure {
				t.Errorf("%d requests were refused with 405", n)
			}
			// Packets may overtake the re-INVITE that changes their key.
			if s := c.Summary().Sound; s.SRTPErrors > 10 {
				t.Errorf("%d packets could not be decrypted", s.SRTPErrors)
			}
			if strings.Contains(h.log.String(), "inline:") {
				t.Error("a key is in the log")
			}
		})
	}
}

func caOf(t *testing.T, server *tls.Config) string {
	t.Helper()
	var out bytes.Buffer
	if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificates[0].Certificate[0]}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func keyOf(t *testing.T, server *tls.Config) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(server.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
