package roster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Invite lets people make themselves an account as phone volunteers: by its
// link (a picture for cameras), or by its six digits. It is bound to one
// routing profile, to a time, and to how many may come in by it.
type Invite struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // what it is for
	Profile string    `json:"profile"`
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Revoked time.Time `json:"revoked,omitzero"`
	Most    int       `json:"most"` // people
	Used    int       `json:"used"`
	Code    string    `json:"code"` // keyed digest of the six digits
}

// Valid reports that somebody may still come in by it at now.
func (i Invite) Valid(now time.Time) bool {
	return i.Revoked.IsZero() && now.Before(i.Expires) && i.Used < i.Most
}

// Events of invitations and of those who came by one.
const (
	EventInviteMade    = "invite.made"
	EventInviteRevoked = "invite.revoked"
	EventJoined        = "account.joined"
	EventStep          = "account.step" // of getting ready for the first call
)

// Refusals of invitations.
var (
	ErrInvite      = errors.New("this invitation does not count any more, or the digits are not right: ask for a new one")
	ErrInviteCodes = errors.New("too many wrong digits were tried: scan the picture or use the link of the invitation")
	ErrNoInvite    = errors.New("there is no such invitation")
)

const (
	inviteLongest = 7 * 24 * time.Hour
	inviteMost    = 200
	inviteDigits  = 6

	// Six digits are a million; with a handful of invitations that count, this
	// many guesses an hour find one in years, while invitations last days.
	wrongCodes = 60
	codeWindow = time.Hour
)

var (
	invites       = store.NewTable[Invite]("invites") // by digest of the token
	invitesByCode = store.NewIndex("invites_by_code") // keyed digest of the digits → key of the invitation
)

// codeDoor counts wrong digits from everywhere. The links go on meanwhile: a
// stranger must not be able to keep volunteers out.
type codeDoor struct {
	mu    sync.Mutex
	wrong []time.Time
}

func (d *codeDoor) closed(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrong = slices.DeleteFunc(d.wrong, func(at time.Time) bool { return now.Sub(at) >= codeWindow })
	return len(d.wrong) >= wrongCodes
}

func (d *codeDoor) failed(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrong = append(d.wrong, now)
}

// NewInvite makes an invitation. Its token and its digits are told once and
// kept nowhere.
func (a *Accounts) NewInvite(ctx context.Context, i Invite, long time.Duration) (token, code string, made Invite, err error) {
	switch i.Name = strings.TrimSpace(i.Name); {
	case i.Name == "":
		return "", "", Invite{}, Mistake("say what the invitation is for, so that you find it in the list")
	case i.Profile == "":
		return "", "", Invite{}, Mistake("choose which calls the new people take")
	case long <= 0 || long > inviteLongest:
		return "", "", Invite{}, Mistake("an invitation counts for up to 7 days")
	case i.Most < 1 || i.Most > inviteMost:
		return "", "", Invite{}, Mistake(fmt.Sprintf("an invitation is for 1 to %d people", inviteMost))
	}
	token = linkText()
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		live, taken := 0, map[string]bool{}
		for _, other := range invites.All(tx) {
			if other.Valid(tx.Now()) {
				live++
			}
			taken[other.Code] = true
		}
		if live >= mostLive {
			return Mistake(fmt.Sprintf("there are %d invitations already: end one that is not needed", live))
		}
		for code = digits(inviteDigits); taken[tx.Digest(code)]; code = digits(inviteDigits) {
		}
		made = Invite{ID: tx.NewID(), Name: i.Name, Profile: i.Profile, By: i.By, Most: i.Most, Created: tx.Now(), Expires: tx.Now().Add(long), Code: tx.Digest(code)}
		tx.Emit(events.Event{Kind: EventInviteMade, By: i.By, Via: "web", Data: map[string]string{"invite": made.ID, "for": made.Name, "profile": made.Profile,
			"people": fmt.Sprint(made.Most), "expires": made.Expires.Format(time.RFC3339)}})
		return errors.Join(invites.Put(tx, digest(token), made), invitesByCode.Add(tx, made.Code, digest(token)))
	})
	return token, code, made, err
}

func digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		at, err := rand.Int(rand.Reader, big.NewInt(10))
		if err != nil {
			panic(fmt.Sprintf("the system gives no random numbers: %v", err)) // never happens on Linux
		}
		b[i] = '0' + byte(at.Int64())
	}
	return string(b)
}

