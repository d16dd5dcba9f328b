package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hotline/appliance/backup"
	"hotline/ui/page"
)

// This file is the other way through the first start: there was a hotline, its
// machine is gone, and somebody stands here with a backup and the printed
// recovery key. It is opened and laid out beside, told in words, and takes the
// place of the empty folder only then.

// BackupReader puts a backup back on a machine that has no hotline yet.
type BackupReader interface {
	// Incoming is an empty folder for a backup that comes by the browser, and
	// how many bytes it may have.
	Incoming() (dir string, room int64, err error)
	// Read opens the backup in a folder with the recovery key, proves it by
	// laying out all of it, and says what is in it.
	Read(ctx context.Context, from, key string) (page.FirstRunBackup, error)
	// Use makes the hotline of what was read last.
	Use(ctx context.Context) error
}

// rescue is how far that has come.
type rescue struct {
	work chan func(context.Context)

	mu      sync.Mutex
	reading bool
	found   *page.FirstRunBackup
	trouble error
	place   string
}

// restoreFor is how long a backup may take to come over the network.
const restoreFor = 12 * time.Hour

// run does what takes long, until ctx ends.
func (s *rescue) run(ctx context.Context) {
	for {
		select {
		case do := <-s.work:
			do(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (f *FirstRun) restorePage(w http.ResponseWriter, r *http.Request) {
	f.showRestore(w, r, http.StatusOK, nil)
}

func (f *FirstRun) showRestore(w http.ResponseWriter, r *http.Request, status int, trouble error) {
	f.rescue.mu.Lock()
	p := page.FirstRunRestorePage{Frame: f.pages.frame(r, visit{}, "setup.title"), Disks: disksOf(f.cfg.Disks), Place: f.rescue.place, Reading: f.rescue.reading, Found: f.rescue.found}
	if trouble == nil {
		trouble = f.rescue.trouble
	}
	f.rescue.mu.Unlock()
	for _, d := range p.Disks {
		for _, found := range backup.On(d.Path) {
			p.OnDisks = append(p.OnDisks, page.BackupOnDisk{Disk: d.Name, Path: found.Path, At: found.At})
		}
	}
	if r.URL.Query().Has("other") {
		p.Found = nil
	}
	if trouble != nil && p.Found == nil {
		p.Trouble = p.Said(trouble.Error())
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	if p.Reading {
		w.Header().Set("Refresh", "2") // also without a script
	}
	f.pages.show(w, r, status, page.FirstRunRestore(p))
}

var (
	errReading  = errors.New("a backup is being opened already: wait for it")
	errNoBackup = errors.New("say where the backup is: a folder of this machine, or the folder on your computer")
)

// restoreLook takes place, key and files, and has the backup opened.
func (f *FirstRun) restoreLook(w http.ResponseWriter, r *http.Request) {
	f.rescue.mu.Lock()
	busy := f.rescue.reading
	if !busy {
		f.rescue.reading, f.rescue.found, f.rescue.trouble = true, nil, nil
	}
	f.rescue.mu.Unlock()
	if busy {
		f.showRestore(w, r, http.StatusConflict, errReading)
		return
	}
	from, key, err := f.takeBackup(w, r)
	if err != nil {
		f.rescue.end(nil, err)
		f.showRestore(w, r, http.StatusUnprocessableEntity, err)
		return
	}
	f.rescue.work <- func(ctx context.Context) { // has room: nothing else is being read
		found, err := f.cfg.Backup.Read(ctx, from, key)
		if err != nil {
			f.cfg.Log.Warn("a backup cannot be put back", "error", err)
			f.rescue.end(nil, err)
			return
		}
		f.rescue.end(&found, nil)
	}
	http.Redirect(w, r, "/setup/restore", http.StatusSeeOther)
}

func (s *rescue) end(found *page.FirstRunBackup, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading, s.found, s.trouble = false, found, err
}

// takeBackup reads the form while it arrives: where the backup is, the key, and
// last the files, when it comes by the browser.
func (f *FirstRun) takeBackup(w http.ResponseWriter, r *http.Request) (from, key string, err error) {
	until := http.NewResponseController(w)
	deadline := time.Now().Add(restoreFor)
	if err := errors.Join(until.SetReadDeadline(deadline), until.SetWriteDeadline(deadline)); err != nil {
		return "", "", fmt.Errorf("waiting for the backup: %w", err)
	}
	dir, room, err := f.cfg.Backup.Incoming()
	if err != nil {
		return "", "", err
	}
	r.Body = http.MaxBytesReader(w, r.Body, room)
	form, err := r.MultipartReader()
	if err != nil {
		return "", "", errNoBackup
	}
	into, err := os.OpenRoot(dir)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	files := 0
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return "", "", errors.New("the disk of this machine is too small for this backup")
		}
		if err != nil {
			return "", "", fmt.Errorf("the backup did not arrive whole: %w", err)
		}
		switch part.FormName() {
		case "place", "key":
			text, err := io.ReadAll(io.LimitReader(part, maxForm))
			if err != nil {
				return "", "", fmt.Errorf("the backup did not arrive whole: %w", err)
			}
			if part.FormName() == "key" {
				key = strings.TrimSpace(string(text))
				continue
			}
			if said := clean(string(text), 400); said != "" { // typed comes after chosen
				from = said
			}
			f.rescue.mu.Lock()
			f.rescue.place = from
			f.rescue.mu.Unlock()
		case "backup":
			if part.FileName() == "" {
				continue
			}
			if err := keepPart(into, pathOf(part.Header.Get("Content-Disposition")), part); err != nil {
				return "", "", err
			}
			files++
		}
	}
	switch {
	case files > 0:
		return dir, key, nil
	case filepath.IsAbs(from):
		return from, key, nil
	}
	return "", "", errNoBackup
}

// pathOf is where a file was in the folder that was chosen, without the name of
// that folder. Go's reader of forms tells the last part alone.
func pathOf(disposition string) string {
	_, params, err := mime.ParseMediaType(disposition)
	if err != nil {
		return ""
	}
	name := path.Clean("/" + strings.ReplaceAll(params["filename"], `\\`, "/"))[1:]
	if _, below, inFolder := strings.Cut(name, "/"); inFolder {
		return below
	}
	return name
}

// keepPart writes one file of the backup; it cannot leave the folder.
func keepPart(into *os.Root, name string, from io.Reader) error {
	if name == "" {
		return errNoBackup
	}
	if dir := path.Dir(name); dir != "." {
		if err := into.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("the backup cannot be kept here: %w", err)
		}
	}
	file, err := into.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("the backup cannot be kept here: %w", err)
	}
	_, err = io.Copy(file, from)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("the backup did not arrive whole: %w", err)
	}
	return nil
}

// restoreUse makes the hotline of the backup that was told.
func (f *FirstRun) restoreUse(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rescue.mu.Lock()
	found := f.rescue.found
	if f.rescue.reading {
		found = nil
	}
	f.rescue.reading = found != nil || f.rescue.reading // no other one is opened meanwhile
	f.rescue.mu.Unlock()
	if found == nil || f.over {
		http.Redirect(w, r, "/setup/restore", http.StatusSeeOther)
		return
	}
	if err := f.cfg.Backup.Use(context.WithoutCancel(r.Context())); err != nil {
		f.cfg.Log.Error("a backup could not take its place", "error", err)
		f.rescue.end(nil, err)
		f.showRestore(w, r, http.StatusInternalServerError, err)
		return
	}
	f.pages.show(w, r, http.StatusOK, page.FirstRunRestored(page.FirstRunRestorePage{Frame: f.pages.frame(r, visit{}, "setup.title"), Found: found}))
	f.over = true
	close(f.done)
}
