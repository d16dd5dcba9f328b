package ui

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/sharing"
	redact "hotline/appliance/table"
	"hotline/appliance/wipe"
	"hotline/triage/closedown"
	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// Closing is the end of an operation; *closedown.Keeper.
type Closing interface {
	Now() (closedown.Closing, error)
	Look() (closedown.Open, error)
	Job(c closedown.Closing) (export.Job, error)
	Begin(ctx context.Context, who wipe.Person, known bool) error
	Export(ctx context.Context, who wipe.Person, level redact.Level, to, recipient, reason, password string) error
	Again(ctx context.Context, who wipe.Person) error
	Skip(ctx context.Context, who wipe.Person, why string) error
	HandOver(ctx context.Context, who wipe.Person, r wipe.Receiver, typed string) error
	Ask(ctx context.Context, who wipe.Person, keep, phrase string) error
	Confirm(ctx context.Context, who wipe.Person) error
	Stop(ctx context.Context, who wipe.Person) error
	Certificates() ([]wipe.Certificate, error)
	Certificate(id string) ([]byte, error)
}

// closingNear reports that all records are to be wiped, for the bar of every
// page: whoever knows better stops it.
func (s *Server) closingNear(now time.Time) bool {
	if s.cfg.Closing == nil { // the pages before there is a hotline, and without its key
		return false
	}
	c, err := s.cfg.Closing.Now()
	if err != nil {
		return false // a damaged record must not keep anybody from a page
	}
	step := c.Step(now)
	return step == closedown.StepConfirm || step == closedown.StepWait
}

func deciding(v visit) wipe.Person {
	return wipe.Person{Account: v.account.ID, Name: v.account.Name, Role: string(v.role)}
}

// closeDown is the way to the end of an operation, one question after the
// other.
func (s *Server) closeDown(w http.ResponseWriter, r *http.Request, v visit) {
	s.showCloseDown(w, r, v, http.StatusOK, page.CloseForm{}, "")
}

func (s *Server) showCloseDown(w http.ResponseWriter, r *http.Request, v visit, status int, form page.CloseForm, trouble string) {
	now := time.Now()
	p := page.ClosePage{Frame: s.frame(r, v, "close.title"), Me: v.account.ID, Admin: v.role == admin, Second: v.account.Second, Trouble: trouble, Form: form,
		Bases: sharing.Bases(), Keeps: roster.Keeps(), CoolOff: closedown.CoolOff}
	var err error
	if p.Closing, err = s.cfg.Closing.Now(); err == nil {
		p.Step = p.Closing.Step(now)
		p.Open, err = s.cfg.Closing.Look()
	}
	if err == nil {
		p.Certificates, err = s.cfg.Closing.Certificates()
	}
	if err == nil && p.Step == closedown.StepHandOver {
		if p.Job, err = s.cfg.Closing.Job(p.Closing); errors.Is(err, export.ErrNone) {
			err = nil // it is gone: the page offers another one
		}
	}
	if err != nil {
		s.broken(w, r, v, "reading how far the closing of the operation is", err)
		return
	}
	for _, l := range redact.Levels() {
		p.Levels = append(p.Levels, l.String())
	}
	if p.Form.Password == "" {
		p.Form.Password = longPassword()
	}
	if p.Form.Date == "" {
		p.Form.Date = now.Local().Format(time.DateOnly)
	}
	if trouble != "" {
		p.Frame.Title = p.T("problem.title") + ": " + p.Frame.Title
	}
	s.show(w, r, status, page.CloseDown(p))
}

// secondPerson are the actions that a coordinator may do, too; all others are
// for administrators.
const secondPerson = "confirm"

