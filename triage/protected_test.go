package triage

import (
	"errors"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/triage/cards"
)

// A caller who began to register as a volunteer turns out to need protection:
// nothing of the contact leads to the name and number in the registration.
func TestAProtectedContactForgetsTheRegistration(t *testing.T) {
	s := storetest.Open(t)
	c := NewContacts(s)
	k := opened(t, c, "+12024561111")
	_, err := c.Change(t.Context(), k.ID, func(k *Contact, _ time.Time) []events.Event { k.Registrant = "r1"; return nil })
	must(t, err)
	_, err = NewCases(s, liststest.Open(t, s)).Save(t.Context(), k.ID, "ana", map[string]any{"talk_freely": "specialist"})
	must(t, err)
	if k, err = c.Get(k.ID); err != nil || k.Registrant != "" || k.Caller != "" {
		t.Errorf("the protected contact keeps %+v (%v)", k, err)
	}
}

// A case has been about for days: passed on, listed for a round, merged, with a
// message that waits on the worklist. Then it turns out to need protection, and
// nothing that was written anywhere leads to the caller any more.
func TestACaseThatBecomesProtectedLeavesNothingAround(t *testing.T) {
	s := storetest.Open(t)
	c, cs := NewContacts(s), NewCases(s, liststest.Open(t, s))
	filed, err := cards.Open(s)
	must(t, err)
	k := opened(t, c, "+12024561111")
	must(t, c.KeepMessage(t.Context(), k.ID, Message{Box: "help"}, audio.Tone(440, time.Second, -12).MuLaw()))
	file, err := cs.Save(t.Context(), k.ID, "ana", map[string]any{"name": "Otto Kringelein", "notes": "afraid of the door", "place": "Elm Street"})
	must(t, err)
	end(t, c, k.ID, OutcomeSelfService, OpenVoicemail)
	again := opened(t, c, "+12024561111")
	twice, err := cs.Save(t.Context(), again.ID, "ana", map[string]any{"name": "Otto", "landmark": "behind the church"})
	must(t, err)
	end(t, c, again.ID, OutcomeAnswered, "")
	_, err = cs.Merge(t.Context(), file.ID, twice.ID, "ana", "the same")
	must(t, err)
	var referrals []string
	for _, of := range []string{file.ID, twice.ID} {
		card, err := filed.Add(t.Context(), cards.Referrals, of, map[string]any{"to_org": "Cruz Roja", "consent": "yes", "contact_person": "Elena", "result_note": "Kringelein was afraid"}, "ana")
		must(t, err)
		referrals = append(referrals, card.ID)
	}
	_, err = c.MakeRound(t.Context(), Round{Name: "are you safe", Queue: QueueHelp}, []ListedPerson{{Name: "Otto", Number: "+12024561111", Source: SourceCase, Ref: file.ID}}, "US", "ana", "Ana")
	must(t, err)
	secrets := []string{"2024561111", "Otto", "Kringelein", "afraid", "Elm Street", "church", "Cruz Roja", "Elena"}
	if places, err := s.Mentions(t.Context(), secrets...); err != nil || len(places) < 8 {
		t.Fatalf("before, it stands in %v %v", places, err)
	}
	latest := opened(t, c, "+12024561111")
	_, err = cs.Continue(t.Context(), latest.ID, file.Code, "ben")
	must(t, err)
	_, err = cs.Save(t.Context(), latest.ID, "ben", map[string]any{"talk_freely": "specialist"})
	must(t, err)
	if places, err := s.Mentions(t.Context(), secrets...); err != nil || len(places) > 0 {
		t.Errorf("it still stands in %v %v", places, err)
	}
	for _, id := range referrals {
		if _, err := filed.Get(id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a referral is still there: %v", err)
		}
	}
	end(t, c, latest.ID, OutcomeAnswered, "")
	if all := list(t, c, Pick{}); len(all) != 1 || all[0].Number != "" || !all[0].NoCall {
		t.Errorf("the worklist has %+v, want one of nobody who may be called", all)
	}
}
