package ui

import (
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/ivr/bulletins"
	"hotline/triage/supervise"
	"hotline/ui/page"
)

// by is whoever is signed in, as somebody who gives a command.
func (v visit) by() supervise.Who {
	return supervise.Who{ID: v.account.ID, Name: v.account.Name, Via: "web"}
}

// lockAlertFor is how long the floor tells that a PIN was locked.
const (
	lockAlertFor = time.Hour
	mostLocks    = 3 // the newest say enough
)

// warnings are what a supervisor has to know that no caller says.
func (s *Server) warnings(now time.Time) (page.Warnings, error) {
	locked, err := s.locks.events(s.cfg.Journal, now)
	if err != nil {
		return page.Warnings{}, fmt.Errorf("reading the last locks: %w", err)
	}
	locked = slices.DeleteFunc(locked, func(ev events.Event) bool { return now.Sub(ev.At) > lockAlertFor })
	w := page.Warnings{Alerts: s.cfg.Supervise.Alerts(now), Overdue: len(s.cfg.Supervise.State(now).Overdue)}
	for _, ev := range locked {
		name := ""
		if account, err := s.cfg.Accounts.Get(ev.Agent); err == nil {
			name = account.Name
		}
		w.Locked = append(w.Locked, page.Locked{At: ev.At, Name: name})
	}
	return w, nil
}

// --- undo --------------------------------------------------------------------

func (s *Server) undo(w http.ResponseWriter, r *http.Request, v visit) {
	what, err := s.cfg.Supervise.Undo(r.Context(), v.by())
	if errors.Is(err, supervise.ErrNothingToUndo) {
		http.Redirect(w, r, "/floor/lines?done=nothing", http.StatusSeeOther)
		return
	}
	if err != nil {
		s.broken(w, r, v, "taking a change back", err)
		return
	}
	http.Redirect(w, r, "/floor/lines?done=undo."+what, http.StatusSeeOther)
}

// --- lines and calling in ----------------------------------------------------

func (s *Server) lines(w http.ResponseWriter, r *http.Request, v visit) {
	s.showLines(w, r, v, http.StatusOK, "")
}

func (s *Server) showLines(w http.ResponseWriter, r *http.Request, v visit, status int, trouble string) {
	people, err := s.cfg.Supervise.Reachable(v.by())
	scope, state := s.scope(v), s.cfg.Supervise.State(time.Now())
	state.CallOut.People = slices.DeleteFunc(state.CallOut.People, func(p supervise.Called) bool { return !scope.Has(p.Account) })
	content := page.LinesPage{Frame: s.frame(r, v, "lines.title"), State: state, Reachable: len(people), Scope: scope,
		NoLine: errors.Is(err, supervise.ErrNoLine), Trouble: trouble, Done: known(r.URL.Query().Get("done"), page.LinesDone())}
	if err != nil && !content.NoLine && !errors.Is(err, supervise.ErrNobody) {
		s.broken(w, r, v, "looking who could be called in", err)
		return
	}
	s.show(w, r, status, page.Lines(content))
}

// known keeps a word of the address only if it is one of ours.
func known(word string, words []string) string {
	if slices.Contains(words, word) {
		return word
	}
	return ""
}

func (s *Server) lineSet(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	queue, done := r.PostForm.Get("queue"), "opened"
	var err error
	if r.PostForm.Get("to") == "closed" {
		done = "closed"
		err = s.cfg.Supervise.CloseQueue(r.Context(), v.by(), queue)
	} else {
		err = s.cfg.Supervise.OpenQueue(r.Context(), v.by(), queue)
	}
	if err != nil {
		f := s.frame(r, v, "lines.title")
		s.showLines(w, r, v, http.StatusUnprocessableEntity, f.F("steer.refused", "why", f.Said(err.Error())))
		return
	}
	http.Redirect(w, r, "/floor/lines?done="+done, http.StatusSeeOther)
}

func (s *Server) callOut(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	done, err := "calling", error(nil)
	if r.PostForm.Get("do") == "stop" {
		done = "stopped"
		err = s.cfg.Supervise.StopCallOut(r.Context(), v.by())
	} else {
		_, err = s.cfg.Supervise.CallOut(r.Context(), v.by())
	}
	if err != nil {
		f := s.frame(r, v, "lines.title")
		s.showLines(w, r, v, http.StatusUnprocessableEntity, f.F("steer.refused", "why", f.Said(err.Error())))
		return
	}
	http.Redirect(w, r, "/floor/lines?done="+done, http.StatusSeeOther)
}

// --- bulletins ---------------------------------------------------------------

func (s *Server) bulletins(w http.ResponseWriter, r *http.Request, v visit) {
	s.showBulletins(w, r, v, http.StatusOK, page.BulletinForm{Hours: strconv.Itoa(int(bulletins.DefaultFor / time.Hour))}, "")
}

