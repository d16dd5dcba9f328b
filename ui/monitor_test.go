package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/triage"
	"hotline/triage/desk"
)

// busyFloor is a room in which one volunteer asks for help.
func busyFloor(view *desk.FloorView) {
	now := time.Now()
	*view = desk.FloorView{
		Agents: []desk.FloorAgent{{ID: "a", Name: "Amal", State: triage.OnCall, Since: now.Add(-222 * time.Second), Queue: "help", Contact: "c1", Help: true, Listened: true},
			{ID: "b", Name: "Beatriz", State: triage.Ready, Since: now.Add(-61 * time.Second), DelayMS: 320},
			{ID: "d", Name: "Dolores", State: triage.OnCall, Since: now.Add(-20 * time.Second), Queue: "volunteers", Contact: "c2"},
			{ID: "e", Name: "Emeka", State: triage.OnBreak, Since: now.Add(-31 * time.Minute), DelayMS: 40}},
		Lines:  []desk.FloorLine{{ID: "help", Ready: 1}},
		Alarms: []desk.FloorAlarm{{Contact: "c1", Agent: "Amal", Queue: "help", Kind: "help", Since: now.Add(-60 * time.Second)}, {Contact: "c2", Agent: "Dolores", Queue: "volunteers", Level: triage.Red, Kind: "danger", Since: now.Add(-20 * time.Second)}},
	}
}

// From the floor page into somebody's call: listening starts by itself, what
// the caller hears is asked once, and leaving is one press.
func TestSteppingIntoACall(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	s := startSite(t, far, nil)
	s.setFloor(busyFloor)
	b := openBrowser(t, s)
	b.signIn(supervisor)
	b.until(`document.querySelector("[data-live]").innerText.includes("Asks for help")`)
	text := b.js(`document.querySelector('[data-region="alarms"]').innerText`)
	if danger, help := strings.Index(text, "Danger now"), strings.Index(text, "Asks for help"); danger < 0 || help < danger {
		t.Errorf("alarms: %s", text)
	}
	if steps := b.js(`document.querySelectorAll(".steps-in a").length + "+" + document.querySelectorAll('[data-region="alarms"] a').length`); steps != "8+9" {
		t.Errorf("%s links for two calls and two alarms", steps)
	}
	if late := b.js(`["b", "d", "e"].map((id) => document.querySelector('[data-row="' + id + '"]').innerText.match(/Away for long|Sound takes long: \d+ ms/g)).join("|")`); late != "Sound takes long: 320 ms||Away for long" {
		t.Errorf("who is far or away for long: %s", late)
	}
	b.fits("floor-help")
	// A line that crosses its mark sounds once (S11), and not when that is switched off.
	b.do(evaluate(`window.tones = 0; const make = AudioContext.prototype.createOscillator;
		AudioContext.prototype.createOscillator = function () { window.tones++; return make.call(this) }`))
	b.press(`h1`) // browsers make no sound before somebody has touched the page
	over := func(marked bool, waiting int) {
		s.setFloor(func(view *desk.FloorView) {
			view.Lines = []desk.FloorLine{{ID: "help", Ready: 1, Waiting: waiting, Over: marked}}
		})
		b.until(fmt.Sprintf(`document.querySelector("[data-over] td").innerText === "%d" && document.querySelector("[data-over]").dataset.over === "%s"`, waiting, map[bool]string{true: "help"}[marked]))
	}
	over(true, 7)
	b.until(`window.tones === 2`)
	over(true, 8)
	over(false, 1)
	b.press(`[data-quiet]`)
	over(true, 9)
	if tones := b.js(`window.tones`); tones != "2" {
		t.Errorf("%s tones for one crossing that may be heard", tones)
	}
	b.press(`[data-quiet]`)
	// News must not take the focus, nor turn a link into another person's.
	b.do(evaluate(`document.querySelector('.steps-in a[aria-label="Listen: Dolores"]').focus()`))
	s.setFloor(func(view *desk.FloorView) {
		view.Agents = append([]desk.FloorAgent{{ID: "z", Name: "Zoe", State: triage.OnCall, Since: time.Now(), Contact: "c3"}}, view.Agents[0], view.Agents[2])
	})
	b.until(`document.querySelector("[data-live]").innerText.includes("Zoe")`)
	b.focusIs("the link to Dolores", `document.activeElement.getAttribute("aria-label") === "Listen: Dolores"`)
	if steps := b.js(`[...document.querySelectorAll(".steps-in a")].map((a) => a.getAttribute("aria-label")).filter((l) => l.startsWith("Take")).join()`); steps != "Take over: Zoe,Take over: Amal,Take over: Dolores" {
		t.Errorf("links: %s", steps)
	}
	if to := b.js(`document.activeElement.getAttribute("href")`); to != "/desk?mode=listen&monitor=c2" {
		t.Errorf("the link leads to %s", to)
	}

	b.press(`.steps-in a[aria-label="Listen: Dolores"]`)
	b.until(`location.pathname === "/desk" && location.search === ""`)
	b.state("join")
	b.sent(`{"v":1,"type":"monitor","contact":"c2","mode":"listen"}`)
	s.connectedPhone(t)
	listening := func(mode string) func(*desk.Snapshot) {
		return func(now *desk.Snapshot) {
			now.Agent.State, now.Agent.Since = triage.OnCall, time.Now()
			now.Call = ringing() // the room shows what it is about
			now.Call.Contact, now.Call.Listened = "c2", []string{"Amal supervisor"}
			now.Monitoring = &desk.MonitoringView{Contact: "c2", Agent: "Dolores", Mode: mode}
		}
	}
	s.set(listening("listen"))
	b.state("monitor")
	b.says("say-soon", "You listen. Nobody hears you. Dolores sees that you listen.")
	if open := b.js(micTrack); open != "false" {
		t.Error("the microphone of a listener is open")
	}
	b.fits("monitor-listen")
	b.press(`[data-do="monitor"][data-mode="whisper"]`)
	b.sent(`{"v":1,"type":"monitor","contact":"c2","mode":"whisper"}`)
	s.set(listening("whisper"))
	b.until(micTrack + ` === true`)
	b.until(`document.querySelector('[data-mode="whisper"]').getAttribute("aria-pressed") === "true"`)
	b.fits("monitor-whisper")
	b.key("Digit3", true)
	b.until(micTrack + ` === false`)
	b.key("Digit3", true)

	// The caller will hear it: asked once.
	b.press(`[data-do="monitor"][data-mode="barge"]`)
	b.focusIs("the question", `document.activeElement.id === "sure-h" && document.activeElement.textContent.startsWith("Join the call?")`)
	b.fits("monitor-sure")
	b.press(`[data-do="sure.no"]`)
	b.until(`document.querySelector('[data-part="sure"]').hidden`)
	if found := b.js(`window.__sent.filter((m) => m.includes("barge")).length`); found != "0" {
		t.Error("joined without an answer")
	}
	b.press(`[data-do="monitor"][data-mode="barge"]`)
	b.press(`[data-do="sure"]`)
	b.sent(`{"v":1,"type":"monitor","contact":"c2","mode":"barge"}`)
	s.set(listening("barge"))
	b.until(`document.querySelector('[data-part="monitor-title"]').textContent === "You are on the call"`)
	// A page that is loaded again in the middle keeps listening and asks nothing.
	before := s.sound()
	b.reload()
	b.state("monitor")
	s.anotherPhone(t, before)
	b.until(micTrack + ` === true`)
	b.notSent("monitor")
	b.press(`[data-do="monitor.end"]`)
	b.sent(`{"v":1,"type":"monitor.end"}`)
	b.state("break")
	b.says("say-soon", "You are no longer on that call.")
	b.focusIs("the heading", `document.activeElement.id === "break-h"`)
}

