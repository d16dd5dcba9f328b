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

	"hotline/appliance/audio"
	"hotline/appliance/boxkey"
	"hotline/appliance/place"
	"hotline/ui/assets"
	"hotline/ui/page"
	"hotline/ui/words"
)

// FirstRun is the pages of a machine on which no hotline has been set up: six
// questions, one a page, and a first call as the seventh; or a backup that is
// put back. Nobody answers them without the code that stands on the machine's
// own screen, and they are gone afterwards.
type FirstRun struct {
	cfg    FirstRunConfig
	pages  *Server // draws; serves nothing of the hotline
	code   string
	cookie string

	mu       sync.Mutex // one person at a time sets a machine up
	answers  page.FirstRunAnswers
	greeting *audio.Clip // own one, as it was recorded or spoken
	step     int         // furthest page reached
	wrongAt  time.Time
	done     chan struct{}
	over     bool

	rescue rescue // of a backup
}

// FirstRunConfig is what the pages begin with and what they lead to.
type FirstRunConfig struct {
	Answers page.FirstRunAnswers // proposals
	Callers []string             // languages that callers can be given
	// Check says in a sentence what is wrong with the answers so far; it is
	// asked after every page.
	Check func(page.FirstRunAnswers) error
	// Folder says whether the records can be kept, and how much room they have.
	Folder func() page.FirstRunFolder
	// SetClock sets the clock of the machine; nil where this program may not.
	SetClock func(time.Time) (kept bool, err error)
	// Greeting is what callers hear first in a language, in words and sound.
	Greeting func(language string) (text string, clip *audio.Clip, err error)
	// Speak says a text; nil where the machine has no voice.
	Speak  func(ctx context.Context, language, text string) (*audio.Clip, error)
	Sounds Sounds
	// Finish sets the machine up.
	Finish func(context.Context, FirstRunChoice) (page.FirstRunMade, error)

	Backup BackupReader
	Disks  func() []place.Disk // that are plugged in; nil: those of this machine
	MadeUp bool                // nothing here is real, and every page says so
	Log    *slog.Logger
}

// FirstRunChoice is all that was answered.
type FirstRunChoice struct {
	page.FirstRunAnswers
	Passphrase string      // where the key of the box is to be kept under one
	Greeting   *audio.Clip // own one, in the language of the answers; nil: the one that ships
}

const (
	firstSteps   = 7
	lastQuestion = 6 // the seventh step is the first call
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
	return &FirstRun{cfg: cfg, pages: &Server{cfg: Config{Operation: cfg.Answers.Operation, MadeUp: cfg.MadeUp, Sounds: cfg.Sounds, Log: cfg.Log}, words: catalogues, assets: files, closing: make(chan struct{})},
		code: string(code), cookie: rand.Text(), answers: cfg.Answers, step: 1, done: make(chan struct{}),
		rescue: rescue{work: make(chan func(context.Context), 1)}}, nil
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
	work, stopWork := context.WithCancel(ctx)
	var worker sync.WaitGroup
	worker.Go(func() { f.rescue.run(work) })
	defer worker.Wait()
	defer stopWork()
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
	mux.HandleFunc("GET /setup/greeting", f.inside(f.recorder))
	mux.HandleFunc("POST /setup/greeting", f.inside(f.record))
	mux.HandleFunc("POST /setup/greeting/preview", f.inside(f.preview))
	mux.HandleFunc("GET /setup/greeting/{sound}", f.inside(f.greetingSound))
	mux.HandleFunc("GET /setup/restore", f.inside(f.restorePage))
	mux.HandleFunc("POST /setup/restore", f.inside(f.restoreLook))
	mux.HandleFunc("POST /setup/restore/use", f.inside(f.restoreUse))
	mux.HandleFunc("GET /setup/{step}", f.question)
	mux.HandleFunc("POST /setup/{step}", f.answer)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/setup", http.StatusSeeOther) })
	return f.pages.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/setup/restore" { // a backup may be large; its page has a limit of its own
			limit := int64(maxForm)
			if strings.HasPrefix(r.URL.Path, "/setup/greeting") {
				limit += maxUpload
			}
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		mux.ServeHTTP(w, r)
	}))
}

// inside lets through who knows the code, as long as there is something to set up.
func (f *FirstRun) inside(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		over := f.over
		f.mu.Unlock()
		if !f.may(r) || over {
			http.Redirect(w, r, "/setup", http.StatusSeeOther)
			return
		}
		handle(w, r)
	}
}

func (f *FirstRun) may(r *http.Request) bool {
	cookie, err := r.Cookie(setupCookie)
	return err == nil && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(f.cookie)) == 1
}

func (f *FirstRun) page(r *http.Request, step int) page.FirstRunPage {
	p := page.FirstRunPage{Frame: f.pages.frame(r, visit{}, "setup.title"), Step: step, Of: firstSteps, Last: lastQuestion, Answers: f.answers, Callers: f.cfg.Callers,
		SetsClock: f.cfg.SetClock != nil, Speaks: f.cfg.Speak != nil, Own: f.greeting != nil}
	switch step {
	case 5:
		p.Answers.GreetingText = f.greetingText()
	case lastQuestion:
		p.Folder, p.Disks = f.cfg.Folder(), disksOf(f.cfg.Disks)
	}
	return p
}

