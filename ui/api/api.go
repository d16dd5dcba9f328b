// Package api is what programs can read and do, with a token instead of a
// sign-in: records by their redaction level, the room, the commands of
// supervisors, exports, and what happens as it happens. It keeps no records of
// its own. openapi.yaml describes all of it, and a test holds the two together.
package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/supervise"
	"hotline/ui/words"
	"hotline/volunteers/roster"
)

// Prefix is where the addresses of programs begin.
const Prefix = "/api/v1"

const (
	mostBody    = 64 << 10
	reasonMax   = 200
	writeLimit  = 10 * time.Second // for one event
	fileLimit   = 10 * time.Minute // for an export
	heartbeat   = 15 * time.Second
	mostStreams = 32 // open at once; a token may have perToken of them
	perToken    = 4
)

// Config is what programs are given. Everything is required.
type Config struct {
	Operation   string
	Region      string // ISO 3166 country of numbers without a country code
	Store       *store.Store
	Accounts    Accounts
	Desk        Desk
	PersonOf    func(roster.Account) desk.Person
	Routing     *triage.Routes
	Mode        Mode
	Supervise   *supervise.Commands
	Contacts    Contacts
	Cases       Cases
	Registrants Registrants
	Finder      Finder
	Lists       *lists.Keeper
	Exports     Exports
	Reports     Reports
	Gauge       Gauge
	Words       *words.Catalogues
	Closing     <-chan struct{} // closed when the pages stop: streams end
	Log         *slog.Logger
}

// API answers programs.
type API struct {
	cfg      Config
	limits   limits
	once     *onceOnly
	teller   *Teller
	streams  streams
	openAPI  edition
	beat     time.Duration
	patience time.Duration
}

// New prepares the answers; it starts nothing.
func New(cfg Config) (*API, error) {
	if _, err := description(cfg.Lists); err != nil {
		return nil, fmt.Errorf("reading the description of what programs can do: %w", err)
	}
	return &API{cfg: cfg, once: newOnce(cfg.Store), teller: NewTeller(cfg.Contacts, cfg.Cases, cfg.Log), beat: heartbeat, patience: writeLimit}, nil
}

// route is one line of what programs can do.
type route struct {
	verb, path string
	scope      roster.Scope
	handle     func(*API, http.ResponseWriter, *http.Request, roster.Token)
}

func routes() []route {
	return []route{
		{"GET", "/state", roster.ScopeState, (*API).state},
		{"GET", "/mode", roster.ScopeState, (*API).mode},
		{"PUT", "/mode", roster.ScopeMode, (*API).setMode},
		{"POST", "/undo", roster.ScopeMode, (*API).undo},
		{"GET", "/bulletins", roster.ScopeState, (*API).bulletins},
		{"POST", "/bulletins", roster.ScopeBulletins, (*API).publish},
		{"DELETE", "/bulletins/{id}", roster.ScopeBulletins, (*API).withdraw},
		{"GET", "/reports", roster.ScopeState, (*API).reports},
		{"GET", "/staffing", roster.ScopeState, (*API).staffing},
		{"GET", "/queues", roster.ScopeState, (*API).queues},
		{"PUT", "/queues/{id}", roster.ScopeQueues, (*API).setQueue},
		{"GET", "/room", roster.ScopeState, (*API).room},

		{"GET", "/contacts", roster.ScopeRead, (*API).contacts},
		{"GET", "/contacts/{id}", roster.ScopeRead, (*API).contact},
		{"GET", "/cases", roster.ScopeRead, (*API).cases},
		{"POST", "/cases", roster.ScopeWrite, (*API).addCase},
		{"GET", "/cases/{id}", roster.ScopeRead, (*API).oneCase},
		{"PATCH", "/cases/{id}", roster.ScopeWrite, (*API).changeCase},
		{"POST", "/cases/{id}/notes", roster.ScopeWrite, (*API).addNote},
		{"GET", "/registrants", roster.ScopeRead, (*API).registrants},
		{"GET", "/registrants/{id}", roster.ScopeRead, (*API).registrant},
		{"POST", "/registrants/{id}/steps", roster.ScopeWrite, (*API).step},

		{"GET", "/agents", roster.ScopeAgents, (*API).agents},
		{"PUT", "/agents/{id}/state", roster.ScopeSteer, (*API).agentState},
		{"PUT", "/agents/{id}/profile", roster.ScopeSteer, (*API).agentProfile},

		{"GET", "/exports", roster.ScopeExports, (*API).exports},
		{"POST", "/exports", roster.ScopeExports, (*API).askExport},
		{"GET", "/exports/{id}", roster.ScopeExports, (*API).export},
		{"DELETE", "/exports/{id}", roster.ScopeExports, (*API).dropExport},
		{"GET", "/exports/{id}/file", roster.ScopeExports, (*API).exportFile},

		{"GET", "/events", roster.ScopeEvents, (*API).events},
	}
}

// Handler answers everything below Prefix. It knows no sessions: a browser's
// cookie opens nothing.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		raw, err := a.openAPI.now(a.cfg.Lists)
		if err != nil {
			a.broken(w, "describing what programs can do", err)
			return
		}
		if _, err := w.Write(raw); err != nil {
			return // the program has gone
		}
	})
	verbs := map[string][]string{}
	for _, rt := range routes() {
		mux.Handle(rt.verb+" "+Prefix+rt.path, a.guard(rt))
		verbs[rt.path] = append(verbs[rt.path], rt.verb)
	}
	for path, able := range verbs {
		mux.HandleFunc(Prefix+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", strings.Join(able, ", "))
			problem(w, http.StatusMethodNotAllowed, "this address is not for that: see "+Prefix+"/openapi.json")
		})
	}
	mux.HandleFunc(Prefix+"/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "there is nothing at this address: see "+Prefix+"/openapi.json")
	})
	return mux
}

func (a *API) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := a.admit(w, r)
		if !ok {
			return
		}
		if wait := a.limits.wait(token.ID, time.Now(), true); wait > 0 {
			tooMany(w, wait)
			return
		}
		if !token.May(rt.scope) {
			problem(w, http.StatusForbidden, fmt.Sprintf("this token may not do that: it needs the scope %q", rt.scope))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		if rt.verb == http.MethodGet {
			rt.handle(a, w, r, token)
			return
		}
		a.onlyOnce(w, r, token, rt)
	})
}

// admit finds out which token asks, and refuses itself when none may.
func (a *API) admit(w http.ResponseWriter, r *http.Request) (roster.Token, bool) {
	text := tokenText(r)
	if text == "" {
		a.unknownToken(w, r)
		return roster.Token{}, false
	}
	if wait := a.limits.wait("guess "+sourceOf(r), time.Now(), false); wait > 0 {
		tooMany(w, wait)
		return roster.Token{}, false
	}
	token, err := a.cfg.Accounts.CheckToken(r.Context(), text)
	switch {
	case errors.Is(err, roster.ErrToken):
		a.unknownToken(w, r)
	case err != nil:
		a.broken(w, "looking up a token", err)
	}
	return token, err == nil
}

func tokenText(r *http.Request) string {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(text)
}

// unknownToken refuses, and counts against the address it came from.
func (a *API) unknownToken(w http.ResponseWriter, r *http.Request) {
	if wait := a.limits.wait("guess "+sourceOf(r), time.Now(), true); wait > 0 {
		tooMany(w, wait)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="hotline"`)
	problem(w, http.StatusUnauthorized, "give a valid token: Authorization: Bearer …")
}

func sourceOf(r *http.Request) string {
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return source
}
