package ui

import (
	"net/url"
	"strings"
	"testing"
)

// The pages of the dialogues fit every screen and axe finds nothing on them:
// with something wrong on them, published, compared and tried.
func TestThePagesOfDialoguesFit(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	changed := strings.Replace(shippedHere, "say: goodbye", "say: farewell", 1)
	s.post(t, client, "/admin/flow/main", url.Values{"do": {"save"}, "text": {changed}})
	s.post(t, client, "/admin/flows/publish", url.Values{"note": {"a kinder goodbye"}})
	s.post(t, client, "/admin/flow/main", url.Values{"do": {"save"}, "text": {strings.Replace(changed, "farewell", "missing", 1)}})
	b := openBrowser(t, s)
	b.signIn(admin)
	b.do(navigate(s.url + "/admin/flows"))
	b.until(`document.body.innerText.includes("a kinder goodbye")`)
	b.fits("dialogues")
	b.do(navigate(s.url + "/admin/flow/main"))
	b.until(`document.querySelector("#step-hello") !== null`)
	b.fits("dialogue")
	b.do(navigate(s.url + "/admin/flows/versions/1"))
	b.until(`document.querySelector("ins") !== null`)
	b.fits("dialogue-version")
	b.do(navigate(s.url + "/admin/flow/main/try"))
	b.fits("dialogue-try")
}
