package wipe

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hotline/appliance/store"
)

// needles are texts to look for, as keyed digests: the file that says how far a
// wipe is must not keep what is wiped. Each digest is of the bytes of one text,
// so every place of a file is tried: a rolling sum of 16 bits says where it is
// worth a digest. Whoever has the file can try telephone numbers; it is
// overwritten at the end.
type needles struct {
	Key  []byte   `json:"key,omitempty"`
	List []needle `json:"list,omitempty"`
}

type needle struct {
	Length int    `json:"length"`
	Roll   uint16 `json:"roll"`
	Sum    []byte `json:"sum"`
}

const (
	shortest = 5 // bytes: shorter texts are everywhere by chance
	longest  = 80
	mostText = 200 // needles
)

// usable are the texts that can be looked for, each once.
func usable(texts []string) (list []string) {
	for _, text := range texts {
		if text = strings.TrimSpace(text); len(text) >= shortest && len(text) <= longest && len(list) < mostText && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

func newNeedles(texts []string) needles {
	n := needles{Key: make([]byte, 32)}
	rand.Read(n.Key)
	for _, text := range texts {
		n.List = append(n.List, needle{Length: len(text), Roll: roll(n.factor(), []byte(text)), Sum: n.digest([]byte(text))})
	}
	return n
}

func (n needles) digest(text []byte) []byte {
	mac := hmac.New(sha256.New, n.Key)
	mac.Write(text)
	return mac.Sum(nil)
}

// factor is by what a sum is multiplied for each byte; odd, from the key.
func (n needles) factor() uint64 { return binary.BigEndian.Uint64(n.Key) | 1 }

func sumOf(factor uint64, text []byte) (sum uint64) {
	for _, b := range text {
		sum = sum*factor + uint64(b) + 1
	}
	return sum
}

// roll is what is kept of a sum: the upper bits, on which all bytes have worked.
func roll(factor uint64, text []byte) uint16 { return uint16(sumOf(factor, text) >> 48) }

// in returns which needles stand in the text.
func (n needles) in(text []byte) (found []int) {
	factor := n.factor()
	byLength := map[int]map[uint16][]int{}
	for i, one := range n.List {
		if byLength[one.Length] == nil {
			byLength[one.Length] = map[uint16][]int{}
		}
		byLength[one.Length][one.Roll] = append(byLength[one.Length][one.Roll], i)
	}
	for length, rolls := range byLength {
		if len(text) < length {
			continue
		}
		var known [1 << 16 / 64]uint64
		for r := range rolls {
			known[r/64] |= 1 << (r % 64)
		}
		leaves := uint64(1) // factor^length: what a byte is worth when it leaves
		for range length {
			leaves *= factor
		}
		sum := sumOf(factor, text[:length])
		for at := 0; ; at++ {
			if r := uint16(sum >> 48); known[r/64]&(1<<(r%64)) != 0 {
				digest := n.digest(text[at : at+length])
				for _, i := range rolls[r] {
					if bytes.Equal(digest, n.List[i].Sum) {
						found = append(found, i)
					}
				}
			}
			if at+length == len(text) {
				break
			}
			sum = sum*factor + uint64(text[at+length]) + 1 - leaves*(uint64(text[at])+1)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Check is what was looked for afterwards, and where something was found.
type Check struct {
	Texts   int      `json:"texts"` // names and numbers from the records
	Files   int      `json:"files"` // every file of the data folder
	Bytes   int64    `json:"bytes"`
	Values  int      `json:"values"`            // of the new records, in clear
	Found   []string `json:"found,omitempty"`   // where one of the texts stands yet
	Strange []string `json:"strange,omitempty"` // files that are none of the hotline's: they were left
	Unread  []string `json:"unread,omitempty"`  // files that could not be read
}

const (
	piece    = 64 << 10
	mostList = 50 // of places in a certificate
)

// look looks through every byte of the data folder, and every new record in
// clear.
func (n needles) look(ctx context.Context, data string, s *store.Store) (c Check, err error) {
	err = filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(data, path)
		if err != nil || relErr != nil || ctx.Err() != nil {
			return errors.Join(err, relErr, context.Cause(ctx))
		}
		if rel != "." && !strings.Contains(rel, string(filepath.Separator)) && !known(rel) {
			c.Strange = short(c.Strange, rel)
		}
		if e.IsDir() || rel == markName {
			return nil
		}
		if len(n.List) > 0 && len(n.in([]byte(rel))) > 0 {
			c.Found = short(c.Found, rel)
		}
		if !e.Type().IsRegular() {
			return nil
		}
		size, found, err := n.inFile(ctx, path)
		if err != nil {
			c.Unread = short(c.Unread, rel)
			return context.Cause(ctx)
		}
		c.Files++
		c.Bytes += size
		if found {
			c.Found = short(c.Found, rel)
		}
		return nil
	})
	if err != nil {
		return c, err
	}
	err = s.View(func(tx *store.Tx) error {
		return tx.EachValue(func(table, key string, value []byte) {
			c.Values++
			if len(n.in(value)) > 0 {
				c.Found = short(c.Found, table+"/"+key)
			}
		})
	})
	return c, err
}

func short(list []string, more string) []string {
	more = strings.ToValidUTF8(more, "?")
	if len(list) < mostList && !slices.Contains(list, more) {
		list = append(list, more)
	}
	return list
}

// known reports that a name of the data folder is one of the hotline's.
func known(name string) bool {
	return slices.ContainsFunc(slices.Concat(ours(), stays()), func(pattern string) bool {
		fits, err := filepath.Match(pattern, name)
		return err == nil && fits
	})
}

func (n needles) inFile(ctx context.Context, path string) (size int64, found bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	buffer, empty := make([]byte, piece+longest), make([]byte, piece+longest)
	kept := 0 // of the piece before, for what lies across
	for {
		if ctx.Err() != nil {
			return size, found, context.Cause(ctx)
		}
		read, err := f.Read(buffer[kept : kept+piece])
		size += int64(read)
		text := buffer[:kept+read]
		// Most of a new record file is empty room.
		found = found || !bytes.Equal(text, empty[:len(text)]) && len(n.in(text)) > 0
		if errors.Is(err, io.EOF) {
			return size, found, nil
		}
		if err != nil {
			return size, found, err
		}
		kept = min(longest-1, len(text))
		copy(buffer, text[len(text)-kept:])
	}
}
