package triage

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

func savedCase(t *testing.T, c *Cases, contact string, fields map[string]any) Case {
	t.Helper()
	cs, err := c.Save(t.Context(), contact, "ana", fields)
	must(t, err)
	return gotCase(t, c, cs.ID)
}

func gotCase(t *testing.T, c *Cases, id string) Case {
	t.Helper()
	cs, err := c.Get(id)
	must(t, err)
	return cs
}

func TestACaseSaysWhoChangedWhatFromWhat(t *testing.T) {
	s := storetest.Open(t)
	calls, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	k := opened(t, calls, "+12024561111")
	cs := savedCase(t, cases, k.ID, map[string]any{"place": "Santa Clara", "people_total": 2})
	_, conflicts, err := cases.Change(t.Context(), cs.ID, history.Edit{By: "bea", Via: "web", Fields: map[string]any{"place": "Santa Ana"}, Shown: map[string]any{"place": "Santa Clara"}})
	if err != nil || len(conflicts) != 0 {
		t.Fatalf("conflicts %v (%v)", conflicts, err)
	}
	// The desk still shows the old place.
	_, conflicts, err = cases.Write(t.Context(), k.ID, history.Edit{By: "ana", Via: "web", Fields: map[string]any{"place": "Santa Rosa", "people_total": 3},
		Shown: map[string]any{"place": "Santa Clara", "people_total": 2}})
	if err != nil || len(conflicts) != 1 || conflicts[0].Field != "place" || string(conflicts[0].Theirs) != `"Santa Ana"` {
		t.Fatalf("conflicts %v (%v)", conflicts, err)
	}
	now := gotCase(t, cases, cs.ID)
	if now.Fields.Place != "Santa Ana" || now.Fields.People != 3 {
		t.Errorf("the case says %s with %d people", now.Fields.Place, now.Fields.People)
	}
	list, err := cases.History(cs.ID)
	must(t, err)
	said := ""
	for _, e := range list {
		for _, f := range e.Fields {
			if strings.HasPrefix(f.Name, "fields.") {
				said += fmt.Sprintf("%s %s %s>%s|", e.By, f.Name, f.From, f.To)
			}
		}
	}
	if want := `ana fields.legal_basis >"vital_interests"|ana fields.people_total >2|ana fields.place >"Santa Clara"|ana fields.share_scope >"helpers"|bea fields.place "Santa Clara">"Santa Ana"|ana fields.people_total 2>3|`; said != want {
		t.Errorf("the history says\n%s, not\n%s", said, want)
	}
}

func TestACaseIsWorkedOnToItsEnd(t *testing.T) {
	s := storetest.Open(t)
	listed := liststest.Open(t, s)
	calls, cases := NewContacts(s), NewCases(s, listed)
	cs := savedCase(t, cases, opened(t, calls, "+12024561111").ID, map[string]any{"danger_now": "yes"})
	if cs.Level != Red || cs.Status != CaseOpen {
		t.Fatalf("a case in danger is %s, %s", cs.Level, cs.Status)
	}
	move := func(to, outcome string, want error) {
		t.Helper()
		if _, err := cases.Move(t.Context(), cs.ID, to, outcome, true, "bea", ""); !errors.Is(err, want) {
			t.Errorf("to %s with %q: %v, not %v", to, outcome, err, want)
		}
	}
	move(CaseWorking, "", nil)
	move(CaseClosed, "", ErrCaseOutcome)
	move(CaseClosed, "moved_on", ErrCaseOutcome)
	move(CaseDuplicate, "", ErrCaseStep)
	// What can become of a case is a list: what was added can be chosen, and what was
	// switched off still stands in old cases.
	must(t, listed.AddChoice(t.Context(), lists.Outcomes, "moved_on", lists.Words{"en": "Moved to another region"}, admin))
	must(t, listed.SwitchChoice(t.Context(), lists.Outcomes, "met", false, admin))
	move(CaseClosed, "moved_on", nil)
	if got := read(t, CaseTable(cases))["outcome"]; got != "moved_on" {
		t.Errorf("the export says %q", got)
	}
	move(CaseOpen, "", nil)
	move(CaseClosed, "met", nil) // by somebody who has an older page in front of them
	if now := gotCase(t, cases, cs.ID); now.Outcome != "met" || !now.Told || now.StatusAt.IsZero() {
		t.Errorf("the closed case is %+v", now)
	}
	move(CaseOpen, "", nil)
	if now := gotCase(t, cases, cs.ID); now.Outcome != "" || now.Told {
		t.Errorf("the reopened case is %+v", now)
	}
	if _, err := cases.SetLevel(t.Context(), cs.ID, Green, "bea", ""); !errors.Is(err, ErrCaseWhy) {
		t.Errorf("lowered without a reason: %v", err)
	}
	if _, err := cases.SetLevel(t.Context(), cs.ID, Green, "bea", "the neighbours are with them"); err != nil {
		t.Fatal(err)
	}
	if now := savedCase(t, cases, cs.Contacts[0], map[string]any{"notes": "all well"}); now.Level != Green {
		t.Errorf("a note raised what was lowered by hand to %s", now.Level)
	}
	if now := savedCase(t, cases, cs.Contacts[0], map[string]any{"urgent_need": "yes"}); now.Level != Red {
		t.Errorf("another answer to an urgency question left it at %s", now.Level)
	}
}

