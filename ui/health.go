package ui

import (
	"net/http"

	"hotline/appliance/health"
	"hotline/triage/supervise"
	"hotline/ui/page"
)

// healthPage shows how the box is, what is worst first, and who was rung about it.
func (s *Server) healthPage(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.cfg.Health()
	p := page.HealthPage{Frame: s.frame(r, v, "health.title"), Figures: f, Checks: health.Checks(f), Rung: s.cfg.Supervise.RedRound(), Rings: s.cfg.Supervise.RingsAboutRed()}
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
