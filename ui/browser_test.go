package ui

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium with a made-up microphone. Whatever its pages
// do against the rules is an error of the test.
type browser struct {
	t    *testing.T
	ctx  context.Context
	site *site

	mu     sync.Mutex
	asked  int      // requests
	weight float64  // bytes as they travel
	wrongs []string // requests to elsewhere, violated policies, faults of scripts
	shots  string
}

const limitOfAStep = time.Minute

// chromium is the one browser of all tests: starting one takes longer than most
// of them. Every test has a window of its own in it, with its own cookies and
// storage, that is closed at its end.
var chromium = sync.OnceValues(func() (running, error) {
	profile, err := os.MkdirTemp("", "hotline-chromium-")
	if err != nil {
		return running{}, err
	}
	allocator, closeAllocator := chromedp.NewExecAllocator(context.Background(),
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.IgnoreCertErrors, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-default-apps", true), chromedp.Flag("disable-extensions", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("lang", "en-US"), chromedp.WSURLReadTimeout(2*limitOfAStep),
	)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	b := running{ctx: ctx, close: func() { closeBrowser(); closeAllocator(); _ = os.RemoveAll(profile) }}
	// The first step starts the browser, which lives as long as its context:
	// this one must not have the limit of a step.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		b.close()
		return running{}, err
	}
	chromiumRuns.Store(true)
	return b, nil
})

type running struct {
	ctx   context.Context
	close func()
}

var chromiumRuns atomic.Bool

func closeChromium() {
	if !chromiumRuns.Load() {
		return
	}
	if b, err := chromium(); err == nil {
		b.close()
	}
}

func openBrowser(t *testing.T, s *site) *browser {
	t.Helper()
	shared, err := chromium()
	if err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	ctx, closeWindow := chromedp.NewContext(shared.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(closeWindow)
	b := &browser{t: t, ctx: ctx, site: s, shots: t.ArtifactDir()}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	for _, listener := range []func(any){b.watch, b.answerDialogs} {
		if err := chromedp.Listen(ctx, listener); err != nil {
			t.Fatal(err)
		}
	}
	limited, stop := context.WithTimeout(ctx, limitOfAStep)
	defer stop()
	if _, err := chromedp.Call(limited, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(limited, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `{ const take = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
			if (take) navigator.mediaDevices.getUserMedia = async (wish) => { const got = await take(wish); (window.__tracks ??= []).push(...got.getTracks()); return got; }; }
			{ const send = WebSocket.prototype.send; window.__sent = []; WebSocket.prototype.send = function (m) { window.__sent.push(m); return send.call(this, m); }; }
			addEventListener("securitypolicyviolation", (e) => console.error("POLICY " + e.violatedDirective + " " + e.blockedURI + " " + e.sourceFile))`,
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, wrong := range b.wrongs {
			t.Errorf("the page did what it must not: %s", wrong)
		}
	})
	return b
}

func (b *browser) watch(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		b.asked++
		url := ev.Request.URL
		if !strings.HasPrefix(url, b.site.url) && !strings.HasPrefix(url, "about:") && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:") {
			b.wrongs = append(b.wrongs, "a request leaves the box: "+url)
		}
	case *network.EventLoadingFinished:
		b.weight += ev.EncodedDataLength
	case *runtime.EventExceptionThrown:
		raw, err := json.Marshal(ev.ExceptionDetails)
		if err != nil {
			raw = []byte(err.Error())
		}
		b.wrongs = append(b.wrongs, "a fault in a script: "+string(raw))
	case *runtime.EventConsoleAPICalled:
		for _, arg := range ev.Args {
			if text := string(arg.Value); strings.Contains(text, "POLICY") {
				b.wrongs = append(b.wrongs, "against the content policy: "+text)
			}
		}
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// js evaluates an expression to a string.
func (b *browser) js(expression string) string {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for an expression to become true. While a page is being changed
// for another one there is nothing to ask; that is not an error.
func (b *browser) until(expression string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if is && err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.shoot("waited-in-vain")
			b.t.Fatalf("waited in vain for %s: %v; the page: %s", expression, err, b.js(`document.body.dataset.state + " " + document.body.innerText.slice(0, 600)`))
		}
	}
}

func (b *browser) state(want string) {
	b.t.Helper()
	b.until(`document.body.dataset.state === "` + want + `"`)
}

// still waits for a page that comes again by itself, and lets it stand still
// from that moment on: nothing can be looked at that goes away meanwhile.
func (b *browser) still(expression string) {
	b.t.Helper()
	b.until(`document.readyState === "complete" && (` + expression + `) && (window.stop(), true)`)
}

