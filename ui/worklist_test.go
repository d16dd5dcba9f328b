package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/triage"
	"hotline/triage/desk"
)

// gaveUp is a caller who left while waiting.
func (s *script) gaveUp(t *testing.T, number string) string {
	t.Helper()
	k := s.called(t, triage.Contact{Direction: "in", Caller: call.Number(number), Queue: "help", Language: "es"})
	k, err := s.contacts.End(t.Context(), k.ID, func(k *triage.Contact, _ time.Time) {
		k.Outcome, k.Open = triage.OutcomeAbandonedQueue, triage.OpenAbandoned
	})
	if err != nil {
		t.Fatal(err)
	}
	return k.Item
}

func TestWorkingThroughTheWorklist(t *testing.T) {
	far := newScript(t)
	item := far.gaveUp(t, "+12025550147")
	far.gaveUp(t, "+12025550147")
	s := startSite(t, far, nil)
	ana, boss := s.as(t, agent), s.as(t, coordinator)
	path := "/worklist/" + item
	do := func(client *http.Client, what, why string) answer {
		return s.post(t, client, path, url.Values{"do": {what}, "why": {why}})
	}

	body := s.get(t, ana, "/worklist").body
	if !strings.Contains(body, "+1********47") || strings.Contains(body, "+12025550147") || !strings.Contains(body, `class="num">2</td>`) {
		t.Errorf("a volunteer's worklist: %s", body)
	}
	if !strings.Contains(body, "Correct") || strings.Contains(body, "Something is missing") {
		t.Errorf("the books are not shown to be correct: %s", body)
	}
	if body := s.get(t, boss, "/worklist").body; !strings.Contains(body, "+12025550147") {
		t.Error("a coordinator does not see the number")
	}
	if body := s.get(t, ana, "/worklist?kind=callback").body; strings.Contains(body, item) || !strings.Contains(body, "Nothing is left to do here") {
		t.Error("the filter by reason does not filter")
	}
	if body := s.get(t, ana, "/worklist?language=en").body; strings.Contains(body, item) {
		t.Error("the filter by language does not filter")
	}

	if got := do(ana, "unreached", ""); got.status != http.StatusConflict || !strings.Contains(got.body, "Take it first") {
		t.Errorf("counting a try without having taken it: %d", got.status)
	}
	if got := do(ana, "take", ""); got.status != http.StatusSeeOther {
		t.Fatalf("taking it: %d %s", got.status, got.body)
	}
	if body := s.get(t, ana, path).body; !strings.Contains(body, "+12025550147") {
		t.Error("who has taken it does not see the number")
	}
	if got := do(boss, "close", "it is done"); got.status != http.StatusConflict || !strings.Contains(got.body, "Amal agent is working on this") {
		t.Errorf("closing what somebody else has: %d %s", got.status, got.body)
	}
	if got := do(ana, "unreached", ""); got.status != http.StatusSeeOther {
		t.Errorf("counting a try: %d", got.status)
	}
	if got := do(ana, "share", ""); got.status != http.StatusConflict || !strings.Contains(got.body, "Only a supervisor") {
		t.Errorf("a volunteer changes what is known of a number: %d", got.status)
	}
	if got := do(ana, "explode", ""); got.status != http.StatusConflict {
		t.Errorf("an unknown action: %d", got.status)
	}
	if got := do(boss, "close", "ok"); got.status != http.StatusConflict || !strings.Contains(got.body, "Say in a few words") {
		t.Errorf("closing without a reason: %d", got.status)
	}
	if got := do(boss, "close", "reached by radio"); got.header.Get("Location") != "/worklist?done=close" {
		t.Errorf("closing: %d %v", got.status, got.header)
	}
	if body := s.get(t, ana, "/worklist").body; strings.Contains(body, item) {
		t.Error("what is closed is still listed")
	}
	if body := s.get(t, ana, path).body; !strings.Contains(body, "This was closed") {
		t.Error("the page of a closed item does not say so")
	}
	if got := do(ana, "take", ""); got.status != http.StatusConflict || !strings.Contains(got.body, "closed already") {
		t.Errorf("taking a closed item: %d", got.status)
	}
	if got := s.get(t, ana, "/worklist/nothing"); got.status != http.StatusNotFound {
		t.Errorf("an item that does not exist: %d", got.status)
	}
}

