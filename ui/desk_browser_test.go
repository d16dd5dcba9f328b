package ui

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hotline/appliance/call"
	"hotline/appliance/history"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/desk"
	"hotline/ui/words"
)

// A call from Go Ready to the next Ready, with real sound behind a scripted
// room, looked at in every state and at every size.
func TestACallAtTheDesk(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	far.snapshot.Demo = true
	far.called(t, triage.Contact{ID: ringing().Contact, Caller: call.Number(ringing().Number), Queue: "help"})
	for name, status := range map[string]string{"Water and blankets": "active", "Gone for good: blankets": "defunct"} {
		if _, err := far.filed(t).Add(t.Context(), cards.Directory, "", map[string]any{"organization_name": "Red Cross", "service_name": name, "service_status": status,
			"phone_number": "+12025550150", "city": "Santa Clara", "schedule": "8:00 – 18:00"}, far.ids[coordinator]); err != nil {
			t.Fatal(err)
		}
	}
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signInByForm(agent)
	b.state("off")
	// Signing in included.
	b.mu.Lock()
	asked, weight := b.asked, b.weight/1000
	b.mu.Unlock()
	t.Logf("to the desk: %d requests, %.1f kB", asked, weight)
	if asked > 14 || weight > 150 {
		t.Errorf("opening the desk takes %d requests and %.1f kB", asked, weight)
	}
	b.fits("off")

	b.goReady("off", b.press)
	s.connectedPhone(t)
	s.set(func(now *desk.Snapshot) { now.Waiting, now.LongestS = 3, 134 })
	b.until(`document.querySelector('[data-part="waiting"]').textContent.startsWith("3 waiting")`)
	b.fits("ready")
	b.press(`[data-do="robot"]`)
	s.awaitCommand(t, "demo.call", func(desk.Command) bool { return true })

	// The offer: announced, the focus stays where it was.
	b.do(evaluate(`document.querySelector(".menu summary").focus()`))
	s.set(func(now *desk.Snapshot) {
		now.Agent.State, now.Agent.Since, now.Call = triage.Offered, time.Now(), ringing()
	})
	b.state("offer")
	b.until(`document.getElementById("say-now").textContent.includes("Incoming call. Help. Spanish. Called 2 times before")`)
	if focus := b.js(`document.activeElement.tagName`); focus != "SUMMARY" {
		t.Errorf("the offer took the focus: %s", focus)
	}
	if title := b.js(`document.title`); !strings.Contains(title, "Incoming call") {
		t.Errorf("title %q", title)
	}
	text := b.js(`document.querySelector('[data-card="offer"]').innerText`)
	for _, want := range []string{"+1 202 555 0147", "Spanish", "Help", "1 min 20 s", "1 – needs help", "Called 2 times before", "then goes to someone else"} {
		if !strings.Contains(text, want) {
			t.Errorf("the offer does not say %q: %s", want, text)
		}
	}
	// A key meant for something else must not answer in the first moment.
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.Ready, nil })
	b.state("ready")
	b.do(stopClock())
	s.set(func(now *desk.Snapshot) {
		now.Agent.State, now.Agent.Since, now.Call = triage.Offered, time.Now(), ringing()
	})
	b.state("offer")
	b.key("Digit1", true)
	b.notSent("accept")
	b.do(startClock())
	b.fits("offer")
	if muted := b.js(micTrack); muted != "false" {
		t.Errorf("the microphone is open before the answer: %s", muted)
	}
	b.until(`performance.now() > 0 && !document.querySelector('[data-card="offer"]').hidden`)
	b.do(waitMoment())
	b.key("Digit1", true)
	b.state("oncall")
	s.awaitCommand(t, "accept", func(c desk.Command) bool { return c.Contact == ringing().Contact })
	if open := b.js(micTrack); open != "true" {
		t.Errorf("the microphone stays closed after the answer: %s", open)
	}
	s.set(func(now *desk.Snapshot) { now.Call.CanRescue = true })
	b.until(`!document.querySelector('[data-do="rescue"]').hidden`)
	b.fits("oncall")
	b.press(`[data-do="rescue"]`)
	s.awaitCommand(t, "rescue", func(desk.Command) bool { return true })
	s.set(func(now *desk.Snapshot) { now.Call.Rescue = true })
	b.until(`document.querySelector('[data-do="rescue"]').hidden && !document.querySelector('[data-part="rescue-words"]').hidden`)
	b.fits("an emergency service is called")
	s.set(func(now *desk.Snapshot) { now.Call.CanRescue, now.Call.Rescue = false, false })

	// Typing never commands; Ctrl+Shift+3 mutes and leaves the focus.
	b.do(evaluate(`document.getElementById("notes").focus()`))
	b.key("Digit3", false)
	if pressed := b.js(muteButton); pressed != "false" {
		t.Error(`typing "3" muted the call`)
	}
	b.key("Digit3", true)
	b.until(muteButton + ` === "true"`)
	if open := b.js(micTrack); open != "false" {
		t.Errorf("muted, but the microphone is open: %s", open)
	}
	if focus := b.js(`document.activeElement.id`); focus != "notes" {
		t.Errorf("muting moved the focus to %q", focus)
	}
	b.until(`document.getElementById("say-soon").textContent === "Mute on"`)
	s.awaitCommand(t, "mute", func(c desk.Command) bool { return c.On })
	// The made-up microphone beeps: somebody talks who is not heard.
	b.until(`document.querySelector('[data-part="muted-talk"]').checkVisibility()`)
	// A notice stands beside the call, is read out, and leaves the focus where it is.
	lead := s.as(t, supervisor)
	s.post(t, lead, "/floor/notices", url.Values{"text": {"The bridge is closed"}, "urgent": {"yes"}, "minutes": {"15"}})
	b.until(`document.querySelector(".notices").checkVisibility() && document.getElementById("say-now").textContent.includes("The bridge is closed")`)
	if focus := b.js(`document.activeElement.id`); focus != "notes" {
		t.Errorf("a notice moved the focus to %q", focus)
	}
	b.fits("notice")
	b.press(`.notices button`)
	b.until(`!document.querySelector(".notices").checkVisibility()`)
	b.key("Digit3", true)
	b.until(muteButton + ` === "false" && !document.querySelector('[data-part="muted-talk"]').checkVisibility()`)

	b.press(`.keys [data-do="keypad"]`)
	b.do(typeKeys("12#"))
	b.until(`document.querySelector('[data-part="dialled"]').textContent === "12#"`)
	s.awaitCommand(t, "keys", func(c desk.Command) bool { return c.Digits == "#" })
	b.press(`.keys [data-do="keypad"]`)

	b.press(`.keys [data-do="hold"]`)
	b.until(`document.querySelector('.keys [data-do="hold"]').getAttribute("aria-pressed") === "true"`)
	if open := b.js(micTrack); open != "false" {
		t.Error("on hold, but the microphone is open")
	}
	b.press(`.keys [data-do="hold"]`)
	b.until(micTrack + ` === true`)

	// The form saves by itself.
	b.press(`label:has(> [name="danger_now"][value="yes"])`)
	b.until(`document.querySelector('[data-part="level-name"]').textContent === "Danger now"`)
	b.do(typeInto("place", "Santa Clara school"), typeInto("people_total", "4"))
	b.press(`label:has(> [name="top_need"][value="water"])`)
	s.awaitCase(t, func(f triage.CaseFields) bool {
		return f.DangerNow == "yes" && f.Place == "Santa Clara school" && f.People == 4 && f.TopNeed == "water"
	})
	b.until(`/^Saved \d\d:\d\d:\d\d$/.test(document.querySelector('[data-part="saved"]').textContent)`)
	b.until(`Object.keys(sessionStorage).filter((k) => k.startsWith("case:")).length === 0`)
	b.passOn(t, s)
	b.press(`[data-do="emergency"]`)
	b.state("alarm")
	b.fits("alarm")

	b.press(`[data-card="oncall"] .call-foot [data-do="end"]`)
	b.state("wrap")
	if checked := b.js(`document.querySelectorAll("[name=disposition]:checked").length`); checked != "0" {
		t.Error("an ending is chosen already")
	}
	b.fits("wrap")
	b.press(`[data-next="ready"]`)
	b.until(`!document.querySelector('[data-part="wrap-wrong"]').hidden`)
	if s.did1("wrap") {
		t.Error("finished without an ending")
	}
	b.press(`label:has(> [name="disposition"][value="case_opened"])`)
	b.press(`[data-next="ready"]`)
	s.awaitCommand(t, "wrap", func(c desk.Command) bool { return c.Disposition == "case_opened" })
	b.state("ready")
	b.press(`[data-card="ready"] .fold summary`)
	b.press(`[data-do="break"][data-reason="meal"]`)
	b.state("break")
	s.set(func(now *desk.Snapshot) { now.Agent.Since = time.Now().Add(-31 * time.Minute) })
	b.says("say-soon", "more than 30 minutes")
	b.fits("break")
	s.set(func(now *desk.Snapshot) { now.Agent.Since = time.Now() })
	b.until(`document.querySelector('[data-part="break-long"]').hidden`)
	b.wholeCallByKeyboard(t, s)
}

