package gallery

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hotline/ui"
	"hotline/ui/page"
)

// Look is one picture as somebody looks at it.
type Look struct {
	Picture  string
	As       string // another role than the picture's own, or ""
	Language string
	Colours  string // "light", "dark", or "": as the device prefers
}

// cookie carries a look from page to page; it holds nothing else.
const cookie = "gallery"

// Address is where a look is opened.
func (l Look) Address() string {
	return "/gallery/open?picture=" + l.Picture + "&as=" + l.As + "&language=" + l.Language + "&colours=" + l.Colours
}

func (l Look) text() string {
	return strings.Join([]string{l.Picture, l.As, l.Language, l.Colours}, "/")
}

func lookOf(r *http.Request) (l Look, ok bool) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return l, false
	}
	parts := strings.Split(c.Value, "/")
	if len(parts) != 4 {
		return l, false
	}
	return Look{Picture: parts[0], As: parts[1], Language: parts[2], Colours: parts[3]}, true
}

func (g *Gallery) picture(name string) (Picture, bool) {
	at := slices.IndexFunc(g.pictures, func(p Picture) bool { return p.Name == name })
	if at < 0 {
		return Picture{}, false
	}
	return g.pictures[at], true
}

// Path is the address of a picture's page.
func (g *Gallery) Path(p Picture) string { return fill(p.Path, g.scenes[p.Scene].made) }

// Handler is the list of pictures and the pages behind it.
func (g *Gallery) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "Nothing is done in the gallery. Go back.\n") // whoever asked has gone
			return
		}
		switch r.URL.Path {
		case "/gallery":
			g.list(w, r)
		case "/gallery/open":
			g.open(w, r)
		case "/gallery/frame":
			g.frame(w, r)
		default:
			g.show(w, r)
		}
	})
}

// open begins to look at a picture: from then on this browser is who the
// picture is for.
func (g *Gallery) open(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	l := Look{Picture: q.Get("picture"), As: q.Get("as"), Language: q.Get("language"), Colours: coloursOf(q)}
	p, ok := g.picture(l.Picture)
	if !ok || !g.texts.Has(l.Language) || l.As != "" && !slices.Contains(g.others(p), l.As) {
		http.Redirect(w, r, "/gallery", http.StatusSeeOther)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: l.text(), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, g.Path(p), http.StatusSeeOther)
}

// show lets the page of the look answer.
func (g *Gallery) show(w http.ResponseWriter, r *http.Request) {
	l, ok := lookOf(r)
	p, known := g.picture(l.Picture)
	if !ok || !known {
		http.Redirect(w, r, "/gallery", http.StatusSeeOther)
		return
	}
	s := g.scenes[p.Scene]
	as := p.As
	if l.As != "" {
		as = l.As
	}
	if p.Desk != "" {
		as += "." + p.Desk
	}
	r = r.Clone(r.Context())
	ui.As(r, as, l.Language)
	if s.carry != "" && p.As != "stranger" {
		r.Header.Set("Cookie", r.Header.Get("Cookie")+"; "+s.carry)
	}
	switch live := strings.HasPrefix(r.URL.Path, "/ws/"); {
	case live:
		r.Header.Set("Origin", "https://"+r.Host) // a hotline has nothing but https
		if g.cut(w, r, p) {
			return
		}
	case strings.HasSuffix(r.URL.Path, ".css") && l.Colours != "":
		g.style(w, r, s, l.Colours)
		return
	case p.Form != nil && r.URL.RequestURI() == g.Path(p):
		kind, body, err := s.sent(p)
		if err != nil {
			g.log.Error("the gallery could not send a form", "picture", p.Name, "error", err)
			http.Error(w, "The gallery could not send a form.", http.StatusInternalServerError)
			return
		}
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Del("Origin")
	}
	if p.Desk == "lost" && r.URL.Path == "/desk" {
		g.mu.Lock()
		delete(g.lost, l.text())
		g.mu.Unlock()
	}
	if !strings.HasPrefix(r.URL.Path, "/ws/") && !strings.HasPrefix(r.URL.Path, "/ev/") {
		w = &framed{ResponseWriter: w}
	}
	s.pages.ServeHTTP(w, r)
}

// sent is the form of a picture as a browser sends it.
func (s *scene) sent(p Picture) (kind, body string, err error) {
	form := url.Values{}
	for key, values := range p.Form {
		form.Set(key, fill(values[0], s.made))
	}
	if !p.File {
		return "application/x-www-form-urlencoded", form.Encode(), nil
	}
	var parts strings.Builder
	w := multipart.NewWriter(&parts)
	for key := range form {
		err = errors.Join(err, w.WriteField(key, form.Get(key)))
	}
	err = errors.Join(err, w.Close())
	return w.FormDataContentType(), parts.String(), err
}

// cutAfter is how long a page has its connection that loses it.
const cutAfter = 1500 * time.Millisecond

