package trunk_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/proof"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

func TestMalformedMessages(t *testing.T) {
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) { _ = c.Reject(480, 0) })
	r := h.raw()
	invite := withSDP(inviteHead, offer)
	for _, tc := range []struct {
		name, message string
		want          string // status, "" = no answer
	}{
		{"no Via", cut(invite, "Via:"), "400"},
		{"no From", cut(invite, "From:"), "400"},
		{"no To", cut(invite, "To:"), "400"},
		{"no Call-ID", cut(invite, "Call-ID:"), "400"},
		{"no CSeq", cut(invite, "CSeq:"), "400"},
		{"no Contact", cut(invite, "Contact:"), "400"},
		{"no From tag", strings.Replace(invite, ";tag=a", "", 1), "400"},
		{"two From", strings.Replace(invite, "To:", "From: <sip:x@y>;tag=b\nTo:", 1), "400"},
		{"two To, one compact", strings.Replace(invite, "CSeq:", "t: <sip:x@y>\nCSeq:", 1), "400"},
		{"two CSeq", strings.Replace(invite, "CSeq:", "CSeq: 2 INVITE\nCSeq:", 1), "400"},
		{"method mismatch", strings.Replace(invite, "CSeq: 1 INVITE", "CSeq: 1 OPTIONS", 1), "400"},
		{"CSeq too big", strings.Replace(invite, "CSeq: 1 INVITE", "CSeq: 4294967296 INVITE", 1), ""},
		{"SIP/7.0", strings.Replace(invite, "SIP/2.0\n", "SIP/7.0\n", 1), "505"},
		{"unknown scheme", strings.Replace(invite, "INVITE sip:100@127.0.0.1", "INVITE nobodyKnowsThisScheme:totallyopaque", 1), "416"},
		{"sips over UDP", strings.Replace(invite, "INVITE sip:", "INVITE sips:", 1), "416"},
		{"unknown Require", strings.Replace(invite, "Max-Forwards", "Require: nothingSupportsThis\nMax-Forwards", 1), "420"},
		{"length too long", strings.Replace(invite, "Max-Forwards", "Content-Length: 9999\nMax-Forwards", 1), ""},
		{"length negative", strings.Replace(invite, "Max-Forwards", "Content-Length: -999\nMax-Forwards", 1), ""},
		{"length huge", strings.Replace(invite, "Max-Forwards", "Content-Length: 4294967295\nMax-Forwards", 1), ""},
		{"Max-Forwards in words", strings.Replace(invite, "Max-Forwards: 70", "Max-Forwards: many", 1), ""},
		{"wildcard Contact", strings.Replace(invite, "Contact: <sip:123@{me}>", "Contact: *", 1), "400"},
		{"telephone Contact", strings.Replace(invite, "Contact: <sip:123@{me}>", "Contact: <tel:+123>", 1), "400"},
		{"two Contacts", strings.Replace(invite, "Contact: <", "Contact: <sip:a@b>, <", 1), "400"},
		{"space before colon hides nothing", strings.Replace(invite, "CSeq:", "CSeq : 2 INVITE\nCSeq:", 1), "400"},
		{"bare LF in a header", strings.Replace(r.fill(invite), "tag=a", "tag=a\nEvil: yes", 1), ""},
		{"bare CR in a header", strings.Replace(r.fill(invite), "tag=a", "tag=a\rEvil: yes", 1), ""},
		{"NUL in a header", strings.Replace(r.fill(invite), "tag=a", "tag=a\x00", 1), ""},
		{"unreadable URI", strings.Replace(invite, "INVITE sip:100@127.0.0.1", "INVITE ::::", 1), "416"},
		{"not ours", strings.Replace(invite, "INVITE sip:100", "INVITE sip:999", 1), "404"},
		{"picture", strings.Replace(invite, "application/sdp", "image/jpeg", 1), "415"},
		{"compressed", strings.Replace(invite, "Max-Forwards", "Content-Encoding: gzip\nMax-Forwards", 1), "415"},
		{"body without type", cut(invite, "Content-Type"), "400"},
		{"multipart without boundary", strings.Replace(invite, "application/sdp", "multipart/mixed", 1), "400"},
		{"no codec", withSDP(inviteHead, strings.Replace(offer, "AVP 0", "AVP 18 3", 1)), "488"},
		{"only video", withSDP(inviteHead, strings.Replace(offer, "m=audio", "m=video", 1)), "488"},
		{"only SRTP", withSDP(inviteHead, strings.Replace(offer, "RTP/AVP", "RTP/SAVP", 1)), "488"},
		{"IPv6 sound to an IPv4 box", withSDP(inviteHead, strings.ReplaceAll(offer, "IN IP4 127.0.0.1", "IN IP6 2001:db8::1")), "488"},
		{"description of noise", withSDP(inviteHead, "\x01\x02\x03"), "400"},
		{"port 99999", withSDP(inviteHead, strings.Replace(offer, "40000", "99999", 1)), "400"},
		{"two maps for one payload type", withSDP(inviteHead, offer+"a=rtpmap:0 PCMU/8000\na=rtpmap:0 PCMU/8000\n"), "480"},
		{"1000 formats", withSDP(inviteHead, strings.Replace(offer, "AVP 0", "AVP 0"+strings.Repeat(" 99", 1000), 1)), "400"},
		{"100 lines", withSDP(inviteHead, offer+strings.Repeat("m=video 0 RTP/AVP 31\n", 100)), "400"},
		{"INFO without Content-Type", strings.ReplaceAll(cut(optionsMessage, "Content-Length"), "OPTIONS", "INFO") + "Signal=1\n", "481"},
		{"lower case method", strings.Replace(optionsMessage, "OPTIONS sip", "options sip", 1), "200"},
		{"noise", "\x16\x03\x01\x02\x00\x01", ""},
		{"empty", "\r\n\r\n", ""},
		{"only a line", "INVITE sip:100@127.0.0.1 SIP/2.0", ""},
	} {
		message := tc.message
		if strings.Contains(message, "{branch}") || !strings.Contains(message, "raw") {
			message = r.fill(message)
		}
		r.send(message)
		mark := ""
		if tc.want == "" {
			mark = fmt.Sprintf("branch=z9hG4bKraw%d;", r.n)
		}
		wait := patience
		if tc.want == "" {
			wait = 50 * time.Millisecond
		}
		answer := r.answer(mark, wait)
		if status(answer) != tc.want {
			t.Errorf("%s: %q, want %q\n%s", tc.name, status(answer), tc.want, answer)
		}
		if strings.Contains(answer, "\nEvil") {
			t.Errorf("%s: a header was smuggled through", tc.name)
		}
		if strings.HasPrefix(message, "INVITE") && answer != "" {
			r.acknowledge(message, answer)
		}
		if !r.alive() {
			t.Fatalf("%s: the trunk is dead\n%s", tc.name, h.log)
		}
	}
	if strings.Contains(h.log.String(), "nobodyKnowsThisScheme") || strings.Contains(h.log.String(), "Evil") {
		t.Error("what strangers wrote is in the log")
	}
}

