package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"hotline/appliance/store"
	"hotline/appliance/table"
)

// sweepEvery is how often files that were kept long enough are looked for.
const sweepEvery = 10 * time.Minute

// lookAgain is how soon exports that wait for the machine look at it again.
const lookAgain = 10 * time.Second

// Run makes the exports that are asked for, until ctx ends. One that a stop
// interrupted is noted as failed: it is asked for again in a moment, and a file
// that looks whole and is not helps nobody.
func (o *Office) Run(ctx context.Context) error {
	if err := o.recover(ctx); err != nil && ctx.Err() == nil {
		o.cfg.Log.Error("exports that a stop interrupted could not be noted", "error", err)
	}
	var carrying sync.WaitGroup
	defer carrying.Wait()
	carrying.Go(func() { o.carryAll(ctx) })
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		for !o.waits() && o.next(ctx) {
		}
		if err := o.sweep(ctx); err != nil && ctx.Err() == nil {
			o.cfg.Log.Error("old exports could not be deleted; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-o.kick:
		case <-tick.C:
		case <-o.again():
		}
	}
}

// waits tells whether the machine has no strength for exports now: calls come
// first.
func (o *Office) waits() bool { return o.cfg.Strained != nil && o.cfg.Strained() }

// again is when an office that waits looks anew.
func (o *Office) again() <-chan time.Time {
	if !o.waits() {
		return nil
	}
	return time.After(lookAgain)
}

// giveWay stops an export that is being made for as long as the machine has no
// strength for it.
type giveWay struct {
	ctx   context.Context
	w     io.Writer
	waits func() bool
}

func (g *giveWay) Write(p []byte) (int, error) {
	for g.waits() {
		select {
		case <-g.ctx.Done():
			return 0, context.Cause(g.ctx)
		case <-time.After(lookAgain):
		}
	}
	return g.w.Write(p)
}

