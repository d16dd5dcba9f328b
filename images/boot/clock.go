//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What the page of the machine's health says.
const (
	clockLost = "goes on without power shows another time"
	clockGood = "The clock is kept right."
)

// shown is the time of the machine, as every answer of it tells.
func shown(ctx context.Context) (time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, pages+"/healthz", nil)
	if err != nil {
		return time.Time{}, err
	}
	res, err := client().Do(request)
	if err != nil {
		return time.Time{}, err
	}
	res.Body.Close()
	return http.ParseTime(res.Header.Get("Date"))
}

// healthSays reports whether the page of the machine's health says something.
func healthSays(ctx context.Context, password, words string) (bool, error) {
	admin, err := signIn(ctx, "ana", password)
	if err != nil {
		return false, err
	}
	page, err := get(admin, "/health")
	return strings.Contains(page, words), err
}

// lostClock looks what a machine with an empty battery makes of it, and sets its
// clock as somebody does on its page.
func lostClock(ctx context.Context, image, password string) error {
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(image), "version"))
	if err != nil {
		return err
	}
	built, err := time.Parse("200601021504", strings.TrimSpace(string(raw)))
	if err != nil {
		return err
	}
	at, err := shown(ctx)
	if err != nil {
		return err
	}
	if at.Before(built) || at.After(built.Add(time.Hour)) {
		return fmt.Errorf("the battery is empty, and the clock is at %s: the system is of %s", at, built)
	}
	if says, err := healthSays(ctx, password, clockLost); err != nil || !says {
		return fmt.Errorf("the page of its health does not say that the clock is wrong (%w)", err)
	}
	admin, err := signIn(ctx, "ana", password)
	if err != nil {
		return err
	}
	page, err := send(ctx, admin, pages, "/admin/system/clock", url.Values{"do": {"set"}, "now": {fmt.Sprint(time.Now().UnixMilli())}})
	if err != nil {
		return err
	}
	// Who is set forward by more than a session lasts is asked to sign in again.
	if !strings.Contains(page, "The clock was set.") && !strings.Contains(page, `action="/login"`) || strings.Contains(page, "no clock that goes on") {
		return fmt.Errorf("the clock is set, and the page says: %s", tail(page))
	}
	away, err := off(ctx)
	if err != nil {
		return err
	}
	if says, err := healthSays(ctx, password, clockLost); err != nil || says || away > 5*time.Second {
		return fmt.Errorf("the clock was set and is off by %s (%w)", away, err)
	}
	fmt.Printf("  its clock began at %s, when the system was made, and not in %s; health says so; set on the page during the calls, it is right\n", at.Format(time.DateTime), battery[:4])
	return nil
}

// off is how far the machine's clock is from ours.
func off(ctx context.Context) (time.Duration, error) {
	at, err := shown(ctx)
	return time.Since(at).Abs(), err
}

// rightClock wants a clock that was right at once: what the box had on its disk is
// older than it was away.
func rightClock(ctx context.Context, password string) error {
	away, err := off(ctx)
	if err != nil {
		return err
	}
	says, err := healthSays(ctx, password, clockLost)
	if err != nil {
		return err
	}
	if away > 15*time.Second || says {
		return fmt.Errorf("the clock was set before the power went away, and is off by %s", away)
	}
	fmt.Printf("  its clock has gone on: off by %s\n", away.Round(time.Second))
	return nil
}

// keptClock wants a clock that the network keeps right, and a page that says so.
// The machine asks the server at its own time, and its clock may have been right
// before, so it is the page that is waited for.
func keptClock(ctx context.Context, password string) error {
	var away time.Duration
	var says bool
	var err error
	if late := until(ctx, 3*time.Minute, "a time server answers, and the page of its health does not say that the clock is kept right", func() bool {
		if away, err = off(ctx); err == nil {
			says, err = healthSays(ctx, password, clockGood)
		}
		return err == nil && says && away < 5*time.Second
	}); late != nil {
		return fmt.Errorf("%w; it is off by %s (%v)", late, away, err)
	}
	fmt.Println("  a time server has set the clock meanwhile, and health says so")
	return nil
}

// timeServer tells the machine the time (RFC 5905, as far as a client looks).
func timeServer(ctx context.Context) (net.PacketConn, error) {
	var on net.ListenConfig
	l, err := on.ListenPacket(ctx, "udp4", host+":123")
	if err != nil {
		return nil, err
	}
	go func() {
		for ask := make([]byte, 512); ; {
			n, from, err := l.ReadFrom(ask)
			if err != nil {
				return // closed
			}
			if n < 48 {
				continue
			}
			now := time.Now()
			stamp := uint64(now.Unix()+2208988800)<<32 | uint64(now.Nanosecond())<<32/1e9
			told := make([]byte, 48)
			told[0], told[1], told[2], told[3] = 4<<3|4, 1, ask[2], 0xec // version 4, server, stratum 1
			copy(told[12:], "LOCL")
			binary.BigEndian.PutUint64(told[16:], stamp)
			copy(told[24:32], ask[40:48])
			binary.BigEndian.PutUint64(told[32:], stamp)
			binary.BigEndian.PutUint64(told[40:], stamp)
			_, _ = l.WriteTo(told, from) // it asks again
		}
	}()
	return l, nil
}
