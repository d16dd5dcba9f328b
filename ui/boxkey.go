package ui

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"hotline/appliance/boxkey"
	"hotline/ui/page"
)

// BoxKey is the key under which everything is sealed, and where it is kept.
type BoxKey interface {
	State() boxkey.State
	// Keep keeps it in another way (boxkey.InFolder …); what is the passphrase,
	// or the place.
	Keep(ctx context.Context, kind, what, by string) error
}

func (s *Server) boxKey(w http.ResponseWriter, r *http.Request, v visit) {
	s.showBoxKey(w, r, v, http.StatusOK, page.BoxKeyForm{}, "")
}

func (s *Server) showBoxKey(w http.ResponseWriter, r *http.Request, v visit, status int, form page.BoxKeyForm, trouble string) {
	s.show(w, r, status, page.BoxKey(page.BoxKeyPage{Frame: s.frame(r, v, "boxkey.title"), State: s.cfg.BoxKey.State(), Disks: s.disks(), Form: form,
		Trouble: trouble, Done: known(r.URL.Query().Get("done"), []string{"kept"})}))
}

// keyPlace reads where the key is to be kept: a disk stands behind its kind.
func keyPlace(kind, typed string) (string, string) {
	if disk, chosen := strings.CutPrefix(kind, boxkey.Elsewhere+":"); chosen {
		return boxkey.Elsewhere, clean(disk, 200)
	}
	return known(kind, []string{boxkey.InFolder, boxkey.Passphrase, boxkey.Elsewhere}), typed
}

// boxKeyKeep changes how the key is kept. A passphrase is typed twice: nobody
// can be asked for one that was mistyped.
func (s *Server) boxKeyKeep(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	kind, at := keyPlace(r.PostForm.Get("kind"), clean(r.PostForm.Get("place"), 200))
	form := page.BoxKeyForm{Kind: kind, Place: at}
	f := s.frame(r, v, "boxkey.title")
	what := form.Place
	switch form.Kind {
	case "":
		s.showBoxKey(w, r, v, http.StatusUnprocessableEntity, form, f.T("boxkey.wrong.none"))
		return
	case boxkey.Passphrase:
		if what = r.PostForm.Get("passphrase"); what != r.PostForm.Get("again") {
			s.showBoxKey(w, r, v, http.StatusUnprocessableEntity, form, f.T("boxkey.wrong.again"))
			return
		}
	}
	err := s.cfg.BoxKey.Keep(r.Context(), form.Kind, what, v.account.ID)
	switch {
	case errors.Is(err, boxkey.ErrWeak):
		s.showBoxKey(w, r, v, http.StatusUnprocessableEntity, form, f.T("boxkey.wrong.weak"))
	case errors.Is(err, boxkey.ErrPlace):
		s.showBoxKey(w, r, v, http.StatusUnprocessableEntity, form, f.T("boxkey.wrong.place"))
	case err != nil:
		s.cfg.Log.Error("the key of the hotline is kept as before", "wanted", form.Kind, "error", err)
		s.showBoxKey(w, r, v, http.StatusUnprocessableEntity, form, f.F("boxkey.wrong.failed", "why", err.Error()))
	default:
		http.Redirect(w, r, "/admin/key?done=kept", http.StatusSeeOther)
	}
}
