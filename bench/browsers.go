//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/appliance/softphone/softphonetest"
)

// browsers joins callers with WebRTC clients. What the callers hear is what
// the browsers say; of the browsers it is counted what they hear.
func browsers(ctx context.Context, o options) (t table, err error) {
	var rs []result
	for _, n := range []int{50, 100} {
		r, err := measureBrowsers(ctx, o, n)
		if err != nil {
			return t, fmt.Errorf("%d browsers: %w", n, err)
		}
		rs = append(rs, r)
	}
	t.row("conversations", "target", column(rs, func(r result) string { return strconv.Itoa(r.calls) })...)
	t.row("CPU-s per conversation-minute", "", column(rs, func(r result) string { return fmt.Sprintf("%.4f", r.cpuMinute()) })...)
	t.row("memory per conversation, kB", "", column(rs, func(r result) string { return fmt.Sprintf("%.1f", float64(r.after.rss-r.idle)/1024/float64(r.calls)) })...)
	t.row("heard by browsers, of what was due", "", column(rs, func(r result) string {
		return fmt.Sprintf("%.3f %%", 100*float64(r.browserPackets)/(r.took.Seconds()*50*float64(r.calls)))
	})...)
	t.common(rs)
	return t, nil
}

func measureBrowsers(ctx context.Context, o options, n int) (r result, err error) {
	s, err := voicePlane(o, numberBrowser)
	if err != nil {
		return r, err
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute+o.measure)
	defer cancel()
	signals, err := newSignalling(s.at, s.number)
	if err != nil {
		return r, err
	}
	v, err := newVoice(false)
	if err != nil {
		signals.close()
		return r, err
	}
	l := &load{signals: signals, voice: v}
	defer l.close()
	if err := signals.ready(ctx); err != nil {
		return r, err
	}
	idle, err := readProcess(s.pid)
	if err != nil {
		return r, err
	}
	opened := &pages{}
	defer opened.close()
	var open []*softphonetest.Browser
	for range n {
		b, err := opened.connect(ctx, s.at)
		if err != nil {
			return r, err
		}
		open = append(open, b)
		c, err := signals.place(ctx, v.port(), 500*time.Millisecond)
		if err != nil {
			return r, err
		}
		v.add(c.media)
	}
	l.up = n
	if err := sleep(ctx, 3*time.Second); err != nil {
		return r, err
	}
	before := 0
	for _, b := range open {
		before += b.Count()
	}
	r, err = l.measure(ctx, s, o.measure)
	for _, b := range open {
		r.browserPackets += b.Count()
	}
	r.browserPackets -= before
	r.idle = idle.rss
	return r, err
}

// pages are open browsers. It stands in for the test that softphonetest
// expects: what would fail the test ends the measurement.
type pages struct {
	testing.TB
	undo []func()
}

type pageFault struct{ error }

func (p *pages) Helper()                      {}
func (p *pages) Cleanup(undo func())          { p.undo = append(p.undo, undo) }
func (p *pages) Fatal(args ...any)            { panic(pageFault{errors.New(fmt.Sprint(args...))}) }
func (p *pages) Fatalf(f string, args ...any) { panic(pageFault{fmt.Errorf(f, args...)}) }

func (p *pages) close() {
	for _, undo := range p.undo {
		undo()
	}
}

// connect opens a browser that talks to the server.
func (p *pages) connect(ctx context.Context, at netip.AddrPort) (b *softphonetest.Browser, err error) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case pageFault:
			err = fault
		default:
			panic(fault)
		}
	}()
	b = softphonetest.Open(p)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at.String()+offerPath, strings.NewReader(b.Offer(p)))
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the offer was not answered: %s", answer)
	}
	b.Accept(p, string(answer))
	b.Speak(440)
	return b, nil
}
