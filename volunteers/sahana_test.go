package volunteers_test

import (
	"bytes"
	"encoding/csv"
	"testing"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
	"hotline/volunteers"
)

// What Sahana Eden imports: its columns, numbers as they are, nobody who is gone.
func TestSahanaGetsItsColumns(t *testing.T) {
	s := storetest.Open(t)
	registry, shifts := volunteers.NewRegistry(s, liststest.Open(t, s)), volunteers.NewShifts(s, nil, "US")
	ana, err := registry.Save(t.Context(), volunteers.Registrant{Phone: "+12024561111", GivenName: "=Ana", FamilyName: "Lee", Area: "00501", Skills: []volunteers.Skill{volunteers.SkillNurse}, Source: "phone"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone, err := registry.Save(t.Context(), volunteers.Registrant{Phone: "+12024562222", GivenName: "Gone", Source: "phone"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return volunteers.Erase(tx, gone.ID) }); err != nil {
		t.Fatal(err)
	}
	if _, err := shifts.CheckIn(t.Context(), ana.ID, "", volunteers.MethodHand); err != nil {
		t.Fatal(err)
	}
	if _, _, err := shifts.CheckOut(t.Context(), ana.ID, "", volunteers.MethodHand); err != nil {
		t.Fatal(err)
	}
	read := func(out bytes.Buffer, n int, err error) map[string]string {
		t.Helper()
		if err != nil || n != 1 {
			t.Fatalf("%d rows, %v", n, err)
		}
		lines, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(lines) != 2 {
			t.Fatalf("%v %v", lines, err)
		}
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = lines[1][i]
		}
		return row
	}
	var people, hours bytes.Buffer
	n, err := registry.WriteSahana("Flood")(&people, export.Cut{Level: table.Full})
	if row := read(people, n, err); row["First Name"] != "'=Ana" || row["Last Name"] != "Lee" || row["Mobile Phone"] != "+12024561111" || row["Home Postcode"] != "00501" || row["Job Title"] != "nurse" || row["Organisation"] != "Flood" {
		t.Errorf("volunteer.csv: %v", row)
	}
	n, err = shifts.WriteSahanaHours("Flood")(&hours, export.Cut{Level: table.Full})
	if row := read(hours, n, err); row["Hours"] != "0.00" || row["Last Name"] != "Lee" || row["Date"] != time.Now().Format(time.DateOnly) || row["Organisation ID"] != ana.Code {
		t.Errorf("programme_hours.csv: %v", row)
	}
}