func (s *Server) showBulletins(w http.ResponseWriter, r *http.Request, v visit, status int, form page.BulletinForm, trouble string) {
	s.show(w, r, status, page.Bulletins(page.BulletinsPage{Frame: s.frame(r, v, "bulletins.title"), List: s.cfg.Supervise.Bulletins(),
		Offered: s.cfg.Offered, Form: form, Trouble: trouble, Done: known(r.URL.Query().Get("done"), page.BulletinsDone())}))
}

// bulletinAdd publishes a text, an uploaded file or what was just recorded in
// the browser.
func (s *Server) bulletinAdd(w http.ResponseWriter, r *http.Request, v visit) {
	f := s.frame(r, v, "bulletins.title")
	draft, form, err := s.readBulletin(r)
	if err == nil {
		_, err = s.cfg.Supervise.Publish(r.Context(), v.by(), draft)
	}
	var mistake errForm
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		http.Redirect(w, r, "/floor/bulletins?done=published", http.StatusSeeOther)
	case errors.As(err, &tooLarge):
		s.broken(w, r, v, "reading a bulletin", err)
	case errors.As(err, &mistake):
		s.showBulletins(w, r, v, http.StatusUnprocessableEntity, form, f.T(string(mistake)))
	case errors.Is(err, audio.ErrNotWAV):
		s.cfg.Log.Info("a bulletin was refused", "error", err)
		s.showBulletins(w, r, v, http.StatusUnprocessableEntity, form, f.F("bulletins.wrong.sound", "seconds", strconv.Itoa(int(bulletins.MaxLength/time.Second))))
	default:
		s.cfg.Log.Info("a bulletin was refused", "error", err)
		s.showBulletins(w, r, v, http.StatusUnprocessableEntity, form, f.F("steer.refused", "why", f.Said(err.Error())))
	}
}

func (s *Server) readBulletin(r *http.Request) (bulletins.Draft, page.BulletinForm, error) {
	form := page.BulletinForm{}
	err := r.ParseMultipartForm(1 << 20)
	if errors.Is(err, http.ErrNotMultipart) {
		return bulletins.Draft{}, form, errForm("bulletins.wrong.empty")
	}
	if err != nil {
		return bulletins.Draft{}, form, fmt.Errorf("reading the form: %w", err)
	}
	defer func() {
		if err := r.MultipartForm.RemoveAll(); err != nil {
			s.cfg.Log.Warn("an uploaded file could not be removed from the temporary folder", "error", err)
		}
	}()
	form = page.BulletinForm{Language: r.PostForm.Get("language"), Text: clean(r.PostForm.Get("text"), bulletins.MaxText), Hours: clean(r.PostForm.Get("hours"), 4)}
	hours, err := strconv.Atoi(form.Hours)
	if err != nil || hours < 1 || time.Duration(hours)*time.Hour > bulletins.MaxFor {
		return bulletins.Draft{}, form, errForm("bulletins.wrong.hours")
	}
	draft := bulletins.Draft{Language: form.Language, Text: form.Text, For: time.Duration(hours) * time.Hour}
	files := slices.DeleteFunc(r.MultipartForm.File["sound"], func(h *multipart.FileHeader) bool { return h.Size == 0 })
	if len(files) > 0 {
		if draft.Sound, err = s.soundIn(r.Context(), files[0], bulletins.MaxLength); err != nil {
			return bulletins.Draft{}, form, err
		}
	}
	if draft.Sound == nil && draft.Text == "" {
		return bulletins.Draft{}, form, errForm("bulletins.wrong.empty")
	}
	return draft, form, nil
}

func (s *Server) bulletinChange(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	id, done := r.PathValue("id"), r.PostForm.Get("do")
	var err error
	switch done {
	case "withdraw":
		err = s.cfg.Supervise.Withdraw(r.Context(), v.by(), id)
	case "renew":
		err = s.cfg.Supervise.Renew(r.Context(), v.by(), id, 0)
	case "up":
		err = s.cfg.Supervise.Up(r.Context(), v.by(), id)
	default:
		s.problem(w, r, v, http.StatusBadRequest, "method")
		return
	}
	if err != nil {
		f := s.frame(r, v, "bulletins.title")
		s.showBulletins(w, r, v, http.StatusUnprocessableEntity, page.BulletinForm{Hours: "6"}, f.F("steer.refused", "why", f.Said(err.Error())))
		return
	}
	http.Redirect(w, r, "/floor/bulletins?done="+done, http.StatusSeeOther)
}

func (s *Server) bulletinSound(w http.ResponseWriter, r *http.Request, v visit) {
	s.sound(w, r, v, s.cfg.Supervise.BulletinSound(strings.TrimSuffix(r.PathValue("sound"), ".wav")))
}
