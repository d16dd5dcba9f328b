// Package call holds the few words that every floor shares about a phone
// call: a number that hides itself in logs, and why a leg ended. It knows
// nothing of SIP, WebRTC, RTP, queues or people.
package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Number is a telephone number, in E.164 form where it could be read as one
// and as it was sent otherwise. Printing or logging it shows a masked form;
// string(n) is the clear text.
type Number string

// ParseNumber reads a number in any notation. Region is the ISO 3166 country
// of numbers without a country code. What cannot be read as a telephone number
// is kept as sent, trimmed; anonymous forms (RFC 3323) become the empty Number.
func ParseNumber(raw, region string) Number {
	raw = strings.TrimSpace(raw)
	switch strings.ToLower(raw) {
	case "", "anonymous", "unknown", "unavailable", "restricted", "private":
		return ""
	}
	candidate := raw
	if strings.HasPrefix(candidate, "00") {
		candidate = "+" + candidate[2:]
	}
	if parsed, err := phonenumbers.Parse(candidate, region); err == nil && phonenumbers.IsValidNumber(parsed) {
		return Number(phonenumbers.Format(parsed, phonenumbers.E164))
	}
	return Number(raw)
}

// Withheld reports that the caller's number is not known.
func (n Number) Withheld() bool { return n == "" }

// E164 reports whether the number is a full international one.
func (n Number) E164() bool { return len(n) > 7 && n[0] == '+' }

// String is the masked form: enough to recognise, too little to call.
func (n Number) String() string {
	runes := []rune(string(n))
	if len(runes) == 0 {
		return "withheld"
	}
	if len(runes) < 6 {
		return strings.Repeat("*", len(runes))
	}
	return string(runes[:2]) + strings.Repeat("*", len(runes)-4) + string(runes[len(runes)-2:])
}

// GoString keeps %#v from printing the clear number.
func (n Number) GoString() string { return fmt.Sprintf("call.Number(%q)", n.String()) }

// LogValue implements slog.LogValuer.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }

// By says on whose side a leg or contact ended.
type By string

// Who ended it.
const (
	ByCaller  By = "caller"
	ByAgent   By = "agent"
	BySystem  By = "system"
	ByNetwork By = "network"
)

// Cause is why a leg ended: who, a short reason in words, and the SIP status
// or Q.850 code where one was given (0 otherwise). It travels as the
// cancellation cause of the leg's context.
type Cause struct {
	By     By
	Reason string
	Code   int
}

func (c Cause) Error() string {
	if c.Code != 0 {
		return fmt.Sprintf("ended by %s: %s (%d)", c.By, c.Reason, c.Code)
	}
	return fmt.Sprintf("ended by %s: %s", c.By, c.Reason)
}

// CauseOf is the cause with which ctx ended. A context that ended without one
// was ended by the system; the zero Cause means that it has not ended.
func CauseOf(ctx context.Context) Cause {
	err := context.Cause(ctx)
	if err == nil {
		return Cause{}
	}
	var cause Cause
	if errors.As(err, &cause) {
		return cause
	}
	return Cause{By: BySystem, Reason: err.Error()}
}
