//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	standing  = 50              // callers who are on the line all the time
	holdFor   = 6 * time.Second // how long each of the others listens
	rateFor   = 12 * time.Second
	limitless = 30 * time.Second // for an answer; nobody waits longer
)

// pace is what became of the calls of one rate.
type pace struct {
	rate                      int
	placed, answered, refused int
	unasked                   int // refused without being told when to try again, or with another status
	lost, cut, silent         int // never answered at all; ended by the server; nothing heard
	answers                   []time.Duration
	standing                  heard
	cpu                       float64
	mu                        sync.Mutex
}

// setup raises the rate until calls fail.
func setup(ctx context.Context, o options) (t table, err error) {
	s, err := product(o, 0)
	if err != nil {
		return t, err
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	stay, _, err := arrive(ctx, s, standing, false)
	if err != nil {
		return t, err
	}
	defer stay.close()
	var ps []*pace
	for _, rate := range []int{50, 100, 150, 200, 300} {
		p, err := atRate(ctx, s, stay, rate)
		if err != nil {
			return t, fmt.Errorf("%d calls a second: %w", rate, err)
		}
		ps = append(ps, p)
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }
	t.row("calls placed per second", "target", column(ps, func(p *pace) string { return strconv.Itoa(p.rate) })...)
	t.row("placed", "", column(ps, func(p *pace) string { return strconv.Itoa(p.placed) })...)
	t.row("answered, heard and hung up", "all up to 150/s", column(ps, func(p *pace) string { return strconv.Itoa(p.answered) })...)
	t.row("refused with 503 and Retry-After", "", column(ps, func(p *pace) string { return strconv.Itoa(p.refused) })...)
	t.row("refused otherwise", "0", column(ps, func(p *pace) string { return strconv.Itoa(p.unasked) })...)
	t.row("lost / ended early / silent", "0 / 0 / 0", column(ps, func(p *pace) string { return fmt.Sprintf("%d / %d / %d", p.lost, p.cut, p.silent) })...)
	t.row("answered after p50, ms", "", column(ps, func(p *pace) string { return ms(p.after(50)) })...)
	t.row("p99, ms", "", column(ps, func(p *pace) string { return ms(p.after(99)) })...)
	t.row("share of one core", "", column(ps, func(p *pace) string { return fmt.Sprintf("%.1f %%", p.cpu*100) })...)
	t.row("the others: |interval - 20 ms| p50, ms", "", column(ps, func(p *pace) string { return fmt.Sprintf("%.2f", p.standing.percentile(50)) })...)
	t.row("p99, ms", "", column(ps, func(p *pace) string { return fmt.Sprintf("%.2f", p.standing.percentile(99)) })...)
	t.row("late (> 40 ms)", "<= 0.1 %", column(ps, func(p *pace) string { return share(p.standing.late, p.standing.packets) })...)
	t.row("lost", "0", column(ps, func(p *pace) string { return strconv.FormatUint(p.standing.lost, 10) })...)
	return t, nil
}

func (p *pace) after(percent int) time.Duration {
	if len(p.answers) == 0 {
		return 0
	}
	slices.Sort(p.answers)
	return p.answers[min(len(p.answers)-1, len(p.answers)*percent/100)]
}

// atRate places calls at a steady rate and waits for the end of the last.
func atRate(ctx context.Context, s *server, stay *load, rate int) (*pace, error) {
	signals, err := newSignalling(s.at, s.number)
	if err != nil {
		return nil, err
	}
	defer signals.close()
	v, err := newVoice(false)
	if err != nil {
		return nil, err
	}
	defer v.close()
	p := &pace{rate: rate, placed: int(rateFor.Seconds()) * rate}
	before, err := readProcess(s.pid)
	if err != nil {
		return nil, err
	}
	stay.voice.measure(true)
	began := time.Now()
	var calls sync.WaitGroup
	for i := range p.placed {
		if err := sleep(ctx, time.Until(began.Add(time.Duration(i)*time.Second/time.Duration(rate)))); err != nil {
			break
		}
		calls.Go(func() { p.one(ctx, signals, v) })
	}
	after, err := readProcess(s.pid)
	took := time.Since(began)
	p.standing = stay.voice.measure(false)
	calls.Wait()
	if err := cmp.Or(err, ctx.Err()); err != nil {
		return nil, err
	}
	p.cpu = (after.cpu - before.cpu).Seconds() / took.Seconds()
	p.cut = signals.ended()
	return p, sleep(ctx, time.Second)
}

// one is a call from beginning to end.
func (p *pace) one(ctx context.Context, signals *signalling, v *voice) {
	began := time.Now()
	c, err := signals.place(ctx, v.port(), 500*time.Millisecond)
	took := time.Since(began)
	var refused refusal
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case errors.As(err, &refused) && refused.status == 503 && refused.retryAfter:
			p.refused++
		case errors.As(err, &refused):
			p.unasked++
		default:
			p.lost++
		}
		return
	}
	v.add(c.media)
	if sleep(ctx, holdFor) != nil {
		return
	}
	heard := v.drop(c.media)
	signals.hangUp(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = append(p.answers, took)
	if heard {
		p.answered++
	} else {
		p.silent++
	}
}
