package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"hotline/appliance/egress"
	"hotline/appliance/store"
)

// Limits of a delivery.
const (
	patience   = 20 * time.Second // lines are bad
	mostAnswer = 64 << 10
	atOnce     = 200              // entries of the log that are read in one go
	forgetful  = 1000             // entries that nobody is told of, after which the place is written down
	offLook    = 5 * time.Second  // how often a part that is switched off looks again
	longestGap = time.Hour        // between two tries, and the longest Retry-After
	refusals   = 5                // of one event, after which it is left out
	troubled   = 10 * time.Second // until the store is asked again
)

// gapAfter is how long is waited after so many tries: growing, and never quite
// the same, so that many boxes do not come at once.
func gapAfter(tries int) time.Duration {
	gaps := []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, longestGap}
	gap := gaps[min(max(tries, 1), len(gaps))-1]
	return gap - time.Duration(rand.Int64N(int64(gap)/5+1))
}

// Run delivers until ctx ends: each hook by itself, so that one that does not
// answer keeps nobody else waiting.
func (p *Post) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	running := map[string]bool{}
	over := make(chan string)
	for {
		changed := p.watch()
		list, err := p.List()
		if err != nil {
			p.cfg.Log.Error("the webhooks could not be read; it is tried again", "error", err)
		}
		for _, h := range list {
			if !running[h.ID] {
				running[h.ID] = true
				all.Go(func() {
					p.serve(ctx, h.ID)
					select {
					case over <- h.ID:
					case <-ctx.Done():
					}
				})
			}
		}
		wait := time.NewTimer(time.Minute)
		select {
		case <-ctx.Done():
		case <-changed:
		case id := <-over:
			delete(running, id)
		case <-wait.C:
		}
		wait.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// serve delivers to one hook until it is removed or ctx ends.
func (p *Post) serve(ctx context.Context, id string) {
	w := &worker{p: p, id: id}
	defer w.close()
	for ctx.Err() == nil {
		changed := p.watch()
		bell := p.cfg.Store.Events().Subscribe(1) // before reading: nothing falls between
		wait, err := w.step(ctx)
		if errors.Is(err, ErrNone) {
			bell.Close()
			return
		}
		if err != nil && ctx.Err() == nil {
			p.cfg.Log.Error("a webhook could not be served; it is tried again", "webhook", id, "error", err)
			wait = troubled
		}
		rest(ctx, wait, changed, bell.C)
		bell.Close()
	}
}

// until something happens: then the bell of the log counts as well.
const until = time.Duration(-1)

func rest[T any](ctx context.Context, wait time.Duration, changed <-chan struct{}, bell <-chan T) {
	if wait == 0 {
		return
	}
	var clock <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		clock, bell = timer.C, nil
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-bell:
	case <-clock:
	}
}

// worker serves one hook.
type worker struct {
	p       *Post
	id      string
	client  *http.Client
	made    Hook // what the client was made for
	skipped int  // entries since the place was written down
}

func (w *worker) close() {
	if w.client != nil {
		w.client.CloseIdleConnections()
	}
}

// step deals with some entries of the log, up to the first one that is not taken,
// and says how long to wait then.
func (w *worker) step(ctx context.Context) (time.Duration, error) {
	h, s, err := w.p.hook(w.id)
	switch {
	case err != nil:
		return 0, err
	case h.Paused:
		return longestGap, nil
	case w.p.cfg.Off():
		return offLook, nil
	}
	if wait := time.Until(s.Next); wait > 0 {
		return wait, nil
	}
	list, begins, err := w.p.cfg.Store.LogAfter(s.Seq, atOnce)
	if err != nil {
		return 0, err
	}
	if s.Seq+1 < begins { // removed by age: it was not there in time
		s.Lost += int(begins - 1 - s.Seq)
		s.Seq = begins - 1
		return 0, w.save(ctx, s)
	}
	if len(list) == 0 {
		last, err := w.p.cfg.Store.LastEvent()
		if err == nil && last < s.Seq { // the log is another one: it goes on with what comes
			s.Seq = last
			err = w.save(ctx, s)
		}
		return until, err
	}
	for _, ev := range list {
		m, ok := w.p.cfg.Tell(ev)
		if !ok || !m.Every && !slices.Contains(h.Topics, m.Topic) {
			s.Seq = ev.Seq
			w.p.keep(w.id, s)
			if w.skipped++; w.skipped >= forgetful {
				if err := w.save(ctx, s); err != nil {
					return 0, err
				}
			}
			continue
		}
		result, asked := w.send(ctx, h, m)
		if ctx.Err() != nil {
			return 0, nil // nobody knows whether it was taken: it is sent again
		}
		s.At, s.Result = time.Now().UTC(), result
		done := s.settle(ev.Seq, w.p.gap(s.Tries+1), asked)
		if err := w.save(ctx, s); err != nil {
			return 0, err
		}
		if result.Status == http.StatusGone {
			return 0, w.p.gone(ctx, w.id)
		}
		if !done {
			return 0, nil // the wait is in s.Next
		}
	}
	return 0, nil
}

