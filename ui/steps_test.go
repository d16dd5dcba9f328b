package ui

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"hotline/appliance/softphone"
	"hotline/triage"
	"hotline/triage/desk"
)

// micTrack says whether the track that goes to the caller is open; the page's
// script keeps it to itself, so the test asks the browser for what it captured.
const micTrack = `(window.__tracks ?? []).filter((t) => t.readyState === "live").slice(-1)[0]?.enabled`

const muteButton = `document.querySelector('.keys [data-do="mute"]').getAttribute("aria-pressed")`

func evaluate(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script)
}

func navigate(url string) chromedp.Action[chromedp.Void] { return chromedp.Navigate(url) }

func typeKeys(keys string) chromedp.Action[chromedp.Void] { return chromedp.KeyEvent(keys) }

func typeInto(id, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.ID(id), text)
}

func setValue(id, text string) chromedp.Action[chromedp.Void] {
	return evaluate(fmt.Sprintf(`document.getElementById(%q).value = %q`, id, text))
}

// writeAtOnce is what a very quick person types. Where each pause between two
// keys would be a change of its own, the test must not depend on how fast this
// machine types.
func writeAtOnce(id, text string) chromedp.Action[chromedp.Void] {
	return evaluate(fmt.Sprintf(`{ const field = document.getElementById(%q); field.focus(); field.value = %q; field.dispatchEvent(new Event("input", {bubbles: true})); }`, id, text))
}

// stopClock holds the clock of the page: what is done next is done in the same
// moment, however long this machine takes for it.
func stopClock() chromedp.Action[chromedp.Void] {
	return evaluate(`{ const at = Date.now(); window.__now = Date.now; Date.now = () => at; }`)
}

func startClock() chromedp.Action[chromedp.Void] { return evaluate(`Date.now = window.__now`) }

// waitMoment lets the time pass in which a shortcut does not answer.
func waitMoment() chromedp.Action[chromedp.Void] { return chromedp.Sleep(800 * time.Millisecond) }

// goReady presses as often as the page asks for it: a machine that is busy may
// need longer for the sound than the page waits, which then says so.
func (b *browser) goReady(card string, press func(selector string)) {
	b.t.Helper()
	for {
		press(`[data-card="` + card + `"] [data-do="ready"]`)
		b.until(`["ready", "offer"].includes(document.body.dataset.state) || document.body.dataset.state === "problem" && document.querySelector('[data-card="problem"] [data-do="ready"]').checkVisibility()`)
		if b.js(`document.body.dataset.state`) != "problem" {
			return
		}
		card = "problem"
	}
}

// key presses a digit key as a French keyboard sends it: the place counts.
func (b *browser) key(code string, command bool) {
	b.t.Helper()
	b.do(evaluate(fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {code: %q, key: "\"", ctrlKey: %v, shiftKey: %v, bubbles: true, cancelable: true}))`, code, command, command)))
}

// reload loads the page again; a question whether to leave is answered yes.
func (b *browser) reload() {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	if err := chromedp.Do(ctx, chromedp.Reload()); err != nil {
		b.t.Fatal(err)
	}
}

// speak changes the language of whoever is signed in; the page that is open
// keeps its words until it is loaded anew. The answer itself is waited for: a
// mark on the page would have to be one that no page touches (the desk writes
// its title anew each second).
func (b *browser) speak(language string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(`fetch("/language", {method: "POST", body: new URLSearchParams({language: %q})}).then((r) => r.ok)`, language), chromedp.EvalAwaitPromise))
	if err != nil || !ok {
		b.t.Fatalf("the language %s was not taken: %v", language, err)
	}
}

func (b *browser) signOut() {
	b.t.Helper()
	b.do(chromedp.Navigate(b.site.url + "/floor"))
	b.do(evaluate(`document.querySelector('form[action="/logout"]')?.submit()`))
	b.until(`location.pathname === "/login" && document.readyState === "complete"`)
}

func (b *browser) answerDialogs(ev any) {
	if _, ok := ev.(*page.EventJavascriptDialogOpening); !ok {
		return
	}
	go func() {
		ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
		defer stop()
		if _, err := chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true}); err != nil {
			b.t.Logf("answering a question of the page: %v", err)
		}
	}()
}

func (s *script) did1(kind string) bool {
	for _, c := range s.commands() {
		if c.Type == kind {
			return true
		}
	}
	return false
}

// awaitCommand waits until the page has asked for it.
func (s *script) awaitCommand(t *testing.T, kind string, is func(desk.Command) bool) {
	t.Helper()
	s.await(t, "the command "+kind, func() bool {
		for _, c := range s.commands() {
			if c.Type == kind && is(c) {
				return true
			}
		}
		return false
	})
}

func (s *script) awaitCase(t *testing.T, is func(triage.CaseFields) bool) {
	t.Helper()
	s.await(t, "the case", func() bool {
		now := s.Snapshot()
		return now.Case != nil && is(now.Case.Fields)
	})
}

func (s *script) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	limit := time.After(limitOfAStep)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-limit:
			t.Fatalf("waited in vain for %s; commands so far: %+v", what, s.commands())
		case <-tick.C:
		}
	}
}

func (s *script) sound() *softphone.Phone {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.phones) == 0 {
		return nil
	}
	return s.phones[len(s.phones)-1]
}

// connectedPhone waits until sound of the page's microphone arrives.
func (s *script) connectedPhone(t *testing.T) { s.anotherPhone(t, nil) }

func (s *script) anotherPhone(t *testing.T, before *softphone.Phone) {
	t.Helper()
	s.await(t, "sound from the page", func() bool {
		phone := s.sound()
		return phone != nil && phone != before && phone.Context().Err() == nil && !phone.LastHeard().IsZero()
	})
}
