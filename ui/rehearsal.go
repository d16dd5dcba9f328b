package ui

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"hotline/appliance/audio"
	"hotline/appliance/rehearsal"
	"hotline/ui/page"
)

// Rehearsals are the calls of the hotline to itself, and what they found.
type Rehearsals interface {
	Start(by string) error // a whole one; an error when one runs
	Running() bool
	List() ([]rehearsal.Report, error) // the newest first
	Sound(id, language string) (*audio.Clip, error)
}

// earlierShown is how many reports are offered besides the one that is shown.
const earlierShown = 24

// rehearsalPage shows the last whole rehearsal that was finished, or the one
// that was asked for: the light form of every hour must not hide it, unless it
// found something.
func (s *Server) rehearsalPage(w http.ResponseWriter, r *http.Request, v visit) {
	list, err := s.cfg.Rehearsals.List()
	if err != nil {
		s.broken(w, r, v, "reading rehearsals", err)
		return
	}
	show := 0
	if id := r.PathValue("id"); id != "" {
		if show = slices.IndexFunc(list, func(one rehearsal.Report) bool { return one.ID == id }); show < 0 {
			s.problem(w, r, v, http.StatusNotFound, "missing")
			return
		}
	} else if i := slices.IndexFunc(list, func(one rehearsal.Report) bool { return one.Full || one.Failed() > 0 }); i >= 0 {
		show = i
	}
	p := page.RehearsalPage{Frame: s.frame(r, v, "rehearsal.title"), Running: s.cfg.Rehearsals.Running(), May: slices.Contains([]role{coordinator, admin}, v.role)}
	if len(list) > 0 {
		p.Report = &list[show]
		p.Earlier = slices.Delete(slices.Clone(list), show, show+1)
		p.Earlier = p.Earlier[:min(len(p.Earlier), earlierShown)]
	}
	s.show(w, r, http.StatusOK, page.Rehearsal(p))
}

// rehearse begins a whole one. One that runs already is as good.
func (s *Server) rehearse(w http.ResponseWriter, r *http.Request, v visit) {
	if err := s.cfg.Rehearsals.Start(v.account.Name); err != nil {
		s.cfg.Log.Info("no second rehearsal is begun", "error", err)
	}
	http.Redirect(w, r, "/rehearsal", http.StatusSeeOther)
}

func (s *Server) rehearsalSound(w http.ResponseWriter, r *http.Request, v visit) {
	language, wav := strings.CutSuffix(r.PathValue("sound"), ".wav")
	clip, err := s.cfg.Rehearsals.Sound(r.PathValue("id"), language)
	switch {
	case errors.Is(err, rehearsal.ErrMissing), !wav:
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case err != nil:
		s.broken(w, r, v, "reading a sound", err)
	default:
		s.sound(w, r, v, clip)
	}
}
