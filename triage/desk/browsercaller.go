package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/media"
	"hotline/appliance/softphone"
	"hotline/appliance/trunk"
)

// callerLeg is the sound of whoever seeks help: a telephone call, or a browser
// on the box's own network.
type callerLeg interface {
	leg
	ID() string
	From() call.Number
	To() string
	Redirected() call.Number
	Header(name string) []string
	Phone() string // user of the registered telephone; "" when it is none
	Outgoing() bool
	Answer() error
	Hangup(call.Cause)
}

// Channels of contacts.
const (
	channelPhone   = "phone"
	channelBrowser = "browser"
)

func channelOf(l callerLeg) string {
	if _, browser := l.(*BrowserCall); browser {
		return channelBrowser
	}
	return channelPhone
}

// How many browsers may call at a time. Telephones go before: what is left of
// the machine is theirs.
const (
	browsersMost    = 20
	browsersPerAddr = 2
	browserConnects = 15 * time.Second
)

// Refusals of browser calls, as sentences for the caller.
var (
	ErrManyBrowsers = UserError("All lines for browsers are taken at this moment. Try again in a minute, or call with a telephone.")
	ErrSameAddress  = UserError("This device or network is calling already. End that call first.")
)

// BrowserCall is a call from a page. It has no number and nobody can be called
// back by it. It ends with the page.
type BrowserCall struct {
	id, to string
	phone  *softphone.Phone
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// browserCalls counts the calls from browsers.
type browserCalls struct {
	mu  sync.Mutex
	by  map[string]int // address
	all int
}

func (b *browserCalls) enter(source string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.by[source] >= browsersPerAddr:
		return ErrSameAddress
	case b.all >= browsersMost:
		return ErrManyBrowsers
	}
	if b.by == nil {
		b.by = map[string]int{}
	}
	b.by[source]++
	b.all++
	return nil
}

func (b *browserCalls) leave(source string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by[source]--; b.by[source] <= 0 {
		delete(b.by, source)
	}
	b.all--
}

// BrowserCaller is one page that may call. The page's address is used to count
// and is kept nowhere.
type BrowserCaller struct {
	d      *Desk
	to     string
	source string
	call   *BrowserCall
	answer string
}

// CallFromBrowser connects the sound of a page that calls the number to. Serve
// then carries the call to its end.
func (d *Desk) CallFromBrowser(ctx context.Context, to, source, offerSDP string) (*BrowserCaller, error) {
	entry, ours := d.entries()[to]
	if !ours || entry.Supervisor || entry.Flash {
		return nil, UserError("This number cannot be called from here.")
	}
	if err := d.browsers.enter(source); err != nil {
		return nil, err
	}
	phone, answer, err := d.cfg.Gateway.Connect(ctx, offerSDP)
	if err != nil {
		d.browsers.leave(source)
		d.cfg.Log.Info("a browser could not call", "error", err)
		if errors.Is(err, softphone.ErrFull) {
			return nil, ErrManyBrowsers
		}
		return nil, UserError("The sound of this page could not be connected. Load the page again; if that does not help, try another browser or a telephone.")
	}
	c := &BrowserCall{id: "browser-" + rand.Text()[:12], to: to, phone: phone}
	c.ctx, c.cancel = context.WithCancelCause(phone.Context())
	return &BrowserCaller{d: d, to: to, source: source, call: c, answer: answer}, nil
}

// Answer is the description of the sound for the page.
func (b *BrowserCaller) Answer() string { return b.answer }

// Serve carries the call to its end, as one from a telephone.
func (b *BrowserCaller) Serve() {
	defer b.d.browsers.leave(b.source)
	defer b.call.phone.Close()
	defer b.call.cancel(call.Cause{By: call.BySystem, Reason: "the call is over"})
	if err := b.d.attempt("a call from a browser", func() error { b.d.serveCaller(b.call); return nil }); err != nil {
		b.d.cfg.Log.Error("a call from a browser failed", "error", err)
	}
}

// Press is a key of the keypad on the screen.
func (b *BrowserCaller) Press(key byte) { b.call.phone.Audio().Press(key) }

// Hangup is the caller's own: the button, or the page is gone.
func (b *BrowserCaller) Hangup() {
	b.call.cancel(call.Cause{By: call.ByCaller, Reason: "hung up in the browser"})
}

// Stop ends the call because the hotline stops.
func (b *BrowserCaller) Stop() {
	b.call.cancel(call.Cause{By: call.BySystem, Reason: "the hotline stopped"})
}

// ID names the call in logs.
func (c *BrowserCall) ID() string { return c.id }

// From is nobody's number.
func (c *BrowserCall) From() call.Number { return "" }

// To is the number whose dialogue the caller hears.
func (c *BrowserCall) To() string { return c.to }

// Redirected is always empty.
func (c *BrowserCall) Redirected() call.Number { return "" }

// Header is always empty.
func (c *BrowserCall) Header(string) []string { return nil }

// Phone is always empty.
func (c *BrowserCall) Phone() string { return "" }

// Outgoing is never so.
func (c *BrowserCall) Outgoing() bool { return false }

// Context ends with a call.Cause when the call does.
func (c *BrowserCall) Context() context.Context { return c.ctx }

// Audio is the sound of the page.
func (c *BrowserCall) Audio() *media.Endpoint { return c.phone.Audio() }

// Answer waits until sound can flow.
func (c *BrowserCall) Answer() error {
	limit := time.NewTimer(browserConnects)
	defer limit.Stop()
	select {
	case <-c.phone.Connected():
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	case <-limit.C:
		c.cancel(call.Cause{By: call.ByNetwork, Reason: "the browser did not connect"})
		return context.Cause(c.ctx)
	}
}

// Hangup ends the call.
func (c *BrowserCall) Hangup(cause call.Cause) { c.cancel(cause) }

var (
	_ callerLeg = (*BrowserCall)(nil)
	_ callerLeg = (*trunk.Call)(nil)
)

// BrowserCalls is how many people call with a browser now.
func (d *Desk) BrowserCalls() int {
	d.browsers.mu.Lock()
	defer d.browsers.mu.Unlock()
	return d.browsers.all
}