// cut plays a bad connection: one that never opens, and one that ends. It
// reports whether the request is answered.
func (g *Gallery) cut(w http.ResponseWriter, r *http.Request, p Picture) bool {
	l, _ := lookOf(r)
	switch p.Desk {
	case "connecting":
		<-r.Context().Done()
		return true
	case "lost":
		g.mu.Lock()
		again := g.lost[l.text()]
		g.lost[l.text()] = true
		g.mu.Unlock()
		if again {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		g.scenes[p.Scene].pages.ServeHTTP(&brittle{ResponseWriter: w}, r)
		return true
	}
	return false
}

// style is the style sheet with the colours of the look, whatever the device
// prefers.
func (g *Gallery) style(w http.ResponseWriter, r *http.Request, s *scene, colours string) {
	r.Header.Del("Accept-Encoding")
	got := &answer{status: http.StatusOK, header: http.Header{}}
	s.pages.ServeHTTP(got, r)
	meant := "(max-width:0)"
	if colours == "dark" {
		meant = "(min-width:0)"
	}
	css := strings.NewReplacer("(prefers-color-scheme:dark)", meant, "(prefers-color-scheme: dark)", meant, "color-scheme:light dark", "color-scheme:"+colours).Replace(got.body.String())
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(got.status)
	_, _ = io.WriteString(w, css) // whoever asked has gone
}

func coloursOf(q url.Values) string {
	switch colours := q.Get("colours"); colours {
	case "light", "dark":
		return colours
	}
	return ""
}

// others are the roles that may open the page of a picture, the picture's own
// first.
func (g *Gallery) others(p Picture) []string {
	if !slices.Contains([]string{agent, supervisor, coordinator, admin}, p.As) || p.Form != nil || p.Own || strings.HasPrefix(p.Name, "problem-") || p.Desk != "" {
		return nil
	}
	path, _, _ := strings.Cut(g.Path(p), "?")
	roles := []string{p.As}
	for _, way := range ui.Ways() {
		if fits(way.Pattern, path) {
			for _, role := range way.Roles {
				if role != "" && role != p.As {
					roles = append(roles, role)
				}
			}
			break
		}
	}
	return roles
}

// fits reports whether an address is one of a pattern.
func fits(pattern, path string) bool {
	want, have := strings.Split(strings.TrimSuffix(pattern, "{$}"), "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i, part := range want {
		if part != have[i] && !(strings.HasPrefix(part, "{") && have[i] != "") {
			return false
		}
	}
	return true
}

// brittle is an answer whose connection breaks.
type brittle struct{ http.ResponseWriter }

func (b *brittle) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(b.ResponseWriter).Hijack()
	if err == nil {
		time.AfterFunc(cutAfter, func() { _ = conn.Close() }) // it may have ended by itself
	}
	return conn, buffer, err
}

// framed is an answer that may stand in a frame of the gallery, which shows it
// at the size of another screen. Pages of a hotline stand in no frame.
type framed struct{ http.ResponseWriter }

func (f *framed) WriteHeader(status int) {
	h := f.Header()
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors 'self'", 1))
	f.ResponseWriter.WriteHeader(status)
}

func (f *framed) Unwrap() http.ResponseWriter { return f.ResponseWriter }

// sizes are the screens that pictures can be seen on.
func sizes() []page.GallerySize {
	return []page.GallerySize{{Width: 1366, Height: 768}, {Width: 390, Height: 844}, {Width: 1366, Height: 600}, {Width: 320, Height: 640}}
}

// listPolicy lets the gallery's own pages use its style sheet and frames.
const listPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// list is the list of all pictures.
func (g *Gallery) list(w http.ResponseWriter, r *http.Request) {
	p := g.page(r)
	for _, picture := range g.pictures {
		one := page.GalleryPicture{Name: picture.Name, Path: g.Path(picture)}
		roles := g.others(picture)
		if len(roles) == 0 {
			roles = []string{""}
		}
		for _, role := range roles {
			l := Look{Picture: picture.Name, Language: p.Lang(), Colours: p.Colours}
			if role != picture.As {
				l.As = role
			}
			address := l.Address()
			if p.Size != "" {
				address = strings.Replace(address, "/gallery/open", "/gallery/frame", 1) + "&size=" + p.Size
			}
			one.Looks = append(one.Looks, page.GalleryLook{Role: role, Address: address})
		}
		p.Pictures = append(p.Pictures, one)
	}
	g.draw(w, r, page.GalleryList(p))
}

// frame shows a picture at the size of another screen.
func (g *Gallery) frame(w http.ResponseWriter, r *http.Request) {
	p := g.page(r)
	for _, size := range p.Sizes {
		if size.Name() == p.Size {
			q := r.URL.Query()
			p.Open = Look{Picture: q.Get("picture"), As: q.Get("as"), Language: p.Lang(), Colours: p.Colours}.Address()
			p.Shown = size
			g.draw(w, r, page.GalleryFrame(p))
			return
		}
	}
	http.Redirect(w, r, "/gallery", http.StatusSeeOther)
}

func (g *Gallery) page(r *http.Request) page.GalleryPage {
	q := r.URL.Query()
	text := g.texts.Choose(r.Header.Get("Accept-Language"), q.Get("language"))
	p := page.GalleryPage{Colours: coloursOf(q), Size: q.Get("size"), Sizes: sizes(), Frame: page.Frame{Text: text, Title: text.T("gallery.h"), Operation: operation,
		Path: "/gallery", Asset: g.scenes[fullScene].asset, Now: time.Now()}}
	for _, tag := range g.texts.Tags() {
		p.Languages = append(p.Languages, page.Language{Tag: tag, Name: g.texts.Choose("", tag).T("language.name")})
	}
	return p
}

func (g *Gallery) draw(w http.ResponseWriter, r *http.Request, content templ.Component) {
	var drawn bytes.Buffer
	if err := content.Render(r.Context(), &drawn); err != nil {
		g.log.Error("the gallery could not be drawn", "error", err)
		http.Error(w, "The gallery could not be drawn.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", listPolicy)
	_, _ = w.Write(drawn.Bytes()) // whoever asked has gone
}
