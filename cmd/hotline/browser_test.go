package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"hotline/appliance/audio"
	"hotline/provisioning"
)

// browser is a headless Chromium whose microphone plays a tone.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// browserPatience bounds every single thing that is expected of a page.
const browserPatience = patience

// openBrowser starts Chromium. The box's certificate is trusted by its public
// key, as a browser with the installed root would trust it.
func openBrowser(t *testing.T, certs *provisioning.Certificates, micHz float64) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("the browser is missing: run make test, which installs it: %v", err)
	}
	cert, err := certs.TLS().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	spki := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
	dir := t.TempDir()
	mic := filepath.Join(dir, "microphone.wav")
	if err := os.WriteFile(mic, sineWAV(micHz, 48_000, 4), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(spki[:])),
		chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-audio-capture", mic), chromedp.Flag("mute-audio", true))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1366, 768)); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	b.confirmLeaving()
	return b
}

// ownMicrophone gives the pages of a window a microphone of their own: the real
// one is taken, as pages must, and a tone stands in for what it hears.
const ownMicrophone = `{
	const take = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
	if (take) navigator.mediaDevices.getUserMedia = async (wish) => {
		await take(wish);
		const audio = new AudioContext(), tone = audio.createOscillator(), loud = audio.createGain(), mic = audio.createMediaStreamDestination();
		await audio.resume();
		tone.frequency.value = %f; loud.gain.value = 0.37;
		tone.connect(loud).connect(mic);
		tone.start();
		return mic.stream;
	};
}`

// window opens a window for somebody else: cookies and microphone are its own,
// and only the process of Chromium is the same, which takes seconds to start.
func (b *browser) window(micHz float64) *browser {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(cancel)
	w := &browser{t: b.t, ctx: ctx}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1366, 768)); err != nil {
		b.t.Fatalf("opening a window: %v", err)
	}
	w.atEveryPage(fmt.Sprintf(ownMicrophone, micHz))
	w.confirmLeaving()
	return w
}

// atEveryPage runs a script before those of every page that is opened from now on.
func (b *browser) atEveryPage(script string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, browserPatience)
	defer stop()
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		b.t.Fatal(err)
	}
}

// confirmLeaving says yes whenever a page asks whether it may be left, as it
// does during a call.
func (b *browser) confirmLeaving() {
	b.t.Helper()
	if err := chromedp.Listen(b.ctx, func(ev any) {
		if _, asks := ev.(*page.EventJavascriptDialogOpening); asks {
			go func() {
				if _, err := chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true}); err != nil && b.ctx.Err() == nil {
					b.t.Errorf("leaving a page: %v", err)
				}
			}()
		}
	}); err != nil {
		b.t.Fatal(err)
	}
}

// sineWAV is a 16-bit mono WAV file of a tone.
func sineWAV(hz float64, rate, seconds int) []byte {
	data := make([]byte, 0, rate*seconds*2)
	for i := range rate * seconds {
		data = binary.LittleEndian.AppendUint16(data, uint16(int16(12_000*math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))))
	}
	h := []byte("RIFF")
	h = binary.LittleEndian.AppendUint32(h, uint32(36+len(data)))
	h = append(h, "WAVEfmt "...)
	h = binary.LittleEndian.AppendUint32(h, 16)
	for _, v := range []uint16{1, 1} { // PCM, mono
		h = binary.LittleEndian.AppendUint16(h, v)
	}
	h = binary.LittleEndian.AppendUint32(h, uint32(rate))
	h = binary.LittleEndian.AppendUint32(h, uint32(rate*2))
	h = binary.LittleEndian.AppendUint16(h, 2)
	h = binary.LittleEndian.AppendUint16(h, 16)
	h = append(h, "data"...)
	h = binary.LittleEndian.AppendUint32(h, uint32(len(data)))
	return append(h, data...)
}

// do runs browser steps within the patience of one.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %v; the page says %q", what, err, b.text("body"))
	}
}

