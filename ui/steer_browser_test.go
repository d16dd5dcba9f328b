package ui

import (
	"strings"
	"testing"
	"time"

	"hotline/appliance/webhooks"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/ui/api"
	"hotline/volunteers/roster"
)

// The pages that steer the hotline fit every screen, axe finds nothing on them,
// and a bulletin is recorded in the browser with nothing else at hand.
func TestTheSteeringPagesFit(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	if _, err := s.board.Publish(t.Context(), bulletins.Draft{Language: "es", Text: "Agua potable en la plaza de armas, todos los días de ocho a doce", By: s.ids[supervisor], Name: "Amal", Via: "web"}); err != nil {
		t.Fatal(err)
	}
	if err := s.closures.Set(t.Context(), "volunteers", true, s.ids[supervisor], "Amal", "web"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.mode.Set(t.Context(), mode.Change{Mode: mode.Surge, By: s.ids[supervisor], Name: "Amal", Via: "phone"}); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t, s)
	b.signIn(supervisor)
	s.setFloor(steerableFloor)
	b.do(navigate(s.url + "/floor"))
	b.until(`document.body.innerText.includes("Put first by Amal")`)
	b.fits("floor-steered")
	b.press(`a[href="/floor/agents/b"]`)
	b.until(`document.querySelector("h1").innerText === "Beatriz"`)
	b.fits("steer-agent")
	b.do(navigate(s.url + "/floor/waiting/w1"))
	b.until(`document.body.innerText.includes("Take now")`)
	b.fits("steer-caller")
	b.do(navigate(s.url + "/floor/mode"))
	b.until(`document.body.innerText.includes("To a partner")`)
	b.fits("mode")
	b.do(navigate(s.url + "/floor/lines"))
	b.until(`document.body.innerText.includes("Undo the last change")`)
	b.fits("lines")
	s.route(t, "team", func(r *triage.Routing) error {
		r.Teams = append(r.Teams, triage.Team{ID: "office", Name: "Office", Members: []string{s.ids[agent]}})
		r.Skills = append(r.Skills, triage.SkillRule{Skill: "medical", Level: 3, Relax: []triage.Relax{{After: time.Minute}}})
		return nil
	})
	b.do(navigate(s.url + "/admin/routing"))
	b.until(`document.body.innerText.includes("Office")`)
	b.js(`document.querySelectorAll("main details").forEach((d) => { d.open = true })`)
	b.fits("routing")
	b.do(navigate(s.url + "/admin/hours"))
	b.until(`document.getElementById("week-h")`)
	b.fits("hours")
	b.do(navigate(s.url + "/floor/bulletins"))
	b.until(`document.body.innerText.includes("Agua potable") && !document.querySelector("[data-recorder]").hidden`)
	b.fits("bulletins")

	b.press(`[data-do="record"]`)
	// The microphone beeps once a second, and the silence around is cut off.
	b.until(`parseInt(document.querySelector('[data-part="seconds"]').innerText) >= 3`)
	b.press(`[data-do="record"]`)
	b.until(`document.querySelector("#sound").files.length === 1 && document.querySelector("#sound").files[0].size > 60000`)
	b.accessible("bulletins, recorded")
	b.press(`form[action="/floor/bulletins"] button.main`)
	b.until(`document.body.innerText.includes("Published.")`)
	list := s.board.List()
	if len(list) != 2 || list[1].Spoken || list[1].Length < int((1500*time.Millisecond).Milliseconds()) {
		t.Errorf("the board has %+v", list)
	}
}

func TestTheAccessPagesFit(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	if _, _, err := s.accounts.NewToken(t.Context(), roster.Token{Name: "dashboard of the city", Scopes: roster.Scopes(), By: s.ids[admin]}, time.Hour); err != nil {
		t.Fatal(err)
	}
	account, err := s.accounts.Get(s.ids[supervisor])
	if err != nil {
		t.Fatal(err)
	}
	account.Phone = "+12025550123"
	if err := s.accounts.Change(t.Context(), account, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.accounts.SetPIN(t.Context(), account.ID, "482916", ""); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t, s)
	b.signIn(admin)
	b.do(navigate(s.url + "/admin/access"))
	b.until(`document.body.innerText.includes("dashboard of the city")`)
	b.fits("access")
	if _, err := s.server.cfg.Hooks.Add(t.Context(), webhooks.Hook{Name: "map of the city", URL: "https://map.example.org/hotline/" + strings.Repeat("long", 20), Topics: api.Topics(), By: s.ids[admin]}); err != nil {
		t.Fatal(err)
	}
	b.do(navigate(s.url + "/admin/webhooks"))
	b.until(`document.body.innerText.includes("map of the city")`)
	b.fits("webhooks")
	b.do(navigate(s.url + "/admin/accounts/" + account.ID))
	b.press(`form[action$="/paper"] button`)
	b.until(`document.querySelectorAll("[data-code]").length === 10`)
	b.fits("paper")
	b.do(navigate(s.url + "/second"))
	b.press(`button[value="new"]`)
	b.until(`document.querySelector("svg.qr") !== null`)
	b.fits("second")
}
