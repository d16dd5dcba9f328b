package ui

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// A supervisor sets up the second step and signs in with it; an administrator
// demands it of all who lead, and takes it away from who has lost the telephone.
func TestTheSecondStepAtSignIn(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	typed := regexp.MustCompile(`<code dir="ltr">([A-Z2-7]{32})</code>`)
	confirmed := "" // the code that confirmed the last key: the next half minute has another one
	setUp := func(who role) (client *http.Client) {
		t.Helper()
		client = s.as(t, who)
		fresh := s.post(t, client, "/second", url.Values{"do": {"new"}})
		found := typed.FindStringSubmatch(fresh.body)
		if found == nil {
			t.Fatalf("no key is shown: %s", fresh.body)
		}
		sees(t, fresh, []string{`class="qr"`, "is shown only once"})
		code := func() string {
			c, err := totp.GenerateCode(found[1], time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		sees(t, s.post(t, client, "/second", url.Values{"do": {"confirm"}, "code": {"000000"}}), []string{"This code does not count"}, found[1])
		confirmed = code()
		if got := s.post(t, client, "/second", url.Values{"do": {"confirm"}, "code": {confirmed}}); got.header.Get("Location") != "/second?done=confirm" {
			t.Fatalf("the right code: %d %s", got.status, got.body)
		}
		return client
	}
	rosa := setUp(supervisor)
	sees(t, s.get(t, rosa, "/second?done=confirm"), []string{"It is switched on", "The second step is switched on."})
	sheet := s.post(t, rosa, "/second", url.Values{"do": {"paper"}})
	paper := regexp.MustCompile(`\b(03) ?(\d{3}) ?(\d{3})\b`).FindStringSubmatch(sheet.body)
	if paper == nil {
		t.Fatalf("no paper codes: %s", sheet.body)
	}

	again := s.client(t)
	first := s.post(t, again, "/login", url.Values{"login": {"supervisor"}, "password": {secret}})
	if first.header.Get("Location") != "/login/second" {
		t.Fatalf("the password alone: %d to %q", first.status, first.header.Get("Location"))
	}
	if got := s.get(t, again, "/floor"); got.header.Get("Location") != "/login" {
		t.Errorf("between the steps the floor answers %d to %q", got.status, got.header.Get("Location"))
	}
	sees(t, s.get(t, again, "/login/second"), []string{"Enter the code", time.Now().UTC().Format("15:")})
	sees(t, s.post(t, again, "/login/second", url.Values{"code": {confirmed}}), []string{"used already"})
	if got := s.post(t, again, "/login/second", url.Values{"code": {paper[1] + paper[2] + " " + paper[3]}}); got.header.Get("Location") != "/floor" {
		t.Fatalf("a code of the sheet: %d %s", got.status, got.body)
	}
	if got := s.get(t, again, "/floor"); got.status != http.StatusOK {
		t.Errorf("the floor answers %d", got.status)
	}
	if got := s.get(t, s.client(t), "/login/second"); got.header.Get("Location") != "/login?late" {
		t.Errorf("the second step without the first: %d", got.status)
	}

	lead := s.as(t, coordinator)
	if got := s.post(t, lead, "/second", url.Values{"do": {"need"}}); got.status != http.StatusForbidden {
		t.Errorf("a coordinator demands it of others: %d", got.status)
	}
	sees(t, s.post(t, s.as(t, admin), "/second", url.Values{"do": {"need"}}), []string{"set up your own second step first"})
	boss := setUp(admin)
	if got := s.post(t, boss, "/second", url.Values{"do": {"need"}}); got.header.Get("Location") != "/second?done=need" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.get(t, lead, "/records"); got.header.Get("Location") != "/second" {
		t.Errorf("who has no second step yet gets %d to %q", got.status, got.header.Get("Location"))
	}
	if got := s.post(t, lead, "/records/match", nil); got.status != http.StatusForbidden {
		t.Errorf("and may post: %d", got.status)
	}
	sees(t, s.get(t, lead, "/second"), []string{"Set it up now"})
	if got := s.get(t, s.as(t, agent), "/desk"); got.status != http.StatusOK {
		t.Errorf("a phone volunteer gets %d", got.status)
	}
	if got := s.post(t, boss, "/second", url.Values{"do": {"free"}}); got.status != http.StatusSeeOther {
		t.Errorf("%d", got.status)
	}

	id := s.ids[supervisor]
	if got := s.post(t, boss, "/admin/accounts/"+id, url.Values{"do": {"second.drop"}}); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.body)
	}
	sees(t, s.get(t, boss, "/admin/accounts/"+id+"?done=second.drop"), []string{"The password alone signs in"})
	s.as(t, supervisor)
	sees(t, s.get(t, boss, "/admin/log?all"), []string{"Second step set up", "Second step taken away", "Wrong code at the second step"})
}
