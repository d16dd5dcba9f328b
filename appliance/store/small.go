package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// Small secrets lie in files of their own beside the records, sealed with the
// key of the box: what is needed when the records cannot be read.

// SealSmall seals a secret that lies under a name.
func SealSmall(boxKey []byte, name string, secret []byte) ([]byte, error) {
	aead, err := smallAEAD(boxKey)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, secret, []byte(name)), nil
}

// OpenSmall opens what SealSmall has sealed.
func OpenSmall(boxKey []byte, name string, sealed []byte) ([]byte, error) {
	aead, err := smallAEAD(boxKey)
	if err != nil {
		return nil, err
	}
	secret, err := aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("%w: the secret of %s", ErrDamaged, name)
	}
	return secret, nil
}

func smallAEAD(boxKey []byte) (cipher.AEAD, error) {
	sealing, err := hkdf.Expand(sha256.New, boxKey, "hotline store: seal small secrets", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
