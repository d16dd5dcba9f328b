package volunteers_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/volunteers"
)

// Who takes back the agreement, by telephone or through somebody who works here,
// is called and sent no more and goes to nobody outside, is erased soon by a clock
// of their own, and comes back only by agreeing anew.
func TestAnAgreementIsTakenBack(t *testing.T) {
	s, l := keeping(t)
	g := volunteers.NewRegistry(s, l)
	var people []volunteers.Registrant
	for i, number := range []string{"+525512345671", "+525512345672", "+525512345673"} {
		r, err := g.Save(t.Context(), volunteers.Answers(told([]string{"a", "b", "c"}[i], number)).Registrant(), nil)
		if err != nil || !r.Consent.Given {
			t.Fatal(r, err)
		}
		if r, _, err = g.Change(t.Context(), r.ID, history.Edit{By: "ana", Fields: map[string]any{"share_scope": sharing.Helpers}}); err != nil {
			t.Fatal(err)
		}
		people = append(people, r)
	}
	byPhone, err := g.AsWished(t.Context(), people[0].ID, volunteers.WishWithdraw, "")
	if err != nil {
		t.Fatal(err)
	}
	byHand, err := g.Move(t.Context(), people[1].ID, "withdraw", history.Edit{By: "ana", Via: "web"})
	if err != nil {
		t.Fatal(err)
	}
	for via, r := range map[string]volunteers.Registrant{"phone": byPhone, "web": byHand} {
		if r.Status != volunteers.StatusWithdrawn || r.Consent.Given || r.Consent.Withdrawn.IsZero() || r.Consent.WithdrawnVia != via || r.Consent.At.IsZero() || r.Consent.Version == "" || r.ShareScope != sharing.Inside {
			t.Errorf("by %s: %+v", via, r)
		}
		if _, err := g.Move(t.Context(), r.ID, "assign", history.Edit{By: "ana"}); !errors.Is(err, volunteers.ErrStep) {
			t.Errorf("sent to work: %v", err)
		}
	}
	// To organisations that help goes the one who still agrees.
	rows := 0
	left := volunteers.Table(g).For(sharing.Helpers).At(table.Referral, time.Time{})
	number := slices.IndexFunc(left.Columns, func(c table.Column) bool { return c.Name == "phone" })
	for row, err := range left.Rows {
		if err != nil || row[number] != "" && row[0] != people[2].ID {
			t.Errorf("others get %v, %v", row, err)
		}
		if row[number] != "" {
			rows++
		}
	}
	if rows != 1 {
		t.Errorf("others get %d people", rows)
	}
	aged := func(days int) (ids []string) {
		if err := s.View(func(tx *store.Tx) (err error) {
			ids, _, err = volunteers.Aged(tx, 365, 30, time.Now().AddDate(0, 0, days), "", 10)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if early, late := aged(29), aged(31); len(early) != 0 || len(late) != 2 {
		t.Errorf("after 29 days %v are to be erased, after 31 %v", early, late)
	}
	// The code still leads there by telephone, and back only by agreeing.
	if id, _, err := volunteers.NewShifts(s, nil, "MX").Who(t.Context(), byPhone.Code, ""); err != nil || id != byPhone.ID {
		t.Errorf("the code leads to %q, %v", id, err)
	}
	if _, err := g.AsWished(t.Context(), byPhone.ID, volunteers.WishAvailable, ""); !errors.Is(err, volunteers.ErrStep) {
		t.Errorf("available without agreeing: %v", err)
	}
	if r, err := g.AsWished(t.Context(), byPhone.ID, volunteers.WishReturn, "volunteer.consent@abc"); err != nil || r.Status != volunteers.StatusRegistered || !r.Consent.Given || r.Consent.Version != "volunteer.consent@abc" || !r.Consent.Withdrawn.IsZero() {
		t.Errorf("back: %+v, %v", r, err)
	}
	if late := aged(31); len(late) != 1 {
		t.Errorf("who came back is still to be erased: %v", late)
	}
	// Two records of one person: what was taken back later counts.
	if r, err := g.Merge(t.Context(), people[2].ID, byHand.ID, "ana", "the same person"); err != nil || r.Consent.Given || r.Consent.Withdrawn.IsZero() {
		t.Errorf("merged with a record that still agreed: %+v, %v", r.Consent, err)
	}
}
