package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"hotline/appliance/lines"
)

// What is typed is used or refused in words; a password is on no page again.
func TestTelephoneLinesAreSetUpOnThePages(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	line := url.Values{"kind": {"account"}, "name": {"carrier"}, "servers": {"sip.example.org, 192.0.2.9:5070"}, "user": {"hotline"}, "password": {"correct horse"}, "from": {"+1 202 555 0147"}, "max_calls": {"30"}}
	with := func(change url.Values) url.Values {
		out := url.Values{}
		for _, from := range []url.Values{line, change} {
			for name, values := range from {
				out[name] = values
			}
		}
		return out
	}
	for wrong, change := range map[string]url.Values{
		"The file hotline.yaml has a line gateway": {"name": {"gateway"}}, "Give the password": {"password": {""}}, "too wide": {"accepts": {"0.0.0.0/0"}}, "Say where the other side is": {"servers": {" "}},
		"is not a host or host:port": {"servers": {"http://there"}}, "carries from 1 to": {"max_calls": {"many"}}, "over TLS": {"encrypt": {"yes"}}, "That is no certificate": {"transport": {"tls"}, "certificate": {"x"}},
	} {
		got := s.post(t, client, "/admin/trunks/line", with(change))
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, wrong) {
			t.Errorf("%s: %d", wrong, got.status)
		}
		if strings.Contains(got.body, "correct horse") {
			t.Error("the password is on the page that refuses the line")
		}
	}
	if got := s.post(t, client, "/admin/trunks/line", line); got.status != http.StatusSeeOther {
		t.Fatalf("adding a line: %d", got.status)
	}
	book := s.server.cfg.Telephone.Book
	l, there := book.List().Line("carrier")
	if !there || !l.Password || len(l.Servers) != 2 || l.From != "+12025550147" || l.MaxCalls != 30 {
		t.Fatalf("stored %+v", l)
	}
	for _, path := range []string{"/admin/trunks", "/admin/trunks/line?name=carrier"} {
		if body := s.get(t, client, path).body; strings.Contains(body, "correct horse") || !strings.Contains(body, "carrier") {
			t.Errorf("%s shows the password, or not the line", path)
		}
	}
	if got := s.post(t, client, "/admin/trunks/line", with(url.Values{"do": {"change"}, "password": {""}, "max_calls": {""}})); got.status != http.StatusSeeOther {
		t.Errorf("changing a line without its password: %d", got.status)
	}
	for _, do := range []string{"off", "on", "remove"} {
		if got := s.post(t, client, "/admin/trunks", url.Values{"name": {"carrier"}, "do": {do}}); got.status != http.StatusSeeOther {
			t.Errorf("%s: %d", do, got.status)
		}
		if l, there := book.List().Line("carrier"); there == (do == "remove") || l.Off != (do == "off") {
			t.Errorf("after %s: %+v", do, l)
		}
	}
	if got := s.post(t, client, "/admin/trunks", url.Values{"name": {"carrier"}, "do": {"remove"}}); got.status != http.StatusNotFound {
		t.Errorf("removing what is not there: %d", got.status)
	}

	for wrong, form := range map[string]url.Values{
		"says already where 100 leads": {"number": {"100"}, "leads": {"help:"}}, "Choose where the number leads": {"number": {"300"}, "leads": {"moon:"}},
		"Choose the dialogue": {"number": {"300"}, "leads": {"flow:none"}}, "without spaces": {"number": {"3 00"}, "leads": {"help:"}},
	} {
		form.Set("do", "set")
		if got := s.post(t, client, "/admin/trunks/number", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, wrong) {
			t.Errorf("%s: %d", wrong, got.status)
		}
	}
	s.post(t, client, "/admin/trunks/number", url.Values{"do": {"set"}, "number": {"300"}, "leads": {"queue:volunteers"}, "language": {"en"}})
	if n := book.List().Numbers; len(n) != 1 || n[0].Name != "volunteers" || n[0].Language != "en" {
		t.Errorf("numbers: %+v", n)
	}
	s.post(t, client, "/admin/trunks/number", url.Values{"do": {"remove"}, "number": {"300"}})
	if n := book.List().Numbers; len(n) != 0 {
		t.Errorf("a number that was removed is there: %+v", n)
	}
	if got := s.post(t, client, "/admin/trunks/dials", url.Values{"dials": {"+1202 0034"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "0034 is not the beginning") || !strings.Contains(got.body, `value="+1202 0034"`) {
		t.Errorf("a beginning without +: %d", got.status)
	}
	if got := s.post(t, client, "/admin/trunks/dials", url.Values{"dials": {"+34,  +1202\n+34"}}); got.status != http.StatusSeeOther || !slices.Equal(book.Dials(), []string{"+1202", "+34"}) {
		t.Errorf("what may be called: %d, %v", got.status, book.Dials())
	}
	if got := s.get(t, client, "/admin/trunks"); !strings.Contains(got.body, `name="who" value="own_phone" checked`) || strings.Contains(got.body, `value="agent" checked`) || !strings.Contains(got.body, `name="per_hour" class="in" dir="ltr" inputmode="numeric" maxlength="6" value="60"`) {
		t.Error("the page does not say who may call out as the file does")
	}
	if got := s.post(t, client, "/admin/trunks/callers", url.Values{"who": {"agent"}, "per_hour": {"many"}, "rounds": {"0"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Say how many calls out an hour may have, from 1 to 10000") || !strings.Contains(got.body, `value="agent" checked`) {
		t.Errorf("calls out without a number: %d", got.status)
	}
	s.post(t, client, "/admin/trunks/callers", url.Values{"who": {"flow", "agent"}, "per_hour": {"20"}, "rounds": {"300"}})
	if out, said := book.Out(); !said || !out.Equal(lines.CallsOut{Roles: []string{"agent", "flow"}, PerHour: 20, Rounds: 300}) {
		t.Errorf("who may call out: %+v, %v", out, said)
	}
	for wrong, to := range map[string]string{"does not dial emergency numbers": "112", "not a telephone number": "home"} {
		if got := s.post(t, client, "/admin/trunks/test", url.Values{"line": {"gateway"}, "to": {to}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, wrong) {
			t.Errorf("a test call to %s: %d", to, got.status)
		}
	}
	if got := s.get(t, client, "/admin/trunks/test?line=carrier"); got.status != http.StatusNotFound {
		t.Errorf("a test call over no line: %d", got.status)
	}
}
