package ui

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"hotline/triage"
	"hotline/triage/desk"
)

// sent waits until the page has sent exactly this message.
func (b *browser) sent(message string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`window.__sent.includes(%q)`, message))
}

func (b *browser) notSent(kind string) {
	b.t.Helper()
	if found := b.js(fmt.Sprintf(`window.__sent.filter((m) => JSON.parse(m).type === %q).join()`, kind)); found != "" {
		b.t.Errorf("the page has sent %s", found)
	}
}

func (b *browser) focusIs(what, expression string) {
	b.t.Helper()
	b.until(expression)
	if b.js(`document.activeElement.matches(":focus")`) != "true" {
		b.t.Errorf("nothing has the focus; wanted: %s", what)
	}
}

func (b *browser) says(region, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.getElementById(%q).textContent.includes(%q)`, region, text))
}

// talkingRoom is a call that runs, with colleagues to bring into it.
func talkingRoom(t *testing.T) (*site, *browser) {
	t.Helper()
	far := newScript(t)
	far.withSound(t)
	call := ringing()
	call.AnsweredAt = time.Now()
	call.Parties = []desk.PartyView{{ID: "caller", Kind: "caller", Number: call.Number, State: "talking"}}
	call.RecordingPolicy, call.Recording = "agent", "off"
	far.snapshot.Agent.State, far.snapshot.Agent.Since, far.snapshot.Call = triage.OnCall, time.Now(), call
	far.list = desk.Directory{Queues: []string{"help", "volunteers", "medical"}, Outgoing: true, Agents: []desk.DirectoryAgent{
		{ID: far.ids[agent], Name: "Amal", State: triage.OnCall}, {ID: "c", Name: "Carlos Domínguez de la Fuente", State: triage.OnBreak},
		{ID: "b", Name: "Beatriz", State: triage.Ready}, {ID: "d", Name: "Dolores", State: triage.OnCall}, {ID: "e", Name: "Esteban", State: triage.Ready},
	}}
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("oncall")
	s.connectedPhone(t)
	b.until(micTrack + ` === true`)
	return s, b
}

const contact = "01JD0000000000000000000001"

// Talk first: a colleague is chosen by name, the caller hears music, and the
// call is passed on.
func TestTransferTalksFirst(t *testing.T) {
	s, b := talkingRoom(t)
	// By the keys, from the notes; the focus goes with the press.
	b.do(evaluate(`document.getElementById("notes").focus()`))
	b.key("Digit6", true)
	b.focusIs("the heading of the list", `document.activeElement.textContent === "Transfer the call"`)
	b.until(`document.querySelectorAll("#transfer [data-pick=people-list] .opt").length === 4`)
	text := b.js(`document.querySelector("#transfer [data-pick=people-list]").innerText`)
	if strings.Contains(text, "Amal") || !strings.HasPrefix(text, "Beatriz") || !strings.Contains(text, "On a break") {
		t.Errorf("colleagues: %s", text)
	}
	if closed := b.js(`[...document.querySelectorAll("#transfer input[name=to]:disabled")].map((e) => e.value).join()`); closed != "agent c,agent d" {
		t.Errorf("not to be chosen: %s", closed)
	}
	b.fits("transfer")
	// Every shortcut of the call still works, and so does the way back.
	b.key("Digit3", true)
	b.until(muteButton + ` === "true"`)
	b.key("Digit3", true)
	b.do(evaluate(`document.querySelector("#transfer h2").focus()`))
	b.do(typeKeys("\x1b"))
	b.focusIs("the notes again", `document.activeElement.id === "notes"`)

	b.press(`[data-do="transfer"]`)
	b.press(`#transfer [data-pick="talk"]`)
	b.until(`document.querySelector("#transfer [data-pick=wrong]").textContent === "Choose first who it shall be."`)
	b.notSent("consult")
	b.pressThroughNews(s)
	b.press(`#transfer [data-pick="talk"]`)
	b.sent(`{"v":1,"type":"consult","contact":"` + contact + `","to":{"kind":"agent","id":"b"}}`)

	s.setCall(func(c *desk.CallView) {
		c.Consult = &desk.ConsultView{ID: "b", Kind: "agent", Name: "Beatriz", State: "ringing"}
		c.Parties[0].State = "held"
	})
	b.focusIs("who is rung", `document.activeElement.textContent === "Ringing Beatriz …"`)
	b.says("say-soon", "Ringing Beatriz")
	for _, closed := range []string{"hold", "transfer", "add"} {
		b.until(`[...document.querySelectorAll('[data-do="` + closed + `"]')].every((e) => e.disabled)`)
	}
	b.fits("consult-ringing")
	s.setCall(func(c *desk.CallView) {
		c.Consult, c.Parties[0].State = &desk.ConsultView{Failed: "Beatriz did not answer. The caller is still with you."}, "talking"
	})
	b.says("say-now", "Beatriz did not answer.")
	b.until(`document.querySelector('[data-part="consult-transfer"]').hidden && document.querySelector('[data-part="consult-back"]').textContent === "Close" && !document.querySelector('[data-do="transfer"]').disabled`)
	b.fits("consult-failed")
	s.setCall(func(c *desk.CallView) {
		c.Consult, c.Parties[0].State = &desk.ConsultView{ID: "b", Kind: "agent", Name: "Beatriz", State: "talking"}, "held"
	})
	b.says("say-soon", "You talk to Beatriz")
	if open := b.js(micTrack); open != "true" {
		t.Error("the microphone is closed towards the colleague")
	}
	b.fits("consult")
	b.do(chromedp.EmulateViewport(1366, 600))
	b.until(`document.querySelector('[data-do="emergency"]').getBoundingClientRect().bottom <= document.querySelector('[data-card="oncall"] .call-foot').getBoundingClientRect().top + 1`)
	b.do(chromedp.EmulateViewport(1366, 768))
	b.press(`[data-do="consult.cancel"]`)
	b.sent(`{"v":1,"type":"consult.cancel"}`)
	b.says("say-soon", "You are back with the caller.")
	b.focusIs("the heading of the card", `document.activeElement.id === "oncall-h"`)
	s.setCall(func(c *desk.CallView) {
		c.Consult = &desk.ConsultView{ID: "b", Kind: "agent", Name: "Beatriz", State: "talking"}
	})
	b.press(`[data-do="consult.transfer"]`)
	b.state("wrap")
	b.sent(`{"v":1,"type":"consult.transfer"}`)
}

