package ui

import (
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
	if now := expect(t, conn, "state").State; len(now.Known) != 1 || now.Known[0].Language != "es" {
		t.Errorf("a bulletin: %v", now.Known)
	}
	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.Offered, ringing() })
	if now := expect(t, conn, "state").State; len(now.Script) != 2 || now.Script[0] != "¿Está a salvo?" || now.ScriptLanguage != "es" || len(now.Known) != 1 {
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
