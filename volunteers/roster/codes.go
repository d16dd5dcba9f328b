package roster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Events of paper codes.
const (
	EventCodesMade = "account.codes_made"
	EventCodeUsed  = "supervisor.code_used"
	EventCodeWrong = "supervisor.code_wrong"
)

// ErrCode refuses a paper code, whatever is wrong with it.
var ErrCode = errors.New("this code is not valid: it may be used up, or from an older sheet")

const (
	codesOnSheet = 10
	codeDigits   = 8 // two for its number on the sheet, six secret ones
	codeTries    = 5 // wrong codes for one account before its codes are locked
)

// sheet is the printed one-time codes of one account. A new sheet ends the old.
type sheet struct {
	Made   time.Time   `json:"made"`
	By     string      `json:"by"`
	Codes  []paperCode `json:"codes"`
	Wrong  int         `json:"wrong,omitempty"`
	Last   time.Time   `json:"last,omitzero"`
	Locked time.Time   `json:"locked,omitzero"` // until
}

type paperCode struct {
	Hash string    `json:"hash"`
	Used time.Time `json:"used,omitzero"`
}

var sheets = store.NewTable[sheet]("paper_codes") // by account id

// MakeCodes makes a sheet of one-time codes, to be printed and kept with its
// owner: the second proof of the supervisor line, what stands for the app of the
// second step at sign-in, and the way in when others
// have locked it with wrong PINs. Only their hashes are kept; codes of an
// earlier sheet are no longer valid.
func (a *Accounts) MakeCodes(ctx context.Context, id, by string) ([]string, error) {
	account, err := a.Get(id)
	if err != nil {
		return nil, err
	}
	if !account.HasPIN && !account.Second {
		return nil, Mistake("give the account a phone PIN or a second step first: a code only counts together with one of them")
	}
	var codes []string
	s := sheet{By: by}
	for i := range codesOnSheet {
		secret, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			return nil, fmt.Errorf("making a code: %w", err)
		}
		code := fmt.Sprintf("%02d%06d", i+1, secret)
		hash, err := a.hasher.hash(ctx, a.hasher.pinBytes(code))
		if err != nil {
			return nil, err
		}
		codes, s.Codes = append(codes, code), append(s.Codes, paperCode{Hash: hash})
	}
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		s.Made = tx.Now()
		tx.Emit(events.Event{Kind: EventCodesMade, Agent: id, By: by, Data: map[string]string{"codes": strconv.Itoa(len(codes))}})
		return sheets.Put(tx, id, s)
	})
	if err != nil {
		return nil, fmt.Errorf("the codes were not stored and are not valid; please try again: %w", err)
	}
	return codes, nil
}

// CodesLeft is how many codes of the account are unused, and when their sheet
// was made.
func (a *Accounts) CodesLeft(id string) (left int, made time.Time, err error) {
	err = a.store.View(func(tx *store.Tx) error {
		s, err := sheets.Get(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		for _, code := range s.Codes {
			if code.Used.IsZero() {
				left++
			}
		}
		made = s.Made
		return err
	})
	return left, made, err
}

// UseCode takes one code of an account, or answers ErrCode; via is the way it came
// (phone or web). It takes as long
// whether the code is wrong, used up or never existed. Five wrong ones lock the
// codes of the account for 15 minutes.
func (a *Accounts) UseCode(ctx context.Context, id, code, via string) error {
	number, hash := 0, ""
	if len(code) == codeDigits {
		number, _ = strconv.Atoi(code[:2]) // 0 is no number of a code
	}
	err := a.store.View(func(tx *store.Tx) error {
		s, err := sheets.Get(tx, id) // "" has none
		if err == nil && number >= 1 && number <= len(s.Codes) {
			hash = s.Codes[number-1].Hash
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("looking up a paper code: %w", err)
	}
	fits, err := a.hasher.fits(ctx, hash, a.hasher.pinBytes(code))
	if err != nil {
		return err
	}
	var valid bool
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		valid = false
		if id == "" { // nobody's codes; the transaction takes as long
			return nil
		}
		s, err := sheets.Get(tx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		now := tx.Now()
		if now.Before(s.Locked) {
			return nil
		}
		if now.Sub(s.Last) > pinLock {
			s.Wrong = 0
		}
		// The sheet may have changed since it was looked at.
		if fits && number <= len(s.Codes) && s.Codes[number-1].Hash == hash && s.Codes[number-1].Used.IsZero() {
			valid = true
			s.Codes[number-1].Used, s.Wrong = now, 0
			tx.Emit(events.Event{Kind: EventCodeUsed, Agent: id, By: id, Via: via, Data: map[string]string{"number": strconv.Itoa(number)}})
			return sheets.Put(tx, id, s)
		}
		s.Wrong++
		s.Last = now
		data := map[string]string{"wrong": strconv.Itoa(s.Wrong)}
		if s.Wrong >= codeTries {
			s.Wrong, s.Locked = 0, now.Add(pinLock)
			data["locked_until"] = s.Locked.Format(time.RFC3339)
		}
		tx.Emit(events.Event{Kind: EventCodeWrong, Agent: id, Via: via, Data: data})
		return sheets.Put(tx, id, s)
	})
	if err != nil {
		return fmt.Errorf("noting the use of a paper code: %w", err)
	}
	if !valid {
		return ErrCode
	}
	return nil
}

// splitEntry reads what was keyed on the PIN line: a PIN, or a paper code and
// the PIN behind it. No PIN is as long as both.
func splitEntry(keyed string) (code, pin string) {
	if len(keyed) >= codeDigits+pinLeast {
		code, keyed = keyed[:codeDigits], keyed[codeDigits:]
	}
	if len(keyed) > pinMost {
		keyed = ""
	}
	return code, keyed
}

// proveWithCode lets the owner of an account in although others have locked it
// with wrong PINs: caller IDs are free to forge, and no lock may keep the last
// supervisor out. A code in front of the PIN makes guessing hopeless, and its
// answer tells nothing about either, so it counts for no lock.
func (a *Accounts) proveWithCode(ctx context.Context, account Account, fits bool, code string, permission Permission) error {
	id := account.ID
	if !fits {
		id = "" // takes as long, and uses nobody's code up
	}
	if err := a.UseCode(ctx, id, code, "phone"); err != nil || account.Disabled || !account.Role.May(permission) {
		return errors.Join(ErrPIN, err)
	}
	return a.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(events.Event{Kind: EventUnlocked, Agent: account.ID, By: account.ID, Via: "phone", Data: map[string]string{"with": "paper code"}})
		return clearPINFailures(tx, account.ID)
	})
}
