//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// start measures five times how long the finished program takes from nothing
// to an answered call. The folder has been used before: the very first start
// makes keys and certificates, once.
func start(ctx context.Context, o options) (t table, err error) {
	dir, err := os.MkdirTemp("", "hotline-bench-")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	var took []time.Duration
	for range 6 {
		d, err := startOnce(ctx, o, dir)
		if err != nil {
			return t, err
		}
		took = append(took, d)
	}
	first, others := took[0], took[1:]
	slices.Sort(others)
	t.row("start to first answer", "target", "median of 5", "slowest", "very first start")
	t.row("s", "<= 0.5", fmt.Sprintf("%.3f", others[len(others)/2].Seconds()), fmt.Sprintf("%.3f", others[len(others)-1].Seconds()), fmt.Sprintf("%.3f", first.Seconds()))
	return t, nil
}

func startOnce(ctx context.Context, o options, dir string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	signals, err := newSignalling(o.server, "100")
	if err != nil {
		return 0, err
	}
	defer signals.close()
	v, err := newVoice(false)
	if err != nil {
		return 0, err
	}
	defer v.close()
	began := time.Now()
	s, err := productIn(o, 0, dir)
	if err != nil {
		return 0, err
	}
	defer s.close()
	if _, err := signals.place(ctx, v.port(), 5*time.Millisecond); err != nil {
		return 0, err
	}
	took := time.Since(began)
	signals.hangUpAll()
	return took, nil
}
