package ui

import (
	"bytes"
	"mime"
	"net/http"

	"hotline/appliance/events"
	"hotline/appliance/health"
	"hotline/triage/supervise"
	"hotline/ui/page"
)

// healthPage shows how the box is, what is worst first, and who was rung about it.
func (s *Server) healthPage(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.cfg.Health()
	p := page.HealthPage{Frame: s.frame(r, v, "health.title"), Figures: f, Checks: health.Checks(f), Rung: s.cfg.Supervise.RedRound(), Rings: s.cfg.Supervise.RingsAboutRed(),
		Support: role(v.account.Role) == admin}
	scope := s.scope(v)
	for i, one := range p.Rung.People {
		if !scope.Has(one.Account) {
			p.Rung.People[i].Name = p.T("health.rung.somebody")
		}
		if one.Answer == supervise.Coming {
			p.Seen = p.Rung.People[i].Name
		}
	}
	s.show(w, r, http.StatusOK, page.Health(p))
}

// supportFile is how the machine is, without anybody's data, for whoever helps.
func (s *Server) supportFile(w http.ResponseWriter, r *http.Request, v visit) {
	if err := patient(w); err != nil {
		s.broken(w, r, v, "writing the file for whoever helps", err)
		return
	}
	var file bytes.Buffer
	if err := s.cfg.Support(&file); err != nil {
		s.broken(w, r, v, "writing the file for whoever helps", err)
		return
	}
	if err := s.cfg.Journal.Note(r.Context(), events.Event{Kind: "support.taken", Operation: s.cfg.Operation, By: v.account.ID, Via: "web"}); err != nil {
		s.broken(w, r, v, "writing down who took the file for whoever helps", err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "hotline-health-" + s.cfg.Health().Now.UTC().Format("20060102-1504") + ".zip"}))
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(file.Bytes()); err != nil {
		s.cfg.Log.Debug("the file for whoever helps did not arrive", "error", err)
	}
}
