package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Order is what somebody says when an import begins.
type Order struct {
	By, ByName string
	Basis      string // where the people of the file agreed, and on what ground their data is kept
	Title      string
	Queue      string
	Without    bool // refused lines are left out
}

// minBasis is the shortest text that says anything.
const minBasis = 5

// job is an import that Run makes.
type job struct {
	Import
	lines []Line
}

// Start begins an import; Run makes it. Nobody sees anything of it before it is
// done.
func (o *Office) Start(ctx context.Context, u *Upload, order Order) (Import, error) {
	t, known := o.Target(u.Target)
	order.Basis, order.Title = strings.TrimSpace(order.Basis), strings.TrimSpace(order.Title)
	switch {
	case !known:
		return Import{}, WrongTarget
	case t.People && len([]rune(order.Basis)) < minBasis:
		return Import{}, WrongBasis
	case t.Named && order.Title == "":
		return Import{}, WrongTitle
	}
	check, err := o.Check(u)
	switch {
	case err != nil:
		return Import{}, err
	case len(check.Missing) > 0:
		return Import{}, WrongMust
	case check.New == 0:
		return Import{}, WrongNothing
	case check.Refused > 0 && !order.Without:
		return Import{}, WrongRefused
	case t.Most > 0 && check.New > t.Most:
		return Import{}, WrongMany
	}
	j := job{lines: slices.DeleteFunc(check.Lines, func(l Line) bool { return l.What != NewLine })}
	o.mu.Lock()
	if o.busy != "" {
		o.mu.Unlock()
		return Import{}, WrongBusy
	}
	o.busy = u.ID
	o.done.Store(0)
	o.mu.Unlock()
	err = o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		j.Import = Import{ID: tx.NewID(), Target: t.Name, File: u.File, SHA256: u.SHA256, Rows: check.New + check.Same + check.Refused, New: check.New, Same: check.Same,
			Refused: check.Refused, Basis: order.Basis, Title: order.Title, Queue: order.Queue, By: order.By, ByName: order.ByName, State: Filling, At: tx.Now()}
		o.note(tx, EventBegun, j.Import, j.By, j.ByName)
		return imports.Put(tx, j.ID, j.Import)
	})
	if err != nil {
		o.free()
		return Import{}, err
	}
	o.mu.Lock()
	o.busy = j.ID
	o.mu.Unlock()
	o.Drop(u.ID, u.By)
	o.jobs <- j // nobody else has a job: there is room
	return j.Import, nil
}

func (o *Office) free() {
	o.mu.Lock()
	o.busy = ""
	o.mu.Unlock()
}

// note writes an event about an import.
func (o *Office) note(tx *store.Tx, kind string, i Import, by, name string) {
	tx.Emit(events.Event{Kind: kind, Operation: o.cfg.Operation, By: by, Via: "web", Data: map[string]string{"import": i.ID, "name": name, "target": i.Target,
		"file": i.File, "sha256": i.SHA256, "rows": strconv.Itoa(i.Rows), "new": strconv.Itoa(i.New), "same": strconv.Itoa(i.Same), "refused": strconv.Itoa(i.Refused),
		"reason": i.Basis, "kept": strconv.Itoa(len(i.Kept))}})
}

// why is what the history of a record says about where it comes from.
func (i Import) why() string {
	if i.Basis == "" {
		return i.File
	}
	return i.Basis + " (" + i.File + ")"
}

// Run makes imports and takes them back until ctx ends. First it removes what a
// stop has left of one.
func (o *Office) Run(ctx context.Context) error {
	if err := o.recover(ctx); err != nil {
		o.cfg.Log.Error("what is left of an import could not be removed; nobody sees it, and it is tried again at the next start", "error", err)
	}
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			o.tidy(now)
		case j := <-o.jobs:
			o.make(ctx, j)
			o.free()
		case id := <-o.undo:
			if err := o.clear(ctx, id); err != nil {
				o.cfg.Log.Error("an import could not be taken back to the end; nobody sees the rest, and it is tried again at the next start", "import", id, "error", err)
			}
		}
	}
}

