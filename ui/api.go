package ui

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"hotline/appliance/call"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/triage/supervise"
	"hotline/volunteers/roster"
)

// The programming interface: the commands of supervisors for programs, with a
// token instead of a sign-in. openapi.json describes it.

//go:embed openapi.json
var openAPI []byte

const (
	apiPrefix = "/api/v1"
	maxAPI    = 16 << 10
	// A token may make so many requests at once, and one more every second.
	apiBurst = 30
)

// apiRoute is one line of what programs can do.
type apiRoute struct {
	verb, path string
	scope      roster.Scope
	handle     func(*Server, http.ResponseWriter, *http.Request, roster.Token)
}

func apiTable() []apiRoute {
	return []apiRoute{
		{"GET", "/state", roster.ScopeState, (*Server).apiState},
		{"GET", "/mode", roster.ScopeState, (*Server).apiMode},
		{"PUT", "/mode", roster.ScopeMode, (*Server).apiSetMode},
		{"POST", "/undo", roster.ScopeMode, (*Server).apiUndo},
		{"GET", "/bulletins", roster.ScopeState, (*Server).apiBulletins},
		{"POST", "/bulletins", roster.ScopeBulletins, (*Server).apiPublish},
		{"DELETE", "/bulletins/{id}", roster.ScopeBulletins, (*Server).apiWithdraw},
		{"GET", "/reports", roster.ScopeState, (*Server).apiReports},
		{"GET", "/staffing", roster.ScopeState, (*Server).apiStaffing},
		{"GET", "/queues", roster.ScopeState, (*Server).apiQueues},
		{"GET", "/room", roster.ScopeState, (*Server).apiRoom},
		{"PUT", "/queues/{id}", roster.ScopeQueues, (*Server).apiSetQueue},
	}
}

// api answers programs. It knows no sessions: a browser's cookie opens nothing.
func (s *Server) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+apiPrefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(openAPI); err != nil {
			return // the program has gone
		}
	})
	for _, rt := range apiTable() {
		mux.Handle(rt.verb+" "+apiPrefix+rt.path, s.apiGuard(rt))
	}
	mux.HandleFunc(apiPrefix+"/", func(w http.ResponseWriter, _ *http.Request) {
		apiProblem(w, http.StatusNotFound, "there is nothing at this address: see "+apiPrefix+"/openapi.json")
	})
	return mux
}

func (s *Server) apiGuard(rt apiRoute) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || text == "" {
			s.unknownToken(w, r)
			return
		}
		if wait := s.limits.wait("guess "+sourceOf(r), time.Now(), false); wait > 0 {
			tooMany(w, wait)
			return
		}
		token, err := s.cfg.Accounts.CheckToken(r.Context(), strings.TrimSpace(text))
		if errors.Is(err, roster.ErrToken) {
			s.unknownToken(w, r)
			return
		}
		if err != nil {
			s.cfg.Log.Error("a token could not be looked up", "error", err)
			apiProblem(w, http.StatusInternalServerError, "the token could not be looked up; try again")
			return
		}
		if wait := s.limits.wait(token.ID, time.Now(), true); wait > 0 {
			tooMany(w, wait)
			return
		}
		if !token.May(rt.scope) {
			apiProblem(w, http.StatusForbidden, fmt.Sprintf("this token may not do that: it needs the scope %q", rt.scope))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxAPI)
		rt.handle(s, w, r, token)
	})
}

