package api

import (
	"errors"
	"net/http"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/history"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/find"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// addCase writes down a contact and its case from paper, with the time that
// stands on it.
func (a *API) addCase(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		At       time.Time      `json:"at"`
		Channel  string         `json:"channel"`
		Phone    string         `json:"phone"`
		Language string         `json:"language"`
		Fields   map[string]any `json:"fields"`
	}
	if !read(w, r, &wanted) {
		return
	}
	if len(wanted.Fields) == 0 {
		problem(w, http.StatusUnprocessableEntity, "say in fields what the person needs")
		return
	}
	cs, err := a.cfg.Cases.Enter(r.Context(), triage.Paper{At: wanted.At, Channel: wanted.Channel, Caller: call.ParseNumber(clean(wanted.Phone, 32), a.cfg.Region),
		Language: clean(wanted.Language, 35), Fields: wanted.Fields, Via: "api"}, a.cfg.Operation, t.By)
	if err == nil {
		w.Header().Set("Location", Prefix+"/cases/"+cs.ID)
	}
	a.tellCase(w, t, http.StatusCreated, cs, err)
}

// tellCase answers with a case that was written, or why it was not.
func (a *API) tellCase(w http.ResponseWriter, t roster.Token, status int, cs triage.Case, err error) {
	var field triage.FieldError
	switch {
	case errors.As(err, &field):
		problemWith(w, http.StatusUnprocessableEntity, field.Text, map[string]any{"field": field.Field})
		return
	case errors.Is(err, triage.ErrPaperTime):
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	case errors.Is(err, store.ErrNotFound):
		missing(w)
		return
	}
	var items []map[string]any
	tag := ""
	if err == nil {
		items, err = seen(a.caseSet().table([]triage.Case{cs}), t, time.Time{})
	}
	if err == nil {
		tag, err = a.tag(cs)
	}
	switch {
	case err != nil:
		a.broken(w, "writing a case", err)
	case len(items) == 0: // by these answers it is for people alone
		reply(w, status, map[string]any{"case_id": cs.ID, "redaction": "hidden"})
	default:
		w.Header().Set("ETag", tag)
		reply(w, status, items[0])
	}
}

// changeCase changes fields of a case that nobody has changed since it was read.
func (a *API) changeCase(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Fields map[string]any `json:"fields"`
		Why    string         `json:"why"`
	}
	if !read(w, r, &wanted) {
		return
	}
	if len(wanted.Fields) == 0 {
		problem(w, http.StatusUnprocessableEntity, "say in fields what is to be changed")
		return
	}
	cs, ok := a.openCase(w, r, t)
	if !ok {
		return
	}
	tag, err := a.tag(cs)
	if err != nil {
		a.broken(w, "reading a case", err)
		return
	}
	edit := history.Edit{By: t.By, Via: "api", Why: clean(wanted.Why, reasonMax), Fields: wanted.Fields}
	switch match := r.Header.Get("If-Match"); match {
	case "":
		problem(w, http.StatusPreconditionRequired, "say with If-Match which version of the case you have seen: its ETag")
		return
	case "*": // whatever stands there
	case tag:
		if edit.Shown, err = shownBefore(cs.Fields, wanted.Fields); err != nil {
			a.broken(w, "reading a case", err)
			return
		}
	default:
		problem(w, http.StatusPreconditionFailed, "somebody has changed this case since you read it: read it again")
		return
	}
	cs, conflicts, err := a.cfg.Cases.Change(r.Context(), cs.ID, edit)
	if err == nil && len(conflicts) > 0 { // in the moment between
		var names []string
		for _, c := range conflicts {
			names = append(names, c.Field)
		}
		problemWith(w, http.StatusPreconditionFailed, "somebody has changed these fields since you read the case: read it again", map[string]any{"fields": names})
		return
	}
	a.tellCase(w, t, http.StatusOK, cs, err)
}

// shownBefore is what stands in the fields that are to be changed.
func shownBefore(stored triage.CaseFields, changed map[string]any) (map[string]any, error) {
	fields, err := history.Diff(nil, stored)
	if err != nil {
		return nil, err
	}
	shown := map[string]any{}
	for name := range changed {
		shown[name] = nil
	}
	for _, f := range fields {
		if _, is := changed[f.Name]; is {
			shown[f.Name] = f.To
		}
	}
	return shown, nil
}

