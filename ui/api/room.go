package api

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

// said is a reason in a sentence, without anybody's name.
func (a *API) said(now time.Time, why triage.Why) *whyJSON {
	if why.Reason == "" {
		return nil
	}
	listed := a.cfg.Lists.Now()
	f := page.Frame{Text: a.cfg.Words.Choose(words.English, "").With(listed.Texts(words.English)), Lists: listed, Now: now}
	why.Agent = f.T("why.somebody")
	return &whyJSON{why.Reason, f.Why(why), why.Skill, why.Until}
}

// room tells of whoever calls in private that somebody waits, and no more.
func (a *API) room(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	view, err := a.cfg.Desk.FloorView(time.Now())
	if err != nil {
		a.broken(w, "looking at the room", err)
		return
	}
	private := 0
	waiting, agents := []waitingJSON{}, []agentJSON{}
	for _, one := range view.Waiting {
		if one.Private {
			private++
			continue
		}
		waiting = append(waiting, waitingJSON{one.Contact, one.Queue, one.Language, one.Since, one.Position, one.Away, a.said(view.Now, one.Why)})
	}
	for _, one := range view.Agents {
		agents = append(agents, agentJSON{one.ID, one.State, one.Since, a.said(view.Now, one.Why)})
	}
	reply(w, http.StatusOK, map[string]any{"waiting": waiting, "waiting_private": private, "agents": agents})
}
