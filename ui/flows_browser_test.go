package ui

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
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
	b.do(navigate(s.url + "/admin/flows/versions/1"))
	b.until(`document.querySelector("ins") !== null`)
	b.fits("dialogue-version")
	b.do(navigate(s.url + "/admin/flow/main/try"))
	b.fits("dialogue-try")
}

// Somebody who never sees the text of a dialogue changes it: a sentence after
// the greeting, a key that leads to a line, another order, one step less; then
// checks it, publishes it, and comes to the line by the key.
func TestADialogueIsChangedStepByStep(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	const before = "# Ours\nabout: Greeting\nstart: greeting\nfallback: {queue: help}\nsteps:\n  # Kept\n  greeting: {say: hello, next: choice}   # and this\n" +
		"  choice:\n    menu: {\"1\": person, \"2\": bye}\n    say: main.menu\n    default: person\n  person: {queue: help, say: queue.connecting}\n  bye: {hangup: done, say: goodbye}\n"
	s.post(t, client, "/admin/flow/main", url.Values{"do": {"save"}, "text": {before}})
	b := openBrowser(t, s)
	b.signIn(admin)
	b.do(navigate(s.url + "/admin/flow/main"))
	at := func(search, selector string) {
		t.Helper()
		b.until(`location.href.includes("` + search + `") && document.readyState === "complete" && document.querySelector("` + selector + `") !== null`)
	}
	at("/admin/flow/main", "#step-greeting")

	// A sentence after the greeting.
	b.press("#step-greeting a[href$='/add/greeting']")
	at("/add/greeting", "#by")
	b.press("form[action$='/add'] button.main")
	at("/greeting/say/next", "#said-say-new")
	b.js(`(document.querySelector("#said-say-new").value = "alert.general")`)
	b.press("button.main[value=save]")
	at("done=step", "#step-say")
	b.focused("#change-say")
	if next := b.js(`document.querySelector("#step-greeting .ways a").textContent`); next != "say" {
		t.Errorf("the greeting leads to %q", next)
	}

	// A key that leads straight to a line.
	b.press("#change-choice")
	at("/step/choice", "#new-menu")
	b.js(`(document.querySelector("#new-menu").value = "7", document.querySelector("#to-menu").value = "queue:help")`)
	b.press("button.main[value=save]")
	at("done=step", "#step-choice")
	if ways := b.js(`[...document.querySelectorAll("#step-choice .ways li")].map((e) => e.innerText).join("; ")`); !strings.Contains(ways, "Key 7 → person") {
		t.Errorf("the ways of the menu are %s", ways)
	}

	// By the keyboard: the focus stays on the step that is moved.
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#up-say").focus()`), chromedp.SendKeys(chromedp.CSS("#up-say"), "\r"))
	at("done=moved", "#down-say")
	b.focused("#down-say")
	if first := b.js(`document.querySelector(".outline li").id`); first != "step-say" {
		t.Errorf("the first step is %s", first)
	}

	// One that others lead to goes away, once it is said where they lead.
	b.press("#step-bye button[value=remove]")
	at("/steps", "#instead")
	b.fits("dialogue-step-gone")
	b.js(`(document.querySelector("#instead").value = "person")`)
	b.press("button.main[value=remove]")
	at("done=gone", "#step-person")
	if text := b.js(`document.querySelector("#check-h").parentElement.innerText`); !strings.Contains(text, "This dialogue works") {
		t.Errorf("the check says %s", text)
	}
	b.press("#undo") // and comes back
	at("done=undone", "#step-bye")
	b.fits("dialogue")

	text := s.get(t, client, "/admin/flow/main/text").body
	for _, kept := range []string{"# Ours", "  # Kept\n", "# and this"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%q is lost", kept)
		}
	}
	b.press("a[href='/admin/flows#publish-h']")
	at("/admin/flows", "#note")
	b.do(chromedp.SendKeys(chromedp.CSS("#note"), "the warning first"))
	b.press("form[action='/admin/flows/publish'] button")
	at("done=published", "#flows-h")
	b.do(navigate(s.url + "/admin/flow/main/try"))
	at("/try", "#answer")
	b.do(chromedp.SendKeys(chromedp.CSS("#answer"), "7\r"))
	b.until(`document.body.innerText.includes("waits for a person")`)
	heard := b.js(`document.querySelector("pre").innerText`)
	if !strings.Contains(heard, "«alert.general»") || strings.Index(heard, "«alert.general»") > strings.Index(heard, "«hello»") {
		t.Errorf("the caller heard %s", heard)
	}
}
