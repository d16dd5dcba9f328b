// Package export makes the files with which records leave the box: tables of
// chosen sets, with a redaction level and a reason, in one ZIP file with a
// description that machines read. It does not know what the records mean; their
// owners give it tables.
//
// Making one is a job: it may take minutes for a million records, is seen at
// work, and can be stopped. The finished file waits, sealed like all sound of
// the box, for a day. What is asked for, approved, made and carried away is in
// the event log, each before it happens.
package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// Events of exports.
const (
	EventAsked      = "export.asked"
	EventApproved   = "export.approved"
	EventRefused    = "export.refused"
	EventMade       = "export.made"
	EventFailed     = "export.failed"
	EventCancelled  = "export.cancelled"
	EventDownloaded = "export.downloaded"
	EventDeleted    = "export.deleted"
)

// Limits.
const (
	MinReason   = 5
	MinPassword = 16 // the format tries a password quickly: it must be long
	keepFile    = 24 * time.Hour
	keepWaiting = 48 * time.Hour
	keepJob     = 90 * 24 * time.Hour // the event log has it longer
	leaveFree   = 2 << 30             // bytes of the disk that callers' words need more
	inOneHour   = 20
	mostSets    = 30
	mostText    = 200
	mostFilter  = 8 << 10
)

// Mistake is why a request is refused: the name of a text of the pages.
type Mistake string

func (m Mistake) Error() string { return "the export was refused: " + string(m) }

// Mistakes.
const (
	WrongSet       = Mistake("set")
	WrongFormat    = Mistake("format")
	WrongLevel     = Mistake("level")
	WrongReason    = Mistake("reason")
	WrongRecipient = Mistake("recipient")
	WrongTo        = Mistake("to")
	WrongReach     = Mistake("reach") // a set in which no record says how far it may go
	WrongPassword  = Mistake("password")
	WrongFilter    = Mistake("filter") // it is about another set
	WrongSecond    = Mistake("second") // the one who asked cannot approve
	WrongState     = Mistake("state")  // too late or too early for that
	TooMany        = Mistake("many")
)

// ErrNone says that there is no such export for this person.
var ErrNone = errors.New("there is no such export")

var jobs = store.NewTable[Job]("exports")

// Config is what an Office needs.
type Config struct {
	Store     *store.Store
	Sets      []Set
	Operation string
	Version   string // of the program, for the description in the file
	Only      func(filter string) (Only, error)
	Strained  func() bool                        // the machine has no strength for exports now: they wait, also in the middle; nil: never
	May       func(account string) (bool, error) // export, as of now: nil = nobody can order regular exports
	Log       *slog.Logger
}

// Only is what a filter leaves of a set: rows by their first cell, the identity.
type Only struct {
	Set, Said string // the set that it is about; the filter without names and numbers
	IDs       func() (map[string]bool, error)
}

// Office makes exports, one after the other.
type Office struct {
	cfg  Config
	kick chan struct{}

	carrier chan struct{} // an order may have something to do

	mu      sync.Mutex
	running string // job at work
	stop    context.CancelFunc
	rows    atomic.Int64
	part    atomic.Pointer[string]
}

// New prepares an Office; Run makes the exports.
func New(cfg Config) (*Office, error) {
	for _, set := range cfg.Sets {
		if set.Table == nil {
			continue
		}
		if err := set.Table().Check(); err != nil {
			return nil, err
		}
	}
	return &Office{cfg: cfg, kick: make(chan struct{}, 1), carrier: make(chan struct{}, 1)}, nil
}

// Sets are the sets that can be exported.
func (o *Office) Sets() []Set { return slices.Clone(o.cfg.Sets) }

func (o *Office) set(name string) (Set, bool) {
	i := slices.IndexFunc(o.cfg.Sets, func(s Set) bool { return s.Name == name })
	if i < 0 {
		return Set{}, false
	}
	return o.cfg.Sets[i], true
}

func (o *Office) only(filter string) (Only, error) {
	if o.cfg.Only == nil {
		return Only{}, WrongFilter
	}
	return o.cfg.Only(filter)
}

