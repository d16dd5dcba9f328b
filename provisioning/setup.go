package provisioning

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hotline/appliance/backup"
	"hotline/appliance/boxkey"
	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/appliance/durable"
	"hotline/appliance/store"
	"hotline/volunteers/roster"
)

// Person is somebody who gets an account.
type Person struct {
	Login   string
	Name    string
	Role    roster.Role
	Phone   call.Number // of a supervisor: selects the account on the supervisor line
	Profile string      // routing profile of somebody who answers calls
}

// Credential is what that person signs in with. It is shown once and kept only
// as a hash.
type Credential struct {
	Person
	Password string
	PIN      string // "" for those without a phone
}

const by = "setup" // who made the accounts, in the log

// setPIN gives an account a new PIN, or the one that was drawn for it. One in
// fifty thousand is refused as too easy to guess.
func setPIN(ctx context.Context, accounts *roster.Accounts, id, drawn string) (pin string, err error) {
	for range 5 {
		if pin, drawn = drawn, ""; pin == "" {
			pin = newPIN()
		}
		var easy roster.Mistake
		if err = accounts.SetPIN(ctx, id, pin, by); !errors.As(err, &easy) {
			return pin, err
		}
	}
	return "", err
}

// Enrol gives every person an account with a new password and, with a phone, a
// new PIN. An account that exists keeps everything else.
func Enrol(ctx context.Context, accounts *roster.Accounts, people []Person) ([]Credential, error) {
	var drawn []Credential
	for _, p := range people {
		drawn = append(drawn, Credential{Person: p})
	}
	return EnrolAs(ctx, accounts, drawn)
}

