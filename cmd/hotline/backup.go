package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"hotline/appliance/backup"
	"hotline/appliance/config"
	"hotline/appliance/durable"
	"hotline/appliance/erasures"
	"hotline/appliance/store"
	"hotline/provisioning"
	"hotline/triage"
	"hotline/triage/privacy"
)

// carriedFiles are the files beside the records that make this hotline.
func carriedFiles(cfg config.Config) map[string]string {
	files := map[string]string{}
	if cfg.Path() != "" {
		files[config.FileName] = cfg.Path()
	}
	return files
}

type backupCommand struct {
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
	To     string `help:"Folder to copy to, a USB disk for instance. Without it: where backups of this hotline go." type:"path"`
}

func (c *backupCommand) Run(ctx context.Context, s streams) (err error) {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	log := newLog(s.err, false)
	key, err := keyOf(cfg.DataDir(), s, bufio.NewReader(s.in))
	if err != nil {
		return err
	}
	records, err := backup.OpenRecords(ctx, cfg.DataDir(), key, log)
	if errors.Is(err, store.ErrInUse) {
		return errors.New("the hotline is running and makes a backup every minute by itself: its page Backups says where and how old it is")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	keeper, err := backup.Open(backup.Config{Store: records, Data: cfg.DataDir(), Files: carriedFiles(cfg), Version: version(), Log: log})
	if err != nil {
		return err
	}
	if c.To != "" {
		err = keeper.Once(ctx, c.To)
	} else {
		err = keeper.Now(ctx)
	}
	if err != nil {
		return err
	}
	st := keeper.State()
	fmt.Fprintf(s.out, "Copied and proved by reading it back: %d records in %s.\n", st.Records, st.Took.Round(time.Millisecond))
	if st.Key.IsZero() {
		fmt.Fprintln(s.out, "Nobody has a recovery key yet: make one on the page Backups, or only this machine can read the copy.")
	}
	return nil
}

type restoreCommand struct {
	From   string    `help:"Folder with the backup: the USB disk, or a copy of what is on the server." required:"" type:"path"`
	To     string    `help:"New folder for the hotline." required:"" type:"path"`
	Key    string    `help:"File with the recovery key. Without it, it is asked for." type:"path"`
	Erased string    `name:"erasures" help:"Folder that knows who was erased since: the newest backup, or the data folder of the old machine. They are erased again." type:"path"`
	Before time.Time `help:"Restore how it was at this time, like 2026-11-26T14:00:00Z. Without it: the newest." placeholder:"TIME"`
}

func (c *restoreCommand) Run(ctx context.Context, s streams) error {
	id, err := recoveryKey(c.Key, s)
	if err != nil {
		return err
	}
	data := filepath.Join(c.To, config.Default().Data)
	if provisioning.Unfinished(c.To) { // the plug was pulled: nobody has used any of it
		if err := errors.Join(os.RemoveAll(data), provisioning.ClearUnfinished(c.To)); err != nil {
			return err
		}
	}
	if entries, err := os.ReadDir(c.To); err == nil && len(entries) > 0 {
		return fmt.Errorf("the folder %s is not empty: choose another one, so that nothing is overwritten", c.To)
	}
	if err := os.MkdirAll(c.To, 0o700); err != nil {
		return fmt.Errorf("the folder cannot be made: %w", err)
	}
	// A power cut from here on leaves a folder in which no hotline starts, and into
	// which the same command can be given again.
	if err := provisioning.Begin(c.To, data); err != nil {
		return err
	}
	began := time.Now()
	back, err := putBack(ctx, c.From, c.To, c.Before, id)
	if err != nil && !back.laid {
		return errors.Join(err, os.RemoveAll(data), provisioning.ClearUnfinished(c.To))
	}
	if err != nil {
		return errors.Join(err, provisioning.Finish(c.To))
	}
	report(s.out, back.Report, time.Since(began))
	until, n, err := back.eraseAgain(ctx, c.Erased, newLog(s.err, false), id)
	if err != nil {
		return err // and the next one begins again
	}
	path := filepath.Join(c.To, config.FileName)
	if err := durable.WriteFile(path, []byte(back.config.Describe()), 0o600); err != nil {
		return err
	}
	if err := provisioning.Finish(c.To); err != nil {
		return err
	}
	if n > 0 {
		fmt.Fprintf(s.out, "Erased again: %d people or records that were erased or protected after this backup was made.\n", n)
	}
	fmt.Fprintf(s.out, "Erasures after %s are not known here. If the hotline worked on after that, restore with --erasures and its newest backup or its old data folder, or erase those people again on the page Data protection.\n",
		until.Local().Format("2006-01-02 15:04:05"))
	fmt.Fprintf(s.out, `
Next steps
  1. Look at the addresses in %s: this may be another network.
  2. Start it:  hotline serve --config %s
     and let the telephone company send the calls to this machine.
  3. Its key is in the folder now, so that it starts by itself. To keep it under a passphrase or
     on a stick again:  hotline key keep passphrase --config %s
`, path, path, path)
	return nil
}

// restored is a hotline that was laid out of a backup and does not run yet.
type restored struct {
	backup.Report
	config config.Config // as it was; its data folder is the new one
	data   string
	laid   bool // everything is there
}

// putBack lays the backup out below the folder to. The configuration is not
// written: this may be another network.
func putBack(ctx context.Context, from, to string, before time.Time, id age.Identity) (restored, error) {
	back := restored{config: config.Default()}
	back.data = filepath.Join(to, back.config.Data)
	var err error
	if back.Report, err = backup.Restore(ctx, from, back.data, before, id); err != nil {
		return back, err
	}
	back.laid = true
	if text, ok := back.Files[config.FileName]; ok {
		if back.config, err = config.Parse(config.FileName, text); err != nil {
			return back, fmt.Errorf("everything is in %s, but the configuration of the backup cannot be read: %w", back.data, err)
		}
		back.config.Data = config.Default().Data
	}
	return back, nil
}

// eraseAgain takes out of the restored records whoever was erased after the
// backup was made, and says up to when that is known. A folder that knows more
// of it may be named.
func (back restored) eraseAgain(ctx context.Context, knows string, log *slog.Logger, id age.Identity) (until time.Time, n int, err error) {
	until = back.Known
	if knows != "" {
		later, err := backup.AddErased(back.data, knows, id)
		if err != nil {
			return until, 0, err
		}
		if later.After(until) {
			until = later
		}
	}
	records, err := store.Open(back.data, log)
	if err != nil {
		return until, 0, err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	if n, err = repeatErasures(ctx, records, back.data, back.config.Operation, log); err != nil {
		return until, n, err
	}
	return until, n, privacy.New(records, back.config.Operation, log).Scrub(ctx)
}

// repeatErasures makes those erasures again that the list beside the records
// knows and the records do not: a backup from before them was put back.
func repeatErasures(ctx context.Context, records *store.Store, data, operation string, log *slog.Logger) (int, error) {
	list, err := backup.Erased(data, records.Key())
	if err != nil {
		return 0, fmt.Errorf("the list of erasures: %w", err)
	}
	known := 0
	if err := records.View(func(tx *store.Tx) error {
		known = len(list) - len(erasures.Unknown(tx, list))
		return nil
	}); err != nil || known == len(list) {
		return 0, err
	}
	// Nobody is erased during a call, and those that ran at the time of the
	// backup have ended since.
	if _, err := triage.NewContacts(records).Recover(ctx); err != nil {
		return 0, err
	}
	return privacy.New(records, operation, log).Repeat(ctx, list)
}

// report says what there is and what is missing.
func report(w io.Writer, r backup.Report, took time.Duration) {
	fmt.Fprintf(w, "Restored: everything up to %s (%d records, %d recordings and messages), in %s.\n", r.Until.Local().Format("2006-01-02 15:04:05"), r.Records, r.Sounds, took.Round(time.Millisecond))
	fmt.Fprintf(w, "Missing:  what happened after that time.\n")
	for _, why := range r.Refused {
		fmt.Fprintf(w, "Missing:  what was in %s\n", why)
	}
	if n := len(r.Missing); n > 0 {
		fmt.Fprintf(w, "Missing:  %d recordings or messages that the backup does not have or that are damaged in it.\n", n)
	}
}

type verifyCommand struct {
	From string `help:"Folder with the backup." required:"" type:"path"`
	Key  string `help:"File with the recovery key. Without it, it is asked for." type:"path"`
}

func (c *verifyCommand) Run(ctx context.Context, s streams) (err error) {
	id, err := recoveryKey(c.Key, s)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "hotline-verify-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	began := time.Now()
	r, err := backup.Restore(ctx, c.From, filepath.Join(temp, "data"), time.Time{}, id)
	if err != nil {
		return err
	}
	report(s.out, r, time.Since(began))
	if len(r.Refused)+len(r.Missing) > 0 {
		return errors.New("the backup can be restored, but not all of it")
	}
	fmt.Fprintln(s.out, "The backup is good.")
	return nil
}

// recoveryKey reads the key from a file or from the keyboard.
func recoveryKey(path string, s streams) (age.Identity, error) {
	var text string
	if path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the recovery key: %w", err)
		}
		text = string(raw)
	} else {
		fmt.Fprint(s.out, "Recovery key (from the printed sheet): ")
		line, err := bufio.NewReader(s.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		text = line
	}
	for line := range strings.Lines(text) { // the sheet may be in the file whole
		if key, err := backup.ParseKey(line); err == nil {
			return key, nil
		}
	}
	return backup.ParseKey(text)
}
