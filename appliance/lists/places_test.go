package lists_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hotline/appliance/lists"
	"hotline/appliance/store/storetest"
	sheets "hotline/appliance/table"
)

func sheet(t *testing.T, text string) sheets.Sheet {
	t.Helper()
	out, err := sheets.ReadSheet([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const wide = `ADM0_EN,ADM0_PCODE,ADM1_EN,ADM1_ES,ADM1_PCODE,ADM2_EN,ADM2_PCODE
#country,#country+code,#adm1,#adm1,#adm1+code,#adm2,#adm2+code
Mexico,MX,Mexico City,Ciudad de México,MX09,Cuauhtémoc,MX09015
Mexico,MX,Mexico City,Ciudad de México,MX09,Iztapalapa,MX09007
Mexico,MX,Veracruz,,MX30,Santa Clara,MX30100
`

// The file of a country is taken as its authors made it, found while somebody
// types, and settles into a code of every level.
func TestPlacesOfACountry(t *testing.T) {
	s := storetest.Open(t)
	k := open(t, s)
	got, err := k.BringPlaces(t.Context(), sheet(t, wide), false, true, ana)
	if n, _ := k.Places(); err != nil || got.Added != 6 || n != 0 {
		t.Errorf("a trial: %+v, %v; %d places are there", got, err, n)
	}
	got, err = k.BringPlaces(t.Context(), sheet(t, wide), false, false, ana)
	if err != nil || got.Added != 6 || len(got.Findings) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	k = open(t, s)
	for typed, want := range map[string]string{"cuauh": "MX09015", "CUAUHTEMOC": "MX09015", "iztapalpa": "MX09007", "san cl": "MX30100", "ciudad de me": "MX09", "mx30100": "MX30100"} {
		if found := k.FindPlaces(typed, 5); len(found) == 0 || found[0].Code != want {
			t.Errorf("%q finds %v", typed, found)
		}
	}
	found := k.FindPlaces("iztapalapa", 5)
	if len(found) != 1 || found[0].Text != "Iztapalapa, Mexico City" || k.PlaceCode(" iztapalapa, mexico city") != "MX09007" || k.PlaceCode("MX09007") != "MX09007" {
		t.Errorf("it is offered as %v", found)
	}
	if code := k.PlaceCode("behind the church"); code != "" {
		t.Errorf("words of somebody's own are %s", code)
	}
	if levels := k.PlaceChain("MX09007"); levels[0].Code != "MX09" || levels[1].Name != "Iztapalapa" || levels[2].Code != "" {
		t.Errorf("it lies in %v", levels)
	}

	// The next edition: one place is renamed, one is gone, one is new. In the
	// shape of the global list, where the country is no place.
	next := "Location,Admin Level,P-Code,Name,Parent P-Code\nMEX,1,MX09,Mexico City,MEX\nMEX,2,MX09007,Ixtapalapa,MX09\nMEX,2,MX09001,Tlalpan,MX09\n"
	got, err = k.BringPlaces(t.Context(), sheet(t, next), true, false, ana)
	if err != nil || got.Added != 1 || got.Changed != 2 || got.Gone != 4 {
		t.Errorf("the next edition: %+v, %v", got, err)
	}
	if k.PlaceCode("Santa Clara, Veracruz") != "" || k.PlaceChain("MX30100")[1].Name != "Santa Clara" {
		t.Error("a place that is gone is offered, or cannot be read any more")
	}
	// The edition is taken back: the places are as before, the new one is not offered.
	if !k.CanTakeBack(lists.PlacesName) {
		t.Error("the edition cannot be taken back")
	}
	if err := k.TakeBack(t.Context(), lists.PlacesName, ana); err != nil {
		t.Fatal(err)
	}
	if k.PlaceCode("Santa Clara, Veracruz") == "" || k.PlaceCode("Iztapalapa, Mexico City") != "MX09007" || k.PlaceCode("Tlalpan, Mexico City") != "" || k.PlaceChain("MX09001")[1].Name != "Tlalpan" {
		t.Error("after the edition was taken back the places are not as before")
	}
	if err := k.TakeBack(t.Context(), lists.PlacesName, ana); !errors.Is(err, lists.WrongName) || k.CanTakeBack(lists.PlacesName) {
		t.Errorf("taken back twice: %v", err)
	}
	if log, err := k.History(lists.PlacesName); err != nil || len(log) != 3 || log[1].By != "ana" {
		t.Errorf("the history: %+v, %v", log, err)
	}
}

// One wrong line, and nothing is taken; every wrong one is named.
func TestWrongLinesOfPlaces(t *testing.T) {
	k := open(t, storetest.Open(t))
	bad := "code,name,parent\nA1,North,\n,South,\nA3,,\nA4,West,A9\nA1,Other,\n=A,Bad,\nB1,Round,B2\nB2,About,B1\n"
	got, err := k.BringPlaces(t.Context(), sheet(t, bad), false, false, ana)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, f := range got.Findings {
		said = append(said, fmt.Sprint(f.Line, " ", string(f.What)))
	}
	if want := "3 line.code, 4 line.name, 5 line.parent, 6 line.twice, 7 line.badcode, 8 line.circle, 9 line.circle"; strings.Join(said, ", ") != want {
		t.Errorf("found: %s", strings.Join(said, ", "))
	}
	if n, _ := k.Places(); n != 0 {
		t.Errorf("%d places were taken", n)
	}
	got, err = k.BringPlaces(t.Context(), sheet(t, "town,people\nX,4\n"), false, false, ana)
	if err != nil || len(got.Findings) != 1 || got.Findings[0].What != lists.LineColumns {
		t.Errorf("a table of something else: %+v, %v", got, err)
	}
}

// Two of the same name in the same area are told apart by their codes.
func TestPlacesOfOneName(t *testing.T) {
	k := open(t, storetest.Open(t))
	if _, err := k.BringPlaces(t.Context(), sheet(t, "code,name,parent\nA,North,\nA1,San Juan,A\nA2,San Juan,A\n"), false, false, ana); err != nil {
		t.Fatal(err)
	}
	found := k.FindPlaces("san juan", 5)
	if len(found) != 2 || found[0].Text == found[1].Text || k.PlaceCode(found[0].Text) != found[0].Code || k.PlaceCode(found[1].Text) != found[1].Code || k.PlaceCode("San Juan, North") != "" {
		t.Errorf("offered: %v", found)
	}
}

// Needs come from a table too, with the words of each language in a column.
func TestChoicesOfATable(t *testing.T) {
	s := storetest.Open(t)
	k := open(t, s)
	text := "code,cluster,en,label::Español (es)\nwater,,Water to drink,\nlamps,NFI,Lamps,Lámparas\n"
	dry, err := k.BringChoices(t.Context(), lists.Needs, sheet(t, text), true, ana)
	if err != nil || dry.Added != 1 || dry.Changed != 1 || k.Now().List(lists.Needs).Has("lamps") {
		t.Errorf("a trial: %+v, %v", dry, err)
	}
	if got, err := k.BringChoices(t.Context(), lists.Needs, sheet(t, text), false, ana); err != nil || got.Added != 1 || len(got.Findings) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	needs := k.Now().List(lists.Needs)
	if needs.Word("lamps", "es") != "Lámparas" || needs.Word("water", "en") != "Water to drink" || needs.Word("water", "es") == "Water to drink" {
		t.Error("the words are not those of the table")
	}
	// The file is taken back: what it added is readable and not offered, and what
	// somebody has changed since stays as they want it.
	again := func() {
		t.Helper()
		if got, err := k.BringChoices(t.Context(), lists.Needs, sheet(t, text), false, ana); err != nil || got.Added != 1 {
			t.Errorf("brought again: %+v, %v", got, err)
		}
	}
	offered := func() bool {
		l := k.Now().List(lists.Needs)
		return slices.ContainsFunc(l.On(), func(c lists.Choice) bool { return c.Code == "lamps" })
	}
	if !k.CanTakeBack(lists.Needs) || !offered() {
		t.Error("a file that was brought cannot be taken back")
	}
	if err := k.TakeBack(t.Context(), lists.Needs, ana); err != nil {
		t.Fatal(err)
	}
	if l := k.Now().List(lists.Needs); offered() || l.Word("lamps", "es") != "Lámparas" || l.Word("water", "en") == "Water to drink" || k.CanTakeBack(lists.Needs) {
		t.Errorf("after it was taken back: %v, %q", offered(), l.Word("water", "en"))
	}
	if err := k.TakeBack(t.Context(), lists.Needs, ana); !errors.Is(err, lists.WrongName) {
		t.Errorf("taken back twice: %v", err)
	}
	again()
	if err := k.Reword(t.Context(), lists.Needs, "water", lists.Words{"en": "Drinking water, boiled"}, ana); err != nil {
		t.Fatal(err)
	}
	if err := k.TakeBack(t.Context(), lists.Needs, ana); err != nil {
		t.Fatal(err)
	}
	if l := k.Now().List(lists.Needs); offered() || l.Word("water", "en") != "Drinking water, boiled" {
		t.Errorf("what was changed since is %q, lamps offered %v", l.Word("water", "en"), offered())
	}
	again()
	k = open(t, s) // also after a new start
	if !k.CanTakeBack(lists.Needs) || !offered() {
		t.Error("after a new start the file cannot be taken back")
	}
	wrong, err := k.BringChoices(t.Context(), lists.Needs, sheet(t, "code,en\n,Nothing\nsoup,Soup\nsoup,Again\nNo!,x\n"), false, ana)
	if err != nil || len(wrong.Findings) != 3 || k.Now().List(lists.Needs).Has("soup") {
		t.Errorf("wrong lines: %+v, %v", wrong, err)
	}
}

// Thousands of places stay quick to bring and to look through.
func BenchmarkPlaces(b *testing.B) {
	s := storetest.Open(b)
	k, err := lists.Open(s)
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Builder{}
	text.WriteString("code,name,parent,level\nP,Province,,1\n")
	for i := range 40_000 {
		fmt.Fprintf(&text, "P%05d,Barangay %s %d,P,4\n", i, []string{"San Isidro", "Poblacion", "Santa Cruz", "Bagong Silang"}[i%4], i)
	}
	all, err := sheets.ReadSheet([]byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := k.BringPlaces(b.Context(), all, false, false, ana); err != nil {
		b.Fatal(err)
	}
	k.FindPlaces("x", 1)
	for b.Loop() {
		if found := k.FindPlaces("santa cr", 10); len(found) != 10 {
			b.Fatalf("found %d", len(found))
		}
	}
}
