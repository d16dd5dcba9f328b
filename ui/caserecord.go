package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/history"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/find"
	"hotline/ui/page"
)

// contactRecord shows one contact with what happened in it.
func (s *Server) contactRecord(w http.ResponseWriter, r *http.Request, v visit) {
	k, err := s.cfg.Contacts.Get(r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err == nil {
		err = s.viewed(r, v, find.Contacts, k.ID)
	}
	if err != nil {
		s.broken(w, r, v, "reading a contact", err)
		return
	}
	content := page.ContactPage{Frame: s.frame(r, v, "contact.title"), Contact: k}
	for _, id := range append([]string{k.Case}, k.MoreCases...) {
		if id == "" {
			continue
		}
		if err := taken(&content.Cases, s.cfg.Cases.Get, id); err != nil {
			s.broken(w, r, v, "reading the cases of a contact", err)
			return
		}
	}
	s.show(w, r, http.StatusOK, page.ContactRecord(content))
}

func (s *Server) caseRecord(w http.ResponseWriter, r *http.Request, v visit) {
	s.showCase(w, r, v, http.StatusOK, nil, "")
}

// showCase shows a case; form is what could not be saved as it was sent.
func (s *Server) showCase(w http.ResponseWriter, r *http.Request, v visit, status int, form []page.FormField, trouble string) {
	cs, err := s.cfg.Cases.Get(r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err == nil {
		err = s.viewed(r, v, find.Cases, cs.ID)
	}
	if err != nil {
		s.broken(w, r, v, "reading a case", err)
		return
	}
	f := s.frame(r, v, "caserecord.title")
	if trouble != "" {
		f.Title = f.T("problem.title") + ": " + f.Title
	}
	content := page.CasePage{Frame: f, Case: cs, Form: form, Trouble: trouble, Done: r.URL.Query().Get("done"), Leads: v.role == coordinator || v.role == supervisor, Reveals: v.role == coordinator}
	for _, name := range cs.Missing(f.Lists) {
		content.Missing = append(content.Missing, f.Ask(name))
	}
	if content.Reveal, err = s.reveals(r, v, cs); err != nil {
		s.broken(w, r, v, "writing down who looks for a child", err)
		return
	}
	if content.Form == nil {
		content.Form = page.CaseFields(f)
		if err := fillForm(content.Form, cs.Fields); err != nil {
			s.broken(w, r, v, "showing a case", err)
			return
		}
	}
	if cs.Fields.ChildAlone && content.Reveal == "" {
		content.Form = withoutPlace(content.Form)
	}
	if err := s.aroundCase(&content); err != nil {
		s.broken(w, r, v, "reading what belongs to a case", err)
		return
	}
	s.show(w, r, status, page.CaseRecord(content))
}

// aroundCase reads what a case page shows besides the case: calls, changes, and
// cases that may be the same.
func (s *Server) aroundCase(p *page.CasePage) error {
	for _, id := range p.Case.Contacts {
		if err := taken(&p.Contacts, s.cfg.Contacts.Get, id); err != nil {
			return err
		}
	}
	entries, err := s.cfg.Cases.History(p.Case.ID)
	if err != nil {
		return err
	}
	p.Timeline = page.Timeline(p.Frame, find.Cases, p.Form, entries, p.Contacts, s.who())
	if p.Same, err = s.cfg.Cases.SameNumber(p.Case); err != nil {
		return err
	}
	if p.Passed, err = s.cfg.Cards.Belonging(p.Case.ID); err != nil {
		return err
	}
	for _, id := range p.Case.Merged {
		if err := taken(&p.Merged, s.cfg.Cases.Get, id); err != nil {
			return err
		}
	}
	if p.Case.DuplicateOf != "" {
		var into []triage.Case
		if err := taken(&into, s.cfg.Cases.Get, p.Case.DuplicateOf); err != nil {
			return err
		}
		p.Into = slices.Clip(into)
	}
	return nil
}

// caseDo carries out what somebody decided about a case.
func (s *Server) caseDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a case", err)
		return
	}
	id, do := r.PathValue("id"), r.PostForm.Get("do")
	switch do {
	case "save":
		s.caseSave(w, r, v)
		return
	case "reveal":
		s.showCase(w, r, v, http.StatusOK, nil, "")
		return
	}
	to, err := s.workOnCase(r.Context(), id, do, r.PostForm, v)
	if err != nil {
		if key := caseTrouble(err); key != "" {
			s.showCase(w, r, v, http.StatusConflict, nil, s.textFor(r).T(key))
			return
		}
		if errors.Is(err, store.ErrNotFound) {
			s.problem(w, r, v, http.StatusNotFound, "missing")
			return
		}
		s.broken(w, r, v, "working on a case", err)
		return
	}
	http.Redirect(w, r, recordPath(find.Cases, to)+"?done="+url.QueryEscape(do), http.StatusSeeOther)
}

