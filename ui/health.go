package ui

import (
	"net/http"

	"hotline/appliance/health"
	"hotline/ui/page"
)

// healthPage shows how the box is, what is worst first.
func (s *Server) healthPage(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.cfg.Health()
	s.show(w, r, http.StatusOK, page.Health(page.HealthPage{Frame: s.frame(r, v, "health.title"), Figures: f, Checks: health.Checks(f)}))
}
