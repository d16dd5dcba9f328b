package ui

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// The pages of health, rehearsal and the handbook fit every screen, axe finds nothing on them,
// and the quick start is one sheet of paper.
func TestTheHealthPageAndTheHandbookFit(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	b := openBrowser(t, s)
	b.signIn(supervisor)
	b.do(navigate(s.url + "/health"))
	b.until(`document.body.innerText.includes("The clock is kept right")`)
	b.fits("health")
	b.do(navigate(s.url + "/rehearsal"))
	b.until(`document.body.innerText.includes("Callers suffer from")`)
	b.fits("rehearsal")
	for _, path := range []string{"/handbook", "/handbook/phone"} {
		b.do(navigate(s.url + path))
		b.until(`document.readyState === "complete" && !!document.querySelector("h1")`)
		b.fits("handbook" + strings.ReplaceAll(path, "/", "-"))
	}
	for _, language := range []string{"en", "es"} {
		b.speak(language)
		b.do(navigate(s.url + "/handbook/quick"))
		b.until(`document.documentElement.lang === "` + language + `" && document.readyState === "complete"`)
		if sheets := b.sheets(); sheets != 1 {
			t.Errorf("%s: the quick start takes %d sheets of paper", language, sheets)
		}
	}
}

// sheets is how many sheets of A4 the page takes when it is printed; of Letter,
// which is shorter, where that is more.
func (b *browser) sheets() int {
	b.t.Helper()
	most := 0
	for _, tall := range []float64{11.69, 11} {
		ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
		printed, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: tall})
		stop()
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.shots, "printed.pdf"), printed.Data, 0o644); err != nil {
			b.t.Fatal(err)
		}
		n := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(printed.Data, -1))
		if n == 0 {
			b.t.Fatal("the printed page has no sheets")
		}
		most = max(most, n)
	}
	return most
}
