package triage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Message is what a caller left on the voicemail: sealed sound, 8 kHz µ-law.
type Message struct {
	Blob     string    `json:"blob"`
	Box      string    `json:"box"` // the queue that it was left for
	Language string    `json:"language,omitempty"`
	At       time.Time `json:"at"`
	Seconds  int       `json:"seconds"`
}

// Promise is the place in a queue of somebody who is called back instead of
// waiting.
type Promise struct {
	Queue    string    `json:"queue"`
	Priority int       `json:"priority"`
	Since    time.Time `json:"since"` // the place is that old
	At       time.Time `json:"at"`    // when it was promised
}

// leaveForRecords is how much of the disk a message leaves free: a message is
// somebody who asks for help, so it may take nearly all.
const leaveForRecords = 64 << 20

// KeepMessage stores what a caller said. It is on disk when nil is returned.
func (c *Contacts) KeepMessage(ctx context.Context, id string, m Message, sound []byte) error {
	w, err := c.beginMessage(ctx, id, m)
	if err != nil {
		return err
	}
	if _, err := w.Write(sound); err != nil {
		return errors.Join(err, w.Abort(ctx, func(tx *store.Tx) error { return dropMessage(tx, id, w.ID()) }))
	}
	return w.Commit(ctx, func(tx *store.Tx, size int64) error { return finishMessage(tx, id, w.ID(), size) })
}

// beginMessage notes a message of no length with its contact, so that a stop
// before its end leaves no sound that nobody knows of (recoverMessages).
func (c *Contacts) beginMessage(ctx context.Context, id string, m Message) (*store.BlobWriter, error) {
	return c.store.CreateBlob(ctx, leaveForRecords, func(tx *store.Tx, blob string) error {
		k, err := contacts.Get(tx, id)
		if err != nil {
			return fmt.Errorf("contact %s: %w", id, err)
		}
		if k.Protected {
			return ErrProtected
		}
		m.Blob, m.At, m.Seconds = blob, tx.Now(), 0
		k.Messages = append(k.Messages, m)
		return putContact(tx, &k)
	})
}

func finishMessage(tx *store.Tx, contact, blob string, size int64) error {
	k, err := contacts.Get(tx, contact)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(k.Messages, func(m Message) bool { return m.Blob == blob })
	if at < 0 {
		return ErrProtected // the contact was locked meanwhile
	}
	k.Messages = slices.Clone(k.Messages)
	k.Messages[at].Seconds = int((size + audio.SampleRate - 1) / audio.SampleRate)
	tx.Emit(events.Event{Kind: "voicemail.kept", Operation: k.Operation, Contact: contact, Queue: k.Messages[at].Box})
	return putContact(tx, &k)
}

// recoverMessages keeps what is there of messages that a stop cut short: part
// of what somebody in need said is better than nothing.
func (c *Contacts) recoverMessages(ctx context.Context) error {
	unfinished, err := c.store.UnfinishedBlobs()
	if err != nil || len(unfinished) == 0 {
		return err
	}
	owners := map[string]string{} // of blobs: the contact that was on the line
	err = c.store.View(func(tx *store.Tx) error {
		for id := range contactsRunning.IDs(tx, running) {
			k, err := contacts.Get(tx, id)
			if err != nil {
				continue // Recover tells of it
			}
			for _, m := range k.Messages {
				if m.Seconds == 0 {
					owners[m.Blob] = id
				}
			}
		}
		return nil
	})
	var failed []error
	for _, blob := range unfinished {
		contact, ours := owners[blob]
		if !ours {
			continue // sound of somebody else
		}
		failed = append(failed, c.store.RecoverBlob(ctx, blob, func(tx *store.Tx, size int64) error {
			if size == 0 {
				return errors.Join(tx.DeleteBlob(blob), dropMessage(tx, contact, blob))
			}
			return finishMessage(tx, contact, blob, size)
		}))
	}
	return errors.Join(append(failed, err)...)
}

func dropMessage(tx *store.Tx, contact, blob string) error {
	k, err := contacts.Get(tx, contact)
	if err != nil {
		return err
	}
	k.Messages = slices.DeleteFunc(k.Messages, func(m Message) bool { return m.Blob == blob })
	return putContact(tx, &k)
}

// forgetMessages destroys what a protected contact must not hold.
func forgetMessages(tx *store.Tx, k *Contact) error {
	for _, m := range k.Messages {
		if err := tx.DeleteBlob(m.Blob); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	k.Messages, k.Attributes = nil, nil
	return nil
}

// HearMessage opens the sound of a message, µ-law. Who listens is written down
// first.
func (c *Contacts) HearMessage(ctx context.Context, id string, n int, by string) (io.ReadCloser, Message, error) {
	var m Message
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		k, err := contacts.Get(tx, id)
		if err != nil {
			return err
		}
		if n < 0 || n >= len(k.Messages) || k.Messages[n].Seconds == 0 {
			return store.ErrNotFound
		}
		m = k.Messages[n]
		tx.Emit(events.Event{Kind: "voicemail.heard", Operation: k.Operation, Contact: id, By: by, Via: "web"})
		return nil
	})
	if err != nil {
		return nil, m, err
	}
	sound, err := c.store.OpenBlob(m.Blob)
	return sound, m, err
}
