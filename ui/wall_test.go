package ui

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hotline/triage"
	"hotline/triage/desk"
)

func (s *site) newWall(t *testing.T, client *http.Client, name string) (link string) {
	t.Helper()
	got := s.post(t, client, "/floor/walls", url.Values{"name": {name}})
	link = regexp.MustCompile(`href="(https://[^"]+/wall/[a-z2-7]{16})"`).FindStringSubmatch(got.body + `href=""`)[1]
	if got.status != http.StatusOK || !strings.HasPrefix(link, s.url) || !strings.Contains(got.body, `<svg class="qr"`) {
		t.Fatalf("making a wall screen: %d %s", got.status, got.body)
	}
	return link
}

// A supervisor makes a link, the screen shows figures and no person, and when
// the link is ended the screen goes out.
func TestAWallScreenKnowsNobody(t *testing.T) {
	far := newScript(t)
	far.view = desk.FloorView{AnsweredToday: 4711,
		Agents:  []desk.FloorAgent{{Name: "Beatriz", State: triage.Ready}, {Name: "Carlos", State: triage.OnBreak}},
		Waiting: []desk.FloorWaiting{{Number: "+12025550123", Queue: "help", Since: time.Now()}, {Number: "+12025550124", Away: true, Since: time.Now()}},
		Alarms:  []desk.FloorAlarm{{Agent: "Beatriz", Queue: "help"}}, Lines: []desk.FloorLine{{ID: "help", Waiting: 1, Closed: true}}}
	s := startSite(t, far, nil)
	boss := s.as(t, supervisor)
	if got := s.post(t, boss, "/floor/walls", url.Values{"name": {" "}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("without a name: %d", got.status)
	}
	link := strings.TrimPrefix(s.newWall(t, boss, "Shift room"), s.url)
	stranger := s.client(t)
	got := s.get(t, stranger, link)
	if got.status != http.StatusOK || !strings.Contains(got.body, "4711") || !strings.Contains(got.body, "closed") || !strings.Contains(got.body, "Flood response") {
		t.Fatalf("the screen: %d %s", got.status, got.body)
	}
	for _, secret := range []string{"Beatriz", "Carlos", "0123", "0124", "/logout"} {
		if strings.Contains(got.body, secret) {
			t.Errorf("the screen tells %q", secret)
		}
	}
	if wrong := s.get(t, stranger, "/wall/aaaaaaaaaaaaaaaa"); wrong.status != http.StatusNotFound || strings.Contains(wrong.body, "4711") {
		t.Errorf("a made-up link: %d", wrong.status)
	}

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+strings.Replace(link, "/wall/", "/ev/wall/", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger.Timeout = 0
	live, err := stranger.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = live.Body.Close() }()
	begun, ended := make(chan struct{}), make(chan string, 1)
	go func() {
		var seen strings.Builder
		buffer, told := make([]byte, 4096), false
		for {
			n, err := live.Body.Read(buffer)
			seen.Write(buffer[:n])
			if !told && strings.Contains(seen.String(), "4711") {
				told = true
				close(begun)
			}
			if err != nil {
				ended <- seen.String()
				return
			}
		}
	}()
	select {
	case <-begun:
	case seen := <-ended:
		t.Fatalf("the stream ends with: %s", seen)
	case <-time.After(limitOfAStep):
		t.Fatal("the screen is told nothing")
	}
	id := regexp.MustCompile(`action="(/floor/walls/[^"]+)"`).FindStringSubmatch(s.get(t, boss, "/floor/walls").body)[1]
	if got := s.post(t, boss, id, nil); got.status != http.StatusSeeOther {
		t.Fatalf("ending: %d", got.status)
	}
	s.setFloor(func(view *desk.FloorView) { view.AnsweredToday = 4712 })
	select {
	case seen := <-ended:
		if strings.Contains(seen, "4712") || !strings.Contains(seen, "4711") || strings.Contains(seen, "Beatriz") {
			t.Errorf("the stream: %s", seen)
		}
	case <-time.After(limitOfAStep):
		t.Fatal("the screen of an ended link goes on")
	}
	if got := s.get(t, stranger, link); got.status != http.StatusNotFound || !strings.Contains(got.body, "was ended") {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
	if made, over := s.noted(t, "wall.made"), s.noted(t, "wall.revoked"); len(made) != 1 || len(over) != 1 || over[0].By != s.ids[supervisor] {
		t.Errorf("noted %v and %v", made, over)
	}
}

// On the wall the figures are large, follow the room, and are visibly old when
// the connection is lost.
func TestAWallScreenGoesStale(t *testing.T) {
	far := newScript(t)
	far.view = desk.FloorView{Waiting: []desk.FloorWaiting{{Queue: "help", Since: time.Now().Add(-3 * time.Minute)}}, Alarms: []desk.FloorAlarm{{Queue: "help"}},
		Lines: []desk.FloorLine{{ID: "help", Waiting: 1, LongestS: 180, Over: true}, {ID: "volunteers", Closed: true}}, AnsweredToday: 41}
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(supervisor)
	b.do(navigate(s.url + "/floor/walls"))
	b.do(setValue("name", "Shift room"))
	b.press(`form[action="/floor/walls"] button`)
	b.until(`document.getElementById("wall-link")`)
	b.fits("walls")
	link := b.js(`document.getElementById("wall-link").href`)
	b.do(navigate(link))
	b.until(`location.pathname.startsWith("/wall/") && document.querySelector(".wall dd")`)
	if size := b.js(`parseInt(getComputedStyle(document.querySelector(".wall dd")).fontSize) >= 80`); size != "true" {
		t.Error("the figures are too small to read from across a room")
	}
	b.fits("wall")
	if marked := b.js(`document.querySelectorAll(".wall-figures .hot").length + document.querySelector(".wall-lines tbody th").innerText`); !strings.HasPrefix(marked, "2") || !strings.Contains(marked, "Long wait") {
		t.Errorf("a line in which people wait too long is not marked (S11): %q", marked)
	}
	s.setFloor(func(view *desk.FloorView) { view.AnsweredToday = 42 })
	b.until(`document.querySelector(".wall").innerText.includes("42")`)
	b.do(navigate(s.url + "/desk/try"))
	b.press(`form[action="/desk/try"] button`)
	b.until(`document.getElementById("try-link")`)
	b.fits("try")
	b.do(navigate(link))
	b.until(`document.querySelector(".wall dd")`)
	s.cable.cut.Store(true)
	b.do(evaluate(`{ const now = Date.now; Date.now = () => now() + 60000; }`))
	b.until(`document.body.classList.contains("old") && document.querySelector("[data-stale]").offsetParent && document.querySelector(".wall").innerText.includes("No news")`)
	b.fits("wall-stale")
	s.cable.cut.Store(false)
}
