// Package boxkey keeps the key of the box: the 32 bytes under which the store
// seals everything. It says where the key is, changes that, and lets a box
// without it write on (inbox.go). It does not know what is sealed.
//
// In the data folder:
//
//	box.key, box.copy           the key, where it is kept in the folder
//	boxkey.json, boxkey.copy    how the key is kept, and the key wrapped
//	inbox/<id>/                 what was written while the key was away
//
// Contracts:
//
//  1. At every moment of a change the old way or the new one leads to the key,
//     on disk: a stop in the middle costs nothing.
//  2. Whoever has the data folder alone cannot open it where the key is kept
//     elsewhere or under a passphrase, as far as the disk really overwrites.
package boxkey

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"filippo.io/age"

	"hotline/appliance/durable"
	"hotline/appliance/store"
)

// Ways to keep the key.
const (
	InFolder   = "file"       // in the data folder: the box starts by itself
	Passphrase = "passphrase" // wrapped: somebody types it after every start
	Elsewhere  = "stick"      // in a file outside the data folder, on a USB stick for instance
)

const (
	stateName = "boxkey.json"
	stateCopy = "boxkey.copy"
	keyCopy   = "box.copy"
	stickName = "hotline-box.key" // where only a folder was named
	keySize   = 32
)

// Why a box is locked.
const (
	NeedsPassphrase = "passphrase"
	NeedsStick      = "stick" // the file is not where it should be
	KeyLost         = "lost"  // it was in the data folder and is gone or damaged
)

// Locked says that the key is not at hand.
type Locked struct{ Why, Path string }

func (l *Locked) Error() string {
	switch l.Why {
	case NeedsPassphrase:
		return "the hotline is locked: its passphrase has to be typed"
	case NeedsStick:
		return fmt.Sprintf("the hotline is locked: the key file %s is not there or is not the one of this box", l.Path)
	}
	return "the hotline is locked: its key file is gone or damaged; the recovery key from the printed sheet opens it"
}

// Errors of unlocking and changing.
var (
	ErrWrong = errors.New("this does not open the hotline")
	ErrNone  = errors.New("the hotline cannot be opened in this way")
	ErrWeak  = fmt.Errorf("a passphrase needs at least %d characters, and several different ones: take five or six words that do not belong together", minPassphrase)
	ErrPlace = errors.New("give the whole path of a folder or file outside the data folder, beginning with /")
)

const (
	minPassphrase = 16
	minDifferent  = 6
	maxPassphrase = 1000
	scryptWork    = 17 // 128 MB and about half a second, once per try
	maxScryptWork = 20
	mostSmall     = 1 << 20
)

// state is how the key is kept.
type state struct {
	Kind    string    `json:"kind"`
	Changed time.Time `json:"changed"`
	Path    string    `json:"path,omitempty"` // of the file elsewhere
	Mark    string    `json:"mark"`           // tells the key from others and says nothing about it

	Wrapped    []byte `json:"wrapped,omitempty"`     // the key under the passphrase (age)
	Recovery   []byte `json:"recovery,omitempty"`    // the key for the recovery key (age)
	RecoveryTo string `json:"recovery_to,omitempty"` // its public half

	Inbox    string `json:"inbox"`     // public: to whom a box without its key seals
	InboxKey []byte `json:"inbox_key"` // its private half, sealed with the key
}

// Keeper keeps the key of one data folder.
type Keeper struct {
	dir   string
	work  int // of scrypt
	mu    sync.Mutex
	state state // Kind "" = a box of before there was a choice, or a new one
}

