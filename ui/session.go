package ui

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hotline/ui/page"
	"hotline/ui/words"
	"hotline/volunteers/roster"
)

const (
	sessionCookie  = "__Host-s"
	halfCookie     = "__Host-half" // between the password and the second step
	languageCookie = "__Host-lang"
	themeCookie    = "__Host-theme"

	cookieLife   = 24 * time.Hour // the session itself may end earlier
	halfLife     = 10 * time.Minute
	languageLife = 365 * 24 * time.Hour // and of the theme
)

// visit is who asks.
type visit struct {
	account roster.Account
	role    role
	token   string
	trained bool // for what is told in private
	due     bool // has to set up a second step before anything else
}

// visitor finds out who asks. Every request looks the account up again: a
// disabled one is out at once.
func (s *Server) visitor(r *http.Request) visit {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" {
		return visit{}
	}
	account, err := s.cfg.Sessions.Visit(r.Context(), cookie.Value)
	if err != nil {
		if !errors.Is(err, roster.ErrNoSession) {
			s.cfg.Log.Error("a session could not be looked up", "error", err)
		}
		return visit{}
	}
	return visit{account: account, role: role(account.Role), token: cookie.Value, trained: s.cfg.Routing.Trained(account.Profile), due: s.cfg.Accounts.SecondDue(account)}
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request, v visit) {
	if v.role != nobody {
		http.Redirect(w, r, homeOf(v.role), http.StatusSeeOther)
		return
	}
	s.show(w, r, http.StatusOK, page.Login(s.frame(r, v, "login.title"), "", "", known(r.URL.RawQuery, page.LoginNotes())))
}

func (s *Server) login(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the sign-in form", err)
		return
	}
	login := clean(r.PostForm.Get("login"), 64)
	f := s.frame(r, visit{}, "login.title")
	refuse := func(status int, text string) {
		f.Title = f.T("problem.title") + ": " + f.T("login.title")
		s.show(w, r, status, page.Login(f, login, text, ""))
	}
	token, account, err := s.cfg.Sessions.SignIn(r.Context(), login, r.PostForm.Get("password"), sourceOf(r))
	var soon roster.TooSoon
	switch {
	case errors.As(err, &soon):
		seconds := strconv.Itoa(soon.Seconds())
		w.Header().Set("Retry-After", seconds)
		refuse(http.StatusTooManyRequests, f.F("login.slow", "s", seconds))
	case errors.Is(err, roster.ErrSecond):
		setCookie(w, halfCookie, token, halfLife)
		http.Redirect(w, r, "/login/second", http.StatusSeeOther)
	case errors.Is(err, roster.ErrBusy):
		refuse(http.StatusServiceUnavailable, f.T("login.busy"))
	case errors.Is(err, roster.ErrRefused):
		refuse(http.StatusUnauthorized, f.T("login.wrong"))
	case err != nil:
		s.broken(w, r, v, "signing somebody in", err)
	default:
		s.letIn(w, r, v, token, account)
	}
}

// letIn begins the visit of somebody who has proved who they are.
func (s *Server) letIn(w http.ResponseWriter, r *http.Request, v visit, token string, account roster.Account) {
	if v.token != "" {
		s.signOut(r, v)
	}
	setCookie(w, sessionCookie, token, cookieLife)
	to := homeOf(role(account.Role))
	if r.PostForm.Get("to") == "first-call" && role(account.Role) == supervisor { // from the end of the first start
		to = "/desk/try?first"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// sourceOf is the address a request came from, without the port.
func sourceOf(r *http.Request) string {
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return source
}

func (s *Server) signOut(r *http.Request, v visit) {
	if err := s.cfg.Sessions.SignOut(r.Context(), v.token); err != nil {
		s.cfg.Log.Error("a session is over, but that could not be written down", "account", v.account.ID, "error", err)
	}
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request, v visit) {
	if v.token != "" {
		s.signOut(r, v)
	}
	setCookie(w, sessionCookie, "", -1)
	http.Redirect(w, r, "/login?out", http.StatusSeeOther)
}

// language remembers the language of the pages in this browser.
func (s *Server) language(w http.ResponseWriter, r *http.Request, v visit) {
	if err := r.ParseForm(); err != nil {
		s.broken(w, r, v, "reading the language form", err)
		return
	}
	if tag := r.PostForm.Get("language"); s.words.Has(tag) {
		setCookie(w, languageCookie, tag, languageLife)
	}
	to := homeOf(v.role)
	if back := r.PostForm.Get("back"); back == "/join" || strings.HasPrefix(back, "/join/") && !strings.ContainsAny(back, "\\?#") {
		to = back
	} else if back == "/me" && v.role != nobody {
		to = "/me?done=language"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Server) textFor(r *http.Request) words.Text {
	var chosen string
	if cookie, err := r.Cookie(languageCookie); err == nil {
		chosen = cookie.Value
	}
	text := s.words.Choose(r.Header.Get("Accept-Language"), chosen)
	if s.cfg.Lists == nil { // no hotline yet, or one without its key
		return text
	}
	own := maps.Clone(s.cfg.Lists.Now().Texts(text.Lang()))
	if s.cfg.Routing != nil {
		maps.Copy(own, s.cfg.Routing.Routing().Texts(text.Lang()))
	}
	return text.With(own)
}

// As lets a request come from somebody who is signed in and reads a language.
// The gallery is everybody; a hotline never does this.
func As(r *http.Request, session, language string) {
	r.Header.Set("Cookie", sessionCookie+"="+session+"; "+halfCookie+"="+session+"; "+languageCookie+"="+language)
}

func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	cookie := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(life / time.Second)}
	if life < 0 {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}