func (b *browser) press(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// signIn opens the first page of somebody who has signed in.
func (b *browser) signIn(who role) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	yes := true
	if _, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: sessionCookie, Value: b.site.session(b.t, who), URL: b.site.url, Path: "/", Secure: &yes, HTTPOnly: &yes}); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.Navigate(b.site.url + homeOf(who)))
	b.until(`location.pathname === "` + homeOf(who) + `" && document.readyState === "complete"`)
}

// signInByForm types name and password.
func (b *browser) signInByForm(who role) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.site.url+"/login"),
		chromedp.SendKeys(chromedp.CSS("#login"), string(who)), chromedp.SendKeys(chromedp.CSS("#password"), secret))
	b.do(chromedp.Click(chromedp.CSS(`form[action="/login"] button`)))
	b.until(`location.pathname === "` + homeOf(who) + `" && document.readyState === "complete"`)
}

// shoot writes a picture for people to look at, when somebody wants to.
func (b *browser) shoot(name string) {
	b.t.Helper()
	if flag.Lookup("test.artifacts").Value.String() != "true" {
		return
	}
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.shots, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// sizes are the laptop, the phone and the short laptop window that pages must
// fit; narrow ones are also 200 % zoom.
func sizes() map[string][2]int64 {
	return map[string][2]int64{"1366x768": {1366, 768}, "390x844": {390, 844}, "1366x600": {1366, 600}, "320x640": {320, 640}}
}

const layoutProbe = `JSON.stringify({
  wide: document.documentElement.scrollWidth,
  spilled: [...document.querySelectorAll(".card, .note")].filter((e) => e.offsetParent && e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText.trim().slice(0, 30)),
  small: [...document.querySelectorAll(".call button, .dock button")].filter((e) => e.offsetParent).map((e) => [e.textContent.trim().slice(0, 20), e.getBoundingClientRect()])
    .filter(([, r]) => r.height < 44 || r.width < 44).map(([name, r]) => name + " " + Math.round(r.width) + "x" + Math.round(r.height)),
  below: [...document.querySelectorAll(".call-foot .btn, .dock .btn")].filter((e) => e.offsetParent && (e.getBoundingClientRect().bottom > innerHeight + 1 || e.getBoundingClientRect().top < 0)).map((e) => e.textContent.trim().slice(0, 20))})`

// at makes the page as large as a screen.
func (b *browser) at(size string) {
	b.t.Helper()
	v := sizes()[size]
	var options []chromedp.EmulateViewportOption
	if v[0] < 500 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do(chromedp.EmulateViewport(v[0], v[1], options...))
	b.do(chromedp.Evaluate[chromedp.Void](`scrollTo(0, 0)`))
	b.settled()
}

// measured says what does not fit the screen.
func (b *browser) measured(name, size string) {
	b.t.Helper()
	v := sizes()[size]
	var found struct {
		Wide                  int64
		Spilled, Small, Below []string
	}
	if err := json.Unmarshal([]byte(b.js(layoutProbe)), &found); err != nil {
		b.t.Fatal(err)
	}
	// Compared with the screen: a phone's own width grows with its page.
	if found.Wide > v[0] {
		b.t.Errorf("%s at %s scrolls sideways: it is %d wide", name, size, found.Wide)
	}
	if len(found.Spilled) > 0 {
		b.t.Errorf("%s at %s: something is wider than the card it stands in: %q", name, size, found.Spilled)
	}
	if len(found.Small) > 0 {
		b.t.Errorf("%s at %s: too small to press: %v", name, size, found.Small)
	}
	if len(found.Below) > 0 && v[1] >= 600 {
		b.t.Errorf("%s at %s: cut off: %v", name, size, found.Below)
	}
}

// fits checks the page at every size, and lets axe judge it on a laptop and on
// a telephone, one dark and the other light: which one follows from the name,
// so that each page is judged in the same way in every run.
func (b *browser) fits(name string) {
	b.t.Helper()
	for size := range sizes() {
		b.at(size)
		b.measured(name, size)
		b.shoot(name + "-" + size)
	}
	schemes := []string{"dark", "light"}
	if len(name)%2 == 1 {
		slices.Reverse(schemes)
	}
	for n, size := range []string{"1366x768", "390x844"} {
		b.do(chromedp.EmulateViewport(sizes()[size][0], sizes()[size][1]))
		b.colours(schemes[n])
		b.settled()
		b.accessible(name + " " + size + " " + schemes[n])
	}
	b.colours("light")
	b.do(chromedp.EmulateViewport(1366, 768))
}

// settled waits until the page was drawn twice.
func (b *browser) settled() {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`, chromedp.EvalAwaitPromise)); err != nil {
		b.t.Fatal(err)
	}
}