// pressThroughNews chooses Beatriz while the list is brought up to date between
// the finger going down and coming up.
func (b *browser) pressThroughNews(s *site) {
	b.t.Helper()
	at := strings.Split(b.js(`(() => { const e = document.querySelector('#transfer .opt:has([value="agent b"])'); e.scrollIntoView(); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2].join(); })()`), ",")
	x, err := strconv.ParseFloat(at[0], 64)
	y, otherErr := strconv.ParseFloat(at[1], 64)
	if err := errors.Join(err, otherErr); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	s.mu.Lock()
	s.list.Agents[4].State = triage.OnBreak
	s.mu.Unlock()
	b.until(`document.querySelector('#transfer [value="agent e"]').disabled`)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	b.until(`document.querySelector('#transfer [value="agent b"]').checked`)
}

// Send now: to a line, or to an outside number where that is allowed.
func TestTransferSendsNow(t *testing.T) {
	s, b := talkingRoom(t)
	b.press(`[data-do="transfer"]`)
	b.press(`#transfer .opt:has([value="number"])`)
	b.do(typeInto("transfer-number", "call me"))
	b.press(`#transfer [data-pick="send"]`)
	b.until(`document.querySelector("#transfer [data-pick=wrong]").textContent.includes("with country code")`)
	b.focusIs("the number", `document.activeElement.id === "transfer-number" && document.activeElement.getAttribute("aria-invalid") === "true"`)
	b.fits("transfer-number")
	s.mu.Lock()
	s.refuse = desk.UserError("Calls to +1••••••0199 are not allowed for this role; an administrator can allow the number or its country in the settings")
	s.mu.Unlock()
	b.do(setValue("transfer-number", "+1 (202) 555-0199"))
	b.press(`#transfer [data-pick="send"]`)
	b.sent(`{"v":1,"type":"transfer","contact":"` + contact + `","to":{"kind":"number","id":"+12025550199"}}`)
	// Refused: the words are there, the choice too.
	b.until(`document.querySelector("#transfer [data-pick=wrong]").textContent.startsWith("Calls to +1")`)
	s.mu.Lock()
	s.refuse = nil
	s.mu.Unlock()
	b.press(`#transfer .opt:has([value="queue medical"])`)
	b.until(`document.querySelector("#transfer [data-pick=talk]").disabled && document.querySelector("#transfer [data-pick=hint]").textContent.includes("keeps the place")`)
	b.fits("transfer-line")
	b.press(`#transfer [data-pick="send"]`)
	b.sent(`{"v":1,"type":"transfer","contact":"` + contact + `","to":{"kind":"queue","id":"medical"}}`)
	b.state("wrap")
	b.focusIs("the notes' heading", `document.activeElement.id === "wrap-h"`)
}

