package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/history"
	"hotline/appliance/store"
	"hotline/triage/find"
	"hotline/ui/page"
	"hotline/volunteers"
)

func (s *Server) person(w http.ResponseWriter, r *http.Request, v visit) {
	s.showPerson(w, r, v, http.StatusOK, nil, "")
}

// showPerson shows a registered volunteer; form is what could not be saved as
// it was sent.
func (s *Server) showPerson(w http.ResponseWriter, r *http.Request, v visit, status int, form []page.FormField, trouble string) {
	g, err := s.cfg.Registrants.Get(r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err == nil {
		err = s.viewed(r, v, find.Registrants, g.ID)
	}
	if err != nil {
		s.broken(w, r, v, "reading a registered volunteer", err)
		return
	}
	f := s.frame(r, v, "person.title")
	if trouble != "" {
		f.Title = f.T("problem.title") + ": " + f.Title
	}
	content := page.PersonPage{Frame: f, Person: g, Form: form, Trouble: trouble, Done: r.URL.Query().Get("done")}
	if content.Form == nil {
		content.Form = page.PersonFields(f)
		if err := fillForm(content.Form, g); err != nil {
			s.broken(w, r, v, "showing a registered volunteer", err)
			return
		}
	}
	if err := s.aroundPerson(&content); err != nil {
		s.broken(w, r, v, "reading what belongs to a registered volunteer", err)
		return
	}
	s.show(w, r, status, page.PersonRecord(content))
}

func (s *Server) aroundPerson(p *page.PersonPage) (err error) {
	g := p.Person
	entries, err := s.cfg.Registrants.History(g.ID)
	if err != nil {
		return err
	}
	p.Timeline = page.Timeline(p.Frame, find.Registrants, p.Form, entries, nil, s.who())
	if p.Same, err = s.cfg.Registrants.SamePerson(g); err != nil {
		return err
	}
	for _, id := range append([]string{g.ID}, g.Merged...) {
		shifts, err := s.cfg.Hours.Of(id)
		if err != nil {
			return err
		}
		p.Shifts = append(p.Shifts, shifts...)
	}
	slices.SortFunc(p.Shifts, func(a, b volunteers.Shift) int { return b.CheckIn.Compare(a.CheckIn) })
	for _, id := range g.Merged {
		if err := taken(&p.Merged, s.cfg.Registrants.Get, id); err != nil {
			return err
		}
	}
	if g.DuplicateOf != "" {
		return taken(&p.Into, s.cfg.Registrants.Get, g.DuplicateOf)
	}
	return nil
}

func (s *Server) personDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a registered volunteer", err)
		return
	}
	id, do := r.PathValue("id"), r.PostForm.Get("do")
	if do == "save" {
		s.personSave(w, r, v)
		return
	}
	to, err := s.workOnPerson(r.Context(), id, do, r.PostForm, v)
	if err != nil {
		if key := personTrouble(err); key != "" {
			s.showPerson(w, r, v, http.StatusConflict, nil, s.textFor(r).T(key))
			return
		}
		if errors.Is(err, store.ErrNotFound) {
			s.problem(w, r, v, http.StatusNotFound, "missing")
			return
		}
		s.broken(w, r, v, "working on a registered volunteer", err)
		return
	}
	http.Redirect(w, r, recordPath(find.Registrants, to)+"?done="+url.QueryEscape(do), http.StatusSeeOther)
}

func (s *Server) personSave(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.frame(r, v, "person.title")
	form := page.PersonFields(f)
	changed, shown := readForm(form, r.PostForm)
	s.parseNumbers(changed)
	_, conflicts, err := s.cfg.Registrants.Change(r.Context(), r.PathValue("id"), history.Edit{By: v.account.ID, Via: "web", Fields: changed, Shown: shown})
	var field volunteers.FieldError
	switch {
	case errors.As(err, &field):
		s.showPerson(w, r, v, http.StatusUnprocessableEntity, form, f.Said(field.Text))
	case errors.Is(err, store.ErrNotFound):
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case err != nil:
		s.broken(w, r, v, "saving a registered volunteer", err)
	case len(conflicts) > 0:
		disagree(form, conflicts)
		s.showPerson(w, r, v, http.StatusConflict, form, f.T("form.disputed.h"))
	default:
		http.Redirect(w, r, recordPath(find.Registrants, r.PathValue("id"))+"?done=save", http.StatusSeeOther)
	}
}

