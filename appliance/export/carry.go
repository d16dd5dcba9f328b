package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"hotline/appliance/place"
	"hotline/appliance/store"
)

// carryEvery is how often it is looked whether an order is due.
const carryEvery = 30 * time.Second

// carryAll serves the orders until ctx ends. It is no part of the making of
// exports: a slow server keeps nobody from a download.
func (o *Office) carryAll(ctx context.Context) {
	tick := time.NewTicker(carryEvery)
	defer tick.Stop()
	for {
		if err := o.serveOrders(ctx, time.Now()); err != nil && ctx.Err() == nil {
			o.cfg.Log.Error("the regular exports could not be looked at; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-o.carrier:
		case <-tick.C:
		}
	}
}

// serveOrders does what is to be done about every order as of now: begin one
// that is due, carry one that is made, stop one whose owner may no more. What
// was begun is in the records: after a stop it goes on from there.
func (o *Office) serveOrders(ctx context.Context, now time.Time) error {
	var list []Order
	if err := o.cfg.Store.View(func(tx *store.Tx) error {
		for _, ord := range orders.All(tx) {
			list = append(list, ord)
		}
		return nil
	}); err != nil {
		return err
	}
	var errs []error
	for _, ord := range list {
		if ord.Stopped == "" && ctx.Err() == nil {
			errs = append(errs, o.serveOrder(ctx, ord, now))
		}
	}
	return errors.Join(errs...)
}

func (o *Office) serveOrder(ctx context.Context, ord Order, now time.Time) error {
	may, err := o.may(ord.Request.By)
	switch {
	case err != nil:
		return err
	case !may:
		return o.changeOrder(ctx, ord.ID, func(tx *store.Tx, ord *Order) error {
			ord.Stopped = StoppedByRole
			o.tell(tx, EventOrderStopped, *ord, "", "rule")
			return nil
		})
	case ord.Job == "":
		due, owed := ord.owed(now)
		if !owed || now.Sub(ord.Tried) < tryAgain {
			return nil
		}
		return o.begin(ctx, ord.ID, due, now)
	}
	var j Job
	err = o.cfg.Store.View(func(tx *store.Tx) error {
		j, err = jobs.Get(tx, ord.Job)
		return err
	})
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case err == nil && (j.State == Queued || j.State == Running):
		return nil
	case err == nil && j.State == Done:
		if now.Sub(ord.Tried) < tryAgain {
			return nil
		}
		return o.bring(ctx, ord, j, now)
	}
	why := "the export was not made (" + string(j.State) + ")"
	return o.changeOrder(ctx, ord.ID, func(tx *store.Tx, ord *Order) error {
		ord.Job = ""
		o.failedOrder(tx, ord, why, now)
		return nil
	})
}

// begin asks for the export of an order.
func (o *Office) begin(ctx context.Context, id string, due, now time.Time) error {
	err := o.changeOrder(ctx, id, func(tx *store.Tx, ord *Order) error {
		r := ord.Request
		r.Via = "rule"
		if ord.Changed {
			r.Since = ord.Upto
		}
		// Asked is before the reading begins: what changes meanwhile comes twice
		// rather than never.
		j := Job{ID: tx.NewID(), Request: r, State: Queued, Asked: now.UTC(), Locked: ord.Locked, Order: ord.ID}
		ord.Job, ord.JobDue, ord.Tried, ord.Now = j.ID, due, time.Time{}, false
		note(tx, EventAsked, j, r.By, o.cfg.Operation)
		return jobs.Put(tx, j.ID, j)
	})
	o.wake()
	return err
}

// bring carries a finished export to its place and deletes it here.
func (o *Office) bring(ctx context.Context, ord Order, j Job, now time.Time) error {
	work, stop := context.WithTimeout(ctx, carryFor)
	name, err := o.carry(work, ord, j)
	stop()
	if ctx.Err() != nil {
		return nil // the program ends: it is carried at the next start
	}
	if err != nil {
		o.cfg.Log.Error("a regular export could not be carried to its place; it is tried again", "order", ord.ID, "place", ord.Place.String(), "error", err)
		return o.changeOrder(ctx, ord.ID, func(tx *store.Tx, ord *Order) error {
			o.failedOrder(tx, ord, err.Error(), now)
			return nil
		})
	}
	return o.changeOrder(ctx, ord.ID, func(tx *store.Tx, ord *Order) error {
		done, err := jobs.Get(tx, j.ID)
		if err != nil {
			return err
		}
		if err := tx.DeleteBlob(done.Blob); err != nil {
			return err
		}
		done.State, done.Blob = Carried, ""
		ord.Job, ord.Due, ord.Arrived, ord.Upto = "", ord.JobDue, now, j.Asked
		ord.File, ord.Rows, ord.Failed, ord.Since, ord.Tried = name, j.Rows, "", time.Time{}, time.Time{}
		note(tx, EventCarried, done, ord.Request.By, o.cfg.Operation)
		return jobs.Put(tx, done.ID, done)
	})
}

