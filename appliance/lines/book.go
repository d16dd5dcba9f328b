package lines

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/trunk"
)

// This file is how the lines and numbers are kept and changed, and how those who
// use them are told.

// Events.
const (
	EventLineAdded     = "line.added"
	EventLineChanged   = "line.changed"
	EventLineOff       = "line.switched_off"
	EventLineOn        = "line.switched_on"
	EventLineRemoved   = "line.removed"
	EventLineTested    = "line.tested" // a test call was made over it
	EventNumberAdded   = "number.added"
	EventNumberChanged = "number.changed"
	EventNumberRemoved = "number.removed"
	EventDials         = "dialling.changed"
	EventOut           = "dialling.callers_changed"
)

// ErrNone says that there is no such line or number.
var ErrNone = errors.New("that is not there any more: somebody else has removed it")

// dialling is which numbers may be called, and by whom.
type dialling struct {
	Prefixes []string  `json:"prefixes"`
	Out      *CallsOut `json:"out,omitempty"`
}

// order is the names of the lines as they are tried; records lie by name.
type order struct {
	Names []string `json:"names"`
}

type password struct {
	Password string `json:"password"`
}

var (
	linesTable = store.NewTable[Line]("telephone_lines")
	orderTable = store.NewTable[order]("telephone_line_order")
	secrets    = store.NewTable[password]("telephone_line_passwords")
	numbers    = store.NewTable[Number]("telephone_numbers")
	dials      = store.NewTable[dialling]("telephone_dialling")
)

const (
	orderKey = "order"
	dialsKey = "allowed"
)

// Book is the lines and numbers of one hotline.
type Book struct {
	store *store.Store
	rules Rules

	mu      sync.Mutex // one change at a time
	apply   func([]trunk.Line, []Number) error
	now     Record
	secrets map[string]string

	dials atomic.Pointer[dialling] // of now; asked while calls are made, also while lines change
}

// Open reads what is stored.
func Open(s *store.Store, rules Rules) (*Book, error) {
	b := &Book{store: s, rules: rules}
	if err := b.read(); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Book) read() error {
	var now Record
	known := map[string]string{}
	err := b.store.View(func(tx *store.Tx) error {
		now, known = Record{}, map[string]string{}
		return load(tx, &now, known)
	})
	if err != nil {
		return fmt.Errorf("reading the telephone lines and numbers: %w", err)
	}
	b.now, b.secrets = now, known
	b.dials.Store(&dialling{now.Dials, now.Out})
	return nil
}

func load(tx *store.Tx, now *Record, known map[string]string) error {
	for name, secret := range secrets.All(tx) {
		known[name] = secret.Password
	}
	for name, l := range linesTable.All(tx) {
		_, l.Password = known[name]
		now.Lines = append(now.Lines, l)
	}
	tried, err := orderTable.Get(tx, orderKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	slices.SortStableFunc(now.Lines, func(a, b Line) int { return slices.Index(tried.Names, a.Name) - slices.Index(tried.Names, b.Name) })
	for _, n := range numbers.All(tx) {
		now.Numbers = append(now.Numbers, n)
	}
	may, err := dials.Get(tx, dialsKey)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	now.Dials, now.Out = may.Prefixes, may.Out
	return err
}

// Dials are the beginnings of numbers that may be called, besides those of
// hotline.yaml. They are not to be changed.
func (b *Book) Dials() []string { return b.dials.Load().Prefixes }

// Out is who may call out and how often; not ok: as hotline.yaml says. It is not
// to be changed.
func (b *Book) Out() (out CallsOut, ok bool) {
	if said := b.dials.Load().Out; said != nil {
		return *said, true
	}
	return CallsOut{}, false
}

// List is everything but the passwords.
func (b *Book) List() Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now.clone()
}

// Follow hands the lines that are in use, with their passwords, and the numbers
// to the telephone side: now, and after every change.
func (b *Book) Follow(apply func([]trunk.Line, []Number) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.apply = apply
	return b.use()
}

// Refresh reads what is stored and hands it on: after a transaction with
// Replace.
func (b *Book) Refresh() error { return b.Renew(func() {}) }

// Renew waits while change changes what is stored by other ways than this book,
// and hands on what is stored then.
func (b *Book) Renew(change func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	if err := b.read(); err != nil {
		return err
	}
	return b.use()
}

