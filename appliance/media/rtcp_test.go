package media

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"hotline/appliance/audio"
)

// reporter is the control port of a phone.
type reporter struct {
	t    *testing.T
	conn *net.UDPConn
}

// next is the next compound packet, decoded by pion.
func (r *reporter) next(open func([]byte) []byte) []rtcp.Packet {
	r.t.Helper()
	b := make([]byte, 1500)
	if err := r.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	n, err := r.conn.Read(b)
	if err != nil {
		r.t.Fatalf("no report came: %v", err)
	}
	b = b[:n]
	if open != nil {
		b = open(b)
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		r.t.Fatalf("the report cannot be read: %v", err)
	}
	if err := rtcp.CompoundPacket(packets).Validate(); err != nil {
		r.t.Fatalf("the report is not complete: %v", err)
	}
	return packets
}

// reportingLeg is a leg of a port pair that reports 20 times a second, and
// where to send what.
func reportingLeg(t *testing.T, p *Pacer, ports *Ports, cfg UDPConfig) (e *Endpoint, sound, control netip.AddrPort) {
	t.Helper()
	conn, err := ports.Open()
	if err != nil {
		t.Fatal(err)
	}
	cfg.DTMF, cfg.Ports = testDTMF, ports
	e = NewUDP(p, conn, cfg)
	e.reportEvery = int64(50 * time.Millisecond)
	e.reportAt = 0
	e.Start()
	t.Cleanup(func() { e.Close() })
	sound = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return e, sound, controlPort(sound)
}

func loopbackPorts(t *testing.T, first int) *Ports {
	t.Helper()
	return must(NewPorts(netip.MustParseAddr("127.0.0.1"), first, first+40))
}

func TestReportsBothWays(t *testing.T) {
	p := startPacer(t)
	ports := loopbackPorts(t, 21100)
	far := must(ports.Open()) // the phone's pair
	defer ports.Release(far)
	addr := far.LocalAddr().(*net.UDPAddr).AddrPort()
	control := &reporter{t, ports.control(far)}
	e, sound, to := reportingLeg(t, p, ports, UDPConfig{Remote: addr, Plain: true})
	stop := Bridge(e, must(newLegOnly(p))) // somebody listens, so loss can be seen
	defer stop.Close()

	// Nothing arrived yet: a sender report without a block.
	var first []rtcp.Packet
	var sr *rtcp.SenderReport
	until(t, "a report of what was sent", func() (ok bool) {
		first = control.next(nil)
		sr, ok = first[0].(*rtcp.SenderReport)
		return ok
	})
	if sr.SSRC != e.out.ssrc || len(sr.Reports) != 0 || sr.PacketCount == 0 || sr.OctetCount != 160*sr.PacketCount {
		t.Fatalf("the first report: %v", sr)
	}
	if name, err := rtcp.CompoundPacket(first).CNAME(); err != nil || len(name) != 16 {
		t.Errorf("the name %q, %v", name, err)
	}
	if at := time.Unix(int64(sr.NTPTime>>32)-2208988800, 0); time.Since(at).Abs() > 5*time.Second {
		t.Errorf("its time is %v", at)
	}

	say := newSpeaker(audio.MuLaw)
	send := func(to netip.AddrPort, b []byte) {
		t.Helper()
		if _, err := far.WriteToUDPAddrPort(b, to); err != nil {
			t.Fatal(err)
		}
	}
	report := func(b []byte) {
		t.Helper()
		if _, err := control.conn.WriteToUDPAddrPort(b, to); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		if b := say.packet(silentFrame); i%4 != 1 {
			send(sound, b)
		}
	}
	until(t, "the packets", func() bool { return e.Stats().PacketsIn == 75 })
	var block rtcp.ReceptionReport
	until(t, "a block", func() bool {
		for _, packet := range control.next(nil) {
			switch r := packet.(type) {
			case *rtcp.SenderReport:
				sr = r
				if len(r.Reports) == 1 {
					block = r.Reports[0]
					return true
				}
			}
		}
		return false
	})
	// 65530 to 93 after the wrap; the last of the hundred arrived.
	if block.SSRC != say.ssrc || block.TotalLost != 25 || block.LastSequenceNumber != 1<<16+93 || block.LastSenderReport != 0 {
		t.Errorf("how it arrived: %+v", block)
	}

	// The far end reports: 64 lost of 256, jitter 10 ms, 30 ms of thinking.
	ours := rtcp.ReceptionReport{SSRC: e.out.ssrc, FractionLost: 64, TotalLost: 17, Jitter: 80,
		LastSenderReport: uint32(sr.NTPTime >> 16), Delay: 30 * 65536 / 1000}
	theirs := rtcp.SenderReport{SSRC: say.ssrc, NTPTime: 0x1122334455667788, RTPTime: say.ts, PacketCount: 75, Reports: []rtcp.ReceptionReport{ours}}
	time.Sleep(80 * time.Millisecond)
	report(must(rtcp.Marshal([]rtcp.Packet{&theirs, &rtcp.Goodbye{Sources: []uint32{say.ssrc}}})))
	until(t, "the far end's report", func() bool { return e.Stats().LostOut == 17 })
	s := e.Stats()
	if s.RTT < 45*time.Millisecond || s.RTT > time.Second || s.JitterOut != 10*time.Millisecond {
		t.Errorf("after the far end's report: %+v", s)
	}
	if s.MOS < 1 || s.MOS > 2.5 {
		t.Errorf("a quarter is lost, MOS %v", s.MOS)
	}
	send(sound, say.packet(silentFrame)) // a farewell ends nothing, and the next report has a block
	until(t, "an echo of the far end's report", func() bool {
		for _, packet := range control.next(nil) {
			if r, ok := packet.(*rtcp.SenderReport); ok && len(r.Reports) == 1 {
				return r.Reports[0].LastSenderReport == 0x33445566 && r.Reports[0].Delay > 0
			}
		}
		return false
	})

	// Somebody else reports nonsense.
	stranger := must(net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}))
	defer stranger.Close()
	neighbour := must(net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	defer neighbour.Close()
	ours.TotalLost = 5000
	bad := must(rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: say.ssrc, Reports: []rtcp.ReceptionReport{ours}}}))
	for _, c := range []*net.UDPConn{stranger, neighbour} {
		if _, err := c.WriteToUDPAddrPort(bad, to); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "two refusals", func() bool { return e.Stats().DroppedForeign == 2 })
	if s := e.Stats(); s.LostOut != 17 {
		t.Errorf("a stranger's report was believed: %+v", s)
	}
}

