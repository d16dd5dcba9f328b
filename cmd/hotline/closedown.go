package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/appliance/wipe"
	"hotline/ivr/mode"
	"hotline/provisioning"
	"hotline/triage/closedown"
)

// An operation that is over is wiped by the program itself, between two lives of
// it: the calls end, nothing has the records open, and then it begins anew.

// keptTables go over to the next operation as they are: how the hotline works,
// and nothing of whom it helped. What is not here is wiped, so a new table is
// until somebody names it.
func keptTables() []string {
	return []string{
		"lists", "places", "parts_off", "parts_on", "scenario", // what is chosen and asked
		"prompts", "prompt_sounds", "prompt_languages", "mode", "mode_announcements", // what callers hear
		"flow_drafts", "flow_versions", "routings", "queue_closures", "scripts", "quiet_hours", // how calls go
		"recording_rules", "privacy", "sharing", "calendar", // what may be kept, and how long
		"telephone_lines", "telephone_line_order", "telephone_line_passwords", "telephone_numbers", "telephone_dialling", // how calls come and go
		"certificate_orders", "certificate_accounts", "certificates_got", "certificate_standings", // by which certificate the pages are believed
	}
}

// closer keeps the closing of the operation.
func (h *hotline) closer(cfg config.Config, data string, coolOff time.Duration) *closedown.Keeper {
	return closedown.New(closedown.Config{Store: h.records, Data: data, Exports: h.exports, Worklist: h.contacts, Operation: cfg.Operation, Log: h.log,
		CoolOff: cmp.Or(coolOff, closedown.CoolOff),
		Running: func() int { return h.trunk.Stats().Calls },
		Closed: func() bool { // nobody waits for a person
			now := h.mode.Current(time.Now()).Mode
			return now == mode.Closed || now == mode.Announcement || now == mode.Redirect
		},
		Due: func() {
			select {
			case h.wiped <- struct{}{}:
			default:
			}
		}})
}

// runToItsEnd runs a hotline until it is asked to end, or until its operation is
// to be wiped: then it wipes it, and anew is true.
func runToItsEnd(ctx context.Context, cfg config.Config, h *hotline, log *slog.Logger) (anew bool, err error) {
	run, stop := context.WithCancel(ctx)
	defer stop()
	due := make(chan bool, 1)
	go func() {
		select {
		case <-run.Done():
			due <- false
		case <-h.wiped:
			stop()
			due <- true
		}
	}()
	key := h.records.Key()
	err = h.Run(run)
	stop()
	if !<-due || err != nil || ctx.Err() != nil {
		return false, err // what was decided is decided: the next start goes on
	}
	if err := beginWipe(ctx, cfg, key, log); err != nil {
		return false, err
	}
	return true, endWipe(ctx, cfg, log)
}

// beginWipe begins the wipe that was decided. Where that is not possible, it is
// called off, and the hotline goes on as it was.
func beginWipe(ctx context.Context, cfg config.Config, key []byte, log *slog.Logger) (err error) {
	data := cfg.DataDir()
	records, err := store.OpenWith(data, key, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	plan, err := closedown.Plan(records, cfg.Operation, version(), keptTables(), time.Now())
	if errors.Is(err, closedown.ErrNotDue) {
		return nil
	}
	if err == nil {
		err = wipe.Begin(ctx, data, records, plan)
	}
	if err != nil && !wipe.Begun(data) && ctx.Err() == nil {
		log.Error("the wipe of this operation could not be begun and is called off; nothing was changed", "error", err)
		return closedown.Failed(ctx, records, cfg.Operation)
	}
	return err
}

// endWipe ends a wipe that was begun, if one was.
func endWipe(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	data := cfg.DataDir()
	if !wipe.Begun(data) {
		return nil
	}
	log.Warn("this hotline is being wiped; it takes calls again when that is done")
	certs, err := provisioning.OpenCertificates(provisioning.CertificateDir(data), provisioning.Names(cfg), time.Now())
	if err != nil {
		return err
	}
	c, err := wipe.Finish(ctx, wipe.Config{Data: data, Log: log, Sign: func(text []byte) ([]byte, []byte, error) {
		signature, err := certs.Sign(text)
		return signature, certs.Root(), err
	}})
	if err != nil {
		return err
	}
	log.Warn("the hotline is wiped and begins anew; the certificate is on its page Close down", "files", c.Files, "looked_through", c.Check.Files, "found", len(c.Check.Found), "left", len(c.Left))
	return nil
}

type certificateCommand struct {
	File string `arg:"" help:"The certificate, as it was downloaded." type:"existingfile"`
}

// Run is "hotline certificate".
func (c *certificateCommand) Run(s streams) error {
	file, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	cert, by, err := wipe.Open(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The certificate is as it was signed. Compare the authority with the one of the hotline: %s\n", provisioning.Fingerprint(by))
	fmt.Fprintf(s.out, "Operation %s, wiped on %s, wanted by %s and confirmed by %s.\n", cert.Operation, cert.Ended.UTC().Format(time.RFC3339), cert.Asked.Name, cert.Confirmed.Name)
	switch {
	case len(cert.Check.Found) > 0:
		fmt.Fprintf(s.out, "NOT EVERYTHING IS GONE: something was found afterwards in %v.\n", cert.Check.Found)
	case len(cert.Check.Unread) > 0:
		fmt.Fprintf(s.out, "Files that could not be looked through: %v.\n", cert.Check.Unread)
	default:
		fmt.Fprintf(s.out, "Afterwards %d names and numbers from its records were looked for in %d files: none was found.\n", cert.Check.Texts, cert.Check.Files)
	}
	for _, left := range cert.Left {
		fmt.Fprintf(s.out, "To be destroyed by hand: %s at %s\n", left.What, left.Where)
	}
	return nil
}
