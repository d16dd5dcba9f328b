package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/health"
	"hotline/appliance/switches"
	"hotline/appliance/table"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
)

// This file is how a rehearsal listens, and what it proves when a call is over.

const (
	loud   = 100.0                  // as RMS of 16-bit samples: speech, not noise of the line
	lookAt = audio.FrameSamples     // of sound at a time
	poll   = 100 * time.Millisecond // how often what was heard is looked at
	writes = 15 * time.Second       // for what a call leaves to be on disk
)

// listen waits until so much has been heard that is loud enough, from a place in
// the sound on, and says when it began.
func listen(ctx context.Context, c *phone.Call, from int, enough, limit time.Duration) (began time.Duration, err error) {
	over := time.NewTimer(limit)
	defer over.Stop()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		heard := c.Heard()
		n, first := loudness(heard[min(from, len(heard)):])
		if n >= enough {
			return first, nil
		}
		select {
		case <-tick.C:
		case <-over.C:
			return 0, fmt.Errorf("%v of sound were heard within %v, of %v expected", n.Round(time.Millisecond), limit, enough)
		case <-c.Done():
			return 0, errors.New("the call ended")
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// loudness is how much of the sound somebody would hear, and when it begins.
func loudness(pcm []int16) (long, first time.Duration) {
	for at := 0; at+lookAt <= len(pcm); at += lookAt {
		if rmsOf(pcm[at:at+lookAt]) < loud {
			continue
		}
		if long == 0 {
			first = time.Duration(at) * time.Second / audio.SampleRate
		}
		long += audio.FrameDuration
	}
	return long, first
}

func rmsOf(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(len(pcm), 1)))
}

// press presses keys as a person does: each after something was heard.
func press(ctx context.Context, c *phone.Call, keys string) error {
	for i, key := range keys {
		if i > 0 { // what follows the key before; a menu may also keep quiet
			if _, err := listen(ctx, c, len(c.Heard()), nextHeard, nextLimit); ctx.Err() != nil {
				return err
			}
		}
		if err := c.Press(ctx, string(key)); err != nil {
			return err
		}
	}
	return nil
}

// ended waits until a call of the rehearsal is on record as ended; "": the last
// one.
func (w *walkthrough) ended(ctx context.Context, contact string) (k triage.Contact, err error) {
	return w.endedOf(ctx, func(one triage.Contact) bool { return contact == "" || one.ID == contact })
}

// endedOf is ended for the last call that is meant.
func (w *walkthrough) endedOf(ctx context.Context, meant func(triage.Contact) bool) (k triage.Contact, err error) {
	ctx, over := context.WithTimeout(ctx, writes)
	defer over()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		found := false
		if err := w.m.contacts.Each(func(one triage.Contact) bool { // the newest first
			k, found = one, meant(one)
			return !found
		}); err != nil {
			return k, err
		}
		if found && !k.EndedAt.IsZero() {
			return k, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return k, fmt.Errorf("the call is not on record as ended: %w", context.Cause(ctx))
		}
	}
}

// exported proves that the call is in the export as it was.
func (w *walkthrough) exported(k triage.Contact, queue string) error {
	var file bytes.Buffer
	if err := table.WriteXLSX(&file, triage.ContactTable(w.m.contacts, w.m.lists).At(table.Full, time.Time{}), nil); err != nil {
		return err
	}
	sheet, err := table.ReadSheet(file.Bytes())
	if err != nil {
		return err
	}
	for _, row := range sheet.Rows {
		cells := map[string]string{}
		for i, name := range sheet.Header {
			cells[name] = row.Cells[i]
		}
		if cells["contact_id"] != k.ID {
			continue
		}
		for column, want := range map[string]string{"outcome": string(triage.OutcomeAnswered), "queue": queue, "language": k.Language} {
			if cells[column] != want {
				return fmt.Errorf("the column %s of the export says %q, and not %q", column, cells[column], want)
			}
		}
		return nil
	}
	return errors.New("the call is not in the export")
}

// recording proves that the call was recorded, both sides, where it should be.
func (w *walkthrough) recording(ctx context.Context, contact, queue string, policy triage.RecordingPolicy) {
	if policy == triage.RecordNever || policy == "" || w.h.switches.Off(switches.Recording) {
		w.found(health.Good, "recording.off", "", "choice", queue)
		return
	}
	w.result(ctx, w.recorded(ctx, contact), "recording.good", "recording.bad", "choice", queue)
}

func (w *walkthrough) recorded(ctx context.Context, contact string) error {
	ctx, over := context.WithTimeout(ctx, writes)
	defer over()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		var longest triage.Recording // each phone volunteer has one
		running := false
		if err := w.m.tapes.Each(func(r triage.Recording) bool {
			if r.Contact == contact {
				running = running || r.Running
				if r.Seconds > longest.Seconds || longest.ID == "" {
					longest = r
				}
			}
			return true
		}); err != nil {
			return err
		}
		if longest.ID != "" && !running {
			return w.bothSides(longest.ID)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("there is no recording: %w", context.Cause(ctx))
		}
	}
}

// bothSides hears a recording: the caller on the left, the phone volunteer on
// the right.
func (w *walkthrough) bothSides(id string) error {
	sound, _, err := w.m.tapes.Open(id)
	if err != nil {
		return err
	}
	wav, err := io.ReadAll(sound)
	if err := errors.Join(err, sound.Close()); err != nil {
		return err
	}
	const header = 44
	var left, right []int16
	for at := header; at+4 <= len(wav); at += 4 {
		left = append(left, int16(binary.LittleEndian.Uint16(wav[at:])))
		right = append(right, int16(binary.LittleEndian.Uint16(wav[at+2:])))
	}
	for side, pcm := range map[string][]int16{"caller": left, "phone volunteer": right} {
		if long, _ := loudness(pcm); long < recordedFor/3 {
			return fmt.Errorf("the %s is heard for %v in a recording of %.1f s", side, long, float64(len(pcm))/audio.SampleRate)
		}
	}
	return nil
}
