package roster

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Events of the second step at sign-in.
const (
	EventSecondSet     = "account.second_set"
	EventSecondDropped = "account.second_dropped"
	EventSecondWrong   = "account.second_wrong"
	EventSecondRule    = "account.second_rule"
)

// ErrSecond says that the password fits and the second step is due.
var ErrSecond = errors.New("enter the code that your telephone shows now")

// How the second step works: codes of RFC 6238, as every app makes them.
const (
	secondStep = 30 * time.Second
	// secondSkew is how many steps a clock may be off (RFC 6238 §5.2).
	secondSkew = 1
	// secondDue is how long the second step may take after the first, and a
	// new key may wait to be confirmed.
	secondDue = 10 * time.Minute
	// mostHalves is how many people may be between the steps at a time.
	mostHalves = 1000
)

// second is the key that an app on somebody's telephone shares with the box.
type second struct {
	Key  string    `json:"key"` // base32, RFC 4648
	Made time.Time `json:"made"`
	On   bool      `json:"on,omitempty"` // its owner has shown that the app has it
	Step uint64    `json:"step,omitempty"`
}

// rule is whether everybody who leads has to have a second step.
type rule struct {
	Needed bool `json:"needed"`
}

var (
	secondTable = store.NewTable[second]("second_steps") // by account id
	ruleTable   = store.NewTable[rule]("second_rule")
)

const ruleKey = "rule"

// half is somebody who has given the right password and owes the second step.
// Nothing of it is on disk: after a restart the password is asked for again.
type half struct {
	account, source string
	until           time.Time
}

// leads tells whether the second step is for this role: all but those who only
// answer calls.
func (r Role) leads() bool { return r.May(Floor) }

// NewSecond makes a key for the second step of an account. It counts from
// ConfirmSecond on, within ten minutes. key is for typing, address for a QR
// code; both are secret and shown this once.
func (a *Accounts) NewSecond(ctx context.Context, id, issuer string) (key, address string, err error) {
	account, err := a.Get(id)
	if err != nil {
		return "", "", err
	}
	if !account.Role.leads() {
		return "", "", Mistake("phone volunteers have no second step")
	}
	made, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account.Login, Period: uint(secondStep / time.Second), Rand: rand.Reader})
	if err != nil {
		return "", "", fmt.Errorf("making a key for the second step: %w", err)
	}
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		if old, err := secondTable.Get(tx, id); err == nil && old.On {
			return Mistake("there is a second step already: take it away first")
		}
		return secondTable.Put(tx, id, second{Key: made.Secret(), Made: tx.Now()})
	})
	if err != nil {
		return "", "", err
	}
	return made.Secret(), made.URL(), nil
}

// ConfirmSecond switches the second step on when code is of the key that was
// made last. Otherwise it returns ErrCode.
func (a *Accounts) ConfirmSecond(ctx context.Context, id, code string) error {
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		s, err := secondTable.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return ErrCode
		}
		if err != nil {
			return err
		}
		step, fits := s.fits(code, time.Now())
		if !fits || s.On || tx.Now().Sub(s.Made) > secondDue {
			return ErrCode
		}
		account, err := get(tx, id)
		if err != nil {
			return err
		}
		s.On, s.Step, account.Second, account.Changed = true, step, true, tx.Now()
		tx.Emit(events.Event{Kind: EventSecondSet, Agent: id, By: id, Via: "web"})
		return errors.Join(secondTable.Put(tx, id, s), accounts.Put(tx, id, account))
	})
	if err != nil && !errors.Is(err, ErrCode) {
		return fmt.Errorf("switching on the second step: %w", err)
	}
	return err
}

// DropSecond takes the second step of an account away: its owner has lost the
// telephone, or does not want it.
func (a *Accounts) DropSecond(ctx context.Context, id, by string) error {
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		account, err := get(tx, id)
		if err != nil || !account.Second {
			return err
		}
		account.Second, account.Changed = false, tx.Now()
		tx.Emit(events.Event{Kind: EventSecondDropped, Agent: id, By: by})
		return errors.Join(secondTable.Delete(tx, id), accounts.Put(tx, id, account))
	})
	if err != nil {
		return fmt.Errorf("taking the second step away: %w", err)
	}
	return nil
}

// SecondDue tells whether an account has to set up a second step before it may
// do anything else.
func (a *Accounts) SecondDue(account Account) bool {
	return a.secondNeeded.Load() && account.Role.leads() && !account.Second
}

// SecondNeeded tells whether everybody who leads has to have a second step.
func (a *Accounts) SecondNeeded() bool { return a.secondNeeded.Load() }

