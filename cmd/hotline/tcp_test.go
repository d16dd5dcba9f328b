package main

import (
	"net/netip"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/triage"
	"hotline/triage/desk"
)

// TestACallOverTCP: a trunk that speaks TCP reaches the same hotline, and how
// the call sounded is on its record.
func TestACallOverTCP(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) { c.SIP.TCP = "127.0.0.1:0" })
	amal := b.seated("Amal", aHz, false)
	amal.do(desk.Command{Type: "ready"})
	caller, err := phone.Dial(t.Context(), phone.Config{From: "+12024561141", To: "100", Server: netip.MustParseAddrPort(b.h.tcp.Addr().String()), Transport: "tcp"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(caller.Hangup)
	caller.SayLoop(audio.Tone(cHz, time.Second, -12))
	b.press(caller, time.Second, "1")
	b.press(caller, 2*time.Second, "1")
	amal.answer()
	b.hears("Amal", amal.sound, allHz, cHz)
	b.hears("the caller", callerEar{caller}, allHz, aHz)
	caller.Hangup()
	amal.is(triage.WrapUp)
	row := only(t, b.exportUntil("contacts", "outcome", "answered"), "caller_number", "+12024561141")
	if row["no_sound"] != "0" || row["packets_lost_in"] != "0" {
		t.Errorf("how it sounded is recorded as %v", row)
	}
}
