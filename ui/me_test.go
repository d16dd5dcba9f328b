package ui

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"hotline/appliance/call"
	"hotline/appliance/trunk"
	"hotline/volunteers/roster"
)

// People change what is their own, and an open laptop is not enough for it.
func TestTheOwnAccount(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	here, there, id := s.as(t, supervisor), s.as(t, supervisor), s.ids[supervisor]
	account, err := s.accounts.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	account.Phone = "+12024561111"
	if err := s.accounts.Change(t.Context(), account, ""); err != nil {
		t.Fatal(err)
	}
	sees(t, s.get(t, here, "/me"), []string{"+12024561111", "An administrator changes your name", `href="/second"`, "Present password"}, "Desk phone", "needs a telephone")
	sees(t, s.get(t, s.as(t, admin), "/me"), []string{"needs a telephone"})
	sees(t, s.get(t, s.as(t, agent), "/me"), []string{"Own telephone"}, `href="/second"`)

	const fresh = "purple ladder sings tonight"
	form := func(do, present, word string) url.Values {
		return url.Values{"do": {do}, "present": {present}, do: {word}, "again": {word}}
	}
	signsIn := func(password string) bool {
		t.Helper()
		_, err := s.accounts.Authenticate(t.Context(), account.Login, password)
		return err == nil
	}
	inside := func(client *http.Client) bool { return s.get(t, client, "/floor").status == http.StatusOK }

	// What is refused changes nothing.
	slip := form("password", secret, fresh)
	slip.Set("again", "purple ladder sings today")
	for want, form := range map[string]url.Values{"are not the same": slip, "The present password or PIN is wrong": form("password", "not this one", fresh), "at least 12": form("password", secret, "short"), "too easy": form("pin", secret, "123456")} {
		if got := s.post(t, here, "/me", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, want) || strings.Contains(got.body, fresh) {
			t.Errorf("%s: %d %s", want, got.status, got.body)
		}
	}
	if !signsIn(secret) || signsIn(fresh) || !inside(here) || !inside(there) {
		t.Error("a refused change changed something")
	}
	if wrong := s.noted(t, roster.EventProofWrong); len(wrong) != 1 || wrong[0].Agent != id {
		t.Errorf("noted: %v", wrong)
	}

	if got := s.post(t, here, "/me", form("password", secret, fresh)); got.header.Get("Location") != "/me?done=password" {
		t.Fatalf("a new password: %d %s", got.status, got.body)
	}
	sees(t, s.get(t, here, "/me?done=password"), []string{"counts from now"})
	if signsIn(secret) || !signsIn(fresh) {
		t.Error("the old password signs in, or the new one does not")
	}
	if !inside(here) || inside(there) {
		t.Errorf("this session goes on: %v; the other one: %v", inside(here), inside(there))
	}

	door := func(pin string) bool {
		t.Helper()
		_, err := s.accounts.AuthenticatePhone(t.Context(), call.Number(account.Phone), pin, roster.Mode)
		return err == nil
	}
	if got := s.post(t, here, "/me", form("pin", fresh, "482916")); got.header.Get("Location") != "/me?done=pin" {
		t.Fatalf("the first PIN: %d %s", got.status, got.body)
	}
	if !door("482916") {
		t.Fatal("the first PIN does not work by telephone")
	}
	if got := s.post(t, here, "/me", form("pin", "482916", "739105")); got.header.Get("Location") != "/me?done=pin" { // the present PIN is enough
		t.Fatalf("the next PIN: %d %s", got.status, got.body)
	}
	if !door("739105") || door("482916") {
		t.Error("the new PIN does not work by telephone, or the old one does")
	}
	if got := s.post(t, here, "/me", form("password", "739105", secret)); got.status != http.StatusUnprocessableEntity || !signsIn(fresh) {
		t.Errorf("a PIN changes the password: %d", got.status)
	}

	// The desk phone: only who has one, and its password is shown once.
	if got := s.post(t, here, "/me", form("deskphone", fresh, "")); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "no desk phone") {
		t.Errorf("a desk phone for who has none: %d", got.status)
	}
	extension, old, err := s.accounts.NewDeskPhone(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	registers := func(password string) bool {
		proof, ok := s.accounts.Proof(extension)
		return ok && proof == trunk.PhoneProof(extension, password)
	}
	if got := s.post(t, here, "/me", form("deskphone", "not this one", "")); got.status != http.StatusUnprocessableEntity || !registers(old) {
		t.Errorf("an open laptop is enough for a new telephone: %d", got.status)
	}
	given := s.post(t, here, "/me", form("deskphone", fresh, ""))
	shown := regexp.MustCompile(`id="phone-password">([^<]{16,})<`).FindStringSubmatch(given.body)
	if shown == nil || !registers(shown[1]) || registers(old) {
		t.Fatalf("a new password of the desk phone: %d %s", given.status, given.body)
	}
	sees(t, s.get(t, here, "/me"), []string{extension, "192.0.2.1:5060"}, shown[1])

	// Guessing through an open session comes to an end, even for a right one.
	for range 10 {
		s.post(t, here, "/me", form("password", "guess guess guess", secret))
	}
	if got := s.post(t, here, "/me", form("password", fresh, secret)); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" || !signsIn(fresh) {
		t.Errorf("after many guesses: %d", got.status)
	}
	sees(t, s.get(t, s.as(t, admin), "/admin/log?all"), []string{"Wrong present password or PIN while signed in"})
}

