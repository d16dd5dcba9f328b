package ui_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"hotline/ui"
	"hotline/ui/gallery"
	"hotline/ui/words"
)

// openGallery serves it until the test ends.
func openGallery(t *testing.T) *ui.Browser {
	t.Helper()
	g, err := gallery.New(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- g.Run(ctx, listener, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	return ui.OpenBrowser(t, "http://"+listener.Addr().String())
}

// Every page in every state is looked at on a laptop and on a telephone, one
// light and the other dark: axe finds nothing, nothing is wider than the screen
// or too small to press, no page is heavier than 150 kB, and none asks for
// anything from elsewhere. Which of English, Arabic and the long language a
// page is read in, and on which screen it is dark, goes round with the list, so
// that it is the same in every run. With LOOKS (languages, with commas: make
// looks) all pages are looked at in all of them, in both colours on both
// screens; with LOOKS=pictures as people find them, with nothing unfolded.
func TestEveryPageLooksRight(t *testing.T) {
	b := openGallery(t)
	all := os.Getenv("LOOKS")
	languages := []string{"en", "ar", words.Long}
	sizes, schemes := []string{"1366x768", "390x844"}, []string{"light", "dark"}
	for n, p := range gallery.Pictures() {
		t.Run(p.Name, func(t *testing.T) {
			defer b.For(t)()
			read := []string{languages[n%len(languages)]}
			switch all {
			case "":
			case "pictures":
				read = languages[:1]
			default:
				read = strings.Split(all, ",")
			}
			for _, language := range read {
				b.Open(gallery.Look{Picture: p.Name, Language: language}.Address(), p.State(), all != "pictures")
				if weight := b.Weight() / 1000; weight > 150 {
					t.Errorf("%s weighs %.0f kB", p.Name, weight)
				}
				for at, size := range sizes {
					for dark, scheme := range schemes {
						if all != "" || (at+dark+n/len(languages))%2 == 0 {
							b.Looks(p.Name+"-"+language, size, scheme)
						}
					}
				}
				if p.Desk != "" || all != "" {
					b.Fits(p.Name+"-"+language, "1366x600")
					b.Fits(p.Name+"-"+language, "320x640")
				}
			}
		})
	}
}
