package media

import (
	"bytes"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"hotline/appliance/audio"
)

var (
	ourKey   = bytes.Repeat([]byte{0x17, 0xa2}, 15)
	theirKey = bytes.Repeat([]byte{0x6b, 0x05, 0xc4}, 10)
	suites   = map[string]srtp.ProtectionProfile{
		"AES_CM_128_HMAC_SHA1_80": srtp.ProtectionProfileAes128CmHmacSha1_80,
		"AES_CM_128_HMAC_SHA1_32": srtp.ProtectionProfileAes128CmHmacSha1_32,
	}
)

// safePhone is a phone that encrypts with contexts of its own.
type safePhone struct {
	*phone
	out, in *srtp.Context
}

func newSafePhone(t testing.TB, suite string, sends, hears []byte) *safePhone {
	t.Helper()
	return &safePhone{phone: newPhone(t), out: newContext(t, suite, sends), in: newContext(t, suite, hears)}
}

func newContext(t testing.TB, suite string, key []byte) *srtp.Context {
	t.Helper()
	c, err := srtp.CreateContext(key[:16], key[16:], suites[suite])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (ph *safePhone) seal(b []byte) []byte {
	ph.t.Helper()
	sealed, err := ph.out.EncryptRTP(nil, b, nil)
	if err != nil {
		ph.t.Fatal(err)
	}
	return sealed
}

// heard decrypts what came so far.
func (ph *safePhone) heard() []heard {
	ph.t.Helper()
	var clear []heard
	for _, h := range ph.take() {
		sealed := must((&rtp.Packet{Header: h.header, Payload: h.payload}).Marshal())
		plain, err := ph.in.DecryptRTP(nil, sealed, nil)
		if err != nil {
			ph.t.Fatalf("a packet cannot be decrypted: %v", err)
		}
		h.payload = plain[headerLength:]
		clear = append(clear, h)
	}
	return clear
}

func TestEncryptedBothWays(t *testing.T) {
	for suite := range suites {
		bothWays(t, func(t *testing.T, plain bool) {
			p := startPacer(t)
			caller := newSafePhone(t, suite, theirKey, ourKey)
			e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, Plain: plain, SRTP: &SRTP{Suite: suite, LocalKey: ourKey, RemoteKey: theirKey}})
			caller.send(to, caller.seal(caller.packet(silentFrame)))
			if _, err := e.Play(t.Context(), audio.Tone(440, 500*time.Millisecond, -10), false); err != nil {
				t.Fatal(err)
			}
			packets := caller.heard()
			checkStream(t, packets, noisy)
			if packets[0].header.SequenceNumber >= 0x8000 {
				t.Errorf("the stream begins at %d", packets[0].header.SequenceNumber)
			}
			pcm := listen(packets)
			if level := audio.ToneLevel(pcm[400:3600], 440); level < 0.9 {
				t.Errorf("the prompt has %.2f of the energy", level)
			}
			recorded := make(chan *audio.Clip)
			go func() {
				clip, _, _ := e.Record(t.Context(), 5*time.Second, "#")
				recorded <- clip
			}()
			until(t, "the recorder", func() bool { e.in.mu.Lock(); defer e.in.mu.Unlock(); return e.in.recorder != nil })
			for _, f := range frames(audio.Tone(700, 500*time.Millisecond, -10), audio.MuLaw, 20*time.Millisecond) {
				caller.send(to, caller.seal(caller.packet(f)))
			}
			caller.ts += 1600
			caller.send(to, caller.seal(caller.event(11, caller.ts, 160, false)))
			if pcm := (<-recorded).PCM(); audio.ToneLevel(pcm[:len(pcm)/400*400], 700) < 0.97 {
				t.Errorf("what the caller said has %.2f of the tone", audio.ToneLevel(pcm, 700))
			}
			if s := e.Stats(); s.SRTPErrors != 0 || s.DroppedInvalid != 0 || s.FailedOut != 0 {
				t.Errorf("statistics: %+v", s)
			}
		})
	}
}

