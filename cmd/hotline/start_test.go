package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
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
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
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

// From an empty folder to a signed-in supervisor: the code of the console lets
// in, seven questions are asked, and the hotline runs at the same address.
func TestTheFirstStart(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out := &console{}
	ended := make(chan error, 1)
	dir := t.TempDir()
	go func() {
		ended <- (&startCommand{Dir: dir, Listen: "127.0.0.1:0", SIP: "127.0.0.1:0", Sound: "0"}).Run(ctx, streams{out: out, err: io.Discard})
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the program ended with: %v", err)
		}
	}()
	base := strings.TrimSuffix(out.find(t, `(https://[0-9.:]+/setup)`), "/setup")
	code := out.find(t, `Code: ([A-Z2-9]{4}-[A-Z2-9]{4})`)
	if picture := out.find(t, `(█▀+)`); picture == "" {
		t.Error("no picture for cameras")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Jar: jar, Transport: transport, Timeout: 20 * time.Second}
	send := func(path string, form url.Values) (status int, body string) {
		t.Helper()
		res, err := client.PostForm(base+path, form)
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
	if status, body := send("/setup/2", url.Values{"hotline": {"Stolen"}}); strings.Contains(body, "Stolen") || !strings.Contains(body, "code of eight letters") {
		t.Errorf("without the code: %d", status)
	}
	if status, _ := send("/setup/code", url.Values{"code": {"AAAA-AAAA"}}); status != http.StatusForbidden {
		t.Errorf("a wrong code: %d", status)
	}
	if status, _ := send("/setup/code", url.Values{"code": {code}}); status != http.StatusTooManyRequests {
		t.Errorf("the next try at once: %d", status)
	}
	var body string
	for limit := time.Now().Add(20 * time.Second); !strings.Contains(body, "Step 1 of 7") && time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		_, body = send("/setup/code", url.Values{"code": {strings.ToLower(code)}})
	}
	if status, body := send("/setup/7", url.Values{}); status != http.StatusOK || !strings.Contains(body, "Step 1 of 7") {
		t.Errorf("a page that is not due: %d", status)
	}
	for n, step := range []struct {
		wrong, right url.Values
		next         string
	}{
		{nil, url.Values{"language": {"en"}}, "Step 2 of 7"},
		{url.Values{"hotline": {" "}}, url.Values{"hotline": {"Línea <b>"}, "operation": {"Flood"}}, "Step 3 of 7"},
		{url.Values{"region": {"Mexico"}}, url.Values{"region": {"mx"}}, "Step 4 of 7"},
		{url.Values{}, url.Values{"languages": {"es", "en"}}, "Step 5 of 7"},
		{url.Values{"line": {"trunk"}, "numbers": {"100"}, "peer": {"everywhere"}}, url.Values{"line": {"none"}}, "Step 6 of 7"},
		{url.Values{"admin": {"Ana"}, "login": {"Ana María"}}, url.Values{"admin": {"Ana"}, "login": {"ana"}}, "Step 7 of 7"},
		{url.Values{"leader": {"Rosa"}, "phone": {"12"}}, url.Values{"leader": {"Rosa"}, "phone": {"55 1234 5678"}}, "The hotline is made"},
	} {
		path := "/setup/" + string(rune('1'+n))
		if step.wrong != nil {
			if status, body := send(path, step.wrong); status != http.StatusUnprocessableEntity || !strings.Contains(body, "There is a problem") {
				t.Errorf("%s with %v: %d", path, step.wrong, status)
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
	out.find(t, `(is ready)`)
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		res, err := client.PostForm(base+"/login", url.Values{"login": {"supervisor"}, "password": {password}})
		if err == nil {
			defer res.Body.Close()
			if res.Request.URL.Path != "/floor" {
				t.Errorf("signing in leads to %s", res.Request.URL)
			}
			break
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
	if _, body := send("/desk/try", nil); !strings.Contains(body, "/call?pass=") || !strings.Contains(body, `class="qr"`) {
		t.Error("the first call cannot be tried")
	}
	if res, err := client.Get(base + "/setup"); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("the questions are still asked: %v %v", res, err)
	} else {
		res.Body.Close()
	}
}
