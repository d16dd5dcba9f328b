package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"golang.org/x/sys/unix"

	"hotline/appliance/backup"
	"hotline/appliance/config"
	"hotline/provisioning"
)

// console is what the program writes while it runs.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

// find waits for a piece of it.
func (c *console) find(t *testing.T, pattern string) string {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		c.mu.Lock()
		found := regexp.MustCompile(pattern).FindStringSubmatch(c.text.String())
		c.mu.Unlock()
		if found != nil {
			return found[1]
		}
	}
	t.Fatalf("the console never shows %s:\n%s", pattern, c.text.String())
	return ""
}

// shown is what stands there now: everything since it was cleared last.
func (c *console) shown() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := c.text.String()
	return text[strings.LastIndex(text, clearScreen)+1:]
}

// screen is a terminal (pty(7)), of which everything goes into seen.
func screen(t *testing.T, seen io.Writer) string {
	t.Helper()
	main, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(main.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(main.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("/dev/pts/%d", n)
	plugged, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0) // a terminal that nobody has open reads as gone
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(seen, main) // ends when both are closed
	}()
	t.Cleanup(func() {
		_ = plugged.Close()
		<-read
		_ = main.Close()
	})
	return name
}

// begun is a first start in an empty folder, and somebody who has its code.
type begun struct {
	t      *testing.T
	dir    string
	base   string
	code   string
	out    *console
	client *http.Client
	end    func()
}

func begin(t *testing.T, screens ...string) *begun {
	t.Helper()
	return beginOn(t, &console{}, screens...)
}

// beginOn is begin where out is what can be read.
func beginOn(t *testing.T, out *console, screens ...string) *begun {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	b := &begun{t: t, dir: t.TempDir(), out: out}
	stick := ""
	ended := make(chan error, 1)
	said := io.Writer(b.out)
	if len(screens) > 0 {
		said = io.Discard // as the image does: a log keeps what is read in it
		stick = t.TempDir()
		if err := os.WriteFile(filepath.Join(stick, config.FileName), []byte("name: From the stick\nsip:\n  help_numbers: [\"100\", \"101\"]\n  peers: [192.0.2.1, 198.51.100.0/24]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		ended <- (&startCommand{Dir: b.dir, Listen: "127.0.0.1:0", SIP: "127.0.0.1:0", Sound: "0", Screen: screens, Stick: stick}).Run(ctx, streams{out: said, err: io.Discard})
	}()
	b.end = sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the program ended with: %v", err)
		}
	})
	t.Cleanup(b.end)
	b.base = strings.TrimSuffix(b.out.find(t, `(https://[0-9.:]+/setup)`), "/setup")
	b.code = b.out.find(t, `Code(?: / Código)?: +([A-Z2-9]{4}-[A-Z2-9]{4})`)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	b.client = &http.Client{Jar: jar, Transport: transport, Timeout: patience}
	return b
}

func (b *begun) send(path string, form url.Values) (status int, body string) {
	b.t.Helper()
	res, err := b.client.PostForm(b.base+path, form)
	return b.read(res, err)
}

func (b *begun) read(res *http.Response, err error) (status int, body string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// signsIn waits until the hotline answers in the place of the questions.
func (b *begun) signsIn(login, password string) {
	b.t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		res, err := b.client.PostForm(b.base+"/login", url.Values{"login": {login}, "password": {password}})
		if err == nil {
			res.Body.Close()
			if res.Request.URL.Path == "/floor" {
				return
			}
		}
		if time.Now().After(limit) {
			b.t.Fatalf("signing in: %v %v", res, err)
		}
	}
}

