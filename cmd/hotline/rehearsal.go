package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/appliance/health"
	"hotline/appliance/rehearsal"
	"hotline/appliance/trunk"
)

// rehearsals let the box call itself: everything when somebody asks for it, and
// a light form every hour. A rehearsal gives way to real calls at once.
type rehearsals struct {
	h     *hotline
	cfg   config.Config
	kept  *rehearsal.Keeper
	asked chan asking
	calls atomic.Int64 // real ones, in and out

	mu     sync.Mutex              // guards what follows
	busy   bool                    // one runs or is asked for
	mirror *mirror                 // of the rehearsal that runs; nil when none does
	stop   context.CancelCauseFunc // of it

	// Of the light form, which one goroutine makes after another.
	next     int // language
	hours    int // how many were made
	lineNext int
}

// asking is what somebody wants.
type asking struct {
	by   string
	done chan<- rehearsal.Report // has room for one; nil when nobody waits
}

const (
	rehearseEvery = time.Hour
	rehearseFirst = 10 * time.Minute // after the start
	rehearseAgain = 5 * time.Minute  // after one that gave way, or was not begun
	rehearseLines = 6                // one light form in so many rings over the telephone network, too: that may cost money
	rehearseLook  = 200 * time.Millisecond
	rehearseLimit = 30 * time.Minute // six languages on several numbers take a quarter of an hour
)

// What a rehearsal gives way to.
var (
	errRealCall = errors.New(rehearsal.GaveWayCall)
	errStrained = errors.New(rehearsal.GaveWayStrain)
	errStopped  = errors.New(rehearsal.GaveWayEnd)
)

func newRehearsals(h *hotline, cfg config.Config) (*rehearsals, error) {
	kept, err := rehearsal.Open(h.records)
	if err != nil {
		return nil, err
	}
	return &rehearsals{h: h, cfg: cfg, kept: kept, asked: make(chan asking, 1)}, nil
}

// Run rehearses until ctx ends.
func (r *rehearsals) Run(ctx context.Context) error {
	if r.h.keys == nil { // a box without its key has no records to keep a report in
		<-ctx.Done()
		return nil
	}
	hour := time.NewTimer(rehearseFirst)
	defer hour.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case wish := <-r.asked:
			report := r.rehearse(ctx, true, wish.by)
			if wish.done != nil {
				wish.done <- report
			}
		case <-hour.C:
			hour.Reset(r.light(ctx))
			continue
		}
		hour.Reset(rehearseEvery)
	}
}

// light makes the light form, unless callers need what it takes: then nothing is
// begun, and nothing written down, and it is due again soon.
func (r *rehearsals) light(ctx context.Context) (again time.Duration) {
	if r.inTheWay() != nil {
		return rehearseAgain
	}
	if !r.begins() {
		return rehearseEvery // the one that was asked for shows more
	}
	if report := r.rehearse(ctx, false, ""); report.GaveWay != "" {
		return rehearseAgain
	}
	return rehearseEvery
}

// inTheWay is what a rehearsal gives way to now; nil when nothing does.
func (r *rehearsals) inTheWay() error {
	switch {
	case r.calls.Load() > 0 || r.h.desk.BrowserCalls() > 0:
		return errRealCall
	case r.h.strained():
		return errStrained
	}
	return nil
}

// errRehearses is for whoever asks while one runs.
var errRehearses = errors.New("a rehearsal runs already, or is about to")

// Start asks for a whole rehearsal and returns at once.
func (r *rehearsals) Start(by string) error { return r.ask(asking{by: by}) }

func (r *rehearsals) ask(wish asking) error {
	if !r.begins() {
		return errRehearses
	}
	r.asked <- wish // there is room: one is busy at a time
	return nil
}

// begins reports that no other one runs or is asked for; from now on one is.
func (r *rehearsals) begins() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		return false
	}
	r.busy = true
	return true
}

// Running reports that the box is calling itself now, or is about to.
func (r *rehearsals) Running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy
}

