package wipe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"hotline/appliance/backup"
	"hotline/appliance/durable"
)

// Certificate is what a wipe proves: for the files of whoever is responsible.
// It names the people who decided, and nobody of whom there were records.
type Certificate struct {
	ID        string           `json:"id"`
	Operation string           `json:"operation"`
	Program   string           `json:"program"`
	Began     time.Time        `json:"began"`
	Ended     time.Time        `json:"ended,omitzero"`
	Starts    int              `json:"starts"` // 1 unless it was interrupted
	Asked     Person           `json:"asked"`
	Confirmed Person           `json:"confirmed"`
	Records   []Count          `json:"records"`
	Export    *Export          `json:"export,omitempty"`
	NoExport  string           `json:"no_export,omitempty"` // why nothing was handed over
	Receiver  *Receiver        `json:"receiver,omitempty"`
	Later     int              `json:"written_after_export"` // entries of the log about records
	Open      int              `json:"open_items"`           // of the worklist, that nobody had closed
	Backups   []backup.Removed `json:"backups"`
	Left      []Left           `json:"left,omitempty"` // to be destroyed by hand
	Accounts  int              `json:"accounts"`       // that stay
	Keep      string           `json:"keep"`           // which
	LogMark   string           `json:"log_mark"`       // end of the old log; the new one goes on from it
	Entries   int              `json:"log_entries"`
	Files     int              `json:"files"` // that were overwritten
	Bytes     int64            `json:"bytes"`
	Check     Check            `json:"check"`
}

// Clean reports that nothing was found and nothing is left to be done by hand.
func (c Certificate) Clean() bool { return len(c.Check.Found)+len(c.Check.Unread)+len(c.Left) == 0 }

// Person is somebody who decided.
type Person struct {
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	At      time.Time `json:"at"`
}

// Count is how many records of a kind there were.
type Count struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// Export is the file that was handed over.
type Export struct {
	ID       string    `json:"id"`
	Level    string    `json:"level"`
	To       string    `json:"to"`
	Sets     []string  `json:"sets"`
	Rows     int       `json:"rows"`
	SHA256   string    `json:"sha256"`
	Made     time.Time `json:"made"`
	Approved string    `json:"approved,omitempty"` // the second person, of the highest level
	LogMark  string    `json:"log_mark,omitempty"`
}

// Receiver is who got it.
type Receiver struct {
	Organisation string `json:"organisation"`
	Person       string `json:"person"`
	Basis        string `json:"basis"` // sharing.Bases
	Date         string `json:"date"`
}

// Kinds of what is left.
const (
	LeftBackups = "backups" // copies that were out of reach
	LeftKey     = "key"     // the key of the box, on a stick that was not there
	LeftExports = "exports" // files that the hotline carried to a place while it ran
)

// Left is something that has to be destroyed by hand.
type Left struct {
	What  string `json:"what"`
	Where string `json:"where"`
	Why   string `json:"why,omitempty"`
}

// signed is the file. The signature is of the statement without its white space,
// so that it may be indented in another way.
type signed struct {
	Statement json.RawMessage `json:"statement"`
	Signature []byte          `json:"signature"` // ECDSA with SHA-256
	Authority string          `json:"authority"` // certificate of whoever signed, PEM
}

// Sign makes the file of a certificate. How is told what Config.Sign is told.
func (c Certificate) Sign(how func(text []byte) (signature, authority []byte, err error)) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	signature, authority, err := how(text)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate: %w", err)
	}
	return json.MarshalIndent(signed{text, signature, string(authority)}, "", "\t")
}

func (c Certificate) keep(cfg Config) error {
	file, err := c.Sign(cfg.Sign)
	if err != nil {
		return err
	}
	dir := filepath.Join(cfg.Data, certsName)
	if err := errors.Join(os.MkdirAll(dir, 0o700), durable.SyncDir(cfg.Data)); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, c.ID+".json"), file, 0o600)
}

// ErrForged says that a certificate was changed after it was signed.
var ErrForged = errors.New("this certificate is not what was signed")

// Open reads the file of a certificate and proves its signature. By is the
// certificate of the authority that signed: whoever trusts it knows its
// fingerprint from elsewhere.
func Open(file []byte) (c Certificate, by *x509.Certificate, err error) {
	var s signed
	if err := json.Unmarshal(file, &s); err != nil || s.Statement == nil {
		return c, nil, errors.New("this is no certificate of a wiped hotline")
	}
	var text bytes.Buffer
	if err := json.Compact(&text, s.Statement); err != nil {
		return c, nil, err
	}
	block, _ := pem.Decode([]byte(s.Authority))
	if block == nil {
		return c, nil, ErrForged
	}
	if by, err = x509.ParseCertificate(block.Bytes); err != nil {
		return c, nil, ErrForged
	}
	public, is := by.PublicKey.(*ecdsa.PublicKey)
	sum := sha256.Sum256(text.Bytes())
	if !is || !ecdsa.VerifyASN1(public, sum[:], s.Signature) {
		return c, nil, ErrForged
	}
	return c, by, json.Unmarshal(text.Bytes(), &c)
}

var idForm = regexp.MustCompile(`^[0-9A-Z]{26}$`)

// File is the file of a certificate of the data folder.
func File(data, id string) ([]byte, error) {
	if !idForm.MatchString(id) {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(filepath.Join(data, certsName, id+".json"))
}

// Certificates are those of the data folder whose signature is right, the newest
// first.
func Certificates(data string) (list []Certificate, err error) {
	entries, err := os.ReadDir(filepath.Join(data, certsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		file, err := os.ReadFile(filepath.Join(data, certsName, e.Name()))
		if err != nil {
			return nil, err
		}
		if c, _, err := Open(file); err == nil {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Certificate) int { return b.Ended.Compare(a.Ended) })
	return list, nil
}
