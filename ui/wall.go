package ui

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// walls is the page where supervisors make links for screens on the wall.
func (s *Server) walls(w http.ResponseWriter, r *http.Request, v visit) {
	s.showWalls(w, r, v, http.StatusOK, page.WallsPage{Done: known(r.URL.Query().Get("done"), page.WallDone())})
}

func (s *Server) showWalls(w http.ResponseWriter, r *http.Request, v visit, status int, p page.WallsPage) {
	var err error
	if p.Walls, err = s.cfg.Accounts.Walls(time.Now()); err != nil {
		s.broken(w, r, v, "reading the wall screens", err)
		return
	}
	p.Frame = s.frame(r, v, "wall.h")
	s.show(w, r, status, page.Walls(p))
}

func (s *Server) wallAdd(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	name := clean(r.PostForm.Get("name"), 64)
	token, _, err := s.cfg.Accounts.NewWall(r.Context(), name, v.account.ID)
	var mistake roster.Mistake
	switch {
	case errors.As(err, &mistake):
		f := s.frame(r, v, "wall.h")
		s.showWalls(w, r, v, http.StatusUnprocessableEntity, page.WallsPage{Name: name, Trouble: f.F("steer.refused", "why", f.Said(err.Error()))})
	case err != nil:
		s.broken(w, r, v, "making a wall screen", err)
	default:
		s.showWalls(w, r, v, http.StatusOK, page.WallsPage{Fresh: siteOf(r) + "/wall/" + token})
	}
}

// siteOf is the address of this site as the visitor's browser knows it: a link
// for another device of the same network.
func siteOf(r *http.Request) string { return "https://" + r.Host }

func (s *Server) wallEnd(w http.ResponseWriter, r *http.Request, v visit) {
	err := s.cfg.Accounts.RevokeWall(r.Context(), r.PathValue("id"), v.account.ID)
	if errors.Is(err, roster.ErrNoWall) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err != nil {
		s.broken(w, r, v, "ending a wall screen", err)
		return
	}
	http.Redirect(w, r, "/floor/walls?done=ended", http.StatusSeeOther)
}

// wall is the screen itself. Its link is all it needs; whoever else is signed
// in in this browser does not matter.
func (s *Server) wall(w http.ResponseWriter, r *http.Request, _ visit) {
	if !s.wallOpens(w, r) {
		return
	}
	content, err := s.wallView(r)
	if err != nil {
		s.broken(w, r, visit{}, "drawing a wall screen", err)
		return
	}
	s.show(w, r, http.StatusOK, page.Wall(content))
}

func (s *Server) wallOpens(w http.ResponseWriter, r *http.Request) bool {
	_, err := s.cfg.Accounts.CheckWall(r.PathValue("token"))
	switch {
	case errors.Is(err, roster.ErrNoWall):
		s.show(w, r, http.StatusNotFound, page.WallGone(s.frame(r, visit{}, "wall.gone")))
	case err != nil:
		s.broken(w, r, visit{}, "looking up a wall screen", err)
	}
	return err == nil
}

func (s *Server) wallView(r *http.Request) (page.WallPage, error) {
	view, err := s.cfg.Desk.FloorView(time.Now())
	if err != nil {
		return page.WallPage{}, fmt.Errorf("looking at the floor: %w", err)
	}
	f := s.frame(r, visit{}, "wall.title")
	if state := s.cfg.Mode.Current(time.Now()); state.Active {
		f.Mode = f.T("js.mode.is." + state.Mode)
	}
	return page.WallPage{Frame: f, Token: r.PathValue("token"), View: page.WallOf(view)}, nil
}

// wallStream keeps a screen up to date until its link is ended.
func (s *Server) wallStream(w http.ResponseWriter, r *http.Request, _ visit) {
	if !s.wallOpens(w, r) {
		return
	}
	s.stream(w, r, nil, func() (*bytes.Buffer, error) {
		if _, err := s.cfg.Accounts.CheckWall(r.PathValue("token")); err != nil {
			return nil, err
		}
		content, err := s.wallView(r)
		if err != nil {
			return nil, err
		}
		var drawn bytes.Buffer
		return &drawn, page.WallLive(content).Render(r.Context(), &drawn)
	})
}
