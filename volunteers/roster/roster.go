// Package roster knows the people who may use the box: their accounts, what
// their role allows, their passwords, phone PINs and sign-ins. It does not
// know what they do once they are in, nor about pages or telephone dialogues.
//
// Contracts:
//
//  1. A secret is stored only as an argon2id hash, never logged, and apart
//     from the Account, which may be shown to anybody who may see accounts.
//  2. Whether a login or a telephone number exists shows neither in the
//     answer nor in the time it takes.
//  3. A caller ID only selects an account; the PIN proves it. A PIN that is
//     guessed at is locked for 15 minutes, and the event supervisor.locked
//     tells everybody. The password goes on working: a lock must not keep the
//     right person out.
//  4. A session ends at once when its account is disabled or its role or
//     password changes, but for the one in which its owner changes the own
//     password. Sessions survive a restart of the program.
package roster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Events of this package. By is the account that acted, Agent the one that it
// is about.
const (
	EventCreated     = "account.created"
	EventChanged     = "account.changed"
	EventPasswordSet = "account.password_set"
	EventPINSet      = "account.pin_set"
	EventPhoneSet    = "account.phone_set" // a desk phone was given or taken away
	EventLocked      = "supervisor.locked"
	EventUnlocked    = "supervisor.proved" // the right PIN was given by phone
	EventSignedIn    = "session.started"
	EventSignedOut   = "session.ended"
)

// Refusals that callers may want to tell apart.
var (
	ErrNoAccount = errors.New("there is no such account")
	ErrTaken     = errors.New("this sign-in name is in use: choose another one")
	ErrPhone     = errors.New("somebody else with a PIN uses this telephone number: give each of them a number of their own")
	ErrLastAdmin = errors.New("this is the last account that can manage accounts: make another administrator first")
	ErrRefused   = errors.New("the sign-in name and password do not fit together")
	ErrPIN       = errors.New("the number and PIN do not fit together")
	ErrBusy      = errors.New("too many people are signing in at this moment: try again in a few seconds")
)

// Mistake is a refused form in words for the person who filled it in.
type Mistake string

func (m Mistake) Error() string { return string(m) }

// Account is one person who may use the box.
type Account struct {
	ID        string         `json:"id"`
	Login     string         `json:"login"` // lower case
	Name      string         `json:"name"`
	Role      Role           `json:"role"`
	Phone     call.Number    `json:"phone,omitempty"` // E.164; selects the account on the PIN line
	Languages []string       `json:"languages,omitempty"`
	Profile   string         `json:"profile,omitempty"`   // routing profile of an agent
	Skills    map[string]int `json:"skills,omitempty"`    // beside languages, with their levels
	Teams     []string       `json:"teams,omitempty"`     // of a supervisor, who sees and steers the people of these alone (S12); none: everybody
	Reachable bool           `json:"reachable,omitempty"` // may be called in when off shift
	Disabled  bool           `json:"disabled,omitempty"`
	HasPIN    bool           `json:"has_pin,omitempty"`   // kept by this package
	Second    bool           `json:"second,omitempty"`    // has a second step at sign-in; kept by this package
	Extension string         `json:"extension,omitempty"` // user name of the own desk phone; kept by this package
	Invite    string         `json:"invite,omitempty"`    // by which the person came; the following are kept by this package, too
	Agreed    time.Time      `json:"agreed,omitzero"`     // to keep to themselves what callers tell
	Steps     []Step         `json:"steps,omitempty"`     // done before the first call
	Created   time.Time      `json:"created"`
	Changed   time.Time      `json:"changed"`
}

var (
	accounts = store.NewTable[Account]("accounts")
	secrets  = store.NewTable[secret]("account_secrets") // by account id
	byLogin  = store.NewIndex("accounts_by_login")       // keyed digests
	byPhone  = store.NewIndex("accounts_by_phone")
	byPlace  = store.NewIndex("accounts_by_extension")
)

// Accounts is the roster of one box.
type Accounts struct {
	store  *store.Store
	log    *slog.Logger
	hasher *hasher
	doors  throttle
	codes  codeDoor // of invitations

	secondNeeded atomic.Bool

	mu       sync.Mutex
	sessions map[string]*liveSession // by digest of the token
	halves   map[string]half         // in the same way
}

