package ui

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/a-h/templ"

	"hotline/ui/page"
)

// frame is what the page has around its content, for this visitor.
func (s *Server) frame(r *http.Request, v visit, title string) page.Frame {
	text, now := s.textFor(r), time.Now()
	f := page.Frame{Text: text, Title: text.T(title), Operation: s.cfg.Operation, Path: r.URL.Path, Theme: themeOf(r), Asset: s.assets.Path, Now: now, MadeUp: s.cfg.MadeUp}
	if s.cfg.Lists != nil { // the pages before there is a hotline, and without its key, have none
		f.Lists = s.cfg.Lists.Now()
	}
	for _, tag := range s.words.Tags() {
		f.Languages = append(f.Languages, page.Language{Tag: tag, Name: s.words.Choose("", tag).T("language.name")})
	}
	if v.role != nobody {
		f.Person = &page.Person{Name: v.account.Name, Role: string(v.role)}
		for _, group := range menu(v.role) {
			f.Person.Groups = append(f.Person.Groups, page.Group{Key: group.key, Paths: group.paths})
		}
		if state := s.cfg.Mode.Current(now); state.Active {
			f.Mode = text.T("js.mode.is." + state.Mode)
		}
		f.Closing = s.closingNear(now)
	}
	return f
}

// queues are those into which callers come, in the order of forms.
func (s *Server) queues() []string { return s.cfg.Routing.Routing().LineIDs() }

// show sends a page. It is drawn in memory first: a fault while drawing becomes
// an error page and not half a page.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, content templ.Component) {
	var drawn bytes.Buffer
	if err := content.Render(r.Context(), &drawn); err != nil {
		if r.Context().Err() != nil { // whoever asked has left the page
			return
		}
		s.cfg.Log.Error("a page could not be drawn", "path", r.URL.Path, "error", err)
		http.Error(w, "The hotline could not draw this page. Calls go on. Load the page again.", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Add("Vary", "Accept-Encoding")
	body := drawn.Bytes()
	if packs(r) && len(body) >= worthPacking {
		packed, err := s.pack(body)
		if err != nil {
			s.cfg.Log.Warn("a page could not be packed and is sent as it is", "path", r.URL.Path, "error", err)
		} else {
			body = packed
			header.Set("Content-Encoding", "gzip")
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return // the browser has gone
	}
}

const worthPacking = 1400 // bytes: below, one packet holds the page anyway

// packs reports whether the answer may be compressed. A page that repeats what
// came with the request is not: from its length, somebody who chooses the
// request could guess what else is on the page (BREACH).
func packs(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.URL.RawQuery != "" {
		return false
	}
	for _, wish := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(wish, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			quality = strings.ReplaceAll(strings.ToLower(quality), " ", "")
			return strings.Trim(quality, "0.") != "q=" // q=0, q=0.000: not wanted
		}
	}
	return false
}

// pack compresses a page. Compressors are large and kept for the next one.
func (s *Server) pack(page []byte) ([]byte, error) {
	packer, _ := s.packers.Get().(*gzip.Writer)
	if packer == nil {
		packer = gzip.NewWriter(nil)
	}
	defer s.packers.Put(packer)
	var packed bytes.Buffer
	packer.Reset(&packed)
	if _, err := packer.Write(page); err != nil {
		return nil, err
	}
	if err := packer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func (s *Server) home(w http.ResponseWriter, r *http.Request, v visit) {
	http.Redirect(w, r, homeOf(v.role), http.StatusSeeOther)
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request, _ visit) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := w.Write([]byte("ok " + s.cfg.Version + "\n")); err != nil {
		return
	}
}

func (s *Server) asset(w http.ResponseWriter, r *http.Request, _ visit) { s.assets.ServeHTTP(w, r) }

func (s *Server) favicon(w http.ResponseWriter, r *http.Request, v visit) {
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	if err := page.Favicon().Render(r.Context(), w); err != nil {
		return
	}
}

// clean takes what a person typed: no control characters, none that turn the
// reading direction of the text around, and not more than most runes.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(text), ""))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most])
	}
	return text
}