func TestCallingFromTheWorklist(t *testing.T) {
	far := newScript(t)
	item := far.gaveUp(t, "+12025550147")
	s := startSite(t, far, nil)
	ana, boss := s.as(t, agent), s.as(t, coordinator)
	path := "/worklist/" + item
	do := func(client *http.Client, what, at string) answer {
		return s.post(t, client, path, url.Values{"do": {what}, "at": {at}})
	}
	if got := do(ana, "take", ""); got.status != http.StatusSeeOther {
		t.Fatalf("taking it: %d", got.status)
	}
	if got := do(boss, "call", ""); got.status != http.StatusConflict || !strings.Contains(got.body, "Amal agent is working on this") {
		t.Errorf("calling what somebody else has: %d %s", got.status, got.body)
	}
	if got := do(ana, "release", ""); got.status != http.StatusSeeOther {
		t.Fatalf("giving it back: %d", got.status)
	}
	if body := s.get(t, ana, path).body; !strings.Contains(body, "Take it and call now") {
		t.Errorf("what nobody has cannot be called in one press: %s", body)
	}
	if got := do(ana, "call", ""); got.status != http.StatusSeeOther || got.header.Get("Location") != "/desk?item="+item {
		t.Fatalf("calling: %d %v", got.status, got.header)
	}
	if i, _, err := far.contacts.Item(item); err != nil || i.Lock.Name != "Amal agent" {
		t.Errorf("who calls has not taken it: %+v (%v)", i.Lock, err)
	}

	for _, wrong := range []string{"tomorrow", "2036-01-01T09:00"} {
		if got := do(ana, "queue", wrong); got.status != http.StatusConflict || !strings.Contains(got.body, "next 30 days") {
			t.Errorf("a call at %q: %d", wrong, got.status)
		}
	}
	at := time.Now().Add(26 * time.Hour).Format("2006-01-02T15:04")
	if got := do(ana, "queue", at); got.status != http.StatusSeeOther {
		t.Fatalf("a call at an agreed time: %d %s", got.status, got.body)
	}
	if all, err := far.contacts.QueuedCallBacks(); err != nil || len(all) != 1 || all[0].Back.NotBefore.Local().Format("2006-01-02T15:04") != at {
		t.Errorf("to be called: %+v (%v), want at %s", all, err, at)
	}
	if body := s.get(t, ana, "/worklist").body; !strings.Contains(body, "The hotline calls again") {
		t.Errorf("the list does not say when the call is: %s", body)
	}

	if got := s.post(t, boss, "/worklist/quiet", url.Values{"from": {"22:30"}, "until": {"06:00"}}); got.status != http.StatusSeeOther {
		t.Errorf("setting the quiet hours: %d", got.status)
	}
	if q, err := far.contacts.QuietHours(); err != nil || q != (triage.Quiet{From: 22*60 + 30, Until: 6 * 60}) {
		t.Errorf("the quiet hours are %+v (%v)", q, err)
	}
	if got := s.post(t, boss, "/worklist/quiet", url.Values{"from": {"late"}, "until": {"06:00"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "no times of day") {
		t.Errorf("quiet hours that are none: %d", got.status)
	}
	if body := s.get(t, ana, "/worklist").body; !strings.Contains(body, "22:30") {
		t.Error("the quiet hours are not on the page")
	}
}

func TestWithoutALineTheWorklistSaysSo(t *testing.T) {
	far := newScript(t)
	far.noLine = true
	item := far.gaveUp(t, "+12025550147")
	s := startSite(t, far, nil)
	ana := s.as(t, agent)
	if body := s.get(t, ana, "/worklist").body; !strings.Contains(body, "no line for calls out") {
		t.Errorf("the worklist of a hotline without a line: %s", body)
	}
	s.post(t, ana, "/worklist/"+item, url.Values{"do": {"take"}})
	if body := s.get(t, ana, "/worklist/"+item).body; strings.Contains(body, `value="call"`) || !strings.Contains(body, "+12025550147") {
		t.Errorf("an item of a hotline without a line: %s", body)
	}
}

func TestTheNumberOfAProtectedCallerIsOnNoWorklist(t *testing.T) {
	far := newScript(t)
	locked := far.called(t, triage.Contact{Direction: "in", Caller: "+12025550147"})
	far.wrote(t, locked.ID, map[string]any{"talk_freely": "specialist"})
	item := far.gaveUp(t, "+12025550147")
	s := startSite(t, far, nil)
	boss := s.as(t, coordinator)
	for _, path := range []string{"/worklist", "/worklist/" + item} {
		if body := s.get(t, boss, path).body; strings.Contains(body, "5550147") || !strings.Contains(body, "Do not call") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if got := s.post(t, boss, "/worklist/"+item, url.Values{"do": {"safe"}, "why": {"she asked for it"}}); got.status != http.StatusSeeOther {
		t.Fatalf("marking it safe: %d", got.status)
	}
	if body := s.get(t, boss, "/worklist/"+item).body; !strings.Contains(body, "+12025550147") {
		t.Errorf("marked safe, the number is not shown: %s", body)
	}
}

// TestTheWorklistFits looks at the pages as people see them: every screen size,
// dark and light, right to left, and judged by axe.
func TestTheWorklistFits(t *testing.T) {
	far := newScript(t)
	item := far.gaveUp(t, "+12025550147")
	far.gaveUp(t, "")
	danger := far.called(t, triage.Contact{Direction: "in", Caller: "+12025550148", Open: triage.OpenDanger})
	far.wrote(t, danger.ID, map[string]any{"danger_now": "yes"})
	far.withSound(t)
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(supervisor)
	b.do(navigate(s.url + "/worklist"))
	b.fits("worklist")
	b.do(navigate(s.url + "/worklist/" + item))
	b.fits("item")
	b.press(`button[value="take"]`)
	b.until(`document.querySelector("#why") !== null`)
	b.do(evaluate(`for (const fold of document.querySelectorAll("details.fold")) fold.open = true;`))
	b.fits("item-taken")
	b.speak("es")
	b.do(navigate(s.url + "/worklist"))
	b.fits("worklist-es")

	// One press: the phone page opens, has its sound and makes the call, once.
	b.do(navigate(s.url + "/worklist/" + item))
	b.press(`button[value="call"]`)
	b.until(`location.pathname === "/desk" && location.search === ""`)
	b.sent(`{"v":1,"type":"call.item","item":"` + item + `"}`)
	s.connectedPhone(t)
	b.reload()
	b.until(`document.body.dataset.state !== undefined`)
	b.notSent("call.item")
}

// TestTheDeskShowsACallBack: who is called, that it is a call-back, and the
// button for one that reached nobody.
func TestTheDeskShowsACallBack(t *testing.T) {
	far := newScript(t)
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("off")
	call := ringing()
	call.Outgoing, call.CallBack = true, triage.OpenCallBack
	s.set(func(now *desk.Snapshot) {
		now.Agent.State, now.Agent.Since, now.Call = triage.Offered, time.Now(), call
	})
	b.state("offer")
	b.until(`document.querySelector('[data-card="offer"]').innerText.includes("We promised this person a call")`)
	b.fits("offer-callback")
	answered := *call
	answered.AnsweredAt = time.Now()
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.OnCall, &answered })
	b.state("oncall")
	b.fits("oncall-callback")
	b.press(`[data-do="unreached"]`)
	for limit := time.Now().Add(limitOfAStep); ; time.Sleep(20 * time.Millisecond) {
		if did := far.commands(); len(did) > 0 && did[len(did)-1].Type == "unreached" {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("the button asks for %+v", far.commands())
		}
	}
}
