package ui

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"hotline/appliance/backup"
	"hotline/ui/page"
)

// Backups is the second copy of everything; *backup.Keeper.
type Backups interface {
	State() backup.State
	Use(ctx context.Context, p backup.Place, by string) error
	NewRecoveryKey(ctx context.Context, by string) (string, error)
}

func (s *Server) backups(w http.ResponseWriter, r *http.Request, v visit) {
	s.showBackups(w, r, v, http.StatusOK, page.BackupForm{}, "")
}

func (s *Server) showBackups(w http.ResponseWriter, r *http.Request, v visit, status int, form page.BackupForm, trouble string) {
	s.show(w, r, status, page.Backups(page.BackupsPage{Frame: s.frame(r, v, "backup.title"), State: s.cfg.Backups.State(), Disks: backup.Disks(), Form: form,
		Trouble: trouble, Done: known(r.URL.Query().Get("done"), []string{"place"})}))
}

// backupPlace chooses where backups go. A server is asked for its key first,
// and somebody compares it.
func (s *Server) backupPlace(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	form := page.BackupForm{Kind: r.PostForm.Get("kind"), Folder: clean(r.PostForm.Get("folder"), 200), Server: clean(r.PostForm.Get("server"), 200),
		User: clean(r.PostForm.Get("user"), 64), There: clean(r.PostForm.Get("there"), 200)}
	var p backup.Place
	switch form.Kind {
	case "here":
	case "folder":
		p.Folder = strings.TrimSpace(form.Folder)
	case "server":
		p = backup.Place{Server: form.Server, User: form.User, Password: r.PostForm.Get("password"), Folder: form.There, HostKey: r.PostForm.Get("host_key")}
		if _, _, err := net.SplitHostPort(p.Server); err != nil {
			p.Server = net.JoinHostPort(p.Server, "22")
		}
	}
	f := s.frame(r, v, "backup.title")
	if form.Kind == "folder" && p.Folder == "" || form.Kind == "server" && form.Server == "" || !slices.Contains([]string{"here", "folder", "server"}, form.Kind) {
		s.showBackups(w, r, v, http.StatusUnprocessableEntity, form, f.T("backup.wrong.empty"))
		return
	}
	err := s.cfg.Backups.Use(r.Context(), p, v.account.ID)
	var fresh *backup.NewServer
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
