package volunteers

import (
	"crypto/rand"
	"fmt"
	"math/big"

	"hotline/appliance/luhn"
	"hotline/appliance/store"
)

// Codes are read out and keyed in by tired people, so they are digits, short,
// and the last digit (Luhn, ISO/IEC 7812-1 annex B) catches every single wrong
// digit and nearly every swapped pair. They never begin with 0, which a
// spreadsheet would swallow.
const (
	codeDigits   = 6
	codeTries    = 24
	longerDigits = 8 // when six digits are nearly used up
)

// newCode reserves a code nobody has. Six digits hold 90,000 codes; if two
// dozen random ones in a row are taken, they are so crowded that guessing one
// would be easy too, and the code grows.
func newCode(tx *store.Tx, id string) (string, error) {
	for try := range 2 * codeTries {
		digits := codeDigits
		if try >= codeTries {
			digits = longerDigits
		}
		code, err := randomCode(digits)
		if err != nil {
			return "", err
		}
		if !byCode.Taken(tx, code) {
			return code, byCode.Add(tx, code, id)
		}
	}
	return "", fmt.Errorf("no free code for a registrant was found")
}

func randomCode(digits int) (string, error) {
	low := int64(1)
	for range digits - 2 {
		low *= 10
	}
	n, err := rand.Int(rand.Reader, big.NewInt(9*low))
	if err != nil {
		return "", err
	}
	body := fmt.Sprint(low + n.Int64())
	return body + string(luhn.Digit(body)), nil
}

// ValidCode reports whether code can be one: what a caller keyed wrong is
// noticed without a look into the records.
func ValidCode(code string) bool {
	if len(code) != codeDigits && len(code) != longerDigits {
		return false
	}
	return luhn.Valid(code)
}