func (o *Office) recover(ctx context.Context) error {
	var begun []string
	err := o.cfg.Store.View(func(tx *store.Tx) error {
		for id, i := range imports.All(tx) {
			if i.State == Filling || i.State == Undoing {
				begun = append(begun, id)
			}
		}
		return nil
	})
	for _, id := range begun {
		err = errors.Join(err, o.clear(ctx, id))
	}
	return err
}

func (o *Office) make(ctx context.Context, j job) {
	err := o.fill(ctx, &j)
	if err == nil {
		err = o.change(ctx, j.ID, func(tx *store.Tx, i *Import) error {
			i.State, i.Made, i.Ended = Done, j.Made, tx.Now()
			o.note(tx, EventMade, *i, i.By, i.ByName)
			return tx.Show(i.set())
		})
	}
	if err == nil || ctx.Err() != nil { // the next start removes what a stop leaves
		return
	}
	o.cfg.Log.Error("an import failed; nothing of it is there", "import", j.ID, "error", err)
	if err := o.clear(ctx, j.ID); err != nil {
		o.cfg.Log.Error("what is left of an import could not be removed; nobody sees it, and it is tried again at the next start", "import", j.ID, "error", err)
	}
}

// fill writes the records of an import, hidden.
func (o *Office) fill(ctx context.Context, j *job) error {
	t, _ := o.Target(j.Target)
	if t.Open != nil {
		err := o.cfg.Store.Update(ctx, func(tx *store.Tx) (err error) {
			tx.See(j.set())
			if j.Made, err = t.Open(tx, j.Import); err != nil {
				return err
			}
			return o.hide(tx, t, j.Import, 0, []string{j.Made})
		})
		if err != nil {
			return err
		}
	}
	part := 0
	for lines := range slices.Chunk(j.lines, atOnce) {
		part++
		err := o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			tx.See(j.set())
			var ids []string
			for _, l := range lines {
				id, err := t.Add(tx, j.Import, l)
				if err != nil {
					return fmt.Errorf("line %d: %w", l.Line, err)
				}
				if id != "" {
					ids = append(ids, id)
				}
			}
			if len(ids) == 0 {
				return nil
			}
			return o.hide(tx, t, j.Import, part, ids)
		})
		if err != nil {
			return err
		}
		o.done.Add(int64(len(lines)))
	}
	return nil
}

// hide hides what was written in this transaction, and remembers it.
func (o *Office) hide(tx *store.Tx, t Target, i Import, part int, ids []string) error {
	return errors.Join(tx.Hide(i.set(), t.Table, ids), importRecords.Put(tx, fmt.Sprintf("%s/%06d", i.ID, part), ids))
}

func (o *Office) change(ctx context.Context, id string, fn func(*store.Tx, *Import) error) error {
	return o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		i, err := imports.Get(tx, id)
		if err != nil {
			return err
		}
		if err := fn(tx, &i); err != nil {
			return err
		}
		return imports.Put(tx, id, i)
	})
}

// Undo takes an import back. At once nobody sees its records any more; those
// with which somebody has worked since stay.
func (o *Office) Undo(ctx context.Context, id, by, byName string) (Import, error) {
	i, err := o.Import(id)
	if err != nil {
		return i, err
	}
	t, known := o.Target(i.Target)
	if i.State != Done || !known {
		return i, WrongState
	}
	parts, err := o.parts(id)
	if err != nil {
		return i, err
	}
	var going [][]string
	var kept []string
	for _, ids := range parts {
		err := o.cfg.Store.View(func(tx *store.Tx) error {
			some, stay, err := unchanged(tx, t, ids)
			kept = append(kept, stay...)
			if len(some) > 0 {
				going = append(going, some)
			}
			return err
		})
		if err != nil {
			return i, err
		}
	}
	err = o.change(ctx, id, func(tx *store.Tx, now *Import) error {
		if now.State != Done {
			return WrongState
		}
		now.State, now.Kept, now.Undone = Undoing, slices.Clone(kept), byName
		for _, ids := range going {
			if err := tx.Hide(now.set(), t.Table, ids); err != nil {
				return err
			}
		}
		o.note(tx, EventUndone, *now, by, byName)
		i = *now
		return nil
	})
	if err == nil {
		select {
		case o.undo <- id:
		default: // so many at once: the next start does it
		}
	}
	return i, err
}