// parseNumbers writes telephone numbers as records have them.
func (s *Server) parseNumbers(fields map[string]any) {
	for _, name := range []string{"phone", "phone_2", "emergency_phone", "guardian_phone"} {
		if text, is := fields[name].(string); is {
			fields[name] = string(call.ParseNumber(clean(text, 32), s.cfg.Region))
		}
	}
}

var (
	errPersonWhat = errors.New("an unknown action on a registered volunteer")
	errPersonCode = errors.New("there is no registered volunteer with this code")
	errPersonTime = errors.New("the times of a shift cannot be read")
)

// workOnPerson returns the id of the person to be shown next.
func (s *Server) workOnPerson(ctx context.Context, id, do string, form url.Values, v visit) (string, error) {
	why, me := clean(form.Get("why"), reasonMax), v.account.ID
	switch do {
	case "move":
		_, err := s.cfg.Registrants.Move(ctx, id, form.Get("step"), history.Edit{By: me, Via: "web", Why: why})
		return id, err
	case "agree":
		how := form.Get("how")
		if !slices.Contains([]string{"voice", "paper"}, how) {
			return id, errPersonWhat
		}
		_, err := s.cfg.Registrants.Agree(ctx, id, form.Get("to"), how, me)
		return id, err
	case "in":
		_, err := s.cfg.Hours.CheckIn(ctx, id, "", volunteers.MethodHand)
		return id, err
	case "out":
		_, _, err := s.cfg.Hours.CheckOut(ctx, id, "", volunteers.MethodHand)
		return id, err
	case "correct":
		in, err := moment(form.Get("from"))
		if err != nil {
			return id, errPersonTime
		}
		out, err := moment(form.Get("until"))
		if err != nil {
			return id, errPersonTime
		}
		_, err = s.cfg.Hours.Correct(ctx, form.Get("registrant"), form.Get("shift"), in, out, me, why)
		return id, err
	case "work":
		w, err := workOf(form)
		if err == nil {
			_, err = s.cfg.Hours.Describe(ctx, form.Get("registrant"), form.Get("shift"), w, form.Get("confirm") != "", me)
		}
		return id, err
	case "pin":
		return id, s.cfg.Hours.ResetPIN(ctx, id, me)
	case "merge":
		keep, err := s.cfg.Registrants.ByCode(onlyDigits(form.Get("code")))
		if errors.Is(err, store.ErrNotFound) {
			return id, errPersonCode
		}
		if err == nil {
			_, err = s.cfg.Registrants.Merge(ctx, keep.ID, id, me, why)
		}
		return keep.ID, err
	case "unmerge":
		_, err := s.cfg.Registrants.Unmerge(ctx, form.Get("person"), me, why)
		return form.Get("person"), err
	}
	return id, errPersonWhat
}

// workOf reads what was done in a shift.
func workOf(form url.Values) (w volunteers.Work, err error) {
	number := func(name string) float64 {
		text := strings.ReplaceAll(clean(form.Get(name), 12), ",", ".")
		if text == "" {
			return 0
		}
		n, wrong := strconv.ParseFloat(text, 64)
		if wrong != nil || !(n >= 0 && n < 1e6) {
			err = volunteers.ErrShiftWork
		}
		return n
	}
	text := func(name string) string { return clean(form.Get(name), reasonMax) }
	w = volunteers.Work{Organisation: text("organisation"), Job: text("job"), Activity: text("activity"), Site: text("site"), Place: text("place"), Address: text("address"),
		Equipment: text("equipment"), EquipmentHours: number("equipment_hours")}
	minutes, km := number("break_min"), number("vehicle_km")
	if err == nil {
		w.Break, w.VehicleKM = int(minutes), int(km)
	}
	return w, err
}

