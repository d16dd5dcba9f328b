package pointer

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// remembered is how long somebody counts as having seen the page: as long as an
// address is lent.
const remembered = 12 * time.Hour

// mostSeen is more than the network has addresses.
const mostSeen = 1000

// Seen is the path of what the page is made of and only a screen fetches: programs
// that look whether there is an internet do not. Whoever asks for something below
// it has the page before them.
const Seen = "/assets/"

// wanted is what a telephone or computer asks a network without a password for,
// and what it hears where there is the internet.
type wanted struct {
	status int
	kind   string // of the text
	text   string
}

const plain, markup = "text/plain", "text/html"

// probes are the questions of those that are common, by path and, where that is
// anybody's, by host.
func probe(host, path string) (wanted, bool) {
	w, ok := map[string]wanted{
		"/generate_204":              {http.StatusNoContent, "", ""},                                                                                        // Android, ChromeOS
		"/gen_204":                   {http.StatusNoContent, "", ""},                                                                                        // Android
		"/hotspot-detect.html":       {http.StatusOK, markup, apple},                                                                                        // iOS, macOS
		"/library/test/success.html": {http.StatusOK, markup, apple},                                                                                        // iOS, macOS
		"/connecttest.txt":           {http.StatusOK, plain, "Microsoft Connect Test"},                                                                      // Windows
		"/ncsi.txt":                  {http.StatusOK, plain, "Microsoft NCSI"},                                                                              // Windows before 10
		"/success.txt":               {http.StatusOK, plain, "success\n"},                                                                                   // Firefox
		"/canonical.html":            {http.StatusOK, markup, `<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>`}, // Firefox
		"/check_network_status.txt":  {http.StatusOK, plain, "NetworkManager is online\n"},                                                                  // GNOME
		"/nm":                        {http.StatusOK, plain, "NetworkManager is online\n"},                                                                  // Debian
	}[path]
	if ok || path != "/" {
		return w, ok
	}
	w, ok = map[string]wanted{
		"captive.apple.com":             {http.StatusOK, markup, apple},
		"connectivity-check.ubuntu.com": {http.StatusNoContent, "", ""},
		"networkcheck.kde.org":          {http.StatusOK, plain, "OK\n"},
	}[host]
	return w, ok
}

const apple = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"

// ServeHTTP shows the page at the box's own address, and leads there from
// everywhere else.
func (p *Pointer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := strings.ToLower(r.Host)
	if name, _, found := strings.Cut(host, ":"); found {
		host = name
	}
	if host == p.cfg.At.String() {
		if strings.HasPrefix(r.URL.Path, Seen) {
			p.note(r.RemoteAddr, time.Now())
		}
		p.cfg.Page.ServeHTTP(w, r)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if hears, ok := probe(host, r.URL.Path); ok && p.knows(r.RemoteAddr, time.Now()) {
		if hears.kind != "" {
			header.Set("Content-Type", hears.kind)
		}
		w.WriteHeader(hears.status)
		if r.Method != http.MethodHead && hears.text != "" {
			_, _ = io.WriteString(w, hears.text) // whoever asked has gone
		}
		return
	}
	http.Redirect(w, r, "http://"+p.cfg.At.String()+"/", http.StatusFound)
}

func addrOf(remote string) netip.Addr {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// note keeps that somebody has the page before them.
func (p *Pointer) note(remote string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.seen) >= mostSeen {
		clear(p.seen) // they see it once more
	}
	p.seen[addrOf(remote)] = now
}

// knows reports whether somebody has seen the page.
func (p *Pointer) knows(remote string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.seen[addrOf(remote)]
	return ok && now.Sub(at) < remembered
}