// newLegOnly is a leg that is not on the clock.
func newLegOnly(p *Pacer) (*Endpoint, error) { return NewEndpoint(p, nowhere{}, Config{}), nil }

func TestEncryptedReportsWithTheSound(t *testing.T) {
	const suite = "AES_CM_128_HMAC_SHA1_80"
	p := startPacer(t)
	ports := loopbackPorts(t, 21200)
	far := must(net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	defer far.Close()
	out, in := newContext(t, suite, theirKey), newContext(t, suite, ourKey)
	e, to, _ := reportingLeg(t, p, ports, UDPConfig{Remote: far.LocalAddr().(*net.UDPAddr).AddrPort(), RTCPMux: true,
		SRTP: &SRTP{Suite: suite, LocalKey: ourKey, RemoteKey: theirKey}})
	say := newSpeaker(audio.MuLaw)
	send := func(b []byte) {
		t.Helper()
		if _, err := far.WriteToUDPAddrPort(b, to); err != nil {
			t.Fatal(err)
		}
	}
	send(must(out.EncryptRTP(nil, say.packet(silentFrame), nil)))
	b := make([]byte, 1500)
	var sr rtcp.SenderReport
	until(t, "a report among the sound", func() bool {
		if err := far.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := far.Read(b)
		if err != nil || b[1] != typeSR {
			return false
		}
		plain, err := in.DecryptRTCP(nil, b[:n], nil)
		if err != nil {
			t.Fatalf("the report cannot be decrypted: %v", err)
		}
		packets := must(rtcp.Unmarshal(plain))
		sr = *packets[0].(*rtcp.SenderReport)
		return true
	})
	rr := must(rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: say.ssrc, Reports: []rtcp.ReceptionReport{{
		SSRC: e.out.ssrc, TotalLost: 3, LastSenderReport: uint32(sr.NTPTime >> 16)}}}}))
	send(rr) // in the clear
	sealed := must(out.EncryptRTCP(nil, rr, nil))
	broken := append([]byte(nil), sealed...)
	broken[12] ^= 1
	send(broken)
	until(t, "two refusals", func() bool { return e.Stats().SRTPErrors == 2 })
	if s := e.Stats(); s.LostOut != 0 {
		t.Errorf("a report without a key was believed: %+v", s)
	}
	send(sealed)
	until(t, "the report", func() bool { return e.Stats().LostOut == 3 })
	send(sealed) // again
	until(t, "three refusals", func() bool { return e.Stats().SRTPErrors == 3 })
}

