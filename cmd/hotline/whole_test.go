package main

import (
	"archive/zip"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"hotline/appliance/audio"
	"hotline/appliance/audio/foreign"
	"hotline/appliance/trunk"
	"hotline/appliance/trunk/phone"
)

func TestMain(m *testing.M) {
	foreign.Intercept()
	if os.Getenv(programCommand) != "" {
		main()
	}
	if data := os.Getenv(programData); data != "" { // this process is a hotline that a test will kill
		if err := runProgram(data); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if path := os.Getenv(servedConfig); path != "" {
		if err := runServed(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	trunk.PrepareLibrary()
	// These tests mostly wait for somebody to finish speaking, in real time.
	if err := flag.Set("test.parallel", "4"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// TestTheFirstCall is the whole mission: a phone rings the hotline over SIP,
// chooses a language and help, a person in a browser answers, both hear each
// other, the page is reloaded without losing the caller, the case is written,
// and the coordinator finds everything in Excel.
func TestTheFirstCall(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	page := openBrowser(t, b.h.certs, agentHz)
	page.signIn(b.base, "volunteer", b.people["volunteer"].Password)
	page.do("opening the desk", chromedp.Navigate(b.base+"desk?plain-audio=1"))
	page.press(`[data-do="ready"]`)
	page.until("the volunteer is Ready", `document.documentElement.dataset.state === "ready" || document.body.dataset.state === "ready"`)
	page.picture("ready")

	caller := b.dial("+12024561111", "100")
	caller.SayLoop(audio.Tone(callerHz, time.Second, -12))
	b.press(caller, 1500*time.Millisecond, "1") // English
	b.press(caller, 2500*time.Millisecond, "1") // help
	page.until("the call rings", visible(`[data-card="offer"]`))
	page.picture("offer")
	card := page.text(`[data-card="offer"]`)
	for _, want := range []string{"202", "English"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card of the call does not say %q: %s", want, card)
		}
	}
	page.press(`[data-do="accept"]`)
	page.until("the call is answered", visible(`[data-card="oncall"]`))
	b.waitTone("the caller", caller, agentHz)
	page.waitHears(callerHz)

	// The case is written while they talk.
	page.press(`input[name="danger_now"][value="no"]`)
	page.press(`input[name="urgent_need"][value="no"]`)
	page.press(`input[name="safe_tonight"][value="no"]`)
	page.do("typing the place", chromedp.SendKeys(chromedp.CSS("#place"), "Santa Clara school"), chromedp.SendKeys(chromedp.CSS("#people_total"), "4"))
	page.press(`input[name="top_need"][value="water"]`)
	page.until("the case is saved", `/\d\d:\d\d/.test(document.querySelector('[data-part="saved"]').innerText)`)
	page.until("the clock of the call runs", `document.querySelector('[data-card="oncall"] [data-part="call-clock"]').innerText > "00:00"`)
	page.until("the page is at its top", `(scrollTo(0, 0), scrollY === 0)`)
	page.picture("on-call")

	// Keys for the caller's side, as in "press 5 to be connected".
	page.press(`[data-card="oncall"] [data-do="keypad"]`)
	page.press(`#keypad [data-digit="5"]`)
	b.waitKeys(caller, 1)

	// Hold: the caller hears music instead of the agent, and comes back.
	page.press(`[data-card="oncall"] [data-do="hold"]`)
	b.waitNotTone(caller, agentHz)
	page.press(`[data-card="oncall"] [data-do="hold"]`)
	b.waitTone("the caller after hold", caller, agentHz)

	// A reload in the middle of the call.
	page.do("reloading the page", chromedp.Reload())
	page.until("the call is back after the reload", visible(`[data-card="oncall"]`))
	b.waitTone("the caller after the reload", caller, agentHz)
	page.waitHears(callerHz)
	select {
	case <-caller.Done():
		t.Fatal("the caller was lost when the page was reloaded")
	default:
	}
	page.until("the case is still there", `document.querySelector("#place").value === "Santa Clara school"`)

	page.press(`[data-card="oncall"] [data-do="end"]`)
	b.ended(caller)
	page.until("the notes are to be finished", visible(`[data-card="wrap"]`))
	page.picture("wrap")
	page.press(`#wrap input[value="case_opened"]`)
	page.press(`[data-card="wrap"] button[data-next="ready"]`)
	page.until("the volunteer is Ready again", visible(`[data-card="ready"]`))

	oneStream(t, caller)
	contact := only(t, b.exportUntil("contacts", "outcome", "answered"), "outcome", "answered")
	for column, want := range map[string]string{"caller_number": "+12024561111", "language": "en", "queue": "help",
		"disposition": "case_opened", "agent": "Amal", "ended_by": "agent", "open_item": "", "number_dialled": "100"} {
		if contact[column] != want {
			t.Errorf("the contact's %s is %q, want %q", column, contact[column], want)
		}
	}
	file := only(t, b.export("cases"), "case_id", contact["case_id"])
	for column, want := range map[string]string{"place": "Santa Clara school", "people_total": "4", "top_need": "water",
		"triage_level": "Y", "phone": "+12024561111", "need_water": "1"} {
		if file[column] != want {
			t.Errorf("the case's %s is %q, want %q", column, file[column], want)
		}
	}
	b.theFileForWhoeverHelps()
	b.figures(contact)
}

// figures are those of the one call, counted from what the parts of the hotline
// have written into the log while it ran.
func (b *box) figures(contact map[string]string) {
	b.t.Helper()
	now := time.Now()
	report, err := b.h.reports.Report(b.t.Context(), now.Add(-time.Hour), now.Add(time.Second), now)
	if err != nil {
		b.t.Fatal(err)
	}
	f := report.Total
	talked, err := strconv.ParseFloat(contact["talk_s"], 64)
	if counted := float64(f.TalkMS+f.HoldMS) / 1000; err != nil || counted < talked-5 || counted > talked+5 {
		b.t.Errorf("the figures have %.1f s of talk, the record %s s, %v", counted, contact["talk_s"], err)
	}
	if f.Attempts != 1 || f.People != 1 || f.Reached != 1 || f.Offered != 1 || f.Handled != 1 || f.Abandoned != 0 || f.Finished != 1 || f.Self != 0 ||
		f.HoldMS == 0 || f.WrapMS == 0 || f.AvailableMS == 0 || f.BusyMS < f.TalkMS {
		b.t.Errorf("the figures of one call: %+v", f)
	}
	if len(report.Queues) != 1 || report.Queues[0].ID != "help" || report.Queues[0].TalkMS != f.TalkMS || len(report.Agents) != 1 || report.Agents[0].Handled != 1 ||
		len(report.Languages) != 1 || report.Languages[0].ID != "en" {
		b.t.Errorf("by line, volunteer and language: %+v %+v %+v", report.Queues, report.Agents, report.Languages)
	}
}

// TestAVolunteerRegistersByKeypadAndVoice goes through the registration by
// phone; a second caller hangs up half-way and is kept as incomplete. The first
// one is found, matched, carried away in a file that another program reads, and
// then wants to be forgotten.
func TestAVolunteerRegistersByKeypadAndVoice(t *testing.T) {
	t.Parallel()
	b := startBox(t)
	caller := b.dial("+12024561112", "100")
	caller.SayLoop(audio.Tone(callerHz, time.Second, -12))
	const listen = 700 * time.Millisecond
	for _, keys := range []string{"1", "2", "1", "1", "12345#", "2", "1", "2", "2", "4", "1"} {
		b.press(caller, 2*listen, keys)
	}
	b.finishRegistration(caller)

	half := b.dial("+12024561113", "100")
	for _, keys := range []string{"1", "2", "1", "1", "54321#"} {
		b.press(half, 2*listen, keys)
	}
	pause(t.Context(), half, 2*listen)
	half.Hangup()

	deadline := time.Now().Add(20 * time.Second)
	var rows []map[string]string
	for time.Now().Before(deadline) {
		if rows = b.export("volunteers"); len(rows) == 2 {
			break
		}
		time.Sleep(200 * time.Millisecond) // the call's end is stored behind the phone's back
	}
	whole := only(t, rows, "phone", "+12024561112")
	for column, want := range map[string]string{"incomplete": "0", "postcode": "12345", "adult": "adult", "skill_1": "nurse", "transport": "car", "consent_data": "1"} {
		if whole[column] != want {
			t.Errorf("the registered volunteer's %s is %q, want %q", column, whole[column], want)
		}
	}
	if len(whole["code"]) != 6 {
		t.Errorf("the code is %q, want six digits", whole["code"])
	}
	cut := only(t, rows, "phone", "+12024561113")
	if cut["incomplete"] != "1" || cut["postcode"] != "54321" {
		t.Errorf("the one who hung up is kept as %v", cut)
	}
	b.carriedAway(b.findAndMatch(whole["volunteer_id"]), whole["volunteer_id"])
	b.forgotten(whole["volunteer_id"], whole["contact_id"], everyForm("2024561112", "202-456-1112", "(202) 456-1112", "Guadalupe", "Hernández", "hernandez")...)
	// Nobody else is: the one who hung up is where they were.
	if found := grep(t, b.data, "2024561113"); len(found) == 0 {
		t.Error("the other caller is gone, too")
	}
}

// findAndMatch is what a coordinator does with a registration by telephone: the
// name is typed from what was spoken, found again with slips in it, and the
// person is led to where a search for twenty nurses in that area who are free
// tomorrow finds them. It is the filter of that search.
func (b *box) findAndMatch(id string) string {
	b.t.Helper()
	client := b.web("coordinator")
	show := func(path, want string) {
		b.t.Helper()
		if page := b.shown(client, path); !strings.Contains(page, want) {
			b.t.Errorf("%s does not show %q", path, want)
		}
	}
	do := func(form url.Values) {
		b.t.Helper()
		b.post(client, "records/registrants/"+id, form)
	}
	for _, part := range []string{"202+456+1112", "56-11-12", "561112"} {
		show("records?tab=registrants&q="+part, id)
	}
	do(url.Values{"do": {"save"}, "given_name": {"Guadalupe"}, "family_name": {"Hernández"}, "emergency_name": {"=Ana, «mother»\n2nd floor"}})
	show("records?tab=registrants&q=guadaluppe+hernandes", id)
	for _, step := range []string{"contacted", "approve", "brief", "ready"} {
		do(url.Values{"do": {"move"}, "step": {step}})
	}
	filter := url.Values{"tab": {"registrants"}, "skill": {"nurse"}, "area": {"123 124"}, "free": {time.Now().AddDate(0, 0, 1).Format(time.DateOnly)}}.Encode()
	show("records/match?wanted=20&"+filter, "Guadalupe Hernández")
	if page := b.shown(client, "records/match?wanted=20&"+strings.Replace(filter, "123", "125", 1)); strings.Contains(page, "Guadalupe") {
		b.t.Error("a search in other areas finds them, too")
	}
	return filter
}

// TestTheSupervisorSetsTheEmergencyByPhone: a supervisor calls the supervisor
// number, gives the PIN, records an announcement and confirms; the next caller
// hears it.
func TestTheSupervisorSetsTheEmergencyByPhone(t *testing.T) {
	t.Parallel()
	const announcementHz = 1400.0
	b := startBox(t)
	supervisor := b.people["supervisor"]
	line := b.dial(string(supervisor.Phone), "199")
	b.press(line, time.Second, supervisor.PIN+"#")
	b.setEmergency(line, announcementHz)
	line.Hangup()
	state := b.h.mode.Current(time.Now())
	if !state.Active || state.Via != "phone" || state.Name != supervisor.Name || !state.HasAnnouncement {
		t.Fatalf("after the supervisor's call the mode is %+v", state)
	}
	if left := time.Until(state.Expires); left <= 0 || left > 13*time.Hour {
		t.Errorf("the mode ends in %v, want within 12 hours by itself", left)
	}
	caller := b.dial("+12024561114", "100")
	b.waitTone("the next caller", caller, announcementHz)
	caller.Hangup()

	// Who set it, how and when is in the audit log of the admin.
	res, err := b.web("admin").Get(b.base + "admin/log")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(page), supervisor.Name) {
		t.Errorf("the audit page (%s, %v) does not name the supervisor", res.Status, err)
	}

	stranger := b.dial("+12024569999", "199")
	for range 3 {
		b.press(stranger, 2*time.Second, "999999#")
		pause(t.Context(), stranger, 3*time.Second)
	}
	b.ended(stranger)
}

// finishRegistration records name and skills, hears the read-back, confirms it
// and listens until the hotline says goodbye.
func (b *box) finishRegistration(c *phone.Call) {
	b.t.Helper()
	b.speakAfterBeep(c, callerHz, 2*time.Second)
	c.SayLoop(nil)
	b.speakAfterBeep(c, 700, 2*time.Second)
	c.SayLoop(nil)
	b.waitTone("the volunteer, in the read-back of the name,", c, callerHz)
	b.press(c, time.Second, "1")
	b.ended(c)
}

// setEmergency records an announcement for all languages, hears it back, keeps
// it, chooses the emergency path and confirms the spoken summary.
func (b *box) setEmergency(c *phone.Call, hz float64) {
	b.t.Helper()
	b.press(c, 3*time.Second, "2")
	b.press(c, 2*time.Second, "3")
	b.speakAfterBeep(c, hz, 4*time.Second)
	c.SayLoop(nil)
	b.waitTone("the supervisor, hearing the announcement back,", c, hz)
	b.waitNotTone(c, hz)
	b.press(c, 500*time.Millisecond, "1") // keep it
	b.press(c, 2*time.Second, "1")        // go on
	b.press(c, 2*time.Second, "1")        // announcement, then a person
	b.press(c, 2*time.Second, "3")        // for twelve hours
	b.waitTone("the supervisor, in the summary,", c, hz)
	if b.h.mode.Current(time.Now()).Active {
		b.t.Error("the mode is on before the summary was confirmed")
	}
	b.waitNotTone(c, hz)
	b.answer(c, "1")
	// It speaks to everybody: that takes a code from the paper.
	b.answer(c, "1")
	b.press(c, time.Second, b.codes("supervisor")[0])
	for deadline := time.Now().Add(15 * time.Second); !b.h.mode.Current(time.Now()).Active; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatal("the mode is not on after the supervisor confirmed it")
		}
	}
}

// theFileForWhoeverHelps tells of the call that was, and not of who called, where
// they are, or who answered.
func (b *box) theFileForWhoeverHelps() {
	b.t.Helper()
	raw := b.page("admin", "health/support.zip")
	archive, err := zip.NewReader(strings.NewReader(raw), int64(len(raw)))
	if err != nil {
		b.t.Fatalf("the file for whoever helps: %v", err)
	}
	all := ""
	for _, part := range archive.File {
		r, err := part.Open()
		if err != nil {
			b.t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			b.t.Fatal(err)
		}
		all += string(text)
	}
	for _, want := range []string{"hotline_calls_answered_total 1\n", "level=", "max_calls", "goroutine profile", "watch backup."} {
		if !strings.Contains(all, want) {
			b.t.Errorf("the file for whoever helps lacks %q", want)
		}
	}
	for _, person := range []string{"2024561111", "+1202456", "Santa Clara", "Amal"} {
		if i := strings.Index(all, person); i >= 0 {
			b.t.Errorf("the file for whoever helps tells %q: %s", person, all[max(0, i-100):min(len(all), i+100)])
		}
	}
}
