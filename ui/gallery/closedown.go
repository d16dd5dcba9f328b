package gallery

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"path/filepath"
	"strings"
	"time"

	"hotline/appliance/backup"
	"hotline/appliance/export"
	"hotline/appliance/sharing"
	"hotline/appliance/wipe"
	"hotline/triage/closedown"
)

// closer is the page on which operations end, with one that has.
type closer struct {
	*closedown.Keeper
	before wipe.Certificate
	file   []byte
	now    closedown.Closing // that somebody is in the middle of
}

func (c closer) Now() (closedown.Closing, error) { return c.now, nil }

func (c closer) Job(closedown.Closing) (export.Job, error) {
	return export.Job{ID: c.now.Export, State: export.Done, SHA256: c.before.Export.SHA256, Rows: c.before.Export.Rows,
		Parts: []export.Part{{Set: "cases", Rows: c.before.Export.Rows, Withheld: 3}, {Set: "hours"}}}, nil
}

// midway is how far the closing of a scene is.
func midway(scene string) (c closedown.Closing) {
	now := time.Now()
	lead, other := wipe.Person{Account: "lead", Name: "Maryam " + tooLong, Role: admin, At: now.Add(-time.Hour)}, wipe.Person{Account: "other", Name: "Chen", Role: coordinator, At: now.Add(-time.Minute)}
	switch scene {
	case emptyScene: // the export
		c = closedown.Closing{ID: "x", Began: lead}
	case spareScene: // the file is to be handed over
		c = closedown.Closing{ID: "x", Began: lead, Export: "x"}
	case longScene: // everybody may stop it
		c = closedown.Closing{ID: "x", Began: lead, NoExport: tooLong, Keep: "leads", Asked: lead, Confirmed: other, Due: now.Add(closedown.CoolOff)}
	}
	return c
}

func (c closer) Certificates() ([]wipe.Certificate, error) { return []wipe.Certificate{c.before}, nil }
func (c closer) Certificate(string) ([]byte, error)        { return c.file, nil }

func (s *scene) closer(log *slog.Logger) (c closer, err error) {
	ended := time.Now().AddDate(0, -7, 0)
	s.made["certificate"] = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	c.now = midway(filepath.Base(s.dir))
	c.before = wipe.Certificate{ID: s.made["certificate"], Operation: "Drought 2025", Program: "gallery", Began: ended.Add(-time.Minute), Ended: ended, Starts: 2,
		Asked: wipe.Person{Name: "Maryam", Role: admin, At: ended.Add(-2 * time.Hour)}, Confirmed: wipe.Person{Name: "Chen", Role: coordinator, At: ended.Add(-time.Hour)},
		Records:  []wipe.Count{{Kind: "contacts", Count: 18234}, {Kind: "cases", Count: 4120}, {Kind: "registrants", Count: 1203}},
		Export:   &wipe.Export{Level: "L3", To: sharing.Inside, Rows: 23557, SHA256: strings.Repeat("5f2a", 16), Approved: "Chen"},
		Receiver: &wipe.Receiver{Organisation: "Red Cross", Person: "Farid", Basis: "public_task", Date: ended.Format(time.DateOnly)},
		Backups:  []backup.Removed{{Place: "/media/backup", Files: 212}}, Left: []wipe.Left{{What: wipe.LeftBackups, Where: "sftp://box@backup.example.org/hotline"}},
		Accounts: 5, Keep: "leads", LogMark: "90211:" + strings.Repeat("c07e", 16), Entries: 90211, Files: 318, Bytes: 812 << 20, Check: wipe.Check{Texts: 164, Files: 9, Bytes: 17 << 20, Values: 5210}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, err
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1)}
	raw, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		return c, err
	}
	c.file, err = c.before.Sign(func(text []byte) ([]byte, []byte, error) {
		sum := sha256.Sum256(text)
		signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		return signature, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), err
	})
	c.Keeper = closedown.New(closedown.Config{Store: s.store, Exports: s.exports, Worklist: s.contacts, Running: func() int { return 2 }, Closed: func() bool { return false },
		CoolOff: closedown.CoolOff, Operation: operation, Due: func() {}, Log: log})
	return c, err
}