// Several on the line, somebody listens, somebody speaks to the volunteer
// alone, help is asked for, and the call is recorded.
func TestSeveralOnTheLine(t *testing.T) {
	s, b := talkingRoom(t)
	b.press(`[data-do="add"]`)
	b.press(`#transfer .opt:has([value="agent e"])`)
	b.press(`#transfer [data-pick="talk"]`)
	b.sent(`{"v":1,"type":"consult","contact":"` + contact + `","to":{"kind":"agent","id":"e"}}`)
	s.setCall(func(c *desk.CallView) {
		c.Consult = &desk.ConsultView{ID: "e", Kind: "agent", Name: "Esteban", State: "talking"}
	})
	b.press(`[data-do="consult.join"]`)
	b.sent(`{"v":1,"type":"consult.join"}`)
	s.setCall(func(c *desk.CallView) {
		c.Consult = nil
		c.Parties = []desk.PartyView{{ID: "caller", Kind: "caller", Number: c.Number, State: "talking"}, {ID: "e", Kind: "agent", Name: "Esteban", State: "talking", By: "Amal"},
			{ID: "n1", Kind: "number", Number: "+12025550199", State: "ringing", By: "Amal"}, {ID: "s", Kind: "supervisor", Name: "Rosa", State: "listening"}}
		c.Listened = []string{"Rosa"}
	})
	b.says("say-soon", "Rosa listens to this call. Nobody hears Rosa.")
	b.until(`document.querySelectorAll(".parties li").length === 3`)
	text := b.js(`document.querySelector('[data-card="oncall"]').innerText`)
	for _, want := range []string{"Esteban", "on the call", "rings", "Rosa listens to this call"} {
		if !strings.Contains(text, want) {
			t.Errorf("the card does not say %q: %s", want, text)
		}
	}
	b.fits("several")
	// News about others do not take the focus away; one's own press moves it.
	b.do(evaluate(`document.querySelector('[data-party="e"]').focus()`))
	s.setCall(func(c *desk.CallView) {
		c.Parties = append([]desk.PartyView(nil), c.Parties...)
		c.Parties[2].State = "talking"
		c.Listened, c.Whisper = nil, []string{"Rosa"}
	})
	b.says("say-soon", "Rosa speaks to you alone. The caller does not hear it.")
	b.focusIs("the same button", `document.activeElement.dataset.party === "e"`)
	b.press(`[data-party="e"]`)
	b.sent(`{"v":1,"type":"drop","party":"e"}`)
	s.setCall(func(c *desk.CallView) {
		c.Parties = []desk.PartyView{c.Parties[0], c.Parties[2]}
	})
	b.focusIs("the heading", `document.activeElement.id === "oncall-h"`)

	b.press(`[data-do="help"]`)
	b.sent(`{"v":1,"type":"help","on":true}`)
	b.until(`document.querySelector('[data-do="help"]').getAttribute("aria-pressed") === "true" && !document.querySelector('[data-part="help-words"]').hidden`)
	b.press(`[data-do="record"]`)
	b.sent(`{"v":1,"type":"record","on":true}`)
	b.says("say-soon", "This call is being recorded.")
	b.fits("whisper-recorded")
	s.setCall(func(c *desk.CallView) { c.Recording = "paused" })
	b.says("say-soon", "The recording is paused.")
	b.press(`[data-do="record"]`)
	b.sent(`{"v":1,"type":"record","on":false}`)
	b.says("say-soon", "The recording has stopped.")
	s.setCall(func(c *desk.CallView) { c.RecordingPolicy, c.Recording = "always", "notice" })
	b.says("say-soon", "The caller is hearing that the call is recorded.")
	b.until(`document.querySelector('[data-part="recording"]').innerText.includes("cannot hear you") && document.querySelector('[data-do="record"]').getAttribute("aria-pressed") === "true"`)
	s.setCall(func(c *desk.CallView) { c.Recording, c.Protected = "off", true }) // nobody may begin it again
	b.until(`document.querySelector('[data-do="record"]').hidden && document.querySelector('[data-part="recording"]').hidden`)
	s.setCall(func(c *desk.CallView) { c.Protected = false })
	s.setCall(func(c *desk.CallView) { c.RecordingPolicy, c.Recording = "never", "off" })
	b.until(`document.querySelector('[data-do="record"]').hidden && document.querySelector('[data-part="recording"]').hidden`)
	if red := b.js(`document.querySelectorAll(".call .btn.stop:not([data-do=end])").length`); red != "0" {
		t.Error("End call is not the only red button")
	}
	// The caller stays with the others.
	b.press(`[data-do="leave"]`)
	b.sent(`{"v":1,"type":"leave"}`)
	b.state("wrap")
}

