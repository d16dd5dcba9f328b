package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"hotline/triage"
	"hotline/triage/desk"
)

// headset is one as many makers build it, in the place where a browser shows
// such devices: its call button stays on while it is off the hook, its mute
// button comes up again, and it repeats as a report what its lamps are told.
const headset = `{
	const bits = [...[0x0b0020, 0x0b002f].map((u) => ({ usages: [u], reportSize: 1, reportCount: 1 })), { reportSize: 6, reportCount: 1 }];
	const lamps = [...[0x080017, 0x080018, 0x080009].map((u) => ({ usages: [u], reportSize: 1, reportCount: 1 })), { reportSize: 5, reportCount: 1 }];
	const device = Object.assign(new EventTarget(), { vendorId: 1, productId: 2, productName: "Two ears", opened: false,
		collections: [{ usagePage: 1, usage: 6 }, { usagePage: 0x0b, usage: 5, inputReports: [{ reportId: 2, items: bits }], outputReports: [{ reportId: 3, items: lamps }] }],
		async open() { this.opened = true; }, async close() {},
		async sendReport(id, data) { window.__lamps.push(id + ":" + data[0]); setTimeout(() => tell((data[0] & 1) | (was & 2)), 20); } });
	let was = 0;
	const tell = (byte) => { was = byte; device.dispatchEvent(Object.assign(new Event("inputreport"), { reportId: 2, data: new DataView(new Uint8Array([byte]).buffer) })); };
	window.__lamps = [];
	window.__headset = { call: () => tell(was ^ 1), mute: () => { tell(was | 2); tell(was & ~2); } };
	Object.defineProperty(navigator, "hid", { value: Object.assign(new EventTarget(), { getDevices: async () => [device], requestDevice: async () => [device] }) });
}`

// The buttons of a headset count once they were tried, answer, mute and end, and
// its lamps follow. What the headset only repeats ends no call.
func TestTheButtonsOfAHeadset(t *testing.T) {
	far := newScript(t)
	far.withSound(t)
	s := startSite(t, far, nil)
	b := openBrowser(t, s)
	if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: headset}); err != nil {
		t.Fatal(err)
	}
	ring := func() {
		s.set(func(now *desk.Snapshot) {
			now.Agent.State, now.Agent.Since, now.Call = triage.Offered, time.Now(), ringing()
		})
		b.state("offer")
		b.do(waitMoment()) // longer than the echo of a lamp
	}
	b.signIn(agent)
	b.goReady("off", b.press)
	ring()
	b.do(evaluate(`__headset.call()`))
	b.do(waitMoment())
	if s.did1("accept") {
		t.Error("a button that nobody has tried answers a call")
	}

	b.do(chromedp.Navigate(s.url + "/desk/test"))
	b.press(`[data-do="headset"]`)
	says := func(words string) {
		t.Helper()
		b.until(`document.querySelector('[data-part="headset-words"]').textContent.includes("` + words + `")`)
	}
	says("Press the call button")
	b.do(evaluate(`__headset.call()`))
	says("Now press the mute button")
	b.fits("the buttons of a headset are tried")
	b.do(evaluate(`__headset.mute()`))
	says("The buttons that you tried work")
	if kept := b.js(`localStorage.getItem("device.headset")`); !strings.Contains(kept, `"call":"stays"`) || !strings.Contains(kept, `"mute":"presses"`) {
		t.Errorf("kept is %s", kept)
	}

	s.set(func(now *desk.Snapshot) { now.Agent.State, now.Call = triage.Ready, nil })
	b.do(chromedp.Navigate(s.url + "/desk"))
	b.state("ready")
	s.connectedPhone(t)
	ring()
	b.until(`__lamps.at(-1) === "3:2"`) // the ring lamp
	b.do(evaluate(`__headset.call()`))
	s.awaitCommand(t, "accept", func(c desk.Command) bool { return c.Contact == ringing().Contact })
	b.state("oncall")
	b.until(`__lamps.at(-1) === "3:1"`) // off the hook
	b.do(waitMoment())
	if s.did1("end") {
		t.Fatal("what the headset repeats ends the call")
	}
	b.do(evaluate(`__headset.mute()`))
	b.until(`document.querySelector('[data-do="mute"]').getAttribute("aria-pressed") === "true"`)
	b.until(`__lamps.at(-1) === "3:5"`)
	b.do(waitMoment())
	b.do(evaluate(`__headset.call()`)) // on the hook again
	s.awaitCommand(t, "end", func(desk.Command) bool { return true })

	// Switched off, it is a headset without buttons.
	b.do(chromedp.Navigate(s.url + "/desk/test"))
	b.press(`[data-do="headset-off"]`)
	says("not used any more")
	if kept := b.js(`localStorage.getItem("device.headset")`); kept != "null" {
		t.Errorf("kept is %s", kept)
	}
}