// NeedSecond sets whether they have to. Who asks for it must have one.
func (a *Accounts) NeedSecond(ctx context.Context, needed bool, by string) error {
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		account, err := get(tx, by)
		if err != nil {
			return err
		}
		if needed && !account.Second {
			return Mistake("set up your own second step first, so that this does not lock you out")
		}
		tx.Emit(events.Event{Kind: EventSecondRule, By: by, Data: map[string]string{"needed": fmt.Sprint(needed)}})
		return ruleTable.Put(tx, ruleKey, rule{Needed: needed})
	})
	if err != nil {
		return err
	}
	a.secondNeeded.Store(needed)
	return nil
}

func (a *Accounts) loadRule() error {
	return a.store.View(func(tx *store.Tx) error {
		r, err := ruleTable.Get(tx, ruleKey)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		a.secondNeeded.Store(r.Needed)
		return err
	})
}

// fits finds the step of a code, if it is one of now or nearly now and no code
// of it or of a later step was used before (RFC 6238 §5.2).
func (s second) fits(code string, now time.Time) (step uint64, fits bool) {
	current := uint64(now.Unix()) / uint64(secondStep/time.Second)
	for step := current - secondSkew; step <= current+secondSkew; step++ {
		want, err := totp.GenerateCode(s.Key, time.Unix(int64(step)*int64(secondStep/time.Second), 0))
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > s.Step {
			return step, true
		}
	}
	return 0, false
}

// beginHalf notes that the password was right. The token is good for SecondStep
// alone.
func (a *Accounts) beginHalf(id, source string, now time.Time) (token string) {
	token = rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, h := range a.halves {
		if now.After(h.until) || len(a.halves) >= mostHalves {
			delete(a.halves, key)
		}
	}
	a.halves[digest(token)] = half{account: id, source: source, until: now.Add(secondDue)}
	return token
}

// Half tells whether a token waits for its second step.
func (a *Accounts) Half(token string) bool {
	_, waits := a.halfOf(token)
	return waits
}

func (a *Accounts) halfOf(token string) (half, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h, waits := a.halves[digest(token)]
	return h, waits && time.Now().Before(h.until)
}

// SecondStep ends a sign-in that SignIn answered with ErrSecond: code is what
// the app shows, or an unused one of the printed sheet. It is ErrCode when it
// does not fit, a TooSoon after several wrong ones, and ErrNoSession when the
// first step is too long ago.
func (a *Accounts) SecondStep(ctx context.Context, token, code string) (session string, account Account, err error) {
	h, waits := a.halfOf(token)
	if !waits {
		return "", Account{}, ErrNoSession
	}
	if err := a.proveSecond(ctx, h.account, code); err != nil {
		return "", Account{}, err
	}
	a.mu.Lock()
	delete(a.halves, digest(token))
	a.mu.Unlock()
	if account, err = a.Get(h.account); err != nil {
		return "", Account{}, err
	}
	session, err = a.Begin(ctx, h.account, h.source)
	return session, account, err
}

// GiveUpSecond is DropSecond by the owner, who proves to be that with a code, as
// in SecondStep: an open laptop is not enough.
func (a *Accounts) GiveUpSecond(ctx context.Context, id, code string) error {
	if err := a.proveSecond(ctx, id, code); err != nil {
		return err
	}
	return a.DropSecond(ctx, id, id)
}

// proveSecond takes a code of the app or of the printed sheet, and slows down
// guessing.
func (a *Accounts) proveSecond(ctx context.Context, id, code string) (err error) {
	door := "second\x00" + id
	if wait := a.doors.wait(door, time.Now()); wait > 0 {
		return TooSoon(wait)
	}
	code = strings.NewReplacer(" ", "", "-", "").Replace(code)
	if len(code) == codeDigits {
		err = a.UseCode(ctx, id, code, "web")
	} else {
		err = a.useSecond(ctx, id, code)
	}
	switch {
	case errors.Is(err, ErrCode):
		a.doors.failed(door, time.Now())
	case err == nil:
		a.doors.passed(door)
	}
	return err
}

// useSecond takes a code of the app: none counts twice.
func (a *Accounts) useSecond(ctx context.Context, id, code string) error {
	var fits bool
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		s, err := secondTable.Get(tx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		var step uint64
		if step, fits = s.fits(code, time.Now()); !fits || !s.On {
			fits = false
			tx.Emit(events.Event{Kind: EventSecondWrong, Agent: id, Via: "web"})
			return nil
		}
		s.Step = step
		return secondTable.Put(tx, id, s)
	})
	if err != nil {
		return fmt.Errorf("checking a code of the second step: %w", err)
	}
	if !fits {
		return ErrCode
	}
	return nil
}
