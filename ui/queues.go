package ui

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"hotline/ivr/prompts"
	"hotline/triage"
	"hotline/triage/reach"
	"hotline/ui/page"
)

// The page on which lines of one's own are added, named and switched off (C5,
// C6), and which says of every line how callers come there.

func (s *Server) queuesPage(w http.ResponseWriter, r *http.Request, v visit) {
	s.showQueues(w, r, v, http.StatusOK, page.QueuesPage{Done: known(r.URL.Query().Get("done"), page.QueuesDone())})
}

// showQueues fills in what holds now.
func (s *Server) showQueues(w http.ResponseWriter, r *http.Request, v visit, status int, p page.QueuesPage) {
	p.Frame, p.Routing, p.Offered, p.MayFlows = s.frame(r, v, "queues.title"), s.cfg.Routing.Routing(), s.cfg.Offered, v.role == admin
	p.Now = p.Now.Local()
	if p.Trouble != "" {
		p.Title = p.T("problem.title") + ": " + p.Title
	}
	var err error
	if p.Uses, err = s.cfg.Reach.All(); err != nil {
		s.broken(w, r, v, "looking for what leads to the lines", err)
		return
	}
	s.show(w, r, status, page.Queues(p))
}

func (s *Server) queuesChange(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	what, typed := r.PostForm.Get("do"), s.queueTyped(r.PostForm)
	to := typed.ID
	var err error
	switch what {
	case "add":
		to, err = s.queueAdd(r, v, typed)
	case "name":
		err = s.queueName(r, v, typed)
	case "off":
		err = s.cfg.Reach.SwitchOff(r.Context(), typed.ID, v.account.ID, v.account.Name, "web")
	case "on":
		err = s.cfg.Reach.SwitchOn(r.Context(), typed.ID, v.account.ID, v.account.Name, "web")
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	p := page.QueuesPage{Typed: typed}
	f := s.frame(r, v, "queues.title")
	var wrong errTyped
	var field triage.FieldError
	var used reach.InUseError
	switch {
	case err == nil && what == "off":
		http.Redirect(w, r, "/admin/queues?done=off", http.StatusSeeOther)
		return
	case err == nil:
		http.Redirect(w, r, "/admin/queues?done="+what+"#line-"+url.PathEscape(to), http.StatusSeeOther)
		return
	case errors.As(err, &wrong):
		p.Trouble = f.T(string(wrong))
	case errors.As(err, &field):
		p.Trouble = f.Said(field.Error())
	case errors.As(err, &used):
		p.Trouble, p.Refused = f.T("queues.wrong.used"), used.Uses
	default:
		s.broken(w, r, v, "changing the lines", err)
		return
	}
	s.showQueues(w, r, v, http.StatusUnprocessableEntity, p)
}

func (s *Server) queueTyped(form url.Values) page.QueueForm {
	f := page.QueueForm{ID: form.Get("id"), Name: clean(form.Get("name"), 80), Prompt: clean(form.Get("prompt"), 64), Profiles: form["profile"], Names: map[string]string{}}
	for _, tag := range s.words.Tags() {
		if name := clean(form.Get("name."+tag), 80); name != "" {
			f.Names[tag] = name
		}
	}
	return f
}

// queueAdd makes a line that the people of some profiles answer.
func (s *Server) queueAdd(r *http.Request, v visit, typed page.QueueForm) (id string, err error) {
	err = s.cfg.Routing.Change(r.Context(), "line.add", v.account.ID, v.account.Name, "web", func(next *triage.Routing) error {
		id = next.AddQueue(typed.Name)
		for _, profile := range typed.Profiles {
			next.Answer(id, profile)
		}
		return nil
	})
	return id, err
}

// queueName says how a line is called, and what callers hear who wait there.
func (s *Server) queueName(r *http.Request, v visit, typed page.QueueForm) error {
	if typed.Prompt != "" && !slices.ContainsFunc(s.cfg.Offered, func(language string) bool { return s.hasPrompt(language, typed.Prompt) }) {
		return errTyped("queues.wrong.prompt")
	}
	return s.cfg.Routing.Change(r.Context(), "line.name", v.account.ID, v.account.Name, "web", func(next *triage.Routing) error {
		i := slices.IndexFunc(next.Queues, func(q triage.Queue) bool { return q.ID == typed.ID })
		if i < 0 {
			return errTyped("routing.wrong.line")
		}
		next.Queues[i].Name, next.Queues[i].Names, next.Queues[i].Prompt = typed.Name, typed.Names, typed.Prompt
		return nil
	})
}

// hasPrompt reports a prompt that has words in a language.
func (s *Server) hasPrompt(language, id string) bool {
	p, err := s.cfg.Prompts.Get(language, id)
	if err != nil && !errors.Is(err, prompts.ErrNone) {
		s.cfg.Log.Error("looking for a prompt", "error", fmt.Sprint(err))
	}
	return err == nil && p.Text != ""
}
