package ui

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// me is the page of the own account.
func (s *Server) me(w http.ResponseWriter, r *http.Request, v visit) {
	s.showMe(w, r, v, http.StatusOK, page.MePage{Done: known(r.URL.Query().Get("done"), page.MeDone())})
}

func (s *Server) showMe(w http.ResponseWriter, r *http.Request, v visit, status int, p page.MePage) {
	var err error
	if p.PINSignsIn, err = s.cfg.Accounts.PINSignsIn(v.account); err != nil {
		s.broken(w, r, v, "reading the own account", err)
		return
	}
	p.Frame, p.Account, p.PhoneServer, p.Leads = s.frame(r, v, "me.title"), v.account, s.cfg.PhoneServer, v.role != agent
	if p.Trouble != "" {
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	s.show(w, r, status, page.Me(p))
}

func (s *Server) meDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of the own account", err)
		return
	}
	id, what, present := v.account.ID, r.PostForm.Get("do"), r.PostForm.Get("present")
	var err error
	switch what {
	case "theme":
		s.theme(w, r)
	case "password":
		if err = typedTwice(r, "password", "me.wrong.password"); err == nil {
			err = s.cfg.Accounts.OwnPassword(r.Context(), id, present, r.PostForm.Get("password"), v.token)
		}
	case "pin":
		if err = typedTwice(r, "pin", "me.wrong.pin"); err == nil {
			err = s.cfg.Accounts.OwnPIN(r.Context(), id, present, r.PostForm.Get("pin"), v.token)
		}
	case "deskphone":
		var p page.MePage
		// The password is in the answer alone: no address leads back to it.
		if _, p.PhonePassword, err = s.cfg.Accounts.OwnDeskPhone(r.Context(), id, present); err == nil {
			s.showMe(w, r, v, http.StatusOK, p)
			return
		}
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	switch status, text := s.meTrouble(w, s.frame(r, v, "me.title"), err); {
	case err == nil:
		http.Redirect(w, r, "/me?done="+what, http.StatusSeeOther)
	case text == "":
		s.broken(w, r, v, "changing the own account", err)
	default:
		s.showMe(w, r, v, status, page.MePage{Trouble: text})
	}
}

// typedTwice refuses what was not typed the same way twice: nobody sees what
// they type, and the only administrator must not be locked out by a slip.
func typedTwice(r *http.Request, field, key string) error {
	if r.PostForm.Get(field) != r.PostForm.Get("again") {
		return errForm(key)
	}
	return nil
}

// meTrouble is what a refused change is answered with; no text where the fault
// is ours.
func (s *Server) meTrouble(w http.ResponseWriter, f page.Frame, err error) (status int, text string) {
	var soon roster.TooSoon
	var mistake roster.Mistake
	var key errForm
	switch {
	case errors.As(err, &soon):
		seconds := strconv.Itoa(soon.Seconds())
		w.Header().Set("Retry-After", seconds)
		return http.StatusTooManyRequests, f.F("login.slow", "s", seconds)
	case errors.Is(err, roster.ErrRefused):
		return http.StatusUnprocessableEntity, f.T("me.wrong.present")
	case errors.Is(err, roster.ErrBusy):
		return http.StatusServiceUnavailable, f.T("login.busy")
	case errors.As(err, &mistake):
		return http.StatusUnprocessableEntity, f.F("account.wrong.refused", "why", f.Said(mistake.Error()))
	case errors.As(err, &key), errors.Is(err, roster.ErrPhone):
		return http.StatusUnprocessableEntity, s.mistake(f, err)
	}
	return 0, ""
}

// theme remembers in this browser which colours its pages have. Without the
// cookie they follow the device.
func (s *Server) theme(w http.ResponseWriter, r *http.Request) {
	if theme := r.PostForm.Get("theme"); slices.Contains(page.Themes(), theme) {
		setCookie(w, themeCookie, theme, languageLife)
		return
	}
	setCookie(w, themeCookie, "", -1)
}

// themeOf is the choice of this browser; "" follows the device.
func themeOf(r *http.Request) string {
	cookie, err := r.Cookie(themeCookie)
	if err != nil {
		return ""
	}
	return known(cookie.Value, page.Themes())
}
