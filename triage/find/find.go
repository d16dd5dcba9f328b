// Package find finds contacts, cases and registrants. It keeps the index in
// step with the store: what is saved can be found a moment later, what is
// erased is found no more, and after a start the index is built behind the
// calls.
//
// Protected contacts and cases are not in it. They hold no number, name or
// notes, and what remains must not lead to them.
package find

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/lists"
	"hotline/appliance/search"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers"
)

// Config is what a Finder needs.
type Config struct {
	Store       *store.Store
	Contacts    *triage.Contacts
	Cases       *triage.Cases
	Registrants *volunteers.Registry
	Cards       *cards.Cards
	Lists       *lists.Keeper
	Region      string                             // country of numbers without a country code
	Names       func(field, value string) []string // words for a choice, in all languages; nil for none
	Log         *slog.Logger
}

// Finder finds records.
type Finder struct {
	cfg   Config
	index *search.Index
	feed  *store.Feed
	read  atomic.Int64 // records, while the index is built
	whole atomic.Bool  // it knows all records
	ready chan struct{}

	reading sync.Mutex // what was read is put in before it is read anew
}

// ErrBuilding means that not all records are in the index yet.
var ErrBuilding = errors.New("the hotline has just started and is still reading its records: try again in a minute")

// New prepares a finder. Run builds its index.
func New(cfg Config) *Finder {
	var names func(search.Facet) []string
	if cfg.Names != nil {
		names = func(f search.Facet) []string { return cfg.Names(f.Field, f.Value) }
	}
	return &Finder{cfg: cfg, index: search.New(names), ready: make(chan struct{}),
		feed: cfg.Store.Follow(triage.TableContacts, triage.TableCases, volunteers.TableRegistrants, cards.Table)}
}

// Ready is closed when all records are in the index for the first time.
func (f *Finder) Ready() <-chan struct{} { return f.ready }

// Settle waits until what is on disk by now can be found.
func (f *Finder) Settle(ctx context.Context) error { return f.feed.Settle(ctx) }

// Building reports whether records are still being read, and how many were.
func (f *Finder) Building() (records int, building bool) {
	return int(f.read.Load()), !f.whole.Load()
}

// Find returns a page of the ids of records that fit, best and newest first,
// and how many there are. While the index is built it knows some of them.
func (f *Finder) Find(filter Filter, skip, limit int) search.Result {
	q := f.query(filter)
	q.Skip, q.Limit = skip, limit
	return f.index.Find(filter.Kind, q)
}

// All returns the ids of all records that fit, oldest first: ErrBuilding when
// that cannot be said yet.
func (f *Finder) All(filter Filter) ([]string, error) {
	if _, building := f.Building(); building {
		return nil, ErrBuilding
	}
	return f.index.All(filter.Kind, f.query(filter)), nil
}

// Only is what a filter, written as an address, leaves of its export set: the
// name of the set, the filter as it may be told, and the records that it finds
// when the file is made.
func (f *Finder) Only(query string) (set, said string, ids func() (map[string]bool, error), err error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return "", "", nil, err
	}
	filter := ParseFilter(q)
	return filter.Set(), filter.String(), func() (map[string]bool, error) {
		all, err := f.All(filter)
		keep := make(map[string]bool, len(all))
		for _, id := range all {
			keep[id] = true
		}
		return keep, err
	}, nil
}

// Values are the values of a field that records of a kind have, with how many.
func (f *Finder) Values(kind, field string) map[string]int { return f.index.Values(kind, field) }

// Len is how many records of a kind can be found.
func (f *Finder) Len(kind string) int { return f.index.Len(kind) }

