package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/boxkey"
	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/appliance/trunk/phone"
	"hotline/appliance/webhooks"
	"hotline/provisioning"
	"hotline/ui/api"
	"hotline/volunteers/roster"
)

const servedConfig = "HOTLINE_TEST_SERVE" // configuration of the program that TestMain becomes

// served is "hotline serve" as a process of its own.
type served struct {
	cmd  *exec.Cmd
	text *console
}

func serve(t *testing.T, configPath string) *served {
	t.Helper()
	p := &served{cmd: exec.CommandContext(t.Context(), os.Args[0]), text: &console{}}
	p.cmd.Env = append(os.Environ(), servedConfig+"="+configPath)
	p.cmd.Stdout, p.cmd.Stderr = p.text, p.text
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (p *served) kill() {
	_ = p.cmd.Process.Kill() // it may be killed already
	_ = p.cmd.Wait()
}

// visitor is a browser without pages.
func visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second}
}

func fetch(t *testing.T, client *http.Client, address string, form url.Values) (status int, body string) {
	t.Helper()
	get := func() (*http.Response, error) { return client.Get(address) }
	if form != nil {
		get = func() (*http.Response, error) { return client.PostForm(address, form) }
	}
	res, err := get()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func dialLocked(t *testing.T, at netip.AddrPort, from string) *phone.Call {
	t.Helper()
	c, err := phone.Dial(t.Context(), phone.Config{From: from, To: "100", Server: at})
	if err != nil {
		t.Fatalf("a locked hotline does not take the call of %s: %v", from, err)
	}
	t.Cleanup(c.Hangup)
	return c
}

// leaveMessage calls, chooses English and the message, and speaks a tone.
func leaveMessage(t *testing.T, at netip.AddrPort, from string, hz float64) {
	t.Helper()
	b, c := &box{t: t}, dialLocked(t, at, from)
	b.press(c, time.Second, "1")
	b.press(c, time.Second, "2")
	b.speakAfterBeep(c, hz, 2500*time.Millisecond)
	b.ended(c)
}

// A hotline under a passphrase is started by a power cut at night. It takes
// calls and keeps what callers say, is killed, takes calls again, and gives all
// of it to the people who unlock it; and meanwhile nothing of it can be read.
func TestALockedHotlineTakesCallsAndKeepsThemSealed(t *testing.T) {
	t.Parallel()
	const phrase = "river lantern copper seven meadow"
	dir := t.TempDir()
	cfg := config.Default()
	cfg.Operation, cfg.Languages = "Flood", []string{"en", "es"}
	cfg.SIP.Listen, cfg.Web.Listen, cfg.Web.Sound = "127.0.0.1:0", "127.0.0.1:0", "0"
	made, err := provisioning.Setup(t.Context(), provisioning.Options{Dir: dir, Config: cfg, Log: slog.New(slog.DiscardHandler), Key: boxkey.Passphrase, KeyAt: phrase,
		People: []provisioning.Person{{Login: "coordinator", Name: "Chen", Role: roster.RoleCoordinator, Profile: "all"}}})
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, cfg.Data)
	told := tellSomebody(t, data, phrase)

	// The first start: one message to its end, and a call that the kill cuts.
	p := serve(t, made.ConfigPath)
	at := func(p *served) netip.AddrPort { return netip.MustParseAddrPort(p.text.find(t, `sip at ([0-9.:]+)`)) }
	p.text.find(t, `(is LOCKED)`)
	leaveMessage(t, at(p), "+12024561191", 440)
	dialLocked(t, at(p), "+12024561192")
	p.kill()

	// The second start, the page, and what cannot be read.
	p = serve(t, made.ConfigPath)
	p.text.find(t, `(is LOCKED)`)
	base := p.text.find(t, `Unlock it:\s+(https://\S+)/`)
	leaveMessage(t, at(p), "+12024561193", 1400)
	client := visitor(t)
	for path, want := range map[string]string{"/": "This hotline is locked", "/wall/abc": "This hotline is locked", "/worklist": "Calls are taken", "/healthz": "locked", "/api/v1/contacts": "locked"} {
		if status, body := fetch(t, client, base+path, nil); !strings.Contains(body, want) || (status == http.StatusOK) != (path == "/healthz") {
			t.Errorf("%s of a locked hotline: %d %s", path, status, body)
		}
	}
	if _, body := fetch(t, client, base+"/wall/abc", nil); strings.Contains(body, "<form") {
		t.Error("a screen on the wall asks for the passphrase")
	}
	nothingReadable(t, data, phrase)

	tried := time.Now()
	if status, _ := fetch(t, client, base+"/unlock", url.Values{"how": {"passphrase"}, "passphrase": {"river lantern copper seven meadows"}}); status != http.StatusForbidden {
		t.Errorf("a wrong passphrase: %d", status)
	}
	early := ""
	unlock := func() (int, string) {
		early = told() // before the records are opened nobody can know
		return fetch(t, client, base+"/unlock", url.Values{"how": {"passphrase"}, "passphrase": {phrase}})
	}
	status, body := unlock()
	if status != http.StatusTooManyRequests && time.Since(tried) < 2*time.Second {
		t.Errorf("the next try at once, even the right one: %d", status)
	}
	for limit := time.Now().Add(60 * time.Second); status == http.StatusTooManyRequests; time.Sleep(200 * time.Millisecond) {
		status, body = unlock()
		if time.Now().After(limit) {
			t.Fatal("the passphrase is not tried again")
		}
	}
	if !strings.Contains(body, "The hotline is unlocked") {
		t.Fatalf("the right passphrase: %d %s", status, body)
	}

	// It goes on as the hotline it is, and everybody who called is there.
	p.text.find(t, `(is ready)`)
	base = p.text.find(t, `Pages:\s+(https://\S+)/`)
	client = visitor(t)
	if _, body := fetch(t, client, base+"/login", url.Values{"login": {"coordinator"}, "password": {made.Credentials[0].Password}}); strings.Contains(body, `action="/login"`) {
		t.Fatal("nobody can sign in after unlocking")
	}
	_, list := fetch(t, client, base+"/worklist", nil)
	items := map[string]bool{}
	for _, found := range regexp.MustCompile(`href="/worklist/([0-9A-Z]{26})`).FindAllStringSubmatch(list, -1) {
		items[found[1]] = true
	}
	if len(items) != 3 {
		t.Errorf("%d items are in the worklist, 3 people called: %s", len(items), list)
	}
	if early != "" {
		t.Errorf("another system was told while the hotline was locked: %s", early)
	}
	(&box{t: t}).until("another system is told of the three calls", func() bool { return strings.Count(told(), `"contact.started"`) >= 3 })
	if strings.Contains(told(), "2024561") {
		t.Error("another system was told a number")
	}
	heard, interrupted := map[float64]string{}, ""
	for id := range items {
		_, page := fetch(t, client, base+"/worklist/"+id, nil)
		sound := regexp.MustCompile(`/worklist/[0-9A-Z]{26}/message/[0-9A-Z]{26}/\d+`).FindString(page)
		if sound == "" {
			interrupted += page
			continue
		}
		status, wav := fetch(t, client, base+sound, nil)
		clip, err := audio.ReadWAV(strings.NewReader(wav), 5*time.Minute)
		if err != nil || status != http.StatusOK {
			t.Errorf("the message is not sound: %d %v", status, err)
			continue
		}
		for _, hz := range []float64{440, 1400} {
			if with, loud := toneIn(clip.PCM(), hz, 0.6); loud > 0 && with > loud/2 {
				heard[hz] = page
			}
		}
	}
	if !strings.Contains(interrupted, "1192") || !strings.Contains(interrupted, "interrupted") {
		t.Errorf("the caller whom the kill cut off is not on the list for it: %s", interrupted)
	}
	for hz, number := range map[float64]string{440: "1191", 1400: "1193"} {
		if !strings.Contains(heard[hz], number) {
			t.Errorf("the message of %s is not with its caller", number)
		}
	}
	if left, err := os.ReadDir(filepath.Join(data, "inbox")); err != nil || len(left) > 0 {
		t.Errorf("what was written while it was locked still lies about: %v %v", left, err)
	}
	p.kill()
	nothingReadable(t, data, phrase)
}

