package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	protocol "golang.org/x/crypto/acme"
)

// try is one try to get a certificate.
type try struct {
	k   *Keeper
	s   Settings
	now time.Time
}

// say notes a step.
func (t *try) say(code string, values ...string) { t.note(Step{Code: code, Values: values}) }

func (t *try) note(s Step) {
	s.At = time.Now()
	t.k.mu.Lock()
	t.k.steps = append(t.k.steps, s)
	t.k.mu.Unlock()
}

// Steps are the codes of all steps, for texts.
func Steps() []string {
	return []string{"authority", "clock", "account", "ordered", "known", "leads", "set", "seen", "blind", "proved", "cleared", "stays", "got", "looked"}
}

// differs is how far two clocks may be apart before it is said.
const differs = 5 * time.Minute

// authority finds it, and looks at its clock.
func (t *try) authority(ctx context.Context) (*protocol.Client, func(), error) {
	guard, err := t.s.guard()
	if err != nil {
		return nil, nil, err
	}
	client := guard.Client(t.k.limit.answer)
	watch := &clock{base: client.Transport}
	asks := &protocol.Client{HTTPClient: &http.Client{Transport: watch, Timeout: client.Timeout, CheckRedirect: client.CheckRedirect}, DirectoryURL: t.s.directory(), UserAgent: "hotline", RetryBackoff: again}
	_, err = asks.Discover(ctx)
	if err != nil {
		client.CloseIdleConnections()
		return nil, nil, err
	}
	t.say("authority", "host", t.s.host())
	if off := time.Duration(watch.off.Load()); off.Abs() > differs {
		t.note(Step{Code: "clock", Values: []string{"host", t.s.host(), "minutes", strconv.Itoa(int(off.Abs() / time.Minute))}, Warn: true})
	}
	return asks, client.CloseIdleConnections, nil
}

// again is whether and when a question is asked again: a number that was used up
// at once (RFC 8555 §6.5), and an authority in trouble twice. Who says that it is
// asked too often is not asked again in this try.
func again(n int, _ *http.Request, res *http.Response) time.Duration {
	switch {
	case res.StatusCode == http.StatusTooManyRequests || n > 5 || res.StatusCode >= 500 && n > 2:
		return -1
	case res.StatusCode >= 500:
		return time.Duration(n) * 2 * time.Second
	}
	return 100 * time.Millisecond
}

// clock compares ours with that of the other machine.
type clock struct {
	base http.RoundTripper
	off  atomic.Int64
}

func (c *clock) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.base.RoundTrip(r)
	if err == nil {
		if at, wrong := http.ParseTime(res.Header.Get("Date")); wrong == nil {
			c.off.Store(int64(time.Since(at)))
		}
	}
	return res, err
}

// get gets a certificate and takes it into use.
func (t *try) get(ctx context.Context) error {
	asks, end, err := t.authority(ctx)
	if err != nil {
		return err
	}
	defer end()
	raw, err := t.k.accountKey(ctx, t.s.directory())
	if err != nil {
		return &Failure{Code: FailedHere, Detail: err.Error()}
	}
	if asks.Key, err = parseKey(raw); err != nil {
		return &Failure{Code: FailedHere, Detail: err.Error()}
	}
	me := &protocol.Account{}
	if t.s.Email != "" {
		me.Contact = []string{"mailto:" + t.s.Email}
	}
	if _, err := asks.Register(ctx, me, protocol.AcceptTOS); err != nil && !errors.Is(err, protocol.ErrAccountAlreadyExists) {
		return err
	}
	t.say("account", "host", t.s.host())
	if err := t.k.ordered(ctx, t.now); err != nil {
		return &Failure{Code: FailedHere, Detail: err.Error()}
	}
	order, err := asks.AuthorizeOrder(ctx, protocol.DomainIDs(t.s.Names...))
	if err != nil {
		return err
	}
	t.say("ordered", "names", strings.Join(t.s.Names, ", "))
	if err := t.prove(ctx, asks, order); err != nil {
		return err
	}
	if order, err = asks.WaitOrder(ctx, order.URI); err != nil {
		return err
	}
	return t.fetch(ctx, asks, order)
}