// check reports what is wrong with a request. Keyed says that the file is locked
// for the holder of a key, and needs no password.
func (o *Office) check(r Request, keyed bool) error {
	switch {
	case !slices.Contains(table.Levels(), r.Level):
		return WrongLevel
	case len(r.Sets) == 0 || len(r.Sets) > mostSets:
		return WrongSet
	case len(r.Formats) == 0 || slices.ContainsFunc(r.Formats, func(f string) bool { return !slices.Contains(Formats(), f) }):
		return WrongFormat
	case len([]rune(strings.TrimSpace(r.Reason))) < MinReason:
		return WrongReason
	case r.To != "" && !slices.Contains(sharing.Scopes(), r.To):
		return WrongTo
	case r.Level == table.Referral && len([]rune(strings.TrimSpace(r.Recipient))) < 2:
		return WrongRecipient
	case r.Password == "" && !keyed && r.Level >= table.Referral, r.Password != "" && len([]rune(r.Password)) < MinPassword:
		return WrongPassword
	}
	if r.Filter != "" {
		if only, err := o.only(r.Filter); err != nil || len(r.Sets) != 1 || r.Sets[0] != only.Set || len(r.Filter) > mostFilter {
			return WrongFilter
		}
	}
	for _, name := range r.Sets {
		set, known := o.set(name)
		if !known {
			return WrongSet
		}
		if r.Filter != "" && set.Table == nil {
			return WrongFilter
		}
		// An aggregate is for everybody; what it holds needs no higher level.
		if set.Least() > r.Level {
			return WrongLevel
		}
		if r.outside() && r.Level == table.Full && set.Table != nil && set.Table().Scope == "" {
			return WrongReach
		}
	}
	return nil
}

// outside reports that others than our own people get it.
func (r Request) outside() bool { return r.To != "" && r.To != sharing.Inside }

// Ask asks for an export. It is queued, or waits for a second person.
func (o *Office) Ask(ctx context.Context, r Request) (Job, error) {
	if err := o.check(r, false); err != nil {
		return Job{}, err
	}
	slices.Sort(r.Sets)
	r.Sets = slices.Compact(r.Sets)
	r.Reason, r.Recipient = cutText(r.Reason), cutText(r.Recipient)
	var j Job
	err := o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		recent := 0
		for _, other := range jobs.Backward(tx) {
			if tx.Now().Sub(other.Asked) > time.Hour {
				break
			}
			if other.Request.By == r.By {
				recent++
			}
		}
		if recent >= inOneHour {
			return TooMany
		}
		j = Job{ID: tx.NewID(), Request: r, State: Queued, Asked: tx.Now(), Locked: r.Password != ""}
		if r.Level == table.Full {
			j.State = Waiting
		}
		note(tx, EventAsked, j, r.By, o.cfg.Operation)
		return jobs.Put(tx, j.ID, j)
	})
	o.wake()
	return j, err
}

func cutText(text string) string {
	runes := []rune(strings.TrimSpace(text))
	return string(runes[:min(len(runes), mostText)])
}

// note writes an event about a job. The reason is what the log is read for.
func note(tx *store.Tx, kind string, j Job, by, operation string) {
	data := map[string]string{"export": j.ID, "set": strings.Join(j.Request.Sets, " "), "format": strings.Join(j.Request.Formats, " "),
		"level": j.Request.Level.String(), "reason": j.Request.Reason, "name": j.Request.Name}
	if j.Request.Recipient != "" {
		data["recipient"] = j.Request.Recipient
	}
	if j.Request.To != "" {
		data["to"] = j.Request.To
	}
	if !j.Request.Since.IsZero() {
		data["since"] = j.Request.Since.UTC().Format(time.RFC3339)
	}
	if j.SHA256 != "" {
		data["rows"], data["sha256"] = fmt.Sprint(j.Rows), j.SHA256
	}
	tx.Emit(events.Event{Kind: kind, Operation: operation, By: by, Via: cmp.Or(j.Request.Via, "web"), Data: data})
}

// change changes one job in one transaction.
func (o *Office) change(ctx context.Context, id string, fn func(tx *store.Tx, j *Job) error) (Job, error) {
	var out Job
	err := o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		j, err := jobs.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNone
		}
		if err != nil {
			return err
		}
		if err := fn(tx, &j); err != nil {
			return err
		}
		out = j
		return jobs.Put(tx, id, j)
	})
	return out, err
}

// Approve lets a waiting export be made. It takes another person than the one
// who asked for it.
func (o *Office) Approve(ctx context.Context, id, by, name string) error {
	_, err := o.second(ctx, id, by, name, Queued, EventApproved)
	o.wake()
	return err
}

