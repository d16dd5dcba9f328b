// Package supervise is everything that a supervisor can do to the hotline while
// it runs: set the mode, publish bulletins, open and close queues, call people
// in, take the last change back, and hear how it stands. The supervisor line,
// the pages and the programming interface all come through here, so that one
// command means one thing and leaves one trace. It does not know who may give
// a command, nor pages, nor how a call is made.
package supervise

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/health"
	"hotline/appliance/store"
	"hotline/ivr"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// Who gives a command: an account, its name for the log, and "phone", "web" or
// "api".
type Who struct{ ID, Name, Via string }

// Ringing is a call that the hotline makes to one of its own people, to lead
// them through a flow.
type Ringing struct {
	To         call.Number
	Role       string // for the list of what may be dialled
	Flow       string
	Language   string
	Attributes map[string]string
	RingFor    time.Duration
	Avoid      []string // lines that are taken only where there is no other
}

// Config is what Commands need.
type Config struct {
	Store      *store.Store
	Mode       *mode.Switch
	Board      *bulletins.Board
	Closures   *triage.Closures
	Dispatcher *triage.Dispatcher
	Accounts   *roster.Accounts
	// Ring makes a call and returns when it is over; nil when the hotline
	// may call nobody. HasLine says whether it has a line for that now; nil:
	// with Ring it always has.
	Ring    func(context.Context, Ringing) (ivr.Outcome, error)
	HasLine func() bool
	// Health is what callers or records suffer from now, as the health page and
	// the last rehearsal tell; nil: nobody is called about it.
	Health func() []health.Check
	// AlertsOff says that no supervisor is called about callers who wait for too
	// long, and about what is red; nil: they are.
	AlertsOff func() bool
	Log       *slog.Logger
}

// Commands are what supervisors can do. Run makes the calls that they ask for.
type Commands struct {
	cfg  Config
	work chan func(context.Context)

	mu      sync.Mutex
	pending map[string]pending   // changes that wait for a call-back, by id
	callout *callOut             // the last one, nil when there was none
	lines   map[string]*watched  // by queue
	rang    map[string]time.Time // supervisors, when they were last called about a line, or what is red
	red     redState
}

// New makes the commands of a hotline and reads the last call-out; Run starts
// what they need.
func New(cfg Config) (*Commands, error) {
	c := &Commands{cfg: cfg, work: make(chan func(context.Context), mostWork), pending: map[string]pending{}, lines: map[string]*watched{}, rang: map[string]time.Time{}}
	return c, errors.Join(c.loadCallOut(), c.loadRed())
}

// mostWork bounds the calls that are asked for and not begun.
const mostWork = 16

// ErrBusy means that too much was asked for at once.
var ErrBusy = errors.New("the hotline has too many calls of this kind to make: try again in a minute")

// Run makes the calls that commands ask for until ctx ends, and waits for them.
func (c *Commands) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { c.watch(ctx) })
	for {
		select {
		case <-ctx.Done():
			return nil
		case job := <-c.work:
			running.Go(func() { job(ctx) })
		}
	}
}

func (c *Commands) later(job func(context.Context)) error {
	select {
	case c.work <- job:
		return nil
	default:
		return ErrBusy
	}
}

// Scope is whom an account sees, hears and steers (S12): who has none, as rules of
// the hotline, has no teams. Of one that cannot be read it is nobody.
func (c *Commands) Scope(account string) triage.Scope {
	a, err := c.cfg.Accounts.Get(account)
	if errors.Is(err, roster.ErrNoAccount) {
		return triage.Scope{}
	}
	if err != nil {
		c.cfg.Log.Error("whom somebody may see cannot be read; until then it is nobody", "account", account, "error", err)
		return c.cfg.Dispatcher.Routing().Scope(account, []string{""})
	}
	return c.cfg.Dispatcher.Routing().Scope(account, a.Teams)
}

// State is how the hotline stands.
type State struct {
	Mode    mode.State
	Help    triage.QueueLoad
	Queues  []QueueState
	Overdue []bulletins.Bulletin // on the board and run out: nobody hears them
	Playing int                  // bulletins that callers hear
	CallOut CallOutState
	Undo    Undoable
}

// QueueState is one queue.
type QueueState struct {
	triage.QueueLoad
	ID     string
	Closed bool
	Since  time.Time // it was closed
	Name   string    // by whom
}

// State returns how the hotline stands at now.
func (c *Commands) State(now time.Time) State {
	s := State{Mode: c.cfg.Mode.Current(now), Help: c.cfg.Dispatcher.Load(triage.QueueHelp, now),
		Overdue: c.cfg.Board.Overdue(now), CallOut: c.CallOutState(), Undo: c.Undoable(now)}
	for _, one := range c.cfg.Board.List() {
		if one.Plays(now) {
			s.Playing++
		}
	}
	closed := map[string]triage.Closure{}
	for _, one := range c.cfg.Closures.List() {
		closed[one.Queue] = one
	}
	for _, id := range c.cfg.Dispatcher.Queues() {
		one, is := closed[id]
		s.Queues = append(s.Queues, QueueState{QueueLoad: c.cfg.Dispatcher.Load(id, now), ID: id, Closed: is, Since: one.Since, Name: one.Name})
	}
	return s
}