// unknownToken refuses, and counts against the address it came from.
func (s *Server) unknownToken(w http.ResponseWriter, r *http.Request) {
	if wait := s.limits.wait("guess "+sourceOf(r), time.Now(), true); wait > 0 {
		tooMany(w, wait)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="hotline"`)
	apiProblem(w, http.StatusUnauthorized, "give a valid token: Authorization: Bearer …")
}

func tooMany(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	apiProblem(w, http.StatusTooManyRequests, "too many requests: wait as long as Retry-After says")
}

// limits counts requests: each key has a bucket of apiBurst that fills by one a
// second.
type limits struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

const mostBuckets = 10_000

// wait is how long key has to wait for its next request; 0 is not at all. Only
// with take does the request count.
func (l *limits) wait(key string, now time.Time, take bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil || len(l.buckets) >= mostBuckets {
		l.buckets = map[string]bucket{}
	}
	b, known := l.buckets[key]
	if !known {
		b = bucket{apiBurst, now}
	}
	b.left = min(apiBurst, b.left+now.Sub(b.at).Seconds())
	b.at = now
	if b.left < 1 {
		l.buckets[key] = b
		return time.Duration((1 - b.left) * float64(time.Second))
	}
	if take {
		b.left--
	}
	l.buckets[key] = b
	return 0
}

// apiProblem answers with what went wrong, as RFC 9457 has it.
func apiProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail}); err != nil {
		return
	}
}

func apiAnswer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return
	}
}

// apiRead reads a small JSON object strictly, and answers itself when it is not
// one.
func apiRead(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.More() {
		err = errors.New("there is more than one object")
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		apiProblem(w, http.StatusRequestEntityTooLarge, "the request is too large")
	case errors.Is(err, io.EOF):
		apiProblem(w, http.StatusBadRequest, "the request has no body")
	case err != nil:
		apiProblem(w, http.StatusBadRequest, "the body is not what was expected: "+err.Error())
	}
	return err == nil
}

func (s *Server) apiBy(t roster.Token) supervise.Who {
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
	Closed        bool   `json:"closed"`
	Waiting       int    `json:"waiting"`
	LongestS      int    `json:"longest_s"`
	Agents        int    `json:"agents"`
	Ready         int    `json:"ready"`
	ExpectedWaitS *int   `json:"expected_wait_s"`
}

func queuesOf(state supervise.State) []queueJSON {
	list := []queueJSON{}
	for _, q := range state.Queues {
		one := queueJSON{ID: q.ID, Closed: q.Closed, Waiting: q.Waiting, LongestS: int(q.Longest.Seconds()), Agents: q.Agents, Ready: q.Ready}
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

func (s *Server) apiState(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	state := s.cfg.Supervise.State(time.Now())
	apiAnswer(w, http.StatusOK, map[string]any{"mode": modeOf(state.Mode), "queues": queuesOf(state),
		"bulletins_playing": state.Playing, "bulletins_overdue": len(state.Overdue)})
}

func (s *Server) apiMode(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	apiAnswer(w, http.StatusOK, modeOf(s.cfg.Mode.Current(time.Now())))
}

func (s *Server) apiSetMode(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Mode    string `json:"mode"`
		Hours   int    `json:"hours"`
		Partner string `json:"partner"`
	}
	if !apiRead(w, r, &wanted) {
		return
	}
	state, err := s.cfg.Supervise.SetMode(r.Context(), s.apiBy(t), mode.Change{Mode: wanted.Mode, For: time.Duration(wanted.Hours) * time.Hour,
		Partner: call.ParseNumber(wanted.Partner, s.cfg.Region)})
	if err != nil {
		apiProblem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	apiAnswer(w, http.StatusOK, modeOf(state))
}

func (s *Server) apiUndo(w http.ResponseWriter, r *http.Request, t roster.Token) {
	what, err := s.cfg.Supervise.Undo(r.Context(), s.apiBy(t))
	if errors.Is(err, supervise.ErrNothingToUndo) {
		apiProblem(w, http.StatusConflict, err.Error())
		return
	}
	if err != nil {
		apiProblem(w, http.StatusInternalServerError, err.Error())
		return
	}
	apiAnswer(w, http.StatusOK, map[string]string{"undone": what})
}

func (s *Server) apiBulletins(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	now, list := time.Now(), []bulletinJSON{}
	for _, b := range s.cfg.Supervise.Bulletins() {
		list = append(list, bulletinOf(b, now))
	}
	apiAnswer(w, http.StatusOK, list)
}

func (s *Server) apiPublish(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Language string    `json:"language"`
		Text     string    `json:"text"`
		AsOf     time.Time `json:"as_of"`
		Hours    int       `json:"hours"`
	}
	if !apiRead(w, r, &wanted) {
		return
	}
	b, err := s.cfg.Supervise.Publish(r.Context(), s.apiBy(t), bulletins.Draft{Language: wanted.Language, Text: clean(wanted.Text, bulletins.MaxText+1),
		AsOf: wanted.AsOf, For: time.Duration(wanted.Hours) * time.Hour})
	if err != nil {
		apiProblem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	apiAnswer(w, http.StatusCreated, bulletinOf(b, time.Now()))
}

func (s *Server) apiWithdraw(w http.ResponseWriter, r *http.Request, t roster.Token) {
	err := s.cfg.Supervise.Withdraw(r.Context(), s.apiBy(t), r.PathValue("id"))
	if errors.Is(err, bulletins.ErrNone) {
		apiProblem(w, http.StatusNotFound, err.Error())
		return
	}
	if err != nil {
		apiProblem(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) apiQueues(w http.ResponseWriter, _ *http.Request, _ roster.Token) {
	apiAnswer(w, http.StatusOK, queuesOf(s.cfg.Supervise.State(time.Now())))
}

func (s *Server) apiSetQueue(w http.ResponseWriter, r *http.Request, t roster.Token) {
	var wanted struct {
		Closed *bool `json:"closed"`
	}
	if !apiRead(w, r, &wanted) {
		return
	}
	if wanted.Closed == nil {
		apiProblem(w, http.StatusBadRequest, `say {"closed": true} or {"closed": false}`)
		return
	}
	act := s.cfg.Supervise.OpenQueue
	if *wanted.Closed {
		act = s.cfg.Supervise.CloseQueue
	}
	if err := act(r.Context(), s.apiBy(t), r.PathValue("id")); err != nil {
		apiProblem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	for _, q := range queuesOf(s.cfg.Supervise.State(time.Now())) {
		if q.ID == r.PathValue("id") {
			apiAnswer(w, http.StatusOK, q)
			return
		}
	}
}