// The code of the console lets in, and nothing else; what is wrong is said, and
// nobody comes to a question before the one that is due.
func TestTheFirstStart(t *testing.T) {
	t.Parallel()
	b := begin(t)
	if picture := b.out.find(t, `(█▀+)`); picture == "" {
		t.Error("no picture for cameras")
	}
	send := b.send
	for _, path := range []string{"/setup/2", "/setup/greeting", "/setup/restore", "/setup/restore/use"} {
		if status, body := send(path, url.Values{"hotline": {"Stolen"}}); strings.Contains(body, "Stolen") || !strings.Contains(body, "code of eight letters") {
			t.Errorf("%s without the code: %d", path, status)
		}
	}
	tried := time.Now()
	if status, _ := send("/setup/code", url.Values{"code": {"AAAA-AAAA"}}); status != http.StatusForbidden {
		t.Errorf("a wrong code: %d", status)
	}
	if status, _ := send("/setup/code", url.Values{"code": {b.code}}); status != http.StatusTooManyRequests && time.Since(tried) < time.Second {
		t.Errorf("the next try at once: %d", status)
	}
	b.enter()
	if status, body := send("/setup/6", url.Values{}); status != http.StatusOK || !strings.Contains(body, "Step 1 of 7") {
		t.Errorf("a page that is not due: %d", status)
	}
	place := url.Values{"hotline": {"Línea <b>"}, "operation": {"Flood"}, "region": {"mx"}, "zone": {"America/Mexico_City"}}
	with := func(name, value string) url.Values {
		changed := maps.Clone(place)
		changed[name] = []string{value}
		return changed
	}
	var body string
	for n, step := range []struct {
		wrong []url.Values
		right url.Values
		next  string
	}{
		{nil, url.Values{"language": {"en"}}, "Step 2 of 7"},
		{[]url.Values{with("hotline", " "), with("region", "Mexico"), with("zone", "Mars/Base")}, place, "Step 3 of 7"},
		{[]url.Values{{"admin": {"Ana"}, "login": {"Ana María"}}, {"admin": {"Ana"}, "login": {"ana"}, "phone": {"12"}}}, url.Values{"admin": {"Ana"}, "login": {"ana"}, "phone": {"55 1234 5678"}}, "Step 4 of 7"},
		{[]url.Values{{"line": {"trunk"}, "numbers": {"100"}, "peer": {"everywhere"}}}, url.Values{"line": {"none"}}, "Step 5 of 7"},
		{[]url.Values{{}, {"languages": {"es"}, "greeting": {"text"}, "greeting-language": {"en"}, "text": {"Hello from Ana"}}},
			url.Values{"languages": {"es", "en"}, "greeting": {"text"}, "greeting-language": {"en"}, "text": {"Hello from the flood line"}}, "Step 6 of 7"},
		{[]url.Values{{"kind": {"passphrase"}, "passphrase": {"short"}, "again": {"short"}}, {"kind": {"stick"}, "place": {"here"}}}, url.Values{"kind": {"file"}}, "The hotline is made"},
	} {
		path := "/setup/" + strconv.Itoa(n+1)
		for _, wrong := range step.wrong {
			if status, body := send(path, wrong); status != http.StatusUnprocessableEntity || !strings.Contains(body, "There is a problem") {
				t.Errorf("%s with %v: %d", path, wrong, status)
			}
		}
		var status int
		if status, body = send(path, step.right); status != http.StatusOK || !strings.Contains(body, step.next) {
			t.Fatalf("%s: %d %s", path, status, body)
		}
	}
	if strings.Contains(body, "<b>Línea") || !strings.Contains(body, "+525512345678") {
		t.Errorf("the last page: %s", body)
	}
	password := regexp.MustCompile(`data-password="supervisor">([^<]+)<`).FindStringSubmatch(body)[1]
	recovery := regexp.MustCompile(`data-recovery>([^<]+)<`).FindStringSubmatch(body)[1]
	b.out.find(t, `(is ready)`)
	b.signsIn("supervisor", password)
	if _, body := send("/desk/try", nil); !strings.Contains(body, "/call?pass=") || !strings.Contains(body, `class="qr"`) {
		t.Error("the first call cannot be tried")
	}
	if _, body := b.read(b.client.Get(b.base + "/prompts/en/hello")); !strings.Contains(body, "Hello from the flood line") {
		t.Error("the own greeting is not among the prompts")
	}
	print := b.out.find(t, `Certificate authority: ([0-9A-F ]+)`)
	if _, body := b.read(b.client.Get(b.base + "/trust")); !strings.Contains(body, print) || !strings.Contains(body, "data-spoken") {
		t.Errorf("the help with the warning does not show what the console shows: %s", print)
	}
	_, root := b.read(b.client.Get(b.base + "/trust/authority.crt"))
	believed := x509.NewCertPool()
	if !believed.AppendCertsFromPEM([]byte(root)) {
		t.Fatalf("the authority that people install: %s", root)
	}
	installed := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: believed}, DisableKeepAlives: true}, Timeout: patience}
	if status, _ := b.read(installed.Get(b.base + "/healthz")); status != http.StatusOK {
		t.Errorf("who has installed the authority is answered with %d", status)
	}
	if status, _ := b.read(b.client.Get(b.base + "/setup")); status != http.StatusNotFound {
		t.Errorf("the questions are still asked: %d", status)
	}
	b.end()

	// That machine is lost. Its backup and the printed key make another one.
	stick := filepath.Join(t.TempDir(), "stick")
	if err := os.Mkdir(stick, 0o700); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := hotlineCommand(t.Context(), "backup", "--config", filepath.Join(b.dir, config.FileName), "--to", stick); status != 0 {
		t.Fatalf("the backup: %s", errs)
	}
	seen := &console{}
	other := beginOn(t, seen, screen(t, seen))
	if picture := seen.find(t, `(█▀+)`); picture == "" {
		t.Error("no picture for cameras on the machine's own screen")
	}
	other.enter()
	if _, body := other.send("/setup/1", url.Values{"language": {"en"}}); !strings.Contains(body, "From the stick") {
		t.Error("the questions do not begin with what the stick says")
	}
	if body := other.restore(stick, "AGE-SECRET-KEY-1NONSENSE", false); !strings.Contains(body, "This is not a recovery key") && !strings.Contains(body, "this is not a recovery key") {
		t.Errorf("a key that is none: %s", body)
	}
	strange, _, err := backup.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if body := other.restore(stick, strange, false); !strings.Contains(body, "does not open the backup") {
		t.Errorf("another hotline's key: %s", body)
	}
	for _, upload := range []bool{false, true} {
		body := other.restore(stick, recovery, upload)
		if !strings.Contains(body, `data-restore="found"`) || !strings.Contains(body, "Línea &lt;b&gt;") || !strings.Contains(body, "What is missing") {
			t.Fatalf("the backup is not told (sent by the browser: %v): %s", upload, body)
		}
	}
	if status, body := other.send("/setup/restore/use", nil); status != http.StatusOK || !strings.Contains(body, "The hotline is back") {
		t.Fatalf("putting it back: %d %s", status, body)
	}
	other.out.find(t, `(THE HOTLINE IS ON)`)
	other.signsIn("supervisor", password)
	if shown := seen.shown(); !strings.Contains(shown, "Línea <b>") || !strings.Contains(shown, other.base) || strings.Contains(shown, other.code) || strings.Contains(shown, "/setup") {
		t.Errorf("the machine's own screen shows, when the hotline runs: %s", shown)
	}
	for _, left := range []string{incomingFolder, stagedFolder} {
		if _, err := os.Stat(filepath.Join(other.dir, left)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind: %v", left, err)
		}
	}
}

