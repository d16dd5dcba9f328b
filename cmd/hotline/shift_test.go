package main

import (
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/trunk/phone"
	"hotline/volunteers"
)

// TestAVolunteerBeginsAndEndsAShiftByPhone: somebody registers by telephone,
// begins a shift with the code and chooses a PIN, ends it from another
// telephone with the PIN, and the hours are in the CSV export.
func TestAVolunteerBeginsAndEndsAShiftByPhone(t *testing.T) {
	t.Parallel()
	b := startBoxWith(t, func(c *config.Config) {
		c.SIP.Entries = []config.Entry{{Numbers: []string{"106"}, Flow: "shift", Language: "en"}}
	})
	const number, pin = "+12024561181", "246813"
	caller := b.dial(number, "100")
	caller.SayLoop(audio.Tone(callerHz, time.Second, -12))
	const listen = 1400 * time.Millisecond
	for _, keys := range []string{"1", "2", "1", "1", "12345#", "2", "1", "4", "2", "4", "1"} {
		b.press(caller, listen, keys)
	}
	b.finishRegistration(caller)
	code := only(t, b.exportUntil("volunteers", "phone", number), "phone", number)["code"]

	shifts := func() []volunteers.Shift {
		t.Helper()
		r, err := volunteers.NewRegistry(b.h.records, liststest.Open(t, b.h.records)).ByCode(code)
		if err != nil {
			t.Fatal(err)
		}
		list, err := b.h.hours.Of(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	// pressUntil presses once; what it does is awaited, not timed.
	pressUntil := func(c *phone.Call, keys, what string, happened func() bool) {
		t.Helper()
		b.press(c, 2*time.Second, keys)
		b.until(what, happened)
	}
	// By the help number: volunteering, and registered already.
	first := b.dial(number, "100")
	for _, keys := range []string{"1", "2", "4", code + "#"} {
		b.press(first, listen, keys)
	}
	pressUntil(first, "1", "the shift has begun", func() bool { return len(shifts()) == 1 })
	b.answer(first, pin+"#")
	b.press(first, 4*time.Second, pin+"#")
	b.ended(first)
	if ok, err := b.h.hours.Prove(t.Context(), shifts()[0].Registrant, pin); !ok || err != nil {
		t.Fatalf("the PIN was not kept: %v", err)
	}

	// A stranger who has the code does not get in, and hears of no difference.
	stranger := b.dial("+12024561182", "106")
	b.press(stranger, listen, code+"#")
	b.press(stranger, 2*time.Second, "975310#")
	b.answer(stranger, code+"#")
	stranger.Hangup()

	second := b.dial("+12024561183", "106")
	b.press(second, listen, code+"#")
	b.press(second, 2*time.Second, pin+"#")
	pressUntil(second, "2", "the shift has ended", func() bool { return !shifts()[0].CheckOut.IsZero() })
	second.Hangup()

	// From the registered telephone: paused, and back again.
	registration := func(keys, what string, wanted volunteers.Status) {
		t.Helper()
		c := b.dial("+12024561184", "106")
		b.press(c, listen, code+"#")
		b.press(c, 2*time.Second, pin+"#")
		b.press(c, 4*time.Second, "3"+keys)
		b.until(what, func() bool {
			r, err := volunteers.NewRegistry(b.h.records, liststest.Open(t, b.h.records)).ByCode(code)
			return err == nil && r.Status == wanted
		})
		c.Hangup()
	}
	registration("2", "the registration is paused", volunteers.StatusOnHold)
	registration("1", "the registration goes on", volunteers.StatusRegistered)

	row := only(t, b.export("shift_hours"), "volunteer_code", code)
	if row["volunteer_code"] != code || row["method"] != "phone_pin" || row["check_in_at"] == "" || row["check_out_at"] == "" || row["remark"] != "" {
		t.Errorf("the hours are exported as %v", row)
	}

	// Nothing is owed to somebody who hung up after the shift was stored.
	contact := only(t, b.exportUntil("contacts", "caller_number", "+12024561183"), "caller_number", "+12024561183")
	b.until("the call is recorded as served", func() bool {
		contact = only(t, b.export("contacts"), "caller_number", "+12024561183")
		return contact["outcome"] != ""
	})
	if contact["outcome"] != "self_service" || contact["open_item"] != "" || strings.Contains(contact["keys"], pin) || strings.Contains(contact["keys"], code) {
		t.Errorf("the call is recorded as %v", contact)
	}
}
