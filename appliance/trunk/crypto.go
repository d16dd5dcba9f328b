package trunk

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/big"
	"strconv"
	"strings"

	"hotline/appliance/media"
)

// Encrypted sound with keys in the session description (SDES, RFC 4568). Such
// keys are as secret as the signalling they travel in, which is why trunks that
// use them use TLS. Where the signalling is readable so is the sound, and the
// call is taken all the same: a refusal would lose the caller.

// suites are the ones we know, by the names that media shares with RFC 4568.
var suites = map[string]bool{"AES_CM_128_HMAC_SHA1_80": true, "AES_CM_128_HMAC_SHA1_32": true}

const strongest = "AES_CM_128_HMAC_SHA1_80" // of the suites

const (
	masterKey   = 30      // key and salt of both suites, RFC 4568 §6.2
	shortestUse = 1 << 22 // packets: a day. A key that lasts less would have to be renewed within a call.
)

// sealing is how one side encrypts what it sends: an a=crypto attribute.
type sealing struct {
	tag   string
	suite string
	key   []byte // and salt
	mki   []byte // number of the key that every packet carries (RFC 3711 §3.1); nil for none
}

// String keeps the key out of texts and logs.
func (s *sealing) String() string { return s.suite }

// GoString keeps it out of %#v.
func (s *sealing) GoString() string { return s.suite }

// LogValue implements slog.LogValuer.
func (s *sealing) LogValue() slog.Value { return slog.StringValue(s.suite) }

// newSealing makes a key of ours.
func newSealing(tag, suite string) *sealing {
	s := &sealing{tag: tag, suite: suite, key: make([]byte, masterKey)}
	rand.Read(s.key)
	return s
}

// attribute is the value of a=crypto.
func (s *sealing) attribute() string {
	text := s.tag + " " + s.suite + " inline:" + base64.StdEncoding.EncodeToString(s.key)
	if s.mki != nil {
		text += fmt.Sprintf("|%s:%d", new(big.Int).SetBytes(s.mki), len(s.mki))
	}
	return text
}

// readSealing reads the value of an a=crypto attribute (RFC 4568 §9.1), as
// "1 AES_CM_128_HMAC_SHA1_80 inline:<key and salt>|2^31". What we could not
// decrypt, or what asks for less protection, is not taken.
func readSealing(value string) (*sealing, bool) {
	fields := strings.Fields(value)
	if len(fields) < 3 || len(fields[0]) > 9 || !suites[fields[1]] {
		return nil, false
	}
	if _, err := strconv.ParseUint(fields[0], 10, 32); err != nil {
		return nil, false
	}
	for _, session := range fields[3:] {
		// The window is a hint about lost packets (§6.3.7). All others change
		// what is encrypted or how keys come to be.
		if !strings.HasPrefix(session, "WSH=") {
			return nil, false
		}
	}
	method, info, _ := strings.Cut(fields[2], ":")
	if !strings.EqualFold(method, "inline") || strings.Contains(info, ";") { // several keys take turns
		return nil, false
	}
	parts := strings.Split(info, "|")
	key, err := base64.StdEncoding.DecodeString(parts[0])
	if err != nil || len(key) != masterKey || len(parts) > 3 {
		return nil, false
	}
	s := &sealing{tag: fields[0], suite: fields[1], key: key}
	for _, part := range parts[1:] {
		if strings.Contains(part, ":") {
			if s.mki = readMKI(part); s.mki == nil {
				return nil, false
			}
			continue
		}
		if packets, ok := lifetime(part); !ok || packets < shortestUse {
			return nil, false
		}
	}
	return s, true
}

// longestMKI is in bytes. Phones use one to four; more would only make packets
// longer.
const longestMKI = 16

// readMKI reads "number:bytes" (RFC 4568 §6.1), nil when it makes no sense.
func readMKI(text string) []byte {
	number, length, _ := strings.Cut(text, ":")
	size, err := strconv.ParseUint(length, 10, 8)
	value, ok := new(big.Int), len(number) > 0 && len(number) <= 40 && strings.Trim(number, "0123456789") == ""
	if err != nil || size == 0 || size > longestMKI || !ok {
		return nil
	}
	if value.SetString(number, 10); value.BitLen() > 8*int(size) {
		return nil
	}
	return value.FillBytes(make([]byte, size))
}

// lifetime is for how many packets a key may be used: a number or a power of 2.
func lifetime(text string) (uint64, bool) {
	if exponent, ok := strings.CutPrefix(text, "2^"); ok {
		n, err := strconv.ParseUint(exponent, 10, 8)
		if err != nil || n > 48 { // RFC 3711 §9.2
			return 0, false
		}
		return 1 << n, true
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

// seal prepares our side for what the far end offers: our key stays the same
// for as long as the suite does. It has the far end's number, if that has one:
// a phone that numbers its keys expects ours to be numbered.
func (l *local) seal(theirs *sealing) {
	switch {
	case theirs == nil:
		l.sealing = nil
	case l.sealing == nil || l.sealing.suite != theirs.suite:
		l.sealing = newSealing(theirs.tag, theirs.suite)
		l.sealing.mki = theirs.mki
	default:
		l.sealing.tag, l.sealing.mki = theirs.tag, theirs.mki
	}
}

// keys are those of both sides for the media, nil for sound in the clear.
func (c *Call) keys(s *session) *media.SRTP {
	if s.sealing == nil || c.ours.sealing == nil {
		return nil
	}
	return &media.SRTP{Suite: s.sealing.suite, LocalKey: c.ours.sealing.key, RemoteKey: s.sealing.key,
		LocalMKI: c.ours.sealing.mki, RemoteMKI: s.sealing.mki}
}

// Secure reports that the sound of the call is encrypted.
func (c *Call) Secure() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sealed
}