// failedOrder notes a failure; the log hears of the first of a row.
func (o *Office) failedOrder(tx *store.Tx, ord *Order, why string, now time.Time) {
	if ord.Failed == "" {
		ord.Since = now
		o.tell(tx, EventCarryingFailed, *ord, ord.Request.By, "rule")
	}
	ord.Failed, ord.Tried = why, now
}

// carry writes a file to the place of an order and reads it back. Until that is
// right it has another name.
func (o *Office) carry(ctx context.Context, ord Order, j Job) (name string, err error) {
	shelf, err := place.Reach(ctx, ord.Place, ordersFolder, false)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, shelf.Close()) }()
	name = ord.fileName(j)
	wrote, err := o.write(ctx, shelf, name+place.Unfinished, ord, j)
	if err != nil {
		return "", errors.Join(fmt.Errorf("writing the file: %w", err), shelf.Remove(name+place.Unfinished))
	}
	back, err := shelf.Open(name + place.Unfinished)
	if err != nil {
		return "", fmt.Errorf("reading the file back: %w", err)
	}
	sum := sha256.New()
	_, err = io.Copy(sum, stopping{ctx, back})
	if err = errors.Join(err, back.Close()); err == nil && hex.EncodeToString(sum.Sum(nil)) != wrote {
		err = errors.New("what was written is not what is there")
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("reading the file back: %w", err), shelf.Remove(name+place.Unfinished))
	}
	if err := shelf.Rename(name+place.Unfinished, name); err != nil {
		return "", fmt.Errorf("naming the file: %w", err)
	}
	return name, ord.tidy(shelf)
}

// write copies the finished file, locked for the holder of a key where that was
// ordered, and returns its digest.
func (o *Office) write(ctx context.Context, shelf place.Shelf, name string, ord Order, j Job) (digest string, err error) {
	in, err := o.cfg.Store.OpenBlob(j.Blob)
	if err != nil {
		return "", err
	}
	defer in.Close()
	f, err := shelf.Create(name)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	var out io.Writer = io.MultiWriter(f, sum)
	if ord.Age != "" {
		to, err := age.ParseX25519Recipient(ord.Age)
		if err != nil {
			return "", errors.Join(err, f.Close())
		}
		sealed, err := age.Encrypt(out, to)
		if err != nil {
			return "", errors.Join(err, f.Close())
		}
		_, err = io.Copy(sealed, stopping{ctx, in})
		err = errors.Join(err, sealed.Close(), f.Sync(), f.Close())
		return hex.EncodeToString(sum.Sum(nil)), err
	}
	_, err = io.Copy(out, stopping{ctx, in})
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Sync(), f.Close())
}

// tidy removes the oldest files of the order beyond those that are kept, and
// what a stop left unfinished. Nothing of anybody else is touched.
func (o Order) tidy(shelf place.Shelf) error {
	items, err := shelf.List(".")
	if err != nil {
		return fmt.Errorf("looking for old files: %w", err)
	}
	var ours []string
	for _, it := range items {
		switch {
		case !strings.HasPrefix(it.Name, o.prefix()):
		case strings.HasSuffix(it.Name, place.Unfinished):
			err = errors.Join(err, shelf.Remove(it.Name))
		default:
			ours = append(ours, it.Name)
		}
	}
	slices.Sort(ours) // by their time
	for len(ours) > o.Keep {
		err = errors.Join(err, shelf.Remove(ours[0]))
		ours = ours[1:]
	}
	if err != nil {
		return fmt.Errorf("removing old files: %w", err)
	}
	return nil
}

// stopping ends a reading when ctx does.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
