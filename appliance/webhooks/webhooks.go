// Package webhooks tells other systems what happens in the hotline: each event
// is sent to the addresses that an administrator has chosen, signed as the
// Standard Webhooks specification has it (webhook-id, webhook-timestamp,
// webhook-signature with HMAC-SHA256).
//
// What is to be sent is read from the event log, behind a place in it that is
// kept for every address. So nothing is copied and nothing is lost, by a stop of
// the program or by a week without internet; only what the log itself forgets by
// age is counted as lost. Every event is delivered at least once, and in order:
// the next one waits until the one before was taken.
//
// It does not know what the events mean: Config.Tell says what may be told.
package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"hotline/appliance/egress"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Message is what other systems are told of an event.
type Message struct {
	ID    string
	Type  string
	Topic string // by which a hook chooses
	Every bool   // told to all, whatever they chose
	At    time.Time
	Data  any
}

// Config is what a Post needs.
type Config struct {
	Store  *store.Store
	Tell   func(events.Event) (Message, bool) // not ok: nobody is told
	Topics []string                           // that hooks can choose
	Off    func() bool                        // the part is switched off; nil: never
	Log    *slog.Logger
}

// Hook is an address that is told what happens.
type Hook struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // of the other system
	URL     string    `json:"url"`
	Topics  []string  `json:"topics"`
	Network string    `json:"network,omitempty"` // of one's own, in which it may be
	Secret  string    `json:"secret"`            // whsec_…; shown once
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	Paused  bool      `json:"paused,omitempty"`
	Gone    bool      `json:"gone,omitempty"` // the other system said so, and was paused for it
}

// Host is the machine of the address, for the log: an address may hold secrets.
func (h Hook) Host() string {
	u, err := url.Parse(h.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// Standing is how far a hook is, and how the last try went.
type Standing struct {
	Seq       uint64    `json:"seq"` // last entry of the log that was dealt with
	Tries     int       `json:"tries,omitempty"`
	Next      time.Time `json:"next,omitzero"`    // not before that
	At        time.Time `json:"at,omitzero"`      // of the last try
	Failing   time.Time `json:"failing,omitzero"` // since when nothing was taken; zero when the last one was
	Result    Result    `json:"result,omitzero"`
	Delivered int       `json:"delivered,omitempty"`
	Refused   int       `json:"refused,omitempty"` // the other system would not have them
	Lost      int       `json:"lost,omitempty"`    // entries of the log that were removed by age before
}

// Result is how a try went.
type Result struct {
	Code   Code `json:"code,omitempty"`
	Status int  `json:"status,omitempty"` // of the answer
}

// Code says how a try went.
type Code string

// Codes.
const (
	Taken       Code = "taken"
	Answered    Code = "answered" // with a status that is not good
	Redirected  Code = "redirected"
	Unreachable Code = "unreachable" // no such name, no answer, broken off
	Private     Code = "private"     // a private network that was not chosen
	Untrusted   Code = "untrusted"   // its certificate
	Slow        Code = "slow"
)

// Codes are all codes, for texts.
func Codes() []Code {
	return []Code{Taken, Answered, Redirected, Unreachable, Private, Untrusted, Slow}
}

// Status is a hook as it stands.
type Status struct {
	Hook
	Standing
	Behind uint64 // entries of the log that are not dealt with
}

// Events of webhooks.
const (
	EventMade    = "webhook.made"
	EventRemoved = "webhook.removed"
	EventPaused  = "webhook.paused"
	EventResumed = "webhook.resumed"
)

// Limits.
const (
	most     = 20 // hooks
	mostURL  = 500
	mostName = 64
)

// Mistake is why a hook is refused: the name of a text of the pages.
type Mistake string

func (m Mistake) Error() string { return "the webhook was refused: " + string(m) }

// Mistakes.
const (
	WrongName    = Mistake("name")
	WrongURL     = Mistake("url")
	WrongPlain   = Mistake("plain")   // http outside of a network of one's own
	WrongPrivate = Mistake("private") // an address of a private network that was not chosen
	WrongNetwork = Mistake("network")
	WrongTopics  = Mistake("topics")
	TooMany      = Mistake("many")
)

// ErrNone says that there is no such hook.
var ErrNone = errors.New("there is no such webhook")

var (
	hooks     = store.NewTable[Hook]("webhooks")
	standings = store.NewTable[Standing]("webhook_standings")
)

// Post delivers.
type Post struct {
	cfg Config
	gap func(tries int) time.Duration

	mu      sync.Mutex
	now     map[string]Standing // as far as each is, which is written down now and then
	changed chan struct{}       // closed when somebody changes a hook
}

// New prepares a Post; Run delivers.
func New(cfg Config) *Post {
	if cfg.Off == nil {
		cfg.Off = func() bool { return false }
	}
	return &Post{cfg: cfg, gap: gapAfter, now: map[string]Standing{}, changed: make(chan struct{})}
}

// guard is which machines the hook may be.
func (h Hook) guard() (egress.Guard, error) {
	guard := egress.Guard{Keep: true}
	u, err := url.Parse(h.URL)
	if err != nil {
		return guard, WrongURL
	}
	if h.Network != "" {
		p, err := egress.ParseNetwork(h.Network)
		if err != nil {
			return guard, WrongNetwork
		}
		guard.Allowed = []netip.Prefix{p}
	}
	guard.Only = u.Scheme == "http" // in clear only where one chose to
	return guard, nil
}

func (p *Post) check(h Hook) error {
	u, err := url.Parse(h.URL)
	switch {
	case h.Name == "" || len([]rune(h.Name)) > mostName:
		return WrongName
	case err != nil || len(h.URL) > mostURL || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		return WrongURL
	case u.Scheme == "http" && h.Network == "":
		return WrongPlain
	case len(h.Topics) == 0 || slices.ContainsFunc(h.Topics, func(t string) bool { return !slices.Contains(p.cfg.Topics, t) }):
		return WrongTopics
	}
	guard, err := h.guard()
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && guard.Check(ip) != nil {
		return WrongPrivate // a name is looked at when it is connected to
	}
	return nil
}

// Add adds a hook: it is told what happens from now on. Its secret is told once.
func (p *Post) Add(ctx context.Context, h Hook) (Hook, error) {
	h.Name, h.URL, h.Network = strings.TrimSpace(h.Name), strings.TrimSpace(h.URL), strings.TrimSpace(h.Network)
	if err := p.check(h); err != nil {
		return Hook{}, err
	}
	h.Secret = NewSecret()
	h.Paused, h.Gone = false, false
	var begun Standing
	err := p.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
		begun, err = putNew(tx, &h, viaOf(h.By))
		return err
	})
	if err != nil {
		return Hook{}, err
	}
	p.keep(h.ID, begun)
	p.wake()
	return h, nil
}

