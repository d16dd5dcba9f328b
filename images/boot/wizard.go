//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// made is what the last page tells, once.
type made struct {
	password string // of the supervisor, who answers calls
	admin    string // of the administrator
	recovery string
}

// wizard answers the questions of the first start as somebody would who reads
// the machine's screen, which is the only thing that tells where and by what.
func wizard(ctx context.Context, m *machine, patience time.Duration) (all made, err error) {
	code, err := m.reads(ctx, `Code / C.+digo: +([A-Z2-9]{4}-[A-Z2-9]{4})`, patience)
	if err != nil {
		return all, err
	}
	base, err := m.reads(ctx, `(https://`+regexp.QuoteMeta(guest)+`:8443)/setup`, patience)
	if err != nil {
		return all, err
	}
	c := client()
	if err := until(ctx, patience, "the first page does not come", func() bool {
		res, err := c.Get(base + "/setup")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}); err != nil {
		return all, err
	}
	fmt.Printf("  the screen tells address and code, and the first page comes after %s\n", time.Since(m.started).Round(time.Second))
	begun := time.Now()
	page := ""
	for _, step := range []struct {
		path string
		form url.Values
		next string
	}{
		{"/setup/code", url.Values{"code": {code}}, "Step 1 of 7"},
		{"/setup/1", url.Values{"language": {"en"}}, "Step 2 of 7"},
		{"/setup/2", url.Values{"hotline": {"Trial"}, "operation": {operation}, "region": {"US"}, "zone": {"UTC"}}, "Step 3 of 7"},
		{"/setup/3", url.Values{"admin": {"Ana"}, "login": {"ana"}}, "Step 4 of 7"},
		{"/setup/4", url.Values{"line": {"trunk"}, "numbers": {number}, "peer": {host}}, "Step 5 of 7"},
		{"/setup/5", url.Values{"languages": {"en", "es"}, "greeting": {"shipped"}, "greeting-language": {"en"}}, "Step 6 of 7"},
		{"/setup/6", url.Values{"kind": {"file"}}, "data-recovery"},
	} {
		if page, err = send(ctx, c, base, step.path, step.form); err != nil {
			return all, err
		}
		if !strings.Contains(page, step.next) {
			return all, fmt.Errorf("after the answers of %s the page does not say %q: %s", step.path, step.next, tail(page))
		}
	}
	all.password = between(page, `data-password="supervisor">([^<]+)<`)
	all.admin = between(page, `data-password="admin">([^<]+)<`)
	all.recovery = between(page, `data-recovery>([^<]+)<`)
	if all.password == "" || all.admin == "" || all.recovery == "" {
		return all, errors.New("the last page tells no password or no recovery key")
	}
	if _, err := m.reads(ctx, `(THE HOTLINE IS ON)`, patience); err != nil {
		return all, err
	}
	fmt.Printf("  six pages of questions, %s from the code to a hotline that runs (answered without thinking)\n", time.Since(begun).Round(time.Second))
	return all, nil
}

func between(page, pattern string) string {
	found := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

// send sends a form as the page itself would, and returns the page that comes.
func send(ctx context.Context, c *http.Client, base, path string, form url.Values) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", base)
	res, err := c.Do(request)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, tail(string(page)))
	}
	return string(page), err
}

// signIn is somebody's browser after signing in.
func signIn(ctx context.Context, login, password string) (*http.Client, error) {
	c := client()
	page, err := send(ctx, c, pages, "/login", url.Values{"login": {login}, "password": {password}})
	if err == nil && strings.Contains(page, `action="/login"`) {
		err = fmt.Errorf("%s cannot sign in with the password that the last page told", login)
	}
	return c, err
}
