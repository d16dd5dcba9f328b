package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	protocol "golang.org/x/crypto/acme"

	"hotline/appliance/acme/far"
	"hotline/appliance/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// box keeps a certificate in a store of its own.
type box struct {
	*Keeper
	t     *testing.T
	log   strings.Builder
	store *store.Store
	used  *tls.Certificate
}

func newBox(t *testing.T, names *far.Names) *box {
	t.Helper()
	b := &box{t: t}
	log := slog.New(slog.NewTextHandler(&b.log, nil))
	var err error
	if b.store, err = store.Open(t.TempDir(), log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.open(names)
	return b
}

func (b *box) open(names *far.Names) {
	b.t.Helper()
	var err error
	b.Keeper, err = Open(Config{Store: b.store, Use: func(c *tls.Certificate) { b.used = c }, Resolvers: []string{names.Addr}, Log: slog.New(slog.NewTextHandler(&b.log, nil))})
	if err != nil {
		b.t.Fatal(err)
	}
	b.limit = limits{whole: time.Minute, answer: 20 * time.Second, visible: 0, blind: 0, pause: time.Millisecond}
}

// wanted are settings by which a certificate is got.
func wanted(names *far.Names, hosts ...string) Settings {
	return Settings{Names: hosts, Way: Update, Server: names.Addr, Key: names.Key, Secret: names.Secret, Network: "127.0.0.1", Agreed: true,
		Directory: "https://127.0.0.1:1/dir"}
}

// tries saves settings and tries once, without Run.
func (b *box) tries(s Settings, now time.Time, look bool) *Failure {
	b.t.Helper()
	if err := b.Save(b.t.Context(), s, look, "admin"); err != nil {
		b.t.Fatal(err)
	}
	<-b.asked
	b.try(b.t.Context(), now, look)
	return b.State().Last
}

func steps(s State) (codes []string) {
	for _, one := range s.Steps {
		codes = append(codes, one.Code)
	}
	return codes
}

// A real authority makes certificates, a real name server shows what it looks
// for: the first one, with a name that leads elsewhere and a wildcard; the next
// after two thirds of its life; and what is kept comes back after a restart.
func TestACertificateIsGotAndRenewed(t *testing.T) {
	names := far.NewNames(t)
	authority := far.NewAuthority(t, names)
	b := newBox(t, names)
	s := wanted(names, "Hotline.example.test.", "other.example.test", "*.example.test", "example.test")
	s.Directory, s.Roots, s.Email = authority.Directory, authority.Roots, "it@example.test"
	now := time.Now()
	if b.wait(now) < idle {
		t.Error("a hotline that wants no certificate asks for one")
	}
	if f := b.tries(s, now, true); f != nil || b.used != nil {
		t.Fatalf("a look: %v", f)
	}
	if got := steps(b.State()); !slices.Equal(got, []string{"authority", "set", "leads", "set", "set", "set", "seen", "seen", "seen", "seen", "cleared", "looked"}) {
		t.Errorf("a look is %v", got)
	}
	if left, sets := names.Left(); len(left) != 0 || sets != 4 {
		t.Errorf("after a look %d records were set, and left are %v", sets, left)
	}
	if b.wait(now) < idle {
		t.Error("a first certificate is asked for although somebody only looks")
	}

	if f := b.tries(s, now, false); f != nil || b.used == nil {
		t.Fatalf("no certificate: %v", f)
	}
	first := b.used.Leaf
	for _, name := range []string{"hotline.example.test", "other.example.test", "any.example.test", "example.test"} {
		if _, err := first.Verify(x509.VerifyOptions{DNSName: name, Roots: authority.Issues, Intermediates: chain(t, b.used)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := steps(b.State()); !slices.Contains(got, "leads") || got[len(got)-1] != "got" || slices.Contains(got, "stays") {
		t.Errorf("the steps are %v", got)
	}
	if left, _ := names.Left(); len(left) != 0 {
		t.Errorf("records are left: %v", left)
	}

	// A restart.
	b.used = nil
	b.open(names)
	if b.used == nil || !b.used.Leaf.Equal(first) {
		t.Fatal("the certificate is gone after a restart")
	}

	// Two thirds of its life.
	if early, late := b.wait(now.Add(58*day)), b.wait(now.Add(66*day)); early <= 0 || late > 0 {
		t.Errorf("it is renewed %v after 58 days, %v after 66 days", early, late)
	}
	b.try(t.Context(), now.Add(66*day), false)
	if st := b.State(); st.Last != nil || st.Pair.Equal(first) || !b.used.Leaf.Equal(st.Pair) {
		t.Fatalf("it was not renewed: %v", st.Last)
	}

	// The authority will not have a name; it cannot be reached: what is there stays.
	renewed := b.used.Leaf
	s.Names = []string{"blocked.test"}
	if f := b.tries(s, now, false); f == nil || f.Code != FailedName || !strings.Contains(f.Detail, "blocked.test") {
		t.Errorf("a name that the authority will not have: %v", f)
	}
	names.Hide(true)
	s.Names = []string{"hotline.example.test"}
	s.Server = names.Addr
	b.limit.visible = time.Millisecond
	if f := b.tries(s, now, false); f == nil || f.Code != FailedInvisible || f.Values[3] != names.Addr {
		t.Errorf("a record that is not to be seen: %v", f)
	}
	names.Hide(false)
	authority.Stop()
	if f := b.tries(s, now, false); f == nil || f.Code != FailedOffline {
		t.Errorf("an authority that does not answer: %v", f)
	}
	if !b.used.Leaf.Equal(renewed) {
		t.Error("the certificate that was there is not in use any more")
	}
	st := b.State()
	if st.Fails != 1 || !st.Failing.Equal(now) || st.Next.Sub(now) < 5*time.Minute || st.Next.Sub(now) > 10*time.Minute {
		t.Errorf("after a failure it stands %+v", st.Standing)
	}
	if text := b.log.String(); strings.Contains(text, names.Secret) || !strings.Contains(text, "stays in use") {
		t.Errorf("the log tells the secret, or nothing: %s", text)
	}
	if err := b.Remove(t.Context(), "admin"); err != nil || b.used != nil || b.State().Set || b.Ask(t.Context(), false) != ErrNone {
		t.Errorf("after removing it: %v, %v", err, b.used)
	}
	b.open(names)
	if b.used != nil || b.State().Set {
		t.Error("what was removed comes back after a restart")
	}
}

func chain(t *testing.T, pair *tls.Certificate) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		pool.AddCert(c)
	}
	return pool
}

// What a name server says of a key, and what it does not say, over real
// connections.
func TestWhyARecordIsNotSet(t *testing.T) {
	names := far.NewNames(t)
	b := newBox(t, names)
	sets := func(change func(*Settings), name string) *Failure {
		t.Helper()
		s := wanted(names, "hotline.example.test")
		change(&s)
		s.tidy()
		guard, err := s.guard()
		if err != nil {
			t.Fatal(err)
		}
		tr := &try{k: b.Keeper, s: s, now: time.Now()}
		_, _, err = tr.setter(guard).set(t.Context(), name, "value")
		if err == nil {
			return nil
		}
		return failureOf(err, s)
	}
	at := record("hotline.example.test")
	for what, c := range map[string]struct {
		change func(*Settings)
		name   string
		want   FailureCode
	}{
		"a wrong secret":               {func(s *Settings) { s.Secret = "b3RoZXI=" }, at, FailedKey},
		"a key that it does not know":  {func(s *Settings) { s.Key = "stranger" }, at, FailedKey},
		"a name that it does not know": {func(*Settings) {}, record("hotline.example.org"), FailedZone},
		"no server there":              {func(s *Settings) { s.Server = "127.0.0.1:1" }, at, FailedServer},
		"a network that nobody chose":  {func(s *Settings) { s.Network = "" }, at, FailedPrivate},
	} {
		if f := sets(c.change, c.name); f == nil || f.Code != c.want {
			t.Errorf("%s: %v", what, f)
		}
	}
	names.Refuse(true)
	if f := sets(func(*Settings) {}, at); f == nil || f.Code != FailedRefused {
		t.Errorf("a key that may not: %v", f)
	}
	names.Refuse(false)
	names.Late(true)
	if f := sets(func(*Settings) {}, at); f == nil || f.Code != FailedTime {
		t.Errorf("another clock: %v", f)
	}
	names.Late(false)
	if f := sets(func(*Settings) {}, at); f != nil {
		t.Errorf("everything right: %v", f)
	}
}

// The clock of an authority is compared with ours, before anything goes wrong
// because of it.
func TestAClockThatDiffersIsTold(t *testing.T) {
	for off, told := range map[time.Duration]bool{time.Minute: false, -time.Minute: false, 3 * time.Hour: true, -3 * time.Hour: true} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			fmt.Fprint(w, `{"newNonce":"https://127.0.0.1/n","newAccount":"https://127.0.0.1/a","newOrder":"https://127.0.0.1/o"}`)
		}))
		names := wanted(&far.Names{}, "hotline.example.test")
		names.Directory, names.Roots = server.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
		tr := &try{k: &Keeper{limit: usual()}, s: names, now: time.Now()}
		_, end, err := tr.authority(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		end()
		server.Close()
		if got := slices.ContainsFunc(tr.k.steps, func(s Step) bool { return s.Code == "clock" && s.Warn }); got != told {
			t.Errorf("a difference of %v is told: %v", off, got)
		}
	}
}

