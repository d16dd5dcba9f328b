package ui

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// secondLoginPage asks for the second step of a sign-in.
func (s *Server) secondLoginPage(w http.ResponseWriter, r *http.Request, v visit) {
	if cookie, err := r.Cookie(halfCookie); err != nil || !s.cfg.Sessions.Half(cookie.Value) {
		http.Redirect(w, r, "/login?late", http.StatusSeeOther)
		return
	}
	s.show(w, r, http.StatusOK, page.SecondLogin(s.frame(r, visit{}, "second.login.title"), time.Now(), ""))
}

func (s *Server) secondLogin(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of the second step", err)
		return
	}
	cookie, err := r.Cookie(halfCookie)
	if err != nil {
		http.Redirect(w, r, "/login?late", http.StatusSeeOther)
		return
	}
	token, account, err := s.cfg.Sessions.SecondStep(r.Context(), cookie.Value, clean(r.PostForm.Get("code"), 32))
	f := s.frame(r, visit{}, "second.login.title")
	switch status, text := s.secondTrouble(w, f, err); {
	case err == nil:
		setCookie(w, halfCookie, "", -1)
		s.letIn(w, r, v, token, account)
	case errors.Is(err, roster.ErrNoSession):
		setCookie(w, halfCookie, "", -1)
		http.Redirect(w, r, "/login?late", http.StatusSeeOther)
	case text == "":
		s.broken(w, r, v, "checking the second step", err)
	default:
		f.Title = f.T("problem.title") + ": " + f.Title
		s.show(w, r, status, page.SecondLogin(f, time.Now(), text))
	}
}

// secondTrouble is what a refused code is answered with; no text where the
// fault is ours.
func (s *Server) secondTrouble(w http.ResponseWriter, f page.Frame, err error) (status int, text string) {
	var soon roster.TooSoon
	switch {
	case errors.As(err, &soon):
		seconds := strconv.Itoa(soon.Seconds())
		w.Header().Set("Retry-After", seconds)
		return http.StatusTooManyRequests, f.F("login.slow", "s", seconds)
	case errors.Is(err, roster.ErrCode):
		return http.StatusUnauthorized, f.T("second.wrong")
	case errors.Is(err, roster.ErrBusy):
		return http.StatusServiceUnavailable, f.T("login.busy")
	}
	return 0, ""
}

// second is where people set up their second step.
func (s *Server) second(w http.ResponseWriter, r *http.Request, v visit) {
	s.showSecond(w, r, v, http.StatusOK, page.SecondPage{Done: known(r.URL.Query().Get("done"), page.SecondDone())})
}

func (s *Server) showSecond(w http.ResponseWriter, r *http.Request, v visit, status int, p page.SecondPage) {
	p.Frame, p.Account, p.Needed, p.Due, p.Admin, p.Now = s.frame(r, v, "second.title"), v.account, s.cfg.Accounts.SecondNeeded(), v.due, v.role == admin, time.Now()
	s.show(w, r, status, page.Second(p))
}

func (s *Server) secondDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of the second step", err)
		return
	}
	id, code, what := v.account.ID, clean(r.PostForm.Get("code"), 32), r.PostForm.Get("do")
	var err error
	var p page.SecondPage
	switch what {
	case "new":
		// The key is in the answer alone: no address leads back to it.
		if p.Key, p.Address, err = s.cfg.Accounts.NewSecond(r.Context(), id, s.cfg.Operation); err == nil {
			s.showSecond(w, r, v, http.StatusOK, p)
			return
		}
	case "confirm":
		err = s.cfg.Accounts.ConfirmSecond(r.Context(), id, code)
		p.Asked = true
	case "drop":
		err = s.cfg.Accounts.GiveUpSecond(r.Context(), id, code)
	case "paper":
		var codes []string
		if codes, err = s.cfg.Accounts.MakeCodes(r.Context(), id, id); err == nil {
			s.show(w, r, http.StatusOK, page.Paper(page.PaperPage{Frame: s.frame(r, v, "paper.title"), Account: v.account, Codes: codes}))
			return
		}
	case "need", "free":
		if v.role != admin {
			s.problem(w, r, v, http.StatusForbidden, "denied")
			return
		}
		err = s.cfg.Accounts.NeedSecond(r.Context(), what == "need", id)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	var mistake roster.Mistake
	f := s.frame(r, v, "second.title")
	switch status, text := s.secondTrouble(w, f, err); {
	case err == nil:
		http.Redirect(w, r, "/second?done="+what, http.StatusSeeOther)
	case errors.As(err, &mistake):
		p.Trouble = f.Said(mistake.Error())
		s.showSecond(w, r, v, http.StatusUnprocessableEntity, p)
	case text == "":
		s.broken(w, r, v, "changing a second step", err)
	default:
		p.Trouble = text
		s.showSecond(w, r, v, status, p)
	}
}
