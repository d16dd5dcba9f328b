package slot

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"hotline/appliance/events"
)

// A restart that somebody asks for at once turns new callers away while those on
// the line finish, for up to a quarter of an hour. One that is planned turns
// nobody away: it waits until nobody has been on the line for a whole minute.

// Line is how the hotline is busy at a moment.
type Line struct {
	Calls int    // legs: whoever a restart would wait for, people of the team on a telephone, too
	Busy  bool   // with no leg yet: an agent is rung or has taken a call back, or the hotline rehearses
	Came  uint64 // calls since the start, in and out, also those that were turned away: it only grows
}

func (l Line) quiet() bool { return l.Calls == 0 && !l.Busy }

const (
	// QuietFor is how long nobody may have been on the line.
	QuietFor = time.Minute
	// planLimit is when a plan ends by itself: a restart that nobody remembers any
	// more, on another day, surprises everybody, and a line that was never quiet for
	// a day needs somebody who decides.
	planLimit = 24 * time.Hour
	lookEvery = time.Second
	askFor    = time.Minute // how long the machine may take to answer
)

// minute tells when it has been quiet for long enough.
type minute struct {
	since time.Time // it has been quiet; zero: it is not, or nobody has looked
	came  uint64
}

// look says whether it has been quiet for so long at now. A call that came and
// went since the last look begins the time anew.
func (m *minute) look(now time.Time, l Line, long time.Duration) (due bool) {
	switch {
	case !l.quiet():
		m.since = time.Time{}
	case m.since.IsZero() || l.Came != m.came:
		m.since = now
	}
	m.came = l.Came
	return !m.since.IsZero() && now.Sub(m.since) >= long
}

// Plan is a restart that waits for a quiet minute, or what became of the last one.
type Plan struct {
	At    time.Time // since when it is planned; zero: none is
	By    string    // account
	Calls int       // on the line now
	Quiet bool      // now

	// Of the last one, where it ended without a restart and without anybody's doing,
	// until there is another one.
	Ended  time.Time
	Failed string // why the machine did not restart; "": no minute was quiet for a day
}

// PlannerConfig is what a planner needs.
type PlannerConfig struct {
	Restart   func(context.Context) error // starts the machine anew
	Line      func() Line
	Note      func(context.Context, events.Event) error // writes to the log of what people did
	Operation string
	Quiet     time.Duration // QuietFor when 0; tests shorten it
	Log       *slog.Logger
}

// Planner restarts the machine at once, or at the next quiet minute.
//
// A plan is kept in memory alone. A start of the machine has done what it was for:
// it tries the update that waits, whoever caused it. When only the program starts
// anew, the plan is gone and the update still waits, as the page says: after a fault
// somebody should look before the machine restarts, too.
type Planner struct {
	cfg PlannerConfig

	acts   sync.Mutex // one step at a time: whoever calls off knows whether it was in time
	minute minute

	mu   sync.Mutex // pages look at it while a step takes its time
	plan Plan
}

// NewPlanner makes one; Run watches the line.
func NewPlanner(cfg PlannerConfig) *Planner {
	cfg.Quiet = cmp.Or(cfg.Quiet, QuietFor)
	return &Planner{cfg: cfg}
}

// Run carries out what is planned, until ctx ends.
func (p *Planner) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			p.look(ctx, time.Now())
		}
	}
}

// Planned is how it stands.
func (p *Planner) Planned() Plan {
	plan := p.planned()
	if !plan.At.IsZero() {
		line := p.cfg.Line()
		plan.Calls, plan.Quiet = line.Calls, line.quiet()
	}
	return plan
}

// Plan plans a restart. One that is planned already stays as it is.
func (p *Planner) Plan(ctx context.Context, by string) error {
	p.acts.Lock()
	defer p.acts.Unlock()
	if !p.planned().At.IsZero() {
		return nil
	}
	if err := p.cfg.Note(ctx, events.Event{Kind: "update.planned", Operation: p.cfg.Operation, By: by, Via: "web"}); err != nil {
		return err
	}
	p.set(Plan{At: time.Now(), By: by})
	p.cfg.Log.Info("the machine restarts at the next quiet minute, as somebody has asked for", "account", by)
	return nil
}

// CallOff ends what is planned. It is false when nothing was planned any more.
func (p *Planner) CallOff(ctx context.Context, by string) (bool, error) {
	p.acts.Lock()
	defer p.acts.Unlock()
	if p.planned().At.IsZero() {
		return false, nil
	}
	if err := p.cfg.Note(ctx, events.Event{Kind: "update.called_off", Operation: p.cfg.Operation, By: by, Via: "web"}); err != nil {
		return false, err
	}
	p.set(Plan{})
	p.cfg.Log.Info("the restart at the next quiet minute was called off", "account", by)
	return true, nil
}

// Restart starts the machine anew now. What was planned is done with it.
func (p *Planner) Restart(ctx context.Context) error {
	p.acts.Lock()
	defer p.acts.Unlock()
	if err := p.cfg.Restart(ctx); err != nil {
		return err
	}
	p.set(Plan{})
	return nil
}

func (p *Planner) planned() Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.plan
}

// set begins with another plan, or none; the caller holds acts.
func (p *Planner) set(plan Plan) {
	p.minute = minute{}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = plan
}

// look does what is due at now.
func (p *Planner) look(ctx context.Context, now time.Time) {
	p.acts.Lock()
	defer p.acts.Unlock()
	plan := p.planned()
	if plan.At.IsZero() {
		return
	}
	switch due := p.minute.look(now, p.cfg.Line(), p.cfg.Quiet); {
	case due:
		p.carryOut(ctx, plan)
	case now.Sub(plan.At) >= planLimit:
		p.note(ctx, events.Event{Kind: "update.plan_over", By: plan.By})
		p.set(Plan{Ended: now})
		p.cfg.Log.Warn("the restart that was planned has ended: for a day there was no quiet minute", "account", plan.By)
	}
}

// carryOut restarts the machine. Who caused it is written down before the machine
// has any reason to end. A machine that refuses is not asked again: it would every
// minute, and somebody has to look.
func (p *Planner) carryOut(ctx context.Context, plan Plan) {
	p.cfg.Log.Warn("nobody is on the line: the machine is started again, as it was planned", "account", plan.By)
	p.note(ctx, events.Event{Kind: "update.carried_out", By: plan.By})
	asked, over := context.WithTimeout(ctx, askFor)
	err := p.cfg.Restart(asked)
	over()
	if err == nil || ctx.Err() != nil { // the program ends before the answer: it restarts
		p.set(Plan{})
		return
	}
	p.cfg.Log.Error("the restart that was planned is not possible", "error", err)
	p.note(ctx, events.Event{Kind: "update.plan_failed", By: plan.By})
	p.set(Plan{Ended: time.Now(), Failed: err.Error()})
}

// note writes down what nobody has pressed a button for. What cannot be written
// keeps nothing from being done: it was written down who planned it.
func (p *Planner) note(ctx context.Context, ev events.Event) {
	ev.Operation, ev.Via = p.cfg.Operation, "rule"
	if err := p.cfg.Note(ctx, ev); err != nil {
		p.cfg.Log.Error("what became of a restart that was planned cannot be written to the log", "kind", ev.Kind, "error", err)
	}
}
