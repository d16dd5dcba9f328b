package volunteers

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// keeping is a store for a registry, and its lists.
func keeping(t *testing.T) (*store.Store, *lists.Keeper) {
	s := storetest.Open(t)
	return s, liststest.Open(t, s)
}

// Who is under 18 works by day, with a guardian who can be rung, and never where
// callers are in danger. An adult's hours are written down whenever they are.
func TestWhoIsUnder18WorksByDayWithAGuardian(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 30, 0, 0, time.UTC) }
	young := Registrant{Age: Minor, GuardianName: "Rosa", GuardianPhone: "+525512345679", GuardianConsent: true, Screening: StatusApproved, Trained: Trainings()}
	for hour := range 24 {
		want := error(ErrDaytime)
		if hour >= 6 && hour < 20 {
			want = nil
		}
		if err := young.mayWorkAt(at(hour)); !errors.Is(err, want) {
			t.Errorf("at %d: %v", hour, err)
		}
	}
	if young.MayTakePrivate() {
		t.Error("somebody under 18 may take private calls")
	}
	young.GuardianPhone = ""
	if err := young.mayWorkAt(at(12)); !errors.Is(err, ErrGuardian) || !slices.Contains(young.Missing(), "guardian") {
		t.Errorf("without a guardian who can be rung: %v", err)
	}
	if err := (Registrant{Age: Adult}).mayWorkAt(at(3)); err != nil {
		t.Errorf("an adult at night: %v", err)
	}
	s, l := keeping(t)
	g, shifts := NewRegistry(s, l), NewShifts(s, nil, "MX")
	p, err := g.Save(t.Context(), Registrant{Source: "phone", Phone: "+525512345678", Age: Minor}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shifts.CheckIn(t.Context(), p.ID, "", MethodPIN); !errors.Is(err, ErrGuardian) || !p.Incomplete {
		t.Errorf("checked in without a guardian: %v", err)
	}
}

// However people press, nobody is sent to work who may not be, nobody is at
// work twice, and the history tells the whole way.
func TestNoWayLeadsAroundTheGuards(t *testing.T) {
	s := storetest.Open(t)
	g, shifts := NewRegistry(s, liststest.Open(t, s)), NewShifts(s, nil, "MX")
	r := rand.New(rand.NewPCG(7, 11))
	ctx := t.Context()
	reached := map[Status]bool{}
	for range 8 {
		start := Registrant{Source: "phone", Phone: "+525512345678", Age: []AgeBand{Adult, Minor, ""}[r.IntN(3)], GuardianName: "Rosa", GuardianPhone: "+525512345679"}
		if r.IntN(2) == 0 {
			start.Consent, start.Conduct = Consent{Given: true}, Consent{Given: true}
		}
		p, err := g.Save(ctx, start, nil)
		if err != nil {
			t.Fatal(err)
		}
		open := false // a shift
		for range 60 {
			before := p
			var tried error
			what := ""
			switch n := r.IntN(10); {
			case n < 6: // mostly something that the page offers
				offered := p.Steps()
				if r.IntN(3) > 0 { // and mostly one that leads on
					offered = slices.DeleteFunc(offered, func(s Step) bool {
						return slices.Contains([]string{"hold", "withdraw", "suspend", "decline", "condition", "release"}, s.Name)
					})
				}
				if len(offered) == 0 {
					continue
				}
				what = offered[r.IntN(len(offered))].Name
				_, tried = g.Move(ctx, p.ID, what, history.Edit{By: "ana", Why: "because"})
			case n == 6: // anything at all
				all := steps()
				what = all[r.IntN(len(all))].Name
				_, tried = g.Move(ctx, p.ID, what, history.Edit{By: "ana", Why: []string{"", "because"}[r.IntN(2)]})
			case n == 7:
				what = "check in"
				if _, tried = shifts.CheckIn(ctx, p.ID, "", MethodHand); tried == nil {
					if open {
						t.Fatal("somebody is at work twice")
					}
					open = true
				}
			case n == 8:
				what = "check out"
				if _, _, tried = shifts.CheckOut(ctx, p.ID, "", MethodHand); tried == nil {
					if !open {
						t.Fatal("somebody who was not at work left it")
					}
					open = false
				}
			default:
				what = "agree"
				if r.IntN(2) == 0 {
					_, tried = g.Agree(ctx, p.ID, []string{"data", "conduct"}[r.IntN(2)], "paper", "ana")
				} else {
					_, _, tried = g.Change(ctx, p.ID, history.Edit{By: "ana", Fields: map[string]any{"guardian_consent": r.IntN(2) == 0}})
				}
			}
			if p, err = g.Get(p.ID); err != nil {
				t.Fatal(err)
			}
			reached[p.Status] = true
			if tried != nil && !reflect.DeepEqual(p, before) {
				t.Fatalf("%s was refused (%v) and changed %+v to %+v", what, tried, before, p)
			}
			if p.Status == StatusAssigned && before.Status == StatusAvailable &&
				(p.Screening != StatusApproved || !p.Consent.Given || !p.Conduct.Given || p.Age != Adult && (!p.GuardianConsent || p.GuardianName == "")) {
				t.Fatalf("%s sent somebody to work who may not be: %+v", what, p)
			}
			if p.Status == StatusCheckedIn && before.Status != StatusCheckedIn && !open {
				t.Fatalf("%s made somebody be at work without a shift", what)
			}
		}
		list, err := g.History(p.ID)
		if err != nil {
			t.Fatal(err)
		}
		at := `"registered"`
		for _, e := range list[1:] {
			for _, f := range e.Fields {
				if f.Name != "status" {
					continue
				}
				if string(f.From) != at {
					t.Fatalf("the history has a gap: %s follows %s", f.From, at)
				}
				at = string(f.To)
			}
		}
		if at != `"`+string(p.Status)+`"` {
			t.Errorf("the history ends with %s, the record says %s", at, p.Status)
		}
	}
	for _, status := range Statuses() {
		if status != StatusDuplicate && !reached[status] {
			t.Errorf("in all these ways nobody came to %s: the test shows nothing about it", status)
		}
	}
}

