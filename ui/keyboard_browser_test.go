package ui

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"hotline/triage"
	"hotline/triage/desk"
)

// wholeCallByKeyboard goes from a break through a call and back to Ready with
// nothing but keys, as the browser gets them from a keyboard. Focus goes where
// one's own press leads, and nowhere by itself.
func (b *browser) wholeCallByKeyboard(t *testing.T, s *site) {
	t.Helper()
	from := len(s.commands())
	did := func(kind string, is func(desk.Command) bool) {
		t.Helper()
		s.await(t, "by keyboard "+kind, func() bool {
			for _, c := range s.commands()[from:] {
				if c.Type == kind && is(c) {
					return true
				}
			}
			return false
		})
	}
	always := func(desk.Command) bool { return true }
	b.focused("#break-h")
	b.goReady("break", func(selector string) {
		b.tabTo(selector)
		b.do(typeKeys(kb.Enter))
	})
	did("ready", always)
	b.focused("#ready-h")

	// Where the focus stood on the card that goes, it comes to the heading of the
	// next one: no key that was meant for something else answers.
	call := ringing()
	call.Contact = "by-keyboard"
	offer := func(now *desk.Snapshot) {
		now.Agent.State, now.Agent.Since, now.Call = triage.Offered, time.Now(), call
	}
	s.set(offer)
	b.state("offer")
	b.focused("#offer-h")
	b.do(typeKeys(kb.Enter), typeKeys(" "))
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.Ready, nil })
	b.state("ready")
	b.focused("#ready-h")
	b.tabTo("#services-q")
	s.set(offer)
	b.state("offer")
	b.do(typeKeys("wat"))
	b.until(`document.getElementById("services-q").value === "wat"`)
	b.focused("#services-q")
	for _, c := range s.commands()[from:] {
		if c.Type == "accept" || c.Type == "decline" {
			t.Errorf("a key that was meant for something else gave the command %s", c.Type)
		}
	}

	b.tabTo(`[data-card="offer"] [data-do="accept"]`)
	b.do(typeKeys(kb.Enter))
	b.state("oncall")
	did("accept", func(c desk.Command) bool { return c.Contact == call.Contact })
	b.focused("#oncall-h")
	b.do(chromedp.KeyEvent("3", chromedp.KeyModifiers(chromedp.ModifierCtrl, chromedp.ModifierShift)))
	b.until(muteButton + ` === "true"`)
	b.focused("#oncall-h")
	b.tabTo(`.keys [data-do="mute"]`)
	b.do(typeKeys(" "))
	b.until(muteButton + ` === "false"`)
	b.focused(`.keys [data-do="mute"]`)
	did("mute", func(c desk.Command) bool { return !c.On })

	// Every answer goes to the hotline a second after the last key at the latest,
	// and at once when the field is left: what the page waits is asked of the
	// page, because a clock would measure this machine.
	b.do(evaluate(`{ const wait = window.setTimeout; window.__pauses = [];
		window.setTimeout = (run, ms, ...more) => { if (["input", "change"].includes(window.event?.type)) window.__pauses.push(window.event.type + " " + (ms > 1000 ? "too long: " + ms : ms > 0 ? "within a second" : "at once")); return wait(run, ms, ...more); } }`))
	b.tabTo("#place")
	b.do(typeKeys("Mercado"))
	s.awaitCase(t, func(f triage.CaseFields) bool { return f.Place == "Mercado" })
	b.focused("#place")
	b.do(typeKeys(kb.Tab))
	b.tabTo("#notes")
	b.do(typeKeys("insulin"))
	b.tabTo(`[name="danger_now"]`)
	if pauses := b.js(`[...new Set(window.__pauses)].sort().join(", ")`); pauses != "change at once, input within a second" {
		t.Errorf("the form sends what was written: %s", pauses)
	}
	b.do(typeKeys(" "))
	s.awaitCase(t, func(f triage.CaseFields) bool {
		return f.Place == "Mercado" && f.Notes == "insulin" && f.DangerNow != ""
	})

	b.tabTo(`[data-card="oncall"] .call-foot [data-do="end"]`)
	b.do(typeKeys(kb.Enter))
	b.state("wrap")
	did("end", always)
	b.focused("#wrap-h")
	b.tabTo(`#wrap [name="disposition"]`)
	b.do(typeKeys(" "), typeKeys(kb.ArrowDown))
	ending := b.js(`document.querySelector("[name=disposition]:checked").value`)
	b.focused(fmt.Sprintf(`#wrap [value=%q]`, ending))
	b.tabTo(`[data-next="ready"]`)
	b.do(typeKeys(" "))
	b.state("ready")
	did("wrap", func(c desk.Command) bool { return c.Contact == call.Contact && c.Disposition == ending })
	b.focused("#ready-h")
}

// tabTo goes on with Tab until the element has the focus, as a person does.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	is := fmt.Sprintf(`document.activeElement.matches(%q) && document.activeElement.checkVisibility()`, selector)
	var way []string
	for range 150 {
		b.do(typeKeys(kb.Tab))
		if b.js(is) == "true" {
			return
		}
		way = append(way, b.js(`document.activeElement.tagName + " " + (document.activeElement.id || document.activeElement.name || document.activeElement.dataset.do || "")`))
	}
	b.t.Fatalf("the keyboard does not lead to %s: it went by %v", selector, way)
}

func (b *browser) focused(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.activeElement.matches(%q)`, selector))
}
