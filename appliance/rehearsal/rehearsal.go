// Package rehearsal keeps what the box found when it called itself: one report
// for each time, and what callers heard. Making the calls is somebody else's
// business: whoever does has every part of the box at hand.
package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/health"
	"hotline/appliance/store"
)

// Event says that the box has called itself, and how that went.
const Event = "rehearsal.ended"

// Report is one rehearsal. Its lines are checks as those of the health page:
// each is a sentence that says what it means for callers, with a next step.
type Report struct {
	ID      string         `json:"id"`
	At      time.Time      `json:"at"`
	Took    time.Duration  `json:"took"`
	Full    bool           `json:"full"`               // everything; otherwise the light form of every hour
	By      string         `json:"by,omitempty"`       // who asked for it; "": the hour
	GaveWay string         `json:"gave_way,omitempty"` // why it was not finished: a real call, a strained machine, the end
	Lines   []health.Check `json:"lines"`
	Sounds  []string       `json:"sounds,omitempty"` // languages of which a sample is kept
}

// Reasons for which a rehearsal gives way.
const (
	GaveWayCall   = "call"   // a real call came
	GaveWayStrain = "strain" // the machine carries all that it can
	GaveWayEnd    = "end"    // the hotline was stopped
)

// Tried begins the words of what a rehearsal has tried itself.
const Tried = "try."

// Failed is how many of its lines callers suffer from.
func (r Report) Failed() int {
	n := 0
	for _, c := range r.Lines {
		if c.State == health.Bad {
			n++
		}
	}
	return n
}

// suffered is what it has tried and callers suffer from. What it says beside that
// comes from the checks of the health page, which are made anew all the time.
func (r Report) suffered() (found []health.Check) {
	for _, c := range r.Lines {
		if c.State == health.Bad && strings.HasPrefix(c.Words, Tried) {
			found = append(found, c)
		}
	}
	return found
}

// Passed reports that it was finished and found nothing that callers suffer
// from.
func (r Report) Passed() bool { return r.GaveWay == "" && r.Failed() == 0 }

// Sort puts the worst first.
func (r *Report) Sort() {
	slices.SortStableFunc(r.Lines, func(a, b health.Check) int { return cmp.Compare(a.State, b.State) })
}

// Sample is what callers of one language heard.
type Sample struct {
	Language string `json:"language"`
	MuLaw    []byte `json:"mulaw"`
}

var (
	reports = store.NewTable[Report]("rehearsals")
	samples = store.NewTable[Sample]("rehearsal_sounds") // under the id of the report, a slash and the language
)

const (
	kept       = 100 // reports: four days of hours
	keptSounds = 3   // reports with samples
	// LongestSample is what is kept of one call.
	LongestSample = 20 * time.Second
)

// ErrMissing is a report or sample that is not kept.
var ErrMissing = errors.New("this rehearsal is no longer kept")

// Keeper keeps the reports.
type Keeper struct {
	store *store.Store
	last  atomic.Pointer[standing] // asked often
}

// standing is what the last reports say together.
type standing struct {
	full, light Report // the last ones that say something
}

// failing is the report that tells what callers suffer from: a whole rehearsal
// that failed counts until another one has passed, because the light form does
// not try all of it.
func (s standing) failing() (Report, bool) {
	for _, r := range []Report{s.full, s.light} {
		if len(r.suffered()) > 0 {
			return r, true
		}
	}
	return Report{}, false
}

// Open reads what is kept in s.
func Open(s *store.Store) (*Keeper, error) {
	k := &Keeper{store: s}
	k.last.Store(&standing{})
	list, err := k.List()
	if err != nil {
		return nil, fmt.Errorf("reading what rehearsals found: %w", err)
	}
	for _, r := range slices.Backward(list) {
		k.count(r)
	}
	return k, nil
}

// count remembers how the last ones went. One that gave way says nothing, unless
// it had found something.
func (k *Keeper) count(r Report) {
	if r.GaveWay != "" && len(r.suffered()) == 0 {
		return
	}
	now := *k.last.Load()
	if r.Full {
		now.full, now.light = r, Report{} // which has tried what the light form tries
	} else {
		now.light = r
	}
	k.last.Store(&now)
}

// Add stores a report and forgets the oldest ones.
func (k *Keeper) Add(ctx context.Context, r Report, sounds []Sample) (Report, error) {
	out := r
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		out = r
		out.ID, out.Sounds = tx.NewID(), nil
		for _, s := range sounds {
			s.MuLaw = s.MuLaw[:min(len(s.MuLaw), int(LongestSample.Seconds()*audio.SampleRate))]
			out.Sounds = append(out.Sounds, s.Language)
			if err := samples.Put(tx, out.ID+"/"+s.Language, s); err != nil {
				return err
			}
		}
		if err := reports.Put(tx, out.ID, out); err != nil {
			return err
		}
		result := "failed"
		if out.Passed() {
			result = "passed"
		} else if out.GaveWay != "" {
			result = "gave_way"
		}
		tx.Emit(events.Event{Kind: Event, By: out.By, Via: "rule", Data: map[string]string{"result": result}})
		return forget(tx)
	})
	if err != nil {
		return r, fmt.Errorf("keeping what a rehearsal found: %w", err)
	}
	k.count(out)
	return out, nil
}

func forget(tx *store.Tx) error {
	n, withSound := 0, 0
	var old []string
	silent := map[string]Report{}
	for id, r := range reports.Backward(tx) {
		if n++; n > kept {
			old = append(old, id)
		}
		if len(r.Sounds) > 0 {
			if withSound++; withSound > keptSounds {
				silent[id] = r
			}
		}
	}
	for id, r := range silent {
		for _, language := range r.Sounds {
			if err := samples.Delete(tx, id+"/"+language); err != nil {
				return err
			}
		}
		r.Sounds = nil
		if err := reports.Put(tx, id, r); err != nil {
			return err
		}
	}
	for _, id := range old {
		if err := reports.Delete(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// List are the reports, the newest first.
func (k *Keeper) List() (list []Report, err error) {
	err = k.store.View(func(tx *store.Tx) error {
		list = nil
		for _, r := range reports.Backward(tx) {
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// Get is one report.
func (k *Keeper) Get(id string) (r Report, err error) {
	err = k.store.View(func(tx *store.Tx) error {
		r, err = reports.Get(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrMissing
	}
	return r, err
}

// Sound is what callers of a language heard.
func (k *Keeper) Sound(id, language string) (*audio.Clip, error) {
	var s Sample
	err := k.store.View(func(tx *store.Tx) (err error) {
		s, err = samples.Get(tx, id+"/"+language)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrMissing
	}
	return audio.NewClip(s.MuLaw), err
}

// Health is what the health page says of the reports. since is when the box
// began to make rehearsals.
func (k *Keeper) Health(since time.Time) health.Rehearsal {
	now := *k.last.Load()
	r, failing := now.failing()
	if !failing {
		r = now.full
		if now.light.At.After(r.At) {
			r = now.light
		}
	}
	out := health.Rehearsal{Since: since, Failed: len(r.suffered())}
	if !r.At.IsZero() {
		out.Last = r.At.Add(r.Took)
	}
	return out
}

// Failing is what callers suffer from by the last reports.
func (k *Keeper) Failing() []health.Check {
	r, _ := k.last.Load().failing()
	return r.suffered()
}
