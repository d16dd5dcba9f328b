package triage

import (
	"testing"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store/storetest"
)

// A caller who began to register as a volunteer turns out to need protection:
// nothing of the contact leads to the name and number in the registration.
func TestAProtectedContactForgetsTheRegistration(t *testing.T) {
	s := storetest.Open(t)
	c := NewContacts(s)
	k := opened(t, c, "+12024561111")
	_, err := c.Change(t.Context(), k.ID, func(k *Contact, _ time.Time) []events.Event { k.Registrant = "r1"; return nil })
	must(t, err)
	_, err = NewCases(s).Save(t.Context(), k.ID, "ana", map[string]any{"talk_freely": "specialist"})
	must(t, err)
	if k, err = c.Get(k.ID); err != nil || k.Registrant != "" || k.Caller != "" {
		t.Errorf("the protected contact keeps %+v (%v)", k, err)
	}
}
