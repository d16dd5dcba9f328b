package search_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"hotline/appliance/search"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func id(n int) string {
	var entropy [10]byte
	entropy[8], entropy[9] = byte(n>>8), byte(n)
	id := ulid.ULID{}
	if err := id.SetTime(uint64(noon.UnixMilli()) + uint64(n)); err != nil {
		panic(err)
	}
	if err := id.SetEntropy(entropy[:]); err != nil {
		panic(err)
	}
	return id.String()
}

// index has one doc for each text, in order of age.
func index(t *testing.T, docs ...search.Doc) *search.Index {
	t.Helper()
	x := search.New(func(f search.Facet) []string {
		return map[string][]string{"nurse": {"Nurse", "Enfermera o enfermero"}}[f.Value]
	})
	for n, d := range docs {
		d.ID = id(n)
		if d.At.IsZero() {
			d.At = noon.Add(time.Duration(n) * time.Minute)
		}
		if err := x.Put("people", d); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func find(x *search.Index, q search.Query) []int {
	q.Limit = 50
	var found []int
	for _, got := range x.Find("people", q).IDs {
		for n := range 100 {
			if id(n) == got {
				found = append(found, n)
			}
		}
	}
	return found
}

func named(names ...string) []search.Doc {
	var docs []search.Doc
	for _, name := range names {
		docs = append(docs, search.Doc{Texts: []string{name}})
	}
	return docs
}

func TestNamesAreFoundAsPeopleRememberThem(t *testing.T) {
	x := index(t, named("María José Muñoz", "محمد يوسف", "Fatima Abdullah", "Łukasz Großmann", "Юсуф Хасанов",
		"Nguyễn Thị Hoa", "王小明", "Gonzalez Pérez", "עברי יוסף", "عبد الله", "Anna O’Neill")...)
	for typed, want := range map[string][]int{
		"munoz":      {0},
		"MUÑOZ":      {0},
		"Munos":      {0}, // a wrong letter
		"Muoñz":      {0}, // two swapped ones
		"jose maria": {0}, // in any order
		"mar":        {0}, // the beginning
		"Mohammed":   {1}, // in Latin letters, with the vowels that Arabic leaves out
		"muhammad":   {1},
		"محمد":       {1},
		"yusuf":      {8, 4, 1},
		"فاطمة":      {2}, // the other way round
		"abdullah":   {2, 9},
		"عبدالله":    {9, 2},
		"grossman":   {3},
		"lukasz":     {3},
		"Hasanov":    {4}, // Хасанов is Khasanov by the book
		"nguyen":     {5},
		"xiao ming":  {6},
		"gonsales":   {7},
		"Gonzales P": {7},
		"o'neill":    {10},
		"Zacharias":  nil,
		"maria zz":   nil, // every word must fit
	} {
		if got := find(x, search.Query{Text: typed}); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, not %v", typed, got, want)
		}
	}
}

func TestNumbersAreFoundInAnyNotation(t *testing.T) {
	x := index(t, search.Doc{Numbers: []string{"+525512345678"}}, search.Doc{Numbers: []string{"+442079460000", "483921"}},
		search.Doc{Numbers: []string{"+9613112233"}, Texts: []string{"Calle 1234"}})
	for typed, want := range map[string][]int{
		"5678":              {0},
		"+52 55 1234-5678":  {0},
		"(55) 1234.5678":    {0},
		"0 55 1234 5678":    {0}, // with the zero of a long-distance call
		"00525512345678":    {0},
		"٥٥١٢٣٤":            {0}, // Eastern Arabic figures
		"020 7946 0000":     {1},
		"483921":            {1},
		"03 112 233":        {2},
		"1234":              {2, 0}, // also in a text
		"12":                {2},    // in a text; every number has it
		"5512345679":        nil,
		"calle 1234":        {2},
		"+44 20 7946 00001": nil,
	} {
		if got := find(x, search.Query{Text: typed}); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, not %v", typed, got, want)
		}
	}
}

