package triage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/calendar"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/switches"
)

// Recording is one stretch of sound of a contact: from the moment the recording
// was switched on until it was off. A contact may have several.
type Recording struct {
	ID        string    `json:"id"` // of the sound as well
	Contact   string    `json:"contact"`
	Operation string    `json:"operation,omitempty"`
	Queue     string    `json:"queue,omitempty"`
	Agent     string    `json:"agent,omitempty"`
	AgentName string    `json:"agent_name,omitempty"`
	Begun     time.Time `json:"begun"`
	Seconds   int       `json:"seconds,omitempty"`
	Running   bool      `json:"running,omitempty"`
	Cut       bool      `json:"cut,omitempty"` // its end is missing: the disk was full, or the box stopped
}

// ErrProtected is why a protected contact is not recorded.
var ErrProtected = errors.New("a protected call is not recorded")

var recordings = store.NewTable[Recording]("recordings")

const (
	// bytesPerSecond of what media.Recorder writes.
	bytesPerSecond = 2 * audio.SampleRate
	// recordingsLeave is what recordings leave free on the disk for what helps
	// callers: records, and the words they leave.
	recordingsLeave = 512 << 20
	expireEvery     = time.Hour
)

// Recordings keeps what was recorded of calls, and the rules for it.
type Recordings struct {
	store    *store.Store
	panel    *switches.Panel
	log      *slog.Logger
	changing sync.Mutex                     // one change of the rules at a time
	rules    atomic.Pointer[RecordingRules] // every call asks
}

// OpenRecordings reads the rules for recordings in s. The panel has the switch
// for all of them; nil: it is on.
func OpenRecordings(s *store.Store, panel *switches.Panel, log *slog.Logger) (*Recordings, error) {
	r := &Recordings{store: s, panel: panel, log: log}
	rules, err := readRules(s)
	if err != nil {
		return nil, fmt.Errorf("reading the rules for recording: %w", err)
	}
	r.rules.Store(&rules)
	return r, nil
}

