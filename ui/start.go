package ui

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"

	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// start is what comes before the first call: sound, practice, questions.
func (s *Server) start(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.Start(page.StartPage{Frame: s.frame(r, v, "start.title"), Account: v.account, Fresh: r.URL.Query().Has("new")}))
}

func (s *Server) soundCheck(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.SoundCheck(page.SoundPage{Frame: s.frame(r, v, "sound.title")}))
}

// soundFigures is what the sound check has measured. Levels are in dBFS, times
// in milliseconds, loss in per cent.
type soundFigures struct {
	peak, noise, rtt, jitter, loss float64
	heard, rang                    bool
}

// judge says whether calls can be taken with this sound, and what is wrong,
// the worst first. What is merely not good never keeps anybody from helping.
func (f soundFigures) judge() (verdict string, faults []string) {
	var stops, warns []string
	for _, check := range []struct {
		fault      string
		stop, warn bool
	}{
		{"silent", f.peak < -50, false},
		{"deaf", !f.heard, false},
		{"bell", !f.rang, false},
		{"network", f.rtt > 300 || f.jitter > 50 || f.loss > 3, f.rtt > 150 || f.jitter > 30 || f.loss > 1},
		{"quiet", false, f.peak < -30},
		{"loud", false, f.peak > -1},
		{"noise", false, f.noise > -35},
	} {
		switch {
		case check.stop:
			stops = append(stops, check.fault)
		case check.warn:
			warns = append(warns, check.fault)
		}
	}
	switch {
	case len(stops) > 0:
		return "stop", append(stops, warns...)
	case len(warns) > 0:
		return "fair", warns
	}
	return "good", nil
}

func (s *Server) soundResult(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	var figures soundFigures
	found := map[string]string{}
	for name, to := range map[string]*float64{"peak": &figures.peak, "noise": &figures.noise, "rtt": &figures.rtt, "jitter": &figures.jitter, "loss": &figures.loss} {
		value, err := strconv.ParseFloat(r.PostForm.Get(name), 64)
		if err != nil || math.IsNaN(value) || math.IsInf(value, 0) || math.Abs(value) > 1e6 {
			s.problem(w, r, v, http.StatusBadRequest, "method")
			return
		}
		*to, found[name] = value, strconv.FormatFloat(value, 'f', 0, 64)
	}
	figures.heard, figures.rang = r.PostForm.Get("heard") == "yes", r.PostForm.Get("rang") == "yes"
	p := page.SoundPage{Back: "/desk/start"}
	if v.account.Prepared() {
		p.Back = "/desk"
	}
	p.Verdict, p.Faults = figures.judge()
	if p.Verdict != "stop" {
		found["verdict"] = p.Verdict
		if err := s.cfg.Accounts.NoteStep(r.Context(), v.account.ID, roster.StepSound, found); err != nil {
			s.broken(w, r, v, "noting a sound check", err)
			return
		}
	}
	p.Frame = s.frame(r, v, "sound.title")
	s.show(w, r, http.StatusOK, page.SoundCheck(p))
}

// The questions before the first call, and what is right. Their words are
// texts of the pages.
var quizAnswers = []string{"b", "c", "a", "c", "b"}

func quizChoices() []string { return []string{"a", "b", "c"} }

func (s *Server) quiz(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.Quiz(page.QuizPage{Frame: s.frame(r, v, "quiz.title"), Asked: len(quizAnswers), Choices: quizChoices()}))
}

func (s *Server) quizDone(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading a form", err)
		return
	}
	p := page.QuizPage{Frame: s.frame(r, v, "quiz.title"), Asked: len(quizAnswers), Choices: quizChoices(), Given: map[int]string{}, Wrong: map[int]bool{}, Tried: true}
	for i, right := range quizAnswers {
		p.Given[i+1] = known(r.PostForm.Get(fmt.Sprint("q", i+1)), quizChoices())
		if p.Given[i+1] != right {
			p.Wrong[i+1] = true
		}
	}
	if len(p.Wrong) > 0 {
		s.show(w, r, http.StatusUnprocessableEntity, page.Quiz(p))
		return
	}
	if err := s.cfg.Accounts.NoteStep(r.Context(), v.account.ID, roster.StepQuiz, nil); err != nil {
		s.broken(w, r, v, "noting the questions", err)
		return
	}
	http.Redirect(w, r, "/desk/start", http.StatusSeeOther)
}

// practice is the desk page on a call that is not real.
func (s *Server) practice(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.Desk(page.DeskPage{Frame: s.frame(r, v, "practice.title"), Socket: "/ws/practice"}))
}

func (s *Server) practiceSocket(w http.ResponseWriter, r *http.Request, v visit) {
	language := s.textFor(r).Lang()
	if !slices.Contains(s.cfg.Offered, language) {
		language = s.cfg.Offered[0]
	}
	s.openDeskSocket(w, r, v, s.cfg.Desk.Practise(PersonOf(v.account), language, func() {
		ctx, stop := context.WithTimeout(context.Background(), commandLimit)
		defer stop()
		if err := s.cfg.Accounts.NoteStep(ctx, v.account.ID, roster.StepPractice, nil); err != nil {
			s.cfg.Log.Error("a practised call could not be noted", "account", v.account.ID, "error", err)
		}
	}))
}
