package ui

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hotline/ui/assets"
	"hotline/ui/page"
	"hotline/ui/words"
)

// FirstRun is the pages of a machine on which no hotline has been set up:
// seven questions, one a page. Nobody answers them without the code that
// stands on the machine's own screen, and they are gone afterwards.
type FirstRun struct {
	cfg    FirstRunConfig
	pages  *Server // draws; serves nothing of the hotline
	code   string
	cookie string

	mu      sync.Mutex // one person at a time sets a machine up
	answers page.FirstRunAnswers
	step    int // furthest page reached
	wrongAt time.Time
	done    chan struct{}
	over    bool
}

// FirstRunConfig is what the pages begin with and what they lead to.
type FirstRunConfig struct {
	Answers page.FirstRunAnswers // proposals
	Callers []string             // languages that callers can be given
	// Check says in a sentence what is wrong with the answers so far; it is
	// asked after every page.
	Check func(page.FirstRunAnswers) error
	// Finish sets the machine up.
	Finish func(context.Context, page.FirstRunAnswers) (written []page.Written, fingerprint string, err error)
	MadeUp bool // nothing here is real, and every page says so
	Log    *slog.Logger
}

const (
	firstSteps   = 7
	setupCookie  = "__Host-setup"
	setupLetters = "ABCDEFGHJKMNPQRSTUVWXYZ23456789" // none that is mistaken for another
	setupCode    = 8
	wrongPause   = time.Second
)

// NewFirstRun prepares the pages; it starts nothing.
func NewFirstRun(cfg FirstRunConfig) (*FirstRun, error) {
	catalogues, err := words.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the texts of the pages: %w", err)
	}
	files, err := assets.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the files of the pages: %w", err)
	}
	code := make([]byte, setupCode)
	for i := range code {
		for { // without a bias
			var b [1]byte
			rand.Read(b[:])
			if int(b[0]) < 256/len(setupLetters)*len(setupLetters) {
				code[i] = setupLetters[int(b[0])%len(setupLetters)]
				break
			}
		}
	}
	return &FirstRun{cfg: cfg, pages: &Server{cfg: Config{Operation: cfg.Answers.Operation, MadeUp: cfg.MadeUp, Log: cfg.Log}, words: catalogues, assets: files, closing: make(chan struct{})},
		code: string(code), cookie: rand.Text(), answers: cfg.Answers, step: 1, done: make(chan struct{})}, nil
}

// Code is what the console shows, in two halves.
func (f *FirstRun) Code() string { return f.code[:4] + "-" + f.code[4:] }

// Run serves the pages until the machine is set up or ctx ends, and reports
// which. It closes the listener.
func (f *FirstRun) Run(ctx context.Context, listener net.Listener, config *tls.Config) (finished bool, err error) {
	server := &http.Server{Handler: f.Handler(), ReadHeaderTimeout: readHeaders, ReadTimeout: readRequest, WriteTimeout: writeReply, IdleTimeout: idle, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(f.cfg.Log.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(tls.NewListener(listener, config)) }()
	select {
	case err := <-served:
		return false, fmt.Errorf("serving the first pages: %w", err)
	case <-ctx.Done():
	case <-f.done:
		finished = true
	}
	limit, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer stop()
	if server.Shutdown(limit) != nil { // somebody's browser is slower than the stop
		err = server.Close()
	}
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return finished, err
}

// Handler is the pages. It must be served over TLS.
func (f *FirstRun) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /assets/{file}", f.pages.assets)
	mux.HandleFunc("GET /favicon.svg", func(w http.ResponseWriter, r *http.Request) { f.pages.favicon(w, r, visit{}) })
	mux.HandleFunc("GET /setup", f.begin)
	mux.HandleFunc("POST /setup/code", f.enter)
	mux.HandleFunc("GET /setup/{step}", f.question)
	mux.HandleFunc("POST /setup/{step}", f.answer)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/setup", http.StatusSeeOther) })
	return f.pages.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		mux.ServeHTTP(w, r)
	}))
}

func (f *FirstRun) may(r *http.Request) bool {
	cookie, err := r.Cookie(setupCookie)
	return err == nil && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(f.cookie)) == 1
}

func (f *FirstRun) page(r *http.Request, step int) page.FirstRunPage {
	return page.FirstRunPage{Frame: f.pages.frame(r, visit{}, "setup.title"), Step: step, Of: firstSteps, Answers: f.answers, Callers: f.cfg.Callers}
}

