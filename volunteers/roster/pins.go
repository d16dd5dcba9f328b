package roster

import (
	"context"

	"hotline/appliance/call"
)

// HashPIN is the hash of a PIN of somebody who has no account, made like those
// of accounts: argon2id with the key of the box, few at a time.
func (a *Accounts) HashPIN(ctx context.Context, pin string) (string, error) {
	return a.hasher.hash(ctx, a.hasher.pinBytes(pin))
}

// FitsPIN compares a PIN with such a hash, in a time that does not depend on the
// answer; an empty hash never fits.
func (a *Accounts) FitsPIN(ctx context.Context, hash, pin string) (bool, error) {
	return a.hasher.fits(ctx, hash, a.hasher.pinBytes(pin))
}

// WeakPIN reports a PIN that is tried first by whoever guesses: rows, one digit
// over and over, the end of the own number.
func WeakPIN(pin string, number call.Number) bool { return guessable(pin, number) }
