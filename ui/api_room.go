package ui

import (
	"net/http"
	"time"

	"hotline/triage"
	"hotline/ui/page"
	"hotline/ui/words"
	"hotline/volunteers/roster"
)

// The room for programs: who waits, who is free, and why, without numbers and
// names.

type whyJSON struct {
	Reason   triage.Reason `json:"reason"`
	Sentence string        `json:"sentence"`
	Skill    string        `json:"skill,omitempty"`
	Until    time.Time     `json:"until,omitzero"`
}

type waitingJSON struct {
	Contact  string    `json:"contact"`
	Queue    string    `json:"queue"`
	Language string    `json:"language"`
	Since    time.Time `json:"since"`
	Position int       `json:"position"`
	CallBack bool      `json:"call_back"`
	Why      *whyJSON  `json:"why"`
}

type agentJSON struct {
	Agent string            `json:"agent"`
	State triage.AgentState `json:"state"`
	Since time.Time         `json:"since"`
	Why   *whyJSON          `json:"why,omitempty"`
}

func (s *Server) apiRoom(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	view, err := s.cfg.Desk.FloorView(time.Now())
	if err != nil {
		s.cfg.Log.Error("the room cannot be looked at", "error", err)
		apiProblem(w, http.StatusInternalServerError, "the room cannot be looked at; try again")
		return
	}
	f := page.Frame{Text: s.words.Choose(words.English, ""), Now: view.Now}
	said := func(why triage.Why) *whyJSON {
		if why.Reason == "" {
			return nil
		}
		why.Agent = f.T("why.somebody")
		return &whyJSON{why.Reason, f.Why(why), why.Skill, why.Until}
	}
	waiting, agents := []waitingJSON{}, []agentJSON{}
	for _, one := range view.Waiting {
		waiting = append(waiting, waitingJSON{one.Contact, one.Queue, one.Language, one.Since, one.Position, one.Away, said(one.Why)})
	}
	for _, one := range view.Agents {
		agents = append(agents, agentJSON{one.ID, one.State, one.Since, said(one.Why)})
	}
	apiAnswer(w, http.StatusOK, map[string]any{"waiting": waiting, "agents": agents})
}
