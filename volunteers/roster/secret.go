package roster

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// secret is what proves that somebody is the owner of an account.
type secret struct {
	Password    string    `json:"password"`
	PasswordSet time.Time `json:"password_set"`
	PIN         string    `json:"pin,omitempty"`
	PINSet      time.Time `json:"pin_set"`
	Phone       string    `json:"phone,omitempty"` // of the desk phone: what digest needs, never the password
}

// The cost of one hash, as OWASP advises for argon2id. It travels with every
// hash, so it can grow one day.
const (
	argonTime   = 2
	argonMemory = 19 * 1024 // kB
	argonLanes  = 1
	saltLength  = 16
	hashLength  = 32
	hashSlots   = 2 // hashes at a time: two cores, and calls come first
	hashPatient = 10 * time.Second
)

const (
	passwordLeast = 12
	passwordMost  = 256
	pinLeast      = 6
	pinMost       = 12
)

// hasher makes and compares hashes, few at a time.
type hasher struct {
	slots  chan struct{}
	pepper []byte
	nobody string  // a hash that nothing fits, for accounts that do not exist
	later  *Hashes // makes the hashes; nil: they are made at once
}

func newHasher(pepper []byte) (*hasher, error) {
	h := &hasher{slots: make(chan struct{}, hashSlots), pepper: pepper}
	var err error
	h.nobody, err = h.hash(context.Background(), []byte(rand.Text()))
	return h, err
}

// take waits for a slot.
func (h *hasher) take(ctx context.Context) (release func(), err error) {
	limit := time.NewTimer(hashPatient)
	defer limit.Stop()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-limit.C:
		return nil, ErrBusy
	}
}

