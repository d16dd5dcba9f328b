// Package acme gets certificates for names of the hotline from an authority that
// gives them to programs (ACME, RFC 8555), and renews them. The authority looks
// for a record in the public system of names (DNS-01, RFC 8555 §8.4), so nobody
// has to be able to reach the hotline from outside.
//
// A hotline must work without the internet, so nothing waits for this package:
// the certificate that is there stays in use whatever happens, and who decides
// what is shown to whom is Config.Use. How often an authority is asked is bounded
// here, because authorities stop listening to those who ask too often.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Config is what a Keeper needs.
type Config struct {
	Store *store.Store
	// Use takes a certificate into use, at once and for names of it; nil ends that.
	Use       func(*tls.Certificate)
	Resolvers []string // that are asked for names, as host:port; none: those of the machine
	Log       *slog.Logger
}

// Certificate is one that was got, with its key.
type Certificate struct {
	Chain [][]byte  `json:"chain"` // DER, the hotline's own first
	Key   []byte    `json:"key"`   // PKCS #8
	At    time.Time `json:"at"`
}

// account is the one with an authority.
type account struct {
	Key []byte `json:"key"` // PKCS #8
}

// Events of certificates that are got.
const (
	EventSet     = "certificate.order.set"
	EventRemoved = "certificate.order.removed"
	EventGot     = "certificate.order.got"
	EventFailed  = "certificate.order.failed" // the first time after it went well
)

var (
	orders       = store.NewTable[Settings]("certificate_orders")
	accounts     = store.NewTable[account]("certificate_accounts") // by directory
	certificates = store.NewTable[Certificate]("certificates_got")
	standings    = store.NewTable[Standing]("certificate_standings")
)

// the is the key of what there is one of.
const the = "the"

// ErrNone says that no certificate is to be got.
var ErrNone = errors.New("no certificate is to be got by itself")

// Step is something that happened in a try: its code is a text of the pages.
type Step struct {
	At     time.Time `json:"at"`
	Code   string    `json:"code"`
	Values []string  `json:"values,omitempty"` // name, value, name, value …
	Warn   bool      `json:"warn,omitempty"`
}

// Standing is how the last try went, and when the next one may be.
type Standing struct {
	At      time.Time   `json:"at,omitzero"`
	Look    bool        `json:"look,omitempty"` // the last try was only a look
	Steps   []Step      `json:"steps,omitempty"`
	Last    *Failure    `json:"last,omitempty"`   // why the last try, also a look, ended; nil: well
	Why     *Failure    `json:"why,omitempty"`    // why there is no new certificate
	Failing time.Time   `json:"failing,omitzero"` // since when there is none
	Fails   int         `json:"fails,omitempty"`  // in a row
	Next    time.Time   `json:"next,omitzero"`    // not by itself before that
	Orders  []time.Time `json:"orders,omitempty"` // of the last day
	Got     []time.Time `json:"got,omitempty"`    // certificates of the last week
}

// State is everything that the pages show.
type State struct {
	Set      bool
	Settings Settings // without what is secret
	Secret   bool     // there is one
	Standing
	Running bool // then Steps are those of the try that runs
	Pair    *x509.Certificate
	By      string // the authority, in its own words
}

// Keeper gets the certificate and renews it.
type Keeper struct {
	cfg   Config
	limit limits
	asked chan bool // somebody asks for a try; true: a look

	mu       sync.Mutex
	settings Settings
	set      bool
	standing Standing
	pair     *tls.Certificate
	running  bool
	looking  bool   // what runs is only a look
	steps    []Step // of the try that runs
}

// Open reads what was got before and takes it into use. Run renews.
func Open(cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg, limit: usual(), asked: make(chan bool, 1)}
	var kept Certificate
	err := cfg.Store.View(func(tx *store.Tx) (err error) {
		if k.settings, err = orders.Get(tx, the); err != nil {
			return err
		}
		k.set = true
		if k.standing, err = standings.Get(tx, the); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		kept, err = certificates.Get(tx, the)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("reading how a certificate is got: %w", err)
	}
	if len(kept.Chain) > 0 {
		pair, err := kept.pair()
		if err != nil {
			cfg.Log.Error("the certificate that was got cannot be read; a new one is asked for", "error", err)
		} else {
			k.pair = pair
			cfg.Use(pair)
		}
	}
	return k, nil
}