// Open reads the sessions of s and the PIN key of the data folder dir, which
// it makes when there is none.
func Open(s *store.Store, dir string, log *slog.Logger) (*Accounts, error) {
	pepper, fresh, err := loadPepper(dir)
	if err != nil {
		return nil, err
	}
	h, err := newHasher(pepper)
	if err != nil {
		return nil, err
	}
	a := &Accounts{store: s, log: log, hasher: h, sessions: map[string]*liveSession{}, halves: map[string]half{}}
	if fresh {
		a.warnOfLostPINs()
	}
	if err := errors.Join(a.loadSessions(), a.loadRule()); err != nil {
		return nil, err
	}
	return a, nil
}

// warnOfLostPINs speaks up when the PIN key had to be made anew although PINs
// were set with the old one. It is no reason not to start: calls come first.
func (a *Accounts) warnOfLostPINs() {
	list, err := a.List()
	if err != nil {
		a.log.Error("the accounts cannot be read", "err", err)
		return
	}
	for _, account := range list {
		if account.HasPIN {
			a.log.Error("the key file for phone PINs was missing and has been made anew: all phone PINs have to be set again, or put the file back from the backup", "file", pepperName)
			return
		}
	}
}

// Get returns the account with the given id, or ErrNoAccount.
func (a *Accounts) Get(id string) (Account, error) {
	var account Account
	err := a.store.View(func(tx *store.Tx) (err error) {
		account, err = get(tx, id)
		return err
	})
	return account, err
}

func get(tx *store.Tx, id string) (Account, error) {
	account, err := accounts.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return Account{}, ErrNoAccount
	}
	return account, err
}

// List returns all accounts in the order in which they were made.
func (a *Accounts) List() ([]Account, error) {
	var list []Account
	err := a.store.View(func(tx *store.Tx) error {
		for _, account := range accounts.All(tx) {
			list = append(list, account)
		}
		return nil
	})
	return list, err
}

// Add makes an account with a password. by is the account that does it, empty
// during set-up.
func (a *Accounts) Add(ctx context.Context, account Account, password, by string) (Account, error) {
	account.Login = normalLogin(account.Login)
	account.HasPIN, account.Second, account.Extension, account.Invite, account.Steps = false, false, "", "", nil
	account.Teams = account.leading()
	if err := account.check(); err != nil {
		return Account{}, err
	}
	if err := checkPassword(password, account); err != nil {
		return Account{}, err
	}
	hash, err := a.hasher.password(ctx, password)
	if err != nil {
		return Account{}, err
	}
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		if _, taken := find(tx, account.Login); taken {
			return ErrTaken
		}
		account.ID = tx.NewID()
		account.Created, account.Changed = tx.Now(), tx.Now()
		tx.Emit(events.Event{Kind: EventCreated, Agent: account.ID, By: by,
			Data: map[string]string{"login": account.Login, "role": string(account.Role)}})
		return errors.Join(
			accounts.Put(tx, account.ID, account),
			secrets.Put(tx, account.ID, secret{Password: hash, PasswordSet: tx.Now()}),
			byLogin.Add(tx, tx.Digest(account.Login), account.ID),
			indexPhone(tx, account),
		)
	})
	if err != nil {
		return Account{}, err
	}
	return account, nil
}

// Change replaces what is known of an account. Its sign-in name, role and
// being enabled may change too; whoever is signed in with it is signed out
// when the role changes or the account is disabled.
func (a *Accounts) Change(ctx context.Context, account Account, by string) error {
	account.Login = normalLogin(account.Login)
	account.Teams = account.leading()
	if err := account.check(); err != nil {
		return err
	}
	var over bool
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		old, err := get(tx, account.ID)
		if err != nil {
			return err
		}
		next := account
		next.HasPIN, next.Second, next.Extension, next.Created, next.Changed = old.HasPIN, old.Second, old.Extension, old.Created, tx.Now()
		next.Invite, next.Agreed, next.Steps = old.Invite, old.Agreed, old.Steps
		what := old.changes(next)
		if len(what) == 0 {
			return nil
		}
		if id, taken := find(tx, next.Login); taken && id != next.ID {
			return ErrTaken
		}
		if old.administers() && !next.administers() && lastAdmin(tx, next.ID) {
			return ErrLastAdmin
		}
		over = next.Disabled || next.Role != old.Role
		if over {
			if err := endSessions(tx, next.ID, "", by, "the account was changed"); err != nil {
				return err
			}
		}
		tx.Emit(events.Event{Kind: EventChanged, Agent: next.ID, By: by, Data: what})
		return errors.Join(
			byLogin.Remove(tx, tx.Digest(old.Login), old.ID), byLogin.Add(tx, tx.Digest(next.Login), next.ID),
			byPhone.Remove(tx, tx.Digest(string(old.Phone)), old.ID), indexPhone(tx, next),
			accounts.Put(tx, next.ID, next),
		)
	})
	if err == nil && over {
		a.forgetSessions(account.ID, "")
	}
	return err
}