// enter gives the code of the console, as soon as another try is allowed.
func (b *begun) enter() {
	b.t.Helper()
	var body string
	for limit := time.Now().Add(patience); !strings.Contains(body, "Step 1 of 7"); time.Sleep(100 * time.Millisecond) {
		if _, body = b.send("/setup/code", url.Values{"code": {strings.ToLower(b.code)}}); time.Now().After(limit) {
			b.t.Fatalf("the code does not let in: %s", body)
		}
	}
}

// restore names a backup, or sends it as a browser sends a folder, and waits for
// what is said of it.
func (b *begun) restore(from, key string, upload bool) (body string) {
	b.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	fields := map[string]string{"place": from, "key": key}
	if upload {
		fields["place"] = ""
	}
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			b.t.Fatal(err)
		}
	}
	if upload {
		if err := fs.WalkDir(os.DirFS(from), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			part, err := w.CreateFormFile("backup", filepath.Base(from)+"/"+path)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(filepath.Join(from, path))
			_, writeErr := part.Write(text)
			return errors.Join(err, writeErr)
		}); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	_, body = b.read(b.client.Post(b.base+"/setup/restore", w.FormDataContentType(), &form))
	for limit := time.Now().Add(60 * time.Second); strings.Contains(body, `data-restore="reading"`); time.Sleep(50 * time.Millisecond) {
		if _, body = b.read(b.client.Get(b.base + "/setup/restore")); time.Now().After(limit) {
			b.t.Fatalf("the backup is read for ever: %s", body)
		}
	}
	return body
}