// The torture messages of RFC 4475, in the raw form that the SIP library keeps
// for its own tests: none may end the trunk.
func TestTortureMessages(t *testing.T) {
	out, err := exec.CommandContext(limit(t), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "sip/testdata/torture/*/*.dat"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d messages: %v", len(files), err)
	}
	h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) { _ = c.Reject(480, 0) })
	r := h.raw()
	for _, f := range files {
		message, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r.send(string(message))
		if !r.alive() {
			t.Fatalf("%s: the trunk is dead", filepath.Base(f))
		}
	}
}

func TestUnknownMethods(t *testing.T) {
	h := serve(t, "127.0.0.1", answering)
	r := h.raw()
	for _, method := range []string{"REGISTER", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH", "FLY"} {
		r.send(r.fill(strings.ReplaceAll(optionsMessage, "OPTIONS", method)))
		answer := r.answer(fmt.Sprintf("raw-%d\r\n", r.n), patience)
		if status(answer) != "405" || !strings.Contains(answer, "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE") {
			t.Errorf("%s: %s", method, answer)
		}
	}
	for _, method := range []string{"BYE", "UPDATE", "PRACK", "INFO", "CANCEL"} {
		r.send(r.fill(strings.ReplaceAll(optionsMessage, "OPTIONS", method)))
		if answer := r.answer(fmt.Sprintf("raw-%d\r\n", r.n), patience); status(answer) != "481" {
			t.Errorf("%s outside of a call: %s", method, answer)
		}
	}
	r.send(r.fill(strings.Replace(inviteHead, "To: <sip:100@127.0.0.1>", "To: <sip:100@127.0.0.1>;tag=gone", 1) + "\n"))
	if answer := r.answer("CSeq: 1 INVITE", patience); status(answer) != "481" {
		t.Errorf("re-INVITE of an unknown call: %s", answer)
	}
	if got := h.Stats().Answered; got != 0 {
		t.Errorf("%d calls came of it", got)
	}
}

