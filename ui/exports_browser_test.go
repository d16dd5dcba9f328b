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
	for _, press := range []string{`[name="set"][value="cases"]`, `[name="to"][value="helpers"]`, `[name="level"][value="L3"]`} {
		b.js(`document.querySelector('` + press + `').click(), 0`)
	}
	b.js(`document.querySelector('#reason').value = "weekly report", 0`)
	b.js(`document.querySelector('main form button').click(), 0`)
	b.until(`document.querySelector("#job[data-busy]") !== null`)
	b.fits("export-waits")
	path := b.js(`location.pathname`)
	s.post(t, other, path, url.Values{"do": {"approve"}})
	b.until(`document.querySelector("#job a[download]") !== null`)
	b.until(`document.querySelector("#job .points li").innerText.includes("row")`) // of each set, how much is in the file
	b.fits("export-done")
	b.do(navigate(s.url + "/records/export/orders"))
	for _, press := range []string{`[name="set"][value="cases"]`, `[name="to"][value="helpers"]`, `[name="kind"][value="folder"]`, `[name="lock"][value="none"]`} {
		b.js(`document.querySelector('` + press + `').click(), 0`)
	}
	b.js(`document.querySelector('#reason').value = "weekly report", document.querySelector('#folder').value = "` + t.TempDir() + `", 0`)
	b.js(`document.querySelector('form[action="/records/export/orders"] button').click(), 0`)
	b.until(`document.querySelector('article form [value="now"]') !== null`)
	b.fits("export-orders")
	b.importsFit(s)
}

// The way of files into the records fits every screen, works with the keys
// alone, and the page of an import follows it by itself.
func (b *browser) importsFit(s *site) {
	b.t.Helper()
	b.do(navigate(s.url + "/import"))
	b.fits("imports-none")
	client := s.as(b.t, coordinator)
	path := s.bringFile(b.t, client, "volunteers", "people.csv", peopleFile).header.Get("Location")
	s.post(b.t, client, path, url.Values{"do": {"columns"}, "column": {"given_name", "phone", "age", "languages", "area"}})
	for _, language := range []string{"ar", "en"} {
		b.speak(language)
		b.do(navigate(s.url + path + "?show=all"))
		b.fits("import-check-" + language)
	}
	b.js(`document.querySelector('[name="without"]').focus(), 0`)
	b.do(typeKeys(" "))
	b.js(`document.querySelector('#basis').value = "Signed at the school", document.querySelector('[value="import"]').focus(), 0`)
	b.do(typeKeys("\r"))
	b.until(`document.querySelector('[value="undo"]') !== null`)
	b.fits("import-done")
	b.js(`document.querySelector('[value="undo"]').focus(), 0`)
	b.do(typeKeys("\r"))
	b.until(`document.querySelector('#job h2').innerText === "Taken back"`)
	b.fits("import-undone")
	b.do(navigate(s.url + "/import"))
	b.fits("imports")
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