// Open reads how the key of a data folder is kept.
func Open(dir string) (*Keeper, error) {
	s, err := readState(filepath.Join(dir, stateName))
	if err != nil {
		if copied, copyErr := readState(filepath.Join(dir, stateCopy)); copyErr == nil {
			return &Keeper{dir: dir, work: scryptWork, state: copied}, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &Keeper{dir: dir, work: scryptWork}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("how the key of the hotline is kept cannot be read: %w. Restore a backup with hotline restore", err)
	}
	return &Keeper{dir: dir, work: scryptWork, state: s}, nil
}

// State is how the key is kept.
type State struct {
	Kind     string
	Path     string // of the file elsewhere
	There    bool   // whether it is there now
	Changed  time.Time
	Recovery bool // the recovery key opens the box, too
	Waiting  int  // inboxes that are not merged yet
}

// State is how the key is kept now.
func (k *Keeper) State() State {
	k.mu.Lock()
	s := k.state
	k.mu.Unlock()
	st := State{Kind: s.Kind, Path: s.Path, Changed: s.Changed, Recovery: len(s.Recovery) > 0}
	if s.Path != "" {
		_, err := s.readKey(s.Path)
		st.There = err == nil
	}
	boxes, _ := k.Inboxes()
	st.Waiting = len(boxes)
	return st
}

// AtHand is the key as far as nobody has to do anything for it; *Locked where
// somebody has. Nil without an error: the store makes one, for this is a new box.
func (k *Keeper) AtHand() ([]byte, error) {
	k.mu.Lock()
	s := k.state
	k.mu.Unlock()
	paths := []string{store.KeyPath(k.dir), filepath.Join(k.dir, keyCopy)}
	if s.Path != "" {
		paths = append(paths, s.Path)
	}
	for _, path := range paths {
		if key, err := s.readKey(path); err == nil {
			return key, nil
		}
	}
	switch s.Kind {
	case "":
		return nil, nil // the store has its own words for a key that is missing
	case Passphrase:
		return nil, &Locked{Why: NeedsPassphrase}
	case Elsewhere:
		return nil, &Locked{Why: NeedsStick, Path: s.Path}
	}
	return nil, &Locked{Why: KeyLost}
}

// ByPassphrase opens the wrapped key.
func (k *Keeper) ByPassphrase(text string) ([]byte, error) {
	k.mu.Lock()
	s := k.state
	k.mu.Unlock()
	if len(s.Wrapped) == 0 {
		return nil, ErrNone
	}
	if text == "" || len(text) > maxPassphrase {
		return nil, ErrWrong
	}
	id, err := age.NewScryptIdentity(text)
	if err != nil {
		return nil, ErrWrong
	}
	id.SetMaxWorkFactor(maxScryptWork)
	return s.unwrap(s.Wrapped, id)
}

// ByRecovery opens the key with the recovery key of the backups.
func (k *Keeper) ByRecovery(id age.Identity) ([]byte, error) {
	k.mu.Lock()
	s := k.state
	k.mu.Unlock()
	if len(s.Recovery) == 0 {
		return nil, ErrNone
	}
	return s.unwrap(s.Recovery, id)
}

// ByFile takes the content of a key file.
func (k *Keeper) ByFile(content []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.state.fits(content) {
		return nil, ErrWrong
	}
	return bytes.Clone(content), nil
}

func (s state) unwrap(wrapped []byte, id age.Identity) ([]byte, error) {
	plain, err := age.Decrypt(bytes.NewReader(wrapped), id)
	if err != nil {
		return nil, ErrWrong
	}
	key, err := io.ReadAll(io.LimitReader(plain, keySize+1))
	if err != nil || !s.fits(key) {
		return nil, ErrWrong
	}
	return key, nil
}

// fits reports whether a key is the one of this box, as far as that is known.
func (s state) fits(key []byte) bool {
	return len(key) == keySize && (s.Mark == "" || subtle.ConstantTimeCompare([]byte(mark(key)), []byte(s.Mark)) == 1)
}

func (s state) readKey(path string) ([]byte, error) {
	// A pipe on somebody's disk would be waited for without end.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	key, err := io.ReadAll(io.LimitReader(f, keySize+1))
	if err == nil && !s.fits(key) {
		err = ErrWrong
	}
	return key, err
}

// mark is a digest of the key for recognising it.
func mark(key []byte) string {
	sum, err := hkdf.Key(sha256.New, key, nil, "hotline box key: mark", 16)
	if err != nil {
		panic(err) // only a length that cannot be is refused
	}
	return hex.EncodeToString(sum)
}

// put notes a state, twice. The lock is held.
func (k *Keeper) put(next state) error {
	text, err := json.MarshalIndent(next, "", "\t")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	text = append(append(text, '\n'), hex.EncodeToString(sum[:])...)
	for _, name := range []string{stateName, stateCopy} {
		path := filepath.Join(k.dir, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
			continue
		}
		if err := durable.WriteFile(path, text, 0o600); err != nil {
			return fmt.Errorf("noting how the key of the hotline is kept: %w", err)
		}
	}
	k.state = next
	return nil
}

func readState(path string) (s state, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	at := bytes.LastIndexByte(text, '\n')
	if at < 0 {
		return s, fmt.Errorf("%s is damaged", path)
	}
	sum := sha256.Sum256(text[:at])
	if hex.EncodeToString(sum[:]) != string(text[at+1:]) || json.Unmarshal(text[:at], &s) != nil || s.Kind == "" {
		return s, fmt.Errorf("%s is damaged", path)
	}
	return s, nil
}

// Destroy overwrites and removes whatever leads to the key of a data folder: on
// this box, and where its key is kept elsewhere. Afterwards nobody reads the
// records, the sound and the inboxes in it, whatever copies of those there are.
// Only backups, which carry the key for the recovery key, still open: they go
// by themselves. A hotline that runs keeps the key in memory until it ends.
func Destroy(dir string) error {
	k, err := Open(dir)
	if err == nil && k.state.Path != "" {
		err = wipe(k.state.Path)
	}
	for _, name := range []string{filepath.Base(store.KeyPath(dir)), keyCopy, stateName, stateCopy} {
		err = errors.Join(err, wipe(filepath.Join(dir, name)), wipe(filepath.Join(dir, name+durable.Unfinished)))
	}
	return err
}

// wipe overwrites a small file and removes it. One that is not there is gone.
func wipe(path string) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return os.Remove(path) // a link to something else
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, min(info.Size(), mostSmall)))
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("overwriting %s: %w", path, err)
	}
	return errors.Join(os.Remove(path), durable.SyncDir(filepath.Dir(path)))
}

// random is a new key.
func random() []byte {
	key := make([]byte, keySize)
	rand.Read(key)
	return key
}
