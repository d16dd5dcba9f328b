package trunk

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"hotline/appliance/call"
)

// reason is what the Reason headers of a message say (RFC 3326): why the far
// end does what it does. 0 where it does not say.
type reason struct {
	q850 int // ITU-T Q.850, as the telephone network has it
	sip  int
}

func reasonOf(m sip.Message) reason {
	var why reason
	for _, h := range m.GetHeaders("reason") {
		for value := range splitList(h.Value()) {
			protocol, params, _ := strings.Cut(value, ";")
			code := 0
			for param := range strings.SplitSeq(params, ";") {
				if name, text, ok := strings.Cut(param, "="); ok && strings.EqualFold(strings.TrimSpace(name), "cause") {
					code, _ = strconv.Atoi(strings.TrimSpace(text))
				}
			}
			switch protocol = strings.TrimSpace(protocol); {
			case strings.EqualFold(protocol, "Q.850") && code > 0 && code < 128:
				why.q850 = code
			case strings.EqualFold(protocol, "SIP") && code >= 100 && code < 700:
				why.sip = code
			}
		}
	}
	return why
}

// networkFaults are the Q.850 causes of a call that nobody meant to end.
var networkFaults = map[int]string{
	27: "the caller's line went out of order",
	34: "the telephone network has no line free",
	38: "the telephone network is out of order",
	39: "the telephone network lost the connection",
	40: "the telephone network lost the connection",
	41: "a passing fault in the telephone network",
	42: "the telephone network is overloaded",
	43: "a fault in the telephone network",
	44: "the telephone network has no line free",
	47: "the telephone network has nothing free for the call",
	58: "the telephone network has nothing free for the call",
	63: "a fault in the telephone network",
	86: "the telephone network lost the call",
	95: "a fault in the telephone network", 96: "a fault in the telephone network", 97: "a fault in the telephone network",
	98: "a fault in the telephone network", 99: "a fault in the telephone network", 100: "a fault in the telephone network",
	101: "a fault in the telephone network", 102: "the telephone network waited too long", 111: "a fault in the telephone network",
}

// ending is the cause of a call that the far end ends with m. A call that the
// network dropped is told from one that the caller hung up on: the first
// caller did not want to go.
func ending(m sip.Message, otherwise call.Cause) call.Cause {
	why := reasonOf(m)
	switch {
	case networkFaults[why.q850] != "":
		return call.Cause{By: call.ByNetwork, Reason: networkFaults[why.q850], Code: why.q850}
	case why.sip == 408 || why.sip >= 500 && why.sip < 600:
		return call.Cause{By: call.ByNetwork, Reason: "the caller's side lost the call", Code: why.sip}
	case why.sip == 200 && otherwise.Code == 487: // RFC 3326 §3.1: a forked call
		return call.Cause{By: otherwise.By, Reason: "was answered elsewhere", Code: otherwise.Code}
	case why.q850 != 0 && otherwise.Code == 0:
		otherwise.Code = why.q850
	}
	return otherwise
}

// q850Of is the Q.850 cause for an ending of ours, after RFC 3398 §8.2.6.1.
func q850Of(cause call.Cause) int {
	switch code := cause.Code; {
	case code > 0 && code < 128:
		return code
	case code == 0 && cause.By == call.ByNetwork:
		return 41
	case code == 0:
		return 16
	default:
		return q850OfStatus(code)
	}
}

func q850OfStatus(status int) int {
	switch status {
	case 404, 604:
		return 1
	case 410:
		return 22
	case 401, 402, 403, 407, 603:
		return 21
	case 408, 504:
		return 102
	case 480:
		return 18
	case 484:
		return 28
	case 486, 600:
		return 17
	case 487:
		return 16
	case 488, 606:
		return 65
	case 500, 503:
		return 41
	case 502:
		return 38
	}
	return 127
}

var q850Words = map[int]string{
	1: "Unallocated number", 16: "Normal call clearing", 17: "User busy", 18: "No user responding", 21: "Call rejected",
	22: "Number changed", 28: "Invalid number format", 38: "Network out of order", 41: "Temporary failure",
	65: "Bearer capability not implemented", 102: "Recovery on timer expiry", 127: "Interworking, unspecified",
}

// reasonHeader tells the telephone network why we end a call (RFC 6432). Never
// in our own words: those may name people.
func reasonHeader(cause call.Cause) sip.Header {
	code := q850Of(cause)
	value := fmt.Sprintf("Q.850;cause=%d", code)
	if text := q850Words[code]; text != "" {
		value += fmt.Sprintf(";text=%q", text)
	}
	return sip.NewHeader("Reason", value)
}