// The page is loaded again in the middle of a call: sound and unsaved text
// come back without a press.
func TestReloadDuringACall(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	call := ringing()
	call.AnsweredAt = time.Now()
	far.snapshot.Agent.State, far.snapshot.Call = triage.OnCall, call
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("oncall")
	s.connectedPhone(t)
	b.until(micTrack + ` === true`)
	b.until(`document.querySelector('[data-part="no-sound"]').hidden && document.querySelector('[data-part="continue"]').hidden`)

	s.mu.Lock()
	s.refuse = desk.UserError("Nothing can be written at the moment.")
	s.mu.Unlock()
	b.do(typeInto("notes", "Grandmother needs insulin"))
	b.until(`document.querySelector('[data-part="trouble"]').textContent.includes("Nothing can be written")`)
	b.do(evaluate(`window.onbeforeunload = null`))
	before := s.sound()
	s.mu.Lock()
	s.refuse = nil
	s.mu.Unlock()
	b.reload()
	b.state("oncall")
	s.awaitCase(t, func(f triage.CaseFields) bool { return f.Notes == "Grandmother needs insulin" })
	if value := b.js(`document.getElementById("notes").value`); value != "Grandmother needs insulin" {
		t.Errorf("notes after loading again: %q", value)
	}
	s.anotherPhone(t, before)
	b.until(micTrack + ` === true`)
}