// until waits for a JavaScript expression to be true. A page that is just being
// replaced by the next one cannot answer; it is asked again.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if err == nil && yes {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.picture("failed")
			b.t.Fatalf("waiting until %s: %v; the page says %q", what, err, b.text("body"))
		}
	}
}

// text is what a person reads in the first visible element of a selector.
func (b *browser) text(selector string) string {
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(
		`([...document.querySelectorAll(%q)].find(e => e.offsetParent !== null || e === document.body)?.innerText ?? "")`, selector)))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return text
}

// press clicks the visible element of a selector.
func (b *browser) press(selector string) {
	b.t.Helper()
	b.until(selector+" can be pressed", fmt.Sprintf(
		`(() => { const e = [...document.querySelectorAll(%q)].find(e => e.offsetParent !== null && !e.disabled); if (!e) return false; e.click(); return true })()`, selector))
}

// picture keeps a screenshot with the test's artifacts.
func (b *browser) picture(name string) {
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("no picture of %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), png, 0o600); err != nil {
		b.t.Log(err)
	}
}

// signIn goes through the sign-in page.
func (b *browser) signIn(base, login, password string) {
	b.t.Helper()
	b.do("opening the sign-in page", chromedp.Navigate(base+"login"))
	b.do("signing in", chromedp.SendKeys(chromedp.CSS("#login"), login), chromedp.SendKeys(chromedp.CSS("#password"), password))
	b.press(`form[action="/login"] button`)
	b.until("signed in", `location.pathname !== "/login" && document.readyState === "complete"`)
}

// Levels are the shares of tones in what the page plays, as an ear of the tests
// of call control. The listening goes on between two questions.
func (b *browser) Levels(hz ...float64) []float64 {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	heard, err := chromedp.Run(ctx, chromedp.Evaluate[[]int16](`(() => {
		const stream = document.getElementById("caller")?.srcObject;
		if (!stream) return [];
		if (window.__ear?.stream !== stream) {
			const audio = new AudioContext({ sampleRate: 8000 }), analyser = audio.createAnalyser();
			analyser.fftSize = 4096; // half a second
			audio.createMediaStreamSource(stream).connect(analyser);
			void audio.resume();
			window.__ear = { stream, analyser };
		}
		const samples = new Float32Array(4096);
		window.__ear.analyser.getFloatTimeDomainData(samples);
		return Array.from(samples, (s) => Math.max(-32768, Math.min(32767, Math.round(s * 32767))));
	})()`))
	out := make([]float64, len(hz))
	if err != nil { // between two pages
		return out
	}
	for i, f := range hz {
		out[i] = audio.ToneLevel(heard, f)
	}
	return out
}

// hears is the frequency of the loudest sound that the page plays from the
// caller, within the resolution of the analysis (about 6 Hz).
func (b *browser) hears() float64 {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	hz, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`(async () => {
		const stream = document.getElementById("caller").srcObject;
		if (!stream) return 0;
		const audio = new AudioContext();
		await audio.resume();
		const analyser = audio.createAnalyser();
		analyser.fftSize = 8192;
		audio.createMediaStreamSource(stream).connect(analyser);
		await new Promise(done => setTimeout(done, 700));
		const level = new Float32Array(analyser.frequencyBinCount);
		analyser.getFloatFrequencyData(level);
		const best = level.indexOf(Math.max(...level));
		const hz = level[best] > -60 ? best * audio.sampleRate / analyser.fftSize : 0;
		await audio.close();
		return hz;
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("listening in the browser: %v", err)
	}
	return hz
}

// waitHears waits until the page plays a tone of hz.
func (b *browser) waitHears(hz float64) {
	b.t.Helper()
	heard := 0.0
	for deadline := time.Now().Add(browserPatience); time.Now().Before(deadline); {
		if heard = b.hears(); math.Abs(heard-hz) < 15 {
			return
		}
	}
	b.picture("failed")
	b.t.Fatalf("the browser hears %.0f Hz, want %.0f", heard, hz)
}
