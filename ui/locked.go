package ui

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"hotline/ui/assets"
	"hotline/ui/page"
	"hotline/ui/words"
)

// Locked is the one page of a hotline that has started without its key: what
// has happened, what callers hear, and how to unlock it. It stands at every
// address, so that screens on walls show it too, and come back by themselves.
type Locked struct {
	cfg   LockedConfig
	pages *Server // draws; serves nothing of the hotline

	trying sync.Mutex // one passphrase at a time: it is made to take long
	mu     sync.Mutex
	wrong  int       // passphrases in a row
	again  time.Time // before then none is tried
	opened bool
}

// LockedConfig is what the page tells and what it leads to.
type LockedConfig struct {
	Operation, Version string
	Why, Path          string // as in boxkey.Locked
	Since              time.Time
	Passphrase         bool                        // there is one
	Recovery           bool                        // the recovery key opens it
	Calls              func() (running, taken int) // since then
	Unlock             func(ctx context.Context, how string, secret []byte) error
	MadeUp             bool // nothing here is real, and the page says so
	Log                *slog.Logger
}

// Ways to unlock.
const (
	UnlockPassphrase = "passphrase"
	UnlockFile       = "file"
	UnlockRecovery   = "recovery"
)

// RecordsError says that the key was right and the records cannot be opened.
type RecordsError struct{ Err error }

func (e *RecordsError) Error() string { return e.Err.Error() }
func (e *RecordsError) Unwrap() error { return e.Err }

const (
	longestWait = time.Minute // after wrong passphrases
	mostSecret  = 4 << 10
	wallAgain   = "15" // seconds after which a screen on a wall asks again
	openAgain   = "4"  // and whoever has unlocked it
)

// NewLocked prepares the page; it starts nothing.
func NewLocked(cfg LockedConfig) (*Locked, error) {
	catalogues, err := words.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the texts of the pages: %w", err)
	}
	files, err := assets.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the files of the pages: %w", err)
	}
	l := &Locked{cfg: cfg, pages: &Server{cfg: Config{Operation: cfg.Operation, Version: cfg.Version, MadeUp: cfg.MadeUp, Log: cfg.Log}, words: catalogues, assets: files, closing: make(chan struct{})}}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/{file}", files)
	mux.HandleFunc("GET /favicon.svg", func(w http.ResponseWriter, r *http.Request) { l.pages.favicon(w, r, visit{}) })
	mux.HandleFunc("GET /healthz", l.healthz)
	mux.HandleFunc("POST /language", func(w http.ResponseWriter, r *http.Request) { l.pages.language(w, r, visit{}) })
	mux.HandleFunc("POST /unlock", l.unlock)
	mux.HandleFunc("/api/", l.program)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { l.show(w, r, http.StatusServiceUnavailable, "") })
	l.pages.handler = l.pages.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		mux.ServeHTTP(w, r)
	}))
	return l, nil
}

// Run serves the page until ctx ends. It closes the listener.
func (l *Locked) Run(ctx context.Context, listener net.Listener, config *tls.Config) error {
	return l.pages.Run(ctx, listener, config)
}

// Handler is the page. It must be served over TLS.
func (l *Locked) Handler() http.Handler { return l.pages.handler }

// Open says that the hotline is unlocked and begins anew in a moment.
func (l *Locked) Open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened = true
}

// Opened reports whether it is.
func (l *Locked) Opened() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened
}

// healthz tells a program that watches: calls are taken, and somebody is wanted.
func (l *Locked) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "locked "+l.cfg.Version+"\n") // whoever asked has gone
}

func (l *Locked) program(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "60")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"title":"The hotline is locked: it takes calls, and its records cannot be reached until somebody unlocks it.","status":503}`+"\n")
}

func (l *Locked) show(w http.ResponseWriter, r *http.Request, status int, trouble string) {
	running, taken := l.cfg.Calls()
	p := page.LockedPage{Frame: l.pages.frame(r, visit{}, "locked.title"), Why: l.cfg.Why, Place: l.cfg.Path, Since: l.cfg.Since, Passphrase: l.cfg.Passphrase,
		Recovery: l.cfg.Recovery, Running: running, Taken: taken, Trouble: trouble, Opened: l.Opened(), Wall: strings.HasPrefix(r.URL.Path, "/wall/")}
	switch {
	case p.Opened:
		w.Header().Set("Refresh", openAgain+`; url=/`)
		if p.Wall {
			w.Header().Set("Refresh", openAgain)
		}
	case p.Wall:
		w.Header().Set("Refresh", wallAgain)
	}
	w.Header().Set("Retry-After", "60")
	l.pages.show(w, r, status, page.WithoutKey(p))
}

// unlock takes one of the three. Passphrases are tried one at a time, and more
// and more slowly after wrong ones. The key file and the recovery key cannot be
// guessed: no lock of others keeps them out.
func (l *Locked) unlock(w http.ResponseWriter, r *http.Request) {
	text := l.pages.frame(r, visit{}, "locked.title")
	if err := r.ParseMultipartForm(maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		l.show(w, r, http.StatusBadRequest, text.T("locked.wrong.file"))
		return
	}
	how := known(r.PostFormValue("how"), []string{UnlockPassphrase, UnlockFile, UnlockRecovery})
	if l.Opened() {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	var secret []byte
	switch how {
	case UnlockFile:
		file, _, err := r.FormFile("file")
		if err == nil {
			secret, err = io.ReadAll(io.LimitReader(file, mostSecret))
			err = errors.Join(err, file.Close())
		}
		if err != nil || len(secret) == 0 {
			l.show(w, r, http.StatusUnprocessableEntity, text.T("locked.wrong.file"))
			return
		}
	case UnlockRecovery:
		secret = []byte(r.PostFormValue("recovery"))
	case UnlockPassphrase:
		if !l.trying.TryLock() {
			l.show(w, r, http.StatusTooManyRequests, text.F("login.slow", "s", "1"))
			return
		}
		defer l.trying.Unlock()
		if wait := l.wait(); wait > 0 {
			l.show(w, r, http.StatusTooManyRequests, text.F("login.slow", "s", fmt.Sprint(int(wait.Seconds())+1)))
			return
		}
		secret = []byte(r.PostFormValue("passphrase"))
	default:
		l.show(w, r, http.StatusUnprocessableEntity, text.T("locked.wrong.file"))
		return
	}
	err := l.cfg.Unlock(r.Context(), how, secret)
	var records *RecordsError
	switch {
	case err == nil:
		l.cfg.Log.Warn("the hotline was unlocked", "by", how, "source", sourceOf(r))
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case errors.As(err, &records):
		l.cfg.Log.Error("the key is right, but the records cannot be opened; calls are taken", "error", err)
		l.show(w, r, http.StatusInternalServerError, text.F("locked.records", "why", err.Error()))
	default:
		l.cfg.Log.Warn("somebody tried to unlock the hotline with something wrong", "by", how, "source", sourceOf(r))
		if how == UnlockPassphrase {
			l.miss()
		}
		l.show(w, r, http.StatusForbidden, text.T("locked.wrong."+how))
	}
}

// wait is for how long no passphrase is tried.
func (l *Locked) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.again)
}

func (l *Locked) miss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.again = time.Now().Add(min(time.Second<<min(l.wrong, 10), longestWait))
	l.wrong++
}
