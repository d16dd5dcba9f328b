package triage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/luhn"
	"hotline/appliance/store"
)

// unusedCodes is how many codes nobody has for each one that somebody has:
// whoever guesses must not find a case in the guesses of a day (guessesPerHour).
const unusedCodes = 1000

// newCode is random, or whoever has a code could reckon those of others, and
// ends with a check digit, so that a misheard or mistyped digit is noticed. It
// is as short as can be: six digits for the first hundred cases, eight for ten
// thousand, then ten. It never begins with 0, which a spreadsheet would swallow.
func newCode(tx *store.Tx) (string, error) {
	n, err := tx.Next("case_code")
	if err != nil {
		return "", err
	}
	low := int64(10_000)
	for uint64(low)*10/unusedCodes < uint64(n) {
		low *= 100
	}
	for range 24 {
		random, err := rand.Int(rand.Reader, big.NewInt(9*low))
		if err != nil {
			return "", err
		}
		code := fmt.Sprint(low + random.Int64())
		code += string(luhn.Digit(code))
		taken := false
		for range casesByCode.IDs(tx, code) {
			taken = true
		}
		if !taken {
			return code, nil
		}
	}
	return "", errors.New("no free code for a case was found")
}

// What keyed codes cost, so that nobody finds cases by trying. Wrong codes that
// the check digit tells are typing errors and cost nothing. Who is refused goes
// to a person, who opens the case by hand: an outsider who uses all guesses up
// keeps nobody from help.
const (
	guessesFor     = time.Hour
	guessesByOne   = 5  // of one number within that time
	guessesPerHour = 20 // of all callers together
)

// Events of keyed codes. They never name the code.
const (
	EventCodeOpened  = "case.code_opened"
	EventCodeWrong   = "case.code_wrong"
	EventCodeGuessed = "case.code_limit" // all guesses of the hour are used up
)

// ErrCodeGuesses says that too many wrong codes were keyed of late: this one was
// not looked at.
var ErrCodeGuesses = errors.New("too many wrong codes were keyed: a person opens the case")

// codeGuesses are the wrong codes of the last hour: no more than guessesPerHour.
type codeGuesses struct {
	Wrong []codeGuess `json:"wrong"`
	Told  time.Time   `json:"told,omitzero"` // that there are no more
}

type codeGuess struct {
	At time.Time `json:"at"`
	By string    `json:"by,omitempty"` // digest of the number; "" of withheld ones, who share only the limit of all
}

var guesses = store.NewTable[codeGuesses]("code_guesses")

const allGuesses = "all"

// Unlock makes a call be about the case with a code that the caller keyed. No
// such case, a protected one and one that was erased are one answer, ErrCaseCode,
// in the time of one write to disk, and count alike against guessing; with no
// guess left the answer is ErrCodeGuesses, whatever the code is.
func (c *Cases) Unlock(ctx context.Context, contact, code string, caller call.Number) (cs Case, err error) {
	found, err := c.ByCode(code)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Case{}, err
	}
	var refused error
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		refused, cs = nil, Case{}
		k, err := contacts.Get(tx, contact)
		if err != nil {
			return fmt.Errorf("contact %s: %w", contact, err)
		}
		g, err := guesses.Get(tx, allGuesses)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		by := ""
		if !caller.Withheld() {
			by = tx.Digest(string(caller))
		}
		if g.spent(tx.Now(), by) {
			refused = ErrCodeGuesses
			return nil
		}
		if found.ID != "" {
			if cs, err = cases.Get(tx, found.ID); err != nil {
				return err
			}
		}
		if cs.ID == "" || cs.Protected || k.Protected || !cs.Erased.IsZero() {
			refused = ErrCaseCode
			return g.wrong(tx, k, by)
		}
		was := cs
		k.ByCode = true
		tx.Emit(events.Event{Kind: EventCodeOpened, Operation: k.Operation, Contact: k.ID, Via: "phone", Data: map[string]string{"case": cs.ID}})
		if k.Case == cs.ID {
			return putContact(tx, &k)
		}
		if k.Case != "" { // a second code in one call: each case knows of the call
			k.MoreCases = append(slices.Clone(k.MoreCases), k.Case)
		}
		cs.Contacts = append(slices.Clone(cs.Contacts), k.ID)
		if k.Case = cs.ID; cs.Status != CaseClosed {
			k.Level = cs.Level
		}
		return errors.Join(putContact(tx, &k), cs.putWorked(tx, was, history.Entry{Via: "phone", What: "continued", Why: "code"}))
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return Case{}, err
	}
	return cs, nil
}

// spent forgets what is older than an hour, and reports that this caller, or
// everybody, has no guess left.
func (g *codeGuesses) spent(now time.Time, by string) bool {
	one := 0
	g.Wrong = slices.DeleteFunc(slices.Clone(g.Wrong), func(w codeGuess) bool { return now.Sub(w.At) >= guessesFor })
	for _, w := range g.Wrong {
		if by != "" && w.By == by {
			one++
		}
	}
	return one >= guessesByOne || len(g.Wrong) >= guessesPerHour
}

func (g *codeGuesses) wrong(tx *store.Tx, k Contact, by string) error {
	g.Wrong = append(g.Wrong, codeGuess{tx.Now(), by})
	tx.Emit(events.Event{Kind: EventCodeWrong, Operation: k.Operation, Contact: k.ID, Via: "phone"})
	if len(g.Wrong) >= guessesPerHour && tx.Now().Sub(g.Told) >= guessesFor {
		g.Told = tx.Now()
		tx.Emit(events.Event{Kind: EventCodeGuessed, Operation: k.Operation, Contact: k.ID, Via: "rule"})
	}
	return guesses.Put(tx, allGuesses, *g)
}

// CallBackPromised reports that somebody who called about the case still waits
// to be called back.
func (c *Cases) CallBackPromised(cs Case) (promised bool, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		for _, id := range cs.Contacts {
			k, err := contacts.Get(tx, id)
			if err != nil {
				return err
			}
			promised = promised || k.Open == OpenCallBack || k.Promise != nil && k.Open != ""
		}
		return nil
	})
	return promised, err
}