// The connection is lost in a call: the card is there without the network, and
// what was typed meanwhile arrives afterwards.
func TestConnectionLost(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	call := ringing()
	call.AnsweredAt = time.Now()
	far.snapshot.Agent.State, far.snapshot.Call = triage.OnCall, call
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("oncall")
	s.connectedPhone(t)
	s.cable.cut.Store(true)
	b.state("lost")
	text := b.js(`document.querySelector('[data-card="lost"]').innerText`)
	if !strings.Contains(text, "keeps the caller on the line") || !strings.Contains(text, "Try now") || !strings.Contains(text, "dial this number and key your PIN") || !strings.Contains(text, "198") {
		t.Errorf("the card says: %s", text)
	}
	b.do(typeInto("place", "North bridge"))
	b.fits("lost")
	b.until(`document.querySelector('[data-part="saved"]').textContent.startsWith("Not saved yet")`)
	s.cable.cut.Store(false)
	b.state("oncall")
	s.awaitCase(t, func(f triage.CaseFields) bool { return f.Place == "North bridge" })
	b.until(`document.getElementById("say-soon").textContent === "You are back."`)
}

// Who types until the last moment loses nothing, and a break can be chosen
// while the notes are finished.
func TestTheLastWordIsSavedBeforeTheNotesAreClosed(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	call := ringing()
	call.AnsweredAt = time.Now()
	far.snapshot.Agent.State, far.snapshot.Call = triage.WrapUp, call
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("wrap")
	// What is told meanwhile moves nothing away from under the finger.
	where := `[...document.querySelectorAll('#wrap .opt, [data-next]')].map(e => Math.round(e.getBoundingClientRect().top - document.getElementById('wrap-h').getBoundingClientRect().top)).join()`
	before := b.js(where)
	// Another person has changed the place meanwhile: nothing is overwritten.
	s.refuseWith(desk.ConflictError{Conflicts: []history.Conflict{{Field: "place", Theirs: json.RawMessage(`"Santa Ana"`), Mine: json.RawMessage(`"Santa Rosa"`)}}})
	b.do(writeAtOnce("place", "Santa Rosa"))
	b.until(`document.querySelector('[data-conflict="place"]')?.innerText.includes("Santa Ana")`)
	b.accessible("two who wrote the same field")
	s.refuseWith(nil)
	b.do(evaluate(`document.getElementById("place").dispatchEvent(new Event("change", {bubbles: true}))`)) // leaving the field decides nothing
	b.press(`[data-conflict="place"] button`)
	s.awaitCommand(t, "case.save", func(c desk.Command) bool { return c.Fields["place"] == "Santa Rosa" && c.Shown["place"] == "Santa Ana" })
	b.until(`document.querySelector('[data-part="unasked"]').checkVisibility()`)
	if after := b.js(where); after != before {
		t.Errorf("endings and buttons stood at %s, and stand at %s now", before, after)
	}
	b.press(`label:has(> [name="disposition"][value="info_given"])`)
	b.do(typeInto("landmark", "the blue church"))
	b.press(`[data-next="break"]`)
	b.state("break")
	var order []string
	for _, c := range s.commands() {
		if c.Type == "case.save" && c.Fields["landmark"] != "the blue church" {
			continue
		}
		order = append(order, c.Type)
	}
	if got := strings.Join(order, " "); !strings.HasSuffix(got, "wrap") || !strings.Contains(got, "case.save") || !strings.Contains(got, "break") {
		t.Errorf("order of the commands: %s", got)
	}
	// Signed out from elsewhere: the page does not wait for a connection that
	// cannot come.
	if err := s.accounts.SignOutAll(t.Context(), s.ids[agent], "", s.ids[admin]); err != nil {
		t.Fatal(err)
	}
	b.until(`location.pathname === "/login"`)
}

