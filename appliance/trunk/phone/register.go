package phone

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// Register registers the station as user with a password, for an hour. The
// contact is where the station is called.
func (s *Station) Register(ctx context.Context, server netip.AddrPort, user, password string) error {
	id := sip.GenerateTagN(12) + "@registration"
	header := func(seq int) []string {
		return []string{"Call-ID: " + id, fmt.Sprintf("CSeq: %d REGISTER", seq), "Contact: <sip:" + user + "@" + s.Addr().String() + ">", "Expires: 3600"}
	}
	res, err := s.Send(ctx, "REGISTER", user, server, header(1)...)
	if err != nil {
		return err
	}
	var asked *digest.Challenge
	for _, h := range res.GetHeaders("WWW-Authenticate") {
		if asked, err = digest.ParseChallenge(h.Value()); err != nil {
			return fmt.Errorf("registering: %w", err)
		}
	}
	if res.StatusCode != 401 || asked == nil {
		return fmt.Errorf("registering: answered with %d and no challenge", res.StatusCode)
	}
	proof, err := digest.Digest(asked, digest.Options{Method: "REGISTER", URI: "sip:" + server.String(), Username: user, Password: password, Count: 1})
	if err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	if res, err = s.Send(ctx, "REGISTER", user, server, append(header(2), "Authorization: "+proof.String())...); err != nil {
		return err
	}
	if res.StatusCode != 200 {
		return &RefusedError{Status: res.StatusCode}
	}
	return nil
}
