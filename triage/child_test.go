package triage

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
)

// When a child is alone, its name and what was told of it are nowhere, nothing
// that was recorded is left and nothing more is recorded, the case is in no list
// for partners and its work is for trained people; where the child is stays.
func TestAChildThatIsAlone(t *testing.T) {
	s := storetest.Open(t)
	c, cases, r := NewContacts(s), NewCases(s, liststest.Open(t, s)), tapes(t, s)
	k := opened(t, c, "+12024561111")
	tape := taped(t, r, k.ID, 3)
	save(t, cases, k.ID, map[string]any{"danger_now": "no", "urgent_need": "yes", "name": "Lupita", "notes": "her uncle left", "place": "the blue school", "callback_number": "+12024562222"})
	save(t, cases, k.ID, map[string]any{"child_alone": true})
	k, err := c.Get(k.ID)
	must(t, err)
	cs, err := cases.Get(k.Case)
	must(t, err)
	if f := cs.Fields; f.Name != "" || f.Notes != "" || f.Place != "the blue school" || f.CallbackNumber != "+12024562222" || !f.ChildAlone || cs.Level != Orange || cs.Protected {
		t.Errorf("the case: %+v", cs)
	}
	save(t, cases, k.ID, map[string]any{"name": "Lupita", "notes": "seven years", "landmark": "well"})
	if cs, err = cases.Get(k.Case); err != nil || cs.Fields.Name != "" || cs.Fields.Notes != "" || cs.Fields.Landmark != "well" {
		t.Errorf("written later: %+v, %v", cs.Fields, err)
	}
	if _, err := r.Get(tape); err == nil || len(k.Recordings) != 0 {
		t.Error("the recording is there")
	}
	if _, err := r.Begin(t.Context(), k.ID, "rule"); !errors.Is(err, ErrProtected) {
		t.Errorf("it is recorded again: %v", err)
	}
	said, err := json.Marshal(historyOf(t, cases, cs.ID))
	must(t, err)
	if bytes.Contains(said, []byte("Lupita")) || bytes.Contains(said, []byte("uncle")) {
		t.Errorf("the history tells of the child: %s", said)
	}
	if places, err := s.Mentions(t.Context(), "Lupita", "uncle"); err != nil || len(places) != 0 {
		t.Errorf("the child is in %v, %v", places, err)
	}
	for _, tab := range []table.Table{CaseTable(cases), ContactTable(c, cases.lists), SituationTable(cases)} {
		var out bytes.Buffer
		must(t, table.WriteCSV(&out, tab.At(table.Referral, time.Time{})))
		if tab.Name != "daily_situation" && strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "school") {
			t.Errorf("%s tells partners of the child: %s", tab.Name, out.String())
		}
	}
	end(t, c, k.ID, OutcomeAnswered, OpenChild)
	page, err := c.Worklist(Pick{Kind: OpenChild, Limit: 10})
	must(t, err)
	if len(page.Items) != 1 || !page.Items[0].Private || page.Items[0].MayWork(false, false) || !page.Items[0].MayWork(true, false) || page.Items[0].rank() != "a" {
		t.Errorf("the worklist: %+v", page.Items)
	}

	// Who is about to ring it is shown the number, which is in the log first, and
	// the call is guarded like the one before.
	k, err = c.Get(k.ID)
	must(t, err)
	if err := c.ShowNumber(t.Context(), k.Item, "ana", "Ana"); !page.Items[0].Child || !errors.Is(err, ErrNotTaken) {
		t.Errorf("shown to who has not taken it: %v, %+v", err, page.Items[0])
	}
	_, err = c.TakeItem(t.Context(), k.Item, "ana", "Ana")
	must(t, err)
	must(t, c.ShowNumber(t.Context(), k.Item, "ana", "Ana"))
	back, err := c.BeginCall(t.Context(), k.Item, Contact{ID: c.NewContactID(), Agent: "ana", AgentName: "Ana"})
	must(t, err)
	if _, err := r.Begin(t.Context(), back.ID, "rule"); !back.ChildAlone || !errors.Is(err, ErrProtected) {
		t.Errorf("the call back is recorded: %v, %+v", err, back)
	}
	shown := 0
	must(t, s.View(func(tx *store.Tx) error {
		if why, err := mustNotCall(tx, tx.Digest("+12024561111")); why != LeftProtected || err != nil {
			t.Errorf("a round calls the child: %q, %v", why, err)
		}
		for ev := range tx.EventLog(0) {
			if ev.Kind == "child.shown" && ev.By == "ana" && ev.Data["reason"] == "call" && ev.Data["id"] == k.Item {
				shown++
			}
		}
		return nil
	}))
	if shown != 2 {
		t.Errorf("who was shown the number is in the log %d times", shown)
	}

	// It was a mistake: nothing comes back, and the call is like others again.
	save(t, cases, k.ID, map[string]any{"child_alone": false, "name": "Juan"})
	if k, err = c.Get(k.ID); err != nil || k.ChildAlone {
		t.Errorf("the call is still kept from the others: %+v, %v", k, err)
	}
	if cs, err = cases.Get(k.Case); err != nil || cs.Fields.Name != "Juan" || cs.Fields.Notes != "" {
		t.Errorf("the case: %+v, %v", cs.Fields, err)
	}
	if i, _, err := c.Item(k.Item); err != nil || i.Child {
		t.Errorf("the item is still that of a child: %+v, %v", i, err)
	}
}

// Whatever ships and is answered in one's own words is either not kept of a child
// or leads to it, and then stands where nobody sees it by the way.
func TestEveryAnswerInWordsIsGuardedForAChild(t *testing.T) {
	set := liststest.Open(t, storetest.Open(t)).Now()
	for _, q := range set.Questions {
		switch q.Kind {
		case lists.Line, lists.Long, lists.Phone, lists.Place, lists.Position:
			if !hidesChild(q) && !FindsChild(q.Name) {
				t.Errorf("%s is kept of a child, and everybody sees it", q.Name)
			}
		}
	}
}

func historyOf(t *testing.T, cases *Cases, id string) []history.Entry {
	t.Helper()
	list, err := cases.History(id)
	must(t, err)
	return list
}

// One case about a child that is alone makes the merged one such a case.
func TestMergingWithAChildThatIsAlone(t *testing.T) {
	s := storetest.Open(t)
	c, cases := NewContacts(s), NewCases(s, liststest.Open(t, s))
	one, two := opened(t, c, "+12024561111"), opened(t, c, "+12024561112")
	save(t, cases, one.ID, map[string]any{"name": "Lupita", "notes": "her uncle"})
	save(t, cases, two.ID, map[string]any{"child_alone": true, "place": "the school"})
	one, err := c.Get(one.ID)
	must(t, err)
	two, err = c.Get(two.ID)
	must(t, err)
	gone := two.Case
	cs, err := cases.Merge(t.Context(), one.Case, two.Case, "ana", "same")
	must(t, err)
	if one, err = c.Get(one.ID); err != nil || !one.ChildAlone || cs.Fields.Name != "" || cs.Fields.Place != "the school" {
		t.Errorf("merged: %+v, %+v, %v", cs.Fields, one, err)
	}
	if places, err := s.Mentions(t.Context(), "Lupita", "uncle"); err != nil || len(places) != 0 {
		t.Errorf("the child is in %v, %v", places, err)
	}
	if _, err := cases.Unmerge(t.Context(), gone, "ana", "another family"); err != nil {
		t.Fatal(err)
	}
	if one, err = c.Get(one.ID); err != nil || one.ChildAlone {
		t.Errorf("the call about others is kept from those who care for it: %+v, %v", one, err)
	}
}
