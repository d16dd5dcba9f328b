//go:build linux

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/pprof"
	"time"

	"golang.org/x/sync/errgroup"

	"hotline/appliance/audio"
	"hotline/appliance/media"
	"hotline/appliance/trunk"
)

// answer is the voice plane alone: the real trunk and endpoints with the
// smallest possible story of a call. It shows what the whole product can reach
// at best.
func answer(ctx context.Context, o options) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(o.server))
	if err != nil {
		return fmt.Errorf("the voice plane alone: %w", err)
	}
	ports, err := media.NewPorts(o.server.Addr(), media.FirstPort, media.LastPort)
	if err != nil {
		return err
	}
	pacer := media.NewPacer(log)
	music := audio.Tone(440, 10*time.Second, -20)
	pairs := make(chan *media.Endpoint)
	line, err := trunk.New(trunk.Config{
		Conn: conn, Ports: ports, Pacer: pacer, MaxCalls: maxCalls, Log: log,
		Serves: func(string) bool { return true },
		Handle: func(ctx context.Context, c *trunk.Call) {
			if err := c.Answer(); err != nil {
				return
			}
			c.Audio().Music(music)
			if o.bridge {
				select {
				case pairs <- c.Audio(): // the second of a pair connects both
				case other := <-pairs:
					defer media.Bridge(c.Audio(), other).Close()
				case <-ctx.Done():
				}
			}
			<-ctx.Done()
		},
	})
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
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return pacer.Run(ctx) })
	group.Go(func() error { return line.Run(ctx) })
	return group.Wait()
}