func TestRepeatedInviteIsOneCall(t *testing.T) {
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	r := h.raw()
	invite := r.fill(withSDP(inviteHead, offer))
	for range 5 {
		r.send(invite)
	}
	if answer := r.answer("", patience); status(answer) != "200" {
		t.Fatalf("%s", answer)
	}
	c := receive(t, "the call", calls)
	// The same call by another way through a proxy: RFC 3261 §8.2.2.2.
	r.send(strings.Replace(invite, "branch=z9hG4bK", "branch=z9hG4bKother", 1))
	if answer := r.answer("z9hG4bKother", patience); status(answer) != "482" {
		t.Errorf("merged request: %s", answer)
	}
	if got := h.Stats(); got.Calls != 1 || got.Answered != 1 {
		t.Errorf("stats %+v, want one call", got)
	}
	_ = c
}

func TestRepeatedAnswerFollowsTheStandard(t *testing.T) {
	const t1 = 50 * time.Millisecond
	h := serve(t, "127.0.0.1", answering, func(cfg *trunk.Config) { cfg.Hurry(t1) })
	r := h.raw()
	sent := time.Now()
	r.send(r.fill(withSDP(inviteHead, offer)))
	least := time.Duration(0) // T1, 2·T1, 4·T1 … (RFC 3261 §13.3.1.4); a machine that stands still only makes it more
	for n := range 5 {
		if answer := r.answer("CSeq: 1 INVITE", patience); status(answer) != "200" {
			t.Fatalf("answer %d: %s", n, answer)
		}
		if after := time.Since(sent); after < least {
			t.Errorf("repetition %d came after %v, want %v at least", n, after, least)
		} else if after > 4*least+10*time.Second {
			t.Errorf("repetition %d came only after %v, want about %v", n, after, least)
		}
		least += t1 << n
	}
}

// An early CANCEL that overtakes its INVITE still cancels.
func TestCancelBeforeItsInvite(t *testing.T) {
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	r := h.raw()
	invite := r.fill(withSDP(inviteHead, offer))
	head, _, _ := strings.Cut(invite, "Contact:")
	r.send(strings.ReplaceAll(head, "INVITE", "CANCEL") + "\r\n")
	if answer := r.answer("CSeq: 1 CANCEL", patience); status(answer) != "481" {
		t.Errorf("%s", answer)
	}
	r.send(invite)
	if answer := r.answer("CSeq: 1 INVITE", patience); status(answer) != "487" {
		t.Errorf("%s", answer)
	}
	select {
	case <-calls:
		t.Error("the call was answered")
	default:
	}
}