func (s *Server) caseSave(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.frame(r, v, "caserecord.title")
	form := page.CaseFields(f)
	changed, shown := readForm(form, r.PostForm)
	_, conflicts, err := s.cfg.Cases.Change(r.Context(), r.PathValue("id"), history.Edit{By: v.account.ID, Via: "web", Fields: changed, Shown: shown})
	var field triage.FieldError
	switch {
	case errors.As(err, &field):
		s.showCase(w, r, v, http.StatusUnprocessableEntity, form, f.Said(field.Text))
	case errors.Is(err, store.ErrNotFound):
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case err != nil:
		s.broken(w, r, v, "saving a case", err)
	case len(conflicts) > 0:
		disagree(form, conflicts)
		s.showCase(w, r, v, http.StatusConflict, form, f.T("form.disputed.h"))
	default:
		http.Redirect(w, r, recordPath(find.Cases, r.PathValue("id"))+"?done=save", http.StatusSeeOther)
	}
}

var (
	errCaseWhat = errors.New("an unknown action on a case")
	errCaseCode = errors.New("there is no case with this code")
	errCaseRole = errors.New("only who leads may set a lower level")
)

// workOnCase returns the id of the case to be shown next.
func (s *Server) workOnCase(ctx context.Context, id, do string, form url.Values, v visit) (string, error) {
	why, me := clean(form.Get("why"), reasonMax), v.account.ID
	switch do {
	case "move":
		_, err := s.cfg.Cases.Move(ctx, id, form.Get("to"), form.Get("outcome"), form.Get("told") != "", me, why)
		return id, err
	case "level":
		if v.role != coordinator && v.role != supervisor {
			return id, errCaseRole
		}
		_, err := s.cfg.Cases.SetLevel(ctx, id, triage.Level(form.Get("level")), me, why)
		return id, err
	case "merge": // this case is the same as the one with that code
		keep, err := s.cfg.Cases.ByCode(onlyDigits(form.Get("code")))
		if errors.Is(err, store.ErrNotFound) {
			return id, errCaseCode
		}
		if err == nil {
			_, err = s.cfg.Cases.Merge(ctx, keep.ID, id, me, why)
		}
		return keep.ID, err
	case "unmerge":
		_, err := s.cfg.Cases.Unmerge(ctx, form.Get("case"), me, why)
		return form.Get("case"), err
	case "another":
		another, err := s.cfg.Cases.Another(ctx, form.Get("contact"), me, nil)
		return another.ID, err
	}
	return id, errCaseWhat
}

func caseTrouble(err error) string {
	for refusal, key := range map[error]string{triage.ErrCaseStep: "step", triage.ErrCaseOutcome: "outcome", triage.ErrCaseWhy: "why", triage.ErrCaseLevel: "level",
		triage.ErrCaseMerge: "merge", triage.ErrCaseUnmerge: "unmerge", errCaseWhat: "what", errCaseCode: "code", errCaseRole: "role"} {
		if errors.Is(err, refusal) {
			return "caserecord.wrong." + key
		}
	}
	return ""
}

// newCase is the form for a case from paper.
func (s *Server) newCase(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.NewRecord(s.casePaper(r, v)))
}

func (s *Server) casePaper(r *http.Request, v visit) page.NewPage {
	f := s.frame(r, v, "newcase.title")
	return page.NewPage{Frame: f, Kind: find.Cases, Form: append(page.PaperFields(f, s.cfg.Offered), page.CaseFields(f)...)}
}

// addCase types a case from paper, with the time that stands on it.
func (s *Server) addCase(w http.ResponseWriter, r *http.Request, v visit) {
	s.enterCase(w, r, v, s.casePaper(r, v), func(cs triage.Case) string { return recordPath(find.Cases, cs.ID) + "?done=new" })
}

// enterCase stores what was typed into the form p and leads on.
func (s *Server) enterCase(w http.ResponseWriter, r *http.Request, v visit, p page.NewPage, on func(triage.Case) string) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a new case", err)
		return
	}
	about, form := page.PaperFields(p.Frame, s.cfg.Offered), page.CaseFields(p.Frame)
	paper, _ := readForm(about, r.PostForm)
	fields, _ := readForm(form, r.PostForm)
	again := func(trouble string) {
		p.Frame.Title = p.T("problem.title") + ": " + p.Frame.Title
		p.Form, p.Trouble = append(about, form...), trouble
		s.show(w, r, http.StatusUnprocessableEntity, page.NewRecord(p))
	}
	if len(fields) == 0 {
		again(p.T("newcase.wrong.empty"))
		return
	}
	at, err := moment(paper["at"])
	if err != nil {
		again(p.T("newcase.wrong.time"))
		return
	}
	text := func(name string) string { said, _ := paper[name].(string); return said }
	number := call.ParseNumber(clean(text("phone"), 32), s.cfg.Region)
	cs, err := s.cfg.Cases.Enter(r.Context(), triage.Paper{At: at, Channel: text("channel"), Caller: number, Language: text("language"), Fields: fields}, s.cfg.Operation, v.account.ID)
	var field triage.FieldError
	switch {
	case errors.As(err, &field):
		again(p.Said(field.Text))
	case errors.Is(err, triage.ErrPaperTime):
		again(p.T("newcase.wrong.time"))
	case err != nil:
		s.broken(w, r, v, "writing down a case from paper", err)
	default:
		http.Redirect(w, r, on(cs), http.StatusSeeOther)
	}
}

// moment reads a local time of a form; nothing is the zero time.
func moment(v any) (time.Time, error) {
	text, _ := v.(string)
	if strings.TrimSpace(text) == "" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation("2006-01-02T15:04", text, time.Local)
	if err == nil && at.After(time.Now().Add(time.Minute)) {
		err = triage.ErrPaperTime
	}
	return at, err
}

func onlyDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}
