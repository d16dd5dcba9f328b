package ui

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/switches"
	sheets "hotline/appliance/table"
	"hotline/triage"
	"hotline/ui/page"
	"hotline/volunteers"
)

// Rounds: lists of people whom the hotline calls of its own accord.

func (s *Server) rounds(w http.ResponseWriter, r *http.Request, v visit) {
	s.showRounds(w, r, v, http.StatusOK, page.RoundForm{Source: "sheet", Manner: "ask", Margin: "0", Tries: "3"}, "")
}

func (s *Server) showRounds(w http.ResponseWriter, r *http.Request, v visit, status int, form page.RoundForm, trouble string) {
	content := page.RoundsPage{Frame: s.frame(r, v, "rounds.title"), Form: form, Trouble: trouble, Done: known(r.URL.Query().Get("done"), page.RoundsDone()),
		Allowed: s.cfg.RoundsOn(), Off: s.cfg.Switches.Off(switches.CallDowns), Queues: s.queues()}
	var err error
	if content.List, err = s.cfg.Rounds.Rounds(); err == nil {
		content.Stops, err = s.cfg.Rounds.StopList()
	}
	if err != nil {
		s.broken(w, r, v, "reading the rounds", err)
		return
	}
	if trouble != "" {
		content.Title = content.T("problem.title") + ": " + content.Title
	}
	s.show(w, r, status, page.Rounds(content))
}

// roundMake makes a list of an uploaded sheet or of the records. Nobody is
// called before somebody has seen who would be.
func (s *Server) roundMake(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.frame(r, v, "rounds.title")
	form, people, err := s.readRound(r)
	var round triage.Round
	if err == nil {
		margin, _ := strconv.Atoi(form.Margin) // what is no number is none
		tries, _ := strconv.Atoi(form.Tries)
		round, err = s.cfg.Rounds.MakeRound(r.Context(), triage.Round{Operation: s.cfg.Operation, Name: form.Name, Queue: form.Queue, Preview: form.Manner == "see",
			Margin: margin, Tries: tries}, people, s.cfg.Region, v.account.ID, v.account.Name)
	}
	var mistake errForm
	var sheet sheets.SheetError
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		http.Redirect(w, r, "/rounds/"+url.PathEscape(round.ID), http.StatusSeeOther)
	case errors.As(err, &tooLarge):
		s.showRounds(w, r, v, http.StatusUnprocessableEntity, form, f.Said(string(sheets.ErrSheetTooLarge)))
	case errors.As(err, &mistake):
		s.showRounds(w, r, v, http.StatusUnprocessableEntity, form, f.T(string(mistake)))
	case errors.As(err, &sheet):
		s.showRounds(w, r, v, http.StatusUnprocessableEntity, form, f.Said(string(sheet)))
	case errors.Is(err, triage.ErrRoundEmpty):
		s.showRounds(w, r, v, http.StatusUnprocessableEntity, form, f.T("rounds.wrong.empty"))
	case errors.Is(err, triage.ErrRoundLong):
		s.showRounds(w, r, v, http.StatusUnprocessableEntity, form, f.F("rounds.wrong.long", "n", strconv.Itoa(triage.MaxRoundPeople)))
	default:
		s.broken(w, r, v, "making a round", err)
	}
}

