package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"hotline/appliance/backup"
	"hotline/appliance/config"
	"hotline/appliance/durable"
	"hotline/appliance/health"
	"hotline/provisioning"
	"hotline/ui/page"
)

// Folders beside the one of the records, while a backup is put back at the
// first start. Nothing in them counts.
const (
	incomingFolder = "restore-incoming"
	stagedFolder   = "restore-staged"
)

// spareRoom is what a backup that comes by the browser leaves free, at least:
// it is laid out beside once more.
const spareRoom = 1 << 30

// backupReader puts a backup back at the first start.
type backupReader struct {
	dir  string        // of the hotline that is to be
	here config.Config // addresses of this machine
	log  *slog.Logger

	staged config.Config // of the backup that was read
	ready  bool
}

// Incoming is an empty folder for a backup that comes by the browser. Half the
// free room is for it, the other half for laying it out.
func (b *backupReader) Incoming() (dir string, room int64, err error) {
	dir = filepath.Join(b.dir, incomingFolder)
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return "", 0, fmt.Errorf("the backup cannot be kept here: %w", err)
	}
	free, _ := health.DiskRoom(dir)
	return dir, max(int64(free/2)-spareRoom, 64<<20), nil
}

// Read lays all of the backup out beside the folder of the records: that proves
// every archive of it.
func (b *backupReader) Read(ctx context.Context, from, key string) (page.FirstRunBackup, error) {
	b.ready = false
	id, err := backup.ParseKey(key)
	if err != nil {
		return page.FirstRunBackup{}, err
	}
	staged := filepath.Join(b.dir, stagedFolder)
	if err := os.RemoveAll(staged); err != nil {
		return page.FirstRunBackup{}, err
	}
	back, err := putBack(ctx, from, staged, time.Time{}, id)
	if err != nil {
		return page.FirstRunBackup{}, err
	}
	until, again, err := back.eraseAgain(ctx, "", b.log, id)
	if err != nil {
		return page.FirstRunBackup{}, err
	}
	b.staged, b.ready = back.config, true
	return page.FirstRunBackup{Hotline: back.config.Name, Operation: back.config.Operation, Until: back.Until, Known: until,
		Records: back.Records, Sounds: back.Sounds, Lost: len(back.Missing), Refused: back.Refused, Erased: again}, nil
}

// Use makes the hotline of what was laid out. Its addresses are those of this
// machine: the old one's may belong to another network.
func (b *backupReader) Use(context.Context) error {
	if !b.ready {
		return errors.New("no backup was opened")
	}
	cfg := b.staged
	cfg.Web.Listen, cfg.Web.Sound, cfg.SIP.Listen = b.here.Web.Listen, b.here.Web.Sound, b.here.SIP.Listen
	cfg.Web.Names, cfg.SIP.Advertise = nil, ""
	data := filepath.Join(b.dir, cfg.Data)
	if entries, err := os.ReadDir(data); err == nil {
		for _, one := range entries { // the certificates of these pages
			if one.Name() != "tls" {
				return fmt.Errorf("the folder %s is not empty: nothing was overwritten", data)
			}
		}
	}
	// A power cut from here on begins again with the questions.
	if err := provisioning.Begin(b.dir, data); err != nil {
		return err
	}
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(filepath.Join(b.dir, stagedFolder, cfg.Data), data), durable.SyncDir(b.dir)); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(b.dir, config.FileName), []byte(cfg.Describe()), 0o600); err != nil {
		return err
	}
	return provisioning.Finish(b.dir)
}

// forgetStaging takes away what was not used.
func forgetStaging(dir string) error {
	return errors.Join(os.RemoveAll(filepath.Join(dir, incomingFolder)), os.RemoveAll(filepath.Join(dir, stagedFolder)))
}
