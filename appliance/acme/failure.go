package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	protocol "golang.org/x/crypto/acme"

	"hotline/appliance/egress"
)

// FailureCode says why a try ended: a text of the pages, with one that says what
// to do.
type FailureCode string

// Why there is no certificate. Those with dns are about the record.
const (
	FailedOffline   FailureCode = "offline"   // the authority cannot be reached
	FailedPrivate   FailureCode = "private"   // in a private network that was not chosen
	FailedUntrusted FailureCode = "untrusted" // the certificate of the authority's own pages
	FailedClock     FailureCode = "clock"     // of this machine
	FailedForeign   FailureCode = "foreign"   // what answers is no authority
	FailedDown      FailureCode = "down"      // the authority has trouble of its own
	FailedAccount   FailureCode = "account"   // no account
	FailedLimited   FailureCode = "limited"   // asked too often
	FailedTries     FailureCode = "tries"     // we would ask too often
	FailedName      FailureCode = "name"      // not one that it vouches for
	FailedCAA       FailureCode = "caa"       // the owner of the name allows others only (RFC 8659)
	FailedProof     FailureCode = "proof"     // it did not find the record
	FailedSaid      FailureCode = "said"      // anything else that it says
	FailedHere      FailureCode = "here"      // at us

	FailedServer    FailureCode = "dns.server"    // the server of the names cannot be reached
	FailedKey       FailureCode = "dns.key"       // it does not know the key, or has another
	FailedTime      FailureCode = "dns.clock"     // its clock and ours differ
	FailedRefused   FailureCode = "dns.refused"   // the key may not do this
	FailedZone      FailureCode = "dns.zone"      // it does not know the name
	FailedToken     FailureCode = "dns.token"     // the token is not taken
	FailedTokenZone FailureCode = "dns.missing"   // the name is none that the token may change
	FailedOften     FailureCode = "dns.limited"   // it was asked too often
	FailedRecord    FailureCode = "dns.said"      // anything else
	FailedInvisible FailureCode = "dns.invisible" // the record was set and is not to be seen
)

// Failures are all codes, for texts.
func Failures() []FailureCode {
	return []FailureCode{FailedOffline, FailedPrivate, FailedUntrusted, FailedClock, FailedForeign, FailedDown, FailedAccount, FailedLimited, FailedTries, FailedName, FailedCAA,
		FailedProof, FailedSaid, FailedHere, FailedServer, FailedKey, FailedTime, FailedRefused, FailedZone, FailedToken, FailedTokenZone, FailedOften, FailedRecord, FailedInvisible}
}

// Failure is why a try ended.
type Failure struct {
	Code   FailureCode   `json:"code"`
	Values []string      `json:"values,omitempty"` // for the texts: name, value, name, value …
	Detail string        `json:"detail,omitempty"` // what the other machine said, in its words
	After  time.Duration `json:"after,omitempty"`  // how long it wants to be left alone
}

func (f *Failure) Error() string {
	return fmt.Sprintf("no certificate (%s %s): %s", f.Code, strings.Join(f.Values, " "), f.Detail)
}

// reached says whether the authority was bothered.
func (f *Failure) reached() bool {
	switch f.Code {
	case FailedOffline, FailedPrivate, FailedUntrusted, FailedClock, FailedHere:
		return false
	}
	return true
}

// mostDetail bounds the words of others.
const mostDetail = 400

func shortened(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > mostDetail {
		return string(r[:mostDetail]) + "…"
	}
	return text
}

// failureOf says in our words why a try ended; nil when it went well.
func failureOf(err error, s Settings) *Failure {
	if err == nil {
		return nil
	}
	var known *Failure
	if errors.As(err, &known) {
		known.Detail = shortened(known.Detail)
		return known
	}
	f := reason(err)
	f.Values = append(f.Values, "host", s.host())
	f.Detail = shortened(f.Detail)
	return f
}

// reason reads the answers of an authority, and why there was none.
func reason(err error) *Failure {
	var proof *protocol.AuthorizationError
	var order *protocol.OrderError
	var said *protocol.Error
	if errors.As(err, &proof) {
		f := &Failure{Code: FailedProof, Values: []string{"name", proof.Identifier}, Detail: err.Error()}
		for _, e := range proof.Errors {
			if errors.As(e, &said) {
				f.Detail = said.Detail
				if strings.HasSuffix(said.ProblemType, ":caa") {
					f.Code = FailedCAA
				}
			}
		}
		return f
	}
	if errors.As(err, &order) && order.Problem != nil {
		return problem(order.Problem)
	}
	if errors.As(err, &said) {
		return problem(said)
	}
	if f := unheard(err, FailedOffline); f != nil {
		return f
	}
	if order != nil {
		return &Failure{Code: FailedSaid, Detail: err.Error()}
	}
	return &Failure{Code: FailedForeign, Detail: err.Error()}
}

// problem is one that the authority names (RFC 8555 §6.7).
func problem(e *protocol.Error) *Failure {
	f := &Failure{Code: FailedSaid, Detail: e.Detail}
	for _, sub := range e.Subproblems {
		f.Detail += " " + sub.Detail
	}
	if after, ok := protocol.RateLimit(e); ok {
		f.Code, f.After = FailedLimited, after
		return f
	}
	switch kind := e.ProblemType[strings.LastIndex(e.ProblemType, ":")+1:]; {
	case kind == "rejectedIdentifier" || kind == "unsupportedIdentifier":
		f.Code = FailedName
	case kind == "caa":
		f.Code = FailedCAA
	case kind == "dns" || kind == "incorrectResponse":
		f.Code = FailedProof
	case kind == "externalAccountRequired" || kind == "accountDoesNotExist" || kind == "userActionRequired" || kind == "invalidContact" || kind == "unsupportedContact" || kind == "unauthorized":
		f.Code = FailedAccount
	case e.StatusCode >= 500:
		f.Code = FailedDown
	case e.ProblemType == "":
		f.Code = FailedForeign // a page of something else
	}
	return f
}

// unheard says why another machine did not answer; nil when it did.
func unheard(err error, code FailureCode) *Failure {
	var untrusted *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	var net interface{ Timeout() bool }
	switch {
	case errors.Is(err, egress.ErrPrivate):
		return &Failure{Code: FailedPrivate, Detail: err.Error()}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired: // or not yet valid
		return &Failure{Code: FailedClock, Values: []string{"now", time.Now().Local().Format("2006-01-02 15:04")}, Detail: err.Error()}
	case errors.As(err, &untrusted):
		return &Failure{Code: FailedUntrusted, Detail: err.Error()}
	case errors.As(err, &net) || errors.Is(err, context.DeadlineExceeded):
		return &Failure{Code: code, Detail: err.Error()}
	}
	return nil
}
