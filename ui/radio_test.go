package ui

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/provisioning/door/doortest"
	"hotline/provisioning/radio"
)

// radioDoor leads to the owner of a radio as the image has it.
type radioDoor struct{ radio.Door }

func (d radioDoor) Look(ctx context.Context) (RadioState, error) { return stateOf(d.Door.Look(ctx)) }

func (d radioDoor) Set(ctx context.Context, name, password string, off bool) (RadioState, error) {
	return stateOf(d.Door.Set(ctx, radio.Settings{Name: name, Password: password, Off: off}))
}

func stateOf(s radio.State, err error) (RadioState, error) {
	return RadioState{There: s.There, On: s.On, Off: s.Off, Name: s.Name, Password: s.Password, Picture: s.Picture(), Trouble: s.Trouble}, err
}

// openRadio is a machine with one radio, and a program that says it makes a
// network with it.
func openRadio(t *testing.T) radioDoor {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "class/net/wlp2s0/phy80211"), 0o700); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "hostapd")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho wlp2s0: AP-ENABLED\ntrap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	o, err := radio.Open(radio.OwnerConfig{Dir: dir, Work: dir, Sys: dir, Program: program, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	door := radio.At(filepath.Join(dir, "door"))
	doortest.Serve(t, door.Path, o.Serve, func(ctx context.Context, _ *net.UnixListener) error { return o.Run(ctx) })
	return radioDoor{door}
}

// An administrator sees the Wi-Fi network of the machine, gives it another name
// and password, prints a sheet, and switches it; what is wrong is said in the
// language of the page and changes nothing; the log says who, and no password.
func TestTheNetworkOfTheMachineOnItsPage(t *testing.T) {
	script := newScript(t)
	door := openRadio(t)
	script.radio = door
	s := startSite(t, script, nil)
	client := s.as(t, admin)
	state := func(is string) string {
		t.Helper()
		for limit := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			got := s.get(t, client, "/admin/system")
			if strings.Contains(got.body, `data-radio-is="`+is+`"`) {
				return got.body
			}
			if time.Now().After(limit) {
				t.Fatalf("the network is not %s: %d", is, got.status)
			}
		}
	}
	first, err := door.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if body := state("on"); !strings.Contains(body, first.Name) || !strings.Contains(body, first.Password) {
		t.Error("the page does not tell name and password")
	}
	set := func(who *http.Client, name, password, do string) answer {
		return s.post(t, who, "/admin/system/radio", url.Values{"name": {name}, "password": {password}, "do": {do}})
	}
	spanish := s.as(t, admin)
	s.post(t, spanish, "/language", url.Values{"language": {"es"}})
	if got := set(spanish, "Camp North", "short", "save"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "la contraseña de la red wifi necesita de 10 a 63 letras") || !strings.Contains(got.body, "Camp North") {
		t.Errorf("a short password: %d", got.status)
	}
	if got := set(client, strings.Repeat("ñ", 17), "long enough", "save"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "needs 1 to 32 letters") {
		t.Errorf("a long name: %d", got.status)
	}
	if now, err := door.Look(t.Context()); err != nil || now.Name != first.Name || now.Password != first.Password {
		t.Errorf("what was refused has changed something: %v", err)
	}
	if got := set(client, "Camp North", "salt & pepper; 12", "save"); got.status != http.StatusSeeOther {
		t.Errorf("a good name: %d", got.status)
	}
	state("on")
	if got := s.get(t, client, "/admin/system/radio"); got.status != http.StatusOK || !strings.Contains(got.body, `class="qr"`) || !strings.Contains(got.body, "Camp North") || !strings.Contains(got.body, "salt &amp; pepper; 12") {
		t.Errorf("the sheet: %d", got.status)
	}
	if got := set(client, "", "", "off"); got.status != http.StatusSeeOther {
		t.Errorf("switching it off: %d", got.status)
	}
	if state("off"); s.get(t, client, "/admin/system/radio").status != http.StatusNotFound {
		t.Error("there is a sheet for a network that is off")
	}
	if got := set(client, "", "", "on"); got.status != http.StatusSeeOther || !strings.Contains(state("on"), "Camp North") {
		t.Errorf("switching it on: %d", got.status)
	}
	for _, kind := range []string{"radio.save", "radio.off", "radio.on"} {
		evs := s.noted(t, kind)
		if len(evs) != 1 || evs[0].By != s.ids[admin] || strings.Contains(fmt.Sprint(evs[0]), "salt") {
			t.Errorf("the log says %v of %s", evs, kind)
		}
	}
}

// A machine that is not the image says nothing of a network and makes none.
func TestAServerHasNoNetworkOfItsOwn(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	if got := s.get(t, client, "/admin/system"); got.status != http.StatusOK || strings.Contains(got.body, "data-radio") {
		t.Errorf("the page of the machine: %d", got.status)
	}
	if get, post := s.get(t, client, "/admin/system/radio"), s.post(t, client, "/admin/system/radio", url.Values{"do": {"on"}}); get.status != http.StatusNotFound || post.status != http.StatusNotFound {
		t.Errorf("a network all the same: %d, %d", get.status, post.status)
	}
}

// The page to which telephones are led says in their language where the pages
// are, also to a window that keeps no cookie, and fetches what it is made of
// anew each time.
func TestThePageThatPointsOn(t *testing.T) {
	addresses := []string{"https://hotline.local:8443", "https://192.0.2.1:8443"}
	page, err := NewPointer(PointerConfig{Addresses: func() []string { return addresses }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path, language string) string {
		t.Helper()
		return served(t, page, path, language)
	}
	for language, says := range map[string]string{"en-US,en": "It has no microphone", "es-MX,es;q=0.9": "No tiene micrófono", "ar": "ليس فيها ميكروفون", "sw": "It has no microphone"} {
		body := get("/", language)
		if !strings.Contains(body, says) || !strings.Contains(body, `href="https://hotline.local:8443"`) || !strings.Contains(body, `href="https://192.0.2.1:8443"`) {
			t.Errorf("%s: %s", language, body)
		}
	}
	if body := get("/?language=fr", "en"); !strings.Contains(body, "Elle n’a pas de microphone") {
		t.Errorf("another language was chosen: %s", body)
	}
	if one, two := sheetOf(get("/", "en")), sheetOf(get("/", "en")); one == "" || one == two {
		t.Errorf("a browser keeps what shows that somebody has the page before them: %q", one)
	} else if sheet := get(one, "en"); !strings.Contains(sheet, "{") {
		t.Errorf("it is not there: %.100s", sheet)
	}
	addresses = nil
	if body := get("/", "en"); !strings.Contains(body, "The hotline is starting") {
		t.Errorf("while it starts: %s", body)
	}
}

func served(t *testing.T, h http.Handler, path, language string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Language", language)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d", path, w.Code)
	}
	return w.Body.String()
}

// sheetOf is the address of the style sheet of a page.
func sheetOf(page string) string {
	_, after, _ := strings.Cut(page, `rel="stylesheet" href="`)
	address, _, _ := strings.Cut(after, `"`)
	return address
}
