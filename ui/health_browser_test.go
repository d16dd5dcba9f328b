package ui

import "testing"

// The health page fits every screen and axe finds nothing on it.
func TestTheHealthPageFits(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	b := openBrowser(t, s)
	b.signIn(supervisor)
	b.do(navigate(s.url + "/health"))
	b.until(`document.body.innerText.includes("The clock is kept right")`)
	b.fits("health")
}