// SetMode sets the mode for every new call.
func (c *Commands) SetMode(ctx context.Context, who Who, change mode.Change) (mode.State, error) {
	change.By, change.Name, change.Via = who.ID, who.Name, who.Via
	return c.cfg.Mode.Set(ctx, change)
}

// Publish hangs up a bulletin.
func (c *Commands) Publish(ctx context.Context, who Who, d bulletins.Draft) (bulletins.Bulletin, error) {
	d.By, d.Name, d.Via = who.ID, who.Name, who.Via
	return c.cfg.Board.Publish(ctx, d)
}

// Withdraw takes a bulletin down.
func (c *Commands) Withdraw(ctx context.Context, who Who, id string) error {
	return c.cfg.Board.Withdraw(ctx, id, who.ID, who.Name, who.Via)
}

// Renew says that a bulletin is true as of now, for so long again.
func (c *Commands) Renew(ctx context.Context, who Who, id string, long time.Duration) error {
	return c.cfg.Board.Renew(ctx, id, long, who.ID, who.Name, who.Via)
}

// Up lets callers hear a bulletin one place sooner.
func (c *Commands) Up(ctx context.Context, who Who, id string) error {
	return c.cfg.Board.Up(ctx, id, who.ID, who.Name, who.Via)
}

// Bulletins are all that hang on the board, in order.
func (c *Commands) Bulletins() []bulletins.Bulletin { return c.cfg.Board.List() }

// BulletinsChanged is closed at the next change of the board.
func (c *Commands) BulletinsChanged() <-chan struct{} { return c.cfg.Board.Watch() }

// BulletinSound is the sound of a bulletin on the board, nil when there is none.
func (c *Commands) BulletinSound(id string) *audio.Clip { return c.cfg.Board.Sound(id) }

// CloseQueue lets no new callers into a queue.
func (c *Commands) CloseQueue(ctx context.Context, who Who, queue string) error {
	return c.setQueue(ctx, who, queue, true)
}

// OpenQueue lets new callers into a queue again.
func (c *Commands) OpenQueue(ctx context.Context, who Who, queue string) error {
	return c.setQueue(ctx, who, queue, false)
}

func (c *Commands) setQueue(ctx context.Context, who Who, queue string, closed bool) error {
	defer c.cfg.Dispatcher.Touch()
	return c.cfg.Closures.Set(ctx, queue, closed, who.ID, who.Name, who.Via)
}

// Undoable is the last change that Undo would take back.
type Undoable struct {
	What string // "mode", "bulletin", "queue", "callout"; "" for nothing
	At   time.Time
}

// ErrNothingToUndo means that nothing was changed within the last five minutes.
var ErrNothingToUndo = errors.New("there is nothing to undo: nothing was changed within the last five minutes")

// Undoable is what Undo would take back at now: the last of all changes.
func (c *Commands) Undoable(now time.Time) Undoable {
	var last Undoable
	later := func(what string, at time.Time, ok bool) {
		if ok && at.After(last.At) {
			last = Undoable{what, at}
		}
	}
	m := c.cfg.Mode.Current(now)
	later("mode", m.Changed, m.Undoes != "")
	at, ok := c.cfg.Board.Changed(now)
	later("bulletin", at, ok)
	at, _, ok = c.cfg.Closures.Changed(now)
	later("queue", at, ok)
	out := c.CallOutState()
	later("callout", out.Began, out.Running && now.Sub(out.Began) <= mode.UndoWithin)
	return last
}

// Undo takes the last change back and says what it was.
func (c *Commands) Undo(ctx context.Context, who Who) (what string, err error) {
	what = c.Undoable(time.Now()).What
	switch what {
	case "mode":
		_, err = c.cfg.Mode.Undo(ctx, who.ID, who.Name, who.Via)
	case "bulletin":
		err = c.cfg.Board.Undo(ctx, who.ID, who.Name, who.Via)
	case "queue":
		err = c.cfg.Closures.Undo(ctx, who.ID, who.Name, who.Via)
		c.cfg.Dispatcher.Touch()
	case "callout":
		err = c.StopCallOut(ctx, who)
	default:
		err = ErrNothingToUndo
	}
	if errors.Is(err, mode.ErrNothingToUndo) || errors.Is(err, bulletins.ErrNothingToUndo) || errors.Is(err, triage.ErrNoClosureToUndo) {
		err = ErrNothingToUndo // somebody else was faster
	}
	return what, err
}
