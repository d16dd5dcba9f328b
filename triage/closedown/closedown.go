// Package closedown ends an operation: what is open is looked at, the records
// are handed over, two people want the wipe and anybody may stop it, and then
// the box is wiped (appliance/wipe) and begins anew.
//
// Contracts:
//
//  1. Nothing is wiped that one person alone has wanted, or while anybody is on
//     the line or the line is open.
//  2. Until the wipe begins, stopping it costs nothing and takes one press.
//  3. What was decided is in the records and in the log before it counts: a
//     restart changes nothing.
package closedown

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/export"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/appliance/wipe"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// Events of closing an operation down.
const (
	EventBegun     = "closedown.begun"
	EventExport    = "closedown.export"
	EventSkipped   = "closedown.nothing_handed_over"
	EventHanded    = "closedown.handed_over"
	EventAsked     = "closedown.asked"
	EventConfirmed = "closedown.confirmed"
	EventStopped   = "closedown.stopped"
)

// Limits.
const (
	// CoolOff is how long everybody may stop the wipe after the second person
	// has confirmed it.
	CoolOff = 30 * time.Minute
	// confirmWithin is how long the second person has.
	confirmWithin = 24 * time.Hour
	// lateAfter is how long after its time a wipe is still begun: a box that was
	// switched off meanwhile is not wiped by whoever finds it.
	lateAfter = 24 * time.Hour
	leastWhy  = 5
	mostText  = 200
	hashTyped = 8
)

// Step is how far the closing is.
type Step string

// Steps.
const (
	StepCheck    Step = "check"    // nobody has begun it, or it was stopped
	StepExport   Step = "export"   // the records are to be exported
	StepHandOver Step = "handover" // the file is to be handed over
	StepAsk      Step = "ask"      // the wipe is to be asked for
	StepConfirm  Step = "confirm"  // a second person is to confirm it
	StepWait     Step = "wait"     // everybody may stop it yet
)

// Steps are those in which people decide, in their order.
func Steps() []Step {
	return []Step{StepCheck, StepExport, StepHandOver, StepAsk, StepConfirm, StepWait}
}

// Closing is what was decided so far.
type Closing struct {
	ID        string         `json:"id"`
	Began     wipe.Person    `json:"began"`
	Export    string         `json:"export,omitempty"`    // job
	ExportBy  string         `json:"export_by,omitempty"` // account that sees it
	NoExport  string         `json:"no_export,omitempty"` // why nothing is handed over
	Receiver  *wipe.Receiver `json:"receiver,omitempty"`
	Handed    *wipe.Export   `json:"handed,omitempty"`
	Keep      string         `json:"keep,omitempty"` // roster.Keeps
	Asked     wipe.Person    `json:"asked,omitzero"`
	Confirmed wipe.Person    `json:"confirmed,omitzero"`
	Due       time.Time      `json:"due,omitzero"`
	Stopped   wipe.Person    `json:"stopped,omitzero"`
	Why       string         `json:"why,omitempty"` // it was stopped: StoppedByPerson …
}

// Why a closing was stopped.
const (
	StoppedByPerson = "person"
	StoppedOpen     = "open" // the line was opened again
	StoppedLate     = "late" // the box was off when its time came
	StoppedFailed   = "failed"
)

// Step is how far it is at now.
func (c Closing) Step(now time.Time) Step {
	switch {
	case c.ID == "" || !c.Stopped.At.IsZero():
		return StepCheck
	case !c.Confirmed.At.IsZero():
		return StepWait
	case !c.Asked.At.IsZero() && now.Sub(c.Asked.At) < confirmWithin:
		return StepConfirm
	case c.Receiver != nil || c.NoExport != "":
		return StepAsk
	case c.Export != "":
		return StepHandOver
	}
	return StepExport
}

// Mistake is why a step is refused: the name of a text of the pages.
type Mistake string

func (m Mistake) Error() string { return "closing down was refused: " + string(m) }

