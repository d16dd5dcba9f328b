package trunk

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"hotline/appliance/call"
)

// Phones says which desk phones and softphones may register here.
type Phones interface {
	// Proof gives what PhoneProof makes of a user's password: the password
	// itself need not be kept. It is asked for every attempt and before every
	// call, so that a changed or withdrawn one counts at once.
	Proof(user string) (proof string, ok bool)
}

// PhoneProof is what proves that somebody knows a password (the H(A1) of RFC
// 2617 §3.2.2.2). With it one could register as the user, so it is a secret.
func PhoneProof(user, password string) string {
	sum := md5.Sum([]byte(user + ":" + phoneRealm + ":" + password))
	return hex.EncodeToString(sum[:])
}

// phoneRealm is in every challenge. It never changes: phones keep it.
const phoneRealm = "hotline"

const (
	registeredHost = "registered"
	nonceLife      = 5 * time.Minute
	leastExpiry    = time.Minute
	mostExpiry     = time.Hour
	usualExpiry    = 10 * time.Minute
	maxBindings    = 4  // phones of one user
	maxAttempts    = 10 // for one user at one address, in attemptWindow
	maxGuesses     = 60 // at one address
	attemptWindow  = time.Minute
	maxSuspects    = 10_000
)

// registrar knows where the phones are (RFC 3261 §10.3).
type registrar struct {
	phones Phones
	log    *slog.Logger
	key    [32]byte // of nonces and of what unknown users are compared with

	mu       sync.Mutex
	bindings map[string][]binding // by user
	suspects map[origin]*suspect
	counts   map[string]nonceUse // nonces that proved somebody
}

// binding is one phone of a user.
type binding struct {
	contact   sip.Uri
	transport string
	source    string // where it registered from: the way through its router
	callID    string
	seq       uint32
	until     time.Time
	proof     string // with which it registered
	at        time.Time
}

// origin is where guesses come from. One phone with a wrong password must not
// shut out the others behind the same router, so there is a limit for a user
// at an address and a larger one for the address.
type origin struct {
	ip   netip.Addr
	user string // empty: all of them
}

// suspect is an origin that gave wrong passwords.
type suspect struct {
	since  time.Time
	failed int
}

type nonceUse struct {
	until time.Time
	count int // the highest nc
}

func newRegistrar(phones Phones, log *slog.Logger) *registrar {
	g := &registrar{phones: phones, log: log, bindings: make(map[string][]binding), suspects: make(map[origin]*suspect), counts: make(map[string]nonceUse)}
	rand.Read(g.key[:])
	return g
}

// verdict is what a proof is worth.
type verdict int

const (
	proven verdict = iota
	unproven
	staleNonce
	wrong
	throttled
)

// judge checks the Authorization of a request (RFC 2617 §3.2.2, RFC 8760). It
// takes as long for a user who does not exist.
func (g *registrar) judge(r *sip.Request, now time.Time) (user string, v verdict) {
	source := sourceOf(r)
	var given *digest.Credentials
	for _, h := range r.GetHeaders("authorization") {
		c, err := digest.ParseCredentials(h.Value())
		if err == nil && c.Realm == phoneRealm {
			given = c
			break
		}
	}
	if g.throttles(origin{ip: source}, maxGuesses, now) {
		return "", throttled
	}
	if given == nil {
		return "", unproven
	}
	from := origin{source, given.Username}
	if g.throttles(from, maxAttempts, now) {
		return "", throttled
	}
	proof, known := g.phones.Proof(given.Username)
	if !known || proof == "" {
		known, proof = false, hex.EncodeToString(g.mac("nobody "+given.Username))
	}
	wanted, err := digest.Digest(&digest.Challenge{Realm: phoneRealm, Nonce: given.Nonce, Algorithm: given.Algorithm, QOP: []string{"auth"}},
		digest.Options{Method: string(r.Method), URI: given.URI, Username: given.Username, A1: proof, Cnonce: given.Cnonce, Count: given.Nc})
	alike := err == nil && given.QOP == "auth" && given.Nc > 0 && given.Cnonce != "" &&
		subtle.ConstantTimeCompare([]byte(wanted.Response), []byte(strings.ToLower(given.Response))) == 1
	if !alike || !known || !addresses(given.URI, r.Recipient) {
		g.failed(from, now)
		g.failed(origin{ip: source}, now)
		g.log.Warn("security", "event", "phone-password", "src", source.String(), "transport", r.Transport(), "user", clean(given.Username), "reason", "wrong")
		return given.Username, wrong
	}
	if !g.fresh(given.Nonce, given.Nc, now) {
		return given.Username, staleNonce
	}
	return given.Username, proven
}

// addresses reports that the URI of a proof is that of its request: a proof
// for one destination opens no other.
func addresses(text string, uri sip.Uri) bool {
	var proved sip.Uri
	if sip.ParseUri(text, &proved) != nil {
		return false
	}
	return proved.User == uri.User && strings.EqualFold(proved.Host, uri.Host)
}