// prove shows the authority the records by which it believes that the names are
// ours: all are set, then all are looked at.
func (t *try) prove(ctx context.Context, asks *protocol.Client, order *protocol.Order) error {
	var wanted []proof
	for _, url := range order.AuthzURLs {
		a, err := asks.GetAuthorization(ctx, url)
		if err != nil {
			return err
		}
		if a.Status == protocol.StatusValid {
			t.say("known", "name", a.Identifier.Value)
			continue
		}
		p := proof{url: url, name: a.Identifier.Value, challenge: dns01(a)}
		if p.challenge == nil {
			return &Failure{Code: FailedSaid, Values: []string{"host", t.s.host()}, Detail: "it does not look for records (dns-01) for " + p.name}
		}
		if p.value, err = asks.DNS01ChallengeRecord(p.challenge.Token); err != nil {
			return err
		}
		wanted = append(wanted, p)
	}
	clear, err := t.show(ctx, wanted)
	defer clear()
	if err != nil {
		return err
	}
	for _, p := range wanted {
		if _, err := asks.Accept(ctx, p.challenge); err != nil {
			return err
		}
	}
	for _, p := range wanted {
		if _, err := asks.WaitAuthorization(ctx, p.url); err != nil {
			return err
		}
		t.say("proved", "name", p.name)
	}
	return nil
}

func dns01(a *protocol.Authorization) *protocol.Challenge {
	for _, c := range a.Challenges {
		if c.Type == "dns-01" {
			return c
		}
	}
	return nil
}

// fetch has the certificate made for a new key.
func (t *try) fetch(ctx context.Context, asks *protocol.Client, order *protocol.Order) error {
	raw, err := newKey()
	if err != nil {
		return &Failure{Code: FailedHere, Detail: err.Error()}
	}
	key, err := parseKey(raw)
	if err != nil {
		return &Failure{Code: FailedHere, Detail: err.Error()}
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: t.s.Names}, key)
	if err != nil {
		return &Failure{Code: FailedHere, Detail: err.Error()}
	}
	chain, _, err := asks.CreateCertFromOrder(ctx, order, request, true)
	if err != nil {
		return err
	}
	c := Certificate{Chain: chain, Key: raw, At: t.now}
	pair, err := c.pair()
	if err != nil {
		return &Failure{Code: FailedSaid, Values: []string{"host", t.s.host()}, Detail: err.Error()}
	}
	public, ok := pair.Leaf.PublicKey.(*ecdsa.PublicKey)
	if !covers(pair.Leaf, t.s.Names) || !ok || !public.Equal(key.Public()) {
		return &Failure{Code: FailedSaid, Values: []string{"host", t.s.host()}, Detail: "the certificate is not the one that was asked for"}
	}
	if now := time.Now(); now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
		return &Failure{Code: FailedClock, Values: []string{"host", t.s.host(), "now", now.Local().Format("2006-01-02 15:04")},
			Detail: fmt.Sprintf("the new certificate is valid from %s to %s", pair.Leaf.NotBefore.Format(time.DateTime), pair.Leaf.NotAfter.Format(time.DateTime))}
	}
	if err := t.k.got(ctx, t.s, c, t.now); err != nil {
		return &Failure{Code: FailedHere, Detail: err.Error()}
	}
	t.say("got", "date", pair.Leaf.NotAfter.Local().Format(time.DateOnly), "by", issuerOf(pair.Leaf))
	return nil
}

// look tries everything that can be tried without asking for a certificate: the
// authority answers, and a record can be set and seen for each name.
func (t *try) look(ctx context.Context) error {
	_, end, err := t.authority(ctx)
	if err != nil {
		return err
	}
	end()
	var wanted []proof
	for _, name := range t.s.Names {
		nonce := make([]byte, 16)
		rand.Read(nonce)
		wanted = append(wanted, proof{name: strings.TrimPrefix(name, "*."), value: "look-" + hex.EncodeToString(nonce)})
	}
	clear, err := t.show(ctx, wanted)
	clear()
	if err == nil {
		t.say("looked")
	}
	return err
}

func newKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

func parseKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("this key cannot sign")
	}
	return signer, nil
}

// issuerOf is the name of who has signed a certificate.
func issuerOf(leaf *x509.Certificate) string {
	for _, name := range append([]string{leaf.Issuer.CommonName}, leaf.Issuer.Organization...) {
		if name != "" {
			return name
		}
	}
	return leaf.Issuer.String()
}
