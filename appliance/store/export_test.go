package store

// OldHead is the head of a file of before there were tallies.
func OldHead(boxKey []byte) []byte { return sealHead(boxKey, metaSeal) }

// HeadOf is the head of a file with a schema.
func HeadOf(boxKey []byte, schema uint64) []byte { return sealHead(boxKey, head(schema)) }

func sealHead(boxKey, plain []byte) []byte {
	k, err := deriveKeys(boxKey)
	if err != nil {
		panic(err)
	}
	return k.aead.Seal(nil, nil, plain, metaSeal)
}

// Reveal opens a value with the key of the box, wherever it was found.
func (s *Store) Reveal(table string, key, sealed []byte) ([]byte, error) {
	return s.keys.open([]byte(table), key, sealed)
}
