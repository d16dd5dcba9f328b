package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hotline/appliance/trunk"
	"hotline/volunteers/roster"
)

func TestAccountsAreManaged(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	form := url.Values{"login": {"Bea"}, "name": {"Beatriz"}, "role": {"agent"}, "profile": {"help"}, "languages": {"es, en"}, "phone": {"+1 202 456 1111"}, "password": {"short"}}
	if got := s.post(t, client, "/admin/accounts", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "at least") || !strings.Contains(got.body, `value="Beatriz"`) {
		t.Fatalf("short password: %d %s", got.status, got.body)
	}
	form.Set("password", "four words are good")
	if got := s.post(t, client, "/admin/accounts", form); got.header.Get("Location") != "/admin?done=added" {
		t.Fatalf("adding: %d %s", got.status, got.body)
	}
	if got := s.post(t, client, "/admin/accounts", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "signs in with this name already") {
		t.Errorf("the same name twice: %d", got.status)
	}
	bea := s.client(t)
	if got := s.post(t, bea, "/login", url.Values{"login": {"bea"}, "password": {"four words are good"}}); got.header.Get("Location") != "/desk" {
		t.Fatalf("the new account signs in: %d", got.status)
	}
	list, err := s.accounts.List()
	if err != nil {
		t.Fatal(err)
	}
	made := list[len(list)-1]
	if made.Phone != "+12024561111" || len(made.Languages) != 2 {
		t.Errorf("account %+v", made)
	}
	page := "/admin/accounts/" + made.ID
	for what, tc := range map[string]struct {
		form url.Values
		says string
	}{
		"easy PIN":   {url.Values{"do": {"pin"}, "pin": {"123456"}}, "too easy"},
		"bad number": {url.Values{"do": {"change"}, "name": {"B"}, "role": {"agent"}, "phone": {"12"}}, "country code"},
		"no role":    {url.Values{"do": {"change"}, "name": {"B"}, "role": {"king"}}, "Choose a role"},
		"no name":    {url.Values{"do": {"change"}, "name": {" "}, "role": {"agent"}}, "Enter the person"},
	} {
		if got := s.post(t, client, page, tc.form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, tc.says) {
			t.Errorf("%s: %d", what, got.status)
		}
	}
	if got := s.post(t, client, page, url.Values{"do": {"change"}, "name": {"Bea"}, "role": {"supervisor"}, "phone": {"+1 202 456 1111"}}); got.header.Get("Location") != page+"?done=change" {
		t.Fatalf("a new role: %d %s", got.status, got.body)
	}
	if got := s.get(t, bea, "/desk"); got.status == http.StatusOK {
		t.Error("still signed in with the old role")
	}
	if got := s.post(t, client, page, url.Values{"do": {"pin"}, "pin": {"482916"}}); got.header.Get("Location") != page+"?done=pin" {
		t.Errorf("PIN: %d %s", got.status, got.body)
	}
	if who, err := s.accounts.AuthenticatePhone(t.Context(), "+12024561111", "482916", roster.Mode); err != nil || who.Name != "Bea" {
		t.Errorf("the PIN line: %v %v", who.Name, err)
	}
	given := s.post(t, client, page, url.Values{"do": {"deskphone"}})
	_, shown, found := strings.Cut(given.body, `id="phone-password">`)
	secret, _, _ := strings.Cut(shown, "<")
	if given.status != http.StatusOK || !found || len(secret) < 16 || !strings.Contains(given.body, "192.0.2.1:5060") {
		t.Fatalf("a desk phone: %d %s", given.status, given.body)
	}
	if proof, ok := s.accounts.Proof("2001"); !ok || proof != trunk.PhoneProof("2001", secret) {
		t.Error("the password that was shown does not register")
	}
	if got := s.get(t, client, page); strings.Contains(got.body, secret) || !strings.Contains(got.body, "2001") {
		t.Error("the password is shown again, or the user name is not")
	}
	if got := s.post(t, client, page, url.Values{"do": {"deskphone.drop"}}); got.header.Get("Location") != page+"?done=deskphone.drop" {
		t.Errorf("taking the desk phone away: %d", got.status)
	}
	if _, ok := s.accounts.Proof("2001"); ok {
		t.Error("a desk phone that was taken away registers")
	}
	own := "/admin/accounts/" + s.ids[admin]
	if got := s.post(t, client, own, url.Values{"do": {"password"}, "password": {"another four words here"}}); got.header.Get("Location") != own+"?done=password" {
		t.Fatalf("own password: %d", got.status)
	}
	if got := s.get(t, client, own); got.status != http.StatusOK {
		t.Error("who sets the own password is thrown out")
	}
}

// Whoever keeps the box proves the log on its page, with a mark from elsewhere.
func TestTheLogIsProvedOnItsPage(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	got := s.post(t, client, "/admin/log", url.Values{})
	_, mark, _ := strings.Cut(got.body, `class="break">`)
	mark, _, _ = strings.Cut(mark, "<")
	if !strings.Contains(got.body, "The log is whole") || len(mark) < 64 {
		t.Fatalf("%d, mark %q", got.status, mark)
	}
	for given, says := range map[string]string{mark: "The log is whole", "9" + mark: "The log was changed", "nonsense": "This is no mark"} {
		if got := s.post(t, client, "/admin/log", url.Values{"mark": {given}}); !strings.Contains(got.body, says) {
			t.Errorf("mark %q: %d, does not say %q", given, got.status, says)
		}
	}
}