func TestWhoMayNotBeSentToWorkIsToldWhy(t *testing.T) {
	g := NewRegistry(keeping(t))
	ctx := t.Context()
	p, err := g.Save(ctx, Registrant{Source: "phone", Phone: "+525512345678", Age: Minor}, nil)
	if err != nil {
		t.Fatal(err)
	}
	move := func(name string, want error) {
		t.Helper()
		if _, err := g.Move(ctx, p.ID, name, history.Edit{By: "ana", Why: "because"}); !errors.Is(err, want) {
			t.Fatalf("%s: %v, not %v", name, err, want)
		}
	}
	move("assign", ErrStep)
	for _, name := range []string{"contacted", "condition", "brief", "ready"} {
		move(name, nil)
	}
	move("assign", ErrScreening)
	for _, name := range []string{"withdraw", "return", "contacted", "approve", "brief", "ready"} {
		move(name, nil)
	}
	move("assign", ErrConsents)
	for _, to := range []string{"data", "conduct"} {
		if _, err := g.Agree(ctx, p.ID, to, "voice", "ana"); err != nil {
			t.Fatal(err)
		}
	}
	move("assign", ErrGuardian)
	for _, fields := range []map[string]any{{"guardian_consent": true}, {"guardian_name": "Rosa"}} {
		if _, _, err := g.Change(ctx, p.ID, history.Edit{By: "ana", Fields: fields}); err != nil {
			t.Fatal(err)
		}
		move("assign", ErrGuardian) // a promise of somebody whom nobody can ring
	}
	if _, _, err := g.Change(ctx, p.ID, history.Edit{By: "ana", Fields: map[string]any{"guardian_phone": "+525512345679"}}); err != nil {
		t.Fatal(err)
	}
	move("assign", nil)
	if _, err := g.Move(ctx, p.ID, "suspend", history.Edit{By: "ana"}); !errors.Is(err, ErrStepWhy) {
		t.Errorf("somebody was suspended without a reason: %v", err)
	}
	if p, err = g.Get(p.ID); err != nil || p.MayTakePrivate() {
		t.Errorf("a minor may take private calls (%v)", err)
	}
}

