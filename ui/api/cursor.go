package api

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
)

// A cursor is the record behind which a list goes on, sealed with what it was
// given for: it serves the same token, and the same question, alone. Lists are
// in the order of ids, which is the order in which records came about, so that
// what arrives meanwhile comes at their end and nothing is told twice.

var errCursor = errors.New("this cursor was not given to this token for this question: begin without one")

const sealLength = 32 // hex digits of the keyed digest

// cursor goes on behind the record after.
func (a *API) cursor(question, after string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(a.cfg.Store.Digest(question+"\n"+after) + after))
}

// behind is the record behind which the cursor goes on.
func (a *API) behind(question, cursor string) (string, error) {
	return openCursor(cursor, func(after string) string { return a.cfg.Store.Digest(question + "\n" + after) })
}

func openCursor(cursor string, seal func(after string) string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) <= sealLength || len(raw) > 2*sealLength+64 {
		return "", errCursor
	}
	after := string(raw[sealLength:])
	if subtle.ConstantTimeCompare(raw[:sealLength], []byte(seal(after))) != 1 {
		return "", errCursor
	}
	return after, nil
}

// question is what a cursor is sealed to.
func question(parts ...string) string { return "cursor\n" + strings.Join(parts, "\n") }