func TestWhatTheKeyDoesNotVouchFor(t *testing.T) {
	const suite = "AES_CM_128_HMAC_SHA1_80"
	p := startPacer(t)
	caller := newSafePhone(t, suite, theirKey, ourKey)
	wrong := newSafePhone(t, suite, ourKey, theirKey)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: netip.MustParseAddrPort("127.0.0.77:4000"), Plain: true, SRTP: &SRTP{Suite: suite, LocalKey: ourKey, RemoteKey: theirKey}})

	// Even a stranger who sends in sequence is not believed.
	for range 10 {
		wrong.send(to, wrong.seal(wrong.packet(silentFrame)))
		wrong.send(to, wrong.packet(silentFrame))
	}
	until(t, "the stranger's packets", func() bool { return e.Stats().SRTPErrors == 20 })
	if !wrong.deaf() {
		t.Error("a stranger caught the call")
	}
	// The caller, behind a NAT, at the first packet.
	caller.ts += 1600
	good := caller.seal(caller.event(1, caller.ts, 160, false))
	caller.send(to, good)
	if k := key(t, e); k != '1' {
		t.Errorf("key %q", k)
	}
	if !caller.hears() {
		t.Error("the caller hears nothing")
	}
	caller.send(to, good) // again
	caller.ts += 1600
	bad := caller.seal(caller.event(2, caller.ts, 160, false))
	bad[13] ^= 1
	caller.send(to, bad)
	caller.send(to, bad[:20])
	caller.send(to, nil)
	caller.press(to, 3) // in the clear
	caller.ts += 1600
	other := newContext(t, suite, bytes.Repeat([]byte{9}, 30))
	caller.send(to, must(other.EncryptRTP(nil, caller.event(4, caller.ts, 160, false), nil)))
	noKey(t, e)
	if s := e.Stats(); s.SRTPErrors != 26 || s.PacketsIn != 1 {
		t.Errorf("statistics: %+v", s)
	}
	caller.ts += 1600
	caller.send(to, caller.seal(caller.event(5, caller.ts, 160, false)))
	if k := key(t, e); k != '5' {
		t.Errorf("after all that key %q", k)
	}
}

// TestTheFilterCountsOn: while the kernel drops most packets, the numbers
// wrap, and both sides must agree how often.
func TestTheFilterCountsOn(t *testing.T) {
	const suite = "AES_CM_128_HMAC_SHA1_80"
	p := startPacer(t)
	caller := newSafePhone(t, suite, theirKey, ourKey)
	e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, SRTP: &SRTP{Suite: suite, LocalKey: ourKey, RemoteKey: theirKey}})
	caller.send(to, caller.seal(caller.packet(silentFrame)))
	until(t, "the filter", func() bool { return e.Stats().Sampled || runtime.GOOS != "linux" })
	for i := range 200_000 {
		seq := caller.seq
		b := caller.seal(caller.packet(silentFrame[:8]))
		if seq%sampleEvery < 2 { // the others the kernel would drop
			caller.send(to, b)
		}
		if i%3200 == 0 {
			until(t, "the reader", func() bool { return int(e.Stats().PacketsIn) > i/sampleEvery-50 })
		}
	}
	caller.ts += 1600
	caller.send(to, caller.seal(caller.event(5, caller.ts, 160, false)))
	if k := key(t, e); k != '5' {
		t.Errorf("key %q", k)
	}
	if s := e.Stats(); s.SRTPErrors != 0 {
		t.Errorf("statistics: %+v", s)
	}
}

func TestNewKeysDuringACall(t *testing.T) {
	const suite = "AES_CM_128_HMAC_SHA1_80"
	p := startPacer(t)
	caller := newSafePhone(t, suite, theirKey, ourKey)
	first := SRTP{Suite: suite, LocalKey: ourKey, RemoteKey: theirKey}
	e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, SRTP: &first})
	press := func(code byte) {
		t.Helper()
		caller.ts += 1600
		caller.send(to, caller.seal(caller.event(code, caller.ts, 160, false)))
		if k := key(t, e); k != keypad[code] {
			t.Errorf("key %q, want %q", k, keypad[code])
		}
	}
	press(1)
	for caller.seq > 3 { // the numbers wrap
		caller.send(to, caller.seal(caller.packet(silentFrame)))
	}
	if err := e.Rekey(first); err != nil { // nothing new: the count goes on
		t.Fatal(err)
	}
	press(2)
	next := first
	next.RemoteKey = bytes.Repeat([]byte{3}, 30)
	if err := e.Rekey(next); err != nil {
		t.Fatal(err)
	}
	caller.press(to, 7)
	caller.out = newContext(t, suite, next.RemoteKey)
	press(3)
	caller.heard()
	if !caller.hears() {
		t.Error("our direction did not change and cannot be heard")
	}
	caller.heard()
	if err := e.Rekey(SRTP{Suite: suite, LocalKey: ourKey[:5], RemoteKey: theirKey}); err == nil {
		t.Error("half a key was taken")
	}
	clear, _ := newUDPLeg(t, p, UDPConfig{Remote: caller.addr})
	if err := clear.Rekey(first); err == nil {
		t.Error("a call in the clear pretends to be encrypted now")
	}
}

func TestKeysThatCannotWorkMakeSilence(t *testing.T) {
	p := startPacer(t)
	for _, s := range []SRTP{
		{Suite: "F8_128_HMAC_SHA1_80", LocalKey: ourKey, RemoteKey: theirKey},
		{Suite: "AES_CM_128_HMAC_SHA1_80", LocalKey: ourKey[:29], RemoteKey: theirKey},
		{Suite: "AES_CM_128_HMAC_SHA1_80", LocalKey: ourKey},
	} {
		if err := s.Check(); err == nil {
			t.Errorf("%+v passes the check", s)
		}
		caller := newPhone(t)
		e, to := newUDPLeg(t, p, UDPConfig{Remote: caller.addr, SRTP: &s})
		caller.press(to, 1)
		noKey(t, e)
		if !caller.deaf() {
			t.Error("something left in the clear")
		}
	}
}