func (g *registrar) mac(text string) []byte {
	h := hmac.New(sha256.New, g.key[:])
	h.Write([]byte(text))
	return h.Sum(nil)
}

// nonce carries its own time and seal, so that a flood of requests without
// proof leaves nothing in memory.
func (g *registrar) nonce(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.Unix()))
	rand.Read(b[8:])
	return base64.RawURLEncoding.EncodeToString(append(b[:], g.mac("nonce " + string(b[:]))[:16]...))
}

// fresh accepts a nonce of ours for a while, and each count of it once: what
// was overheard proves nothing.
func (g *registrar) fresh(nonce string, count int, now time.Time) bool {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != 32 || !hmac.Equal(b[16:], g.mac("nonce " + string(b[:16]))[:16]) {
		return false
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(b)), 0))
	if age > nonceLife || age < -nonceLife {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for old, use := range g.counts {
		if now.After(use.until) {
			delete(g.counts, old)
		}
	}
	if count <= g.counts[nonce].count {
		return false
	}
	g.counts[nonce] = nonceUse{until: now.Add(nonceLife), count: count}
	return true
}

func (g *registrar) throttles(from origin, most int, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.suspects[from]
	if s == nil {
		return false
	}
	if now.Sub(s.since) > attemptWindow {
		delete(g.suspects, from)
		return false
	}
	return s.failed >= most
}

func (g *registrar) failed(from origin, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.suspects[from]; s != nil && now.Sub(s.since) <= attemptWindow {
		s.failed++
		return
	}
	if len(g.suspects) >= maxSuspects {
		for old, s := range g.suspects {
			if now.Sub(s.since) > attemptWindow {
				delete(g.suspects, old)
			}
		}
		if len(g.suspects) >= maxSuspects {
			return
		}
	}
	g.suspects[from] = &suspect{since: now, failed: 1}
}

// challenge asks for a proof.
func (g *registrar) challenge(stale bool, now time.Time) *refusal {
	// MD5 alone: phones with the widespread library libre give up registering
	// when any challenge names another algorithm. Its weakness does not matter
	// for a secret that a machine chose.
	c := digest.Challenge{Realm: phoneRealm, Nonce: g.nonce(now), Algorithm: "MD5", QOP: []string{"auth"}, Stale: stale}
	return refuse(401, sip.NewHeader("WWW-Authenticate", c.String()))
}

// demand judges a request and answers it unless it is proven. Who guesses
// passwords gets no answer for a while.
func (t *Trunk) demand(r *sip.Request, tx *sip.ServerTx) (user string, ok bool) {
	now := time.Now()
	user, v := t.registrar.judge(r, now)
	switch v {
	case proven:
		return user, true
	case throttled:
		tx.Terminate()
	case staleNonce:
		t.respond(tx, r, t.registrar.challenge(true, now))
	default: // the same for a wrong password and for an unknown user
		t.respond(tx, r, t.registrar.challenge(false, now))
	}
	return "", false
}

// register handles REGISTER of a phone.
func (t *Trunk) registration(r *sip.Request, tx *sip.ServerTx) {
	user, ok := t.demand(r, tx)
	if !ok {
		return
	}
	if owner := calledUser(r.To().Address); owner != user { // nobody registers for another
		t.respond(tx, r, refuse(403))
		return
	}
	if refused := t.registrar.bind(user, r, time.Now()); refused != nil {
		t.respond(tx, r, refused)
		return
	}
	res := t.response(r, 200)
	now := time.Now()
	for _, b := range t.registrar.at(user, now) {
		res.AppendHeader(sip.NewHeader("Contact", fmt.Sprintf("<%s>;expires=%d", b.contact.String(), int(b.until.Sub(now).Round(time.Second)/time.Second))))
	}
	res.AppendHeader(sip.NewHeader("Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")))
	t.send(tx, res)
}

