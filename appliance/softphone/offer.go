package softphone

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// maxOffer is several times what any browser says about one audio track.
const maxOffer = 16 << 10

// BadOffer says why a browser's offer cannot be answered.
type BadOffer struct{ Why string }

func (e *BadOffer) Error() string {
	return "the browser's audio offer cannot be used: " + e.Why
}

func bad(format string, args ...any) (offer, error) {
	return offer{}, &BadOffer{Why: fmt.Sprintf(format, args...)}
}

// offer is all we need to know of a browser's offer. Candidates are not among
// it: an ICE-lite agent answers whoever proves to know the password, and never
// sends to an address that a page has merely named.
type offer struct {
	mid         string
	ufrag, pwd  string
	hash, print string
	setup       string
	ssrc        uint32 // 0: not named
}

// String is the offer that pion gets to see (RFC 8866, RFC 8839, RFC 8842).
func (o offer) String() string {
	lines := []string{
		"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0",
		"a=group:BUNDLE " + o.mid,
		"m=audio 9 UDP/TLS/RTP/SAVPF 0", "c=IN IP4 0.0.0.0",
		"a=ice-ufrag:" + o.ufrag, "a=ice-pwd:" + o.pwd,
		"a=fingerprint:" + o.hash + " " + o.print, "a=setup:" + o.setup,
		"a=mid:" + o.mid, "a=sendrecv", "a=rtcp-mux", "a=rtpmap:0 PCMU/8000",
		"a=msid:browser microphone",
	}
	if o.ssrc != 0 {
		lines = append(lines, fmt.Sprintf("a=ssrc:%d cname:browser", o.ssrc))
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// readOffer reads and checks an offer.
func readOffer(text string) (o offer, err error) {
	if len(text) > maxOffer {
		return bad("it is longer than %d kB", maxOffer>>10)
	}
	var session sdp.SessionDescription
	if err := session.UnmarshalString(text); err != nil {
		return bad("it is not a session description")
	}
	if n := len(session.MediaDescriptions); n != 1 {
		return bad("it has %d media sections, a telephone needs one", n)
	}
	m := session.MediaDescriptions[0]
	if m.MediaName.Media != "audio" || m.MediaName.Port.Value == 0 {
		return bad("it offers no sound")
	}
	if !slices.Contains(m.MediaName.Protos, "TLS") || !slices.Contains(m.MediaName.Protos, "SAVPF") {
		return bad("it does not encrypt the sound")
	}
	if !slices.Contains(m.MediaName.Formats, "0") {
		return bad("it does not offer the telephone encoding PCMU")
	}
	for _, direction := range []string{"recvonly", "sendonly", "inactive"} {
		if _, is := m.Attribute(direction); is {
			return bad("its sound does not go both ways (%s); the page may lack a microphone", direction)
		}
	}
	if _, is := m.Attribute("rtcp-mux"); !is {
		return bad("it wants a second port for reports")
	}
	// An attribute of the session counts for the section (RFC 8839 §5.4, RFC
	// 8122 §5).
	attribute := func(name string) string {
		if v, ok := m.Attribute(name); ok {
			return v
		}
		v, _ := session.Attribute(name)
		return v
	}
	o.mid, o.ufrag, o.pwd, o.setup = attribute("mid"), attribute("ice-ufrag"), attribute("ice-pwd"), attribute("setup")
	switch {
	case !token(o.mid, 1, 32):
		return bad("its section has no usable name (mid)")
	case !iceChars(o.ufrag, 4) || !iceChars(o.pwd, 22):
		return bad("its ICE user name or password is missing or malformed")
	case !slices.Contains([]string{"actpass", "active"}, o.setup):
		return bad("it does not say who begins the encryption (setup)")
	}
	var ok bool
	if o.hash, o.print, ok = fingerprint(attribute("fingerprint")); !ok {
		return bad("its certificate fingerprint is missing or malformed")
	}
	o.ssrc = source(m)
	return o, nil
}

func only(s string, shortest, longest int, allowed func(byte) bool) bool {
	if len(s) < shortest || len(s) > longest {
		return false
	}
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func token(s string, shortest, longest int) bool {
	return only(s, shortest, longest, func(c byte) bool {
		return alphanumeric(c) || strings.IndexByte("-_.{}", c) >= 0
	})
}

// iceChars checks an ice-char sequence, RFC 8839 §5.4.
func iceChars(s string, shortest int) bool {
	return only(s, shortest, 256, func(c byte) bool { return alphanumeric(c) || c == '+' || c == '/' })
}

// fingerprint splits and checks "sha-256 AB:CD:…", RFC 8122 §5.
func fingerprint(s string) (hash, print string, ok bool) {
	hash, print, _ = strings.Cut(s, " ")
	hash = strings.ToLower(hash)
	length := map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}[hash]
	pairs := strings.Split(print, ":")
	if length == 0 || len(pairs) != length {
		return "", "", false
	}
	for _, pair := range pairs {
		if _, err := strconv.ParseUint(pair, 16, 8); err != nil || len(pair) != 2 {
			return "", "", false
		}
	}
	return hash, print, true
}

// source is the SSRC the browser will send with, if it says so (RFC 5576).
func source(m *sdp.MediaDescription) uint32 {
	for _, a := range m.Attributes {
		if a.Key != "ssrc" {
			continue
		}
		id, _, _ := strings.Cut(a.Value, " ")
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			return uint32(n)
		}
	}
	return 0
}