func (s *Server) readRound(r *http.Request) (form page.RoundForm, people []triage.ListedPerson, err error) {
	if err := r.ParseMultipartForm(sheets.MaxSheetFile + maxForm); err != nil {
		if errors.Is(err, http.ErrNotMultipart) {
			return form, nil, errForm("rounds.wrong.name")
		}
		return form, nil, fmt.Errorf("reading the form: %w", err)
	}
	defer func() { err = errors.Join(err, r.MultipartForm.RemoveAll()) }()
	form = page.RoundForm{Name: clean(r.PostForm.Get("name"), 80), Source: r.PostForm.Get("source"), Manner: r.PostForm.Get("manner"), Queue: known(r.PostForm.Get("queue"), s.queues()),
		Margin: clean(r.PostForm.Get("margin"), 3), Tries: clean(r.PostForm.Get("tries"), 1)}
	switch {
	case form.Name == "":
		return form, nil, errForm("rounds.wrong.name")
	case form.Queue == "":
		form.Queue = triage.QueueHelp
	}
	switch form.Source {
	case "sheet":
		people, err = s.sheetOf(r)
	case triage.SourceItem:
		people, err = s.openPeople()
	case triage.SourceCase:
		err = s.cfg.Cases.Each(func(cs triage.Case) bool {
			if cs.Caller.E164() && !cs.Protected && !cs.Fields.ChildAlone && cs.DuplicateOf == "" {
				people = append(people, triage.ListedPerson{Name: cs.Code, Number: string(cs.Caller), Language: cs.Language, Source: triage.SourceCase, Ref: cs.ID})
			}
			return true
		})
	case triage.SourceRegistrant:
		err = s.cfg.Registrants.Each(func(one volunteers.Registrant) error {
			gone := one.Status == volunteers.StatusWithdrawn || one.Status == volunteers.StatusDeclined || one.Status == volunteers.StatusDuplicate
			if one.Phone.E164() && !gone {
				people = append(people, triage.ListedPerson{Name: one.GivenName + " " + one.FamilyName, Number: string(one.Phone), Language: known(first(one.Languages), s.cfg.Offered),
					Source: triage.SourceRegistrant, Ref: one.ID})
			}
			return nil
		})
	default:
		return form, nil, errForm("rounds.wrong.source")
	}
	return form, people, err
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func (s *Server) sheetOf(r *http.Request) ([]triage.ListedPerson, error) {
	file, _, err := r.FormFile("sheet")
	if err != nil {
		return nil, errForm("rounds.wrong.file")
	}
	raw, err := io.ReadAll(io.LimitReader(file, sheets.MaxSheetFile+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, errForm("rounds.wrong.file")
	}
	sheet, err := sheets.ReadSheet(raw)
	if err != nil {
		return nil, err
	}
	return triage.ReadRoundList(sheet, s.cfg.Region, s.cfg.Offered)
}

// openPeople are those of the worklist who may be called by a machine: not who
// has told something in private, and not who complains about us.
func (s *Server) openPeople() (people []triage.ListedPerson, err error) {
	found, err := s.cfg.Worklist.Worklist(triage.Pick{Limit: triage.MaxRoundPeople})
	for _, i := range found.Items {
		if i.Number.E164() && !i.NoCall && !i.Private && !i.Complaint {
			people = append(people, triage.ListedPerson{Number: string(i.Number), Language: i.Language, Source: triage.SourceItem, Ref: i.ID})
		}
	}
	return people, err
}

// shownPeople bounds how many people of a round are listed on its page.
const shownPeople = 200

func (s *Server) round(w http.ResponseWriter, r *http.Request, v visit) {
	s.showRound(w, r, v, http.StatusOK, "")
}

func (s *Server) showRound(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string) {
	content := page.RoundPage{Frame: s.frame(r, v, "round.title"), Trouble: trouble, Done: known(r.URL.Query().Get("done"), page.RoundDone()), Records: v.role == coordinator,
		Allowed: s.cfg.RoundsOn(), Off: s.cfg.Switches.Off(switches.CallDowns)}
	var err error
	content.Round, content.Figures, err = s.cfg.Rounds.Round(r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if err == nil {
		err = s.cfg.Rounds.EachInRound(content.Round.ID, func(p triage.RoundPerson) bool {
			if len(content.People) == shownPeople {
				content.More = true
				return false
			}
			content.People = append(content.People, p)
			return true
		})
	}
	if err == nil && content.Round.State == triage.RoundDraft {
		may := func(call.Number) bool { return false }
		if content.Allowed {
			may = s.cfg.RoundMay
		}
		content.Calls, content.Left, err = s.cfg.Rounds.DryRun(content.Round.ID, may)
	}
	if err == nil {
		content.Quiet, err = s.cfg.Worklist.QuietHours()
	}
	if err != nil {
		s.broken(w, r, v, "reading a round", err)
		return
	}
	s.show(w, r, status, page.OneRound(content))
}

// roundDo starts, pauses, goes on with, stops or destroys a round.
func (s *Server) roundDo(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of a round", err)
		return
	}
	id, what := r.PathValue("id"), r.PostForm.Get("do")
	back, err := "/rounds/"+url.PathEscape(id)+"?done="+url.QueryEscape(what), error(nil)
	switch what {
	case "start":
		if !s.cfg.RoundsOn() {
			s.showRound(w, r, v, http.StatusConflict, s.textFor(r).T("rounds.denied"))
			return
		}
		err = s.cfg.Rounds.SetRound(r.Context(), id, triage.RoundRunning, v.account.ID)
	case "pause":
		err = s.cfg.Rounds.SetRound(r.Context(), id, triage.RoundPaused, v.account.ID)
	case "stop":
		err = s.cfg.Rounds.SetRound(r.Context(), id, triage.RoundStopped, v.account.ID)
	case "drop":
		back, err = "/rounds?done=dropped", s.cfg.Rounds.DropRound(r.Context(), id, v.account.ID)
	default:
		err = triage.ErrRoundState
	}
	switch {
	case err == nil:
		http.Redirect(w, r, back, http.StatusSeeOther)
	case errors.Is(err, store.ErrNotFound):
		s.problem(w, r, v, http.StatusNotFound, "missing")
	case errors.Is(err, triage.ErrRoundState):
		s.showRound(w, r, v, http.StatusConflict, s.textFor(r).T("round.wrong.state"))
	default:
		s.broken(w, r, v, "changing a round", err)
	}
}

// roundStops changes the list of numbers that no round dials.
func (s *Server) roundStops(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form of the stop list", err)
		return
	}
	form := page.RoundForm{Source: "sheet", Manner: "ask", Margin: "0", Tries: "3"}
	var err error
	done := "stopped"
	if id := r.PostForm.Get("remove"); id != "" {
		done, err = "unstopped", s.cfg.Rounds.UnstopNumber(r.Context(), id, v.account.ID)
	} else {
		form.Stop = clean(r.PostForm.Get("number"), 40)
		err = s.cfg.Rounds.StopNumber(r.Context(), call.ParseNumber(form.Stop, s.cfg.Region), v.account.ID, v.account.Name)
	}
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound):
		http.Redirect(w, r, "/rounds?done="+done, http.StatusSeeOther)
	case errors.Is(err, triage.ErrNoDial):
		s.showRounds(w, r, v, http.StatusUnprocessableEntity, form, s.textFor(r).T("rounds.wrong.number"))
	default:
		s.broken(w, r, v, "changing the stop list", err)
	}
}