// Mistakes.
const (
	WrongStep     = Mistake("step")    // somebody else has gone on meanwhile
	WrongRunning  = Mistake("running") // somebody is on the line
	WrongOpen     = Mistake("open")    // the line is open
	WrongKnown    = Mistake("known")   // what is open was not agreed to
	WrongExport   = Mistake("export")  // it is not made yet, or is gone
	WrongReceiver = Mistake("receiver")
	WrongBasis    = Mistake("basis")
	WrongDate     = Mistake("date")
	WrongHash     = Mistake("hash")
	WrongWhy      = Mistake("why")
	WrongKeep     = Mistake("keep")
	WrongPhrase   = Mistake("phrase")
	WrongSecond   = Mistake("second") // the one who asked cannot confirm
)

var closings = store.NewTable[Closing]("closedown")

const current = "current"

// Office makes exports; *export.Office.
type Office interface {
	Sets() []export.Set
	Ask(ctx context.Context, r export.Request) (export.Job, error)
	Job(id, by string) (export.Job, export.Progress, error)
}

// Worklist knows what is open; *triage.Contacts.
type Worklist interface {
	CountOpen() (int, error)
	QueuedCallBacks() ([]triage.Item, error)
	Worklist(p triage.Pick) (triage.Page, error)
}

// Config is what a Keeper needs.
type Config struct {
	Store     *store.Store
	Data      string // folder
	Exports   Office
	Worklist  Worklist
	Running   func() int  // calls
	Closed    func() bool // nobody can be connected
	CoolOff   time.Duration
	Operation string
	Due       func() // called when the wipe is to begin: the program ends its calls, then Prepare and wipe.Begin
	Log       *slog.Logger
}

// Keeper keeps the closing of one operation.
type Keeper struct {
	cfg  Config
	kick chan struct{}
}

// New prepares a keeper; Run waits for the time of the wipe.
func New(cfg Config) *Keeper { return &Keeper{cfg: cfg, kick: make(chan struct{}, 1)} }

// Now is the closing as it is.
func (k *Keeper) Now() (c Closing, err error) {
	err = k.cfg.Store.View(func(tx *store.Tx) (err error) {
		c, err = read(tx)
		return err
	})
	return c, err
}

func read(tx *store.Tx) (Closing, error) {
	c, err := closings.Get(tx, current)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return c, err
}

// change goes on from one step, in one transaction that says who did it.
func (k *Keeper) change(ctx context.Context, from Step, who wipe.Person, kind string, fn func(tx *store.Tx, c *Closing, data map[string]string) error) (out Closing, err error) {
	err = k.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		c, err := read(tx)
		if err != nil {
			return err
		}
		if c.Step(tx.Now()) != from {
			return WrongStep
		}
		data := map[string]string{"name": who.Name}
		if err := fn(tx, &c, data); err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: kind, Operation: k.cfg.Operation, By: who.Account, Via: "web", Data: data})
		out = c
		return closings.Put(tx, current, c)
	})
	select {
	case k.kick <- struct{}{}:
	default:
	}
	return out, err
}

// Begin is the first step: somebody knows what is open and goes on all the same.
func (k *Keeper) Begin(ctx context.Context, who wipe.Person, known bool) error {
	if !known {
		return WrongKnown
	}
	open, err := k.Look()
	if err != nil {
		return err
	}
	_, err = k.change(ctx, StepCheck, who, EventBegun, func(tx *store.Tx, c *Closing, data map[string]string) error {
		who.At = tx.Now()
		*c = Closing{ID: tx.NewID(), Began: who}
		data["open"] = strconv.Itoa(open.Items)
		return nil
	})
	return err
}

// Export asks for an export of everything that a level may hold.
func (k *Keeper) Export(ctx context.Context, who wipe.Person, level table.Level, to, recipient, reason, password string) error {
	c, err := k.Now()
	if err != nil {
		return err
	}
	if step := c.Step(time.Now()); step != StepExport && step != StepHandOver {
		return WrongStep
	}
	r := export.Request{Formats: []string{export.XLSX, export.CSV}, Level: level, To: to, Recipient: recipient, Reason: reason, Password: password, By: who.Account, Name: who.Name, Via: "web"}
	for _, set := range k.cfg.Exports.Sets() {
		// Where no record says how far it may go, it stays inside.
		far := to == "" || to == sharing.Inside || level != table.Full || set.Table == nil || set.Table().Scope != ""
		if set.Least() <= level && far {
			r.Sets = append(r.Sets, set.Name)
		}
	}
	job, err := k.cfg.Exports.Ask(ctx, r)
	if err != nil {
		return err
	}
	_, err = k.change(ctx, c.Step(time.Now()), who, EventExport, func(_ *store.Tx, c *Closing, data map[string]string) error {
		c.Export, c.ExportBy, data["export"] = job.ID, who.Account, job.ID
		return nil
	})
	return err
}