// use hands on what can be used: one line that cannot must not cost the others.
func (b *Book) use() error {
	if b.apply == nil {
		return nil
	}
	var ways []trunk.Line
	var errs []error
	for _, l := range b.now.Lines {
		if l.Off {
			continue
		}
		way, err := l.way(b.secrets[l.Name])
		switch {
		case slices.Contains(b.rules.Lines, l.Name):
			err = fmt.Errorf("line %q is in the file hotline.yaml as well, which counts", l.Name)
		case err == nil:
			err = trunk.CheckLine(way)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %q is not used: %w", l.Name, err))
			continue
		}
		ways = append(ways, way)
	}
	return errors.Join(append(errs, b.apply(ways, slices.Clone(b.now.Numbers)))...)
}

// Replace stores r in place of everything that was there, within a transaction
// of the caller. Passwords are by the names of the lines; a line without one
// there keeps the one it has. Nothing uses it before Refresh.
func (b *Book) Replace(tx *store.Tx, r Record, passwords map[string]string, by, via string) error {
	var was Record
	had := map[string]string{}
	if err := load(tx, &was, had); err != nil {
		return err
	}
	var errs []error
	for _, l := range was.Lines {
		if _, stays := r.Line(l.Name); !stays {
			errs = append(errs, linesTable.Delete(tx, l.Name), secrets.Delete(tx, l.Name))
			tx.Emit(events.Event{Kind: EventLineRemoved, By: by, Via: via, Data: map[string]string{"line": l.Name}})
		}
	}
	var tried order
	for _, l := range r.Lines {
		tried.Names = append(tried.Names, l.Name)
		secret, fresh := passwords[l.Name]
		fresh = fresh && secret != had[l.Name]
		before, known := was.Line(l.Name)
		l.Password = before.Password
		what := differences(before, l)
		switch {
		case fresh && secret == "":
			errs = append(errs, secrets.Delete(tx, l.Name))
		case fresh:
			errs = append(errs, secrets.Put(tx, l.Name, password{secret}))
		}
		if fresh {
			what = append(what, "password")
		}
		l.Password = false // it is told by the other table
		switch {
		case !known:
			tx.Emit(events.Event{Kind: EventLineAdded, By: by, Via: via, Data: map[string]string{"line": l.Name, "kind": string(l.Kind)}})
		case slices.Equal(what, []string{"off"}):
			kind := EventLineOn
			if l.Off {
				kind = EventLineOff
			}
			tx.Emit(events.Event{Kind: kind, By: by, Via: via, Data: map[string]string{"line": l.Name}})
		case len(what) > 0:
			tx.Emit(events.Event{Kind: EventLineChanged, By: by, Via: via, Data: map[string]string{"line": l.Name, "fields": strings.Join(what, ",")}})
		default:
			continue
		}
		errs = append(errs, linesTable.Put(tx, l.Name, l))
	}
	errs = append(errs, orderTable.Put(tx, orderKey, tried), replaceNumbers(tx, was.Numbers, r.Numbers, by, via))
	if !slices.Equal(was.Dials, r.Dials) {
		tx.Emit(events.Event{Kind: EventDials, By: by, Via: via, Data: map[string]string{"before": strings.Join(was.Dials, " "), "allowed": strings.Join(r.Dials, " ")}})
	}
	otherwise := (was.Out == nil) != (r.Out == nil) || r.Out != nil && !was.Out.Equal(*r.Out)
	if otherwise {
		tx.Emit(events.Event{Kind: EventOut, By: by, Via: via, Data: map[string]string{"before": was.Out.String(), "allowed": r.Out.String()}})
	}
	if otherwise || !slices.Equal(was.Dials, r.Dials) {
		errs = append(errs, dials.Put(tx, dialsKey, dialling{r.Dials, r.Out}))
	}
	return errors.Join(errs...)
}

func replaceNumbers(tx *store.Tx, was, next []Number, by, via string) error {
	var errs []error
	before := map[string]Number{}
	for _, n := range was {
		before[n.Number] = n
	}
	note := func(kind string, n Number) {
		tx.Emit(events.Event{Kind: kind, By: by, Via: via, Data: map[string]string{"number": n.masked(), "leads": string(n.Leads)}})
	}
	for _, n := range next {
		old, known := before[n.Number]
		delete(before, n.Number)
		switch {
		case !known:
			note(EventNumberAdded, n)
		case old != n:
			note(EventNumberChanged, n)
		default:
			continue
		}
		errs = append(errs, numbers.Put(tx, n.Number, n))
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		note(EventNumberRemoved, before[key])
		errs = append(errs, numbers.Delete(tx, key))
	}
	return errors.Join(errs...)
}

