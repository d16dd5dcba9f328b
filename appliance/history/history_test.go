package history_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"hotline/appliance/history"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

type answers struct {
	Place string   `json:"place,omitempty"`
	Count int      `json:"count,omitempty"`
	Needs []string `json:"needs,omitempty"`
	Sure  bool     `json:"sure,omitempty"`
}

type record struct {
	Name   string  `json:"name,omitempty"`
	Fields answers `json:"fields"`
}

func TestTheHistorySaysFromWhatToWhat(t *testing.T) {
	book := history.NewBook("test_history")
	s := storetest.Open(t)
	a := record{Name: "Ana", Fields: answers{Place: "Roma"}}
	b := record{Fields: answers{Place: "Condesa", Count: 3}}
	if err := s.Update(t.Context(), func(tx *store.Tx) error {
		for _, step := range [][2]any{{nil, a}, {a, b}, {b, b}} {
			if err := book.Note(tx, history.Entry{Record: "r1", By: "ana", What: "changed"}, step[0], step[1]); err != nil {
				return err
			}
		}
		return book.Note(tx, history.Entry{Record: "r2", What: "opened"}, nil, a)
	}); err != nil {
		t.Fatal(err)
	}
	var list []history.Entry
	if err := s.View(func(tx *store.Tx) error {
		list = book.Of(tx, "r1")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[1].By != "ana" {
		t.Fatalf("the history is %+v, not two changes", list)
	}
	said := ""
	for _, f := range list[1].Fields {
		said += fmt.Sprintf("%s: %s > %s; ", f.Name, f.From, f.To)
	}
	if want := `fields.count:  > 3; fields.place: "Roma" > "Condesa"; name: "Ana" > ; `; said != want {
		t.Errorf("it says %q, not %q", said, want)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return book.Forget(tx, "r1") }); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(tx *store.Tx) error {
		if len(book.Of(tx, "r1")) != 0 || len(book.Of(tx, "r2")) != 1 {
			t.Error("not just the history of one record was forgotten")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAConflictIsWhatSomebodyElseChangedSinceItWasShown(t *testing.T) {
	stored := answers{Place: "Condesa", Count: 3, Needs: []string{"water"}}
	for name, c := range map[string]struct {
		shown, changed map[string]any
		conflicts      int
	}{
		"shown as it is":         {map[string]any{"place": "Condesa"}, map[string]any{"place": "Roma"}, 0},
		"changed meanwhile":      {map[string]any{"place": "Centro"}, map[string]any{"place": "Roma"}, 1},
		"both meant the same":    {map[string]any{"place": "Centro"}, map[string]any{"place": "Condesa"}, 0},
		"another field":          {map[string]any{"place": "Centro", "count": 3}, map[string]any{"count": 4}, 0},
		"nothing said":           {nil, map[string]any{"place": "Roma"}, 0},
		"an empty one":           {map[string]any{"sure": false}, map[string]any{"sure": true}, 0},
		"numbers from a browser": {map[string]any{"count": 3.0}, map[string]any{"count": 4.0}, 0},
		"a list":                 {map[string]any{"needs": []any{"food"}}, map[string]any{"needs": []any{"food", "power"}}, 1},
		"a filled one":           {map[string]any{"place": ""}, map[string]any{"place": "Roma"}, 1},
	} {
		rest, conflicts, err := history.Conflicts(stored, c.shown, c.changed)
		if err != nil || len(conflicts) != c.conflicts || len(rest)+len(conflicts) != len(c.changed) {
			t.Errorf("%s: %v in conflict, %v left (%v)", name, conflicts, rest, err)
		}
	}
}

// To undo a change gives back exactly what was, and keeps what came after it.
func TestUndoRestoresExactly(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	some := func() record {
		words := []string{"", "a", "b", "c"}
		rec := record{Name: words[r.IntN(4)], Fields: answers{Place: words[r.IntN(4)], Count: r.IntN(3), Sure: r.IntN(2) == 0}}
		for range r.IntN(3) {
			rec.Fields.Needs = append(rec.Fields.Needs, words[1+r.IntN(3)])
		}
		return rec
	}
	for range 2000 {
		before, after := some(), some()
		var back record
		if err := history.Undo(before, after, after, &back); err != nil || !reflect.DeepEqual(back, before) {
			t.Fatalf("%+v became %+v and back %+v (%v)", before, after, back, err)
		}
		now := after
		now.Fields.Place = "typed later"
		back = record{}
		if err := history.Undo(before, after, now, &back); err != nil || back.Fields.Place != "typed later" || back.Name != before.Name || back.Fields.Count != before.Fields.Count {
			t.Fatalf("%+v became %+v, then %+v, and back %+v (%v)", before, after, now, back, err)
		}
	}
	if _, err := history.Diff(nil, json.RawMessage(`[`)); err == nil {
		t.Error("what is no record was compared")
	}
}