const secretPrefix = "whsec_"

func note(tx *store.Tx, kind string, h Hook, by string) { noteVia(tx, kind, h, by, viaOf(by)) }

// viaOf is how what somebody did came about; nobody is a rule.
func viaOf(by string) string {
	if by == "" {
		return "rule"
	}
	return "web"
}

// Remove ends a hook.
func (p *Post) Remove(ctx context.Context, id, by string) error {
	err := p.change(ctx, id, func(tx *store.Tx, h *Hook) error {
		note(tx, EventRemoved, *h, by)
		return errors.Join(hooks.Delete(tx, id), standings.Delete(tx, id))
	})
	if err == nil {
		p.mu.Lock()
		delete(p.now, id)
		p.mu.Unlock()
	}
	return err
}

// Pause keeps what happens for later, or sends it on.
func (p *Post) Pause(ctx context.Context, id string, paused bool, by string) error {
	defer p.Hurry(id)
	if !paused { // it begins anew
		p.mu.Lock()
		if s, known := p.now[id]; known {
			s.Failing = time.Time{}
			p.now[id] = s
		}
		p.mu.Unlock()
	}
	return p.change(ctx, id, func(tx *store.Tx, h *Hook) error {
		if h.Paused == paused {
			return nil
		}
		kind := EventResumed
		if paused {
			kind = EventPaused
		}
		h.Paused, h.Gone = paused, false
		note(tx, kind, *h, by)
		return hooks.Put(tx, id, *h)
	})
}

// gone pauses a hook whose system says that it is there no more.
func (p *Post) gone(ctx context.Context, id string) error {
	return p.change(ctx, id, func(tx *store.Tx, h *Hook) error {
		h.Paused, h.Gone = true, true
		note(tx, EventPaused, *h, "")
		return hooks.Put(tx, id, *h)
	})
}

func (p *Post) change(ctx context.Context, id string, fn func(*store.Tx, *Hook) error) error {
	err := p.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		h, err := hooks.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNone
		}
		if err != nil {
			return err
		}
		return fn(tx, &h)
	})
	if err == nil {
		p.wake()
	}
	return err
}

// Hurry tries at once what waits for its next try.
func (p *Post) Hurry(id string) {
	p.mu.Lock()
	if s, known := p.now[id]; known {
		s.Next = time.Time{}
		p.now[id] = s
	}
	p.mu.Unlock()
	p.wake()
}

func (p *Post) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Post) watch() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// List are all hooks as they stand, the oldest first.
func (p *Post) List() (list []Status, err error) {
	err = p.cfg.Store.View(func(tx *store.Tx) error {
		mark, err := tx.LogMark()
		if err != nil {
			return err
		}
		for id, h := range hooks.All(tx) {
			one := Status{Hook: h}
			if one.Standing, err = standings.Get(tx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			p.mu.Lock()
			if now, known := p.now[id]; known {
				one.Standing = now
			}
			p.mu.Unlock()
			one.Secret = ""
			if mark.Seq > one.Seq {
				one.Behind = mark.Seq - one.Seq
			}
			list = append(list, one)
		}
		return nil
	})
	return list, err
}

func (p *Post) keep(id string, s Standing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now[id] = s
}

// hook reads a hook and how far it is.
func (p *Post) hook(id string) (h Hook, s Standing, err error) {
	err = p.cfg.Store.View(func(tx *store.Tx) error {
		if h, err = hooks.Get(tx, id); err != nil {
			return err
		}
		if s, err = standings.Get(tx, id); errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return h, s, ErrNone
	}
	if err != nil {
		return h, s, fmt.Errorf("reading a webhook: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now, known := p.now[id]; known {
		return h, now, nil
	}
	p.now[id] = s
	return h, s, nil
}