// A call of one's own: it rings out, fails with a clear sentence, and is
// answered at the second try.
func TestCallingOut(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	far.list = desk.Directory{Queues: []string{"help", "volunteers"}, Outgoing: true, Calls: true, Agents: []desk.DirectoryAgent{{ID: "b", Name: "Beatriz", State: triage.Ready}}}
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("off")
	b.goReady("off", b.press)
	b.press(`[data-do="dial.number"]`)
	b.focusIs("the heading", `document.activeElement.textContent === "Call a number"`)
	b.fits("call-number")
	b.do(typeInto("dial-number", "+1 202 555 0199"))
	b.do(evaluate(`document.getElementById("dial-line").value = "volunteers"`))
	b.press(`#dial [data-pick="talk"]`)
	b.sent(`{"v":1,"type":"call.out","number":"+12025550199","queue":"volunteers"}`)
	out := desk.CallView{Contact: "01JD0000000000000000000002", Number: "+12025550199", Queue: "volunteers", Outgoing: true, RingingOut: true, Mode: "normal"}
	dialled := func(now *desk.Snapshot) {
		call := out
		now.Agent.State, now.Agent.Since, now.Call = triage.OnCall, time.Now(), &call
	}
	s.set(dialled)
	b.state("oncall")
	b.until(`document.querySelector('[data-part="oncall-title"]').textContent === "Calling out" && !document.querySelector('[data-part="ringing-out"]').hidden`)
	if open := b.js(micTrack); open != "false" {
		t.Error("the microphone is open before anybody answered")
	}
	b.fits("ringing-out")
	// The reason comes before or after the end of the call; both must be read.
	s.mu.Lock()
	s.refuse = desk.UserError("Nobody answered.")
	s.mu.Unlock()
	b.press(`[data-card="oncall"] .call-foot [data-do="end"]`)
	b.until(`document.querySelector('[data-part="trouble"]').textContent.startsWith("Nobody answered")`)
	s.mu.Lock()
	s.refuse = nil
	s.mu.Unlock()

	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.Ready, nil })
	b.state("ready")
	b.press(`[data-do="dial.colleague"]`)
	b.until(`document.querySelectorAll("#dial [data-pick=people-list] .opt").length === 1`)
	b.fits("call-colleague")
	s.mu.Lock()
	s.refuse = desk.UserError("The number is busy.")
	s.mu.Unlock()
	b.press(`#dial .opt:has([value="agent b"])`)
	b.press(`#dial [data-pick="talk"]`)
	b.sent(`{"v":1,"type":"call.agent","agent":"b"}`)
	b.until(`document.querySelector("#dial [data-pick=wrong]").textContent.startsWith("The number is busy.")`)
	b.fits("call-failed")
	s.set(func(now *desk.Snapshot) {
		now.Agent.State, now.Agent.Since = triage.OnCall, time.Now()
		now.Call = &desk.CallView{Contact: "01JD0000000000000000000003", Outgoing: true, Mode: "normal", AnsweredAt: time.Now(), Parties: []desk.PartyView{{ID: "b", Kind: "agent", Name: "Beatriz", State: "talking"}}}
	})
	b.state("oncall")
	b.until(`document.querySelector('[data-card="oncall"] [data-part="number"]').textContent === "Beatriz"`)
	b.until(micTrack + ` === true`)
}

