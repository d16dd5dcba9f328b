package ui

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"hotline/ui/assets"
	"hotline/ui/page"
	"hotline/ui/words"
)

// PointerConfig is what the page says.
type PointerConfig struct {
	Addresses func() []string // of the pages; none while the hotline starts
	MadeUp    bool            // nothing here is real, and the page says so
	Log       *slog.Logger
}

// NewPointer is the one page that people see who join the box's own Wi-Fi network:
// where the pages are, and that the small window of a telephone will not do. It
// is served without encryption, for only so it comes by itself; nothing is typed
// there.
func NewPointer(cfg PointerConfig) (http.Handler, error) {
	catalogues, err := words.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the texts of the pages: %w", err)
	}
	files, err := assets.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the files of the pages: %w", err)
	}
	s := &Server{cfg: Config{MadeUp: cfg.MadeUp, Log: cfg.Log}, words: catalogues, assets: files, closing: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/{file}", files)
	mux.HandleFunc("GET /favicon.svg", func(w http.ResponseWriter, r *http.Request) { s.favicon(w, r, visit{}) })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		// A cookie is kept by few of those windows.
		if tag := r.URL.Query().Get("language"); s.words.Has(tag) {
			r.Header.Set("Cookie", languageCookie+"="+tag)
		}
		f := s.frame(r, visit{}, "pointer.h")
		// That it is fetched shows that somebody has the page before them: never kept
		// from an earlier visit.
		fresh := strconv.FormatInt(time.Now().UnixNano(), 36)
		f.Asset = func(name string) string { return s.assets.Path(name) + "?" + fresh }
		s.show(w, r, http.StatusOK, page.Pointer(page.PointerPage{Frame: f, Addresses: cfg.Addresses()}))
	})
	return s.protect(mux), nil
}
