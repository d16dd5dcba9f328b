package ui

import (
	"net/url"
	"testing"
)

// The pages of exports fit every screen, axe finds nothing on them, and the
// page of a job follows it by itself.
func TestThePagesOfExportsFit(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	other := s.as(t, admin)
	b := openBrowser(t, s)
	b.signIn(coordinator)
	b.do(navigate(s.url + "/records/export"))
	b.fits("exports")
	for _, press := range []string{`[name="set"][value="cases"]`, `[name="level"][value="L3"]`} {
		b.js(`document.querySelector('` + press + `').click(), 0`)
	}
	b.js(`document.querySelector('#reason').value = "weekly report", 0`)
	b.js(`document.querySelector('main form button').click(), 0`)
	b.until(`document.querySelector("#job[data-busy]") !== null`)
	b.fits("export-waits")
	path := b.js(`location.pathname`)
	s.post(t, other, path, url.Values{"do": {"approve"}})
	b.until(`document.querySelector("#job a[download]") !== null`)
	b.fits("export-done")
}
