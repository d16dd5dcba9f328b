// Package desk is where a caller and a phone volunteer meet: the story of one
// call from ring to record (story.go, talk.go), and the seats of the signed-in
// agents that web pages look at (seat.go). It wires floors below together and
// knows nothing of HTTP or of how a leg is made.
package desk

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/lists"
	"hotline/appliance/media"
	"hotline/appliance/softphone"
	"hotline/appliance/trunk"
	"hotline/ivr"
	"hotline/ivr/mode"
	"hotline/ivr/scenario"
	"hotline/triage"
	"hotline/volunteers"
)

// Config is what a desk needs. All fields are required unless they say so.
type Config struct {
	Operation  string
	Region     string           // ISO 3166 country of numbers without a country code
	Entries    map[string]Entry // by dialled number; see UseEntries
	Forwarded  bool             // the number that was dialled before a forwarding decides, where the call tells it
	Upstream   bool             // what a menu in front of the hotline says in headers is believed
	Contacts   *triage.Contacts
	Cases      *triage.Cases
	Lists      *lists.Keeper // how calls can end, and what is asked
	Dispatcher *triage.Dispatcher
	Engine     *ivr.Engine
	Prompts    Prompts
	Mode       *mode.Switch
	Closures   *triage.Closures   // nil: no line is ever closed
	Shares     map[string]int     // how many callers a queue may have at a time, waiting and talking; no limit where nothing is said
	Flashes    *triage.TurnedAway // calls that want no answer
	Scenario   *scenario.Choice
	Script     func() int // version of the flows in use; nil: not told
	Registry   *volunteers.Registry
	Recordings *triage.Recordings // nil: nothing is recorded
	Gateway    *softphone.Gateway
	NewRoom    func() *media.Room                                   // mixes for three and more
	Dial       func(context.Context, Dialling) (*trunk.Call, error) // nil: no outgoing calls
	HasLine    func() bool                                          // there is a line to call out over now; nil: with Dial there always is
	Telephones Telephones                                           // of the agents; the zero value is none
	Languages  []string                                             // of the prompts, the first for who has named none
	CallsBack  func() bool                                          // whether the hotline may call back by itself; nil: always
	Scope      func(account string) triage.Scope                    // whom a supervisor sees, hears and steers; nil: everybody
	Rounds     func() bool                                          // whether people of rounds may be called now; nil: there are no rounds
	RoundMay   func(call.Number) bool                               // whether the settings let a round dial a number; required with Rounds
	Robot      func() error                                         // rings the hotline with the built-in robot caller; nil outside the demo
	Log        *slog.Logger
}

// Dialling is one call out.
type Dialling struct {
	To      call.Number
	Role    string        // who wants it; the policy decides by it
	Queue   string        // whose caller ID is shown; "": the line's own
	RingFor time.Duration // 0: as long as usual
	Urgent  bool          // somebody is in danger: the reserved channels may be used
}

// Prompts is what the desk itself says to callers, outside any flow.
type Prompts interface {
	Clip(language, id string) (*audio.Clip, error)
}

// Desk is the room in which calls are answered.
type Desk struct {
	cfg Config

	mu     sync.Mutex
	seats  map[string]*Seat
	queued map[string]*conversation  // of contacts that wait or ring
	places map[string]int            // callers by queue
	lines  map[call.Number]int       // callers on the line
	rang   map[call.Number]time.Time // flash calls of the last minute

	outside map[string]*trunk.Call // teams outside that have answered, by contact
	late    []func() error         // endings of calls that could not be written yet

	ctx  context.Context // of the calls that are made from here; ends with Run
	stop context.CancelFunc
	out  sync.WaitGroup

	led      atomic.Pointer[map[string]Entry] // where numbers lead
	browsers browserCalls                     // of those who seek help

	lineChanged chan struct{} // a caller came or left

	sounded  triage.Sounded // calls that ended
	unsaved  atomic.Int64
	panics   atomic.Int64
	patience atomic.Int64 // comeBack, except in tests
}

