package ui

import (
	"errors"
	"net/http"
	"strings"

	"hotline/appliance/acme"
	"hotline/ui/page"
)

// stepsAgain is how often the page is loaded anew while a try runs, in seconds.
const stepsAgain = "3"

// obtained is the page of the certificate that is got from an authority.
func (s *Server) obtained(w http.ResponseWriter, r *http.Request, v visit) {
	s.showObtained(w, r, v, http.StatusOK, nil, "")
}

// showObtained shows it, with what was typed and why it was refused.
func (s *Server) showObtained(w http.ResponseWriter, r *http.Request, v visit, status int, typed *acme.Settings, trouble string) {
	if s.cfg.Obtained == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	p := page.ObtainedPage{Frame: s.frame(r, v, "auto.title"), State: s.cfg.Obtained.State(), Done: known(r.URL.Query().Get("done"), page.ObtainedDone())}
	p.Form = p.Settings
	if typed != nil {
		p.Form = *typed
	}
	if trouble != "" {
		p.Trouble = p.T(trouble)
		p.Title = p.T("problem.title") + ": " + p.Title
	} else if p.Running {
		w.Header().Set("Refresh", stepsAgain+"; url=/admin/certificate")
	}
	s.show(w, r, status, page.Obtained(p))
}

// obtainedSave decides for which names a certificate is got, and how; it is tried
// or looked at at once.
func (s *Server) obtainedSave(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Obtained == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a certificate", err)
		return
	}
	typed := func(name string, most int) string { return strings.TrimSpace(clean(r.PostForm.Get(name), most)) }
	form := acme.Settings{Names: strings.FieldsFunc(r.PostForm.Get("names"), func(c rune) bool { return strings.ContainsRune(", ;\n\r\t", c) }), Email: typed("email", 254),
		Way: acme.Way(r.PostForm.Get("way")), Server: typed("server", 260), Key: typed("key", 255), Algorithm: typed("algorithm", 20), Network: typed("network", 43), Agreed: r.PostForm.Get("agreed") != ""}
	if r.PostForm.Get("authority") == "other" {
		form.Directory, form.Roots = typed("directory", 500), strings.TrimSpace(r.PostForm.Get("roots"))
		if form.Directory == "" {
			form.Directory = "https://"
		}
	}
	form.Secret = typed("token", 500)
	if form.Way == acme.Update {
		form.Secret = typed("secret", 500)
	}
	err := s.cfg.Obtained.Save(r.Context(), form, r.PostForm.Get("do") == "look", v.account.ID)
	form.Secret = "" // never shown, not even to whom who has typed it
	var mistake acme.Mistake
	switch {
	case errors.As(err, &mistake):
		s.showObtained(w, r, v, http.StatusUnprocessableEntity, &form, "auto.wrong."+string(mistake))
	case err != nil:
		s.broken(w, r, v, "saving how a certificate is got", err)
	default:
		s.cfg.Log.Info("a certificate is to be got by itself", "account", v.account.ID, "names", form.Names)
		http.Redirect(w, r, "/admin/certificate?done=saved", http.StatusSeeOther)
	}
}

func (s *Server) obtainedDo(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Obtained == nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	done := ""
	var err error
	switch r.PostForm.Get("do") {
	case "try":
		err = s.cfg.Obtained.Ask(r.Context(), false)
	case "look":
		err = s.cfg.Obtained.Ask(r.Context(), true)
	case "remove":
		done, err = "?done=removed", s.cfg.Obtained.Remove(r.Context(), v.account.ID)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	switch {
	case errors.Is(err, acme.ErrNone):
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case err != nil:
		s.broken(w, r, v, "asking for a certificate", err)
	default:
		http.Redirect(w, r, "/admin/certificate"+done, http.StatusSeeOther)
	}
}