func TestUnmergedCasesAreAsTheyWere(t *testing.T) {
	s := storetest.Open(t)
	calls, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	r := rand.New(rand.NewPCG(11, 12))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	some := func() (Contact, Case) {
		k := opened(t, calls, pick("", "+12024561111", "+12024561112"))
		fields := map[string]any{"place": pick("", "Roma", "Centro"), "name": pick("", "Ana"), "people_total": r.IntN(3), "top_need": pick("", "water", "food"),
			"danger_now": pick("", "yes", "no"), "child_alone": r.IntN(2) == 0, "more_needs": []string{pick("power", "fuel")}}
		cs := savedCase(t, cases, k.ID, fields)
		k, err := calls.Get(k.ID)
		must(t, err)
		return k, cs
	}
	for range 12 {
		k1, keep := some()
		k2, gone := some()
		merged, err := cases.Merge(t.Context(), keep.ID, gone.ID, "bea", "same family")
		must(t, err)
		if keep.Level.Worse(merged.Level) || gone.Level.Worse(merged.Level) || !slices.Equal(merged.Contacts, []string{k1.ID, k2.ID}) {
			t.Fatalf("%+v and %+v became %+v", keep, gone, merged)
		}
		if found, err := cases.ByCode(gone.Code); err != nil || found.ID != keep.ID {
			t.Fatalf("the code of the duplicate leads to %s (%v)", found.ID, err)
		}
		if moved, err := calls.Get(k2.ID); err != nil || moved.Case != keep.ID {
			t.Fatalf("the call is about %s (%v)", moved.Case, err)
		}
		_, err = cases.Unmerge(t.Context(), gone.ID, "bea", "two families")
		must(t, err)
		for _, want := range []Case{keep, gone} {
			if keep.Fields.ChildAlone || gone.Fields.ChildAlone { // what was forgotten of a child stays forgotten
				want.Fields.guardChild(cases.lists.Now())
			}
			got := gotCase(t, cases, want.ID)
			got.UpdatedAt, got.UpdatedBy = want.UpdatedAt, want.UpdatedBy
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("it is\n%+v\nand was\n%+v", got, want)
			}
		}
		if back, err := calls.Get(k2.ID); err != nil || back.Case != gone.ID {
			t.Fatalf("the call is about %s (%v)", back.Case, err)
		}
	}
}

// What a caller tells before asking for the specialist is in no record, no
// history and no merging afterwards, and in no value that can be read.
func TestProtectionReachesEverythingThatRemembers(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	calls, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	first, second := opened(t, calls, "+12024561111"), opened(t, calls, "+12024561112")
	secret := map[string]any{"name": "Xochiquetzal", "notes": "Xochiquetzal hides in the mill", "callback_number": "+12024569999"}
	keep := savedCase(t, cases, first.ID, secret)
	gone := savedCase(t, cases, second.ID, secret)
	_, err = cases.Merge(t.Context(), keep.ID, gone.ID, "bea", "")
	must(t, err)
	_, _, err = cases.Change(t.Context(), keep.ID, history.Edit{By: "bea", Fields: map[string]any{"talk_freely": "specialist"}})
	must(t, err)
	for _, id := range []string{first.ID, second.ID} {
		if k, err := calls.Get(id); err != nil || !k.Protected || k.Caller != "" {
			t.Errorf("the call holds %q, protected %v (%v)", k.Caller, k.Protected, err)
		}
	}
	must(t, s.View(func(tx *store.Tx) error {
		return tx.EachValue(func(table, key string, value []byte) {
			for _, word := range []string{"Xochiquetzal", "4569999", "4561111", "4561112"} {
				if bytes.Contains(value, []byte(word)) {
					t.Errorf("%s/%s still says %s: %s", table, key, word, value)
				}
			}
		})
	}))
	must(t, s.Close())
	raw, err := os.ReadFile(filepath.Join(dir, "hotline.db"))
	must(t, err)
	if bytes.Contains(raw, []byte("Xochiquetzal")) {
		t.Error("the name is in the file in clear")
	}
}

func TestARecordFromPaperHasItsOwnTime(t *testing.T) {
	s := storetest.Open(t)
	calls, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	at := time.Now().Add(-30 * time.Hour).UTC().Truncate(time.Minute)
	cs, err := cases.Enter(t.Context(), Paper{At: at, Channel: "radio_relay", Caller: call.Number("+12024561111"), Fields: map[string]any{"place": "Roma", "top_need": "water"}}, "flood", "ana")
	must(t, err)
	k, err := calls.Get(cs.Contacts[0])
	must(t, err)
	if !cs.OpenedAt.Equal(at) || !k.ReceivedAt.Equal(at) || cs.EnteredAt.IsZero() || k.EnteredAt.IsZero() || k.Channel != "radio_relay" || k.Case != cs.ID {
		t.Errorf("the case is %+v, its contact %+v", cs, k)
	}
	if _, err := cases.Enter(t.Context(), Paper{At: time.Now().Add(time.Hour)}, "flood", "ana"); !errors.Is(err, ErrPaperTime) {
		t.Errorf("a paper from the future: %v", err)
	}
	before, err := calls.CountOpen()
	if err != nil || before != 0 {
		t.Errorf("a paper left %d open items (%v)", before, err)
	}
	more, err := cases.Another(t.Context(), k.ID, "ana", map[string]any{"name": "the neighbour"})
	must(t, err)
	if k, err = calls.Get(k.ID); err != nil || k.Case != cs.ID || !slices.Equal(k.MoreCases, []string{more.ID}) {
		t.Errorf("the call is about %s and %v (%v)", k.Case, k.MoreCases, err)
	}
	list, err := cases.SameNumber(cs)
	if err != nil || len(list) != 1 || list[0].ID != more.ID {
		t.Errorf("the same number has %v (%v)", list, err)
	}
}
