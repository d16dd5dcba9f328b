package find_test

import (
	"context"
	"log/slog"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/find"
	"hotline/volunteers"
)

// rig is the real records with a finder over them.
type rig struct {
	store    *store.Store
	contacts *triage.Contacts
	cases    *triage.Cases
	registry *volunteers.Registry
	cards    *cards.Cards
	lists    *lists.Keeper
	finder   *find.Finder
}

func newRig(t *testing.T, s *store.Store) *rig {
	t.Helper()
	filed, err := cards.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	kept := liststest.Open(t, s)
	r := &rig{lists: kept, cards: filed, store: s, contacts: triage.NewContacts(s), cases: triage.NewCases(s, kept), registry: volunteers.NewRegistry(s, kept)}
	r.finder = find.New(find.Config{Lists: kept, Store: s, Contacts: r.contacts, Cases: r.cases, Registrants: r.registry, Cards: filed, Region: "MX",
		Names: func(_, value string) []string { return []string{kept.Now().List(lists.Needs).Word(value, "en")} },
		Log:   slog.New(slog.DiscardHandler)})
	return r
}

// run starts the finder and waits until it knows all records.
func (r *rig) run(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.finder.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
	})
	select {
	case <-r.finder.Ready():
	case <-time.After(time.Minute):
		t.Fatal("the index was not built within a minute")
	}
}

func (r *rig) call(t *testing.T, number string) string {
	t.Helper()
	k, err := r.contacts.Open(t.Context(), triage.Contact{Channel: "phone", Direction: "in", Caller: call.Number(number)})
	if err != nil {
		t.Fatal(err)
	}
	return k.ID
}

func (r *rig) save(t *testing.T, contact string, fields map[string]any) string {
	t.Helper()
	cs, err := r.cases.Save(t.Context(), contact, "ana", fields)
	if err != nil {
		t.Fatal(err)
	}
	return cs.ID
}

// finds checks that the filter finds exactly these records.
func (r *rig) finds(t *testing.T, query string, want ...string) {
	t.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.finder.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	got := r.finder.Find(find.ParseFilter(q), 0, 50).IDs
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s finds %v, not %v", query, got, want)
	}
}

func TestWhatIsSavedCanBeFoundAndWhatIsProtectedCannot(t *testing.T) {
	r := newRig(t, storetest.Open(t))
	before := r.call(t, "+525511112222")
	r.run(t)
	contact := r.call(t, "+525512345678")
	id := r.save(t, contact, map[string]any{"name": "María Muñoz", "place": "Iztapalapa", "landmark": "Panadería La Luna", "top_need": "water",
		"more_needs": []string{"baby_food"}, "notes": "dog on the roof"})
	r.finds(t, "tab=contacts&q=1111", before)
	r.finds(t, "tab=contacts&q=55+1234+5678", contact)
	for _, q := range []string{"munos", "iztapalapa", "panaderia", "roof", "5678", "maria+5512", "&need=water", "&need=baby_food&need=food", "&status=open"} {
		r.finds(t, "tab=cases&q="+q, id)
	}
	r.finds(t, "tab=cases&q=&need=food")
	r.finds(t, "tab=cases&from="+time.Now().Format(time.DateOnly), id)
	r.finds(t, "tab=cases&q="+time.Now().AddDate(0, 0, -2).Format("2.1.2006"))

	r.save(t, contact, map[string]any{"name": "Marta"})
	r.finds(t, "tab=cases&q=munos")
	r.finds(t, "tab=cases&q=marta", id)

	r.save(t, contact, map[string]any{"talk_freely": "specialist"})
	for _, q := range []string{"tab=cases&q=marta", "tab=cases&q=5678", "tab=contacts&q=5678", "tab=cases", "tab=contacts&q=" + contact} {
		r.finds(t, q)
	}
	r.finds(t, "tab=contacts", before)
}

