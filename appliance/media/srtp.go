package media

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pion/srtp/v3"
)

// SRTP says how a leg is encrypted (RFC 3711) with keys that signalling
// exchanged (RFC 4568). With it nothing is believed that the remote key does
// not vouch for, and nothing leaves in the clear.
type SRTP struct {
	Suite     string // AES_CM_128_HMAC_SHA1_80 or AES_CM_128_HMAC_SHA1_32
	LocalKey  []byte // key and salt, 30 bytes, of what we send
	RemoteKey []byte // the same of what the far end sends
	// The numbers of the keys (MKI), which every packet carries; nil for none.
	LocalMKI, RemoteMKI []byte
}

const (
	srtpKey  = 16
	srtpSalt = 14
	// replayWindow is how many packets late one may be.
	replayWindow = 128
	// srtpRoom is what encryption adds to a packet, besides the number of a key.
	srtpRoom = 16
)

var errSRTP = errors.New("the encryption of the call cannot be set up")

// Check reports keys or a suite that cannot work. A leg made with such drops
// all it hears and says nothing.
func (s *SRTP) Check() error {
	_, err := s.context(s.LocalKey, s.LocalMKI)
	if err == nil {
		_, err = s.context(s.RemoteKey, s.RemoteMKI)
	}
	return err
}

func (s *SRTP) context(key, mki []byte) (*srtp.Context, error) {
	var profile srtp.ProtectionProfile
	switch s.Suite {
	case "AES_CM_128_HMAC_SHA1_80":
		profile = srtp.ProtectionProfileAes128CmHmacSha1_80
	case "AES_CM_128_HMAC_SHA1_32":
		profile = srtp.ProtectionProfileAes128CmHmacSha1_32
	default:
		return nil, fmt.Errorf("%w: the suite %q is not known here", errSRTP, s.Suite)
	}
	if len(key) != srtpKey+srtpSalt {
		return nil, fmt.Errorf("%w: a key has %d bytes, not %d", errSRTP, len(key), srtpKey+srtpSalt)
	}
	c, err := srtp.CreateContext(key[:srtpKey], key[srtpKey:], profile,
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow), srtp.MasterKeyIndicator(mki))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSRTP, err)
	}
	return c, nil
}

// cipher is one direction of an encrypted leg, under the lock of that
// direction.
type cipher struct {
	on      bool // without a context nothing passes
	suite   string
	key     []byte
	mki     []byte
	context *srtp.Context
	buf     []byte
}

func (c *cipher) set(s *SRTP, key, mki []byte, context *srtp.Context) {
	if c.context != nil && c.suite == s.Suite && bytes.Equal(c.key, key) && bytes.Equal(c.mki, mki) {
		return // the same key goes on counting where it was (RFC 3711 §3.3.1)
	}
	*c = cipher{on: true, suite: s.Suite, key: bytes.Clone(key), mki: bytes.Clone(mki), context: context, buf: c.buf}
}

// Rekey follows a renegotiation of the keys of an encrypted leg. A leg never
// becomes one in the clear, and one in the clear never an encrypted one: for
// that the call needs a new leg.
func (e *Endpoint) Rekey(s SRTP) error {
	local, err := s.context(s.LocalKey, s.LocalMKI)
	if err != nil {
		return err
	}
	remote, err := s.context(s.RemoteKey, s.RemoteMKI)
	if err != nil {
		return err
	}
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	if !e.in.cipher.on {
		return fmt.Errorf("%w: the call began without", errSRTP)
	}
	e.in.cipher.set(&s, s.RemoteKey, s.RemoteMKI, remote)
	e.out.cipher.set(&s, s.LocalKey, s.LocalMKI, local)
	return nil
}

// secure encrypts a leg from its beginning.
func (e *Endpoint) secure(s *SRTP) {
	e.in.cipher.on, e.out.cipher.on = true, true
	// Near the end of the numbers a lost packet could leave the far end with a
	// wrong idea of how often they wrapped (RFC 3711 §3.3.1).
	e.out.seq &= 0x7fff
	if err := e.Rekey(*s); err != nil {
		e.log.Error("a call stays silent because its encryption does not work", "err", err)
	}
}

var errNoKey = errors.New("no key to encrypt with")

// seal encrypts a packet of ours.
func (c *cipher) seal(o *output, packet []byte) ([]byte, error) {
	if c.context == nil {
		return nil, errNoKey
	}
	if need := len(packet) + srtpRoom + len(c.mki); cap(c.buf) < need {
		c.buf = make([]byte, 0, max(need, 2*headerLength+frameTicks+srtpRoom+len(c.mki)))
	}
	return c.context.EncryptRTP(c.buf[:0], packet, &o.header)
}