// changes names what differs, for the log; telephone numbers only as changed.
func (old Account) changes(next Account) map[string]string {
	what := map[string]string{}
	note := func(name, was, is string) {
		if was != is {
			what[name] = is
		}
	}
	note("login", old.Login, next.Login)
	note("name", old.Name, next.Name)
	note("role", string(old.Role), string(next.Role))
	note("profile", old.Profile, next.Profile)
	note("skills", old.skills(), next.skills())
	note("teams", strings.Join(old.Teams, " "), strings.Join(next.Teams, " "))
	note("languages", strings.Join(old.Languages, " "), strings.Join(next.Languages, " "))
	note("reachable", fmt.Sprint(old.Reachable), fmt.Sprint(next.Reachable))
	note("disabled", fmt.Sprint(old.Disabled), fmt.Sprint(next.Disabled))
	if old.Phone != next.Phone {
		what["phone"] = "changed"
	}
	return what
}

// skills are the skills in a word each, sorted.
func (account Account) skills() string {
	var words []string
	for name, level := range account.Skills {
		words = append(words, fmt.Sprint(name, ":", level))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// leading are the teams of the account, sorted; only supervisors have some.
func (account Account) leading() []string {
	if account.Role != RoleSupervisor {
		return nil
	}
	teams := slices.Clone(account.Teams)
	slices.Sort(teams)
	return slices.Compact(teams)
}

func (account Account) administers() bool { return !account.Disabled && account.Role.May(Admin) }

// lastAdmin reports that nobody but id can manage accounts.
func lastAdmin(tx *store.Tx, id string) bool {
	for _, other := range accounts.All(tx) {
		if other.ID != id && other.administers() {
			return false
		}
	}
	return true
}

func find(tx *store.Tx, login string) (id string, found bool) {
	for id := range byLogin.IDs(tx, tx.Digest(login)) {
		return id, true
	}
	return "", false
}

// indexPhone lets the PIN line find an account by its telephone number. Only
// one account with a PIN may have a number.
func indexPhone(tx *store.Tx, account Account) error {
	if account.Phone == "" {
		return nil
	}
	if account.HasPIN {
		for id := range byPhone.IDs(tx, tx.Digest(string(account.Phone))) {
			if other, err := accounts.Get(tx, id); id != account.ID && err == nil && other.HasPIN {
				return ErrPhone
			}
		}
	}
	return byPhone.Add(tx, tx.Digest(string(account.Phone)), account.ID)
}

func normalLogin(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

// check refuses what would not work later.
func (account Account) check() error {
	switch {
	case !validLogin(account.Login):
		return Mistake("the sign-in name needs 2 to 32 letters (a to z), digits, dots, hyphens or underscores, and begins with a letter or digit")
	case strings.TrimSpace(account.Name) == "" || utf8.RuneCountInString(account.Name) > 64:
		return Mistake("the name is what callers' notes and the floor page show: give one of up to 64 characters")
	case !account.Role.Known():
		return Mistake(fmt.Sprintf("%q is no role: choose agent, supervisor, coordinator or admin", account.Role))
	case account.Phone != "" && !account.Phone.E164():
		return Mistake("the telephone number is not a full one: write it with its country code, such as +12025550123")
	}
	return nil
}

func validLogin(login string) bool {
	if len(login) < 2 || len(login) > 32 {
		return false
	}
	plain := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
	return plain(login[0]) && !slices.ContainsFunc([]byte(login), func(c byte) bool {
		return !plain(c) && strings.IndexByte("._-", c) < 0
	})
}