func TestRegistrantsAreFoundBySkillAndArea(t *testing.T) {
	r := newRig(t, storetest.Open(t))
	ids := map[string]string{}
	for name, g := range map[string]volunteers.Registrant{
		"near":  {Phone: "+525511110001", GivenName: "Ana", Skills: []volunteers.Skill{volunteers.SkillNurse}, Area: "06700"},
		"next":  {Phone: "+525511110002", GivenName: "Béatrice", Skills: []volunteers.Skill{volunteers.SkillDriver, volunteers.SkillNurse}, Area: "06850"},
		"far":   {Phone: "+525511110003", GivenName: "Carla", Skills: []volunteers.Skill{volunteers.SkillNurse}, Area: "83000"},
		"cook":  {Phone: "+525511110004", GivenName: "Dora", Skills: []volunteers.Skill{volunteers.SkillCooking}, Area: "06700"},
		"blank": {Phone: "+525511110005"},
	} {
		g.Languages = []string{"es", "es"}
		saved, err := r.registry.Save(t.Context(), g, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = saved.ID
	}
	r.run(t)
	r.finds(t, "tab=registrants&skill=nurse&area=067,+068", ids["near"], ids["next"])
	r.finds(t, "tab=registrants&skill=nurse&skill=cooking&area=06700", ids["near"], ids["cook"])
	// Twenty nurses within these areas who are free tomorrow, in one query.
	monday, saturday := "2026-11-30", "2026-12-05"
	for name, step := range map[string]struct{ availability, from string }{"near": {"now", ""}, "next": {"weekends", ""}, "far": {"week", "2026-12-03"}} {
		if _, _, err := r.registry.Change(t.Context(), ids[name], history.Edit{Fields: map[string]any{"availability": step.availability, "available_from": step.from}}); err != nil {
			t.Fatal(err)
		}
		for _, move := range []string{"contacted", "approve", "brief", "ready"} {
			if _, err := r.registry.Move(t.Context(), ids[name], move, history.Edit{By: "ana"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.finds(t, "tab=registrants&skill=nurse&area=067+068&free="+monday, ids["near"])
	r.finds(t, "tab=registrants&skill=nurse&area=067+068&free="+saturday, ids["near"], ids["next"])
	r.finds(t, "tab=registrants&skill=nurse&free="+saturday, ids["near"], ids["next"], ids["far"])
	if _, err := r.registry.Move(t.Context(), ids["near"], "hold", history.Edit{By: "ana"}); err != nil {
		t.Fatal(err)
	}
	r.finds(t, "tab=registrants&skill=nurse&area=067+068&free="+monday)
	r.finds(t, "tab=registrants&q=beatriz", ids["next"])
	r.finds(t, "tab=registrants&q=10003", ids["far"])
	all, err := r.finder.All(find.ParseFilter(url.Values{"tab": {"registrants"}, "language": {"es"}}))
	if err != nil || len(all) != 5 || !slices.IsSorted(all) {
		t.Errorf("all that speak Spanish are %v (%v), not five in the order of their age", all, err)
	}
}

// Records are found under the words that a choice has now, and by the codes of
// the places in which theirs lies.
func TestNewWordsOfAChoiceAndPlaces(t *testing.T) {
	r := newRig(t, storetest.Open(t))
	r.run(t)
	by := lists.Actor{ID: "ana", Name: "Ana", Via: "web"}
	file, err := table.ReadSheet([]byte("code,name,parent\nMX30,Veracruz,\nMX30100,Santa Clara,MX30\n"))
	if err == nil {
		_, err = r.lists.BringPlaces(t.Context(), file, false, false, by)
	}
	if err != nil {
		t.Fatal(err)
	}
	id := r.save(t, r.call(t, "+525512345678"), map[string]any{"top_need": "nfi", "place": "Santa Clara, Veracruz"})
	finds := func(text string) bool {
		if err := r.finder.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := r.finder.Find(find.Filter{Kind: find.Cases, Text: text}, 0, 10)
		return len(got.IDs) == 1 && got.IDs[0] == id
	}
	if !finds("blankets") || !finds("MX30") || !finds("MX30100") {
		t.Error("it is not found by need and place")
	}
	if err := r.lists.Reword(t.Context(), lists.Needs, "nfi", lists.Words{"en": "Hammocks"}, by); err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); !finds("hammocks"); {
		if time.Now().After(limit) {
			t.Fatal("it is not found by the new words")
		}
		runtime.Gosched()
	}
}

// Cases in which an answer lacks that must be asked for are picked, and exported,
// by that; another question that must be asked changes it for cases that are
// there.
func TestIncompleteCasesArePicked(t *testing.T) {
	r := newRig(t, storetest.Open(t))
	r.run(t)
	k := r.call(t, "+525512345678")
	whole := r.save(t, k, map[string]any{"place": "Santa Clara", "people_total": 4, "top_need": "water"})
	lacks := r.save(t, r.call(t, "+525512345679"), map[string]any{"place": "Santa Clara"})
	r.finds(t, "tab=cases&complete=no", whole, lacks) // whether they may be passed on
	r.save(t, k, map[string]any{"may_share": "no"})
	r.finds(t, "tab=cases&complete=no", lacks)
	r.finds(t, "tab=cases&complete=yes", whole)
	left := func(want string) bool {
		set, _, ids, err := r.finder.Only("tab=cases&complete=" + want)
		if err != nil || set != "cases" {
			t.Fatal(set, err)
		}
		got, err := ids()
		if err != nil {
			t.Fatal(err)
		}
		return got[whole]
	}
	if !left("yes") || left("no") {
		t.Error("the export of complete cases is not of those that are found")
	}
	by := lists.Actor{ID: "ana", Name: "Ana", Via: "web"}
	for _, must := range []bool{true, false} {
		if err := r.lists.Require(t.Context(), "landmark", must, by); err != nil {
			t.Fatal(err)
		}
		for limit := time.Now().Add(time.Minute); left("no") != must; {
			if time.Now().After(limit) {
				t.Fatalf("with a question that must be asked (%v), the case is not found as it is", must)
			}
			runtime.Gosched()
		}
	}
}

func TestAFilterIsTheSameInTheAddress(t *testing.T) {
	for _, query := range []string{
		"tab=contacts", "tab=cases&q=maria+5512&level=R&level=O&from=2026-11-01&until=2026-11-20",
		"tab=registrants&skill=nurse&area=067+068&status=available&free=2026-11-30",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		f := find.ParseFilter(q)
		if again := find.ParseFilter(f.Values()); !reflect.DeepEqual(again, f) {
			t.Errorf("%s becomes %+v, and read again %+v", query, f, again)
		}
	}
	hostile := find.ParseFilter(url.Values{"tab": {"passwords"}, "from": {"31/31/31"}, "level": {""}, "skill": {"nurse"}, "q": {"\u202eabc\x00"}})
	if hostile.Kind != find.Contacts || hostile.Text != "abc" || !hostile.From.IsZero() || len(hostile.Picks) != 0 {
		t.Errorf("what means nothing becomes %+v", hostile)
	}
	if said := (find.Filter{Kind: "cases", Text: "María"}).String(); said != "tab=cases&q=*****" {
		t.Errorf("the log would say %s", said)
	}
}

func TestCardsAreFoundByWhatTheirQuestionsSay(t *testing.T) {
	r := newRig(t, storetest.Open(t))
	add := func(kind string, values map[string]any) cards.Card {
		t.Helper()
		card, err := r.cards.Add(t.Context(), kind, "", values, "ana")
		if err != nil {
			t.Fatal(err)
		}
		return card
	}
	lost := add(cards.MissingPersons, map[string]any{"full_name": "محمد يوسف", "sex": "male", "phone_carried": "+525512345678"})
	r.run(t)
	thanks := add(cards.Feedback, map[string]any{"type": "thanks", "text": "the water came"})
	secret := add(cards.Feedback, map[string]any{"type": "complaint", "text": "the water was sold", "sensitive": true})
	r.finds(t, "tab=missing_persons&q=muhammad+yusuf", lost.ID)
	r.finds(t, "tab=missing_persons&sex=male&q=5678", lost.ID)
	r.finds(t, "tab=feedback&q=water", thanks.ID)
	r.finds(t, "tab=feedback&q="+secret.Code)
	if _, _, err := r.cards.Change(t.Context(), thanks.ID, history.Edit{Fields: map[string]any{"sensitive": true}}); err != nil {
		t.Fatal(err)
	}
	r.finds(t, "tab=feedback&q=water")
	for _, kind := range cards.Kinds() {
		k, _ := r.cards.Kind(kind)
		var lists []string
		for _, f := range k.Fields {
			if f.Find == "list" {
				lists = append(lists, f.Name)
			}
		}
		if !slices.Equal(lists, find.Fields(kind)) {
			t.Errorf("%s can be picked by %v, its questions say %v", kind, find.Fields(kind), lists)
		}
	}
}
