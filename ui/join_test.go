package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hotline/volunteers/roster"
)

func (s *site) newInvite(t *testing.T, client *http.Client) (path, code string) {
	t.Helper()
	got := s.post(t, client, "/floor/invites", url.Values{"name": {"Evening shift"}, "profile": {"help"}, "hours": {"2"}, "most": {"10"}})
	link := regexp.MustCompile(`id="sheet-link" href="(https://[^"]+/join/[a-z2-7]{16})"`).FindStringSubmatch(got.body)
	digits := regexp.MustCompile(`id="sheet-code">(\d{3} \d{3})<`).FindStringSubmatch(got.body)
	if got.status != http.StatusOK || link == nil || digits == nil || !strings.Contains(got.body, `<svg class="qr"`) {
		t.Fatalf("the sheet: %d %s", got.status, got.body)
	}
	return strings.TrimPrefix(link[1], s.url), digits[1]
}

// Somebody comes by an invitation, and takes no call before everything that
// comes before the first call.
func TestSomebodyJoins(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	boss, new := s.as(t, supervisor), s.client(t)
	if got := s.post(t, boss, "/floor/invites", url.Values{"name": {"x"}, "profile": {"nothing"}, "hours": {"1000"}, "most": {"1"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an invitation that cannot be: %d", got.status)
	}
	path, code := s.newInvite(t, boss)
	if got := s.post(t, new, "/join", url.Values{"code": {"000 000"}}); got.status != http.StatusForbidden || !strings.Contains(got.body, "do not belong to an invitation") {
		t.Errorf("wrong digits: %d", got.status)
	}
	for _, got := range []answer{s.get(t, new, path), s.post(t, new, "/join", url.Values{"code": {code}})} {
		if got.status != http.StatusOK || !strings.Contains(got.body, "Flood response") || !strings.Contains(got.body, "I promise. I am 18 or older") {
			t.Fatalf("the form: %d %s", got.status, got.body)
		}
	}
	form := url.Values{"invite": {code}, "name": {"Noura"}, "language": {"es", "xx"}, "pin": {"123456"}, "agrees": {"yes"}}
	if got := s.post(t, new, "/join/new", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `value="Noura"`) || strings.Contains(got.body, `value="123456"`) {
		t.Errorf("an easy PIN: %d %s", got.status, got.body)
	}
	form.Set("pin", "280461")
	if got := s.post(t, new, "/join/new", form); got.header.Get("Location") != "/desk/start?new" {
		t.Fatalf("joining: %d %s", got.status, got.body)
	}
	list, err := s.accounts.List()
	if err != nil {
		t.Fatal(err)
	}
	noura := list[len(list)-1]
	if noura.Name != "Noura" || noura.Profile != "help" || !slices.Equal(noura.Languages, []string{"es"}) {
		t.Fatalf("the account: %+v", noura)
	}
	if got := s.get(t, new, "/desk/start?new"); !strings.Contains(got.body, noura.Login) {
		t.Error("the sign-in name is not told")
	}
	if got := s.get(t, new, "/desk"); got.header.Get("Location") != "/desk/start" {
		t.Errorf("the desk before everything is done: %d", got.status)
	}
	wrong := url.Values{"q1": {"a"}, "q2": {"c"}, "q3": {"a"}, "q4": {"c"}, "q5": {"b"}}
	if got := s.post(t, new, "/desk/quiz", wrong); got.status != http.StatusUnprocessableEntity || strings.Count(got.body, `class="wrong"`) != 1 {
		t.Errorf("a wrong answer: %d", got.status)
	}
	wrong.Set("q1", "b")
	if got := s.post(t, new, "/desk/quiz", wrong); got.status != http.StatusSeeOther {
		t.Errorf("right answers: %d", got.status)
	}
	sound := url.Values{"peak": {"-12"}, "noise": {"-60"}, "rtt": {"2"}, "jitter": {"1"}, "loss": {"0"}, "heard": {"yes"}, "rang": {"no"}}
	if got := s.post(t, new, "/desk/test", sound); !strings.Contains(got.body, `data-verdict="stop"`) || !strings.Contains(got.body, "did not hear the bell") {
		t.Errorf("a bell that was not heard: %s", got.body)
	}
	sound.Set("rang", "yes")
	if got := s.post(t, new, "/desk/test", sound); !strings.Contains(got.body, `data-verdict="good"`) {
		t.Errorf("good sound: %s", got.body)
	}
	if err := s.accounts.NoteStep(t.Context(), noura.ID, roster.StepPractice, nil); err != nil {
		t.Fatal(err)
	}
	if got := s.get(t, new, "/desk"); got.status != http.StatusOK {
		t.Errorf("the desk after everything: %d", got.status)
	}
	again := s.client(t)
	if got := s.post(t, again, "/login", url.Values{"login": {noura.Login}, "password": {"280461"}}); got.header.Get("Location") != "/desk" {
		t.Errorf("the next sign-in: %d", got.status)
	}

	// The invitation ends; whoever came stays.
	id := regexp.MustCompile(`action="(/floor/invites/[^"]+)"`).FindStringSubmatch(s.get(t, boss, "/floor/invites").body)[1]
	if got := s.post(t, boss, id, nil); got.status != http.StatusSeeOther {
		t.Fatalf("ending: %d", got.status)
	}
	if got := s.get(t, s.client(t), path); got.status != http.StatusForbidden {
		t.Errorf("an ended invitation: %d", got.status)
	}
	if got := s.get(t, again, "/desk"); got.status != http.StatusOK {
		t.Errorf("whoever came is out: %d", got.status)
	}
	if made, joined := s.noted(t, "invite.made"), s.noted(t, "account.joined"); len(made) != 1 || len(joined) != 1 || joined[0].Agent != noura.ID {
		t.Errorf("noted %v and %v", made, joined)
	}
}

func TestSoundIsJudged(t *testing.T) {
	good := soundFigures{peak: -12, noise: -60, rtt: 20, jitter: 5, heard: true, rang: true}
	for name, tc := range map[string]struct {
		change  func(*soundFigures)
		verdict string
		faults  []string
	}{
		"good":    {func(*soundFigures) {}, "good", nil},
		"silent":  {func(f *soundFigures) { f.peak = -80 }, "stop", []string{"silent", "quiet"}},
		"deaf":    {func(f *soundFigures) { f.heard = false }, "stop", []string{"deaf"}},
		"quiet":   {func(f *soundFigures) { f.peak = -35 }, "fair", []string{"quiet"}},
		"loud":    {func(f *soundFigures) { f.peak = 0 }, "fair", []string{"loud"}},
		"noise":   {func(f *soundFigures) { f.noise = -20 }, "fair", []string{"noise"}},
		"slow":    {func(f *soundFigures) { f.rtt = 200 }, "fair", []string{"network"}},
		"useless": {func(f *soundFigures) { f.loss = 9 }, "stop", []string{"network"}},
	} {
		f := good
		tc.change(&f)
		if verdict, faults := f.judge(); verdict != tc.verdict || !slices.Equal(faults, tc.faults) {
			t.Errorf("%s: %s %v", name, verdict, faults)
		}
	}
}

// Fifty people come by one sheet that one supervisor has printed (C19): one form of
// the supervisor, one of each of them. What each does
// afterwards on a browser is TestFromTheInvitationToReady.
func TestFiftyComeByOneSheet(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	const people = 50
	before, err := s.accounts.List()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got := s.post(t, s.as(t, supervisor), "/floor/invites", url.Values{"name": {"School hall"}, "profile": {"help"}, "hours": {"2"}, "most": {strconv.Itoa(people)}})
	digits := regexp.MustCompile(`id="sheet-code">(\d{3} \d{3})<`).FindStringSubmatch(got.body)
	if digits == nil || !strings.Contains(got.body, `<svg class="qr"`) {
		t.Fatalf("the sheet: %d %s", got.status, got.body)
	}
	join := func(n int) answer {
		return s.post(t, s.client(t), "/join/new", url.Values{"invite": {digits[1]}, "name": {fmt.Sprintf("Volunteer %d", n)}, "language": {"es"}, "pin": {fmt.Sprintf("2804%02d", n)}, "agrees": {"yes"}})
	}
	for n := range people {
		if got := join(n); got.header.Get("Location") != "/desk/start?new" {
			t.Errorf("person %d: %d", n, got.status)
		}
	}
	took := time.Since(began)
	if got := join(people); got.status != http.StatusForbidden {
		t.Errorf("one more than the sheet is for: %d", got.status)
	}
	all, err := s.accounts.List()
	logins := map[string]bool{}
	for _, a := range all {
		logins[a.Login] = true
	}
	if err != nil || len(all) != len(before)+people || len(logins) != len(all) {
		t.Errorf("%d accounts with %d names for signing in, %v", len(all)-len(before), len(logins), err)
	}
	t.Logf("one supervisor: 1 form, 1 sheet; %d people: 1 form each; all accounts there after %s", people, took.Round(time.Millisecond))
}

// From the picture of the invitation to Ready, with a real microphone and a
// real voice, looked at on the way.
func TestFromTheInvitationToReady(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	b.signIn(supervisor)
	b.do(navigate(s.url + "/floor/invites"))
	path, _ := s.newInvite(t, s.as(t, supervisor))
	b.do(setValue("name", "School hall"))
	b.press(`form[action="/floor/invites"] button`)
	b.until(`document.getElementById("sheet-code")`)
	b.fits("sheet")
	b.signOut()
	b.do(navigate(s.url + "/join"))
	b.do(navigate(s.url + path))
	b.do(typeInto("name", "Noura"), typeInto("pin", "280461"))
	b.press(`input[name="agrees"]`)
	b.fits("join")
	b.press(`form[action="/join/new"] button`)
	b.until(`location.pathname === "/desk/start" && document.getElementById("own-login")`)
	b.fits("start")

	b.press(`a[href="/desk/test"].main`)
	b.until(`document.readyState === "complete" && document.querySelector('[data-do="begin"]')`) // whose script is there, too
	b.press(`[data-do="begin"]`)
	b.until(`!document.getElementById("result").hidden`)
	b.do(evaluate(`{ const words = document.querySelector('[data-part="playback-words"]'); window.__played = ""; new MutationObserver(() => { window.__played += words.textContent; }).observe(words, {childList: true}); }`))
	b.press(`[data-do="playback"]`)
	b.press(`[data-do="ring"]`)
	b.press(`input[name="heard"][type="radio"][value="yes"]`)
	b.press(`input[name="rang"][type="radio"][value="yes"]`)
	b.until(`!document.querySelector('[data-do="finish"]').disabled`)
	b.until(`window.__played.includes("This is you")`) // which stands there only while it is heard
	b.fits("sound-check")
	if devices := b.js(`document.getElementById("mic").options.length`); devices < "2" {
		t.Errorf("%s microphones to choose from", devices)
	}
	// How good the network is, is up to what else this machine has to do.
	b.do(evaluate(`document.getElementById("result").addEventListener("submit", ({target}) => { for (const name of ["rtt", "jitter", "loss"]) target.elements[name].value = Math.min(1, target.elements[name].value); })`))
	b.press(`[data-do="finish"]`)
	b.until(`document.getElementById("verdict")`)
	if verdict := b.js(`document.getElementById("verdict").dataset.verdict`); verdict == "stop" {
		t.Errorf("the sound of a good machine: %s", b.js(`document.getElementById("verdict").innerText`))
	}
	b.press(`#verdict a`)

	b.until(`location.pathname === "/desk/start"`)
	b.press(`a[href="/desk/practice"].main`)
	b.state("off")
	b.fits("practice")
	b.goReady("off", b.press)
	b.state("offer")
	b.do(waitMoment())
	b.press(`[data-do="accept"]`)
	b.state("oncall")
	b.until(`document.getElementById("caller").srcObject && !document.getElementById("caller").paused`)
	s.mu.Lock()
	real := len(s.did)
	s.mu.Unlock()
	b.press(`.keys [data-do="hold"]`)
	b.until(`document.querySelector('.keys [data-do="hold"]').getAttribute("aria-pressed") === "true"`)
	b.press(`.call-foot [data-do="end"]`)
	b.state("wrap")
	b.do(evaluate(`document.querySelector('#wrap input[value="case_opened"]').click()`))
	b.press(`[data-next="ready"]`)
	b.until(`location.pathname === "/desk/start"`)
	if real != 0 {
		t.Errorf("practising reached the real desk: %v", s.commands())
	}

	b.press(`a[href="/desk/quiz"].main`)
	b.until(`document.querySelector('input[name="q5"]')`)
	for n, right := range quizAnswers {
		b.do(evaluate(`document.querySelector('input[name="q` + string(rune('1'+n)) + `"][value="` + right + `"]').click()`))
	}
	b.fits("quiz")
	b.press(`form[action="/desk/quiz"] button`)
	b.until(`document.querySelector('a[href="/desk"].go')`)
	b.press(`a[href="/desk"].go`)
	b.state("off")
	b.do(chromedp.EmulateViewport(1366, 768))
	b.goReady("off", b.press)
}
