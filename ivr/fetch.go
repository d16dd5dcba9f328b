package ivr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"hotline/appliance/egress"
)

// Limits of asking another machine.
const (
	fetchAnswer = 64 << 10
	fetchFor    = 5 * time.Second
)

// Fetch asks the named machines, and no others, for JSON (F29): Host.Fetch. The
// attributes go out as a JSON object by POST. It never follows to another
// address. A name must not lead into a private network, which is looked at when
// it connects; a machine there may be asked when its IP address is what is
// named.
func Fetch(hosts []string) func(ctx context.Context, address string, send map[string]string) (json.RawMessage, error) {
	var guard egress.Guard
	for _, host := range hosts {
		if ip, err := netip.ParseAddr(host); err == nil {
			guard.Allowed = append(guard.Allowed, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	client := guard.Client(fetchFor)
	return func(ctx context.Context, address string, send map[string]string) (json.RawMessage, error) {
		u, err := url.Parse(address)
		if err != nil {
			return nil, errors.New("the address cannot be read")
		}
		if !slices.ContainsFunc(hosts, func(host string) bool { return strings.EqualFold(host, u.Hostname()) }) {
			return nil, fmt.Errorf("flows may not ask %s: name it under flow_hosts in the configuration file", u.Hostname())
		}
		body, err := json.Marshal(send)
		if err != nil {
			return nil, err
		}
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Accept", "application/json")
		answer, err := client.Do(q)
		if err != nil {
			return nil, fmt.Errorf("%s did not answer: %w", u.Hostname(), err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s answered with status %d", u.Hostname(), answer.StatusCode)
		}
		text, err := io.ReadAll(io.LimitReader(answer.Body, fetchAnswer+1))
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s broke off: %w", u.Hostname(), err)
		case len(text) > fetchAnswer:
			return nil, fmt.Errorf("the answer of %s is longer than %d bytes", u.Hostname(), fetchAnswer)
		case !json.Valid(text):
			return nil, fmt.Errorf("the answer of %s is no JSON", u.Hostname())
		}
		return text, nil
	}
}