func TestLongRouteSetIsKept(t *testing.T) {
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	r := h.raw()
	var routes strings.Builder
	for i := range 30 {
		fmt.Fprintf(&routes, "Record-Route: <sip:proxy%d-with-a-long-name-%s@{me};lr;ftag=abc>\n", i, strings.Repeat("x", 40))
	}
	r.send(r.fill(withSDP(strings.Replace(inviteHead, "Contact: <sip:123@{me}>", "Contact: <sip:123@192.0.2.7:5999>", 1)+routes.String(), offer)))
	answer := r.answer("CSeq: 1 INVITE", patience)
	if status(answer) != "200" || strings.Count(answer, "Record-Route:") != 30 || len(answer) < 1500 {
		t.Fatalf("%d bytes: %s", len(answer), answer)
	}
	tag := r.confirm(answer, "")
	c := receive(t, "the call", calls)
	go c.Hangup(call.Cause{By: call.BySystem, Reason: "test"})
	text := r.expectBye()
	if !strings.HasPrefix(text, "BYE sip:123@192.0.2.7:5999 SIP/2.0\r\n") {
		t.Errorf("the BYE does not name the caller's contact: %.80s", text)
	}
	first := strings.Index(text, "Route: <sip:proxy0-")
	if first < 0 || first > strings.Index(text, "Route: <sip:proxy29-") || strings.Count(text, "\nRoute:") != 30 {
		t.Errorf("the route set is wrong: %s", text)
	}
	if !strings.Contains(text, "From: <sip:100@127.0.0.1>;tag="+tag) || !strings.Contains(text, "To: <sip:123@127.0.0.1>;tag=a") {
		t.Errorf("the dialog is wrong: %s", text)
	}
}

// An ACK that owes the answer to our offer and brings none, or one that cannot
// be used, ends the call with a BYE.
func TestLateOfferWithoutAnswer(t *testing.T) {
	for name, body := range map[string]string{"none": "", "another codec": strings.Replace(offer, "AVP 0", "AVP 18", 1)} {
		t.Run(name, func(t *testing.T) {
			answered := make(chan error, 1)
			h := serve(t, "127.0.0.1", func(ctx context.Context, c *trunk.Call) {
				answered <- c.Answer()
				if cause := call.CauseOf(ctx); cause.By != call.ByNetwork || cause.Code != 488 {
					t.Errorf("cause %+v", cause)
				}
			})
			r := h.raw()
			r.send(r.fill(inviteHead + "\n"))
			answer := r.answer("CSeq: 1 INVITE", patience)
			if status(answer) != "200" || !strings.Contains(answer, "RTP/AVP 0 8 101\r\n") {
				t.Fatalf("%s", answer)
			}
			r.confirm(answer, body)
			if err := receive(t, "the failure", answered); !errors.Is(err, trunk.ErrOver) {
				t.Errorf("Answer: %v", err)
			}
			r.expectBye()
		})
	}
}

func TestPeersOnly(t *testing.T) {
	h := serve(t, "127.0.0.1", answering, func(cfg *trunk.Config) {
		cfg.Peers = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	})
	r := h.raw()
	r.send(r.fill(optionsMessage))
	if answer := r.answer("", 200*time.Millisecond); answer != "" {
		t.Errorf("a stranger got an answer: %s", answer)
	}
	if got := h.Stats().Dropped; got != 1 {
		t.Errorf("%d dropped, want 1", got)
	}
	p := h.dial(limit(t), func(cfg *phone.Config) { cfg.Local = netip.MustParseAddr("127.0.0.2") })
	p.Hangup()
}