// New makes a desk; Run watches over its seats.
func New(cfg Config) *Desk {
	d := &Desk{cfg: cfg, seats: map[string]*Seat{}, queued: map[string]*conversation{}, places: map[string]int{}, lines: map[call.Number]int{}, rang: map[call.Number]time.Time{}, outside: map[string]*trunk.Call{}, lineChanged: make(chan struct{}, 1)}
	d.UseEntries(cfg.Entries)
	d.patience.Store(int64(comeBack))
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// Times after which a silent page or microphone counts as gone (ui: an agent
// whose page, microphone or network is dead is out of Ready within 5 s).
const (
	beatLimit    = 4 * time.Second
	comeBack     = 45 * time.Second // a call waits this long for its agent
	signOutAfter = 90 * time.Second // without a page and without a call
	notesAfter   = 10 * time.Minute // without a page and with notes to finish
	watchEvery   = 500 * time.Millisecond
	writeAgain   = 5 * time.Second
)

// Run watches the seats until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var writing sync.WaitGroup
	writing.Go(func() { d.keepWriting(ctx) }) // apart: a disk that hangs must not stop the watch
	writing.Go(func() { d.keepCallingBack(ctx) })
	writing.Go(func() { d.keepCallingRounds(ctx) })
	defer writing.Wait()
	for {
		select {
		case <-ctx.Done():
			d.stop()
			d.out.Wait()
			d.closeSeats()
			return nil
		case now := <-tick.C:
			for _, s := range d.allSeats() {
				s.watch(now)
			}
		}
	}
}

// later keeps an ending that could not be written, to try again: what runs has
// no open item.
func (d *Desk) later(write func() error) {
	d.mu.Lock()
	d.late = append(d.late, write)
	d.mu.Unlock()
}

func (d *Desk) keepWriting(ctx context.Context) {
	tick := time.NewTicker(writeAgain)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		d.writeLate()
	}
}

func (d *Desk) writeLate() {
	d.mu.Lock()
	late := d.late
	d.late = nil
	d.mu.Unlock()
	var failed []func() error
	var why error
	for _, write := range late {
		if err := write(); err != nil {
			failed, why = append(failed, write), err
		}
	}
	if why == nil {
		return
	}
	d.cfg.Log.Error("calls that have ended cannot be recorded; it is tried again", "calls", len(failed), "error", why)
	d.mu.Lock()
	d.late = append(failed, d.late...)
	d.mu.Unlock()
}

func (d *Desk) allSeats() []*Seat {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*Seat, 0, len(d.seats))
	for _, s := range d.seats {
		out = append(out, s)
	}
	return out
}

func (d *Desk) closeSeats() {
	for _, s := range d.allSeats() {
		s.dropLeg()
	}
}

// Seat returns the seat of a person, making it at first use.
func (d *Desk) Seat(p Person) *Seat {
	d.mu.Lock()
	s := d.seats[p.ID]
	if s == nil {
		s = &Seat{d: d, complaints: make(chan Complaint, 4), changed: make(chan struct{}), legChanged: make(chan struct{}), way: wayBrowser}
		d.seats[p.ID] = s
	}
	d.mu.Unlock()
	s.mu.Lock()
	s.person = p
	s.mu.Unlock()
	d.cfg.Dispatcher.SignIn(p.ID, p.Name, p.Profile)
	d.cfg.Dispatcher.Can(p.ID, p.Skills())
	return s
}

// Know lets a seat that is taken know what has changed about its person. It
// counts for the next offer.
func (d *Desk) Know(p Person) {
	s := d.seat(p.ID)
	if s == nil {
		return
	}
	s.mu.Lock()
	s.person = p
	s.mu.Unlock()
	d.cfg.Dispatcher.SignIn(p.ID, p.Name, p.Profile)
	d.cfg.Dispatcher.Can(p.ID, p.Skills())
	s.touch()
}

func (d *Desk) seat(id string) *Seat {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seats[id]
}

// Unsaved is how many contact records could not be written since the start:
// calls go on, but somebody must be told.
func (d *Desk) Unsaved() int { return int(d.unsaved.Load()) }
