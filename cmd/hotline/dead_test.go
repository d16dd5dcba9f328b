package main

import (
	"context"
	"slices"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"hotline/appliance/audio"
	"hotline/triage"
	"hotline/triage/desk"
)

// keepsHold of what a page's script keeps to itself: tracks, connections and
// channels, so that a test can take them away.
const keepsHold = `{
	const take = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
	if (take) navigator.mediaDevices.getUserMedia = async (wish) => { const got = await take(wish); (window.__tracks ??= []).push(...got.getTracks()); return got; };
	const Peer = RTCPeerConnection; window.RTCPeerConnection = function (...a) { const pc = new Peer(...a); (window.__peers ??= []).push(pc); return pc; };
	const Channel = WebSocket; window.WebSocket = function (...a) { if (window.__nonet) throw new Error("no network"); const ws = new Channel(...a); (window.__channels ??= []).push(ws); return ws; };
	window.WebSocket.OPEN = 1; window.WebSocket.CONNECTING = 0;
}`

// lifecycle stops the clock of a page, as a browser does with one in the
// background and a laptop with all of them, or lets it run again.
func (b *browser) lifecycle(state cdp.SetWebLifecycleStateState) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, browserPatience)
	defer stop()
	if _, err := chromedp.Call(ctx, cdp.SetWebLifecycleState, cdp.SetWebLifecycleStateParams{State: state}); err != nil {
		b.t.Fatal(err)
	}
}

// Calls are offered to live pages alone. Whatever dies is noticed within five
// seconds, said with its reason, and repaired by one press.
func TestADeadPageIsOutOfReady(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	// The sleeper has the microphone of the browser: a tone that a page makes
	// sleeps with it.
	sleeper := openBrowser(t, b.h.certs, bHz)
	page := sleeper.window(aHz)
	page.atEveryPage(keepsHold)
	wakesUp := b.sleepsInACall(sleeper)
	page.signIn(b.base, "volunteer", b.people["volunteer"].Password)
	page.press(`[data-card="off"] [data-do="ready"]`)
	b.agentState("Amal", triage.Ready)

	// gone waits until Amal is out of Ready and asks whether that was in time.
	gone := func(what string) (state triage.AgentState, reason string) {
		t.Helper()
		since := time.Now() // the browser may be slow to do what kills it
		looked, stood := since, time.Duration(0)
		b.until(what+" is noticed", func() bool {
			stood += max(0, time.Since(looked)-200*time.Millisecond) // the machine was busy with something else
			looked = time.Now()
			view, err := b.h.desk.FloorView(time.Now())
			i := slices.IndexFunc(view.Agents, func(a desk.FloorAgent) bool { return a.Name == "Amal" })
			if err != nil || i < 0 {
				return false
			}
			state, reason = view.Agents[i].State, view.Agents[i].Reason
			return state != triage.Ready
		})
		// What is measured includes this test's own asking, on a busy machine.
		if took := time.Since(since) - stood; took > 7*time.Second {
			t.Errorf("%s was noticed after %v, without the %v in which the machine stood still", what, took, stood)
		}
		return state, reason
	}

	page.do("the microphone dies", chromedp.Evaluate[chromedp.Void](`window.__tracks.forEach((t) => t.stop())`))
	if state, reason := gone("a dead microphone"); state != triage.Problem || reason != "microphone" {
		t.Errorf("a dead microphone: %s, %s", state, reason)
	}
	page.until("the page says why", `document.querySelector('[data-part="problem-words"]').innerText.includes("microphone stopped working")`)
	page.press(`[data-card="problem"] [data-do="ready"]`)
	b.agentState("Amal", triage.Ready)

	page.do("the sound dies", chromedp.Evaluate[chromedp.Void](`window.__peers.at(-1).close()`))
	state, reason := gone("dead sound")
	if state != triage.Lost && state != triage.Problem {
		t.Errorf("dead sound: %s, %s", state, reason)
	}
	page.press(`[data-card="problem"] [data-do="ready"]`)
	b.agentState("Amal", triage.Ready)

	page.do("the channel dies", chromedp.Evaluate[chromedp.Void](`window.__nonet = true, window.__channels.at(-1).close()`))
	if state, reason := gone("a dead channel"); state != triage.Lost || reason != "page_gone" {
		t.Errorf("a dead channel: %s, %s", state, reason)
	}
	caller := b.dial("+12024561188", "100")
	caller.SayLoop(audio.Tone(cHz, time.Second, -12))
	b.toHelp(caller)
	b.untilWaiting(1)
	page.until("the page says that it is lost", `document.body.dataset.state === "lost"`)
	page.do("the network is back", chromedp.Evaluate[chromedp.Void](`window.__nonet = false`))
	page.press(`[data-do="retry"]`)
	page.until("the caller is offered to the page that lives again", `document.body.dataset.state === "offer"`)
	page.press(`[data-card="offer"] [data-do="accept"]`)
	b.waitTone("the caller", caller, aHz)

	// In a call the channel is cut, the sound dies, the tab is closed and opened:
	// the page comes back by itself, and the caller stays.
	page.do("the channel is cut", chromedp.Evaluate[chromedp.Void](`window.__channels.at(-1).close()`))
	page.until("the channel is back", `window.__channels.at(-1).readyState === 1 && document.body.dataset.state === "oncall"`)
	page.do("the sound dies", chromedp.Evaluate[chromedp.Void](`window.__before = window.__peers.at(-1), window.__before.close()`))
	page.until("there is another connection", `window.__peers.at(-1) !== window.__before && window.__peers.at(-1).connectionState === "connected"`)
	b.hears("the caller, after both,", callerEar{caller}, allHz, aHz)
	page.do("closing the tab", chromedp.Navigate("about:blank"))
	page.do("opening it again", chromedp.Navigate(b.base+"desk"))
	page.until("the call is there again", `document.body.dataset.state === "oncall"`)
	b.waitTone("the caller after all that", caller, aHz)
	if caller.FarHungUp() {
		t.Error("the caller was lost")
	}
	page.press(`.call-foot [data-do="end"]`)
	b.ended(caller)
	wakesUp()
}

