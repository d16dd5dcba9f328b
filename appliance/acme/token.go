package acme

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Two keepers of names that take changes over HTTP with a token. Each needs three
// questions. The libraries for them ask past the guard of this program and tell
// why they were refused in prose only, which nobody could be told in plain words.

const (
	desecAPI      = "https://desec.io/api/v1"
	cloudflareAPI = "https://api.cloudflare.com/client/v4"
	mostAnswer    = 1 << 20
)

// question is asked of such a keeper, and its answer read into v.
func question(ctx context.Context, client *http.Client, scheme, token, method, address string, body, v any) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	var send io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, send)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", scheme+" "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "hotline")
	res, err := client.Do(r)
	if err != nil {
		f := unheard(err, FailedServer)
		if f == nil {
			f = &Failure{Code: FailedServer, Detail: err.Error()}
		}
		f.Values = append(f.Values, "server", u.Host, "host", u.Host)
		return f
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	f := &Failure{Values: []string{"server", u.Host}, Detail: res.Status + " " + string(raw)}
	switch {
	case err != nil:
		f.Code, f.Detail = FailedServer, err.Error()
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden || res.StatusCode == http.StatusBadRequest && strings.Contains(string(raw), "Authorization"):
		f.Code = FailedToken
	case res.StatusCode == http.StatusNotFound:
		f.Code = FailedTokenZone
	case res.StatusCode == http.StatusTooManyRequests:
		f.Code = FailedOften
		if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
			f.After = min(time.Duration(seconds)*time.Second, longest)
		}
	case res.StatusCode/100 != 2:
		f.Code = FailedRecord
	case v != nil && json.Unmarshal(raw, v) != nil:
		f.Code = FailedRecord
	default:
		return nil
	}
	return f
}

// missing says that a token may change no zone in which the name is.
func missing(server, name string) error {
	return &Failure{Code: FailedTokenZone, Values: []string{"server", server, "record", strings.TrimSuffix(name, ".")}}
}

// desec keeps all records of a name and kind as one set, so what is there is kept.
type desec struct {
	client      *http.Client
	base, token string
}

type desecSet struct {
	Subname string   `json:"subname"`
	Type    string   `json:"type"`
	TTL     int      `json:"ttl,omitempty"`
	Records []string `json:"records"`
}

func (d *desec) set(ctx context.Context, name, value string) (string, func(context.Context) error, error) {
	defer d.client.CloseIdleConnections()
	var zones []struct {
		Name string `json:"name"`
		TTL  int    `json:"minimum_ttl"`
	}
	plain := strings.TrimSuffix(name, ".")
	if err := question(ctx, d.client, "Token", d.token, http.MethodGet, d.base+"/domains/?owns_qname="+url.QueryEscape(plain), nil, &zones); err != nil {
		return "", nil, err
	}
	if len(zones) == 0 || !dns.IsSubDomain(dns.Fqdn(zones[0].Name), name) {
		return "", nil, missing("deSEC", name)
	}
	zone := zones[0]
	sub := strings.TrimSuffix(strings.TrimSuffix(plain, zone.Name), ".")
	quoted := strconv.Quote(value)
	change := func(ctx context.Context, with func([]string) []string) error {
		defer d.client.CloseIdleConnections()
		set := desecSet{Subname: sub, Type: "TXT", TTL: max(zone.TTL, ttl)}
		err := question(ctx, d.client, "Token", d.token, http.MethodGet, d.base+"/domains/"+url.PathEscape(zone.Name)+"/rrsets/"+url.PathEscape(cmp.Or(sub, "@"))+"/TXT/", nil, &set)
		if f, is := err.(*Failure); err != nil && (!is || f.Code != FailedTokenZone) { // 404: there is none yet
			return err
		}
		set.Records = with(slices.DeleteFunc(set.Records, func(r string) bool { return r == quoted }))
		return question(ctx, d.client, "Token", d.token, http.MethodPut, d.base+"/domains/"+url.PathEscape(zone.Name)+"/rrsets/", []desecSet{set}, nil)
	}
	if err := change(ctx, func(list []string) []string { return append(list, quoted) }); err != nil {
		return zone.Name, nil, err
	}
	return dns.Fqdn(zone.Name), func(ctx context.Context) error {
		return change(ctx, func(list []string) []string { return append([]string{}, list...) })
	}, nil
}

// cloudflare keeps every record by itself.
type cloudflare struct {
	client      *http.Client
	base, token string
}

func (c *cloudflare) set(ctx context.Context, name, value string) (string, func(context.Context) error, error) {
	defer c.client.CloseIdleConnections()
	for at, end := 0, false; !end; at, end = dns.NextLabel(name, at) {
		var zones struct {
			Result []struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			} `json:"result"`
		}
		if err := question(ctx, c.client, "Bearer", c.token, http.MethodGet, c.base+"/zones?name="+url.QueryEscape(strings.TrimSuffix(name[at:], ".")), nil, &zones); err != nil {
			return "", nil, err
		}
		if len(zones.Result) == 0 {
			continue
		}
		zone := zones.Result[0]
		records := c.base + "/zones/" + url.PathEscape(zone.ID) + "/dns_records"
		var made struct {
			Result struct {
				ID string `json:"id"`
			} `json:"result"`
		}
		record := map[string]any{"type": "TXT", "name": strings.TrimSuffix(name, "."), "content": strconv.Quote(value), "ttl": ttl}
		if err := question(ctx, c.client, "Bearer", c.token, http.MethodPost, records, record, &made); err != nil {
			return zone.Name, nil, err
		}
		return dns.Fqdn(zone.Name), func(ctx context.Context) error {
			defer c.client.CloseIdleConnections()
			return question(ctx, c.client, "Bearer", c.token, http.MethodDelete, records+"/"+url.PathEscape(made.Result.ID), nil, nil)
		}, nil
	}
	return "", nil, missing("Cloudflare", name)
}
