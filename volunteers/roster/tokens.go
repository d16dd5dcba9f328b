package roster

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// Scope is one thing that a token of the programming interface may do.
type Scope string

// Scopes.
const (
	ScopeState     = Scope("state")     // read how the hotline stands
	ScopeMode      = Scope("mode")      // set and undo the mode
	ScopeBulletins = Scope("bulletins") // publish and withdraw bulletins
	ScopeQueues    = Scope("queues")    // open and close queues
	ScopeRead      = Scope("records:read")
	ScopeWrite     = Scope("records:write") // add and change records
	ScopeAgents    = Scope("agents:read")   // who works here and what they do
	ScopeSteer     = Scope("agents:write")  // take people out of Ready, give them other lines
	ScopeExports   = Scope("exports")       // ask for exports and carry them away
	ScopeEvents    = Scope("events")        // hear what happens
)

// Scopes are all scopes, for forms.
func Scopes() []Scope {
	return []Scope{ScopeState, ScopeMode, ScopeBulletins, ScopeQueues, ScopeRead, ScopeWrite, ScopeAgents, ScopeSteer, ScopeExports, ScopeEvents}
}

// Events of tokens.
const (
	EventTokenMade    = "token.made"
	EventTokenRevoked = "token.revoked"
)

// Refusals of tokens.
var (
	ErrToken   = errors.New("this token is not valid: it may have ended or been revoked")
	ErrNoToken = errors.New("there is no such token")
)

// Token lets a program do what its scopes name, in the name of whoever made it.
type Token struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"` // of the program, for the log
	Scopes  []Scope     `json:"scopes"`
	Level   table.Level `json:"level,omitempty"` // how much of the records it is shown
	To      string      `json:"to,omitempty"`    // whose program it is: sharing.Inside, Helpers or Public
	By      string      `json:"by"`
	Created time.Time   `json:"created"`
	Expires time.Time   `json:"expires"`
	Revoked time.Time   `json:"revoked,omitzero"`
	Used    time.Time   `json:"used,omitzero"` // to about ten minutes
}

// May reports that the token has the scope.
func (t Token) May(s Scope) bool { return slices.Contains(t.Scopes, s) }

// Sees is how much of the records the token is shown: everything is for two
// people, and never for a program.
func (t Token) Sees() table.Level {
	if t.Level == table.Referral {
		return table.Referral
	}
	return table.Coordination
}

// For is for whom the token reads: records that do not reach them are not there.
func (t Token) For() string { return cmp.Or(t.To, sharing.Inside) }

// Valid reports that the token counts at now.
func (t Token) Valid(now time.Time) bool { return t.Revoked.IsZero() && now.Before(t.Expires) }

var tokens = store.NewTable[Token]("api_tokens") // by digest of the token

const (
	tokenPrefix  = "hotline_" // so that a leaked one is recognised
	tokenMost    = 365 * 24 * time.Hour
	tokenTouched = 10 * time.Minute
)

// NewToken makes a token with a name, scopes, a level and whoever makes it. Its
// text is told once and kept nowhere.
func (a *Accounts) NewToken(ctx context.Context, wanted Token, long time.Duration) (text string, t Token, err error) {
	name, scopes, by := wanted.Name, wanted.Scopes, wanted.By
	if wanted.Level == 0 {
		wanted.Level = table.Coordination
	}
	switch {
	case strings.TrimSpace(name) == "":
		return "", Token{}, Mistake("give the token a name: which program uses it?")
	case len(scopes) == 0:
		return "", Token{}, Mistake("choose at least one thing that the token may do")
	case slices.ContainsFunc(scopes, func(s Scope) bool { return !slices.Contains(Scopes(), s) }):
		return "", Token{}, Mistake("there is no such thing that a token may do")
	case wanted.Level != table.Coordination && wanted.Level != table.Referral:
		return "", Token{}, Mistake("a program is shown the records without names and numbers, or with those of people who agreed")
	case wanted.To != "" && !slices.Contains(sharing.Scopes(), wanted.To):
		return "", Token{}, Mistake("say who runs the program: only records that may go to them are shown to it")
	case long <= 0 || long > tokenMost:
		return "", Token{}, Mistake("a token is valid for one day to one year")
	}
	text = tokenPrefix + rand.Text() + rand.Text()
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		t = Token{ID: tx.NewID(), Name: name, Scopes: scopes, Level: wanted.Level, To: wanted.To, By: by, Created: tx.Now(), Expires: tx.Now().Add(long)}
		tx.Emit(events.Event{Kind: EventTokenMade, By: by, Data: map[string]string{"token": t.ID, "program": name, "scopes": joinScopes(scopes), "level": wanted.Level.String(), "to": cmp.Or(wanted.To, sharing.Inside), "expires": t.Expires.Format(time.RFC3339)}})
		return tokens.Put(tx, digest(text), t)
	})
	if err != nil {
		return "", Token{}, fmt.Errorf("the token was not stored and is not valid; please try again: %w", err)
	}
	return text, t, nil
}

func joinScopes(scopes []Scope) string {
	var words []string
	for _, s := range scopes {
		words = append(words, string(s))
	}
	return strings.Join(words, ",")
}

// Tokens are all tokens, the newest first.
func (a *Accounts) Tokens() ([]Token, error) {
	var list []Token
	err := a.store.View(func(tx *store.Tx) error {
		for _, t := range tokens.All(tx) {
			list = append(list, t)
		}
		return nil
	})
	slices.SortFunc(list, func(x, y Token) int { return strings.Compare(y.ID, x.ID) })
	return list, err
}

// Revoke ends a token at once.
func (a *Accounts) Revoke(ctx context.Context, id, by string) error {
	return a.store.Update(ctx, func(tx *store.Tx) error {
		for key, t := range tokens.All(tx) {
			if t.ID != id {
				continue
			}
			if !t.Revoked.IsZero() {
				return nil
			}
			t.Revoked = tx.Now()
			tx.Emit(events.Event{Kind: EventTokenRevoked, By: by, Data: map[string]string{"token": t.ID, "program": t.Name}})
			return tokens.Put(tx, key, t)
		}
		return ErrNoToken
	})
}

// CheckToken returns the token that text is, or ErrToken. Whoever made it must
// still be somebody who may do such things.
func (a *Accounts) CheckToken(ctx context.Context, text string) (Token, error) {
	key := digest(text)
	var t Token
	var owner Account
	var now time.Time
	err := a.store.View(func(tx *store.Tx) (err error) {
		now = tx.Now()
		if t, err = tokens.Get(tx, key); err != nil {
			return err
		}
		owner, err = get(tx, t.By)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, ErrNoAccount):
		return Token{}, ErrToken
	case err != nil:
		return Token{}, fmt.Errorf("looking up a token: %w", err)
	case !t.Valid(now) || owner.Disabled || !owner.Role.May(Admin):
		return Token{}, ErrToken
	}
	if now.Sub(t.Used) > tokenTouched {
		err := a.store.Update(ctx, func(tx *store.Tx) error {
			stored, err := tokens.Get(tx, key)
			if err != nil {
				return err
			}
			stored.Used = tx.Now()
			return tokens.Put(tx, key, stored)
		})
		if err != nil {
			a.log.Warn("the use of a token could not be noted", "token", t.ID, "error", err)
		}
	}
	return t, nil
}
