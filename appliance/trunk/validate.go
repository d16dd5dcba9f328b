package trunk

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// refusal is a request answered with an error, and what the answer carries
// besides the status.
type refusal struct {
	status  int
	headers []sip.Header
}

func refuse(status int, headers ...sip.Header) *refusal { return &refusal{status, headers} }

// allowed are the methods we act on.
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO"

// supported are the extensions we know: session timers (RFC 4028) and
// confirmed 18x answers (RFC 3262).
const supported = "timer, 100rel"

func isAllowed(m sip.RequestMethod) bool {
	switch m {
	case sip.INVITE, sip.ACK, sip.CANCEL, sip.BYE, sip.OPTIONS, sip.UPDATE, sip.PRACK, sip.INFO, sip.REGISTER:
		return true
	}
	return false
}

// Limits on what one request may carry.
const (
	maxHeaders   = 200
	maxTokenSize = 512 // Call-ID, tags, branch: kept for the length of the call
	maxParts     = 8
)

// singletons are the headers that may appear once (RFC 3261 §7.3.1, §20).
var singletons = map[string]bool{
	"from": true, "f": true, "to": true, "t": true, "call-id": true, "i": true, "cseq": true,
	"max-forwards": true, "content-length": true, "l": true, "content-type": true, "c": true,
}

// check is the inspection of RFC 3261 §8.2, in its order. The parser let the
// request through; what parses may still be wrong.
func check(r *sip.Request) *refusal {
	if r.SipVersion != "SIP/2.0" {
		return refuse(505)
	}
	if refused := checkHeaders(r); refused != nil {
		return refused
	}
	switch r.Recipient.Scheme {
	case "sip", "tel":
	case "sips": // asks for TLS all the way (RFC 5630 §3.3)
		if r.Transport() != "TLS" {
			return refuse(416)
		}
	default:
		return refuse(416)
	}
	if !isAllowed(r.Method) {
		return refuse(405, sip.NewHeader("Allow", allowed))
	}
	return checkRequire(r)
}

func checkHeaders(r *sip.Request) *refusal {
	headers := r.Headers()
	if len(headers) > maxHeaders {
		return refuse(400)
	}
	seen := make(map[string]bool, len(singletons))
	for _, h := range headers {
		name := sip.HeaderToLower(h.Name())
		if len(name) == 1 {
			name = longName(name)
		}
		if name == "" || strings.ContainsAny(name, " \t\"") {
			return refuse(400)
		}
		if singletons[name] {
			if seen[name] {
				return refuse(400)
			}
			seen[name] = true
		}
	}
	via, from, to, id, seq := r.Via(), r.From(), r.To(), r.CallID(), r.CSeq()
	if via == nil || from == nil || to == nil || id == nil || seq == nil {
		return refuse(400)
	}
	branch, _ := via.Params.Get("branch")
	fromTag, hasTag := from.Params.Get("tag")
	toTag, _ := to.Params.Get("tag")
	switch {
	case via.Host == "" || !strings.EqualFold(via.ProtocolName, "SIP") || via.ProtocolVersion != "2.0",
		!hasTag || fromTag == "", // RFC 3261 §8.1.1.3; RFC 2543 clients without one are gone
		seq.MethodName != r.Method,
		len(branch) > maxTokenSize || len(fromTag) > maxTokenSize || len(toTag) > maxTokenSize || len(id.Value()) > maxTokenSize,
		strings.ContainsAny(id.Value(), " \t"):
		return refuse(400)
	}
	if hops := r.GetHeader("max-forwards"); hops != nil && r.MaxForwards() == nil {
		return refuse(400)
	}
	if r.Method == sip.INVITE {
		contact := r.Contact()
		if contact == nil || len(r.GetHeaders("contact")) != 1 || contact.Address.Wildcard || contact.Address.Host == "" ||
			(contact.Address.Scheme != "sip" && contact.Address.Scheme != "sips") {
			return refuse(400) // RFC 3261 §8.1.1.8: exactly one SIP URI
		}
	}
	return nil
}

func longName(compact string) string {
	switch compact {
	case "f":
		return "from"
	case "t":
		return "to"
	case "i":
		return "call-id"
	case "l":
		return "content-length"
	case "c":
		return "content-type"
	}
	return compact
}

// checkRequire refuses extensions that we do not know (RFC 3261 §8.2.2.3). An
// ACK or CANCEL cannot be refused for one.
func checkRequire(r *sip.Request) *refusal {
	if r.Method == sip.ACK || r.Method == sip.CANCEL {
		return nil
	}
	var unknown []string
	for _, h := range r.GetHeaders("require") {
		for option := range strings.SplitSeq(h.Value(), ",") {
			switch option = strings.TrimSpace(option); {
			case option == "", strings.EqualFold(option, "timer"), strings.EqualFold(option, "100rel"):
			case len(unknown) < 10:
				unknown = append(unknown, option)
			}
		}
	}
	if unknown == nil {
		return nil
	}
	return refuse(420, sip.NewHeader("Unsupported", strings.Join(unknown, ", ")))
}

// bodied is a request or an answer.
type bodied interface {
	Body() []byte
	ContentType() *sip.ContentTypeHeader
	GetHeader(name string) sip.Header
}

// description is the session description that a message carries, nil when it
// has no body.
func description(r bodied) ([]byte, *refusal) {
	body := r.Body()
	if len(body) == 0 {
		return nil, nil
	}
	unsupported := refuse(415, sip.NewHeader("Accept", "application/sdp"), sip.NewHeader("Accept-Encoding", "identity"))
	if len(body) > maxSDP {
		return nil, refuse(413)
	}
	for _, name := range []string{"content-encoding", "e"} {
		if h := r.GetHeader(name); h != nil && !strings.EqualFold(strings.TrimSpace(h.Value()), "identity") {
			return nil, unsupported
		}
	}
	if r.ContentType() == nil {
		return nil, refuse(400) // RFC 3261 §20.15: must be there with a body
	}
	kind, params, err := mime.ParseMediaType(r.ContentType().Value())
	if err != nil {
		return nil, unsupported
	}
	switch kind {
	case "application/sdp":
		return body, nil
	case "multipart/mixed":
		part, err := sdpPart(body, params["boundary"])
		if err != nil {
			return nil, refuse(400)
		}
		if part == nil {
			return nil, unsupported
		}
		return part, nil
	}
	return nil, unsupported
}

// sdpPart finds the session description among the parts of a multipart body
// (RFC 5621), some carriers put ISUP or location beside it. One level only.
func sdpPart(body []byte, boundary string) ([]byte, error) {
	if boundary == "" {
		return nil, errors.New("no boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err == nil && kind == "application/sdp" {
			return io.ReadAll(io.LimitReader(part, maxSDP))
		}
	}
	return nil, errors.New("too many parts")
}
