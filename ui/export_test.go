package ui

import "testing"

// Browser is the browser of the tests of the pages, for those of the gallery,
// which stands above them.
type Browser = browser

// OpenBrowser opens one for the pages at an address.
func OpenBrowser(t *testing.T, address string) *Browser {
	return openBrowser(t, &site{url: address})
}

// For makes what is found wrong an error of one part of the test.
func (b *browser) For(t *testing.T) func() {
	before := b.t
	b.t = t
	return func() { b.t = before }
}

// Open goes to an address and waits for a page in a state; its folds may be
// opened, so that what is in them is looked at, too.
func (b *browser) Open(address, state string, unfold bool) {
	b.t.Helper()
	b.mu.Lock()
	b.weight = 0
	b.mu.Unlock()
	b.do(navigate("about:blank")) // a page that is still open might ask for something as the next one's visitor
	b.do(navigate(b.site.url + address))
	there := `location.pathname !== "/gallery/open" && document.body?.dataset.state === "` + state + `"`
	if state == "ready" || state == "oncall" || state == "alarm" {
		there += ` && document.querySelector('[data-part="no-sound"]').hidden`
	}
	b.still(there)
	if unfold {
		b.do(evaluate(`for (const fold of document.querySelectorAll("main details")) fold.open = true`))
	}
}

// Weight is how many bytes have come since the page was opened.
func (b *browser) Weight() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.weight
}

// Looks judges the page on a screen, in light or dark.
func (b *browser) Looks(name, size, scheme string) {
	b.t.Helper()
	b.at(size)
	b.colours(scheme)
	b.measured(name, size)
	b.accessible(name + " " + size + " " + scheme)
	b.shoot(name + "-" + size + "-" + scheme)
}

// Fits measures the page on a screen.
func (b *browser) Fits(name, size string) {
	b.t.Helper()
	b.at(size)
	b.measured(name, size)
}