func (f *Finder) query(filter Filter) search.Query {
	text, from, until := dates(filter.Text)
	q := search.Query{Text: text, From: later(filter.From, from), Until: earlier(filter.Until, until)}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1)
	}
	if number := call.ParseNumber(text, f.cfg.Region); number.E164() {
		q.Numbers = []string{string(number)}
	}
	for field, picked := range filter.Picks {
		var group []search.Facet
		for _, v := range picked {
			group = append(group, search.Facet{Field: field, Value: v})
		}
		if len(group) > 0 {
			q.Facets = append(q.Facets, group)
		}
	}
	if !filter.Free.IsZero() {
		q.Facets = append(q.Facets, f.free(filter)...)
	}
	var areas []string
	for _, area := range filter.Areas {
		areas = append(areas, keyArea+strings.ToLower(area)+"*")
	}
	if len(areas) > 0 {
		q.Keys = append(q.Keys, areas)
	}
	return q
}

// free are the choices of somebody who could work on a day: ready to be sent,
// unless the filter asks for another status, and said so when registering.
func (f *Finder) free(filter Filter) [][]search.Facet {
	could := []search.Facet{facet("availability", string(volunteers.AvailableNow)), facet("availability", string(volunteers.AvailableToday)), facet("availability", string(volunteers.AvailableWeek))}
	if weekday := filter.Free.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		could = append(could, facet("availability", string(volunteers.AvailableWeekends)))
	}
	on := filter.Free.Format(time.DateOnly)
	begun := []search.Facet{facet(fieldFrom, anyDay)}
	for day := range f.Values(Registrants, fieldFrom) {
		if day <= on {
			begun = append(begun, facet(fieldFrom, day))
		}
	}
	groups := [][]search.Facet{could, begun}
	if len(filter.Picks["status"]) == 0 {
		groups = append(groups, []search.Facet{facet("status", string(volunteers.StatusAvailable))})
	}
	return groups
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Run builds the index and keeps it true until ctx ends.
func (f *Finder) Run(ctx context.Context) error {
	defer f.feed.Close()
	ctx, stop := context.WithCancel(ctx)
	var renaming sync.WaitGroup
	defer func() { stop(); renaming.Wait() }()
	must := f.must()
	renaming.Go(func() { f.rename(ctx, must) })
	if err := f.build(ctx); err != nil {
		return err
	}
	close(f.ready)
	for {
		changes, lost, err := f.feed.Next(ctx)
		if err != nil {
			return err
		}
		for _, c := range changes {
			f.update(c)
		}
		if lost {
			f.cfg.Log.Warn("so many records changed at once that all are read again for the search")
			if err := f.build(ctx); err != nil {
				return err
			}
		}
	}
}