// TestTwoLegsJudgeEachOther: our own implementation on both sides.
func TestTwoLegsJudgeEachOther(t *testing.T) {
	p := startPacer(t)
	ports := loopbackPorts(t, 21300)
	a, toA, _ := reportingLeg(t, p, ports, UDPConfig{})
	b, _, _ := reportingLeg(t, p, ports, UDPConfig{Remote: toA})
	a.Update(must(netip.ParseAddrPort(b.socket.conn.LocalAddr().String())), false)
	b.Music(audio.Tone(440, time.Second, -20))
	for _, e := range []*Endpoint{a, b} {
		defer Bridge(e, must(newLegOnly(p))).Close()
	}
	until(t, "opinions on both sides", func() bool { return a.Stats().RTT > 0 && b.Stats().RTT > 0 })
	for name, s := range map[string]Stats{"a": a.Stats(), "b": b.Stats()} {
		if s.RTT > 500*time.Millisecond || s.MOS < 3 || s.MOS > 4.5 || s.DroppedInvalid != 0 || s.DroppedForeign != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestMOS(t *testing.T) {
	for _, tt := range []struct {
		rtt, jitter time.Duration
		lost        float64
		low, high   float64
	}{
		{0, 0, 0, 4.4, 4.45},
		{100 * time.Millisecond, 10 * time.Millisecond, 0, 4.3, 4.45},
		{250 * time.Millisecond, 20 * time.Millisecond, 0.01, 3.7, 3.9},
		{100 * time.Millisecond, 10 * time.Millisecond, 0.1, 3.2, 3.6},
		{2 * time.Second, 100 * time.Millisecond, 0.5, 1, 1},
	} {
		if got := mos(tt.rtt, tt.jitter, tt.lost); got < tt.low || got > tt.high {
			t.Errorf("delay %v, jitter %v, %v lost: %.2f, want %v to %v", tt.rtt, tt.jitter, tt.lost, got, tt.low, tt.high)
		}
	}
	p := NewPacer(slog.New(slog.DiscardHandler))
	e, _ := newLegOnly(p)
	if s := e.Stats(); s.MOS != 0 || s.Silent {
		t.Errorf("nothing came, and yet: %+v", s)
	}
	say := newSpeaker(audio.ALaw)
	e.Receive(say.packet(audio.Tone(440, 20*time.Millisecond, -56).Encoded(audio.ALaw)))
	if !e.Stats().Silent {
		t.Error("a hum at -56 dBFS counts as sound")
	}
	e.Receive(say.packet(audio.Tone(440, 20*time.Millisecond, -44).Encoded(audio.ALaw)))
	e.Receive(say.packet(audio.Silence(20 * time.Millisecond).Encoded(audio.ALaw)))
	if e.Stats().Silent {
		t.Error("a voice at -44 dBFS does not count")
	}
}

func FuzzReports(f *testing.F) {
	f.Add(must(rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 2, TotalLost: 3}}}})))
	f.Add([]byte{0x9f, 200, 0, 1, 0, 0, 0, 0, 0x80, 201, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := NewPacer(slog.New(slog.DiscardHandler))
		e, _ := newLegOnly(p)
		e.Receive(newSpeaker(audio.MuLaw).packet(silentFrame))
		e.ReceiveReports(b)
		if s := e.Stats(); s.RTT < 0 || s.RTT > 10*time.Second || s.JitterOut < 0 || s.MOS > 4.5 || s.MOS < 1 {
			t.Errorf("%x became %+v", b, s)
		}
	})
}
