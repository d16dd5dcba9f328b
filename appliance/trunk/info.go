package trunk

import (
	"mime"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// The two ways to send keys in an INFO (RFC 6086 calls them legacy usage).
// Both are older than any standard; what they look like is custom.
const (
	keyRelay = "application/dtmf-relay" // Signal=5 and Duration=160, a line each
	keyAlone = "application/dtmf"       // 5
)

const maxInfo = 1 << 10

// info answers an INFO. The key goes where keys in the sound go.
func (c *Call) info(m message) {
	if m.GetHeader("info-package") != nil {
		c.trunk.respond(m.tx, m.Request, refuse(469, sip.NewHeader("Recv-Info", ""))) // RFC 6086 §4.2.2
		return
	}
	key, refused := infoKey(m.Request)
	if refused != nil {
		c.trunk.respond(m.tx, m.Request, refused)
		return
	}
	_ = c.reply(m, 200)
	if key != 0 && c.sound != nil {
		c.sound.Press(key)
	}
}

// infoKey is the key that an INFO carries; 0 when it carries none, as some
// send to see whether we are there.
func infoKey(r *sip.Request) (byte, *refusal) {
	body := r.Body()
	if len(body) == 0 {
		return 0, nil
	}
	if len(body) > maxInfo {
		return 0, refuse(413)
	}
	if r.ContentType() == nil {
		return 0, refuse(400) // RFC 3261 §20.15: must be there with a body
	}
	kind, _, err := mime.ParseMediaType(r.ContentType().Value())
	if err != nil || kind != keyRelay && kind != keyAlone {
		return 0, refuse(415, sip.NewHeader("Accept", keyRelay+", "+keyAlone))
	}
	key, ok := readSignal(string(body))
	if !ok {
		return 0, refuse(400)
	}
	return key, nil
}

// readSignal finds the key in the body, in either form, whatever the type
// says: senders mix them up. The hook key is no key of ours and gives 0.
func readSignal(body string) (byte, bool) {
	value := strings.TrimSpace(body)
	if strings.ContainsAny(value, "=:\n") {
		found := false
		for line := range strings.SplitSeq(body, "\n") {
			name, rest, ok := strings.Cut(line, "=")
			if !ok {
				name, rest, ok = strings.Cut(line, ":")
			}
			if ok && strings.EqualFold(strings.TrimSpace(name), "signal") {
				value, found = strings.TrimSpace(rest), true
				break
			}
		}
		if !found {
			return 0, false
		}
	}
	switch value := strings.ToUpper(value); {
	case len(value) == 1 && strings.Contains("0123456789*#ABCD", value):
		return value[0], true
	case value == "!" || value == "FLASH" || value == "HF":
		return 0, true
	case len(value) == 2: // the event codes of RFC 4733 §3.2
		switch code, err := strconv.Atoi(value); {
		case err != nil || code < 10 || code > 16:
			return 0, false
		case code == 16:
			return 0, true
		default:
			return "*#ABCD"[code-10], true
		}
	}
	return 0, false
}