func TestProtectedCallTakesNoNotes(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	call := ringing()
	call.AnsweredAt = time.Now()
	call.Facts = []desk.FactView{{Label: "Number of people", Value: "3"}, {Label: "<b>File</b>", Value: `<img src=x onerror="document.title='broken'">`}}
	far.snapshot.Agent.State, far.snapshot.Call = triage.OnCall, call
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("oncall")
	// What the phone menu found out is text, whatever is in it.
	b.until(`document.querySelector('[data-part="facts"]').checkVisibility()`)
	if facts := b.js(`document.querySelector('[data-part="facts-list"]').innerText + "|" + document.querySelectorAll('[data-part="facts-list"] :is(img, b)').length`); facts != "Number of people: 3\n<b>File</b>: <img src=x onerror=\"document.title='broken'\">|0" {
		t.Errorf("the page shows %q", facts)
	}
	b.do(typeInto("notes", "secret"))
	b.press(`label:has(> [name="talk_freely"][value="specialist"])`)
	b.until(`document.getElementById("notes").disabled && document.getElementById("notes").value === "" && document.getElementById("name").disabled && document.getElementById("callback_number").disabled`)
	b.until(`document.querySelector('[data-part="protected"]').innerText.includes("This call is protected")`)
	b.until(`document.querySelector('[data-card="oncall"] [data-part="number"]').textContent === "Protected caller"`)
	s.awaitCommand(t, "case.save", func(c desk.Command) bool { return c.Fields["talk_freely"] == "specialist" })
	if kept := b.js(`JSON.stringify(sessionStorage)`); strings.Contains(kept, "secret") {
		t.Errorf("the browser keeps the note: %s", kept)
	}
	b.fits("protected")
}

func TestTwoPagesOnePhone(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("off")
	other := s.openDesk(t, s.as(t, agent))
	expect(t, other, "state")
	b.state("elsewhere")
	b.press(`[data-do="here"]`)
	b.state("off")
	expect(t, other, "elsewhere")
	// A page that says nothing is given up after a while; this one stays as it is.
	expect(t, s.openDesk(t, s.as(t, agent)), "state")
	b.state("elsewhere")
	b.fits("elsewhere")
}