// asleep is how long a page sleeps: three times as long as the hotline waits
// for a channel that is silent.
const asleep = time.Minute

// sleepsInACall lets a page fall asleep in the middle of a call, as a browser
// does with a tab in the background. What is given back waits until it has slept
// long enough, wakes it up, and finds the call where it was; what else is to be
// tried goes on meanwhile.
func (b *box) sleepsInACall(page *browser) (wakesUp func()) {
	b.t.Helper()
	page.signIn(b.base, "coordinator", b.people["coordinator"].Password)
	page.do("opening the desk", chromedp.Navigate(b.base+"desk?plain-audio"))
	page.press(`[data-card="off"] [data-do="ready"]`)
	b.agentState("Chen", triage.Ready)
	caller := b.helpCall("+12024561189", cHz)
	page.until("the caller is offered", `document.body.dataset.state === "offer"`)
	page.press(`[data-card="offer"] [data-do="accept"]`)
	b.hears("the caller", callerEar{caller}, allHz, bHz)
	page.lifecycle(cdp.SetWebLifecycleStateStateFrozen)
	since := time.Now()
	return func() {
		b.t.Helper()
		<-time.After(time.Until(since.Add(asleep)))
		if caller.FarHungUp() {
			b.t.Error("the caller was lost while the page slept")
		}
		page.lifecycle(cdp.SetWebLifecycleStateStateActive)
		page.until("the call is there after the sleep", `document.body.dataset.state === "oncall"`)
		b.hears("the caller, after the sleep,", callerEar{caller}, allHz, bHz)
		b.hears("Chen, after the sleep,", page, allHz, cHz)
		page.press(`.call-foot [data-do="end"]`)
		b.ended(caller)
		oneStream(b.t, caller)
	}
}