// tellSomebody lets another system be told of calls, and returns all that it was
// told.
func tellSomebody(t *testing.T, data, phrase string) (told func() string) {
	t.Helper()
	var mu sync.Mutex
	var all strings.Builder
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if all.Write(body); err != nil {
			all.WriteString(err.Error())
		}
	}))
	t.Cleanup(other.Close)
	keys, err := boxkey.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.ByPassphrase(phrase)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenWith(data, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	hooks := webhooks.New(webhooks.Config{Store: s, Topics: api.Topics(), Log: slog.New(slog.DiscardHandler)})
	_, err = hooks.Add(t.Context(), webhooks.Hook{Name: "map", URL: other.URL, Topics: []string{"calls"}, Network: "127.0.0.1", By: "chen"})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

// nothingReadable fails the test when somebody who carries the machine away
// reads something: numbers, or the key of the box.
func nothingReadable(t *testing.T, data, phrase string) {
	t.Helper()
	keys, err := boxkey.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := keys.AtHand(); err == nil {
		t.Errorf("the key is at hand: %v", key != nil)
	}
	key, err := keys.ByPassphrase(phrase)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	if err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Base(path) == "reserve" {
			return err
		}
		raw, err := os.ReadFile(path)
		files++
		for what, secret := range map[string][]byte{"the key of the box": key, "a number": []byte("2024561"), "an age key": []byte("AGE-SECRET-KEY")} {
			if bytes.Contains(raw, secret) {
				t.Errorf("%s lies readable in %s", what, path)
			}
		}
		return err
	}); err != nil || files < 5 {
		t.Errorf("%d files were looked at, %v", files, err)
	}
	boxes, err := keys.Inboxes()
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range boxes {
		for name, with := range map[string][]byte{"another key": bytes.Repeat([]byte{7}, 32), "the key of the box": key} {
			// Under the lock of the program that runs, nobody opens it at all: so on a copy.
			copied := t.TempDir()
			raw, err := os.ReadFile(store.FilePath(in.Dir))
			if err == nil {
				err = os.WriteFile(store.FilePath(copied), raw, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if s, err := store.OpenWith(copied, with, slog.New(slog.DiscardHandler)); err == nil {
				t.Errorf("%s opens an inbox by itself", name)
				_ = s.Close()
			}
		}
	}
}

// runServed is the other side of serve: the test binary is the program.
func runServed(path string) error {
	if status := run(context.Background(), []string{"serve", "--config", path}, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}); status != 0 {
		return fmt.Errorf("it ended with %d", status)
	}
	return nil
}
