package api

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"hotline/appliance/table"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/volunteers/roster"
)

type workerJSON struct {
	Agent     string            `json:"agent"`
	Name      string            `json:"name,omitempty"`
	Role      roster.Role       `json:"role"`
	Profile   string            `json:"profile"`
	Languages []string          `json:"languages"`
	State     triage.AgentState `json:"state"`
	Reason    string            `json:"reason,omitempty"`
	Since     *time.Time        `json:"since"`
	Next      string            `json:"next,omitempty"`
	Queue     string            `json:"queue,omitempty"`
	Why       *whyJSON          `json:"why,omitempty"`
}

// worker is somebody who may take calls, and what they do now.
func (a *API) worker(account roster.Account, view desk.FloorView, level table.Level) workerJSON {
	one := workerJSON{Agent: account.ID, Role: account.Role, Profile: account.Profile, Languages: append([]string{}, account.Languages...), State: triage.Offline}
	if level >= table.Referral {
		one.Name = account.Name
	}
	if i := slices.IndexFunc(view.Agents, func(f desk.FloorAgent) bool { return f.ID == account.ID }); i >= 0 {
		f := view.Agents[i]
		one.State, one.Reason, one.Since, one.Next, one.Why = f.State, f.Reason, &f.Since, f.Next, a.said(view.Now, f.Why)
		if f.Queue != triage.QueuePrivate {
			one.Queue = f.Queue
		}
	}
	return one
}

// agents are all who may take calls.
func (a *API) agents(w http.ResponseWriter, _ *http.Request, t roster.Token) {
	accounts, err := a.cfg.Accounts.List()
	var view desk.FloorView
	if err == nil {
		view, err = a.cfg.Desk.FloorView(time.Now())
	}
	if err != nil {
		a.broken(w, "looking who works here", err)
		return
	}
	items := []workerJSON{}
	for _, account := range accounts {
		if !account.Disabled && account.Role.May(roster.Desk) {
			items = append(items, a.worker(account, view, t.Sees()))
		}
	}
	reply(w, http.StatusOK, map[string]any{"items": items, "next": nil})
}

// agentState takes somebody out of Ready or signs them out, as supervisors do
// (S5).
func (a *API) agentState(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		State  triage.AgentState `json:"state"`
		Reason string            `json:"reason"`
	}
	if !read(w, r, &wanted) {
		return
	}
	account, err := a.cfg.Accounts.Get(r.PathValue("id"))
	if errors.Is(err, roster.ErrNoAccount) {
		missing(w)
		return
	}
	later := false
	if err == nil {
		later, err = a.cfg.Desk.SteerAgent(r.Context(), desk.Steerer{ID: t.By, Name: t.Name, Via: "api"}, account.ID, wanted.State, wanted.Reason)
	}
	var said desk.UserError
	switch {
	case errors.As(err, &said):
		problem(w, http.StatusConflict, said.Error())
	case err != nil:
		a.broken(w, "changing somebody's state", err)
	default:
		reply(w, http.StatusOK, map[string]bool{"after_call": later})
	}
}

// agentProfile gives somebody other lines (C8). Who is trained for what callers
// tell in private is for a person to say.
func (a *API) agentProfile(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Profile string `json:"profile"`
	}
	if !read(w, r, &wanted) {
		return
	}
	account, err := a.cfg.Accounts.Get(r.PathValue("id"))
	if errors.Is(err, roster.ErrNoAccount) {
		missing(w)
		return
	}
	if err != nil {
		a.broken(w, "reading an account", err)
		return
	}
	routing := a.cfg.Routing.Routing()
	switch {
	case !slices.ContainsFunc(routing.Profiles, func(p triage.Profile) bool { return p.ID == wanted.Profile }):
		problem(w, http.StatusUnprocessableEntity, "there is no such profile: they are on the page Who helps whom")
		return
	case routing.Trained(account.Profile) != routing.Trained(wanted.Profile):
		problem(w, http.StatusForbidden, "who takes what callers tell in private is decided by an administrator on the page Who helps whom")
		return
	}
	account.Profile = wanted.Profile
	if err := a.cfg.Accounts.Change(r.Context(), account, t.By); err != nil {
		a.broken(w, "giving somebody another profile", err)
		return
	}
	a.cfg.Desk.Know(a.cfg.PersonOf(account))
	view, err := a.cfg.Desk.FloorView(time.Now())
	if err != nil {
		a.broken(w, "looking at the room", err)
		return
	}
	reply(w, http.StatusOK, a.worker(account, view, t.Sees()))
}
