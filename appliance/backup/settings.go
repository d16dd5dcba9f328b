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
)

// FileName is where a data folder keeps where its backups go. It is a file of
// its own, for it is needed when the records cannot be read.
const FileName = "backup.json"

// settings are that file.
type settings struct {
	Box      string    `json:"box"`      // names the folder at the place
	Own      string    `json:"own"`      // age key of the box
	Recovery string    `json:"recovery"` // public half of the recovery key; "" = nobody has one
	Made     time.Time `json:"made"`     // the recovery key
	Place    Place     `json:"place"`
	Forget   bool      `json:"forget,omitempty"` // older backups hold what was erased

	erasures int // since the start
}

// Place is where backups go.
type Place struct {
	Folder string `json:"folder,omitempty"` // on this machine, a USB disk for instance
	Server string `json:"server,omitempty"` // host:port that takes files by SFTP; Folder is there then

	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	HostKey  string `json:"host_key,omitempty"` // of the server, as it was when the place was chosen
}

// String is how people call it. It has no password.
func (p Place) String() string {
	if p.Server != "" {
		return fmt.Sprintf("sftp://%s@%s/%s", p.User, p.Server, strings.TrimPrefix(p.Folder, "/"))
	}
	return p.Folder
}

// loadSettings reads the file of a data folder, or makes it.
func loadSettings(dir string) (settings, error) {
	s, err := readSettings(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	s.Box = strings.ToLower(rand.Text()[:8])
	if s.Own, _, err = NewKey(); err != nil {
		return s, err
	}
	return s, s.save(dir)
}

func readSettings(dir string) (s settings, err error) {
	path := filepath.Join(dir, FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		return s, fmt.Errorf("reading where backups go: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil || s.Own == "" || s.Box == "" {
		return s, fmt.Errorf("the file %s is damaged: delete it and choose a place for backups again", path)
	}
	return s, nil
}

// save puts the file on disk, whole or not at all.
func (s settings) save(dir string) error {
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, FileName)
	if err := writeWhole(path, text); err != nil {
		return fmt.Errorf("noting where backups go: %w", err)
	}
	return nil
}

// writeWhole writes a small file so that it is there whole or as before.
func writeWhole(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
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
