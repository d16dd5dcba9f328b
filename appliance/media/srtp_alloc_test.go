//go:build !race

// Under the race detector the pools of the cipher leak on purpose.

package media

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"hotline/appliance/audio"
)

func TestEncryptionAllocatesNothing(t *testing.T) {
	p := NewPacer(slog.New(slog.DiscardHandler))
	now, received := int64(0), new(rtp.Header)
	const suite = "AES_CM_128_HMAC_SHA1_80"
	far := must(srtp.CreateContext(theirKey[:16], theirKey[16:], suites[suite]))
	from, to := netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort("127.0.0.1:19")
	a, _ := newUDPLeg(t, p, UDPConfig{Remote: from, SRTP: &SRTP{Suite: suite, LocalKey: ourKey, RemoteKey: theirKey}})
	b, _ := newUDPLeg(t, p, UDPConfig{Remote: to, Law: audio.ALaw, SRTP: &SRTP{Suite: suite, LocalKey: ourKey, RemoteKey: theirKey}})
	Bridge(a, b)
	say := newSpeaker(audio.MuLaw)
	clear := say.packet(silentFrame)
	sealed := make([]byte, 0, 300)
	h := new(rtp.Header)
	relay := func() {
		clear[3]++
		if clear[3] == 0 {
			clear[2]++
		}
		sealed, _ = far.EncryptRTP(sealed[:0], clear, h)
		binary.BigEndian.PutUint32(clear[4:], binary.BigEndian.Uint32(clear[4:])+frameTicks)
		now += frameLength
		a.incoming(received, sealed, from, now)
	}
	if n := testing.AllocsPerRun(1000, relay); n != 0 {
		t.Errorf("an encrypted packet allocates %v times on its way", n)
	}
	if s := a.Stats(); s.PacketsIn < 1000 || b.Stats().PacketsOut+b.Stats().FailedOut < 1000 {
		t.Errorf("statistics: %+v, %+v", s, b.Stats())
	}
}
