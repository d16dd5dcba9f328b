package main

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hotline/appliance/switches"
	"hotline/triage"
	"hotline/triage/desk"
)

// Somebody without a telephone calls with a browser: the same voice, the same
// keys, the same line, the same volunteer, and a record that says so. The door
// is shut until it is opened.
func TestABrowserCalls(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	page := openBrowser(t, b.h.certs, cHz)
	page.do("opening the caller page", chromedp.Navigate(b.base+"call"))
	page.until("the page is shut", `document.body.innerText.includes("switched off here")`)
	if err := b.h.switches.Turn(t.Context(), switches.Browsers, true, "test", "Test", "web"); err != nil {
		t.Fatal(err)
	}
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	page.do("opening the caller page", chromedp.Navigate(b.base+"call?plain-audio"))
	page.press(`[data-do="call"]`)
	page.until("the call is up", `document.querySelector('[data-part="call-words"]').textContent.includes("You are connected")`)
	for _, key := range []string{"1", "1", "3", "9"} { // English, then as everybody who asks for help
		page.do("listening to the voice", chromedp.Sleep(time.Second))
		page.press(`[data-digit="` + key + `"]`)
	}
	if k := amal.is(triage.Offered).Call; k.Number != "" || k.Language != "en" {
		t.Errorf("offered with %+v", k)
	}
	amal.answer()
	b.hears("Amal", amal.sound, allHz, cHz)
	page.waitHears(aHz)
	page.press(`[data-do="end"]`)
	contact := amal.is(triage.WrapUp).Call.Contact
	amal.do(desk.Command{Type: "wrap", Contact: contact, Disposition: "info_given"})
	for _, row := range b.exportUntil("contacts", "channel", "browser") {
		if row["outcome"] != string(triage.OutcomeAnswered) || row["caller_number"] != "" || row["disposition"] != "info_given" {
			t.Errorf("the record: %v", row)
		}
	}
}
