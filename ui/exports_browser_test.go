package ui

import (
	"net/url"
	"testing"

	"hotline/triage"
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

// Those who are responsible for the data find their way on every screen.
func TestThePageOfPrivacyFits(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	k := s.called(t, triage.Contact{Caller: "+12024561111", Channel: "phone", Direction: "in"})
	s.ended(t, k.ID, triage.OpenAbandoned)
	b := openBrowser(t, s)
	b.signIn(admin)
	b.do(navigate(s.url + "/admin/privacy"))
	b.js(`document.querySelector('#number').value = "+12024561111", 0`)
	b.js(`document.querySelector('[value="find"]').click(), 0`)
	b.until(`document.querySelector('[value="erase"]') !== null`)
	b.fits("privacy")
	b.do(navigate(s.url + "/admin/log"))
	b.js(`document.querySelector('form[action="/admin/log"] button').click(), 0`)
	b.until(`document.querySelector('.note.go .break') !== null`)
	b.fits("log-proved")
}
