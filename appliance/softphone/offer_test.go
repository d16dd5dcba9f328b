package softphone

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

// chromeOffer is the shape of what Chromium says about one microphone.
const chromeOffer = `v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS stream
m=audio 51413 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 192.168.7.20
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 0f2a-mdns-name.local 51413 typ host generation 0
a=ice-ufrag:Xb2/
a=ice-pwd:yJ0r5mFvQXkkXHBzkcDcWXfN
a=ice-options:trickle
a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:stream 0b2c
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=ssrc:3735928559 cname:hX4
`

func TestReadingAnOffer(t *testing.T) {
	o, err := readOffer(chromeOffer)
	if err != nil {
		t.Fatal(err)
	}
	if o.mid != "0" || o.ufrag != "Xb2/" || o.hash != "sha-256" || o.ssrc != 3735928559 {
		t.Errorf("read %+v", o)
	}
	again, err := readOffer(o.String())
	if err != nil || again != o {
		t.Errorf("what pion gets reads as %+v, %v", again, err)
	}
	if strings.Contains(o.String(), "candidate") {
		t.Error("an address named by the browser is passed on")
	}
}

func TestOffersThatCannotBeUsedAreRefusedWithAReason(t *testing.T) {
	for _, tc := range []struct{ name, old, new, why string }{
		{"empty", chromeOffer, "", "0 media sections"},
		{"rubbish", "v=0", "GET / HTTP/1.1", "not a session description"},
		{"too long", "a=msid-semantic: WMS stream", "a=x:" + strings.Repeat("x", maxOffer), "longer than"},
		{"video", "m=audio", "m=video", "no sound"},
		{"with video", "m=audio", "m=video 9 UDP/TLS/RTP/SAVPF 96\nm=audio", "2 media sections"},
		{"switched off", "m=audio 51413", "m=audio 0", "no sound"},
		{"plain RTP", "UDP/TLS/RTP/SAVPF", "RTP/AVP", "not encrypt"},
		{"no PCMU", "111 63 9 0 8 13", "111 63 9 8 13", "PCMU"},
		{"no microphone", "a=sendrecv", "a=recvonly", "microphone"},
		{"no password", "a=ice-pwd:yJ0r5mFvQXkkXHBzkcDcWXfN\n", "", "ICE"},
		{"password with a line feed", "yJ0r5mFvQXkkXHBzkcDcWXfN", "yJ0r5mFvQXkkXHBzkc\x00DcWXfN", "ICE"},
		{"short password", "yJ0r5mFvQXkkXHBzkcDcWXfN", "short", "ICE"},
		{"fingerprint too short", ":88:A2", "", "fingerprint"},
		{"weak fingerprint", "sha-256", "md5", "fingerprint"},
		{"not hexadecimal", "19:E2", "19:G2", "fingerprint"},
		{"two ports", "a=rtcp-mux\n", "", "second port"},
		{"no mid", "a=mid:0\n", "", "mid"},
		{"setup", "a=setup:actpass", "a=setup:holdconn", "setup"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(chromeOffer, tc.old) {
				t.Fatalf("the test changes nothing: %q", tc.old)
			}
			_, err := readOffer(strings.Replace(chromeOffer, tc.old, tc.new, 1))
			if err == nil || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("error %v, want one that says %q", err, tc.why)
			}
		})
	}
}

// FuzzOffer: whatever a page sends is refused with an error or becomes an
// offer that pion reads as exactly one audio section.
func FuzzOffer(f *testing.F) {
	f.Add(chromeOffer)
	f.Add(strings.ReplaceAll(chromeOffer, "\n", "\r\n"))
	f.Add("v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := readOffer(text)
		if err != nil {
			return
		}
		parsed, err := (&webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.String()}).Unmarshal()
		if err != nil || len(parsed.MediaDescriptions) != 1 {
			t.Fatalf("the rewritten offer is not one: %v\n%s", err, o)
		}
		if again, err := readOffer(o.String()); err != nil || again != o {
			t.Fatalf("the rewritten offer reads differently: %v", err)
		}
	})
}
