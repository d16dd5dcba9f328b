package phone

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// cipher encrypts the phone's sound (RFC 3711) with keys that travel in the
// session descriptions (RFC 4568).
type cipher struct {
	suite   string
	profile srtp.ProtectionProfile
	ours    []byte // key and salt
	theirs  []byte
	suffix  string // what follows our key in the description
	out, in *srtp.Context
}

func newCipher(suite, suffix string) (*cipher, error) {
	c := &cipher{suite: suite, suffix: suffix}
	switch suite {
	case "AES_CM_128_HMAC_SHA1_80":
		c.profile = srtp.ProtectionProfileAes128CmHmacSha1_80
	case "AES_CM_128_HMAC_SHA1_32":
		c.profile = srtp.ProtectionProfileAes128CmHmacSha1_32
	default:
		return nil, fmt.Errorf("%q is no suite that the phone knows", suite)
	}
	return c, c.renew()
}

// renew makes a new key of ours.
func (c *cipher) renew() error {
	c.ours = make([]byte, 30)
	rand.Read(c.ours)
	var err error
	c.out, err = srtp.CreateContext(c.ours[:16], c.ours[16:], c.profile, srtp.MasterKeyIndicator(indicator(c.suffix)))
	return err
}

// indicator reads the number of a key (MKI) from what follows it, as
// "|2^31|1:4"; nil when there is none.
func indicator(suffix string) []byte {
	var number uint64
	var size int
	last := suffix[strings.LastIndex(suffix, "|")+1:]
	if n, err := fmt.Sscanf(last, "%d:%d", &number, &size); n != 2 || err != nil || size < 1 || size > 8 {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, number)[8-size:]
}

// line is the a=crypto attribute of the phone's description.
func (c *cipher) line() string {
	return "a=crypto:1 " + c.suite + " inline:" + base64.StdEncoding.EncodeToString(c.ours) + c.suffix + "\r\n"
}

// far takes the far end's key from its description.
func (c *cipher) far(there remote) error {
	fields := strings.Fields(there.crypto)
	if len(fields) < 3 || fields[0] != "1" || fields[1] != c.suite {
		return fmt.Errorf("the far end does not encrypt as offered: %d words", len(fields))
	}
	text, suffix, _ := strings.Cut(strings.TrimPrefix(fields[2], "inline:"), "|")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 30 {
		return errors.New("the far end's key cannot be read")
	}
	if bytes.Equal(key, c.theirs) {
		return nil
	}
	c.theirs = key
	c.in, err = srtp.CreateContext(key[:16], key[16:], c.profile, srtp.MasterKeyIndicator(indicator(suffix)))
	return err
}

// seal writes a packet for the wire, encrypted if the call is. Needs mu.
func (s *sound) seal(p *rtp.Packet) ([]byte, error) {
	raw, err := p.Marshal()
	if err != nil || s.cipher == nil {
		return raw, err
	}
	return s.cipher.out.EncryptRTP(nil, raw, nil)
}

// open decrypts what arrived; false when it is not the far end's. Needs mu.
func (s *sound) open(raw []byte) ([]byte, bool) {
	if s.cipher == nil {
		return raw, true
	}
	if s.cipher.in == nil {
		return nil, false
	}
	plain, err := s.cipher.in.DecryptRTP(nil, raw, nil)
	return plain, err == nil
}

// RenewKey makes a new key, which the next offer tells.
func (c *Call) RenewKey() error {
	c.sound.mu.Lock()
	defer c.sound.mu.Unlock()
	if c.sound.cipher == nil {
		return errors.New("the call is in the clear")
	}
	return c.sound.cipher.renew()
}