// openCase is the case of the address, if a program may know of it; else it
// answers itself.
func (a *API) openCase(w http.ResponseWriter, r *http.Request, t roster.Token) (triage.Case, bool) {
	cs, err := a.cfg.Cases.Get(r.PathValue("id"))
	var items []map[string]any
	if err == nil {
		items, err = seen(a.caseSet().table([]triage.Case{cs}), t, time.Time{})
	}
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && len(items) == 0:
		missing(w)
		return cs, false
	case err != nil:
		a.broken(w, "reading a case", err)
		return cs, false
	}
	return cs, true
}

const noteTries = 5

// addNote puts a note below those of a case, with the time when it was made and
// the program that brings it. Nobody's words are lost by it.
func (a *API) addNote(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		At   time.Time `json:"at"`
		Text string    `json:"text"`
	}
	if !read(w, r, &wanted) {
		return
	}
	now := time.Now()
	switch text := clean(wanted.Text, 4000); {
	case text == "":
		problem(w, http.StatusUnprocessableEntity, "the note has no text")
		return
	case wanted.At.After(now):
		problem(w, http.StatusUnprocessableEntity, triage.ErrPaperTime.Error())
		return
	case wanted.At.IsZero():
		wanted.At, wanted.Text = now, text
	default:
		wanted.Text = text
	}
	line := "[" + wanted.At.UTC().Format("2006-01-02 15:04") + " UTC, " + t.Name + "] " + wanted.Text
	for range noteTries {
		cs, ok := a.openCase(w, r, t)
		if !ok {
			return
		}
		before, notes := cs.Fields.Notes, line
		if before != "" {
			notes = before + "\n" + line
		}
		cs, conflicts, err := a.cfg.Cases.Change(r.Context(), cs.ID, history.Edit{By: t.By, Via: "api", Fields: map[string]any{"notes": notes}, Shown: map[string]any{"notes": before}})
		if err == nil && len(conflicts) > 0 {
			continue // somebody writes at the same time: below theirs, then
		}
		a.tellCase(w, t, http.StatusOK, cs, err)
		return
	}
	problem(w, http.StatusConflict, "somebody is writing the notes of this case: try again")
}

// step moves a registered volunteer on the way from offer to help given.
func (a *API) step(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Step string `json:"step"`
		Why  string `json:"why"`
	}
	if !read(w, r, &wanted) {
		return
	}
	if !a.reaches(w, r, t) {
		return
	}
	g, err := a.cfg.Registrants.Move(r.Context(), r.PathValue("id"), wanted.Step, history.Edit{By: t.By, Via: "api", Why: clean(wanted.Why, reasonMax)})
	for _, refusal := range []error{volunteers.ErrStep, volunteers.ErrStepWhy, volunteers.ErrScreening, volunteers.ErrConsents, volunteers.ErrGuardian} {
		if errors.Is(err, refusal) {
			problem(w, http.StatusConflict, refusal.Error())
			return
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		missing(w)
		return
	}
	var items []map[string]any
	tag := ""
	if err == nil {
		items, err = seen(a.registrantSet().table([]volunteers.Registrant{g}), t, time.Time{})
	}
	if err == nil {
		tag, err = a.tag(g)
	}
	if err != nil || len(items) == 0 {
		a.broken(w, "moving one of the "+find.Registrants, err)
		return
	}
	w.Header().Set("ETag", tag)
	reply(w, http.StatusOK, items[0])
}

// reaches reports that the registrant of the address may be known to whoever runs
// the program; else it answers itself.
func (a *API) reaches(w http.ResponseWriter, r *http.Request, t roster.Token) bool {
	g, err := a.cfg.Registrants.Get(r.PathValue("id"))
	var items []map[string]any
	if err == nil {
		items, err = seen(a.registrantSet().table([]volunteers.Registrant{g}), t, time.Time{})
	}
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && len(items) == 0:
		missing(w)
		return false
	case err != nil:
		a.broken(w, "reading one of the "+find.Registrants, err)
		return false
	}
	return true
}