// parts are the ids of an import as they were written.
func (o *Office) parts(id string) (parts [][]string, err error) {
	err = o.cfg.Store.View(func(tx *store.Tx) error {
		for _, ids := range importRecords.Prefix(tx, id+"/") {
			parts = append(parts, ids)
		}
		return nil
	})
	return parts, err
}

// unchanged divides records into those that nobody has touched since the import
// and those with which somebody has worked. What was erased is in neither.
func unchanged(tx *store.Tx, t Target, ids []string) (some, worked []string, err error) {
	for _, id := range ids {
		changed, err := t.Changed(tx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return nil, nil, err
		case changed:
			worked = append(worked, id)
		default:
			some = append(some, id)
		}
	}
	return some, worked, nil
}

// clear removes the hidden records of an import: all of one that was not
// finished, and of one that is taken back those with which nobody has worked.
func (o *Office) clear(ctx context.Context, id string) error {
	i, err := o.Import(id)
	if err != nil {
		return err
	}
	t, known := o.Target(i.Target)
	if !known {
		return fmt.Errorf("import %s: this program does not know how to remove records of %s", id, i.Target)
	}
	for more := true; more; {
		err := o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
			more = false
			tx.See(i.set())
			hidden := tx.Hidden(i.set())
			if len(hidden) == 0 {
				return nil
			}
			more = true
			whole, kept, err := remove(tx, t, i, hidden[0].IDs)
			if err != nil || !whole {
				return err
			}
			if len(kept) > 0 {
				now, err := imports.Get(tx, id)
				if err != nil {
					return err
				}
				now.Kept = append(now.Kept, kept...)
				if err := imports.Put(tx, id, now); err != nil {
					return err
				}
			}
			return tx.Unhide(hidden[0])
		})
		if err != nil {
			return err
		}
	}
	return o.change(ctx, id, func(tx *store.Tx, now *Import) error {
		var parts []string
		for key := range importRecords.Prefix(tx, id+"/") {
			parts = append(parts, key)
		}
		for _, key := range parts {
			if err := importRecords.Delete(tx, key); err != nil {
				return err
			}
		}
		if now.Ended = tx.Now(); now.State == Undoing {
			now.State = Undone
			return nil
		}
		now.State = Failed
		o.note(tx, EventFailed, *now, "", "")
		return nil
	})
}

// remove takes records back that belong to one entry of what is hidden; whole
// says that none is left.
func remove(tx *store.Tx, t Target, i Import, ids []string) (whole bool, kept []string, err error) {
	if i.State == Undoing { // somebody was quicker
		if ids, kept, err = unchanged(tx, t, ids); err != nil {
			return false, nil, err
		}
	}
	for _, id := range ids {
		more, err := t.Remove(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil || more {
			return false, nil, err
		}
	}
	return true, kept, nil
}

// Import returns one import, or store.ErrNotFound.
func (o *Office) Import(id string) (i Import, err error) {
	err = o.cfg.Store.View(func(tx *store.Tx) error {
		i, err = imports.Get(tx, id)
		return err
	})
	return i, err
}

// Lines is how many lines of an import that is being made are written.
func (o *Office) Lines(id string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy != id {
		return 0
	}
	return int(o.done.Load())
}

// List are the newest imports.
func (o *Office) List(most int) (list []Import, err error) {
	err = o.cfg.Store.View(func(tx *store.Tx) error {
		list = nil
		for _, i := range imports.Backward(tx) {
			if len(list) == most {
				break
			}
			list = append(list, i)
		}
		return nil
	})
	return list, err
}
