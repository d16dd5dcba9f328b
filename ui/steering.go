package ui

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"hotline/triage"
	"hotline/triage/desk"
	"hotline/ui/page"
)

// steerer is whoever is signed in, as a supervisor at the floor page.
func (v visit) steerer() desk.Steerer {
	return desk.Steerer{ID: v.account.ID, Name: v.account.Name, Via: "web", Trained: v.trained}
}

// floorAgent is where a supervisor changes the state of somebody else (S5).
func (s *Server) floorAgent(w http.ResponseWriter, r *http.Request, v visit) {
	s.showFloorAgent(w, r, v, http.StatusOK, "")
}

func (s *Server) showFloorAgent(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string) {
	view, err := s.floorFor(v)
	if err != nil {
		s.broken(w, r, v, "looking at the floor", err)
		return
	}
	i := slices.IndexFunc(view.Agents, func(a desk.FloorAgent) bool { return a.ID == r.PathValue("id") })
	if i < 0 {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	today, err := s.figuresOf(r, view.Agents[i].ID, time.Now())
	if err != nil {
		s.broken(w, r, v, "counting somebody's day", err)
		return
	}
	s.show(w, r, status, page.FloorAgent(page.FloorAgentPage{Today: today, Frame: s.frame(r, v, "steer.agent.title"), Agent: view.Agents[i], Own: view.Agents[i].ID == v.account.ID, Trouble: trouble}))
}

func (s *Server) floorAgentSet(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	later, err := s.cfg.Desk.SteerAgent(r.Context(), v.steerer(), r.PathValue("id"), triage.AgentState(r.PostForm.Get("state")), r.PostForm.Get("reason"))
	var said desk.UserError
	switch {
	case errors.As(err, &said):
		s.showFloorAgent(w, r, v, http.StatusUnprocessableEntity, s.frame(r, v, "steer.agent.title").Said(said.Error()))
	case err != nil:
		s.broken(w, r, v, "changing somebody's state", err)
	case later:
		http.Redirect(w, r, "/floor?done=later", http.StatusSeeOther)
	default:
		http.Redirect(w, r, "/floor?done=changed", http.StatusSeeOther)
	}
}

// floorCaller is where a supervisor puts first or takes somebody who waits (S9).
func (s *Server) floorCaller(w http.ResponseWriter, r *http.Request, v visit) {
	s.showFloorCaller(w, r, v, http.StatusOK, "")
}

func (s *Server) showFloorCaller(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string) {
	view, err := s.floorFor(v)
	if err != nil {
		s.broken(w, r, v, "looking at the floor", err)
		return
	}
	i := slices.IndexFunc(view.Waiting, func(c desk.FloorWaiting) bool { return c.Contact == r.PathValue("id") })
	if i < 0 {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	s.show(w, r, status, page.FloorCaller(page.FloorCallerPage{Frame: s.frame(r, v, "steer.caller.title"), Caller: view.Waiting[i], Now: view.Now,
		May: v.trained || !view.Waiting[i].Private, Trouble: trouble}))
}

func (s *Server) floorCallerSet(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	id, to := r.PathValue("id"), "/floor?done=first"
	var err error
	switch r.PostForm.Get("do") {
	case "first":
		err = s.cfg.Desk.PutFirst(r.Context(), v.steerer(), id, r.PostForm.Get("reason"))
	case "take":
		to = "/floor?done=taken"
		err = s.cfg.Desk.TakeNow(r.Context(), v.steerer(), id)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	var said desk.UserError
	switch {
	case errors.As(err, &said):
		s.showFloorCaller(w, r, v, http.StatusUnprocessableEntity, s.frame(r, v, "steer.caller.title").Said(said.Error()))
	case err != nil:
		s.broken(w, r, v, "changing whose turn it is", err)
	default:
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}