// Recover finishes what was being recorded when the box stopped. Call it once,
// before the first call.
func (r *Recordings) Recover(ctx context.Context) error {
	ids, err := r.store.UnfinishedBlobs()
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range ids {
		if _, err := r.Get(id); errors.Is(err, store.ErrNotFound) {
			continue // sound of somebody else
		}
		err := r.store.RecoverBlob(ctx, id, func(tx *store.Tx, size int64) error { return finishRecording(tx, id, size, true) })
		if err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// Run deletes recordings whose time is over, until ctx ends.
func (r *Recordings) Run(ctx context.Context) error {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		if n, err := r.expireToday(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.log.Error("recordings whose time is over could not be deleted; it is tried again in an hour", "error", err)
		} else if n > 0 {
			r.log.Info("recordings were deleted because their time was over", "recordings", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// expireToday is Expire, if the date can be believed.
func (r *Recordings) expireToday(ctx context.Context, now time.Time) (int, error) {
	if believed, err := calendar.Believe(ctx, r.store, now); !believed {
		return 0, err
	}
	return r.Expire(ctx, now)
}

// Take is a recording while it is being made.
type Take struct {
	r    *Recordings
	id   string
	blob *store.BlobWriter
}

// Begin starts a recording of a contact. Why says what it goes back to: "rule"
// or the account that switched it on.
func (r *Recordings) Begin(ctx context.Context, contact, why string) (*Take, error) {
	blob, err := r.store.CreateBlob(ctx, recordingsLeave, func(tx *store.Tx, id string) error {
		k, err := contacts.Get(tx, contact)
		if err != nil {
			return fmt.Errorf("contact %s: %w", contact, err)
		}
		if k.Protected || k.ChildAlone {
			return ErrProtected
		}
		k.Recordings = append(k.Recordings, id)
		tx.Emit(recordingEvent("recording.started", k, id, by(why)))
		return errors.Join(putContact(tx, &k), recordings.Put(tx, id, Recording{ID: id, Contact: contact, Operation: k.Operation,
			Queue: k.Queue, Agent: k.Agent, AgentName: k.AgentName, Begun: tx.Now(), Running: true}))
	})
	if err != nil {
		return nil, err
	}
	return &Take{r: r, id: blob.ID(), blob: blob}, nil
}

// by is who an event goes back to: an account, or the rules.
func by(why string) events.Event {
	if why == "rule" {
		return events.Event{Via: why}
	}
	return events.Event{By: why, Via: "web"}
}

func recordingEvent(kind string, k Contact, id string, ev events.Event) events.Event {
	ev.Kind, ev.Contact, ev.Operation, ev.Agent, ev.Queue = kind, k.ID, k.Operation, k.Agent, k.Queue
	if ev.Data == nil {
		ev.Data = map[string]string{}
	}
	ev.Data["recording"] = id
	return ev
}

// Write adds stereo µ-law (media.Recorder).
func (t *Take) Write(p []byte) (int, error) { return t.blob.Write(p) }

// End finishes the recording; cut says that its end is missing. One that was
// destroyed meanwhile stays so.
func (t *Take) End(ctx context.Context, cut bool) error {
	err := t.blob.Commit(ctx, func(tx *store.Tx, size int64) error { return finishRecording(tx, t.id, size, cut) })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// finishRecording makes a recording count, or removes one without sound.
func finishRecording(tx *store.Tx, id string, size int64, cut bool) error {
	rec, err := recordings.Get(tx, id)
	if err != nil {
		return err
	}
	k, err := contacts.Get(tx, rec.Contact)
	if errors.Is(err, store.ErrNotFound) { // nobody could find it any more
		return errors.Join(tx.DeleteBlob(id), recordings.Delete(tx, id))
	}
	if err != nil {
		return err
	}
	rec.Seconds, rec.Running, rec.Cut = int((size+bytesPerSecond/2)/bytesPerSecond), false, cut
	ev := events.Event{Data: map[string]string{"seconds": strconv.Itoa(rec.Seconds)}}
	if cut {
		ev.Data["cut"] = "yes"
	}
	tx.Emit(recordingEvent("recording.stopped", k, id, ev))
	if size == 0 {
		k.Recordings = slices.DeleteFunc(k.Recordings, func(other string) bool { return other == id })
		return errors.Join(tx.DeleteBlob(id), recordings.Delete(tx, id), putContact(tx, &k))
	}
	k.Recorded += rec.Seconds
	return errors.Join(recordings.Put(tx, id, rec), putContact(tx, &k))
}

// destroyRecordings is for a contact that may not have any. The caller puts it.
func destroyRecordings(tx *store.Tx, k *Contact) error {
	var errs []error
	for _, id := range k.Recordings {
		tx.Emit(recordingEvent("recording.destroyed", *k, id, events.Event{Via: "rule"}))
		errs = append(errs, tx.DeleteBlob(id), recordings.Delete(tx, id))
	}
	k.Recordings, k.Recorded = nil, 0
	return errors.Join(errs...)
}

// Get returns one recording.
func (r *Recordings) Get(id string) (rec Recording, err error) {
	err = r.store.View(func(tx *store.Tx) error {
		rec, err = recordings.Get(tx, id)
		return err
	})
	return rec, err
}

// Each calls fn for every recording, newest first, until it returns false.
func (r *Recordings) Each(fn func(Recording) bool) error {
	return r.store.View(func(tx *store.Tx) error {
		for _, rec := range recordings.Backward(tx) {
			if !fn(rec) {
				break
			}
		}
		return nil
	})
}

// Open opens a recording as a WAV file. Who hears it is noted first: Note.
func (r *Recordings) Open(id string) (io.ReadSeekCloser, Recording, error) {
	rec, err := r.Get(id)
	if err != nil {
		return nil, rec, err
	}
	blob, err := r.store.OpenBlob(id)
	if err != nil {
		return nil, rec, err
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{audio.StereoWAV(blob, blob.Size()), blob}, rec, nil
}

// Peaks is how loud a recording is in so many pieces: the caller, and those who
// work here. Only its shape is told, nothing of what was said.
func (r *Recordings) Peaks(id string, pieces int) (caller, agent []byte, err error) {
	blob, err := r.store.OpenBlob(id)
	if err != nil {
		return nil, nil, err
	}
	defer blob.Close()
	return audio.StereoPeaks(blob, blob.Size(), pieces)
}

// Note writes down that an account does something with a recording: kind is
// "recording.played" or "recording.downloaded". The reason may be "" for the
// former.
func (r *Recordings) Note(ctx context.Context, id, account, kind, reason string) error {
	ev := by(account)
	if reason != "" {
		ev.Data = map[string]string{"reason": reason}
	}
	return r.store.Update(ctx, func(tx *store.Tx) error {
		rec, err := recordings.Get(tx, id)
		if err != nil {
			return err
		}
		k, err := contacts.Get(tx, rec.Contact)
		if err == nil {
			tx.Emit(recordingEvent(kind, k, id, ev))
		}
		return err
	})
}

// Delete destroys a recording for a reason.
func (r *Recordings) Delete(ctx context.Context, id, account, reason string) error {
	ev := by(account)
	ev.Data = map[string]string{"reason": reason}
	return r.store.Update(ctx, func(tx *store.Tx) error { return deleteRecording(tx, id, "recording.deleted", ev) })
}

func deleteRecording(tx *store.Tx, id, kind string, ev events.Event) error {
	rec, err := recordings.Get(tx, id)
	if err != nil {
		return err
	}
	k, err := contacts.Get(tx, rec.Contact)
	switch {
	case errors.Is(err, store.ErrNotFound): // the sound must go in any case
		k = Contact{ID: rec.Contact, Operation: rec.Operation}
	case err != nil:
		return err
	default:
		k.Recordings = slices.DeleteFunc(k.Recordings, func(other string) bool { return other == id })
		k.Recorded = max(0, k.Recorded-rec.Seconds)
		if err := putContact(tx, &k); err != nil {
			return err
		}
	}
	tx.Emit(recordingEvent(kind, k, id, ev))
	return errors.Join(tx.DeleteBlob(id), recordings.Delete(tx, id))
}

// Expire deletes the recordings that are older than the rules allow.
func (r *Recordings) Expire(ctx context.Context, now time.Time) (int, error) {
	limit := now.AddDate(0, 0, -r.Rules().KeepDays)
	var old []string
	err := r.store.View(func(tx *store.Tx) error {
		for id, rec := range recordings.All(tx) { // oldest first
			if !rec.Begun.Before(limit) {
				break
			}
			if !rec.Running {
				old = append(old, id)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for i, id := range old {
		err := r.store.Update(ctx, func(tx *store.Tx) error {
			return deleteRecording(tx, id, "recording.expired", events.Event{Via: "rule"})
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return i, err
		}
	}
	return len(old), nil
}
