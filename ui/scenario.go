package ui

import (
	"errors"
	"net/http"
	"strings"

	"hotline/ivr/scenario"
	"hotline/ui/page"
)

func (s *Server) scenarioPage(w http.ResponseWriter, r *http.Request, v visit) {
	s.showScenario(w, r, v, http.StatusOK, "")
}

func (s *Server) showScenario(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string) {
	f := s.frame(r, v, "scenario.title")
	content := page.ScenarioPage{Frame: f, Packs: s.cfg.Scenario.Packs(), Chosen: s.cfg.Scenario.Current(), Language: s.textFor(r).Lang(),
		Trouble: trouble, Done: r.URL.Query().Get("done") != ""}
	if by := content.Chosen.By; by != "" {
		if account, err := s.cfg.Accounts.Get(by); err == nil {
			content.By = account.Name
		}
	}
	s.show(w, r, status, page.Scenario(content))
}

func (s *Server) scenarioSet(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the scenario form", err)
		return
	}
	id, stage, _ := strings.Cut(r.PostForm.Get("scenario"), ".")
	err := s.cfg.Scenario.Set(r.Context(), id, stage, v.account.ID)
	if errors.Is(err, scenario.ErrUnknown) {
		s.showScenario(w, r, v, http.StatusUnprocessableEntity, s.frame(r, v, "scenario.title").T("scenario.wrong"))
		return
	}
	if err != nil {
		s.broken(w, r, v, "choosing the scenario", err)
		return
	}
	http.Redirect(w, r, "/floor/scenario?done=1", http.StatusSeeOther)
}
