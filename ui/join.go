package ui

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// joinCode asks for the digits of an invitation.
func (s *Server) joinCode(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.JoinCode(page.JoinPage{Frame: s.frame(r, v, "join.title")}))
}

// joinDigits takes them.
func (s *Server) joinDigits(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	s.showJoin(w, r, v, clean(r.PostForm.Get("code"), 64))
}

// join is the address in the picture of an invitation.
func (s *Server) join(w http.ResponseWriter, r *http.Request, v visit) {
	s.showJoin(w, r, v, r.PathValue("invite"))
}

func (s *Server) showJoin(w http.ResponseWriter, r *http.Request, v visit, invite string) {
	if _, err := s.cfg.Accounts.CheckInvite(invite, sourceOf(r)); err != nil {
		s.joinRefused(w, r, v, invite, err)
		return
	}
	f := s.frame(r, visit{}, "join.title")
	s.show(w, r, http.StatusOK, page.Join(page.JoinPage{Frame: f, Invite: invite, Spoken: s.cfg.Offered, Speaks: []string{f.Lang()}}))
}

// joinRefused asks for the digits again and says why.
func (s *Server) joinRefused(w http.ResponseWriter, r *http.Request, v visit, invite string, err error) {
	p := page.JoinPage{Frame: s.frame(r, visit{}, "join.title")}
	var soon roster.TooSoon
	status := http.StatusForbidden
	switch {
	case errors.As(err, &soon):
		w.Header().Set("Retry-After", strconv.Itoa(soon.Seconds()))
		status, p.Trouble = http.StatusTooManyRequests, p.F("login.slow", "s", strconv.Itoa(soon.Seconds()))
	case errors.Is(err, roster.ErrInviteCodes):
		status, p.Trouble = http.StatusTooManyRequests, p.T("join.codes")
	case errors.Is(err, roster.ErrInvite):
		p.Trouble = p.T("join.wrong")
		if len(invite) <= 12 {
			p.Invite = invite
		}
	default:
		s.broken(w, r, v, "looking up an invitation", err)
		return
	}
	p.Title = p.T("problem.title") + ": " + p.Title
	s.show(w, r, status, page.JoinCode(p))
}

// joinNew makes the account and signs its owner in.
func (s *Server) joinNew(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	form, invite := r.PostForm, clean(r.PostForm.Get("invite"), 64)
	j := roster.Joining{Name: clean(form.Get("name"), 64), PIN: form.Get("pin"), Agrees: form.Get("agrees") == "yes"}
	for _, tag := range s.cfg.Offered {
		if slices.Contains(form["language"], tag) {
			j.Languages = append(j.Languages, tag)
		}
	}
	account, err := s.cfg.Accounts.Join(r.Context(), invite, sourceOf(r), j)
	var mistake roster.Mistake
	switch {
	case errors.As(err, &mistake):
		f := s.frame(r, visit{}, "join.title")
		f.Title, f.Path = f.T("problem.title")+": "+f.Title, "/join"
		s.show(w, r, http.StatusUnprocessableEntity, page.Join(page.JoinPage{Frame: f, Invite: invite, Name: j.Name, Speaks: j.Languages, Spoken: s.cfg.Offered,
			Trouble: f.F("steer.refused", "why", f.Said(err.Error()))}))
	case errors.Is(err, roster.ErrBusy):
		s.joinRefused(w, r, v, invite, roster.TooSoon(5*time.Second))
	case err != nil:
		s.joinRefused(w, r, v, invite, err)
	default:
		token, err := s.cfg.Sessions.Begin(r.Context(), account.ID, sourceOf(r))
		if err != nil {
			s.broken(w, r, v, "signing somebody in", err)
			return
		}
		if v.token != "" {
			s.signOut(r, v)
		}
		setCookie(w, sessionCookie, token, cookieLife)
		http.Redirect(w, r, "/desk/start?new", http.StatusSeeOther)
	}
}

// invites is the page where people are invited.
func (s *Server) invites(w http.ResponseWriter, r *http.Request, v visit) {
	s.showInvites(w, r, v, http.StatusOK, page.InvitesPage{Hours: "12", Most: "10", Done: known(r.URL.Query().Get("done"), page.InvitesDone())})
}

func (s *Server) showInvites(w http.ResponseWriter, r *http.Request, v visit, status int, p page.InvitesPage) {
	var err error
	if p.Invites, err = s.cfg.Accounts.Invites(time.Now()); err != nil {
		s.broken(w, r, v, "reading the invitations", err)
		return
	}
	p.Frame, p.Profiles = s.frame(r, v, "invite.h"), s.profiles()
	s.show(w, r, status, page.Invites(p))
}

// inviteAdd makes an invitation and shows its sheet, this once.
func (s *Server) inviteAdd(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	form := page.InvitesPage{Name: clean(r.PostForm.Get("name"), 64), Profile: known(r.PostForm.Get("profile"), s.profileIDs()),
		Hours: known(r.PostForm.Get("hours"), page.InviteHours()), Most: known(r.PostForm.Get("most"), page.InviteMost())}
	hours, _ := strconv.Atoi(form.Hours) // what is not known is 0, and refused
	most, _ := strconv.Atoi(form.Most)
	token, code, invite, err := s.cfg.Accounts.NewInvite(r.Context(),
		roster.Invite{Name: form.Name, Profile: form.Profile, Most: most, By: v.account.ID}, time.Duration(hours)*time.Hour)
	var mistake roster.Mistake
	switch {
	case errors.As(err, &mistake):
		f := s.frame(r, v, "invite.h")
		form.Trouble = f.F("steer.refused", "why", f.Said(err.Error()))
		s.showInvites(w, r, v, http.StatusUnprocessableEntity, form)
	case err != nil:
		s.broken(w, r, v, "making an invitation", err)
	default:
		s.show(w, r, http.StatusOK, page.Sheet(page.SheetPage{Frame: s.frame(r, v, "sheet.title"), Invite: invite, Code: code,
			Link: siteOf(r) + "/join/" + token, Address: r.Host + "/join"}))
	}
}

func (s *Server) inviteEnd(w http.ResponseWriter, r *http.Request, v visit) {
	err := s.cfg.Accounts.RevokeInvite(r.Context(), r.PathValue("id"), v.account.ID)
	if errors.Is(err, roster.ErrNoInvite) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err != nil {
		s.broken(w, r, v, "ending an invitation", err)
		return
	}
	http.Redirect(w, r, "/floor/invites?done=ended", http.StatusSeeOther)
}
