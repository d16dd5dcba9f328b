package roster

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// How long a session lasts.
const (
	sessionIdle = 12 * time.Hour // a shift with its breaks
	sessionLife = 24 * time.Hour
	adminIdle   = 15 * time.Minute // nobody is signed out of a call by it
	// touchEvery is how old the last use on disk may be; after a restart a
	// session may seem that much more idle than it was.
	touchEvery = time.Minute
)

// ErrNoSession says that somebody has to sign in.
var ErrNoSession = errors.New("you are signed out: please sign in again")

// Session is one sign-in.
type Session struct {
	Account string    `json:"account"`
	Role    Role      `json:"role"`
	Source  string    `json:"source,omitempty"` // address it came from
	Began   time.Time `json:"began"`
	Used    time.Time `json:"used"`
}

func (s Session) over(now time.Time) bool {
	idle := sessionIdle
	if s.Role.May(Admin) {
		idle = adminIdle
	}
	return now.Sub(s.Used) > idle || now.Sub(s.Began) > sessionLife
}

// liveSession is a session in memory, where every request looks.
type liveSession struct {
	Session
	stored time.Time     // Used as it is on disk
	ended  chan struct{} // closed at the end
}

var sessionTable = store.NewTable[Session]("sessions") // by digest of the token

// digest is how a token is kept: whoever reads the file cannot sign in.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func (a *Accounts) loadSessions() error {
	return a.store.View(func(tx *store.Tx) error {
		for key, s := range sessionTable.All(tx) {
			if !s.over(tx.Now()) {
				a.sessions[key] = &liveSession{Session: s, stored: s.Used, ended: make(chan struct{})}
			}
		}
		return nil
	})
}

// SignIn checks a sign-in name and password, slows down guessing, and begins a
// session. The token belongs in a cookie; it has more than 128 random bits and
// is kept nowhere. A refusal is ErrRefused, or a TooSoon with the time to wait. Where
// the account has a second step the answer is ErrSecond, and the token is good
// for SecondStep alone.
func (a *Accounts) SignIn(ctx context.Context, login, password, source string) (token string, account Account, err error) {
	key, everywhere := normalLogin(login)+"\x00"+source, "\x00"+normalLogin(login)
	if wait := max(a.doors.wait(key, time.Now()), a.doors.wait(everywhere, time.Now())); wait > 0 {
		return "", Account{}, TooSoon(wait)
	}
	account, fits, err := a.authenticate(ctx, login, password)
	if err != nil {
		return "", Account{}, err
	}
	if !fits {
		a.doors.failed(key, time.Now())
		if account.byPIN() { // six digits: guesses from many addresses count together
			a.doors.failed(everywhere, time.Now())
		}
		a.log.Info("a sign-in was refused", "source", source)
		return "", Account{}, ErrRefused
	}
	a.doors.passed(key)
	a.doors.passed(everywhere)
	if account.Second {
		return a.beginHalf(account.ID, source, time.Now()), account, ErrSecond
	}
	token, err = a.Begin(ctx, account.ID, source)
	return token, account, err
}

// Begin starts a session of an account that was proved otherwise, such as by
// its owner having just changed the password.
func (a *Accounts) Begin(ctx context.Context, id, source string) (token string, err error) {
	token = rand.Text() // 130 bits
	live := &liveSession{ended: make(chan struct{})}
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		account, err := get(tx, id)
		if err != nil {
			return err
		}
		if account.Disabled {
			return ErrRefused
		}
		live.Session = Session{Account: id, Role: account.Role, Source: source, Began: tx.Now(), Used: tx.Now()}
		live.stored = live.Used
		if err := sweep(tx); err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: EventSignedIn, Agent: id, By: id, Via: "web", Data: map[string]string{"source": source}})
		return sessionTable.Put(tx, digest(token), live.Session)
	})
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions[digest(token)] = live
	return token, nil
}