// Sound from an address that is not the caller's is neither heard nor answered.
func TestForeignSoundIsDropped(t *testing.T) {
	ctx := limit(t)
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	p := h.dial(ctx)
	p.SayLoop(audio.Tone(1000, time.Second, -10))
	c := receive(t, "the call", calls)
	c.Audio().Music(audio.Tone(440, time.Second, -10))
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Fatal(err)
	}
	stranger, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)}, net.UDPAddrFromAddrPort(p.FarRTP()))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	injected := make(chan struct{})
	go func() {
		defer close(injected)
		tone := audio.Tone(2000, time.Second, 0).MuLaw()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := range 40 {
			packet := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i * 160), SSRC: 7}, Payload: tone[i*160 : (i+1)*160]}
			if i%4 == 0 {
				packet.PayloadType, packet.Payload = 101, []byte{9, 0x8a, 3, 32}
			}
			b, _ := packet.Marshal()
			_, _ = stranger.Write(b)
			<-tick.C
		}
	}()
	clip, _, err := c.Audio().Record(ctx, 700*time.Millisecond, "")
	if err != nil {
		t.Fatal(err)
	}
	<-injected
	level, own := audio.ToneLevel(clip.PCM(), 2000), share(clip, 1000)
	if level > 0.01 || own < 0.5 {
		t.Errorf("the stranger is heard with %.2f, the caller with %.2f", level, own)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if key, err := c.Audio().Key(short); err == nil {
		t.Errorf("the stranger pressed %q", key)
	}
	_ = stranger.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := stranger.Read(make([]byte, 2000)); err == nil {
		t.Errorf("the stranger was sent %d bytes", n)
	}
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Errorf("the caller lost the sound: %v", err)
	}
	proof.Note(t, proof.Result{Promise: "strangers", Figure: fmt.Sprintf("40 packets of a stranger at the caller's own port: %.0f %% of what is heard is theirs, no key of theirs counts, nothing is sent to them", 100*level),
		Control: fmt.Sprintf("what the caller says meanwhile is %.0f %% of it", 100*own)})
}

func TestOfferWithOtherLines(t *testing.T) {
	handle, calls := handing()
	h := serve(t, "127.0.0.1", handle)
	r := h.raw()
	body := `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
b=RTPPROP:9
t=3034423619 3042462419
m=video 5000 RTP/AVP 31
m=image 5002 udptl t38
m=audio 40000 RTP/AVP 18 8 96 0
c=IN IP4 127.0.0.1
a=rtpmap:96 telephone-event/8000
a=ptime:20
m=audio 40002 RTP/AVP 0
c=IN IP4 127.0.0.1
`
	mixed := "--x\nContent-Type: application/isup\n\nabc\n--x\nContent-Type: application/sdp\n\n" + body + "\n--x--\n"
	r.send(r.fill(inviteHead + "Content-Type: multipart/mixed;boundary=x\n\n" + mixed))
	answer := r.answer("", patience)
	for _, line := range []string{"t=3034423619 3042462419", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38", "RTP/AVP 8 96", "a=rtpmap:8 PCMA/8000",
		"a=rtpmap:96 telephone-event/8000", "a=fmtp:96 0-15", "a=sendrecv", "m=audio 0 RTP/AVP 0"} {
		if !strings.Contains(answer, line+"\r\n") {
			t.Errorf("the answer lacks %q", line)
		}
	}
	if t.Failed() {
		t.Log(answer)
	}
	if got := receive(t, "the call", calls).Audio().Law(); got != audio.ALaw {
		t.Errorf("law %v", got)
	}
}

func TestManySourcesDoNotStay(t *testing.T) {
	ctx := limit(t)
	h := serve(t, "127.0.0.1", answering)
	p := h.dial(ctx)
	message := []byte("garbage SIP/2.0\r\n\r\n")
	r := h.raw()
	for i := range 10_100 {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 1, byte(i>>8), byte(i))}, net.UDPAddrFromAddrPort(h.addr))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(message)
		conn.Close()
		if i%100 == 0 && !r.alive() {
			t.Fatalf("after %d addresses the trunk is deaf", i)
		}
	}
	if err := p.WaitTone(ctx, 440); err != nil {
		t.Error(err)
	}
	if !strings.Contains(h.log.String(), "read anew") {
		t.Error("the addresses were not forgotten")
	}
	if n := strings.Count(h.log.String(), "sip library"); n == 0 || n > 20 {
		t.Errorf("%d log lines of garbage", n)
	}
	var refused *phone.RefusedError
	if _, err := phone.Dial(ctx, h.phone(func(cfg *phone.Config) { cfg.To = "999" })); !errors.As(err, &refused) {
		t.Error(err)
	}
}