// greetingText is the greeting of the answers in words: the own one, or the one
// that ships, for changing it.
func (f *FirstRun) greetingText() string {
	if f.answers.GreetingText != "" {
		return f.answers.GreetingText
	}
	text, _, err := f.cfg.Greeting(f.answers.GreetingLanguage)
	if err != nil {
		f.cfg.Log.Error("the greeting that ships cannot be read", "error", err)
	}
	return text
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
	before, greeting := f.answers, f.greeting
	err := f.take(w, r, step)
	if err == nil {
		err = f.cfg.Check(f.answers)
	}
	passphrase := ""
	if step == lastQuestion && err == nil && f.answers.Key == boxkey.Passphrase {
		if passphrase = r.PostForm.Get("passphrase"); passphrase != r.PostForm.Get("again") {
			err = errPassphrases
		}
	}
	if err != nil {
		p := f.page(r, step)
		f.answers, f.greeting = before, greeting
		p.Trouble, p.Title = f.trouble(p.Frame, err), p.T("problem.title")+": "+p.Title
		f.pages.show(w, r, http.StatusUnprocessableEntity, page.FirstRun(p))
		return
	}
	switch to := r.PostForm.Get("do"); {
	case step == 1 && to == "restore":
		http.Redirect(w, r, "/setup/restore", http.StatusSeeOther)
		return
	case step == 2 && to == "clock": // shown again, with the time that it is now
		http.Redirect(w, r, "/setup/2", http.StatusSeeOther)
		return
	case step == 5 && to == "record":
		http.Redirect(w, r, "/setup/greeting", http.StatusSeeOther)
		return
	case step == 5 && to == "listen":
		http.Redirect(w, r, "/setup/5", http.StatusSeeOther)
		return
	}
	f.step = max(f.step, min(step+1, lastQuestion))
	if step < lastQuestion {
		http.Redirect(w, r, "/setup/"+strconv.Itoa(step+1), http.StatusSeeOther)
		return
	}
	made, err := f.cfg.Finish(r.Context(), FirstRunChoice{FirstRunAnswers: f.answers, Passphrase: passphrase, Greeting: f.greeting})
	if err != nil {
		f.cfg.Log.Error("the hotline could not be set up", "error", err)
		p := f.page(r, step)
		p.Trouble, p.Title = f.trouble(p.Frame, err), p.T("problem.title")+": "+p.Title
		f.pages.show(w, r, http.StatusUnprocessableEntity, page.FirstRun(p))
		return
	}
	p := f.page(r, step)
	p.Made = made
	f.pages.show(w, r, http.StatusOK, page.FirstRunDone(p))
	f.over = true
	close(f.done)
}

var (
	errPassphrases = errors.New("the two passphrases are not the same")
	errClock       = errors.New("the clock of this machine cannot be set from here")
	errOtherTongue = errors.New("the own greeting is in a language that callers are not offered")
)

// trouble is what was wrong, in the words of the page.
func (f *FirstRun) trouble(frame page.Frame, err error) string {
	switch {
	case errors.Is(err, errPassphrases):
		return frame.T("boxkey.wrong.again")
	case errors.Is(err, errClock):
		return frame.T("setup.clock.failed")
	case errors.Is(err, errOtherTongue):
		return frame.T("setup.greeting.other")
	case errors.Is(err, boxkey.ErrWeak):
		return frame.T("boxkey.wrong.weak")
	case errors.Is(err, boxkey.ErrPlace):
		return frame.T("boxkey.wrong.place")
	}
	if said := f.pages.promptSaid(frame, err); said != "" {
		return said
	}
	if said := frame.Said(err.Error()); said != err.Error() || frame.Lang() == words.English {
		return said
	}
	return frame.F("setup.failed", "why", err.Error())
}

// take puts what one page says into the answers.
func (f *FirstRun) take(w http.ResponseWriter, r *http.Request, step int) error {
	said := func(name string) string { return clean(r.PostForm.Get(name), 120) }
	a := &f.answers
	switch step {
	case 1:
		if tag := said("language"); f.pages.words.Has(tag) {
			setCookie(w, languageCookie, tag, languageLife)
			if slices.Contains(f.cfg.Callers, tag) {
				if !slices.Contains(a.Languages, tag) {
					a.Languages = append([]string{tag}, a.Languages...)
				}
				if f.greeting == nil {
					a.GreetingLanguage = tag
				}
			}
		}
	case 2:
		a.Hotline, a.Operation, a.Region, a.Zone = said("hotline"), said("operation"), strings.ToUpper(said("region")), said("zone")
		if r.PostForm.Get("do") == "clock" {
			return f.setClock(said("now"))
		}
	case 3:
		a.AdminName, a.AdminLogin, a.LeaderPhone = said("admin"), strings.ToLower(said("login")), said("phone")
	case 4:
		a.Line, a.Numbers, a.Peer = known(said("line"), []string{"none", "trunk"}), said("numbers"), said("peer")
	case 5:
		return f.takeGreeting(r)
	case 6:
		a.Key, a.KeyAt = keyPlace(clean(r.PostForm.Get("kind"), 200), said("place"))
	}
	return nil
}

// setClock sets the clock of the machine to what the browser's shows, in
// milliseconds since 1970.
func (f *FirstRun) setClock(said string) error {
	at, err := browserTime(said)
	if err != nil || f.cfg.SetClock == nil {
		return errClock
	}
	kept, err := f.cfg.SetClock(at)
	if err != nil {
		f.cfg.Log.Warn("the clock could not be set", "error", err)
		return errClock
	}
	f.cfg.Log.Info("the clock of the machine was set by the person who sets the hotline up", "now", at.UTC(), "kept without power", kept)
	return nil
}