// rename keeps the words of choices as operators have them, and which cases are
// complete, until ctx ends.
func (f *Finder) rename(ctx context.Context, must []string) {
	for {
		changed := f.cfg.Lists.Changed()
		f.index.Rename()
		if now := f.must(); !slices.Equal(now, must) {
			must = now
			if err := f.walkAll(ctx, Cases, walk(f, only[triage.Case](Cases), f.cfg.Cases.After, f.caseDoc)); err != nil {
				return // it ends
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// must are the questions without whose answer a case is incomplete.
func (f *Finder) must() (names []string) {
	for _, q := range f.cfg.Lists.Now().Asked() {
		if q.Must {
			names = append(names, q.Name)
		}
	}
	slices.Sort(names)
	return names
}

// update indexes a record as it is now.
func (f *Finder) update(c store.Change) {
	f.reading.Lock()
	defer f.reading.Unlock()
	if c.Table == cards.Table {
		f.updateCard(c.Key)
		return
	}
	doc, found, err := f.doc(c)
	switch {
	case err != nil:
		// A damaged record cannot be shown either; the store has said so.
		f.cfg.Log.Error("a changed record could not be read for the search", "record", c.Key, "error", err)
		f.index.Remove(kindOf(c.Table), c.Key)
	case !found:
		f.index.Remove(kindOf(c.Table), c.Key)
	default:
		f.put(kindOf(c.Table), doc)
	}
}

func (f *Finder) updateCard(id string) {
	card, err := f.cfg.Cards.Get(id)
	if err == nil {
		if doc, found := f.cardDoc(card); found {
			f.put(card.Kind, doc)
			return
		}
	} else if !errors.Is(err, store.ErrNotFound) {
		f.cfg.Log.Error("a changed record could not be read for the search", "record", id, "error", err)
	}
	for _, kind := range cards.Kinds() {
		f.index.Remove(kind, id)
	}
}

func (f *Finder) put(kind string, d search.Doc) {
	if err := f.index.Put(kind, d); err != nil {
		f.cfg.Log.Error("a record could not be indexed", "kind", kind, "error", err)
	}
}

func kindOf(table string) string {
	switch table {
	case triage.TableContacts:
		return Contacts
	case triage.TableCases:
		return Cases
	}
	return Registrants
}

// doc is what can be found of a record: nothing when it is gone, or protected.
func (f *Finder) doc(c store.Change) (search.Doc, bool, error) {
	var d search.Doc
	found := false
	var err error
	switch c.Table {
	case triage.TableContacts:
		var k triage.Contact
		if k, err = f.cfg.Contacts.Get(c.Key); err == nil {
			d, found = contactDoc(k)
		}
	case triage.TableCases:
		var cs triage.Case
		if cs, err = f.cfg.Cases.Get(c.Key); err == nil {
			d, found = f.caseDoc(cs)
		}
	default:
		var r volunteers.Registrant
		if r, err = f.cfg.Registrants.Get(c.Key); err == nil {
			d, found = f.registrantDoc(r)
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return d, found, err
}

const (
	chunk = 200 // records that are read in one transaction
	rest  = 4   // after a chunk, the part of its time in which calls have the processor alone
)

// build reads all records, the smaller tables first. Records that change
// meanwhile come again through the feed.
func (f *Finder) build(ctx context.Context) error {
	begun := time.Now()
	f.whole.Store(false)
	f.read.Store(0)
	for _, kind := range Kinds() {
		f.index.Clear(kind)
	}
	for kind, next := range map[string]func(after string) (string, error){
		cards.Table: walk(f, func(c cards.Card) string { return c.Kind }, f.cfg.Cards.After, f.cardDoc),
		Registrants: walk(f, only[volunteers.Registrant](Registrants), f.cfg.Registrants.After, f.registrantDoc),
		Cases:       walk(f, only[triage.Case](Cases), f.cfg.Cases.After, f.caseDoc),
		Contacts:    walk(f, only[triage.Contact](Contacts), f.cfg.Contacts.After, contactDoc),
	} {
		if err := f.walkAll(ctx, kind, next); err != nil {
			return err
		}
	}
	f.whole.Store(true)
	f.cfg.Log.Info("all records can be found", "records", f.read.Load(), "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// walkAll goes through all records of a table, in steps.
func (f *Finder) walkAll(ctx context.Context, kind string, next func(after string) (string, error)) error {
	for after := ""; ; {
		at := time.Now()
		var err error
		if after, err = next(after); errors.Is(err, store.ErrClosed) {
			return fmt.Errorf("reading the %s for the search: %w", kind, err)
		} else if err != nil {
			f.cfg.Log.Error("a record could not be read and cannot be found; all others can", "kind", kind, "error", err)
		}
		if after == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Since(at) / rest):
		}
	}
}

// only says that all records of a table are of one kind.
func only[T any](kind string) func(T) string { return func(T) string { return kind } }

// walk makes a step through the records of a table.
func walk[T any](f *Finder, kind func(T) string, read func(string, int) ([]T, string, error), doc func(T) (search.Doc, bool)) func(string) (string, error) {
	return func(after string) (string, error) {
		f.reading.Lock()
		defer f.reading.Unlock()
		records, next, err := read(after, chunk)
		for _, r := range records {
			if d, found := doc(r); found {
				f.put(kind(r), d)
			}
		}
		f.read.Add(int64(len(records)))
		return next, err
	}
}