// roundResults gives the results away, with a reason in the log.
func (s *Server) roundResults(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the form for results", err)
		return
	}
	id, format, reason := r.PathValue("id"), r.PostForm.Get("format"), clean(r.PostForm.Get("reason"), reasonMax)
	if _, _, err := s.cfg.Rounds.Round(id); err != nil {
		s.problem(w, r, v, http.StatusNotFound, "missing")
		return
	}
	if len([]rune(reason)) < reasonMin || format != "xlsx" && format != "csv" {
		s.showRound(w, r, v, http.StatusUnprocessableEntity, s.textFor(r).T("export.wrong.reason"))
		return
	}
	err := s.cfg.Journal.Note(r.Context(), events.Event{Kind: "export.made", Operation: s.cfg.Operation, By: v.account.ID, Via: "web",
		Data: map[string]string{"name": v.account.Name, "set": "round", "format": format, "reason": reason, "round": id}})
	if err != nil {
		s.broken(w, r, v, "noting an export", err)
		return
	}
	kind := "text/csv; charset=utf-8"
	if format == "xlsx" {
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fmt.Sprintf("round-%s.%s", time.Now().Format("2006-01-02-1504"), format)}))
	if err := s.cfg.Results(r.Context(), w, id, format); err != nil {
		s.cfg.Log.Error("the results of a round could not be written to their end", "round", id, "error", err)
		panic(http.ErrAbortHandler) // the browser must see that the file is broken
	}
}