func TestTwoWhoChangeTheSameFieldAreToldOfEachOther(t *testing.T) {
	g := NewRegistry(keeping(t))
	p, err := g.Save(t.Context(), Registrant{Source: "phone", GivenName: "Ana"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(by, shown, name, area string) []history.Conflict {
		t.Helper()
		_, conflicts, err := g.Change(t.Context(), p.ID, history.Edit{By: by, Fields: map[string]any{"given_name": name, "area": area}, Shown: map[string]any{"given_name": shown}})
		if err != nil {
			t.Fatal(err)
		}
		return conflicts
	}
	if c := edit("bea", "Ana", "Anna", "06700"); len(c) != 0 {
		t.Fatalf("the first one is in conflict: %v", c)
	}
	if c := edit("carla", "Ana", "Hannah", "06800"); len(c) != 1 || string(c[0].Theirs) != `"Anna"` || string(c[0].Mine) != `"Hannah"` {
		t.Fatalf("the second one is told %v", c)
	}
	now, err := g.Get(p.ID)
	if err != nil || now.GivenName != "Anna" || now.Area != "06800" {
		t.Errorf("the record says %s in %s (%v)", now.GivenName, now.Area, err)
	}
	for field, value := range map[string]any{"status": "available", "id": "x", "consent": true, "skills": []string{"sorcery"}, "hours_day": 25, "hours_day ": "many"} {
		if _, _, err := g.Change(t.Context(), p.ID, history.Edit{Fields: map[string]any{field: value}}); err == nil {
			t.Errorf("%s became %v", field, value)
		}
	}
}

func registered(t *testing.T, g *Registry, r *rand.Rand) Registrant {
	t.Helper()
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	p := Registrant{Source: "phone", Phone: call.Number(pick("", "+525511110001", "+525511110002")), GivenName: pick("", "Ana", "Anna"), FamilyName: pick("", "Muñoz"),
		Age: AgeBand(pick("", "adult", "16-17")), Area: pick("", "06700", "11000"), Languages: []string{pick("es", "en")}, Email: pick("", "a@example.org"), Notes: pick("", "tall")}
	for range r.IntN(3) {
		p.Skills = append(p.Skills, Skills()[r.IntN(4)])
	}
	p.Skills = slices.Compact(p.Skills)
	p.Consent.Given = r.IntN(2) == 0
	p, err := g.Save(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = g.Get(p.ID); err != nil {
		t.Fatal(err)
	}
	return p
}

// What merging did is undone exactly, in whatever order several are merged.
func TestUnmergeRestoresExactly(t *testing.T) {
	g := NewRegistry(keeping(t))
	r := rand.New(rand.NewPCG(9, 10))
	ctx := t.Context()
	same := func(id string, want Registrant) {
		t.Helper()
		got, err := g.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		got.UpdatedAt = want.UpdatedAt
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("it is\n%+v\nand was\n%+v", got, want)
		}
	}
	for round := range 12 {
		keep, gone, third := registered(t, g, r), registered(t, g, r), registered(t, g, r)
		merged, err := g.Merge(ctx, keep.ID, gone.ID, "ana", "same voice")
		if err != nil {
			t.Fatal(err)
		}
		if merged.Age == "" && gone.Age != "" || merged.Phone == "" && gone.Phone != "" || !slices.Contains(merged.Merged, gone.ID) {
			t.Fatalf("%+v merged with %+v is %+v", keep, gone, merged)
		}
		if found, err := g.ByCode(gone.Code); err != nil || found.ID != keep.ID {
			t.Fatalf("the code of the duplicate leads to %s (%v)", found.ID, err)
		}
		if _, err := g.Merge(ctx, third.ID, gone.ID, "ana", ""); !errors.Is(err, ErrMerge) {
			t.Fatalf("a duplicate was merged again: %v", err)
		}
		if round%2 == 0 { // a second one into the same, taken back first or last
			if _, err := g.Merge(ctx, keep.ID, third.ID, "ana", ""); err != nil {
				t.Fatal(err)
			}
			if _, err := g.Unmerge(ctx, third.ID, "ana", ""); err != nil {
				t.Fatal(err)
			}
			same(third.ID, third)
			same(keep.ID, merged)
		}
		if _, err := g.Unmerge(ctx, gone.ID, "ana", "two sisters"); err != nil {
			t.Fatal(err)
		}
		same(keep.ID, keep)
		same(gone.ID, gone)
		if _, err := g.Unmerge(ctx, gone.ID, "ana", ""); !errors.Is(err, ErrUnmerge) {
			t.Fatalf("it was taken back twice: %v", err)
		}
		for _, one := range []Registrant{keep, gone} {
			if one.Phone == "" {
				continue
			}
			list, err := g.ByPhone(one.Phone)
			if err != nil || !slices.ContainsFunc(list, func(x Registrant) bool { return x.ID == one.ID }) {
				t.Fatalf("%s is not found by its number any more (%v)", one.ID, err)
			}
		}
	}
}

// What people change between merging and taking it back stays.
func TestUnmergeKeepsWhatCameAfter(t *testing.T) {
	g := NewRegistry(keeping(t))
	ctx := t.Context()
	keep, err := g.Save(ctx, Registrant{Source: "phone", GivenName: "Ana"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone, err := g.Save(ctx, Registrant{Source: "phone", Area: "06700", Email: "ana@example.org"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Merge(ctx, keep.ID, gone.ID, "ana", ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Change(ctx, keep.ID, history.Edit{Fields: map[string]any{"area": "11000"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Unmerge(ctx, gone.ID, "ana", ""); err != nil {
		t.Fatal(err)
	}
	now, err := g.Get(keep.ID)
	if err != nil || now.Area != "11000" || now.Email != "" {
		t.Errorf("after it was taken back it says %q, %q (%v)", now.Area, now.Email, err)
	}
	list, err := g.History(keep.ID)
	if err != nil || len(list) != 4 || list[1].What != "merged" || list[3].What != "unmerged" {
		t.Errorf("the history is %+v (%v)", list, err)
	}
}