func (f *FirstRun) begin(w http.ResponseWriter, r *http.Request) {
	if !f.may(r) {
		f.pages.show(w, r, http.StatusOK, page.FirstRunCode(f.page(r, 0)))
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	http.Redirect(w, r, "/setup/"+strconv.Itoa(f.step), http.StatusSeeOther)
}

// enter takes the code. Eight letters are not guessed at one try a second.
func (f *FirstRun) enter(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	said := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(r.PostFormValue("code")))
	p := f.page(r, 0)
	switch {
	case time.Since(f.wrongAt) < wrongPause:
		p.Trouble = p.F("login.slow", "s", "1")
		f.pages.show(w, r, http.StatusTooManyRequests, page.FirstRunCode(p))
	case subtle.ConstantTimeCompare([]byte(said), []byte(f.code)) != 1:
		f.wrongAt = time.Now()
		f.cfg.Log.Warn("somebody typed a wrong code for setting up", "source", sourceOf(r))
		p.Trouble = p.T("setup.code.wrong")
		f.pages.show(w, r, http.StatusForbidden, page.FirstRunCode(p))
	default:
		setCookie(w, setupCookie, f.cookie, cookieLife)
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
	}
}

func (f *FirstRun) question(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	step, ok := f.stepOf(r)
	if !ok {
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return
	}
	f.pages.show(w, r, http.StatusOK, page.FirstRun(f.page(r, step)))
}

// stepOf is the page asked for, of those that may be seen already.
func (f *FirstRun) stepOf(r *http.Request) (step int, ok bool) {
	step, err := strconv.Atoi(r.PathValue("step"))
	return step, err == nil && f.may(r) && !f.over && step >= 1 && step <= f.step
}

func (f *FirstRun) answer(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	step, ok := f.stepOf(r)
	if !ok || r.ParseForm() != nil {
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return
	}
	before := f.answers
	f.take(w, r, step)
	if err := f.cfg.Check(f.answers); err != nil {
		p := f.page(r, step)
		f.answers = before
		p.Trouble, p.Title = p.Said(err.Error()), p.T("problem.title")+": "+p.Title
		f.pages.show(w, r, http.StatusUnprocessableEntity, page.FirstRun(p))
		return
	}
	f.step = max(f.step, min(step+1, firstSteps))
	if step < firstSteps {
		http.Redirect(w, r, "/setup/"+strconv.Itoa(step+1), http.StatusSeeOther)
		return
	}
	written, fingerprint, err := f.cfg.Finish(r.Context(), f.answers)
	if err != nil {
		f.cfg.Log.Error("the hotline could not be set up", "error", err)
		p := f.page(r, step)
		p.Trouble = p.F("setup.failed", "why", err.Error())
		f.pages.show(w, r, http.StatusInternalServerError, page.FirstRun(p))
		return
	}
	p := f.page(r, step)
	p.Written, p.Print = written, fingerprint
	f.pages.show(w, r, http.StatusOK, page.FirstRunDone(p))
	f.over = true
	close(f.done)
}

// take puts what one page says into the answers.
func (f *FirstRun) take(w http.ResponseWriter, r *http.Request, step int) {
	said := func(name string) string { return clean(r.PostForm.Get(name), 120) }
	a := &f.answers
	switch step {
	case 1:
		if tag := said("language"); f.pages.words.Has(tag) {
			setCookie(w, languageCookie, tag, languageLife)
			if slices.Contains(f.cfg.Callers, tag) && !slices.Contains(a.Languages, tag) {
				a.Languages = append([]string{tag}, a.Languages...)
			}
		}
	case 2:
		a.Hotline, a.Operation = said("hotline"), said("operation")
	case 3:
		a.Region = strings.ToUpper(said("region"))
	case 4:
		var chosen []string
		for _, tag := range f.cfg.Callers {
			if slices.Contains(r.PostForm["languages"], tag) {
				chosen = append(chosen, tag)
			}
		}
		a.Languages = chosen
	case 5:
		a.Line, a.Numbers, a.Peer = known(said("line"), []string{"none", "trunk"}), said("numbers"), said("peer")
	case 6:
		a.AdminName, a.AdminLogin = said("admin"), strings.ToLower(said("login"))
	case 7:
		a.LeaderName, a.LeaderPhone = said("leader"), said("phone")
	}
}
