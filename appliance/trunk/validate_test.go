package trunk

import (
	"io"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

const request = `INVITE sip:100@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx;rport
From: "A" <sip:+12024561111@192.0.2.9>;tag=a
To: <sip:100@192.0.2.1>
Call-ID: x
CSeq: 1 INVITE
Contact: <sip:x@192.0.2.9>
P-Asserted-Identity: <tel:+1>
Require: 100rel
Content-Type: multipart/mixed;boundary=b

--b
Content-Type: application/sdp

v=0
--b--
`

// What passes the inspection can be handled without looking twice, and what is
// answered has exactly the header lines that we mean.
func FuzzInspection(f *testing.F) {
	f.Add(lf(request))
	f.Add(lf(strings.Replace(request, "Require: 100rel\n", "", 1)))
	f.Add(lf("OPTIONS sip:a SIP/2.0\nv: SIP/2.0/UDP h\nf: a;tag=b\nt: b\ni: c\nCSeq: 1 OPTIONS\n\n"))
	f.Add(lf("ACK tel:1 SIP/2.0\n\n"))
	parser := sip.NewParser()
	trunk := &Trunk{}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		if !plausible(datagram) {
			return
		}
		message, err := parser.ParseSIP(datagram)
		if err != nil {
			return
		}
		r, ok := message.(*sip.Request)
		if !ok {
			return
		}
		r.SetSource("192.0.2.9:5060")
		refused := check(r)
		if refused == nil {
			caller(r, "US", true)
			calledUser(r.Recipient)
			inviteKey(r)
			branchKey(r)
			sourceOf(r)
			body, notRead := description(r)
			if notRead == nil && body != nil {
				_, _ = readSession(body, v4, v4, nil)
			}
			refused = refuse(481)
		}
		res := trunk.response(r, refused.status)
		for _, h := range refused.headers {
			res.AppendHeader(h)
		}
		var text strings.Builder
		res.StringWrite(&text)
		if !plausible([]byte(text.String())) {
			t.Fatalf("unsafe answer %q to %q", text.String(), datagram)
		}
		_, _ = io.WriteString(io.Discard, text.String())
	})
}

func TestPlausible(t *testing.T) {
	for datagram, want := range map[string]bool{
		"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\nbody\x00\nbody": true,
		"SIP/2.0 200 OK\r\n\r\n":                                true,
		"OPTIONS sip:a SIP/2.0\r\nVia: x\nEvil: y\r\n\r\n":      false,
		"OPTIONS sip:a SIP/2.0\r\nVia: x\rEvil: y\r\n\r\n":      false,
		"OPTIONS sip:a SIP/2.0\r\nVia: \x00\r\n\r\n":            false,
		"GET / HTTP/1.1\r\n\r\n":                                false,
		"":                                                      false,
	} {
		if got := plausible([]byte(datagram)); got != want {
			t.Errorf("plausible(%q) = %v", datagram, got)
		}
	}
}

func TestClean(t *testing.T) {
	for dirty, want := range map[string]string{
		"Ana\r\nEvil: 1":              "AnaEvil: 1",
		"\u202eabc\u2066":             "abc",
		"می\u200cخواهم":               "می\u200cخواهم",
		strings.Repeat("x", 100):      strings.Repeat("x", maxName),
		"broken \xff utf8 \u0007bell": "broken  utf8 bell",
	} {
		if got := clean(dirty); got != want {
			t.Errorf("clean(%q) = %q, want %q", dirty, got, want)
		}
	}
}