// Refuse ends a waiting export.
func (o *Office) Refuse(ctx context.Context, id, by, name string) error {
	_, err := o.second(ctx, id, by, name, Refused, EventRefused)
	return err
}

func (o *Office) second(ctx context.Context, id, by, name string, to State, kind string) (Job, error) {
	return o.change(ctx, id, func(tx *store.Tx, j *Job) error {
		switch {
		case j.Request.By == by:
			return WrongSecond
		case j.State != Waiting || tx.Now().Sub(j.Asked) > keepWaiting:
			return WrongState
		}
		j.State, j.Second, j.SecondBy = to, by, name
		if to == Refused {
			j.end(tx)
		}
		note(tx, kind, *j, by, o.cfg.Operation)
		return nil
	})
}

// Cancel stops an export that is not made yet, or deletes the file of one that
// is.
func (o *Office) Cancel(ctx context.Context, id, by string) error {
	_, err := o.change(ctx, id, func(tx *store.Tx, j *Job) error {
		if j.Request.By != by {
			return ErrNone
		}
		switch j.State {
		case Waiting, Queued, Running:
			j.State = Cancelled
			j.end(tx)
			note(tx, EventCancelled, *j, by, o.cfg.Operation)
			return nil
		case Done:
			return o.drop(tx, j, by)
		}
		return WrongState
	})
	o.mu.Lock()
	if err == nil && o.running == id {
		o.stop()
	}
	o.mu.Unlock()
	return err
}

// drop deletes the file of a finished export.
func (o *Office) drop(tx *store.Tx, j *Job, by string) error {
	err := tx.DeleteBlob(j.Blob)
	j.State, j.Blob = Gone, ""
	note(tx, EventDeleted, *j, by, o.cfg.Operation)
	return err
}

// DropAll deletes the files of all exports, in the transaction of somebody who
// erases records: they may hold what is erased.
func DropAll(tx *store.Tx, operation, by string) error {
	var kept []Job
	for _, j := range jobs.Backward(tx) {
		if j.State == Done {
			kept = append(kept, j)
		}
	}
	o := &Office{cfg: Config{Operation: operation}}
	for _, j := range kept {
		if err := errors.Join(o.drop(tx, &j, by), jobs.Put(tx, j.ID, j)); err != nil {
			return err
		}
	}
	return nil
}

// Jobs are the newest exports that the person asked for or may decide on.
func (o *Office) Jobs(by string, most int) (list []Job, err error) {
	err = o.cfg.Store.View(func(tx *store.Tx) error {
		for _, j := range jobs.Backward(tx) {
			if len(list) == most {
				break
			}
			if j.Request.By == by || j.State == Waiting {
				j.Request.Password = ""
				list = append(list, j)
			}
		}
		return nil
	})
	return list, err
}

// Progress is what a running job is at.
type Progress struct {
	Part string // set and format
	Rows int
}

// Job returns an export that the person asked for, or that waits for a second
// person, and how far it is.
func (o *Office) Job(id, by string) (j Job, p Progress, err error) {
	err = o.cfg.Store.View(func(tx *store.Tx) error {
		j, err = jobs.Get(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && j.Request.By != by && j.State != Waiting && j.Second != by {
		return Job{}, p, ErrNone
	}
	j.Request.Password = ""
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running == id {
		p.Rows = int(o.rows.Load())
		if part := o.part.Load(); part != nil {
			p.Part = *part
		}
	}
	return j, p, err
}

// Open opens the file of a finished export for the person who asked for it,
// after that was noted.
func (o *Office) Open(ctx context.Context, id, by string) (io.ReadSeekCloser, Job, error) {
	var file io.ReadSeekCloser
	j, err := o.change(ctx, id, func(tx *store.Tx, j *Job) error {
		if j.Request.By != by || j.State != Done || j.Order != "" {
			return ErrNone
		}
		note(tx, EventDownloaded, *j, by, o.cfg.Operation)
		return nil
	})
	if err == nil {
		file, err = o.cfg.Store.OpenBlob(j.Blob)
	}
	if err != nil {
		return nil, Job{}, err
	}
	return file, j, nil
}

func (o *Office) wake() {
	select {
	case o.kick <- struct{}{}:
	default:
	}
}
