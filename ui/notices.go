package ui

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/ui/page"
)

// notices is where supervisors tell everybody at work something at once (S10).
func (s *Server) notices(w http.ResponseWriter, r *http.Request, v visit) {
	s.showNotices(w, r, v, http.StatusOK, page.NoticesPage{Minutes: "60", Done: known(r.URL.Query().Get("done"), page.NoticesDone())})
}

func (s *Server) showNotices(w http.ResponseWriter, r *http.Request, v visit, status int, p page.NoticesPage) {
	scope := s.scope(v)
	view, err := s.floorFor(v)
	if err != nil {
		s.broken(w, r, v, "looking at the floor", err)
		return
	}
	p.Frame, p.Profiles, p.AtWork, p.Scope, p.Teams, p.Me = s.frame(r, v, "notices.h"), s.profiles(), view.Agents, scope, s.cfg.Routing.Routing().Teams, v.account.ID
	p.List = slices.DeleteFunc(s.cfg.Notices.Up(time.Now()), func(one triage.Notice) bool { return !concerns(one, scope, v.account.ID) })
	s.show(w, r, status, page.Notices(p))
}

func (s *Server) noticeGive(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	p := page.NoticesPage{Text: clean(r.PostForm.Get("text"), 2*triage.NoticeMost), Urgent: r.PostForm.Get("urgent") == "yes",
		Profile: known(r.PostForm.Get("profile"), s.profileIDs()), Minutes: known(r.PostForm.Get("minutes"), page.NoticeMinutes())}
	minutes, _ := strconv.Atoi(p.Minutes) // what is not known is 0, and refused
	err := s.cfg.Notices.Give(r.Context(), triage.Notice{Text: p.Text, Urgent: p.Urgent, Profile: p.Profile, Teams: noticeTeams(s.scope(v)), By: v.account.ID, Name: v.account.Name}, time.Duration(minutes)*time.Minute, "web")
	for refusal, key := range map[error]string{triage.ErrNoticeText: "text", triage.ErrNoticeLong: "long", triage.ErrNoticesFull: "full"} {
		if errors.Is(err, refusal) {
			p.Trouble = s.textFor(r).T("notices.wrong." + key)
			s.showNotices(w, r, v, http.StatusUnprocessableEntity, p)
			return
		}
	}
	if err != nil {
		s.broken(w, r, v, "giving a notice", err)
		return
	}
	http.Redirect(w, r, "/floor/notices?done=given", http.StatusSeeOther)
}

func (s *Server) noticeEnd(w http.ResponseWriter, r *http.Request, v visit) {
	scope := s.scope(v)
	for _, one := range s.cfg.Notices.Up(time.Now()) {
		if one.ID == r.PathValue("id") && !page.MayTakeDown(one, scope, v.account.ID) {
			s.problem(w, r, v, http.StatusForbidden, "denied")
			return
		}
	}
	err := s.cfg.Notices.Withdraw(r.Context(), r.PathValue("id"), v.account.ID, v.account.Name, "web")
	if err != nil && !errors.Is(err, store.ErrNotFound) { // it has run out meanwhile
		s.broken(w, r, v, "taking a notice down", err)
		return
	}
	http.Redirect(w, r, "/floor/notices?done=down", http.StatusSeeOther)
}

// noticesFor are those that the person at a desk page has to read.
func (s *Server) noticesFor(v visit, now time.Time) (list []desk.NoticeView) {
	for _, one := range s.cfg.Notices.For(v.account.ID, v.account.Profile, s.cfg.Routing.Routing().TeamsOf(v.account.ID), now) {
		list = append(list, desk.NoticeView{ID: one.ID, Text: one.Text, Urgent: one.Urgent, By: one.Name, At: one.At, Until: one.Until})
	}
	return list
}
