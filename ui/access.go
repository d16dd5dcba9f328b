package ui

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/switches"
	redact "hotline/appliance/table"
	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// access is the page of what programs may do, and of the parts of the hotline
// that can be switched off.
func (s *Server) access(w http.ResponseWriter, r *http.Request, v visit) {
	s.showAccess(w, r, v, http.StatusOK, page.TokenForm{Days: "30"}, "", "")
}

func (s *Server) showAccess(w http.ResponseWriter, r *http.Request, v visit, status int, form page.TokenForm, fresh, trouble string) {
	tokens, err := s.cfg.Accounts.Tokens()
	if err != nil {
		s.broken(w, r, v, "reading the tokens", err)
		return
	}
	off := map[switches.Part]switches.Off{}
	for _, one := range s.cfg.Switches.List() {
		off[one.Part] = one
	}
	if s.cfg.Switches.Off(switches.Browsers) {
		off[switches.Browsers] = switches.Off{Part: switches.Browsers}
	}
	s.show(w, r, status, page.Access(page.AccessPage{Frame: s.frame(r, v, "access.title"), Tokens: tokens, Scopes: roster.Scopes(), Form: form, Fresh: fresh,
		Parts: switches.Parts(), Off: off, Trouble: trouble, Done: known(r.URL.Query().Get("done"), page.AccessDone())}))
}

// tokenAdd makes a token and shows it, this once.
func (s *Server) tokenAdd(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a token", err)
		return
	}
	form := page.TokenForm{Name: clean(r.PostForm.Get("name"), 64), Days: clean(r.PostForm.Get("days"), 3), Scopes: r.PostForm["scope"], Level: clean(r.PostForm.Get("level"), 2), To: clean(r.PostForm.Get("to"), 16)}
	var scopes []roster.Scope
	for _, scope := range roster.Scopes() {
		if slices.Contains(form.Scopes, string(scope)) {
			scopes = append(scopes, scope)
		}
	}
	days, err := strconv.Atoi(form.Days)
	if err != nil {
		days = 0
	}
	level := redact.Coordination
	if form.Level != "" {
		if level, err = redact.ParseLevel(form.Level); err != nil {
			level = redact.Full // which no program has
		}
	}
	text, _, err := s.cfg.Accounts.NewToken(r.Context(), roster.Token{Name: form.Name, Scopes: scopes, Level: level, To: cmp.Or(form.To, "nobody"), By: v.account.ID}, time.Duration(days)*24*time.Hour)
	var mistake roster.Mistake
	switch {
	case errors.As(err, &mistake):
		f := s.frame(r, v, "access.title")
		s.showAccess(w, r, v, http.StatusUnprocessableEntity, form, "", f.F("steer.refused", "why", f.Said(err.Error())))
	case err != nil:
		s.broken(w, r, v, "making a token", err)
	default:
		s.showAccess(w, r, v, http.StatusOK, page.TokenForm{Days: "30"}, text, "")
	}
}

func (s *Server) tokenRevoke(w http.ResponseWriter, r *http.Request, v visit) {
	err := s.cfg.Accounts.Revoke(r.Context(), r.PathValue("id"), v.account.ID)
	if errors.Is(err, roster.ErrNoToken) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err != nil {
		s.broken(w, r, v, "revoking a token", err)
		return
	}
	http.Redirect(w, r, "/admin/access?done=revoked", http.StatusSeeOther)
}

func (s *Server) partSwitch(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	part := switches.Part(r.PostForm.Get("part"))
	if !slices.Contains(switches.Parts(), part) {
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	on := r.PostForm.Get("to") == "on"
	if err := s.cfg.Switches.Turn(r.Context(), part, on, v.account.ID, v.account.Name, "web"); err != nil {
		s.broken(w, r, v, "switching a part", err)
		return
	}
	done := "off"
	if on {
		done = "on"
	}
	http.Redirect(w, r, "/admin/access?done="+done, http.StatusSeeOther)
}

// paper makes a new sheet of one-time codes and shows it, this once, to be
// printed.
func (s *Server) paper(w http.ResponseWriter, r *http.Request, v visit) {
	account, err := s.cfg.Accounts.Get(r.PathValue("id"))
	if err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	codes, err := s.cfg.Accounts.MakeCodes(r.Context(), account.ID, v.account.ID)
	var mistake roster.Mistake
	switch {
	case errors.As(err, &mistake), errors.Is(err, roster.ErrBusy):
		s.showAccount(w, r, v, http.StatusUnprocessableEntity, account, formOf(account), err)
	case err != nil:
		s.broken(w, r, v, "making paper codes", err)
	default:
		s.show(w, r, http.StatusOK, page.Paper(page.PaperPage{Frame: s.frame(r, v, "paper.title"), Account: account, Codes: codes}))
	}
}