// Job is the export.
func (k *Keeper) Job(c Closing) (export.Job, error) {
	if c.Export == "" {
		return export.Job{}, export.ErrNone
	}
	job, _, err := k.cfg.Exports.Job(c.Export, c.ExportBy)
	return job, err
}

// Again goes back to the export: it was not the right one, or much was written
// since.
func (k *Keeper) Again(ctx context.Context, who wipe.Person) error {
	c, err := k.Now()
	if err != nil {
		return err
	}
	step := c.Step(time.Now())
	if step != StepAsk {
		step = StepHandOver
	}
	_, err = k.change(ctx, step, who, EventBegun, func(_ *store.Tx, c *Closing, _ map[string]string) error {
		c.Export, c.ExportBy, c.NoExport, c.Receiver, c.Handed = "", "", "", nil, nil
		return nil
	})
	return err
}

// Skip goes on without handing anything over.
func (k *Keeper) Skip(ctx context.Context, who wipe.Person, why string) error {
	if why = cut(why); len([]rune(why)) < leastWhy {
		return WrongWhy
	}
	c, err := k.Now()
	if err != nil {
		return err
	}
	step := c.Step(time.Now())
	if step != StepHandOver {
		step = StepExport
	}
	_, err = k.change(ctx, step, who, EventSkipped, func(_ *store.Tx, c *Closing, data map[string]string) error {
		c.NoExport, data["reason"] = why, why
		return nil
	})
	return err
}

// HandOver notes who has got the file. Typed is the beginning of its SHA-256, as
// the receiver has found it: that shows that it arrived whole.
func (k *Keeper) HandOver(ctx context.Context, who wipe.Person, r wipe.Receiver, typed string) error {
	r.Organisation, r.Person = cut(r.Organisation), cut(r.Person)
	day, dateErr := time.ParseInLocation(time.DateOnly, r.Date, time.Local)
	switch {
	case len([]rune(r.Organisation)) < 2 || len([]rune(r.Person)) < 2:
		return WrongReceiver
	case !slices.Contains(sharing.Bases(), r.Basis):
		return WrongBasis
	case dateErr != nil || day.After(time.Now()):
		return WrongDate
	}
	c, err := k.Now()
	if err != nil {
		return err
	}
	job, err := k.Job(c)
	if err != nil && !errors.Is(err, export.ErrNone) {
		return err
	}
	if err != nil || job.SHA256 == "" {
		return WrongExport
	}
	if typed = strings.ToLower(strings.ReplaceAll(typed, " ", "")); len(typed) < hashTyped || !strings.HasPrefix(job.SHA256, typed) {
		return WrongHash
	}
	_, err = k.change(ctx, StepHandOver, who, EventHanded, func(_ *store.Tx, c *Closing, data map[string]string) error {
		if c.Export != job.ID {
			return WrongStep
		}
		c.Receiver = &r
		c.Handed = &wipe.Export{ID: job.ID, Level: job.Request.Level.String(), To: job.Request.To, Sets: job.Request.Sets, Rows: job.Rows, SHA256: job.SHA256, Made: job.Ended, Approved: job.SecondBy, LogMark: job.Mark}
		data["export"], data["sha256"], data["recipient"] = job.ID, job.SHA256, r.Organisation
		return nil
	})
	return err
}

// Ask wants the wipe. The phrase is the name of the operation, typed.
func (k *Keeper) Ask(ctx context.Context, who wipe.Person, keep, phrase string) error {
	switch {
	case !slices.Contains(roster.Keeps(), keep):
		return WrongKeep
	case !strings.EqualFold(strings.TrimSpace(phrase), strings.TrimSpace(k.cfg.Operation)):
		return WrongPhrase
	}
	if err := k.quiet(); err != nil {
		return err
	}
	_, err := k.change(ctx, StepAsk, who, EventAsked, func(tx *store.Tx, c *Closing, data map[string]string) error {
		who.At = tx.Now()
		c.Asked, c.Keep, data["keep"] = who, keep, keep
		return nil
	})
	return err
}