// Invites are all that count at now, the newest first.
func (a *Accounts) Invites(now time.Time) ([]Invite, error) {
	var list []Invite
	err := a.store.View(func(tx *store.Tx) error {
		for _, i := range invites.All(tx) {
			if i.Valid(now) {
				list = append(list, i)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(x, y Invite) int { return strings.Compare(y.ID, x.ID) })
	return list, err
}

// CheckInvite returns the invitation that a token or six digits open. Wrong
// digits are slowed down by address, and after many from everywhere nobody's
// digits count for a while; tokens always do.
func (a *Accounts) CheckInvite(text, source string) (Invite, error) {
	code, isCode := codeOf(text)
	if isCode {
		if wait := a.doors.wait("code\x00"+source, time.Now()); wait > 0 {
			return Invite{}, TooSoon(wait)
		}
		if a.codes.closed(time.Now()) {
			return Invite{}, ErrInviteCodes
		}
	}
	var i Invite
	err := a.store.View(func(tx *store.Tx) (err error) {
		_, i, err = openInvite(tx, text, code)
		return err
	})
	if errors.Is(err, ErrInvite) && isCode {
		a.doors.failed("code\x00"+source, time.Now())
		a.codes.failed(time.Now())
	}
	return i, err
}

// codeOf are six digits as people type them, with spaces or hyphens.
func codeOf(text string) (code string, is bool) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, text)
	return code, len(code) == inviteDigits && strings.Trim(code, "0123456789") == ""
}

func openInvite(tx *store.Tx, text, code string) (key string, i Invite, err error) {
	keys := []string{digest(strings.ToLower(strings.TrimSpace(text)))}
	for id := range invitesByCode.IDs(tx, tx.Digest(code)) {
		keys = append(keys, id)
	}
	for _, key := range keys {
		i, err := invites.Get(tx, key)
		if err == nil && i.Valid(tx.Now()) {
			return key, i, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", Invite{}, err
		}
	}
	return "", Invite{}, ErrInvite
}

// RevokeInvite ends an invitation at once. Who has come in by it stays.
func (a *Accounts) RevokeInvite(ctx context.Context, id, by string) error {
	return a.store.Update(ctx, func(tx *store.Tx) error {
		for key, i := range invites.All(tx) {
			if i.ID != id {
				continue
			}
			if !i.Revoked.IsZero() {
				return nil
			}
			i.Revoked = tx.Now()
			tx.Emit(events.Event{Kind: EventInviteRevoked, By: by, Via: "web", Data: map[string]string{"invite": i.ID, "for": i.Name}})
			return invites.Put(tx, key, i)
		}
		return ErrNoInvite
	})
}

// Joining is what somebody fills in who comes by an invitation.
type Joining struct {
	Name      string
	Languages []string
	PIN       string // proves the person at the next sign-in, in place of a password
	Agrees    bool   // to keep to themselves what callers tell
}

// Join makes an account of a phone volunteer, who takes calls after the sound
// check, the practice call and the questions.
func (a *Accounts) Join(ctx context.Context, invite, source string, j Joining) (Account, error) {
	if _, err := a.CheckInvite(invite, source); err != nil {
		return Account{}, err
	}
	account := Account{Login: "new", Name: strings.TrimSpace(j.Name), Role: RoleAgent, Languages: j.Languages}
	if err := account.check(); err != nil {
		return Account{}, err
	}
	if err := checkPIN(j.PIN, account); err != nil {
		return Account{}, err
	}
	if !j.Agrees {
		return Account{}, Mistake("callers trust us: please promise to keep to yourself what they tell you")
	}
	hash, err := a.hasher.hash(ctx, a.hasher.pinBytes(j.PIN))
	if err != nil {
		return Account{}, err
	}
	code, _ := codeOf(invite)
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		key, i, err := openInvite(tx, invite, code) // again: it may have been the last place
		if err != nil {
			return err
		}
		i.Used++
		if account.Login, err = freeLogin(tx, account.Name); err != nil {
			return err
		}
		account.ID, account.Created, account.Changed = tx.NewID(), tx.Now(), tx.Now()
		account.Profile, account.Invite, account.Agreed = i.Profile, i.ID, tx.Now()
		tx.Emit(events.Event{Kind: EventJoined, Agent: account.ID, By: account.ID, Via: "web",
			Data: map[string]string{"login": account.Login, "invite": i.ID, "for": i.Name, "source": source}})
		return errors.Join(
			invites.Put(tx, key, i), accounts.Put(tx, account.ID, account),
			secrets.Put(tx, account.ID, secret{PIN: hash, PINSet: tx.Now()}),
			byLogin.Add(tx, tx.Digest(account.Login), account.ID),
		)
	})
	if err != nil {
		return Account{}, err
	}
	return account, nil
}

// freeLogin makes a sign-in name that its owner can remember and others do not
// guess: the first name and four digits.
func freeLogin(tx *store.Tx, name string) (string, error) {
	first, _, _ := strings.Cut(name, " ")
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(first)) {
		if r >= 'a' && r <= 'z' && b.Len() < 16 {
			b.WriteRune(r)
		} else if unicode.IsLetter(r) && b.Len() == 0 {
			break // not a Latin script
		}
	}
	if b.Len() < 2 {
		b.Reset()
		b.WriteString("volunteer")
	}
	for range 50 {
		login := b.String() + "-" + digits(4)
		if _, taken := find(tx, login); !taken {
			return login, nil
		}
	}
	return "", Mistake("there are very many people of this name: add a letter of your family name to the first word")
}

// Step is one thing that somebody who came by an invitation does before the
// first call.
type Step string

// Steps, in their order.
const (
	StepSound    = Step("sound")    // the sound was checked
	StepPractice = Step("practice") // a call was practised
	StepQuiz     = Step("quiz")     // the questions were answered
)

// Steps are all of them.
func Steps() []Step { return []Step{StepSound, StepPractice, StepQuiz} }

// Did reports that the person has done a step.
func (account Account) Did(s Step) bool { return slices.Contains(account.Steps, s) }

// Prepared reports that the person may take calls. Whoever was given the
// account by an administrator was shown how.
func (account Account) Prepared() bool {
	return account.Invite == "" || !slices.ContainsFunc(Steps(), func(s Step) bool { return !account.Did(s) })
}

// NoteStep notes that somebody has done a step; found is what came out, for
// the log.
func (a *Accounts) NoteStep(ctx context.Context, id string, s Step, found map[string]string) error {
	if !slices.Contains(Steps(), s) {
		return Mistake("there is no such step")
	}
	return a.store.Update(ctx, func(tx *store.Tx) error {
		account, err := get(tx, id)
		if err != nil {
			return err
		}
		data := map[string]string{"step": string(s)}
		for key, value := range found {
			data[key] = value
		}
		tx.Emit(events.Event{Kind: EventStep, Agent: id, By: id, Via: "web", Data: data})
		if account.Did(s) {
			return nil
		}
		account.Steps, account.Changed = append(slices.Clone(account.Steps), s), tx.Now()
		return accounts.Put(tx, id, account)
	})
}
