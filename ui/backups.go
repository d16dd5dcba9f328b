package ui

import (
	"context"
	"errors"
	"net/http"

	"hotline/appliance/backup"
	"hotline/appliance/place"
	"hotline/ui/page"
)

// Backups is the second copy of everything; *backup.Keeper.
type Backups interface {
	State() backup.State
	Use(ctx context.Context, p place.Place, by string) error
	NewRecoveryKey(ctx context.Context, by string) (string, error)
}

func (s *Server) backups(w http.ResponseWriter, r *http.Request, v visit) {
	s.showBackups(w, r, v, http.StatusOK, page.PlaceForm{}, "")
}

func (s *Server) showBackups(w http.ResponseWriter, r *http.Request, v visit, status int, form page.PlaceForm, trouble string) {
	s.show(w, r, status, page.Backups(page.BackupsPage{Frame: s.frame(r, v, "backup.title"), State: s.cfg.Backups.State(), Disks: s.disks(), Removes: s.cfg.Plugged != nil, Form: form,
		Trouble: trouble, Done: known(r.URL.Query().Get("done"), []string{"place", "removed"})}))
}

// backupPlace chooses where backups go. A server is asked for its key first,
// and somebody compares it.
func (s *Server) backupPlace(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	form, p := placeOf(r)
	f := s.frame(r, v, "backup.title")
	if form.Kind != "here" && !named(p) {
		s.showBackups(w, r, v, http.StatusUnprocessableEntity, form, f.T("backup.wrong.empty"))
		return
	}
	err := s.cfg.Backups.Use(r.Context(), p, v.account.ID)
	var fresh *place.NewServer
	switch {
	case errors.As(err, &fresh):
		form.HostKey, form.Fingerprint = fresh.Place.HostKey, fresh.Place.Fingerprint()
		s.showBackups(w, r, v, http.StatusOK, form, "")
	case err != nil:
		s.showBackups(w, r, v, http.StatusUnprocessableEntity, form, f.F("backup.wrong.refused", "why", f.Said(err.Error())))
	default:
		http.Redirect(w, r, "/admin/backup?done=place", http.StatusSeeOther)
	}
}

// Plugged looks after disks that are plugged in. Nil in the configuration where
// whoever runs the machine does. Errors are sentences.
type Plugged interface {
	// Remove takes the disk of a folder out of use, so that it can be pulled out.
	Remove(ctx context.Context, folder string) error
}

// disks are those that are plugged in now.
func (s *Server) disks() []place.Disk { return disksOf(s.cfg.Disks) }

func disksOf(show func() []place.Disk) []place.Disk {
	if show == nil {
		return place.Disks()
	}
	return show()
}

// diskRemove lets somebody pull a disk out.
func (s *Server) diskRemove(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Plugged == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	disk := clean(r.PostFormValue("disk"), 200)
	if err := s.cfg.Plugged.Remove(r.Context(), disk); err != nil {
		s.cfg.Log.Warn("a disk cannot be pulled out", "disk", disk, "error", err)
		f := s.frame(r, v, "backup.title")
		s.showBackups(w, r, v, http.StatusUnprocessableEntity, page.PlaceForm{}, f.F("disk.stays", "why", f.Said(err.Error())))
		return
	}
	s.cfg.Log.Info("a disk may be pulled out", "disk", disk, "account", v.account.ID)
	http.Redirect(w, r, "/admin/backup?done=removed", http.StatusSeeOther)
}

// backupKey makes a recovery key and shows it, this once, to be printed.
func (s *Server) backupKey(w http.ResponseWriter, r *http.Request, v visit) {
	key, err := s.cfg.Backups.NewRecoveryKey(r.Context(), v.account.ID)
	if err != nil {
		s.broken(w, r, v, "making a recovery key", err)
		return
	}
	s.show(w, r, http.StatusOK, page.RecoveryKey(page.RecoveryKeyPage{Frame: s.frame(r, v, "backup.key.title"), Key: key, State: s.cfg.Backups.State()}))
}
