package trunk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// credentials answers a challenge (RFC 8760: the first algorithm we know, the
// server lists them by preference). Only an INVITE or REGISTER of ours to the
// line's own server gets here, so nobody else can ask for a hash to try
// passwords against. One repetition with a fresh nonce is normal, more is a
// wrong password.
func (l *line) credentials(res *sip.Response, request *sip.Request, tried int) (sip.Header, error) {
	if l == nil || l.cfg.Password == "" {
		return nil, errors.New("the line's server asks for a password and none is set; add the account's user and password to the line")
	}
	ask, reply := "www-authenticate", "Authorization"
	if res.StatusCode == 407 {
		ask, reply = "proxy-authenticate", "Proxy-Authorization"
	}
	var challenge *digest.Challenge
	for _, h := range res.GetHeaders(ask) {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil {
			continue
		}
		for i := range c.QOP {
			c.QOP[i] = strings.TrimSpace(c.QOP[i])
		}
		if digest.CanDigest(c) && (len(c.QOP) == 0 || c.SupportsQOP("auth")) {
			challenge = c
			break
		}
	}
	switch {
	case challenge == nil:
		return nil, errors.New("the line's server asks for a proof that the hotline does not know")
	case l.cfg.Realm != "" && challenge.Realm != l.cfg.Realm:
		return nil, fmt.Errorf("the line's server asks for the password of %q, not of %q; no answer was given", clean(challenge.Realm), l.cfg.Realm)
	case tried > 0 && !challenge.Stale || tried > 2:
		return nil, errors.New("the line's server refuses the user and password; check them in the line's settings")
	}
	answer, err := digest.Digest(challenge, digest.Options{Method: string(request.Method), URI: request.Recipient.String(),
		Username: l.cfg.AuthUser, Password: l.cfg.Password, Count: 1})
	if err != nil {
		return nil, fmt.Errorf("answering the challenge of the line's server: %w", err)
	}
	text := answer.String()
	if strings.ContainsAny(text, "\r\n\x00") {
		return nil, errors.New("the challenge of the line's server cannot be answered")
	}
	return sip.NewHeader(reply, text), nil
}
