package operation

import (
	"errors"
	"testing"

	"hotline/appliance/store/storetest"
)

func TestFactsAreCheckedAndKept(t *testing.T) {
	s := storetest.Open(t)
	if f, err := Read(s); err != nil || f != (Facts{}) {
		t.Fatalf("at first: %+v %v", f, err)
	}
	for wrong, f := range map[Mistake]Facts{WrongGlide: {Glide: "haiti 2010"}, WrongCountry: {Country: "Atlantis"}} {
		if err := Set(t.Context(), s, f, "ana"); !errors.Is(err, wrong) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	for typed, want := range map[string]string{"ht": "HTI", "HTI": "HTI", " MX ": "MEX", "": "", "ZZ": "", "001": ""} {
		if got := ISO3(typed); got != want {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
	if err := Set(t.Context(), s, Facts{Glide: " eq-2010-000009-hti", Country: "ht", Organisation: " Red Cross "}, "ana"); err != nil {
		t.Fatal(err)
	}
	if f, err := Read(s); err != nil || f != (Facts{"EQ-2010-000009-HTI", "HTI", "Red Cross"}) {
		t.Errorf("kept: %+v %v", f, err)
	}
}
