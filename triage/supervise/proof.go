package supervise

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"hotline/appliance/call"
	"hotline/volunteers/roster"
)

// A grave change by telephone takes a second proof: a paper code, or a call of
// ours to the number that is on file. The second defeats a forged caller ID,
// and a thief of the PIN who does not have the telephone.

// FlowConfirm is the flow that a supervisor hears who is called back.
const FlowConfirm = "confirm"

// attributePending names the prepared change in the flow of the call-back. It
// cannot be guessed.
const attributePending = "pending.id"

// pending is a change that waits for the call-back.
type pending struct {
	do    func(context.Context, Who) error
	who   Who
	until time.Time
}

const (
	pendingFor  = 5 * time.Minute
	mostPending = 20
	backAfter   = 5 * time.Second // the supervisor hangs up meanwhile
	backAgain   = 20 * time.Second
	backTries   = 3
	backRingFor = 30 * time.Second
)

var errTooLate = errors.New("this change is no longer waiting to be confirmed: nothing was changed")

// phoneOf is the number on file of an account.
func (c *Commands) phoneOf(id string) (call.Number, roster.Role, error) {
	account, err := c.cfg.Accounts.Get(id)
	return account.Phone, account.Role, err
}

// canRing says whether there is a line to call people on now.
func (c *Commands) canRing() bool {
	return c.cfg.Ring != nil && (c.cfg.HasLine == nil || c.cfg.HasLine())
}

// Prepare keeps a change and calls its supervisor back on the number on file,
// where one key confirms it. said is what the flow of that call has to say.
func (c *Commands) Prepare(who Who, language string, said map[string]string, do func(context.Context, Who) error) error {
	if !c.canRing() {
		return ErrNoLine
	}
	phone, role, err := c.phoneOf(who.ID)
	if err != nil {
		return err
	}
	if !phone.E164() {
		return ErrNoLine
	}
	id := rand.Text()
	c.mu.Lock()
	now := time.Now()
	for key, one := range c.pending {
		if now.After(one.until) {
			delete(c.pending, key)
		}
	}
	full := len(c.pending) >= mostPending
	if !full {
		c.pending[id] = pending{do: do, who: who, until: now.Add(pendingFor)}
	}
	c.mu.Unlock()
	if full {
		return ErrBusy
	}
	said[attributePending] = id
	return c.later(func(ctx context.Context) {
		c.ringBack(ctx, id, Ringing{To: phone, Role: string(role), Flow: FlowConfirm, Language: language, Attributes: said, RingFor: backRingFor})
	})
}

// ringBack calls until the change was decided on, or the tries are used up.
func (c *Commands) ringBack(ctx context.Context, id string, r Ringing) {
	wait := backAfter
	for range backTries {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		wait = backAgain
		if _, err := c.cfg.Ring(ctx, r); err == nil {
			break // picked up: confirmed or not, that was the answer
		} else if ctx.Err() == nil {
			c.cfg.Log.Warn("a supervisor who is to confirm a change was not reached", "error", err)
		}
	}
	c.mu.Lock()
	delete(c.pending, id)
	c.mu.Unlock()
}

// confirm carries a prepared change out, once.
func (c *Commands) confirm(ctx context.Context, id string) error {
	c.mu.Lock()
	one, known := c.pending[id]
	delete(c.pending, id)
	c.mu.Unlock()
	if !known || time.Now().After(one.until) {
		return errTooLate
	}
	return one.do(ctx, one.who)
}
