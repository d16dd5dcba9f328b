package trunk

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"

	"hotline/appliance/audio"
)

var (
	v4 = netip.MustParseAddr("192.0.2.1")
	v6 = netip.MustParseAddr("2001:db8::1")
)

func lf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

const head4 = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n"

func TestReadSession(t *testing.T) {
	mu := session{law: audio.MuLaw}
	for _, tc := range []struct {
		name, body     string
		source, family netip.Addr
		running        *session
		want           session
		err            error
	}{
		{name: "static types without rtpmap", body: head4 + "m=audio 4000 RTP/AVP 8 0\n",
			want: session{remote: netip.MustParseAddrPort("192.0.2.9:4000"), law: audio.ALaw, direction: sendrecv}},
		{name: "only the law of the running call", running: &mu, body: head4 + "m=audio 4000 RTP/AVP 8 0\n",
			want: session{remote: netip.MustParseAddrPort("192.0.2.9:4000"), direction: sendrecv}},
		{name: "keys at 8000 Hz, not the wideband ones", body: head4 + "m=audio 4000 RTP/AVP 9 0 100 97\na=rtpmap:100 telephone-event/16000\na=rtpmap:97 Telephone-Event/8000\n",
			want: session{remote: netip.MustParseAddrPort("192.0.2.9:4000"), dtmf: 97, direction: sendrecv}},
		{name: "address at the media line, packet time, direction for all", body: "v=0\no=- 1 1 IN IP4 x\ns=-\nt=0 0\na=sendonly\nm=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.10/127\na=ptime:30\n",
			want: session{remote: netip.MustParseAddrPort("192.0.2.10:4000"), ptime: 30 * time.Millisecond, direction: sendonly, held: true}},
		{name: "direction of the line counts more", body: head4 + "a=inactive\nm=audio 4000 RTP/AVP 0\na=recvonly\n",
			want: session{remote: netip.MustParseAddrPort("192.0.2.9:4000"), direction: recvonly}},
		{name: "hold of old", body: strings.ReplaceAll(head4, "c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0") + "m=audio 4000 RTP/AVP 0\n",
			want: session{direction: sendonly, held: true}},
		{name: "IPv6", family: v6, body: strings.ReplaceAll(head4, "IN IP4 192.0.2.9", "IN IP6 2001:db8::9") + "m=audio 4000 RTP/AVP 0\n",
			want: session{remote: netip.MustParseAddrPort("[2001:db8::9]:4000"), direction: sendrecv}},
		{name: "host name", source: netip.MustParseAddr("192.0.2.77"), body: strings.ReplaceAll(head4, "c=IN IP4 192.0.2.9", "c=IN IP4 pbx.example") + "m=audio 4000 RTP/AVP 0\n",
			want: session{remote: netip.MustParseAddrPort("192.0.2.77:4000"), direction: sendrecv}},
		{name: "phone behind a router", source: netip.MustParseAddr("203.0.113.5"), body: strings.ReplaceAll(head4, "192.0.2.9", "192.168.1.20") + "m=audio 4000 RTP/AVP 0\n",
			want: session{remote: netip.MustParseAddrPort("203.0.113.5:4000"), direction: sendrecv}},
		{name: "a local trunk of private addresses", source: netip.MustParseAddr("192.168.1.2"), body: strings.ReplaceAll(head4, "192.0.2.9", "192.168.1.20") + "m=audio 4000 RTP/AVP 0\n",
			want: session{remote: netip.MustParseAddrPort("192.168.1.20:4000"), direction: sendrecv}},
		{name: "second audio line is the usable one", body: head4 + "m=audio 3000 RTP/SAVP 0\nm=audio 4000 RTP/AVP 0\n",
			want: session{chosen: 1, remote: netip.MustParseAddrPort("192.0.2.9:4000"), direction: sendrecv}},
		{name: "nothing", body: "", err: errBadSDP},
		{name: "payload type 0 renamed", body: head4 + "m=audio 4000 RTP/AVP 0\na=rtpmap:0 G729/8000\n", err: errNoCommon},
		{name: "switched off", body: head4 + "m=audio 0 RTP/AVP 0\n", err: errNoCommon},
		{name: "no line at all", body: head4, err: errBadSDP},
		{name: "no address", body: "v=0\no=- 1 1 IN IP4 x\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 0\n", err: errBadSDP},
		{name: "multicast", body: strings.ReplaceAll(head4, "192.0.2.9", "224.0.0.9") + "m=audio 4000 RTP/AVP 0\n", err: errNoAddress},
		{name: "other family", family: v6, body: head4 + "m=audio 4000 RTP/AVP 0\n", err: errNoAddress},
		{name: "long noise", body: strings.Repeat("a", maxSDP+1), err: errBadSDP},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !tc.family.IsValid() {
				tc.family = v4
			}
			got, err := readSession(lf(tc.body), tc.source, tc.family, tc.running)
			if !errors.Is(err, tc.err) || (err == nil) != (got != nil) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err != nil {
				return
			}
			if tc.want.ptime == 0 {
				tc.want.ptime = audio.FrameDuration
			}
			if got.chosen != tc.want.chosen || got.remote != tc.want.remote || got.law != tc.want.law || got.dtmf != tc.want.dtmf ||
				got.ptime != tc.want.ptime || got.direction != tc.want.direction || got.held != tc.want.held {
				t.Errorf("got  %+v\nwant %+v", *got, tc.want)
			}
		})
	}
	if _, err := readSession([]byte(head4+"m=audio 4000 RTP/AVP 0"), v4, v4, nil); err != nil {
		t.Errorf("lines ended by LF, and the last by nothing: %v", err)
	}
}