func TestTakingOverIsAskedOnce(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(supervisor)
	b.do(navigate(s.url + "/desk?monitor=c2&mode=take"))
	b.state("join")
	b.until(`document.getElementById("join-h").textContent === "Take over a call?"`)
	b.fits("join-take")
	b.notSent("monitor.take")
	b.press(`[data-do="join.cancel"]`)
	b.state("off")
	b.do(navigate(s.url + "/desk?monitor=c2&mode=take"))
	b.state("join")
	s.mu.Lock()
	s.refuse = desk.UserError("This call is over.")
	s.mu.Unlock()
	b.press(`[data-do="join"]`)
	b.sent(`{"v":1,"type":"monitor.take","contact":"c2"}`)
	b.until(`document.querySelector('[data-part="trouble"]').textContent === "This call is over." && !document.querySelector('[data-do="join"]').hidden`)
	b.fits("join-refused")
	s.mu.Lock()
	s.refuse = nil
	s.mu.Unlock()
	b.press(`[data-do="join"]`)
	s.set(func(now *desk.Snapshot) {
		call := ringing()
		call.Contact, call.AnsweredAt = "c2", time.Now()
		now.Agent.State, now.Agent.Since, now.Call = triage.OnCall, time.Now(), call
	})
	b.state("oncall")
	b.until(micTrack + ` === true`)
}

// Who has a call of their own stays with that caller.
func TestOnesOwnCallComesFirst(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	call := ringing()
	call.AnsweredAt = time.Now()
	far.snapshot.Agent.State, far.snapshot.Agent.Since, far.snapshot.Call = triage.OnCall, time.Now(), call
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(supervisor)
	b.do(navigate(s.url + "/desk?monitor=c2&mode=listen"))
	b.state("oncall")
	b.until(`document.querySelector('[data-part="trouble"]').textContent.includes("First end your own call")`)
	s.connectedPhone(t)
	b.notSent("monitor")
	b.fits("own-call-first")
}