// bind adds, refreshes or removes contacts (RFC 3261 §10.3, steps 6 to 8).
func (g *registrar) bind(user string, r *sip.Request, now time.Time) *refusal {
	wanted := usualExpiry
	if h := r.GetHeader("expires"); h != nil {
		wanted = parseSeconds(h.Value())
	}
	headers := r.GetHeaders("contact")
	proof, _ := g.phones.Proof(user)
	g.mu.Lock()
	defer g.mu.Unlock()
	kept := slices.DeleteFunc(slices.Clone(g.bindings[user]), func(b binding) bool { return now.After(b.until) })
	for _, h := range headers {
		contact, ok := h.(*sip.ContactHeader)
		if !ok {
			return refuse(400)
		}
		if contact.Address.Wildcard {
			if wanted != 0 || len(headers) != 1 {
				return refuse(400)
			}
			kept = nil
			break
		}
		if contact.Address.Host == "" || !callable(contact.Address.Scheme, r.Transport()) || strings.ContainsAny(contact.Address.String(), "\r\n\x00<>\"") {
			return refuse(400)
		}
		expiry := wanted
		if text, ok := contact.Params.Get("expires"); ok {
			expiry = parseSeconds(text)
		}
		i := slices.IndexFunc(kept, func(b binding) bool { return b.contact.String() == contact.Address.String() })
		if i >= 0 {
			if kept[i].callID == r.CallID().Value() && r.CSeq().SeqNo <= kept[i].seq {
				return refuse(500) // older than what we know
			}
			kept = slices.Delete(kept, i, i+1)
		}
		if expiry == 0 {
			continue
		}
		if expiry < leastExpiry {
			return refuse(423, sip.NewHeader("Min-Expires", strconv.Itoa(int(leastExpiry/time.Second))))
		}
		if len(kept) >= maxBindings {
			kept = kept[1:] // the oldest: a phone that changed its port without saying so
		}
		kept = append(kept, binding{contact: *contact.Address.Clone(), source: r.Source(), transport: r.Transport(),
			callID: r.CallID().Value(), seq: r.CSeq().SeqNo, until: now.Add(min(expiry, mostExpiry)), proof: proof, at: now})
	}
	had := len(g.bindings[user])
	if len(kept) == 0 {
		delete(g.bindings, user)
	} else {
		g.bindings[user] = kept
	}
	if had != len(kept) {
		g.log.Info("phones of a user", "user", user, "phones", len(kept))
	}
	return nil
}

// callable reports that we can call what registered over a transport: sips is
// called over TLS alone (RFC 5630 §3.3), and we call back the way it came.
func callable(scheme, transport string) bool {
	return scheme == "sip" || scheme == "sips" && transport == "TLS"
}

// at are the places of a user's phones now, the newest first. Those that
// registered with a password that does not count any more are forgotten.
func (g *registrar) at(user string, now time.Time) []binding {
	if g == nil {
		return nil
	}
	proof, known := g.phones.Proof(user)
	g.mu.Lock()
	defer g.mu.Unlock()
	found := slices.DeleteFunc(slices.Clone(g.bindings[user]), func(b binding) bool {
		return now.After(b.until) || !known || b.proof != proof
	})
	slices.Reverse(found)
	return found
}

// isPhone reports that a request claims or must be from a phone of ours: it
// brings a proof for us, comes from where a phone is registered, or from an
// address where only phones are.
func (t *Trunk) isPhone(r *sip.Request) bool {
	if t.registrar == nil {
		return false
	}
	for _, h := range r.GetHeaders("authorization") {
		if strings.Contains(h.Value(), `realm="`+phoneRealm+`"`) {
			return true
		}
	}
	if source := sourceOf(r); within(t.cfg.PhoneNets, source) && !within(t.cfg.Peers, source) && source != t.cfg.Self && t.lineOf(source) == nil {
		return true
	}
	g := t.registrar
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, places := range g.bindings {
		for _, b := range places {
			if b.source == r.Source() {
				return true
			}
		}
	}
	return false
}

// Registered reports that a phone of the user can be called.
func (t *Trunk) Registered(user string) bool { return !t.RegisteredAt(user).IsZero() }

// RegisteredAt is when a phone of the user was last heard of, the zero time
// when none can be called.
func (t *Trunk) RegisteredAt(user string) (last time.Time) {
	for _, b := range t.registrar.at(user, time.Now()) {
		if b.at.After(last) {
			last = b.at
		}
	}
	return last
}

// registeredUser reads "sip:USER@registered".
func registeredUser(to call.Number) (string, bool) {
	rest, ok := strings.CutPrefix(string(to), "sip:")
	if !ok {
		return "", false
	}
	user, host, _ := strings.Cut(rest, "@")
	return user, host == registeredHost && user != ""
}

// dialPhone calls the phones of a user, the one that registered last first.
// The policy for calls out does not apply: the call stays in the house. A phone
// that registered over TLS is offered encrypted sound; one that cannot do it is
// rung in the clear, as its own calls are taken: an agent who is not rung helps
// nobody.
func (t *Trunk) dialPhone(ctx context.Context, user string, o *Outgoing) (*Call, error) {
	last := &DialError{Status: 480, Q850: 20, Reason: "no phone of this user is registered"}
	for _, b := range t.registrar.at(user, time.Now()) {
		addr, err := netip.ParseAddrPort(b.source)
		if err != nil {
			continue
		}
		r := route{target: target{addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), name: user}, uri: b.contact, transport: b.transport, own: o.From,
			encrypt: b.transport == "TLS", name: quotable(o.Display), to: user, phone: user,
			from: sip.Uri{Scheme: b.contact.Scheme, User: "anonymous", Host: uriHost(t.contact.Addr().String())}}
		if o.From != "" {
			r.from.User = string(o.From)
		}
		c, failed := t.attempt(ctx, r, o)
		if r.encrypt && failed != nil && failed.otherSound() {
			r.encrypt = false
			c, failed = t.attempt(ctx, r, o)
		}
		if failed == nil {
			return c, nil
		}
		last = failed
		if !failed.elsewhere {
			break
		}
	}
	return nil, last
}