func TestVersionGrowsWithChanges(t *testing.T) {
	ours := local{address: netip.MustParseAddrPort("192.0.2.1:16384"), id: 5, version: 1}
	read := func(attribute string) string {
		t.Helper()
		s, err := readSession(lf(head4+"m=audio 4000 RTP/AVP 0\n"+attribute), v4, v4, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ours.answer(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first, same, hold := read(""), read(""), read("a=sendonly\n")
	if first != same {
		t.Errorf("an equal answer differs:\n%s\n%s", first, same)
	}
	if !strings.Contains(first, "o=- 5 1 IN IP4 192.0.2.1\r\n") || !strings.Contains(hold, "o=- 5 2 IN IP4 192.0.2.1\r\n") {
		t.Errorf("versions:\n%s\n%s", first, hold)
	}
}

// Whatever is offered, the answer can be read, has as many lines as the offer
// (RFC 3264 §6) and names nothing but what was offered.
func FuzzAnswer(f *testing.F) {
	f.Add(lf(head4 + "m=audio 4000 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\na=sendonly\n"))
	f.Add(lf(head4 + "m=image 9 udptl t38\nm=audio 4000 RTP/AVPF 0\nc=IN IP4 0.0.0.0\nm=video 1 RTP/AVP 31\n"))
	f.Add(lf("v=0\no=- 1 1 IN IP6 ::1\ns=-\nc=IN IP6 ::1\nt=1 2\nr=1 2 3\nz=1 2\nm=audio 4000/2 RTP/AVP 0\na=ptime:30\na=maxptime:20\n"))
	f.Add(lf(head4 + "m=audio 4002 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + strings.Repeat("A", 40) + "|2^31\nm=audio 4000 RTP/AVP 0\n"))
	f.Add([]byte("v"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := readSession(body, v4, v4, nil)
		if err != nil {
			return
		}
		ours := local{address: netip.MustParseAddrPort("192.0.2.1:16384"), id: 5, version: 1}
		ours.seal(s.sealing)
		answer, err := ours.answer(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count("\n"+string(answer), "\nm="); got != len(s.lines) {
			t.Fatalf("%d lines offered, %d answered\n%q\n%q", len(s.lines), got, body, answer)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(answer), "\r\n"), "\r\n") {
			if len(line) < 3 || line[1] != '=' || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("line %q in the answer to %q", line, body)
			}
		}
		back, err := readSession(answer, v4, v4, nil)
		if err != nil || back.chosen != s.chosen || back.law != s.law || back.dtmf != s.dtmf || (back.sealing != nil) != (s.sealing != nil) {
			t.Fatalf("our answer cannot be read: %v\n%q\n%q", err, body, answer)
		}
		if allOurs(s.lines) {
			var d sdp.SessionDescription
			if err := d.Unmarshal(answer); err != nil {
				t.Fatalf("our answer is not understood: %v\n%q", err, answer)
			}
		}
	})
}

func allOurs(lines []mediaLine) bool {
	for _, l := range lines {
		if !l.ours() {
			return false
		}
	}
	return true
}