// quiet reports why nothing may be wiped now.
func (k *Keeper) quiet() error {
	switch {
	case k.cfg.Running() > 0:
		return WrongRunning
	case !k.cfg.Closed():
		return WrongOpen
	}
	return nil
}

// Confirm is the second person's word. From then on the time runs.
func (k *Keeper) Confirm(ctx context.Context, who wipe.Person) error {
	if err := k.quiet(); err != nil {
		return err
	}
	_, err := k.change(ctx, StepConfirm, who, EventConfirmed, func(tx *store.Tx, c *Closing, data map[string]string) error {
		if c.Asked.Account == who.Account {
			return WrongSecond
		}
		who.At = tx.Now()
		c.Confirmed, c.Due = who, tx.Now().Add(k.cfg.CoolOff)
		data["due"] = c.Due.Format(time.RFC3339)
		return nil
	})
	return err
}

// Stop ends the closing, whoever wants that.
func (k *Keeper) Stop(ctx context.Context, who wipe.Person) error {
	return k.stop(ctx, who, StoppedByPerson)
}

func (k *Keeper) stop(ctx context.Context, who wipe.Person, why string) error {
	c, err := k.Now()
	if err != nil {
		return err
	}
	step := c.Step(time.Now())
	if step == StepCheck {
		return WrongStep
	}
	_, err = k.change(ctx, step, who, EventStopped, func(tx *store.Tx, c *Closing, data map[string]string) error {
		who.At = tx.Now()
		c.Stopped, c.Why, data["reason"] = who, why, why
		return nil
	})
	return err
}

// Failed notes that the wipe could not be begun: nothing has happened.
func Failed(ctx context.Context, s *store.Store, operation string) error {
	k := &Keeper{cfg: Config{Store: s, Operation: operation}, kick: make(chan struct{}, 1)}
	return k.stop(ctx, wipe.Person{}, StoppedFailed)
}

// Certificates are those of earlier operations of this box, the newest first.
func (k *Keeper) Certificates() ([]wipe.Certificate, error) { return wipe.Certificates(k.cfg.Data) }

// Certificate is the file of one of them.
func (k *Keeper) Certificate(id string) ([]byte, error) { return wipe.File(k.cfg.Data, id) }

func cut(text string) string {
	runes := []rune(strings.TrimSpace(text))
	return string(runes[:min(len(runes), mostText)])
}

const (
	lookEvery = time.Minute
	callsLook = time.Second      // whether the last call has ended
	itemsLook = 10 * time.Second // whether somebody has cared for those who called meanwhile
)

// Run waits for the time of the wipe and tells the program, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	told := false
	for {
		wait := lookEvery
		c, err := k.Now()
		if err != nil {
			k.cfg.Log.Error("whether this operation is being closed down cannot be read; it is tried again", "error", err)
		}
		if now := time.Now(); err == nil && c.Step(now) == StepWait && !told {
			switch {
			case !k.cfg.Closed():
				err = k.stop(ctx, wipe.Person{}, StoppedOpen)
			case now.Before(c.Due):
				wait = min(wait, c.Due.Sub(now))
			case now.After(c.Due.Add(lateAfter)):
				err = k.stop(ctx, wipe.Person{}, StoppedLate)
			case k.cfg.Running() > 0:
				wait = callsLook
			default:
				if n, openErr := newer(k.cfg.Worklist, c.Confirmed.At); openErr != nil || n > 0 {
					wait, err = itemsLook, openErr
					break
				}
				k.cfg.Log.Warn("two people want this operation to be wiped, and the time in which it could be stopped is over")
				told = true
				k.cfg.Due()
			}
			if err != nil && ctx.Err() == nil {
				k.cfg.Log.Error("the closing of this operation cannot go on; it is tried again", "error", err)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-k.kick:
			timer.Stop()
		}
	}
}
