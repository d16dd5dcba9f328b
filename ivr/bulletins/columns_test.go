package bulletins_test

import (
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/store/storetest"
	columns "hotline/appliance/table"
	"hotline/ivr/bulletins"
)

// What was announced leaves with its time, also what was taken down.
func TestAnnouncementsLeaveTheBox(t *testing.T) {
	b := open(t, storetest.Open(t))
	one, err := b.Publish(t.Context(), bulletins.Draft{Language: "en", Text: "Water at the town hall.", Sound: audio.Tone(700, 3*time.Second, -20), By: "a", Name: "Ana", Via: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Withdraw(t.Context(), one.ID, "a", "Ana", "web"); err != nil {
		t.Fatal(err)
	}
	tab := bulletins.Table(b)
	if err := tab.Check(); err != nil {
		t.Error(err)
	}
	n := 0
	for row, err := range tab.At(columns.Aggregate, one.Published).Rows {
		if n++; err != nil || row[0] != one.ID || row[2] != "Water at the town hall." || len(row) != len(tab.Columns)-1 { // without who published it
			t.Errorf("the row is %v (%v)", row, err)
		}
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
}