// Who came by an invitation has a PIN in place of a password.
func TestTheOwnPINOfSomebodyWhoJoined(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	here, there := s.client(t), s.client(t)
	path, code := s.newInvite(t, s.as(t, supervisor))
	if got := s.post(t, here, "/join/new", url.Values{"invite": {code}, "name": {"Noura"}, "language": {"es"}, "pin": {"280461"}, "agrees": {"yes"}}); got.status != http.StatusSeeOther {
		t.Fatalf("joining by %s: %d", path, got.status)
	}
	list, err := s.accounts.List()
	if err != nil {
		t.Fatal(err)
	}
	login := list[len(list)-1].Login
	enters := func(client *http.Client, pin string) bool {
		return s.post(t, client, "/login", url.Values{"login": {login}, "password": {pin}}).header.Get("Location") == "/desk"
	}
	if !enters(there, "280461") {
		t.Fatal("the PIN does not sign in")
	}
	sees(t, s.get(t, here, "/me"), []string{"You sign in with your PIN", "Present PIN"}, "Present password", "needs a telephone")
	change := url.Values{"do": {"pin"}, "present": {"280462"}, "pin": {"739105"}, "again": {"739105"}}
	if got := s.post(t, here, "/me", change); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong present PIN: %d", got.status)
	}
	change.Set("present", "280461")
	if got := s.post(t, here, "/me", change); got.header.Get("Location") != "/me?done=pin" {
		t.Fatalf("a new PIN: %d %s", got.status, got.body)
	}
	if in, out := s.get(t, here, "/me"), s.get(t, there, "/me"); in.status != http.StatusOK || out.header.Get("Location") != "/login" {
		t.Errorf("this session: %d; the other one: %d", in.status, out.status)
	}
	if enters(s.client(t), "280461") || !enters(s.client(t), "739105") {
		t.Error("the old PIN signs in, or the new one does not")
	}
}

func TestTheChosenColoursAreOnEveryPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	for _, who := range []role{agent, supervisor, coordinator, admin} {
		client := s.as(t, who)
		if got := s.get(t, client, "/me"); strings.Contains(got.body, "data-theme") {
			t.Errorf("%s: colours that nobody chose", who)
		}
		pages := []string{"/me", "/handbook", "/nowhere", homeOf(who)}
		for _, group := range menu(who) {
			if !strings.Contains(s.get(t, client, group.paths[0]).body, `href="/me"`) {
				t.Errorf("%s: no way from %s to the own account", who, group.paths[0])
			}
			pages = append(pages, group.paths...)
		}
		for _, theme := range []string{"dark", "light"} {
			if got := s.post(t, client, "/me", url.Values{"do": {"theme"}, "theme": {theme}}); got.header.Get("Location") != "/me?done=theme" {
				t.Fatalf("%s chooses %s: %d", who, theme, got.status)
			}
			for _, path := range pages {
				if got := s.get(t, client, path); got.status != http.StatusSeeOther && !regexp.MustCompile(`<html [^>]*data-theme="`+theme+`"`).MatchString(got.body) {
					t.Errorf("%s: %s is not %s", who, path, theme)
				}
			}
		}
		s.post(t, client, "/me", url.Values{"do": {"theme"}, "theme": {`"><script>`}})
		sees(t, s.get(t, client, "/me"), []string{"My account"}, "data-theme")
		if got := s.post(t, client, "/language", url.Values{"language": {"es"}, "back": {"/me"}}); got.header.Get("Location") != "/me?done=language" {
			t.Errorf("%s: the language leads to %q", who, got.header.Get("Location"))
		}
		sees(t, s.get(t, client, "/me?done=language"), []string{"El idioma ha cambiado.", `lang="es"`})
	}
}

// Dark is dark, whether the device or the person chose it.
func TestBothWaysToDarkAreTheSame(t *testing.T) {
	sheet, err := os.ReadFile("web/app.css")
	if err != nil {
		t.Fatal(err)
	}
	tokens := func(selector string) string {
		_, rest, found := strings.Cut(string(sheet), selector+" {")
		block, _, closed := strings.Cut(rest, "}")
		if !found || !closed {
			t.Fatalf("%s is not in the style sheet", selector)
		}
		return strings.Join(strings.Fields(strings.Replace(block, "color-scheme: dark;", "", 1)), " ")
	}
	if device, person := tokens(`:root:not([data-theme="light"])`), tokens(`:root[data-theme="dark"]`); device != person || !strings.Contains(device, "--bg:") {
		t.Errorf("the device's: %s\nthe person's: %s", device, person)
	}
}