func TestChoicesAndDatesNarrowWhatIsFound(t *testing.T) {
	skill := func(s string) search.Facet { return search.Facet{Field: "skill", Value: s} }
	x := index(t,
		search.Doc{Facets: []search.Facet{skill("nurse"), skill("driver"), {Field: "status", Value: "available"}}, Keys: []string{"area:06700"}},
		search.Doc{Facets: []search.Facet{skill("nurse"), {Field: "status", Value: "registered"}}, Keys: []string{"area:06800"}},
		search.Doc{Facets: []search.Facet{skill("cook")}, Keys: []string{"area:11000"}, At: noon.AddDate(0, 0, 2)})
	for name, c := range map[string]struct {
		q    search.Query
		want []int
	}{
		"one choice":          {search.Query{Facets: [][]search.Facet{{skill("nurse")}}}, []int{1, 0}},
		"one of two":          {search.Query{Facets: [][]search.Facet{{skill("driver"), skill("cook")}}}, []int{2, 0}},
		"and another list":    {search.Query{Facets: [][]search.Facet{{skill("nurse")}, {{Field: "status", Value: "available"}}}}, []int{0}},
		"nobody chose it":     {search.Query{Facets: [][]search.Facet{{skill("diver")}}}, nil},
		"its name in Spanish": {search.Query{Text: "enfermera"}, []int{1, 0}},
		"a key":               {search.Query{Keys: [][]string{{"area:06700"}}}, []int{0}},
		"keys that begin so":  {search.Query{Keys: [][]string{{"area:06*"}}}, []int{1, 0}},
		"since a time":        {search.Query{From: noon.AddDate(0, 0, 1)}, []int{2}},
		"until a time":        {search.Query{Until: noon.Add(time.Minute)}, []int{0}},
	} {
		if got := find(x, c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s finds %v, not %v", name, got, c.want)
		}
	}
}

// A record that changes or goes is found by what it is, and by nothing else.
func TestWhatWasForgottenIsFoundNoMore(t *testing.T) {
	x := search.New(nil)
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"ana", "bruno", "carla", "dora", "egon", "fatima"}
	type known struct{ name, number, need string }
	truth := map[int]known{}
	for range 6000 {
		n := r.IntN(200)
		if r.IntN(4) == 0 {
			x.Remove("people", id(n))
			delete(truth, n)
			continue
		}
		k := known{names[r.IntN(len(names))], fmt.Sprintf("+5255%08d", r.IntN(1000)*7919), []string{"water", "food", ""}[r.IntN(3)]}
		truth[n] = k
		if err := x.Put("people", search.Doc{ID: id(n), At: noon, Texts: []string{k.name + " extra"}, Numbers: []string{k.number},
			Facets: []search.Facet{{Field: "need", Value: k.need}}, Keys: []string{"n:" + k.number}}); err != nil {
			t.Fatal(err)
		}
	}
	if x.Len("people") != len(truth) {
		t.Fatalf("%d are indexed, %d are there", x.Len("people"), len(truth))
	}
	check := func(q search.Query, fits func(known) bool) {
		t.Helper()
		var want []string
		for n, k := range truth {
			if fits(k) {
				want = append(want, id(n))
			}
		}
		slices.Sort(want)
		got := x.All("people", q)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%+v finds %d records, not %d", q, len(got), len(want))
		}
		if n := x.Find("people", q).Count; n != len(want) {
			t.Errorf("%+v counts %d records, not %d", q, n, len(want))
		}
	}
	for _, name := range names {
		check(search.Query{Text: name}, func(k known) bool { return k.name == name })
	}
	check(search.Query{Facets: [][]search.Facet{{{Field: "need", Value: "water"}}}}, func(k known) bool { return k.need == "water" })
	for _, k := range truth {
		check(search.Query{Text: k.number}, func(o known) bool { return o.number == k.number })
		check(search.Query{Keys: [][]string{{"n:" + k.number}}}, func(o known) bool { return o.number == k.number })
	}
	check(search.Query{}, func(known) bool { return true })
}

func TestPagesFollowEachOther(t *testing.T) {
	var docs []search.Doc
	for n := range 90 {
		docs = append(docs, search.Doc{Texts: []string{[]string{"ana", "anabel", "anna"}[n%3]}, At: noon.Add(time.Duration(n*37%90) * time.Minute)})
	}
	x := index(t, docs...)
	whole := x.Find("people", search.Query{Text: "ana", Limit: 90})
	if whole.Count != 60 || len(whole.IDs) != 60 { // anna is too short for a slip
		t.Fatalf("%d of %d", len(whole.IDs), whole.Count)
	}
	var pages []string
	for skip := 0; skip < 60; skip += 7 {
		pages = append(pages, x.Find("people", search.Query{Text: "ana", Skip: skip, Limit: 7}).IDs...)
	}
	if !slices.Equal(pages, whole.IDs) {
		t.Error("the pages are not the whole")
	}
}
