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
	s.show(w, r, status, page.Backups(page.BackupsPage{Frame: s.frame(r, v, "backup.title"), State: s.cfg.Backups.State(), Disks: place.Disks(), Form: form,
		Trouble: trouble, Done: known(r.URL.Query().Get("done"), []string{"place"})}))
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

// backupKey makes a recovery key and shows it, this once, to be printed.
func (s *Server) backupKey(w http.ResponseWriter, r *http.Request, v visit) {
	key, err := s.cfg.Backups.NewRecoveryKey(r.Context(), v.account.ID)
	if err != nil {
		s.broken(w, r, v, "making a recovery key", err)
		return
	}
	s.show(w, r, http.StatusOK, page.RecoveryKey(page.RecoveryKeyPage{Frame: s.frame(r, v, "backup.key.title"), Key: key, State: s.cfg.Backups.State()}))
}