// change stores what edit makes of the record. The first thing that is wrong with
// it is the error.
func (b *Book) change(ctx context.Context, passwords map[string]string, by string, edit func(*Record) error) error {
	return b.changeVia(ctx, passwords, by, "web", edit)
}

func (b *Book) changeVia(ctx context.Context, passwords map[string]string, by, via string, edit func(*Record) error) error {
	if by == "" {
		return errors.New("changing the telephone lines needs to say who does it")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.now.clone()
	if err := edit(&next); err != nil {
		return err
	}
	known := b.check(b.now, nil) // since the file was changed, say: it keeps nobody from anything else
	for _, wrong := range b.check(next, passwords) {
		if !slices.Contains(known, wrong) {
			return wrong
		}
	}
	if err := b.store.Update(ctx, func(tx *store.Tx) error { return b.Replace(tx, next, passwords, by, via) }); err != nil {
		return err
	}
	if err := b.read(); err != nil {
		return err
	}
	return b.use()
}

// Add adds a line behind the others.
func (b *Book) Add(ctx context.Context, l Line, secret, by string) error {
	l.tidy()
	return b.change(ctx, map[string]string{l.Name: secret}, by, func(r *Record) error {
		r.Lines = append(r.Lines, l)
		return nil
	})
}

// Change changes the line of that name. An empty secret leaves its password as
// it is.
func (b *Book) Change(ctx context.Context, l Line, secret, by string) error {
	l.tidy()
	var passwords map[string]string
	if secret != "" {
		passwords = map[string]string{l.Name: secret}
	}
	return b.change(ctx, passwords, by, func(r *Record) error {
		return r.line(l.Name, func(at int) {
			l.Off = r.Lines[at].Off
			r.Lines[at] = l
		})
	})
}

// Switch takes a line out of use, or into it again.
func (b *Book) Switch(ctx context.Context, name string, on bool, by, via string) error {
	return b.changeVia(ctx, nil, by, via, func(r *Record) error {
		return r.line(name, func(at int) { r.Lines[at].Off = !on })
	})
}

// Remove removes a line and its password.
func (b *Book) Remove(ctx context.Context, name, by string) error {
	return b.change(ctx, nil, by, func(r *Record) error {
		return r.line(name, func(at int) { r.Lines = slices.Delete(r.Lines, at, at+1) })
	})
}

// SetNumber says where a number leads.
func (b *Book) SetNumber(ctx context.Context, n Number, by string) error {
	n.Number = strings.TrimSpace(n.Number)
	return b.change(ctx, nil, by, func(r *Record) error {
		r.Numbers = append(slices.DeleteFunc(r.Numbers, func(was Number) bool { return was.Number == n.Number }), n)
		return nil
	})
}

// SetDials says which numbers may be called, by their beginnings; none: only those
// that hotline.yaml allows.
func (b *Book) SetDials(ctx context.Context, prefixes []string, by string) error {
	return b.change(ctx, nil, by, func(r *Record) error {
		r.Dials = slices.Compact(slices.Sorted(slices.Values(prefixes)))
		return nil
	})
}

// SetOut says who may call out, and how often.
func (b *Book) SetOut(ctx context.Context, out CallsOut, by string) error {
	return b.change(ctx, nil, by, func(r *Record) error {
		out.Tidy()
		r.Out = &out
		return nil
	})
}

// RemoveNumber removes a number: who rings it hears that it does not exist.
func (b *Book) RemoveNumber(ctx context.Context, number, by string) error {
	return b.change(ctx, nil, by, func(r *Record) error {
		before := len(r.Numbers)
		r.Numbers = slices.DeleteFunc(r.Numbers, func(n Number) bool { return n.Number == number })
		if len(r.Numbers) == before {
			return ErrNone
		}
		return nil
	})
}

// Tested notes that somebody has made a test call over a line, and what came
// of it.
func (b *Book) Tested(ctx context.Context, line, came, by string) error {
	return b.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventLineTested, By: by, Via: "web", Data: map[string]string{"line": line, "came": came}})
		return nil
	})
}