func (s *Server) closeDownDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of closing down", err)
		return
	}
	what := known(r.PostForm.Get("do"), []string{"begin", "export", "again", "skip", "handover", "ask", secondPerson})
	switch {
	case what == "":
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	case what != secondPerson && v.role != admin:
		s.problem(w, r, v, http.StatusForbidden, "denied")
		return
	}
	form := page.CloseForm{Level: clean(r.PostForm.Get("level"), 2), To: known(r.PostForm.Get("to"), []string{sharing.Inside, sharing.Helpers}), Password: clean(r.PostForm.Get("export_password"), 64), Why: clean(r.PostForm.Get("why"), reasonMax),
		Recipient: clean(r.PostForm.Get("recipient"), reasonMax), Organisation: clean(r.PostForm.Get("organisation"), reasonMax), Person: clean(r.PostForm.Get("person"), reasonMax),
		Basis: clean(r.PostForm.Get("basis"), 32), Date: clean(r.PostForm.Get("date"), 10), Hash: clean(r.PostForm.Get("hash"), 64), Keep: clean(r.PostForm.Get("keep"), 16), Phrase: clean(r.PostForm.Get("phrase"), reasonMax)}
	f := s.frame(r, v, "close.title")
	who, ctx := deciding(v), r.Context()
	var err error
	switch what { // steps that cannot be taken back, or begin what cannot, ask again who is there
	case "begin", "ask", secondPerson:
		err = s.cfg.Accounts.Prove(ctx, v.account.ID, r.PostForm.Get("password"), clean(r.PostForm.Get("code"), 32))
		if errors.Is(err, roster.ErrRefused) {
			s.showCloseDown(w, r, v, http.StatusUnauthorized, form, f.T("close.wrong.password"))
			return
		}
		if status, text := s.secondTrouble(w, f, err); text != "" {
			s.showCloseDown(w, r, v, status, form, text)
			return
		}
	}
	if err == nil {
		err = s.closeStep(ctx, what, who, form, r.PostForm.Get("known") == "yes", f)
	}
	var wrong closedown.Mistake
	var refused export.Mistake
	switch {
	case errors.As(err, &wrong):
		s.showCloseDown(w, r, v, http.StatusUnprocessableEntity, form, f.T("close.wrong."+string(wrong)))
	case errors.As(err, &refused):
		s.showCloseDown(w, r, v, http.StatusUnprocessableEntity, form, f.T("export.wrong."+string(refused)))
	case err != nil:
		s.broken(w, r, v, "closing the operation down", err)
	default:
		http.Redirect(w, r, "/admin/close", http.StatusSeeOther)
	}
}

func (s *Server) closeStep(ctx context.Context, what string, who wipe.Person, form page.CloseForm, known bool, f page.Frame) error {
	switch what {
	case "begin":
		return s.cfg.Closing.Begin(ctx, who, known)
	case "export":
		level, err := redact.ParseLevel(form.Level)
		if err != nil {
			return export.WrongLevel
		}
		if form.To == "" { // nobody decides that by forgetting it
			return export.WrongTo
		}
		password := form.Password
		if level < redact.Referral {
			password = ""
		}
		return s.cfg.Closing.Export(ctx, who, level, form.To, form.Recipient, f.T("close.reason"), password)
	case "again":
		return s.cfg.Closing.Again(ctx, who)
	case "skip":
		return s.cfg.Closing.Skip(ctx, who, form.Why)
	case "handover":
		return s.cfg.Closing.HandOver(ctx, who, wipe.Receiver{Organisation: form.Organisation, Person: form.Person, Basis: form.Basis, Date: form.Date}, form.Hash)
	case "ask":
		return s.cfg.Closing.Ask(ctx, who, form.Keep, form.Phrase)
	}
	return s.cfg.Closing.Confirm(ctx, who)
}

// closingPage tells everybody who works here that the records are to be wiped, and
// lets them stop it.
func (s *Server) closingPage(w http.ResponseWriter, r *http.Request, v visit) {
	c, err := s.cfg.Closing.Now()
	if err != nil {
		s.broken(w, r, v, "reading how far the closing of the operation is", err)
		return
	}
	p := page.ClosingPage{Frame: s.frame(r, v, "close.title"), Closing: c, Step: c.Step(time.Now()), Done: known(r.URL.Query().Get("done"), []string{"stopped"})}
	s.show(w, r, http.StatusOK, page.Closing(p))
}

func (s *Server) closingStop(w http.ResponseWriter, r *http.Request, v visit) {
	err := s.cfg.Closing.Stop(r.Context(), deciding(v))
	var wrong closedown.Mistake // it was stopped already, or has not begun
	if err != nil && !errors.As(err, &wrong) {
		s.broken(w, r, v, "stopping the closing of the operation", err)
		return
	}
	http.Redirect(w, r, "/closing?done=stopped", http.StatusSeeOther)
}

// certificate is what a wipe proves, to be read and printed.
func (s *Server) certificate(w http.ResponseWriter, r *http.Request, v visit) {
	file, err := s.cfg.Closing.Certificate(r.PathValue("id"))
	if err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	c, _, err := wipe.Open(file)
	p := page.CertificatePage{Frame: s.frame(r, v, "close.certificate.title"), Certificate: c, Forged: err != nil}
	s.show(w, r, http.StatusOK, page.Certificate(p))
}

func (s *Server) certificateFile(w http.ResponseWriter, r *http.Request, v visit) {
	file, err := s.cfg.Closing.Certificate(r.PathValue("id"))
	if err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "certificate-" + r.PathValue("id") + ".json"}))
	if _, err := w.Write(file); err != nil {
		return // the browser has gone
	}
}