func TestOtherStatesAndPages(t *testing.T) {
	far := newScript(t)
	first := far.called(t, triage.Contact{Caller: "+12025550147", Queue: "help", Language: "es", AgentName: "Amal", Outcome: triage.OutcomeAnswered, Disposition: "case_opened"})
	far.wrote(t, first.ID, map[string]any{"danger_now": "no", "urgent_need": "yes", "place": "Santa Clara", "landmark": "School", "people_total": 4, "top_need": "water", "callback_number": "+12025550147"})
	far.called(t, triage.Contact{Queue: "help", Outcome: triage.OutcomeAbandonedQueue, Open: triage.OpenAbandoned})
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.do(navigate(s.url + "/login"))
	b.fits("login")
	b.signIn(agent)
	b.state("off")
	for _, state := range []triage.AgentState{triage.Missed, triage.Problem} {
		s.set(func(now *desk.Snapshot) { now.Agent.State, now.Agent.Since = state, time.Now() })
		b.state(map[triage.AgentState]string{triage.Missed: "break", triage.Problem: "problem"}[state])
		b.fits(string(state))
	}
	s.set(func(now *desk.Snapshot) { now.Agent.State = triage.Offline })

	now := time.Now()
	s.setFloor(func(view *desk.FloorView) {
		*view = desk.FloorView{
			Agents: []desk.FloorAgent{{Name: "Amal", State: triage.OnCall, Since: now.Add(-222 * time.Second), Queue: "help"}, {Name: "Beatriz", State: triage.Ready, Since: now.Add(-61 * time.Second)},
				{Name: "Carlos", State: triage.OnBreak, Reason: "meal", Since: now.Add(-15 * time.Minute)}, {Name: "Dolores", State: triage.WrapUp, Since: now.Add(-20 * time.Second), Queue: "volunteers"}},
			Waiting: []desk.FloorWaiting{{Number: "+12025550123", Queue: "help", Language: "es", Since: now.Add(-134 * time.Second), Position: 1, Why: triage.Why{Reason: triage.WhyDelay}},
				{Queue: "help", Language: "en", Since: now.Add(-12 * time.Second), Position: 2, Why: triage.Why{Reason: triage.WhyHigher}}},
			Lines:         []desk.FloorLine{{ID: "help", Waiting: 2, LongestS: 134, Ready: 1}, {ID: "volunteers"}},
			Alarms:        []desk.FloorAlarm{{Agent: "Amal", Queue: "help", Level: triage.Red, Since: now.Add(-222 * time.Second)}},
			AnsweredToday: 41, AbandonedToday: 3, OpenItems: 5,
		}
	})
	b.signOut()
	b.signIn(supervisor)
	b.until(`document.querySelector("[data-live]").innerText.includes("Beatriz")`)
	b.fits("floor")
	s.setFloor(func(view *desk.FloorView) { view.Agents[1].Name = "Berta" })
	b.until(`document.querySelector("[data-live]").innerText.includes("Berta")`)
	b.do(navigate(s.url + "/floor/scenario"))
	b.press(`input[name="scenario"][value="flood.during"]`)
	b.press(`form[action="/floor/scenario"] button`)
	b.until(`document.body.innerText.includes("How deep is the water")`)
	b.fits("scenario")
	b.do(navigate(s.url + "/floor/mode"))
	b.fits("mode")
	b.do(setValue("hours", "6"))
	b.press(`form[action="/floor/mode"] button`)
	b.until(`document.body.innerText.includes("This will happen at once")`)
	b.fits("mode-confirm")
	b.press(`form[action="/floor/mode/set"] button`)
	b.until(`document.body.innerText.includes("The mode is on. Every new caller")`)
	b.fits("mode-on")
	b.do(navigate(s.url + "/floor/mode/clear"))
	b.fits("mode-clear")
	b.signOut()
	b.signIn(coordinator)
	for _, tab := range []string{"contacts", "cases", "registrants"} {
		b.do(navigate(s.url + "/records?tab=" + tab))
		b.fits("records-" + tab)
	}
	b.signOut()
	b.signIn(admin)
	b.menuFits()
	b.fits("accounts")
	b.do(navigate(s.url + "/admin/accounts/" + s.ids[agent]))
	b.fits("account")
	b.do(navigate(s.url + "/admin/log"))
	b.fits("log")
	b.do(navigate(s.url + "/nowhere"))
	b.fits("problem")
}

// menuFits checks, on the page of an administrator, who has most of it, that
// the menu is one row, leads everywhere by keyboard alone, and scrolls on a
// phone.
func (b *browser) menuFits() {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(1366, 768))
	if tall := b.js(`document.querySelector(".bar").offsetHeight`); tall > "60" || len(tall) > 2 {
		b.t.Errorf("the bar is %s px tall: the menu wraps", tall)
	}
	b.do(evaluate(`document.querySelector(".menu summary").focus()`))
	b.do(chromedp.SendKeys(chromedp.CSS(".menu summary"), "\r"))
	b.until(`document.querySelector(".menu").open`)
	b.do(chromedp.EmulateViewport(390, 500))
	b.do(evaluate(`document.querySelector('.menu-list a[href="/admin/log"]').focus()`))
	b.until(`document.activeElement.getBoundingClientRect().bottom <= innerHeight && document.activeElement.getAttribute("href") === "/admin/log"`)
	b.do(chromedp.EmulateViewport(1366, 768), evaluate(`document.querySelector(".menu").open = false`))
}