// List are the reports, the newest first.
func (r *rehearsals) List() ([]rehearsal.Report, error) { return r.kept.List() }

// Sound is what callers of a language heard.
func (r *rehearsals) Sound(id, language string) (*audio.Clip, error) {
	return r.kept.Sound(id, language)
}

// rehearse makes one rehearsal and keeps what it found.
func (r *rehearsals) rehearse(ctx context.Context, full bool, by string) rehearsal.Report {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ctx, over := context.WithTimeout(ctx, rehearseLimit)
	defer over()
	r.mu.Lock()
	r.stop = stop
	r.mu.Unlock()
	var watch sync.WaitGroup
	watched, enough := context.WithCancel(ctx)
	watch.Go(func() { r.watch(watched, stop) })

	w := &walkthrough{rehearsals: r, report: rehearsal.Report{At: time.Now().UTC(), Full: full, By: by}}
	w.run(ctx)

	enough()
	watch.Wait()
	r.mu.Lock()
	r.mirror, r.stop = nil, nil
	r.mu.Unlock()
	defer func() { // what it found is kept before the next one begins
		r.mu.Lock()
		r.busy = false
		r.mu.Unlock()
	}()
	for _, why := range []error{errRealCall, errStrained} {
		if errors.Is(context.Cause(ctx), why) {
			w.report.GaveWay = why.Error()
		}
	}
	if w.report.GaveWay == "" && errors.Is(context.Cause(ctx), context.Canceled) {
		w.report.GaveWay = errStopped.Error()
	}
	if w.report.GaveWay != "" {
		w.found(health.Watch, "gave_way."+w.report.GaveWay, "")
	}
	w.report.Took = time.Since(w.report.At)
	w.report.Sort()
	report, err := r.kept.Add(context.WithoutCancel(ctx), w.report, w.samples)
	if err != nil {
		r.h.log.Error("what a rehearsal found could not be written down", "error", err)
		w.found(health.Bad, "unkept", err.Error())
		report = w.report
		report.Sort()
	}
	r.h.log.Info("a rehearsal has ended", "full", full, "failed", report.Failed(), "gave_way", report.GaveWay, "seconds", int(report.Took.Seconds()))
	return report
}

// watch stops a rehearsal when callers need what it takes.
func (r *rehearsals) watch(ctx context.Context, stop context.CancelCauseFunc) {
	look := time.NewTicker(rehearseLook)
	defer look.Stop()
	for {
		if why := r.inTheWay(); why != nil {
			stop(why)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// real notes that a real call begins; what it returns is called at its end.
func (r *rehearsals) real() (over func()) {
	r.calls.Add(1)
	r.mu.Lock()
	if r.stop != nil {
		r.stop(errRealCall)
	}
	r.mu.Unlock()
	return func() { r.calls.Add(-1) }
}

func (r *rehearsals) running() *mirror {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mirror
}

// serves reports that a number leads to the rehearsal that runs.
func (r *rehearsals) serves(called string) bool {
	if !strings.HasPrefix(called, rehearsalPrefix) {
		return false
	}
	m := r.running()
	if m == nil {
		return false
	}
	_, own := m.numbers[called]
	return own
}

func (r *rehearsals) takes(ctx context.Context, leg *trunk.Call) bool {
	return r.running().takes(ctx, leg)
}

// roleRehearsal may dial the hotline's own numbers and nothing else.
const roleRehearsal = "rehearsal"

// allowing lets rehearsals ring the hotline itself; everything else is for the
// policy to say.
func (r *rehearsals) allowing(policy func(call.Number, string) error) func(call.Number, string) error {
	return func(to call.Number, role string) error {
		if role == roleRehearsal {
			if r.h.numbers.serves(string(to)) {
				return nil
			}
			return errors.New("a rehearsal rings nobody but the hotline itself")
		}
		if policy == nil {
			return errors.New("calls out are not allowed on this hotline; an administrator can allow numbers in the settings")
		}
		return policy(to, role)
	}
}
