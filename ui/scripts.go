package ui

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"hotline/ivr/bulletins"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/ui/page"
)

// scripts is where supervisors write what volunteers say first.
func (s *Server) scripts(w http.ResponseWriter, r *http.Request, v visit) {
	q := r.URL.Query()
	p := page.ScriptsPage{Queue: known(q.Get("queue"), s.queues()), Language: known(q.Get("language"), s.cfg.Offered), Done: known(q.Get("done"), page.ScriptsDone())}
	if p.Language == "" {
		p.Language = s.cfg.Offered[0]
	}
	for _, one := range s.cfg.Scripts.List() {
		if one.Queue == p.Queue && one.Language == p.Language {
			p.Lines = one.Lines
		}
	}
	s.showScripts(w, r, v, http.StatusOK, p)
}

func (s *Server) showScripts(w http.ResponseWriter, r *http.Request, v visit, status int, p page.ScriptsPage) {
	p.Frame, p.Queues, p.Languages, p.Written = s.frame(r, v, "scripts.h"), s.queues(), s.cfg.Offered, s.cfg.Scripts.List()
	s.show(w, r, status, page.Scripts(p))
}

func (s *Server) scriptSet(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	one := triage.Script{Queue: clean(r.PostForm.Get("queue"), 64), Language: known(r.PostForm.Get("language"), s.cfg.Offered), By: v.account.ID}
	for line := range strings.Lines(r.PostForm.Get("lines")) {
		if line = clean(line, 1000); line != "" {
			one.Lines = append(one.Lines, line)
		}
	}
	err := s.cfg.Scripts.Set(r.Context(), one)
	var mistake triage.ScriptMistake
	switch {
	case errors.As(err, &mistake):
		f := s.frame(r, v, "scripts.h")
		p := page.ScriptsPage{Queue: known(one.Queue, s.queues()), Language: one.Language, Lines: one.Lines, Trouble: f.F("steer.refused", "why", f.Said(err.Error()))}
		if p.Language == "" {
			p.Language = s.cfg.Offered[0]
		}
		s.showScripts(w, r, v, http.StatusUnprocessableEntity, p)
	case err != nil:
		s.broken(w, r, v, "writing a script", err)
	default:
		done := "saved"
		if len(one.Lines) == 0 {
			done = "gone"
		}
		http.Redirect(w, r, "/floor/scripts?queue="+one.Queue+"&language="+one.Language+"&done="+done, http.StatusSeeOther)
	}
}

// firstWords are what a person at the desk needs before anything else: what to
// say on this line, and what is known now, in the caller's language where there
// is one and else in that of the page.
func (s *Server) firstWords(now *desk.Snapshot, language string, at time.Time) {
	queue := ""
	if now.Call != nil {
		queue = now.Call.Queue
		if now.Call.Language != "" {
			language = now.Call.Language
		}
	}
	if now.Call != nil {
		script := s.cfg.Scripts.For(queue, language)
		now.Script, now.ScriptLanguage = script.Lines, script.Language
	}
	list := s.cfg.Supervise.Bulletins()
	if !slices.ContainsFunc(list, func(b bulletins.Bulletin) bool { return b.Language == language && b.Plays(at) && b.Text != "" }) {
		language = "" // none in this language: better another one than nothing
	}
	for _, b := range list {
		if b.Plays(at) && b.Text != "" && (language == "" || b.Language == language) {
			now.Known = append(now.Known, desk.KnownView{Text: b.Text, Language: b.Language, AsOf: b.AsOf})
		}
	}
}