// settle notes how a try went, and whether the entry is dealt with.
func (s *Standing) settle(seq uint64, gap, asked time.Duration) (done bool) {
	if s.Failing.IsZero() {
		s.Failing = s.At
	}
	refused := slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}, s.Result.Status)
	switch {
	case s.Result.Code == Taken:
		s.Delivered++
		s.Failing = time.Time{}
	case refused && s.Tries+1 >= refusals: // this one it will never take; the others may not wait for ever
		s.Refused++
	default:
		s.Tries++
		s.Next = s.At.Add(max(gap, min(asked, longestGap)))
		return false
	}
	s.Seq, s.Tries, s.Next = seq, 0, time.Time{}
	return true
}

// save writes down how far the hook is: ErrNone when it was removed meanwhile.
func (w *worker) save(ctx context.Context, s Standing) error {
	w.skipped = 0
	err := w.p.cfg.Store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if _, err := hooks.Get(tx, w.id); err != nil {
			return ErrNone
		}
		return standings.Put(tx, w.id, s)
	})
	if err == nil {
		w.p.keep(w.id, s)
	}
	return err
}

// body is a message as it is sent.
type body struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// send tries once. Asked is how long the other system asks to be left alone.
func (w *worker) send(ctx context.Context, h Hook, m Message) (result Result, asked time.Duration) {
	if w.client == nil || w.made.URL != h.URL || w.made.Network != h.Network {
		w.close()
		guard, err := h.guard()
		if err != nil {
			return Result{Code: Private}, 0
		}
		w.client, w.made = guard.Client(patience), h
	}
	payload, err := json.Marshal(body{m.Type, m.At.UTC(), m.Data})
	if err != nil {
		w.p.cfg.Log.Error("an event could not be written for a webhook", "type", m.Type, "error", err)
		return Result{Code: Unreachable}, 0
	}
	result, asked, err = post(ctx, w.client, h, m.ID, payload)
	if err != nil && ctx.Err() == nil {
		w.p.cfg.Log.Info("a webhook was not taken; it is tried again", "webhook", h.ID, "host", h.Host(), "why", result.Code, "status", result.Status, "error", err)
	}
	return result, asked
}

func post(ctx context.Context, client *http.Client, h Hook, id string, payload []byte) (Result, time.Duration, error) {
	signer, err := standardwebhooks.NewWebhook(h.Secret)
	if err != nil {
		return Result{Code: Unreachable}, 0, err
	}
	now := time.Now()
	signature, err := signer.Sign(id, now, payload)
	if err != nil {
		return Result{Code: Unreachable}, 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(payload))
	if err != nil {
		return Result{Code: Unreachable}, 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "hotline")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	answer, err := client.Do(request)
	if err != nil {
		return Result{Code: codeOf(err)}, 0, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, mostAnswer)); err != nil {
		return Result{Code: codeOf(err), Status: answer.StatusCode}, 0, err
	}
	result := Result{Code: Answered, Status: answer.StatusCode}
	switch answer.StatusCode / 100 {
	case 2:
		result.Code = Taken
	case 3:
		result.Code = Redirected
	}
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > int(longestGap/time.Second) {
		seconds = 0 // a date, or more than we wait
	}
	return result, time.Duration(seconds) * time.Second, nil
}

func codeOf(err error) Code {
	var certificate *tls.CertificateVerificationError
	var slow net.Error
	switch {
	case errors.Is(err, egress.ErrPrivate):
		return Private
	case errors.As(err, &certificate):
		return Untrusted
	case errors.As(err, &slow) && slow.Timeout():
		return Slow
	}
	return Unreachable
}

// Test sends a message of the type webhook.test, now and once, and says how it
// went. Nothing waits for it.
func (p *Post) Test(ctx context.Context, id string) (Result, error) {
	h, _, err := p.hook(id)
	if err != nil {
		return Result{}, err
	}
	w := &worker{p: p, id: id}
	defer w.close()
	message := Message{Type: "webhook.test", At: time.Now(), Data: map[string]string{"webhook": id}}
	if err := p.cfg.Store.View(func(tx *store.Tx) error { message.ID = tx.NewID(); return nil }); err != nil {
		return Result{}, err
	}
	result, _ := w.send(ctx, h, message)
	if result.Code == Taken {
		p.Hurry(id) // it is there: what waits may go
	}
	return result, nil
}