func personTrouble(err error) string {
	for refusal, key := range map[error]string{volunteers.ErrStep: "step", volunteers.ErrStepWhy: "why", volunteers.ErrScreening: "screening", volunteers.ErrConsents: "consents",
		volunteers.ErrGuardian: "guardian", volunteers.ErrDaytime: "daytime", volunteers.ErrMerge: "merge", volunteers.ErrUnmerge: "unmerge", volunteers.ErrCheckedIn: "in", volunteers.ErrNotCheckedIn: "out",
		volunteers.ErrNoShift: "shift", volunteers.ErrShiftTimes: "times", volunteers.ErrShiftWhy: "why", volunteers.ErrShiftWork: "work", errPersonWhat: "what", errPersonCode: "code", errPersonTime: "times"} {
		if errors.Is(err, refusal) {
			return "person.wrong." + key
		}
	}
	var field volunteers.FieldError
	if errors.As(err, &field) {
		return "person.wrong.what"
	}
	return ""
}

// personSound plays what somebody said when registering: their name, and what
// they can do. Who listens is noted.
func (s *Server) personSound(w http.ResponseWriter, r *http.Request, v visit) {
	id, name := r.PathValue("id"), r.PathValue("sound")
	if name != volunteers.RecordingName+".wav" && name != volunteers.RecordingSkills+".wav" {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	clip, err := s.cfg.Registrants.Sound(id, name[:len(name)-len(".wav")])
	if errors.Is(err, store.ErrNotFound) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err == nil {
		err = s.viewed(r, v, find.Registrants+"/sound", id)
	}
	if err != nil {
		s.broken(w, r, v, "reading what a registered volunteer said", err)
		return
	}
	s.sound(w, r, v, clip)
}

// newPerson is the form for somebody who registers on paper or in person.
func (s *Server) newPerson(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.frame(r, v, "newperson.title")
	s.show(w, r, http.StatusOK, page.NewRecord(page.NewPage{Frame: f, Kind: find.Registrants, Form: append(page.SignUpFields(f), page.PersonFields(f)...)}))
}

func (s *Server) addPerson(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a new registered volunteer", err)
		return
	}
	f := s.frame(r, v, "newperson.title")
	about, form := page.SignUpFields(f), page.PersonFields(f)
	paper, _ := readForm(about, r.PostForm)
	fields, _ := readForm(form, r.PostForm)
	s.parseNumbers(fields)
	again := func(trouble string) {
		f.Title = f.T("problem.title") + ": " + f.Title
		s.show(w, r, http.StatusUnprocessableEntity, page.NewRecord(page.NewPage{Frame: f, Kind: find.Registrants, Form: append(about, form...), Trouble: trouble}))
	}
	if agreed, _ := paper["agreed"].(bool); !agreed {
		again(f.T("newperson.wrong.consent"))
		return
	}
	at, err := moment(paper["at"])
	if err != nil {
		again(f.T("newcase.wrong.time"))
		return
	}
	source, _ := paper["source"].(string)
	if !slices.Contains([]string{"walk_in", "web"}, source) {
		source = "walk_in"
	}
	g, err := volunteers.Registrant{Source: source, Consent: volunteers.Consent{Given: true, At: consentAt(at), Version: "paper-1", How: "paper"}}.With(fields)
	if err == nil {
		g, err = s.cfg.Registrants.Enter(r.Context(), g, v.account.ID, at)
	}
	var field volunteers.FieldError
	switch {
	case errors.As(err, &field):
		again(f.Said(field.Text))
	case err != nil:
		s.broken(w, r, v, "writing down a registered volunteer", err)
	default:
		http.Redirect(w, r, recordPath(find.Registrants, g.ID)+"?done=new", http.StatusSeeOther)
	}
}

func consentAt(at time.Time) time.Time {
	if at.IsZero() {
		return time.Now().UTC()
	}
	return at.UTC()
}
