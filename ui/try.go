package ui

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"time"

	"hotline/ui/page"
)

// passes let a telephone nearby try a call in its browser, where strangers may
// not: each for an hour, kept in memory alone.
type passes struct {
	mu    sync.Mutex
	until map[string]time.Time
}

const (
	passLife = time.Hour
	mostPass = 100
)

func (p *passes) add(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil || len(p.until) >= mostPass {
		p.until = map[string]time.Time{}
	}
	text := strings.ToLower(rand.Text()[:16])
	p.until[text] = now.Add(passLife)
	return text
}

func (p *passes) valid(text string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.until[text])
}

// try is the page from which the first call is made.
func (s *Server) try(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.Try(page.TryPage{Frame: s.frame(r, v, "try.title"), First: r.URL.Query().Has("first")}))
}

func (s *Server) tryPass(w http.ResponseWriter, r *http.Request, v visit) {
	s.show(w, r, http.StatusOK, page.Try(page.TryPage{Frame: s.frame(r, v, "try.title"), First: r.PostFormValue("first") != "", Link: siteOf(r) + "/call?pass=" + s.passes.add(time.Now())}))
}
