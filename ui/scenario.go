package ui

import (
	"errors"
	"net/http"
	"strings"

	"hotline/appliance/operation"
	"hotline/ivr/scenario"
	"hotline/ui/page"
)

func (s *Server) scenarioPage(w http.ResponseWriter, r *http.Request, v visit) {
	facts, err := operation.Read(s.cfg.Store)
	if err != nil {
		s.broken(w, r, v, "reading what is known of the operation", err)
		return
	}
	s.showScenario(w, r, v, http.StatusOK, "", facts)
}

// operationSet keeps what is the same in all records of the operation.
func (s *Server) operationSet(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of the operation", err)
		return
	}
	facts := operation.Facts{Glide: clean(r.PostForm.Get("glide"), 40), Country: clean(r.PostForm.Get("country"), 40), Organisation: clean(r.PostForm.Get("organisation"), 200)}
	err := operation.Set(r.Context(), s.cfg.Store, facts, v.account.ID)
	var wrong operation.Mistake
	switch {
	case errors.As(err, &wrong):
		s.showScenario(w, r, v, http.StatusUnprocessableEntity, s.frame(r, v, "scenario.title").T("operation.wrong."+string(wrong)), facts)
	case err != nil:
		s.broken(w, r, v, "writing down the operation", err)
	default:
		http.Redirect(w, r, "/floor/scenario?kept=1", http.StatusSeeOther)
	}
}

func (s *Server) showScenario(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string, facts operation.Facts) {
	f := s.frame(r, v, "scenario.title")
	content := page.ScenarioPage{Frame: f, Packs: s.cfg.Scenario.Packs(), Chosen: s.cfg.Scenario.Current(), Language: s.textFor(r).Lang(),
		Facts: facts, Trouble: trouble, Done: r.URL.Query().Get("done") != "", Kept: r.URL.Query().Get("kept") != ""}
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
		facts, damaged := operation.Read(s.cfg.Store)
		if damaged != nil {
			s.broken(w, r, v, "reading what is known of the operation", damaged)
			return
		}
		s.showScenario(w, r, v, http.StatusUnprocessableEntity, s.frame(r, v, "scenario.title").T("scenario.wrong"), facts)
		return
	}
	if err != nil {
		s.broken(w, r, v, "choosing the scenario", err)
		return
	}
	http.Redirect(w, r, "/floor/scenario?done=1", http.StatusSeeOther)
}