func TestAnswersOfAuthoritiesInOurWords(t *testing.T) {
	kind := func(k string) string { return "urn:ietf:params:acme:error:" + k }
	wait := map[string][]string{"Retry-After": {"3600"}}
	for what, c := range map[string]struct {
		err  error
		want FailureCode
	}{
		"asked too often":   {&protocol.Error{StatusCode: 429, ProblemType: kind("rateLimited"), Header: wait}, FailedLimited},
		"its own trouble":   {&protocol.Error{StatusCode: 503, ProblemType: kind("serverInternal")}, FailedDown},
		"a binding":         {&protocol.Error{StatusCode: 403, ProblemType: kind("externalAccountRequired")}, FailedAccount},
		"not for them":      {&protocol.Error{StatusCode: 403, ProblemType: kind("caa")}, FailedCAA},
		"another page":      {&protocol.Error{StatusCode: 404}, FailedForeign},
		"no record":         {&protocol.AuthorizationError{Identifier: "a.example.test", Errors: []error{&protocol.Error{ProblemType: kind("unauthorized"), Detail: "No TXT record"}}}, FailedProof},
		"others only":       {&protocol.AuthorizationError{Errors: []error{&protocol.Error{ProblemType: kind("caa")}}}, FailedCAA},
		"an order is void":  {&protocol.OrderError{Status: "invalid", Problem: &protocol.Error{ProblemType: kind("rejectedIdentifier")}}, FailedName},
		"a wrong clock":     {x509.CertificateInvalidError{Reason: x509.Expired}, FailedClock},
		"not believed":      {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, FailedUntrusted},
		"too slow":          {context.DeadlineExceeded, FailedOffline},
		"something strange": {errors.New("invalid character '<'"), FailedForeign},
	} {
		if f := failureOf(c.err, Settings{}); f.Code != c.want || !slices.Contains(Failures(), f.Code) {
			t.Errorf("%s: %v", what, f)
		}
	}
	if f := failureOf(&protocol.Error{StatusCode: 429, ProblemType: kind("rateLimited"), Header: wait}, Settings{}); f.After < 59*time.Minute {
		t.Errorf("how long to wait is not read: %v", f.After)
	}
}

