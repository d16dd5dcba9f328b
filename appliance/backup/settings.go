package backup

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"hotline/appliance/durable"
	"hotline/appliance/place"
	"hotline/appliance/store"
)

// FileName is where a data folder keeps where its backups go. It is a file of
// its own, for it is needed when the records cannot be read.
const FileName = "backup.json"

// settings are that file.
type settings struct {
	Box      string      `json:"box"`      // names the folder at the place
	Own      string      `json:"-"`        // age key of the box; on disk it is sealed with the box key
	Recovery string      `json:"recovery"` // public half of the recovery key; "" = nobody has one
	Made     time.Time   `json:"made"`     // the recovery key
	Place    place.Place `json:"place"`
	Forget   bool        `json:"forget,omitempty"` // older backups hold what was erased

	erasures int    // since the start
	key      []byte // of the box
}

// onDisk is the file as it is written.
type onDisk struct {
	settings
	Clear  string `json:"own,omitempty"` // as it was in files of before
	Sealed []byte `json:"own_sealed,omitempty"`
}

// loadSettings reads the file of a data folder, or makes it.
func loadSettings(dir string, key []byte) (settings, error) {
	s, err := readSettings(dir, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	s.key = key
	s.Box = strings.ToLower(rand.Text()[:8])
	if s.Own, _, err = NewKey(); err != nil {
		return s, err
	}
	return s, s.save(dir)
}

// The box's own key is sealed with the box key, for it opens backups, which hold
// that one: whoever has the folder of a locked box alone must not get from the
// backups beside the records to the records. Without a key it stays shut.
func readSettings(dir string, key []byte) (s settings, err error) {
	path := filepath.Join(dir, FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		return s, fmt.Errorf("reading where backups go: %w", err)
	}
	var d onDisk
	if err := json.Unmarshal(text, &d); err != nil || d.Clear == "" && d.Sealed == nil || d.Box == "" {
		return s, fmt.Errorf("the file %s is damaged: delete it and choose a place for backups again", path)
	}
	s = d.settings
	s.key, s.Own = key, d.Clear
	if d.Sealed != nil && key != nil {
		own, err := store.OpenSmall(key, FileName, d.Sealed)
		if err != nil {
			return s, fmt.Errorf("the file %s belongs to another hotline or is damaged: delete it and choose a place for backups again", path)
		}
		s.Own = string(own)
	}
	return s, nil
}

// save puts the file on disk, whole or not at all.
func (s settings) save(dir string) error {
	d := onDisk{settings: s}
	var err error
	if d.Sealed, err = store.SealSmall(s.key, FileName, []byte(s.Own)); err != nil {
		return err
	}
	text, err := json.MarshalIndent(d, "", "\t")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, FileName)
	if err := durable.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("noting where backups go: %w", err)
	}
	return nil
}

// recipients are who can open the backups.
func (s settings) recipients() ([]age.Recipient, error) {
	own, err := s.identity()
	if err != nil {
		return nil, err
	}
	to := []age.Recipient{own.Recipient()}
	if s.Recovery != "" {
		r, err := age.ParseX25519Recipient(s.Recovery)
		if err != nil {
			return nil, fmt.Errorf("the recovery key in %s is damaged: make a new one: %w", FileName, err)
		}
		to = append(to, r)
	}
	return to, nil
}

func (s settings) identity() (*age.X25519Identity, error) {
	own, err := age.ParseX25519Identity(s.Own)
	if err != nil {
		return nil, fmt.Errorf("the box's own key in %s is damaged: delete the file and choose a place for backups again", FileName)
	}
	return own, nil
}