// A colleague is asked about a call, and joined to it: only who leads the call
// decides about it.
func TestAColleagueIsAsked(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(agent)
	b.goReady("off", b.press)
	if shown := b.js(`document.querySelector('[data-part="call-out"]').hidden`); shown != "true" {
		t.Error("calls of one's own are offered although there is nobody to ring")
	}
	me := s.ids[agent]
	s.set(func(now *desk.Snapshot) {
		call := ringing()
		call.Parties = []desk.PartyView{{ID: "caller", Kind: "caller", State: "held"}}
		call.Consult = &desk.ConsultView{ID: "agent:" + me, Kind: "agent", Name: "Amal", State: "ringing"}
		now.Agent.State, now.Agent.Since, now.Call = triage.Offered, time.Now(), call
	})
	b.state("offer")
	b.until(`!document.querySelector('[data-part="offer-from"]').hidden`)
	b.fits("offer-asked")
	s.set(func(now *desk.Snapshot) {
		call := *now.Call
		call.AnsweredAt, call.Held = time.Now(), true
		call.Consult = &desk.ConsultView{ID: me, Kind: "agent", Name: "Amal", State: "talking"}
		now.Agent.State, now.Call = triage.OnCall, &call
	})
	b.state("oncall")
	b.until(micTrack + ` === true`)
	b.until(`document.querySelector('[data-part="consult"]').hidden && document.querySelector('[data-part="guest"]').textContent.startsWith("A colleague asks you")`)
	b.fits("guest-asked")
	s.setCall(func(c *desk.CallView) {
		c.Consult, c.Held = nil, false
		c.Parties = []desk.PartyView{{ID: "caller", Kind: "caller", State: "talking"}, {ID: me, Kind: "agent", Name: "Amal", State: "talking"}, {ID: "e", Kind: "agent", Name: "Esteban", State: "talking"}}
	})
	b.says("say-soon", "You were added to this call.")
	text := b.js(`document.querySelector(".parties").innerText`)
	if strings.Contains(text, "Amal") || !strings.Contains(text, "Esteban") || strings.Contains(text, "Take out") {
		t.Errorf("on the line: %s", text)
	}
	if left := b.js(`[...document.querySelectorAll('[data-do="transfer"],[data-do="add"],[data-do="hold"]')].filter((e) => !e.disabled).length`); left != "0" {
		t.Error("a guest can send the caller away")
	}
	b.fits("guest-joined")
}