// However it goes, an authority is asked a few times a day at most, also by hand.
func TestAnAuthorityIsNotAskedTooOften(t *testing.T) {
	now := time.Now()
	begun := now
	leaf := func(life time.Duration) *tls.Certificate {
		return &tls.Certificate{Leaf: &x509.Certificate{DNSNames: []string{"a.test"}, NotBefore: now, NotAfter: now.Add(life), SerialNumber: big.NewInt(255)}}
	}
	k := &Keeper{set: true, settings: Settings{Names: []string{"a.test"}}}
	asked := 0
	for now.Sub(begun) < 10*day { // every try fails after the order
		if w := k.wait(now); w > 0 {
			now = now.Add(w)
			continue
		}
		if err := k.mayOrder(now); err != nil {
			t.Fatalf("it is time, and too early: %v", err)
		}
		k.standing.Orders = append(within(k.standing.Orders, now, day), now)
		if asked++; len(k.standing.Orders) > mostOrders {
			t.Fatalf("%d orders in a day", len(k.standing.Orders))
		}
		k.standing.Fails++
		k.standing.Next = now.Add(gapAfter(k.standing.Fails, true))
	}
	if asked < 9 || asked > 16 {
		t.Errorf("%d orders in ten days", asked)
	}
	k.standing.Orders = []time.Time{now, now, now, now, now}
	var f *Failure
	if err := k.mayOrder(now.Add(time.Hour)); !errors.As(err, &f) || f.Code != FailedTries {
		t.Errorf("a sixth order by hand: %v", err)
	}
	if err := k.mayOrder(now.Add(day)); err != nil {
		t.Errorf("a day later: %v", err)
	}
	if err := k.mayOrder(now.Add(-day)); err != nil {
		t.Errorf("with a clock that was set back: %v", err)
	}
	k.standing = Standing{Got: []time.Time{now, now, now, now}}
	if err := k.mayOrder(now.Add(3 * day)); err == nil {
		t.Error("a fifth certificate in a week")
	}
	k.standing = Standing{Next: now.Add(1000 * day)}
	if k.wait(now) > 0 {
		t.Error("a wait that was reckoned with a wrong clock holds")
	}
	k.standing, k.pair = Standing{}, leaf(90*day)
	if at := renewal(k.pair.Leaf).Sub(now); at < 60*day || at > 65*day {
		t.Errorf("it is renewed after %v", at)
	}
	k.settings.Names = []string{"b.test"}
	if k.wait(now) > 0 {
		t.Error("a certificate for other names is left as it is")
	}
	for fails := range 9 {
		if gap := gapAfter(fails, false); gap < 5*time.Minute || gap > 40*time.Minute {
			t.Errorf("an authority that is not reached is tried after %v", gap)
		}
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	names := far.NewNames(t)
	b := newBox(t, names)
	for want, change := range map[Mistake]func(*Settings){
		WrongNames: func(s *Settings) { s.Names = []string{"hotline.local"} }, WrongEmail: func(s *Settings) { s.Email = "it" },
		WrongDirectory: func(s *Settings) { s.Directory = "http://ca.example.test/dir" }, WrongRoots: func(s *Settings) { s.Roots = "root" },
		WrongWay: func(s *Settings) { s.Way = "pigeon" }, WrongServer: func(s *Settings) { s.Server = "" }, WrongKey: func(s *Settings) { s.Key = "" },
		WrongSecret: func(s *Settings) { s.Secret = "not base64" }, WrongNetwork: func(s *Settings) { s.Network = "8.8.8.8" }, NotAgreed: func(s *Settings) { s.Agreed = false },
	} {
		s := wanted(names, "hotline.example.test")
		change(&s)
		if err := b.Save(t.Context(), s, true, "admin"); err != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, hosts := range [][]string{{}, {"hotline"}, {"192.0.2.7"}, {"a b.example.test"}, {"*.*.example.test"}, {"https://a.example.test"}, {"x.lan"}} {
		if err := b.Save(t.Context(), wanted(names, hosts...), true, "admin"); err != WrongNames {
			t.Errorf("%q: %v", hosts, err)
		}
	}
	s := wanted(names, "Ayuda.Município.test", "ayuda.município.test.")
	if err := b.Save(t.Context(), s, true, "admin"); err != nil || !slices.Equal(b.State().Settings.Names, []string{"ayuda.xn--municpio-g2a.test"}) {
		t.Errorf("%v: %v", b.State().Settings.Names, err)
	}

	// The secret stays where it is, is never told, and goes to no other way.
	s.Secret = ""
	if err := b.Save(t.Context(), s, true, "admin"); err != nil || b.settings.Secret != names.Secret || b.State().Settings.Secret != "" || !b.State().Secret {
		t.Errorf("a secret that was not typed again: %v", err)
	}
	s.Way = DeSEC
	if err := b.Save(t.Context(), s, true, "admin"); err != WrongSecret {
		t.Errorf("the secret of a key is taken as a token: %v", err)
	}
}