// EnrolAs is Enrol for people of whom some have a password and a PIN that were
// drawn for them already.
func EnrolAs(ctx context.Context, accounts *roster.Accounts, people []Credential) ([]Credential, error) {
	have, err := accounts.List()
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, a := range have {
		ids[a.Login] = a.ID
	}
	var out []Credential
	for _, c := range people {
		p := c.Person
		if c.Password == "" {
			c.Password = NewPassword()
		}
		id, exists := ids[p.Login]
		if exists {
			// Whoever is at the machine has lost the old ones.
			err = errors.Join(accounts.SetPassword(ctx, id, c.Password, by), accounts.DropSecond(ctx, id, by))
		} else {
			var a roster.Account
			a, err = accounts.Add(ctx, roster.Account{Login: p.Login, Name: p.Name, Role: p.Role, Phone: p.Phone, Profile: p.Profile}, c.Password, by)
			id = a.ID
		}
		if err == nil && p.Phone != "" {
			c.PIN, err = setPIN(ctx, accounts, id, c.PIN)
		}
		if err != nil {
			return nil, fmt.Errorf("making the account of %s: %w", p.Login, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// Options says what Setup makes.
type Options struct {
	Dir    string        // folder for the configuration file; made if missing
	Config config.Config // written as a commented file
	People []Person      // first accounts
	Key    string        // how the key of the box is kept (boxkey.InFolder …); "" = in the folder
	KeyAt  string        // its passphrase, or the place
	// Fill puts what else was chosen into the new records; nil: nothing.
	Fill func(context.Context, *store.Store) error
	Log  *slog.Logger
}

// Result is what Setup has made.
type Result struct {
	ConfigPath  string
	Credentials []Credential
	Fingerprint string // of the box's certificate authority
	RecoveryKey string // opens its backups
}

// Setup writes the configuration and makes the data folder, the certificates
// and the first accounts. It refuses to touch a folder that has been set up,
// and takes away all it made when it fails half-way; what a power cut leaves of it
// is taken away by the next one.
func Setup(ctx context.Context, opts Options) (res Result, err error) {
	res.ConfigPath = filepath.Join(opts.Dir, config.FileName)
	if err := ClearUnfinished(opts.Dir); err != nil {
		return res, err
	}
	if _, err := os.Stat(res.ConfigPath); !errors.Is(err, fs.ErrNotExist) {
		return res, &Problem{What: fmt.Sprintf("There is a hotline in this folder already: %s.", res.ConfigPath),
			Do: "Start it with hotline serve, or choose an empty folder with --dir.", Err: err}
	}
	var made undo
	defer func() {
		if err != nil {
			err = errors.Join(err, made.all())
		}
	}()
	if err := made.folder(opts.Dir); err != nil {
		return res, err
	}
	made.emptied = nil // the folder of the file may hold other things
	data := opts.Config.Data
	if !filepath.IsAbs(data) {
		data = filepath.Join(opts.Dir, data)
	}
	if entries, err := os.ReadDir(data); err == nil && slices.ContainsFunc(entries, isRecord) {
		return res, &Problem{What: fmt.Sprintf("The data folder %s is not empty.", data), Do: "It may hold the records of a hotline. Choose another folder with --dir."}
	}
	made.file(filepath.Join(opts.Dir, unfinishedName))
	if err := markUnfinished(opts.Dir, data); err != nil {
		return res, err
	}
	made.file(res.ConfigPath)
	if err := durable.WriteFile(res.ConfigPath, []byte(opts.Config.Describe()), 0o600); err != nil {
		return res, fmt.Errorf("writing the configuration: %w", err)
	}
	cfg, err := config.Load(res.ConfigPath)
	if err != nil {
		return res, err
	}
	if _, err := os.Stat(CertificateDir(data)); errors.Is(err, fs.ErrNotExist) {
		if err := made.folder(data); err != nil {
			return res, err
		}
	} else { // made for the pages of the first start, which are open in somebody's browser
		made.beside = data
	}
	if err := Folder(data); err != nil {
		return res, err
	}
	certs, err := OpenCertificates(CertificateDir(data), Names(cfg), time.Now())
	if err != nil {
		return res, err
	}
	res.Fingerprint = certs.Fingerprint()
	records, err := store.Open(data, opts.Log)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	accounts, err := roster.Open(records, data, opts.Log)
	if err != nil {
		return res, err
	}
	if res.Credentials, err = Enrol(ctx, accounts, opts.People); err != nil {
		return res, err
	}
	if opts.Fill != nil {
		if err := opts.Fill(ctx, records); err != nil {
			return res, err
		}
	}
	keeper, err := backup.Open(backup.Config{Store: records, Data: data, Log: opts.Log})
	if err != nil {
		return res, err
	}
	if res.RecoveryKey, err = keeper.NewRecoveryKey(ctx, by); err != nil {
		return res, err
	}
	keys, err := boxkey.Open(data)
	if err != nil {
		return res, err
	}
	if err = keys.Adopt(records.Key(), keeper.Recovery()); err != nil {
		return res, err
	}
	if err := keys.Keep(records.Key(), opts.Key, opts.KeyAt); err != nil {
		return res, err
	}
	return res, markFinished(opts.Dir)
}

// CertificateDir is where the certificates of a data folder are.
func CertificateDir(data string) string { return filepath.Join(data, "tls") }

// Names are the names and addresses that the certificate covers.
func Names(c config.Config) []string {
	if len(c.Web.Names) > 0 {
		return c.Web.Names
	}
	return OwnNames()
}

// isRecord reports that an entry of a data folder may be of a hotline. The
// certificates may be there before it.
func isRecord(entry fs.DirEntry) bool {
	return filepath.Join("x", entry.Name()) != CertificateDir("x")
}

// undo remembers what was made, to take it away again.
type undo struct {
	paths   []string // to remove
	emptied []string // folders that were there, and empty
	beside  string   // a data folder in which certificates were; "" when there is none
}

// folder makes dir and remembers the topmost folder that was missing.
func (u *undo) folder(dir string) error {
	missing := ""
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		missing = at
	}
	if missing != "" {
		u.paths = append(u.paths, missing)
	} else {
		u.emptied = append(u.emptied, dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &Problem{What: fmt.Sprintf("The folder %s cannot be made (%v).", dir, err), Do: "Choose another one with --dir.", Err: err}
	}
	return nil
}

func (u *undo) file(path string) { u.paths = append(u.paths, path) }

func (u *undo) all() error {
	var errs []error
	for _, dir := range u.emptied {
		entries, err := os.ReadDir(dir)
		errs = append(errs, err)
		for _, entry := range entries {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	if u.beside != "" {
		entries, err := os.ReadDir(u.beside)
		errs = append(errs, err)
		for _, entry := range slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !isRecord(e) }) {
			errs = append(errs, os.RemoveAll(filepath.Join(u.beside, entry.Name())))
		}
	}
	for i := len(u.paths) - 1; i >= 0; i-- {
		errs = append(errs, os.RemoveAll(u.paths[i]))
	}
	return errors.Join(errs...)
}

// passwordLetters leaves out what is mistaken for something else when copied
// from paper.
const passwordLetters = "abcdefghjkmnpqrstuvwxyz23456789"

// NewPassword is 79 random bits in four groups that can be read aloud.
func NewPassword() string {
	groups := make([]string, 4)
	for i := range groups {
		groups[i] = random(passwordLetters, 4)
	}
	return strings.Join(groups, "-")
}

func newPIN() string { return random("0123456789", 6) }

func random(letters string, n int) string {
	b := make([]byte, n)
	for i := range b {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			panic(fmt.Sprintf("the system gives no random numbers: %v", err)) // never happens on Linux
		}
		b[i] = letters[at.Int64()]
	}
	return string(b)
}
