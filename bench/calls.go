//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// placeRate is how many calls a second are placed where that is not measured.
const placeRate = 100

// load is a number of callers at a server, all on the line.
type load struct {
	signals *signalling
	voice   *voice
	up      int
	refused int
}

func (l *load) close() {
	l.signals.hangUpAll()
	l.voice.close()
	l.signals.close()
}

// callers measures numbers of calls, each at a server of its own.
func callers(ctx context.Context, o options, sizes []int, open func() (*server, error)) (table, error) {
	var rs []result
	for _, calls := range sizes {
		r, err := measureCalls(ctx, o, calls, open)
		if err != nil {
			return table{}, fmt.Errorf("%d calls: %w", calls, err)
		}
		rs = append(rs, r)
	}
	var t table
	t.row("calls", "target", column(rs, func(r result) string { return strconv.Itoa(r.calls) })...)
	t.row("CPU-s per call-minute", "<= 0.027", column(rs, func(r result) string { return fmt.Sprintf("%.4f", r.cpuMinute()) })...)
	t.row("memory with one call, MB", "<= 60", column(rs, func(r result) string { return fmt.Sprintf("%.1f", float64(r.idle)/(1<<20)) })...)
	t.row("memory per call, kB", "", column(rs, func(r result) string { return fmt.Sprintf("%.1f", r.perCall(1)) })...)
	t.common(rs)
	return t, nil
}

// prompts is the finished program with more callers than it usually lets in.
func prompts(ctx context.Context, o options) (table, error) {
	return callers(ctx, o, []int{200, 500, 1000, 2000}, func() (*server, error) { return product(o, 2500) })
}

// conversations measures numbers of joined pairs at the voice plane.
func conversations(ctx context.Context, o options, number, target string, sizes []int) (table, error) {
	var rs []result
	for _, n := range sizes {
		r, err := measureCalls(ctx, o, 2*n, func() (*server, error) { return voicePlane(o, number) })
		if err != nil {
			return table{}, fmt.Errorf("%d pairs: %w", n, err)
		}
		rs = append(rs, r)
	}
	var t table
	t.row("conversations", "target", column(rs, func(r result) string { return strconv.Itoa(r.calls / 2) })...)
	t.row("CPU-s per conversation-minute", "<= "+target, column(rs, func(r result) string { return fmt.Sprintf("%.4f", 2*r.cpuMinute()) })...)
	t.row("memory per conversation, kB", "<= 120", column(rs, func(r result) string { return fmt.Sprintf("%.1f", r.perCall(2)) })...)
	t.common(rs)
	return t, nil
}

func pairs(ctx context.Context, o options) (table, error) {
	return conversations(ctx, o, numberPair, "0.08", []int{100})
}

func recorded(ctx context.Context, o options) (table, error) {
	return conversations(ctx, o, numberRecorded, "0.10", []int{100})
}

// result is what one number of calls cost and heard.
type result struct {
	calls, refused, lostCalls int
	before, after             process
	took                      time.Duration
	idle                      int64 // bytes, with one call
	heard                     heard
	browserPackets            int
}

func (r result) up() int            { return max(1, r.calls-r.refused) }
func (r result) core() float64      { return (r.after.cpu - r.before.cpu).Seconds() / r.took.Seconds() }
func (r result) cpuMinute() float64 { return r.core() * 60 / float64(r.up()) }

// perCall is the memory, in kB, of so many legs.
func (r result) perCall(legs int) float64 {
	return float64(r.after.rss-r.idle) / 1024 / float64(max(1, r.up()-1)) * float64(legs)
}

// common adds what is shown of every measurement of calls.
func (t *table) common(rs []result) {
	t.row("refused / ended early", "0 / 0", column(rs, func(r result) string { return fmt.Sprintf("%d / %d", r.refused, r.lostCalls) })...)
	t.row("share of one core", "", column(rs, func(r result) string { return fmt.Sprintf("%.1f %%", r.core()*100) })...)
	t.row("memory in all (RSS), MB", "", column(rs, func(r result) string { return fmt.Sprintf("%.1f", float64(r.after.rss)/(1<<20)) })...)
	t.row("packets heard", "", column(rs, func(r result) string { return strconv.FormatUint(r.heard.packets, 10) })...)
	t.row("|interval - 20 ms| p50, ms", "", column(rs, func(r result) string { return fmt.Sprintf("%.2f", r.heard.percentile(50)) })...)
	t.row("p99, ms", "", column(rs, func(r result) string { return fmt.Sprintf("%.2f", r.heard.percentile(99)) })...)
	t.row("late (> 40 ms)", "<= 0.1 %", column(rs, func(r result) string { return share(r.heard.late, r.heard.packets) })...)
	t.row("lost", "0", column(rs, func(r result) string { return strconv.FormatUint(r.heard.lost, 10) })...)
	t.row("silent legs", "0", column(rs, func(r result) string { return strconv.Itoa(r.calls - r.refused - r.heard.legs) })...)
}