// From the first page to the first answered call, in Arabic and by the keyboard
// alone; how many steps it takes and how long is printed (Y1).
func TestFromTheFirstPageToTheFirstCall(t *testing.T) {
	t.Parallel()
	b := begin(t)
	certs, err := provisioning.OpenCertificates(provisioning.CertificateDir(filepath.Join(b.dir, "data")), nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	page, phone := openBrowser(t, certs, agentHz), openBrowser(t, certs, callerHz)
	began, presses := time.Now(), 0
	at := func(where string) {
		t.Helper()
		page.until("the page "+where+" is there", `location.pathname === "`+where+`" && document.readyState === "complete"`)
	}
	// tab walks to an element as somebody without a mouse does.
	tab := func(selector string) {
		t.Helper()
		for range 60 {
			page.do("going on by the keyboard", chromedp.KeyEvent(kb.Tab))
			if on, err := chromedp.Run(page.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`!!document.activeElement?.matches(%q)`, selector))); err != nil {
				t.Fatal(err)
			} else if on {
				return
			}
		}
		t.Fatalf("%s is not reached by the keyboard at %s", selector, page.text("body"))
	}
	enter := func(selector string) {
		t.Helper()
		tab(selector)
		presses++
		page.do("pressing "+selector, chromedp.KeyEvent(kb.Enter))
	}
	page.do("opening the first page", chromedp.Navigate(b.base+"/"))
	at("/setup")
	tab("#code")
	page.do("typing the code", chromedp.KeyEvent(b.code+kb.Enter))
	presses++
	at("/setup/1")
	tab("#language")
	page.do("choosing Arabic", chromedp.KeyEvent("ا"))
	page.until("Arabic is chosen", `document.getElementById("language").value === "ar"`)
	enter(`form[action="/setup/1"] button.main`)
	for step := 2; step <= 6; step++ {
		at(fmt.Sprintf("/setup/%d", step))
		page.until("the page is Arabic", `document.documentElement.dir === "rtl"`)
		if step == 3 { // Enter in a field goes on, too
			tab("#phone")
			presses++
			page.do("going on", chromedp.KeyEvent(kb.Enter))
			continue
		}
		enter(fmt.Sprintf(`form[action="/setup/%d"] button.main`, step))
	}
	page.until("the passwords are told", `!!document.querySelector("[data-password=supervisor]")`)
	page.until("the hotline runs", visible(`[data-begin]`))
	if page.text("[data-recovery]") == "" {
		t.Error("no recovery key is told")
	}
	enter("[data-begin] button")
	at("/desk/try")
	enter(`form[action="/desk/try"] button`)
	page.until("the picture is there", `!!document.querySelector(".qr") && !!document.getElementById("try-link")`)
	link, err := chromedp.Run(page.ctx, chromedp.Evaluate[string](`document.getElementById("try-link").href`))
	if err != nil {
		t.Fatal(err)
	}
	page.do("opening the desk", chromedp.Navigate(b.base+"/desk?plain-audio=1"))
	enter(`[data-card="off"] [data-do="ready"]`)
	page.until("Ready", `document.body.dataset.state === "ready"`)

	phone.do("scanning the picture", chromedp.Navigate(link+"&plain-audio"))
	phone.press(`[data-do="call"]`)
	presses += 2
	phone.until("the call is up", `document.querySelector('[data-part="call-words"]').textContent.trim() !== "" && !document.querySelector("[data-digit]").closest("[hidden]")`)
	for range 3 { // Arabic is the first language; then help, then on
		if shown, err := chromedp.Run(page.ctx, chromedp.Evaluate[bool](visible(`[data-card="offer"]`))); err == nil && shown {
			break
		}
		phone.do("listening to the voice", chromedp.Sleep(1500*time.Millisecond))
		phone.press(`[data-digit="1"]`)
		presses++
	}
	page.until("the call rings", visible(`[data-card="offer"]`))
	enter(`[data-do="accept"]`)
	page.until("the call is answered", visible(`[data-card="oncall"]`))
	page.waitHears(callerHz)
	phone.waitHears(agentHz)
	t.Logf("from the first page to the first answered call, in Arabic, by the keyboard: %d presses, %.0f seconds (of a machine that types at once)", presses, time.Since(began).Seconds())
	phone.press(`[data-do="end"]`)
	page.until("the call is over", visible(`[data-card="wrap"]`))
}