// pair is a certificate as servers want it.
func (c Certificate) pair() (*tls.Certificate, error) {
	key, err := parseKey(c.Key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(c.Chain[0])
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: c.Chain, PrivateKey: key, Leaf: leaf}, nil
}

// State is how it stands.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := State{Set: k.set, Settings: k.settings, Secret: k.settings.Secret != "", Standing: k.standing, Running: k.running}
	s.Settings.Secret = ""
	if k.running {
		s.Steps = slices.Clone(k.steps)
	}
	if k.pair != nil {
		s.Pair, s.By = k.pair.Leaf, issuerOf(k.pair.Leaf)
	}
	return s
}

// Save decides for which names a certificate is got, and how. A secret that is
// not given stays as it is, unless it would go to somebody else. It is tried at
// once; with look only looked at, and a first certificate waits until it is asked
// for.
func (k *Keeper) Save(ctx context.Context, s Settings, look bool, by string) error {
	k.mu.Lock()
	before := k.settings
	s.Held = look && k.pair == nil
	k.mu.Unlock()
	s.tidy()
	if s.Secret == "" && s.Way == before.Way && s.Server == before.Server {
		s.Secret = before.Secret
	}
	if err := s.check(); err != nil {
		return err
	}
	var standing Standing
	err := k.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		standing = k.fresh()
		s.Changed = tx.Now()
		tx.Emit(events.Event{Kind: EventSet, By: by, Via: "web", Data: map[string]string{"authority": s.host(), "way": string(s.Way)}})
		return errors.Join(orders.Put(tx, the, s), standings.Put(tx, the, standing))
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.settings, k.set, k.standing = s, true, standing
	k.mu.Unlock()
	k.put(look)
	return nil
}

// fresh is a standing in which nothing has failed; how often the authority was
// asked is not forgotten.
func (k *Keeper) fresh() Standing {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Standing{Orders: k.standing.Orders, Got: k.standing.Got}
}

// Remove ends it: the certificate and what is secret are forgotten, and
// everybody gets the hotline's own.
func (k *Keeper) Remove(ctx context.Context, by string) error {
	var standing Standing
	err := k.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		if _, err := orders.Get(tx, the); errors.Is(err, store.ErrNotFound) {
			return ErrNone
		}
		standing = k.fresh()
		tx.Emit(events.Event{Kind: EventRemoved, By: by, Via: "web"})
		return errors.Join(orders.Delete(tx, the), certificates.Delete(tx, the), standings.Put(tx, the, standing))
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.settings, k.set, k.standing, k.pair = Settings{}, false, standing, nil
	k.mu.Unlock()
	k.cfg.Use(nil)
	return nil
}

// Ask asks for a try now: for a certificate, or with look only for what can be
// seen without one. It does not wait for it.
func (k *Keeper) Ask(ctx context.Context, look bool) error {
	k.mu.Lock()
	set, held, same := k.set, k.settings.Held, k.running && (look || !k.looking)
	k.mu.Unlock()
	switch {
	case !set:
		return ErrNone
	case same: // it runs already
		return nil
	case held && !look: // from now on by itself
		if err := k.release(ctx); err != nil {
			return err
		}
	}
	k.put(look)
	return nil
}

// release ends that a first certificate waits.
func (k *Keeper) release(ctx context.Context) error {
	err := k.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		s, err := orders.Get(tx, the)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNone
		}
		s.Held = false
		return errors.Join(err, orders.Put(tx, the, s))
	})
	if err == nil {
		k.mu.Lock()
		k.settings.Held = false
		k.mu.Unlock()
	}
	return err
}

// put hands a try to Run. The page that comes next shows it.
func (k *Keeper) put(look bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case k.asked <- look:
		if !k.running {
			k.running, k.looking, k.steps = true, look, nil
		}
	default: // one waits already
	}
}

