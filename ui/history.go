package ui

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/luhn"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/find"
	"hotline/triage/reports"
	"hotline/ui/page"
)

// ownCalls shows a phone volunteer the own calls of the last week and the own
// figures of the day (D21, D23). Nobody else's are here.
func (s *Server) ownCalls(w http.ResponseWriter, r *http.Request, v visit) {
	now, q := time.Now(), r.URL.Query()
	p := page.OwnCallsPage{Frame: s.frame(r, v, "own.title"), Done: known(q.Get("done"), page.OwnDone()), CallsOut: s.cfg.Desk.CallsOut()}
	if code := q.Get("code"); luhn.Valid(code) {
		p.Code = code
	}
	seen := 0
	err := s.cfg.Contacts.Each(func(k triage.Contact) bool {
		if seen++; now.Sub(k.ReceivedAt) > desk.AgainWithin || len(p.List) == listed || seen > searched {
			return false
		}
		if k.Agent == v.account.ID && !k.Supervisor && !k.EndedAt.IsZero() {
			p.List = append(p.List, k)
		}
		return true
	})
	if err == nil {
		p.Today, err = s.figuresOf(r, v.account.ID, now)
	}
	if err != nil {
		s.broken(w, r, v, "listing somebody's own calls", err)
		return
	}
	s.show(w, r, http.StatusOK, page.OwnCalls(p))
}

// figuresOf are what somebody has done today (D21, S6).
func (s *Server) figuresOf(r *http.Request, id string, now time.Time) (reports.Figures, error) {
	from := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	report, err := s.cfg.Reports.Report(r.Context(), from, from.AddDate(0, 0, 1), now)
	for _, row := range report.Agents {
		if row.ID == id {
			return row.Figures, err
		}
	}
	return reports.Figures{}, err
}

// ownCall is one of them: to look at, and for half an hour to correct.
func (s *Server) ownCall(w http.ResponseWriter, r *http.Request, v visit) {
	s.showOwnCall(w, r, v, http.StatusOK, nil, "")
}

// mine reads a call of the person's own. Somebody else's does not exist here.
func (s *Server) mine(w http.ResponseWriter, r *http.Request, v visit) (k triage.Contact, ok bool) {
	k, err := s.cfg.Contacts.Get(r.PathValue("id"))
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (k.Agent != v.account.ID || k.Protected || k.Supervisor || time.Since(k.ReceivedAt) > desk.AgainWithin),
		err == nil && k.ChildAlone && !v.trained:
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return k, false
	case err != nil:
		s.broken(w, r, v, "reading a call", err)
		return k, false
	}
	return k, true
}

func (s *Server) showOwnCall(w http.ResponseWriter, r *http.Request, v visit, status int, form []page.FormField, trouble string) {
	k, ok := s.mine(w, r, v)
	if !ok {
		return
	}
	if err := s.viewed(r, v, find.Contacts, k.ID); err != nil {
		s.broken(w, r, v, "noting who has seen a call", err)
		return
	}
	f := s.frame(r, v, "own.call.title")
	if trouble != "" {
		f.Title = f.T("problem.title") + ": " + f.Title
	}
	p := page.OwnCallPage{Frame: f, Contact: k, Form: form, Trouble: trouble, Open: k.Correctable(v.account.ID, time.Now()),
		Ending: cmp.Or(r.PostForm.Get("ending"), k.Disposition), CallsOut: s.cfg.Desk.CallsOut()}
	if p.Form == nil {
		p.Form = page.CaseFields(f)
		if k.Case != "" {
			cs, err := s.cfg.Cases.Get(k.Case)
			if err == nil {
				p.Case, err = cs.Code, fillForm(p.Form, cs.Fields)
			}
			if err != nil {
				s.broken(w, r, v, "reading the case of a call", err)
				return
			}
		}
	}
	s.show(w, r, status, page.OwnCall(p))
}

// ownCallSave corrects the answers and how the call ended.
func (s *Server) ownCallSave(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a call", err)
		return
	}
	k, ok := s.mine(w, r, v)
	if !ok {
		return
	}
	f := s.frame(r, v, "own.call.title")
	if !k.Correctable(v.account.ID, time.Now()) {
		s.showOwnCall(w, r, v, http.StatusConflict, nil, f.T("own.wrong.late"))
		return
	}
	ending := r.PostForm.Get("ending")
	if !f.Lists.List(lists.Dispositions).Has(ending) || ending == page.Handover && k.Disposition != page.Handover {
		ending = "" // handing a caller to protection is done by the answer that does it
	}
	form := page.CaseFields(f)
	changed, shown := readForm(form, r.PostForm)
	var conflicts []history.Conflict
	var err error
	if len(changed) > 0 {
		_, conflicts, err = s.cfg.Cases.Write(r.Context(), k.ID, history.Edit{By: v.account.ID, Via: "web", Fields: changed, Shown: shown})
	}
	if k, getErr := s.cfg.Contacts.Get(k.ID); err == nil && getErr == nil && k.Protected { // and nothing of it is kept, its ending neither
		http.Redirect(w, r, "/desk/history?done=protected", http.StatusSeeOther)
		return
	}
	if err == nil && len(conflicts) == 0 {
		_, err = s.cfg.Contacts.Correct(r.Context(), k.ID, v.account.ID, ending)
	}
	var field triage.FieldError
	switch {
	case errors.As(err, &field):
		s.showOwnCall(w, r, v, http.StatusUnprocessableEntity, form, f.Said(field.Text))
	case correctTrouble(err) != "":
		s.showOwnCall(w, r, v, http.StatusUnprocessableEntity, form, f.T(correctTrouble(err)))
	case err != nil:
		s.broken(w, r, v, "correcting a call", err)
	case len(conflicts) > 0:
		disagree(form, conflicts)
		s.showOwnCall(w, r, v, http.StatusConflict, form, f.T("form.disputed.h"))
	default:
		http.Redirect(w, r, "/desk/history?done=corrected", http.StatusSeeOther)
	}
}

func correctTrouble(err error) string {
	for refusal, key := range map[error]string{triage.ErrCorrectLate: "late", triage.ErrCorrectEnding: "ending", triage.ErrCorrectSettled: "settled", triage.ErrNotAssessed: "assess"} {
		if errors.Is(err, refusal) {
			return "own.wrong." + key
		}
	}
	return ""
}

// ownPaper is the form for somebody who was helped without a call of the
// hotline: at the door, by radio, on paper while the power was out.
func (s *Server) ownPaper(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.NewRecord(s.ownPaperPage(r, v)))
}

func (s *Server) ownPaperPage(r *http.Request, v visit) page.NewPage {
	p := s.casePaper(r, v)
	p.To, p.Back = "/desk/history/new", "/desk/history"
	return p
}

func (s *Server) ownPaperAdd(w http.ResponseWriter, r *http.Request, v visit) {
	s.enterCase(w, r, v, s.ownPaperPage(r, v), func(cs triage.Case) string {
		return "/desk/history?" + url.Values{"done": {"new"}, "code": {cs.Code}}.Encode()
	})
}
