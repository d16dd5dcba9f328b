//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/pprof"
	"time"

	"golang.org/x/sync/errgroup"

	"hotline/appliance/audio"
	"hotline/appliance/media"
	"hotline/appliance/softphone"
	"hotline/appliance/store"
	"hotline/appliance/trunk"
)

// The numbers of the voice plane alone.
const (
	numberPair     = "pair"
	numberRecorded = "recorded"
	numberBrowser  = "browser"
)

// offerPath is where a browser's offer is answered, at the TCP port of the
// same number as the calls'.
const offerPath = "/offer"

// plane is the voice plane alone: the real trunk, endpoints and browser
// gateway with the smallest possible story of a call. It shows what the whole
// product can reach at best.
type plane struct {
	pairs   chan partner
	phones  chan *softphone.Phone
	gateway *softphone.Gateway
	sound   *store.Store // for recordings
}

// partner is the first of a pair, who waits for the second.
type partner struct {
	leg  *media.Endpoint
	done <-chan struct{}
}

func answer(ctx context.Context, o options) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(o.server))
	if err != nil {
		return fmt.Errorf("the voice plane alone: %w", err)
	}
	ports, err := media.NewPorts(o.server.Addr(), media.FirstPort, media.LastPort)
	if err != nil {
		return err
	}
	pacer, agents := media.NewPacer(log), media.NewPacer(log)
	p := &plane{pairs: make(chan partner), phones: make(chan *softphone.Phone, 1000)}
	if p.gateway, err = softphone.New(softphone.Config{IPs: []netip.Addr{o.server.Addr()}, Pacer: agents, Log: log}); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "hotline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if p.sound, err = store.Open(folder, log); err != nil {
		return err
	}
	defer p.sound.Close()
	line, err := trunk.New(trunk.Config{
		Conn: conn, Ports: ports, Pacer: pacer, MaxCalls: maxCalls, Log: log,
		Serves: func(string) bool { return true }, Handle: p.take,
	})
	if err != nil {
		return err
	}
	offers, err := net.Listen("tcp", o.server.String())
	if err != nil {
		return err
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	pages := &http.Server{Handler: http.HandlerFunc(p.offered)}
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{pacer.Run, agents.Run, p.gateway.Run, line.Run} {
		group.Go(func() error { return run(ctx) })
	}
	group.Go(func() error {
		if err := pages.Serve(offers); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return pages.Close()
	})
	return group.Wait()
}

// offered connects a browser.
func (p *plane) offered(w http.ResponseWriter, r *http.Request) {
	offer, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil || r.URL.Path != offerPath {
		http.Error(w, "an offer is expected", http.StatusBadRequest)
		return
	}
	phone, answer, err := p.gateway.Connect(r.Context(), string(offer))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	p.phones <- phone
	io.WriteString(w, answer)
}

// take is the story of a call.
func (p *plane) take(ctx context.Context, c *trunk.Call) {
	if err := c.Answer(); err != nil {
		return
	}
	defer func() { <-ctx.Done() }()
	leg := c.Audio()
	switch c.To() {
	case numberBrowser:
		select {
		case phone := <-p.phones:
			media.Bridge(leg, phone.Audio())
		case <-ctx.Done():
		}
		return
	case numberPair, numberRecorded:
		select {
		case p.pairs <- partner{leg, ctx.Done()}: // the second of a pair connects both
		case other := <-p.pairs:
			defer media.Bridge(leg, other.leg).Close()
			if c.To() == numberRecorded {
				p.record(ctx, leg, other)
			}
		case <-ctx.Done():
		}
		return
	}
	leg.Music(audio.Tone(440, 10*time.Second, -20))
}

// record writes a pair's conversation until one of them leaves: sealed with a
// key of its own, as the desk does.
func (p *plane) record(ctx context.Context, leg *media.Endpoint, other partner) {
	whole := context.WithoutCancel(ctx)
	f, err := p.sound.CreateBlob(whole, 0, func(*store.Tx, string) error { return nil })
	if err != nil {
		fmt.Fprintln(os.Stderr, "recording:", err)
		return
	}
	r := media.NewRecorder(f)
	r.Left(leg)
	r.Right(other.leg)
	select {
	case <-ctx.Done():
	case <-other.done:
	}
	if _, err := r.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "recording:", err)
	}
	if err := f.Commit(whole, func(*store.Tx, int64) error { return nil }); err != nil {
		fmt.Fprintln(os.Stderr, "recording:", err)
	}
	if n := r.Dropped(); n > 0 {
		fmt.Fprintf(os.Stderr, "recording: %d packets are missing because the disk was too slow\n", n)
	}
}
