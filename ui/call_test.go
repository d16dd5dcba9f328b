package ui

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"hotline/appliance/switches"
)

// Strangers reach the caller page only where somebody has opened it.
func TestTheCallerPageIsShutUntilItIsOpened(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	stranger := s.client(t)
	dial := func() int {
		conn, response, err := websocket.Dial(t.Context(), s.url+"/ws/call", &websocket.DialOptions{HTTPClient: stranger, HTTPHeader: http.Header{"Origin": {s.url}}})
		if err == nil {
			_ = conn.CloseNow()
			return http.StatusSwitchingProtocols
		}
		if response == nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	if got := s.get(t, stranger, "/call"); got.status != http.StatusForbidden || strings.Contains(got.body, "Call now") {
		t.Errorf("shut: %d %s", got.status, got.body)
	}
	if got := dial(); got != http.StatusForbidden {
		t.Errorf("shut, a call: %d", got)
	}
	if got := s.get(t, s.as(t, supervisor), "/call"); got.status != http.StatusOK {
		t.Errorf("for those who work here: %d", got.status)
	}
	if err := s.parts.Turn(t.Context(), switches.Browsers, true, s.ids[admin], "Amal", "web"); err != nil {
		t.Fatal(err)
	}
	if got := s.get(t, stranger, "/call"); got.status != http.StatusOK || !strings.Contains(got.body, "Call now") {
		t.Errorf("opened: %d", got.status)
	}
	if got := dial(); got != http.StatusSwitchingProtocols {
		t.Errorf("opened, a call: %d", got)
	}
	b := openBrowser(t, s)
	b.do(navigate(s.url + "/call"))
	b.fits("call")
	b.press(`[data-do="call"]`)
	b.until(`document.querySelector('[data-part="trouble"]').textContent.includes("All lines for browsers are taken")`)
	b.do(evaluate(`document.querySelector('[data-when="busy"]').hidden = false`))
	b.fits("call-keypad")
}