// Run tries whenever it is time, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		timer := time.NewTimer(k.wait(time.Now()))
		select {
		case <-ctx.Done():
		case look := <-k.asked:
			k.try(ctx, time.Now(), look)
		case <-timer.C:
			if k.wait(time.Now()) <= 0 {
				k.try(ctx, time.Now(), false)
			}
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// try tries once and notes how that went.
func (k *Keeper) try(ctx context.Context, now time.Time, look bool) {
	k.mu.Lock()
	s, set := k.settings, k.set
	k.running, k.looking, k.steps = true, look, nil
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		k.running = len(k.asked) > 0 // the next one begins at once
		k.mu.Unlock()
	}()
	if !set {
		return
	}
	t := &try{k: k, s: s, now: now}
	long, stop := context.WithTimeout(ctx, k.limit.whole)
	defer stop()
	var err error
	if look {
		err = t.look(long)
	} else if err = k.mayOrder(now); err == nil {
		err = t.get(long)
	}
	if ctx.Err() != nil {
		return // the program ends: nobody knows how it would have gone
	}
	if err := k.settle(ctx, s, now, look, failureOf(err, s)); err != nil {
		k.cfg.Log.Error("how a certificate was asked for could not be written down", "error", err)
	}
}

// settle notes how a try went.
func (k *Keeper) settle(ctx context.Context, s Settings, now time.Time, look bool, f *Failure) error {
	k.mu.Lock()
	st := k.standing
	st.At, st.Look, st.Steps, st.Last = now, look, slices.Clone(k.steps), f
	k.mu.Unlock()
	first := false
	switch {
	case look || f != nil && f.Code == FailedTries:
	case f == nil:
		st.Why, st.Failing, st.Fails, st.Next = nil, time.Time{}, 0, time.Time{}
	default:
		if first = st.Failing.IsZero(); first {
			st.Failing = now
		}
		st.Why, st.Fails = f, st.Fails+1
		st.Next = now.Add(max(gapAfter(st.Fails, f.reached()), min(f.After, longest)))
	}
	if f != nil {
		level := slog.LevelInfo // without internet this is said every half hour
		if first || look {
			level = slog.LevelWarn
		}
		k.cfg.Log.Log(ctx, level, "a certificate could not be got; the one that is there stays in use", "names", s.Names, "look", look, "why", f.Code, "detail", f.Detail, "next", st.Next)
	}
	err := k.cfg.Store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if kept, err := orders.Get(tx, the); err != nil || !kept.Changed.Equal(s.Changed) {
			return nil // it was removed or changed meanwhile: this try says nothing about the new one
		}
		if first {
			tx.Emit(events.Event{Kind: EventFailed, Via: "rule", Data: map[string]string{"why": string(f.Code)}})
		}
		return standings.Put(tx, the, st)
	})
	k.mu.Lock()
	if k.settings.Changed.Equal(s.Changed) {
		k.standing = st
	}
	k.mu.Unlock()
	return err
}

// ordered notes that the authority is asked, before it is.
func (k *Keeper) ordered(ctx context.Context, now time.Time) error {
	k.mu.Lock()
	k.standing.Orders = append(within(k.standing.Orders, now, day), now)
	st := k.standing
	k.mu.Unlock()
	return k.cfg.Store.Update(ctx, func(tx *store.Tx) error { return standings.Put(tx, the, st) })
}

// got keeps a certificate and takes it into use.
func (k *Keeper) got(ctx context.Context, s Settings, c Certificate, now time.Time) error {
	pair, err := c.pair()
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.standing.Got = append(within(k.standing.Got, now, 7*day), now)
	st := k.standing
	k.mu.Unlock()
	stale := false
	err = k.cfg.Store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		kept, err := orders.Get(tx, the)
		if stale = err != nil || !kept.Changed.Equal(s.Changed); stale {
			return nil
		}
		tx.Emit(events.Event{Kind: EventGot, Via: "rule", Data: map[string]string{"authority": s.host(), "ends": pair.Leaf.NotAfter.UTC().Format(time.DateOnly)}})
		return errors.Join(certificates.Put(tx, the, c), standings.Put(tx, the, st))
	})
	if err != nil || stale {
		return err
	}
	k.mu.Lock()
	k.pair = pair
	k.mu.Unlock()
	k.cfg.Use(pair)
	k.cfg.Log.Info("a certificate was got and is in use", "names", s.Names, "ends", pair.Leaf.NotAfter)
	return nil
}

// accountKey is the key of the account with an authority: made once.
func (k *Keeper) accountKey(ctx context.Context, directory string) ([]byte, error) {
	var a account
	err := k.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		if a, err = accounts.Get(tx, directory); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if a.Key, err = newKey(); err != nil {
			return err
		}
		return accounts.Put(tx, directory, a)
	})
	return a.Key, err
}
