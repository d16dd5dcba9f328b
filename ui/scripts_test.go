package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hotline/ivr/bulletins"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/supervise"
)

// What a supervisor tells everybody reaches the phone pages at once, and those
// alone for whom it is.
func TestANoticeReachesThePagesOfThoseForWhomItIs(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	lead := s.as(t, supervisor)
	conn := s.openDesk(t, s.as(t, agent))
	expect(t, conn, "state")
	if got := s.post(t, lead, "/floor/notices", url.Values{"text": {""}, "minutes": {"15"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "at most 200 letters") {
		t.Errorf("an empty notice: %d", got.status)
	}
	for text, profile := range map[string]string{"Shelter is full": "help", "For the others": "volunteers"} {
		if got := s.post(t, lead, "/floor/notices", url.Values{"text": {text}, "profile": {profile}, "minutes": {"60"}}); got.status != http.StatusSeeOther {
			t.Fatalf("giving a notice: %d %s", got.status, got.body)
		}
	}
	var told []desk.NoticeView
	for len(told) == 0 {
		told = expect(t, conn, "state").State.Notices
	}
	if len(told) != 1 || told[0].Text != "Shelter is full" || told[0].By != "Amal supervisor" {
		t.Fatalf("told %+v", told)
	}
	tellDesk(t, conn, map[string]any{"type": "notice.seen", "item": told[0].ID})
	for len(told) > 0 {
		told = expect(t, conn, "state").State.Notices
	}
	s.setFloor(func(view *desk.FloorView) {
		view.Agents = []desk.FloorAgent{{ID: s.ids[agent], Name: "Amal"}, {ID: "b", Name: "Bea"}}
	})
	sees(t, s.get(t, lead, "/floor/notices"), []string{"Shelter is full", "Read by 1 of 2 who are at work now", "Read by 0 of 2"})
	list := s.get(t, lead, "/floor/notices").body
	at := strings.Index(list, `action="/floor/notices/`) + len(`action="`)
	if got := s.post(t, lead, list[at:at+strings.Index(list[at:], `"`)], nil); got.status != http.StatusSeeOther {
		t.Errorf("taking one down: %d", got.status)
	}
	if list := s.get(t, lead, "/floor/notices").body; strings.Count(list, "Read by ") != 1 {
		t.Error("what was taken down is still up")
	}
	if noted := s.noted(t, triage.EventNoticeGiven); len(noted) != 2 || noted[0].By != s.ids[supervisor] || strings.Contains(fmt.Sprint(noted), "Shelter") {
		t.Errorf("noted %+v", noted)
	}
}

// What a supervisor writes for a line and a language stands beside the next
// call of it, and so does what is known now.
func TestWhatToSayAndWhatIsKnown(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	boss := s.as(t, supervisor)
	form := url.Values{"queue": {"help"}, "language": {"es"}, "lines": {"¿Está a salvo?\r\n\r\n<b>¿Dónde está?</b>"}}
	if got := s.post(t, boss, "/floor/scripts", form); got.status != http.StatusSeeOther {
		t.Fatalf("writing: %d %s", got.status, got.body)
	}
	if got := s.post(t, boss, "/floor/scripts", url.Values{"queue": {"nothing"}, "language": {"es"}, "lines": {"x"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, ">x</textarea>") {
		t.Errorf("a line that does not exist: %d", got.status)
	}
	if got := s.get(t, boss, "/floor/scripts?queue=help&language=es").body; !strings.Contains(got, "¿Está a salvo?\n&lt;b&gt;¿Dónde está?") {
		t.Errorf("the page: %s", got)
	}
	conn := s.openDesk(t, s.as(t, agent))
	if now := expect(t, conn, "state").State; now.Script != nil || now.Known != nil {
		t.Errorf("without a call: %q, %v", now.Script, now.Known)
	}
	if _, err := s.steer.Publish(t.Context(), supervise.Who{ID: s.ids[supervisor], Name: "Amal", Via: "web"}, bulletins.Draft{Language: "es", Text: "Hay agua potable en la escuela.", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	now := expect(t, conn, "state").State
	for len(now.Known) == 0 {
		now = expect(t, conn, "state").State
	}
	if len(now.Known) != 1 || now.Known[0].Language != "es" {
		t.Errorf("a bulletin: %v", now.Known)
	}
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.Offered, ringing() })
	for now.Call == nil {
		now = expect(t, conn, "state").State
	}
	if len(now.Script) != 2 || now.Script[0] != "¿Está a salvo?" || now.ScriptLanguage != "es" || len(now.Known) != 1 {
		t.Errorf("with a call: %q, %v", now.Script, now.Known)
	}

	b := openBrowser(t, s)
	b.signIn(agent)
	b.state("offer")
	b.until(`document.querySelector('[data-part="script"]').innerText.includes("<b>¿Dónde está?</b>") && document.querySelector('[data-part="script"]').lastChild.lang === "es"`)
	b.until(`document.querySelector('[data-part="known"]').innerText.includes("Hay agua potable")`)
	b.fits("offer-script")
	b.signOut()
	b.signIn(supervisor)
	b.do(navigate(s.url + "/floor/scripts?queue=help&language=es"))
	b.fits("scripts")
}