// longer are the texts of the made-up long language.
func longer(t *testing.T) map[string]string {
	t.Helper()
	texts, err := words.WithLong()
	if err != nil {
		t.Fatal(err)
	}
	return texts.Keys(words.Long)
}

// Right to left, and texts 40 % longer: nothing may overflow.
func TestStrangeLanguagesFit(t *testing.T) {
	far := newScript(t)
	s := startSite(t, far, map[string]map[string]string{words.Long: longer(t)})
	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("off")
	b.speak(words.Long)
	b.reload()
	b.state("off")
	if dir := b.js(`getComputedStyle(document.body).direction`); dir != "rtl" {
		t.Errorf("direction %s", dir)
	}
	call := ringing()
	s.set(func(now *desk.Snapshot) {
		now.Agent.State, now.Agent.Since, now.Call = triage.Offered, time.Now(), call
	})
	b.state("offer")
	b.fits("offer-rtl")
	answered := *call
	answered.AnsweredAt = time.Now()
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.OnCall, &answered })
	b.state("oncall")
	b.fits("oncall-rtl")
	far.mu.Lock()
	far.list = desk.Directory{Queues: []string{"help"}, Outgoing: true, Agents: []desk.DirectoryAgent{{ID: "b", Name: "Beatriz", State: triage.Ready}, {ID: "d", Name: "دعاء", State: triage.OnBreak}}}
	far.mu.Unlock()
	b.press(`[data-do="transfer"]`)
	b.until(`document.querySelectorAll("#transfer [data-pick=people-list] .opt").length === 2`)
	b.fits("transfer-rtl")
	b.press(`#transfer [data-pick="back"]`)
	s.setCall(func(c *desk.CallView) {
		c.Consult = &desk.ConsultView{ID: "n", Kind: "number", Number: "+12025550199", State: "talking"}
		c.Parties = []desk.PartyView{{ID: "caller", Kind: "caller", State: "held"}, {ID: "b", Kind: "agent", Name: "Beatriz", State: "talking"}}
		c.Listened, c.RecordingPolicy, c.Help = []string{"Rosa", "דנה"}, "agent", true
	})
	b.until(`document.querySelectorAll(".parties li").length === 2`)
	b.fits("consult-rtl")
	s.set(func(now *desk.Snapshot) {
		now.Call, now.Monitoring = nil, &desk.MonitoringView{Contact: "c", Agent: "Beatriz", Mode: "barge"}
	})
	b.state("monitor")
	b.fits("monitor-rtl")
	s.set(func(now *desk.Snapshot) { now.Monitoring = nil })
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.WrapUp, &answered })
	b.state("wrap")
	b.fits("wrap-rtl")
}

// passOn finds a service while the caller is on the line, reads it out, and
// passes the caller on to it.
func (b *browser) passOn(t *testing.T, s *site) {
	t.Helper()
	b.do(typeInto("services-q", "zzzz"))
	b.until(`document.querySelector('[data-part="services-said"]').textContent.includes("No service found")`)
	b.do(writeAtOnce("services-q", "blankets")) // the list is drawn anew for each pause
	b.until(`document.querySelectorAll('[data-part="services-list"] li').length === 1`)
	if text := b.js(`document.querySelector('[data-part="services-list"]').innerText`); !strings.Contains(text, "Red Cross · Santa Clara") || !strings.Contains(text, "+12025550150") || strings.Contains(text, "Gone for good") {
		t.Errorf("the service is told as %q", text)
	}
	b.press(`[data-refer]`)
	b.until(`document.activeElement.textContent.includes("may Red Cross get your name")`)
	b.accessible("a service that a caller is passed on to")
	b.press(`[data-agrees] button`)
	b.until(`document.querySelector('[data-part="services-said"]').textContent === "Noted on the case: Red Cross."`)
	filed := s.filed(t)
	var passed []cards.Card
	if err := filed.Each(cards.Referrals, func(c cards.Card) bool { passed = append(passed, c); return true }); err != nil {
		t.Fatal(err)
	}
	if len(passed) != 1 || passed[0].Value("to_org") != "Red Cross" || passed[0].Value("consent") != "yes" || passed[0].Of == "" {
		t.Errorf("on the case stands %+v", passed)
	}
}
