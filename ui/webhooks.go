package ui

import (
	"errors"
	"net/http"

	"hotline/appliance/switches"
	"hotline/appliance/webhooks"
	"hotline/ui/api"
	"hotline/ui/page"
)

// webhooks is the page of the other systems that are told what happens.
func (s *Server) webhooks(w http.ResponseWriter, r *http.Request, v visit) {
	s.showWebhooks(w, r, v, http.StatusOK, page.WebhooksPage{Done: known(r.URL.Query().Get("done"), page.HooksDone())})
}

func (s *Server) showWebhooks(w http.ResponseWriter, r *http.Request, v visit, status int, p page.WebhooksPage) {
	var err error
	if p.Hooks, err = s.cfg.Hooks.List(); err != nil {
		s.broken(w, r, v, "reading the webhooks", err)
		return
	}
	p.Frame, p.Topics, p.Off = s.frame(r, v, "hooks.title"), api.Topics(), s.cfg.Switches.Off(switches.Webhooks)
	if p.Trouble != "" {
		p.Trouble = p.T(p.Trouble)
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	s.show(w, r, status, page.Webhooks(p))
}

// webhookAdd makes a webhook and shows its secret, this once.
func (s *Server) webhookAdd(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a webhook", err)
		return
	}
	form := page.HookForm{Name: clean(r.PostForm.Get("name"), 65), URL: clean(r.PostForm.Get("url"), 501), Network: clean(r.PostForm.Get("network"), 43), Topics: r.PostForm["topic"]}
	made, err := s.cfg.Hooks.Add(r.Context(), webhooks.Hook{Name: form.Name, URL: form.URL, Network: form.Network, Topics: form.Topics, By: v.account.ID})
	var mistake webhooks.Mistake
	switch {
	case errors.As(err, &mistake):
		s.showWebhooks(w, r, v, http.StatusUnprocessableEntity, page.WebhooksPage{Form: form, Trouble: "hooks.wrong." + string(mistake)})
	case err != nil:
		s.broken(w, r, v, "making a webhook", err)
	default:
		s.showWebhooks(w, r, v, http.StatusOK, page.WebhooksPage{Fresh: made.Secret})
	}
}

func (s *Server) webhookDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	id, done := r.PathValue("id"), ""
	var err error
	switch r.PostForm.Get("do") {
	case "test":
		s.webhookTest(w, r, v)
		return
	case "pause":
		done, err = "paused", s.cfg.Hooks.Pause(r.Context(), id, true, v.account.ID)
	case "resume":
		done, err = "resumed", s.cfg.Hooks.Pause(r.Context(), id, false, v.account.ID)
	case "remove":
		done, err = "removed", s.cfg.Hooks.Remove(r.Context(), id, v.account.ID)
	case "hurry":
		done = "hurried"
		s.cfg.Hooks.Hurry(id)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	switch {
	case errors.Is(err, webhooks.ErrNone):
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case err != nil:
		s.broken(w, r, v, "changing a webhook", err)
	default:
		http.Redirect(w, r, "/admin/webhooks?done="+done, http.StatusSeeOther)
	}
}

// webhookTest sends a message now and says how that went.
func (s *Server) webhookTest(w http.ResponseWriter, r *http.Request, v visit) {
	if s.cfg.Switches.Off(switches.Webhooks) {
		s.showWebhooks(w, r, v, http.StatusConflict, page.WebhooksPage{Trouble: "hooks.off"})
		return
	}
	result, err := s.cfg.Hooks.Test(r.Context(), r.PathValue("id"))
	if errors.Is(err, webhooks.ErrNone) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	var list []webhooks.Status
	if err == nil {
		list, err = s.cfg.Hooks.List()
	}
	if err != nil {
		s.broken(w, r, v, "testing a webhook", err)
		return
	}
	p := page.WebhooksPage{Tested: &result}
	for _, h := range list {
		if h.ID == r.PathValue("id") {
			p.Who = h.Name
		}
	}
	s.showWebhooks(w, r, v, http.StatusOK, p)
}
