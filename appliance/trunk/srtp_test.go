package trunk_test

import (
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/trunk/phone"
)

// An encrypted call from beginning to end: sound both ways, keys, hold, and a
// new key in the middle.
func TestEncryptedCall(t *testing.T) {
	server, client := certificate(t)
	for _, tc := range [][2]string{
		{"AES_CM_128_HMAC_SHA1_80", "|2^31"},
		{"AES_CM_128_HMAC_SHA1_32", ""},
		{"AES_CM_128_HMAC_SHA1_80", "|2^31|1:4"}, // the key has a number, which every packet carries
	} {
		suite, suffix := tc[0], tc[1]
		t.Run(suite+suffix, func(t *testing.T) {
			ctx := limit(t)
			handle, calls := handing()
			change, addrs := streaming(t, server)
			h := serve(t, "127.0.0.1", handle, change)
			p := h.dial(ctx, func(cfg *phone.Config) {
				cfg.Transport, cfg.TLS, cfg.Server = "tls", client, addrs["tls"]
				cfg.SRTP, cfg.KeySuffix = suite, suffix
			})
			c := receive(t, "the call", calls)
			if !c.Secure() {
				t.Error("the call does not know that it is encrypted")
			}
			c.Audio().Music(audio.Tone(440, time.Second, -10))
			p.SayLoop(audio.Tone(1000, time.Second, -10))
			check := func(when string) {
				t.Helper()
				if err := p.WaitTone(ctx, 440); err != nil {
					t.Fatalf("%s: %v", when, err)
				}
				heard, _, err := c.Audio().Record(ctx, 500*time.Millisecond, "")
				if err != nil || share(heard, 1000) < 0.5 {
					t.Fatalf("%s the hotline hears the caller badly: %v", when, err)
				}
				if err := p.Press(ctx, "4"); err != nil {
					t.Fatal(err)
				}
				if key, err := c.Audio().Key(ctx); err != nil || key != '4' {
					t.Fatalf("%s: key %q, %v", when, key, err)
				}
			}
			check("at the beginning")
			if err := p.Hold(ctx, phone.SendOnly); err != nil {
				t.Fatal(err)
			}
			if err := p.WaitSilence(ctx); err != nil {
				t.Error(err)
			}
			if err := p.Resume(ctx); err != nil {
				t.Fatal(err)
			}
			check("after the hold")
			if err := p.RenewKey(); err != nil {
				t.Fatal(err)
			}
			if err := p.Resume(ctx); err != nil {
				t.Fatal(err)
			}
			check("with the new key")

			body := describe(p.RTP().Port(), "0", "")
			if res, err := p.Request(ctx, "UPDATE", "application/sdp", body); err != nil || res.StatusCode != 488 {
				t.Errorf("going on in the clear is answered %v, %v", res, err)
			}
			check("after the refused change")
			if strings.Contains(h.log.String(), "inline:") {
				t.Error("a key is in the log")
			}
		})
	}
}