func (o *Office) recover(ctx context.Context) error {
	return o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		var cut []Job
		for _, j := range jobs.Backward(tx) {
			if j.State == Running || j.State == Cancelled && j.Blob != "" {
				cut = append(cut, j)
			}
		}
		for _, j := range cut {
			if err := tx.DeleteBlob(j.Blob); err != nil {
				return err
			}
			j.Blob = ""
			if j.State == Running {
				j.State, j.Error = Failed, "stopped"
				j.end(tx)
				note(tx, EventFailed, j, j.Request.By, o.cfg.Operation)
			}
			if err := jobs.Put(tx, j.ID, j); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweep deletes what was kept long enough.
func (o *Office) sweep(ctx context.Context) error {
	var old []Job
	now := time.Now()
	err := o.cfg.Store.View(func(tx *store.Tx) error {
		now = tx.Now()
		for _, j := range jobs.All(tx) {
			if o.over(j, now) {
				old = append(old, j)
			}
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		for _, seen := range old {
			j, err := jobs.Get(tx, seen.ID)
			switch {
			case errors.Is(err, store.ErrNotFound):
				continue
			case err != nil:
				return err
			case tx.Now().Sub(j.Asked) > keepJob:
				err = errors.Join(tx.DeleteBlob(j.Blob), jobs.Delete(tx, j.ID))
			case j.State == Done && o.over(j, now):
				err = errors.Join(o.drop(tx, &j, ""), jobs.Put(tx, j.ID, j))
			case j.State == Waiting && o.over(j, now):
				j.State = Gone
				j.end(tx)
				note(tx, EventDeleted, j, "", o.cfg.Operation)
				err = jobs.Put(tx, j.ID, j)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *Office) over(j Job, now time.Time) bool {
	return now.Sub(j.Asked) > keepJob || j.State == Done && !now.Before(j.Until) || j.State == Waiting && now.Sub(j.Asked) > keepWaiting
}

// next makes the oldest queued export and reports whether there was one.
func (o *Office) next(ctx context.Context) bool {
	var j Job
	err := o.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		j = Job{}
		for _, one := range jobs.All(tx) {
			if one.State == Queued {
				j = one
				break
			}
		}
		if j.ID == "" {
			return nil
		}
		mark, err := tx.LogMark()
		if err != nil {
			return err
		}
		j.State, j.Mark = Running, mark.String()
		return jobs.Put(tx, j.ID, j)
	})
	if err != nil || j.ID == "" {
		if err != nil && ctx.Err() == nil {
			o.cfg.Log.Error("the next export could not be begun; it is tried again", "error", err)
		}
		return false
	}
	work, stop := context.WithCancel(ctx)
	defer stop()
	o.mu.Lock()
	o.running, o.stop = j.ID, stop
	o.rows.Store(0)
	o.part.Store(nil)
	o.mu.Unlock()
	err = o.make(work, j)
	if j.Order != "" {
		defer o.wakeCarrier()
	}
	o.mu.Lock()
	o.running, o.stop = "", nil
	o.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		o.fail(ctx, j, err)
	}
	return ctx.Err() == nil
}

// fail notes why there is no file.
func (o *Office) fail(ctx context.Context, j Job, cause error) {
	why := "failed"
	if errors.Is(cause, store.ErrNoRoom) {
		why = "room"
	}
	j, err := o.change(ctx, j.ID, func(tx *store.Tx, j *Job) error {
		if j.State != Running { // cancelled meanwhile
			return nil
		}
		j.State, j.Error = Failed, why
		j.end(tx)
		note(tx, EventFailed, *j, j.Request.By, o.cfg.Operation)
		return nil
	})
	switch {
	case err != nil:
		o.cfg.Log.Error("a failed export could not be noted", "export", j.ID, "error", err)
	case j.State == Failed:
		o.cfg.Log.Error("an export failed", "export", j.ID, "error", cause)
	}
}

// make writes the file of a job and notes that it is there.
func (o *Office) make(ctx context.Context, j Job) error {
	mine := func(tx *store.Tx) (Job, error) {
		now, err := jobs.Get(tx, j.ID)
		if err == nil && now.State != Running {
			err = context.Canceled
		}
		return now, err
	}
	out, err := o.cfg.Store.CreateBlob(ctx, leaveFree, func(tx *store.Tx, id string) error {
		now, err := mine(tx)
		now.Blob = id
		return errors.Join(err, jobs.Put(tx, j.ID, now))
	})
	if err != nil {
		return err
	}
	sum := sha256.New()
	size := &counter{w: &giveWay{ctx: ctx, w: io.MultiWriter(out, sum), waits: o.waits}}
	pack := newArchive(size, j.Request.Password, j.Asked)
	parts, err := o.fill(ctx, pack, j)
	if err == nil {
		err = pack.close()
	}
	if err == nil {
		err = out.Commit(ctx, func(tx *store.Tx, _ int64) error {
			now, err := mine(tx)
			if err != nil {
				return err
			}
			now.State, now.Size, now.Parts, now.Rows = Done, int64(size.n), parts, 0
			for _, part := range parts {
				now.Rows += part.Rows
			}
			now.SHA256, now.Until = hex.EncodeToString(sum.Sum(nil)), tx.Now().Add(keepFile)
			now.end(tx)
			note(tx, EventMade, now, now.Request.By, o.cfg.Operation)
			return jobs.Put(tx, j.ID, now)
		})
	}
	if err == nil {
		return nil
	}
	// The job must not name a file that is gone, whatever else happened. When
	// the program ends, recover does this at the next start.
	clean := func(tx *store.Tx) error {
		now, getErr := jobs.Get(tx, j.ID)
		blob := now.Blob
		now.Blob = ""
		return errors.Join(getErr, tx.DeleteBlob(blob), jobs.Put(tx, j.ID, now))
	}
	abort := out.Abort(context.WithoutCancel(ctx), clean) // does nothing after a failed Commit
	again := o.cfg.Store.Update(context.WithoutCancel(ctx), clean)
	return errors.Join(err, abort, again)
}

// described is what datapackage.json says of one file.
type described struct {
	Name      string         `json:"name"`
	Path      string         `json:"path"`
	Profile   string         `json:"profile,omitempty"`
	Format    string         `json:"format"`
	MediaType string         `json:"mediatype"`
	Encoding  string         `json:"encoding,omitempty"`
	Bytes     uint64         `json:"bytes"`
	Hash      string         `json:"hash"`
	Rows      int            `json:"rows"`
	Since     bool           `json:"changed_since_applies"`
	Schema    map[string]any `json:"schema,omitempty"`
}

// kept are the records that a filter finds now; nil for all.
func (o *Office) kept(filter string) (map[string]bool, error) {
	if filter == "" {
		return nil, nil
	}
	only, err := o.only(filter)
	if err != nil {
		return nil, err
	}
	return only.IDs()
}

// rowsOf are the rows whose identity is among those.
func rowsOf(rows iter.Seq2[[]any, error], keep map[string]bool) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for row, err := range rows {
			if err == nil {
				if id, is := row[0].(string); !is || !keep[id] {
					continue
				}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// fill writes all files of the archive, the description last.
func (o *Office) fill(ctx context.Context, pack *archive, j Job) (parts []Part, err error) {
	var files []described
	var dictionary [][]any
	for _, name := range j.Request.Sets {
		set, ok := o.set(name)
		if !ok {
			return parts, fmt.Errorf("there is no set %q any more", name)
		}
		if set.File != nil {
			d, err := o.file(ctx, pack, set.File.Name, func(w io.Writer) (int, error) {
				return set.File.Write(w, Cut{j.Request.Level, j.Request.Since, j.Request.To})
			})
			if err != nil {
				return parts, err
			}
			d.Name, d.Format, d.MediaType, d.Since = name, strings.TrimPrefix(set.File.Type, "application/"), set.File.Type, true
			parts = append(parts, Part{Set: name, Rows: d.Rows})
			files = append(files, d)
			continue
		}
		keep, err := o.kept(j.Request.Filter)
		if err != nil {
			return parts, err
		}
		for n, format := range j.Request.Formats {
			t := set.Table()
			if keep != nil {
				t.Rows = rowsOf(t.Rows, keep)
			}
			withheld := 0
			t.Withheld = func() { withheld++ }
			t = t.For(j.Request.To).At(j.Request.Level, j.Request.Since)
			t.HXL = j.Request.HXL
			d, err := o.file(ctx, pack, name+"."+format, func(w io.Writer) (int, error) { return o.table(ctx, w, t, format, j) })
			if err != nil {
				return parts, err
			}
			d.Name, d.Format, d.Since = name+"_"+format, format, t.Changed != ""
			describe(&d, t, format)
			files = append(files, d)
			if n > 0 {
				continue
			}
			parts = append(parts, Part{name, d.Rows, withheld})
			for _, c := range t.Columns {
				dictionary = append(dictionary, []any{name, c.Name, string(c.Kind), c.Level.String(), c.HXL, c.Said()})
			}
		}
	}
	if len(dictionary) > 0 {
		d, err := o.file(ctx, pack, "data_dictionary.csv", func(w io.Writer) (int, error) {
			return len(dictionary), table.WriteCSV(w, dictionaryTable(dictionary))
		})
		if err != nil {
			return parts, err
		}
		d.Name, d.Format, d.MediaType, d.Encoding = "data_dictionary", CSV, "text/csv", "utf-8"
		files = append(files, d)
	}
	_, err = o.file(ctx, pack, "datapackage.json", func(w io.Writer) (int, error) {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return 0, out.Encode(o.manifest(j, files))
	})
	return parts, err
}

// file writes one file and measures it.
func (o *Office) file(ctx context.Context, pack *archive, name string, write func(io.Writer) (int, error)) (d described, err error) {
	if err := ctx.Err(); err != nil {
		return d, err
	}
	o.part.Store(&name)
	o.rows.Store(0)
	m := &meter{sum: sha256.New()}
	err = pack.file(name, func(w io.Writer) error {
		m.w = w
		d.Rows, err = write(m)
		return err
	})
	d.Path, d.Bytes, d.Hash = name, m.n, "sha256:"+hex.EncodeToString(m.sum.Sum(nil))
	return d, err
}

type meter struct {
	w   io.Writer
	n   uint64
	sum hash.Hash
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.n += uint64(n)
	m.sum.Write(p[:n])
	return n, err
}

// table writes one table in one format, counting its rows, and stops when ctx
// ends.
func (o *Office) table(ctx context.Context, w io.Writer, t table.Table, format string, j Job) (int, error) {
	n, all := 0, t.Rows
	t.Rows = func(yield func([]any, error) bool) {
		for row, err := range all {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			n++
			o.rows.Add(1)
			if !yield(row, nil) {
				return
			}
		}
	}
	var err error
	switch format {
	case XLSX:
		err = table.WriteXLSX(w, t, o.notes(j))
	case CSV:
		err = table.WriteCSV(w, t)
	case JSONL:
		err = table.WriteJSONL(w, t)
	default:
		err = fmt.Errorf("tables are not written as %q", format)
	}
	return n, err
}