// sweep removes sessions whose time is over.
func sweep(tx *store.Tx) error {
	var over []string
	for key, s := range sessionTable.All(tx) {
		if s.over(tx.Now()) {
			over = append(over, key)
		}
	}
	for _, key := range over {
		if err := sessionTable.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}

// Visit returns the account whose session the token is, and counts as use of
// it. Otherwise it returns ErrNoSession.
func (a *Accounts) Visit(ctx context.Context, token string) (Account, error) {
	key, now := digest(token), time.Now().UTC()
	a.mu.Lock()
	live := a.sessions[key]
	if live == nil {
		a.mu.Unlock()
		return Account{}, ErrNoSession
	}
	if live.over(now) {
		a.drop(key)
		a.mu.Unlock()
		return Account{}, ErrNoSession
	}
	live.Used = now
	save := now.Sub(live.stored) >= touchEvery
	if save {
		live.stored = now
	}
	session := live.Session
	a.mu.Unlock()

	account, err := a.Get(session.Account)
	if err != nil || account.Disabled || account.Role != session.Role {
		return Account{}, errors.Join(ErrNoSession, err)
	}
	if save {
		a.saveUse(ctx, key, session)
	}
	return account, nil
}

// saveUse notes on disk that a session is in use. A failure costs no more than
// an early sign-out after the next restart.
func (a *Accounts) saveUse(ctx context.Context, key string, session Session) {
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := sessionTable.Get(tx, key); err != nil {
			return err // it ended meanwhile
		}
		return sessionTable.Put(tx, key, session)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		a.log.Warn("the use of a session could not be noted", "err", err)
	}
}

// Keep counts a live page as use of its session. Unlike Visit it never ends
// the session: nobody is signed out in the middle of a call.
func (a *Accounts) Keep(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if live := a.sessions[digest(token)]; live != nil {
		live.Used = time.Now().UTC()
	}
}

// Ended returns a channel that closes when the session ends; a closed one if
// there is none. Live pages listen to it.
func (a *Accounts) Ended(token string) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if live := a.sessions[digest(token)]; live != nil {
		return live.ended
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// SignOut ends the session of the token, if there is one.
func (a *Accounts) SignOut(ctx context.Context, token string) error {
	key := digest(token)
	a.mu.Lock()
	live := a.sessions[key]
	a.drop(key)
	a.mu.Unlock()
	if live == nil {
		return nil
	}
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventSignedOut, Agent: live.Account, By: live.Account, Via: "web"})
		return sessionTable.Delete(tx, key)
	})
	if err != nil {
		return fmt.Errorf("signing out: %w", err)
	}
	return nil
}

// SignOutAll ends all sessions of an account, except the one of the token kept
// (which may be empty).
func (a *Accounts) SignOutAll(ctx context.Context, id, kept, by string) error {
	except := exceptFor(kept)
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		return endSessions(tx, id, except, by, "signed out everywhere")
	})
	if err != nil {
		return fmt.Errorf("signing out everywhere: %w", err)
	}
	a.forgetSessions(id, except)
	return nil
}

// exceptFor is the session of a token that goes on when all others end; none of
// an empty token.
func exceptFor(kept string) string {
	if kept == "" {
		return ""
	}
	return digest(kept)
}

// endSessions ends the sessions of an account on disk.
func endSessions(tx *store.Tx, id, except, by, why string) error {
	var keys []string
	for key, s := range sessionTable.All(tx) {
		if s.Account == id && key != except {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		tx.Emit(events.Event{Kind: EventSignedOut, Agent: id, By: by, Data: map[string]string{"why": why}})
		if err := sessionTable.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}

// forgetSessions ends the sessions of an account in memory, and what waits for
// its second step.
func (a *Accounts) forgetSessions(id, except string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, h := range a.halves {
		if h.account == id {
			delete(a.halves, key)
		}
	}
	for key, live := range a.sessions {
		if live.Account == id && key != except {
			a.drop(key)
		}
	}
}

func (a *Accounts) drop(key string) {
	if live := a.sessions[key]; live != nil {
		close(live.ended)
		delete(a.sessions, key)
	}
}
