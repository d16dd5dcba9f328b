package ui

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"hotline/ui/assets"
	"hotline/ui/page"
)

// Everything a page may load comes from this box, and nothing is inline.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const permissions = "microphone=(self), speaker-selection=(self), hid=(self), screen-wake-lock=(self), camera=(), geolocation=()"

// protect puts around every request what none may forget: headers, the refusal
// of requests that come from other sites, and the net under a fault.
func (s *Server) protect(next http.Handler) http.Handler {
	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.problem(w, r, visit{}, http.StatusForbidden, "foreign")
	}))
	inner := foreign.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", contentPolicy)
		header.Set("Permissions-Policy", permissions)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		// Pages show people's data; only files named by their content may stay.
		if !strings.HasPrefix(r.URL.Path, assets.Prefix) {
			header.Set("Cache-Control", "no-store")
		}
		started := &startedWriter{ResponseWriter: w}
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(fault)
			}
			s.panics.Add(1)
			s.cfg.Log.Error("a page failed; calls go on", "method", r.Method, "path", r.URL.Path, "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
			if started.started {
				panic(http.ErrAbortHandler) // half a page must not look like a whole one
			}
			s.problem(w, r, visit{}, http.StatusInternalServerError, "broken")
		}()
		inner.ServeHTTP(started, r)
	})
}

// startedWriter knows whether anything has been sent.
type startedWriter struct {
	http.ResponseWriter
	started bool
}

func (w *startedWriter) WriteHeader(status int) {
	w.started = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *startedWriter) Write(p []byte) (int, error) {
	w.started = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController and the WebSocket upgrade through.
func (w *startedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ownOrigin reports whether a live channel was opened by one of our own pages.
// An upgrade is a GET, which CrossOriginProtection lets pass.
func ownOrigin(r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Scheme == "https" && origin.Host != "" && strings.EqualFold(origin.Host, r.Host)
}

// isLive reports that no person looks at the answer to this request.
func isLive(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/ws/") || strings.HasPrefix(r.URL.Path, "/ev/") || strings.HasSuffix(r.URL.Path, ".wav")
}

// problem answers with a page of three sentences: what happened, what it means
// and what to do.
func (s *Server) problem(w http.ResponseWriter, r *http.Request, v visit, status int, kind string) {
	f := s.frame(r, v, "problem.title")
	s.show(w, r, status, page.ErrorPage(f, page.Problem{
		Happened: f.T("problem." + kind + ".h"),
		Means:    f.T("problem." + kind + ".p"),
		Todo:     f.F("problem."+kind+".do", "clock", f.Clock(time.Now())),
	}))
}

// broken is problem for a failure that is worth a line in the log.
func (s *Server) broken(w http.ResponseWriter, r *http.Request, v visit, doing string, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		s.problem(w, r, v, http.StatusRequestEntityTooLarge, "size")
		return
	}
	s.cfg.Log.LogAttrs(r.Context(), slog.LevelError, "a page could not be made", slog.String("doing", doing), slog.String("path", r.URL.Path), slog.Any("error", err))
	s.problem(w, r, v, http.StatusInternalServerError, "broken")
}