func (h *hasher) hash(ctx context.Context, text []byte) (string, error) {
	if h.later != nil {
		hash, done := h.later.done[string(text)]
		if !done {
			h.later.wanted[string(text)] = true
		}
		return hash, nil
	}
	release, err := h.take(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	salt := make([]byte, saltLength)
	rand.Read(salt)
	sum := argon2.IDKey(text, salt, argonTime, argonMemory, argonLanes, hashLength)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// fits compares in a time that does not depend on the answer. An empty hash
// takes as long and never fits.
func (h *hasher) fits(ctx context.Context, encoded string, text []byte) (bool, error) {
	real := encoded != ""
	if !real {
		encoded = h.nobody
	}
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("a stored password hash is of an unknown kind")
	}
	var memory, passes uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return false, fmt.Errorf("reading a stored password hash: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("reading a stored password hash: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("reading a stored password hash: %w", err)
	}
	release, err := h.take(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	got := argon2.IDKey(text, salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && real, nil
}

func passwordBytes(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

func (h *hasher) password(ctx context.Context, password string) (string, error) {
	return h.hash(ctx, passwordBytes(password))
}

// pinBytes mixes the PIN with a key that is not in the database: six digits
// are guessed in minutes by whoever has only their hash.
func (h *hasher) pinBytes(pin string) []byte {
	mac := hmac.New(sha256.New, h.pepper)
	mac.Write([]byte(pin))
	return mac.Sum(nil)
}

const pepperName = "pin.key"

// loadPepper reads the key file for PINs, or makes it.
func loadPepper(dir string) (key []byte, fresh bool, err error) {
	path := filepath.Join(dir, pepperName)
	key, err = os.ReadFile(path)
	switch {
	case err == nil && len(key) == 32:
		return key, false, nil
	case err == nil:
		return nil, false, fmt.Errorf("the key file %s for phone PINs is damaged (%d bytes instead of 32): put it back from the backup, or delete it and set all phone PINs again", path, len(key))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, false, fmt.Errorf("reading the key file for phone PINs: %w", err)
	}
	key = make([]byte, 32)
	rand.Read(key)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("making the key file for phone PINs: %w", err)
	}
	_, err = f.Write(key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, false, fmt.Errorf("writing the key file for phone PINs: %w", err)
	}
	return key, true, nil
}

func checkPassword(password string, account Account) error {
	length := utf8.RuneCountInString(password)
	different := map[rune]bool{}
	for _, r := range password {
		different[r] = true
	}
	switch {
	case length < passwordLeast:
		return Mistake(fmt.Sprintf("the password needs at least %d characters: four words are good", passwordLeast))
	case length > passwordMost:
		return Mistake(fmt.Sprintf("the password is longer than %d characters", passwordMost))
	case len(different) < 5 || strings.Contains(strings.ToLower(password), account.Login) && length < passwordLeast+len(account.Login):
		return Mistake("the password is too easy to guess: four words that have nothing to do with each other are good")
	}
	return nil
}

func checkPIN(pin string, account Account) error {
	if len(pin) < pinLeast || len(pin) > pinMost || strings.Trim(pin, "0123456789") != "" {
		return Mistake(fmt.Sprintf("the PIN needs %d to %d digits", pinLeast, pinMost))
	}
	if guessable(pin, account.Phone) {
		return Mistake("the PIN is too easy to guess: no rows such as 123456 or 777777, and no part of the telephone number")
	}
	return nil
}

// SetPassword gives an account a new password and signs it out everywhere.
func (a *Accounts) SetPassword(ctx context.Context, id, password, by string) error {
	account, err := a.Get(id)
	if err != nil {
		return err
	}
	return a.setPassword(ctx, account, password, by, "")
}

// setPassword signs out everywhere but in the session of the token kept, which
// may be empty.
func (a *Accounts) setPassword(ctx context.Context, account Account, password, by, kept string) error {
	if err := checkPassword(password, account); err != nil {
		return err
	}
	hash, err := a.hasher.password(ctx, password)
	if err != nil {
		return err
	}
	id, except := account.ID, exceptFor(kept)
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := get(tx, id); err != nil {
			return err
		}
		s, err := secrets.Get(tx, id)
		if err != nil {
			return err
		}
		s.Password, s.PasswordSet = hash, tx.Now()
		tx.Emit(events.Event{Kind: EventPasswordSet, Agent: id, By: by})
		return errors.Join(secrets.Put(tx, id, s), endSessions(tx, id, except, by, "the password was changed"))
	})
	if err == nil {
		a.forgetSessions(id, except)
	}
	return err
}

// SetPIN gives an account a PIN for the telephone menus of those who work here;
// an empty one takes it away.
func (a *Accounts) SetPIN(ctx context.Context, id, pin, by string) error {
	account, err := a.Get(id)
	if err != nil {
		return err
	}
	if pin == "" {
		return a.store.Update(ctx, func(tx *store.Tx) error {
			account, err := get(tx, id)
			if err != nil {
				return err
			}
			account.HasPIN, account.Changed = false, tx.Now()
			tx.Emit(events.Event{Kind: EventPINSet, Agent: id, By: by, Data: map[string]string{"pin": "removed"}})
			return errors.Join(accounts.Put(tx, id, account), dropPIN(tx, id))
		})
	}
	if err := checkPIN(pin, account); err != nil {
		return err
	}
	hash, err := a.hasher.hash(ctx, a.hasher.pinBytes(pin))
	if err != nil {
		return err
	}
	return a.store.Update(ctx, func(tx *store.Tx) error {
		account, err := get(tx, id)
		if err != nil {
			return err
		}
		if account.Phone == "" && account.Extension == "" {
			return Mistake("give the account a telephone number or a desk phone first: the PIN line asks for both")
		}
		s, err := secrets.Get(tx, id)
		if err != nil {
			return err
		}
		s.PIN, s.PINSet = hash, tx.Now()
		account.HasPIN, account.Changed = true, tx.Now()
		tx.Emit(events.Event{Kind: EventPINSet, Agent: id, By: by})
		return errors.Join(indexPhone(tx, account), accounts.Put(tx, id, account), secrets.Put(tx, id, s), clearPINFailures(tx, id))
	})
}

func dropPIN(tx *store.Tx, id string) error {
	s, err := secrets.Get(tx, id)
	if err != nil {
		return err
	}
	s.PIN = ""
	return errors.Join(secrets.Put(tx, id, s), clearPINFailures(tx, id))
}

// Authenticate returns the account that a sign-in name and password belong to,
// or ErrRefused. It does not slow down guessing: see SignIn.
func (a *Accounts) Authenticate(ctx context.Context, login, password string) (Account, error) {
	account, fits, err := a.authenticate(ctx, login, password)
	if err != nil {
		return Account{}, err
	}
	if !fits {
		return Account{}, ErrRefused
	}
	return account, nil
}

// authenticate also names the account when the password is not its own.
func (a *Accounts) authenticate(ctx context.Context, login, password string) (account Account, fits bool, err error) {
	var s secret
	err = a.store.View(func(tx *store.Tx) error {
		id, found := find(tx, normalLogin(login))
		if !found {
			return nil
		}
		var err error
		if account, err = accounts.Get(tx, id); err != nil {
			return err
		}
		s, err = secrets.Get(tx, id)
		return err
	})
	if err != nil {
		return Account{}, false, fmt.Errorf("looking up an account: %w", err)
	}
	if len(password) > 4*passwordMost {
		password = "" // costs nothing to refuse, and never fits
	}
	encoded, text := s.Password, passwordBytes(password)
	if account.byPIN() && encoded == "" {
		encoded, text = s.PIN, a.hasher.pinBytes(strings.TrimSpace(password))
	}
	fits, err = a.hasher.fits(ctx, encoded, text)
	return account, fits && !account.Disabled, err
}

// byPIN reports that a PIN is enough to sign in at the pages: of people who
// came by an invitation and see no more than their own calls.
func (account Account) byPIN() bool { return account.Invite != "" && account.Role == RoleAgent }

func guessable(pin string, number call.Number) bool {
	up, down, same := true, true, true
	for i := 1; i < len(pin); i++ {
		up = up && pin[i] == (pin[i-1]-'0'+1)%10+'0'
		down = down && pin[i-1] == (pin[i]-'0'+1)%10+'0'
		same = same && pin[i] == pin[i-1]
	}
	return up || down || same || strings.HasSuffix(string(number), pin)
}