// measureCalls brings a number of calls to a server and measures.
func measureCalls(ctx context.Context, o options, calls int, open func() (*server, error)) (r result, err error) {
	s, err := open()
	if err != nil {
		return r, err
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute+o.measure+time.Duration(calls)*time.Second/placeRate)
	defer cancel()
	l, idle, err := arrive(ctx, s, calls, false)
	if err != nil {
		return r, err
	}
	defer l.close()
	if err := sleep(ctx, 3*time.Second); err != nil {
		return r, err
	}
	r, err = l.measure(ctx, s, o.measure)
	r.calls, r.idle = calls, idle.rss
	return r, err
}

// arrive places calls, the first one before the others: what every server sets
// up once is not counted per call.
func arrive(ctx context.Context, s *server, calls int, keys bool) (l *load, idle process, err error) {
	signals, err := newSignalling(s.at, s.number)
	if err != nil {
		return nil, idle, err
	}
	v, err := newVoice(keys)
	if err != nil {
		signals.close()
		return nil, idle, err
	}
	l = &load{signals: signals, voice: v}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := signals.ready(ctx); err != nil {
		return nil, idle, err
	}
	warm, err := signals.place(ctx, v.port(), 500*time.Millisecond)
	if err != nil {
		return nil, idle, fmt.Errorf("the first call: %w", err)
	}
	v.add(warm.media)
	settled := 2 * time.Second
	if keys { // until it waits in the queue and has heard what is said there
		settled = 20 * time.Second
	}
	if err := sleep(ctx, settled); err != nil {
		return nil, idle, err
	}
	if idle, err = readProcess(s.pid); err != nil {
		return nil, idle, err
	}
	l.refused = signals.placeAll(ctx, calls-1, placeRate, v)
	l.up = calls - l.refused
	return l, idle, nil
}

// measure listens for a while.
func (l *load) measure(ctx context.Context, s *server, d time.Duration) (r result, err error) {
	if r.before, err = readProcess(s.pid); err != nil {
		return r, err
	}
	l.voice.measure(true)
	began := time.Now()
	if err := sleep(ctx, d); err != nil {
		return r, err
	}
	if r.after, err = readProcess(s.pid); err != nil {
		return r, err
	}
	r.took = time.Since(began)
	r.heard = l.voice.measure(false)
	r.calls, r.refused, r.lostCalls = l.up+l.refused, l.refused, l.signals.ended()
	return r, nil
}

// waitingCalls wait in the queue of the memory part.
const waitingCalls = 990

// waiting is what callers cost who chose English and help and wait. What
// setting up the calls has used comes back only after a while: SIP keeps each
// transaction for 32 s.
func waiting(ctx context.Context, o options) (t table, err error) {
	s, err := product(o, 0)
	if err != nil {
		return t, err
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	l, idle, err := arrive(ctx, s, waitingCalls, true)
	if err != nil {
		return t, err
	}
	defer l.close()
	if err := sleep(ctx, 40*time.Second); err != nil {
		return t, err
	}
	r, err := l.measure(ctx, s, o.measure)
	if err != nil {
		return t, err
	}
	r.idle = idle.rss
	rs := []result{r}
	t.row("calls", "target", strconv.Itoa(r.calls))
	t.row("memory per call, kB", "<= 40", fmt.Sprintf("%.1f", r.perCall(1)))
	t.row("memory with one call, MB", "<= 60", fmt.Sprintf("%.1f", float64(r.idle)/(1<<20)))
	t.row("CPU-s per call-minute", "<= 0.027", fmt.Sprintf("%.4f", r.cpuMinute()))
	t.common(rs)
	return t, nil
}
