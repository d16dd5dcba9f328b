package api

import (
	"errors"
	"net/http"
	"time"

	"hotline/appliance/call"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/triage/supervise"
	"hotline/ui/words"
	"hotline/volunteers/roster"
)

// The commands of supervisors.

// by is a program as somebody who gives a command.
func by(t roster.Token) supervise.Who {
	return supervise.Who{ID: t.By, Name: t.Name, Via: "api"}
}

type modeJSON struct {
	Mode          string     `json:"mode"`
	Since         *time.Time `json:"since,omitempty"`
	Expires       *time.Time `json:"expires,omitempty"`
	By            string     `json:"by,omitempty"`
	Via           string     `json:"via,omitempty"`
	Announcement  bool       `json:"announcement"`
	Rung          string     `json:"rung"`
	Held          bool       `json:"held"`
	UndoPossible  bool       `json:"undo_possible"`
	ExpectedWaitS *int       `json:"expected_wait_s"`
}

func modeOf(state mode.State) modeJSON {
	m := modeJSON{Mode: state.Mode, By: state.Name, Via: state.Via, Announcement: state.HasAnnouncement, Rung: state.Rung.String(), Held: state.Held, UndoPossible: state.Undoes != ""}
	if state.Active {
		m.Since, m.Expires = &state.Since, &state.Expires
	}
	if state.Load.Wait >= 0 {
		seconds := int(state.Load.Wait.Seconds())
		m.ExpectedWaitS = &seconds
	}
	return m
}

type queueJSON struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Closed        bool   `json:"closed"`
	Waiting       int    `json:"waiting"`
	LongestS      int    `json:"longest_s"`
	Agents        int    `json:"agents"`
	Ready         int    `json:"ready"`
	ExpectedWaitS *int   `json:"expected_wait_s"`
}

func (a *API) queuesOf(state supervise.State) []queueJSON {
	list := []queueJSON{}
	text := a.cfg.Words.Choose(words.English, "").With(a.cfg.Routing.Routing().Texts(words.English))
	for _, q := range state.Queues {
		one := queueJSON{ID: q.ID, Name: text.Or("queue."+q.ID, q.ID), Closed: q.Closed, Waiting: q.Waiting, LongestS: int(q.Longest.Seconds()), Agents: q.Agents, Ready: q.Ready}
		if q.Wait >= 0 {
			seconds := int(q.Wait.Seconds())
			one.ExpectedWaitS = &seconds
		}
		list = append(list, one)
	}
	return list
}

type bulletinJSON struct {
	ID         string    `json:"id"`
	Language   string    `json:"language"`
	Text       string    `json:"text,omitempty"`
	LengthS    int       `json:"length_s"`
	Author     string    `json:"author,omitempty"`
	AsOf       time.Time `json:"as_of"`
	ValidUntil time.Time `json:"valid_until"`
	Plays      bool      `json:"plays"`
}

func bulletinOf(b bulletins.Bulletin, now time.Time) bulletinJSON {
	return bulletinJSON{ID: b.ID, Language: b.Language, Text: b.Text, LengthS: b.Length / 1000, Author: b.Name, AsOf: b.AsOf, ValidUntil: b.ValidUntil, Plays: b.Plays(now)}
}

func (a *API) state(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	state := a.cfg.Supervise.State(time.Now())
	reply(w, http.StatusOK, map[string]any{"mode": modeOf(state.Mode), "queues": a.queuesOf(state),
		"bulletins_playing": state.Playing, "bulletins_overdue": len(state.Overdue)})
}

func (a *API) mode(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	reply(w, http.StatusOK, modeOf(a.cfg.Mode.Current(time.Now())))
}

func (a *API) setMode(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Mode    string `json:"mode"`
		Hours   int    `json:"hours"`
		Partner string `json:"partner"`
	}
	if !read(w, r, &wanted) {
		return
	}
	state, err := a.cfg.Supervise.SetMode(r.Context(), by(t), mode.Change{Mode: wanted.Mode, For: time.Duration(wanted.Hours) * time.Hour,
		Partner: call.ParseNumber(wanted.Partner, a.cfg.Region)})
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	reply(w, http.StatusOK, modeOf(state))
}

func (a *API) undo(w http.ResponseWriter, r *http.Request, t roster.Token) {
	what, err := a.cfg.Supervise.Undo(r.Context(), by(t))
	if errors.Is(err, supervise.ErrNothingToUndo) {
		problem(w, http.StatusConflict, err.Error())
		return
	}
	if err != nil {
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	reply(w, http.StatusOK, map[string]string{"undone": what})
}

func (a *API) bulletins(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	now, list := time.Now(), []bulletinJSON{}
	for _, b := range a.cfg.Supervise.Bulletins() {
		list = append(list, bulletinOf(b, now))
	}
	reply(w, http.StatusOK, list)
}

func (a *API) publish(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Language string    `json:"language"`
		Text     string    `json:"text"`
		AsOf     time.Time `json:"as_of"`
		Hours    int       `json:"hours"`
	}
	if !read(w, r, &wanted) {
		return
	}
	b, err := a.cfg.Supervise.Publish(r.Context(), by(t), bulletins.Draft{Language: wanted.Language, Text: clean(wanted.Text, bulletins.MaxText+1),
		AsOf: wanted.AsOf, For: time.Duration(wanted.Hours) * time.Hour})
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	reply(w, http.StatusCreated, bulletinOf(b, time.Now()))
}

func (a *API) withdraw(w http.ResponseWriter, r *http.Request, t roster.Token) {
	err := a.cfg.Supervise.Withdraw(r.Context(), by(t), r.PathValue("id"))
	if errors.Is(err, bulletins.ErrNone) {
		problem(w, http.StatusNotFound, err.Error())
		return
	}
	if err != nil {
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) queues(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	reply(w, http.StatusOK, a.queuesOf(a.cfg.Supervise.State(time.Now())))
}

func (a *API) setQueue(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Closed *bool `json:"closed"`
	}
	if !read(w, r, &wanted) {
		return
	}
	if wanted.Closed == nil {
		problem(w, http.StatusBadRequest, `say {"closed": true} or {"closed": false}`)
		return
	}
	act := a.cfg.Supervise.OpenQueue
	if *wanted.Closed {
		act = a.cfg.Supervise.CloseQueue
	}
	if err := act(r.Context(), by(t), r.PathValue("id")); err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	for _, q := range a.queuesOf(a.cfg.Supervise.State(time.Now())) {
		if q.ID == r.PathValue("id") {
			reply(w, http.StatusOK, q)
			return
		}
	}
}
