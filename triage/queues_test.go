package triage

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// TestALineOfOnesOwn is added under a name of any script, is served at once,
// keeps its name and what was decided about it through older versions, is not
// switched off under anybody who waits, and never goes away.
func TestALineOfOnesOwn(t *testing.T) { synctest.Test(t, ownLine) }

func ownLine(t *testing.T) {
	d := hall(t)
	d.Use(ShippedRouting())
	s := storetest.Open(t)
	routes := NewRoutes(s, d)
	change := func(what string, fn func(*Routing)) error {
		return routes.Change(t.Context(), what, "rosa", "Rosa", "web", func(r *Routing) error { fn(r); return nil })
	}
	ids := []string{}
	for _, name := range []string{"Médico y farmacia", "العيادة", "العيادة 2", "promise", "Medico y farmacia!", "7th district"} {
		must(t, change("line", func(r *Routing) { ids = append(ids, r.AddQueue(name)) }))
	}
	if want := []string{"medico-y-farmacia", "line", "line-2", "promise-2", "medico-y-farmacia-2", "line-7th-district"}; !slices.Equal(ids, want) {
		t.Errorf("the lines are %q, want %q", ids, want)
	}
	medical := ids[0]
	if err := change("line", func(r *Routing) { r.AddQueue(" médico Y farmacia ") }); err == nil {
		t.Error("two lines have one name")
	}
	older, err := routes.History(1)
	must(t, err)

	// Who takes it is chosen by profile, and a caller is offered at once.
	must(t, change("profile", func(r *Routing) { r.Answer(medical, "all"); r.Answer(medical, "private") }))
	if l := routes.Routing().Profile("all").Lines; l[len(l)-1] != (Line{Queue: medical, Priority: 2}) {
		t.Errorf("it is answered as %+v, want like help", l[len(l)-1])
	}
	signIn(t, d, "amal", "all")
	p := enter(t, d, "c1", medical)
	expect(t, p, PlaceOffered, "amal")

	// Nobody is left in a line that is switched off.
	off := func(is bool) func(*Routing) {
		return func(r *Routing) {
			for i := range r.Queues {
				if r.Queues[i].ID == medical {
					r.Queues[i].Off = is
				}
			}
			for i := range r.Profiles {
				r.Profiles[i].Lines = slices.DeleteFunc(r.Profiles[i].Lines, func(l Line) bool { return l.Queue == medical })
			}
		}
	}
	if err := change("off", off(true)); err == nil || !strings.Contains(err.Error(), "1 people wait in this line") {
		t.Errorf("switched off under a caller: %v", err)
	}
	p.Leave()
	must(t, change("off", off(true)))
	if r := routes.Routing(); r.Has(medical) || slices.Contains(d.Queues(), medical) || r.Texts("es")["queue."+medical] != "Médico y farmacia" {
		t.Error("a line that is off takes callers, or has lost its name")
	}

	// Who is sent there nevertheless is helped by those who help everybody.
	p = enter(t, d, "c2", medical)
	_, waiting := d.View()
	if len(waiting) != 1 || waiting[0].Queue != QueueHelp || d.Losses() != 1 {
		t.Errorf("who was sent to a line that is off waits as %+v", waiting)
	}
	p.Leave()

	// An older version brings back settings and neither takes lines away nor
	// switches them on.
	must(t, routes.Restore(t.Context(), older[0].ID, "rosa", "Rosa", "web"))
	must(t, routes.Restore(t.Context(), "", "rosa", "Rosa", "web"))
	if r := routes.Routing(); r.Has(medical) || !r.Has(ids[1]) || r.Queue(ids[1]).Name != "العيادة" {
		t.Errorf("after going back the lines are %+v", r.Queues)
	}
	if err := change("line", func(r *Routing) {
		r.Queues = slices.DeleteFunc(r.Queues, func(q Queue) bool { return q.ID == ids[1] })
	}); err == nil {
		t.Error("a line was taken away")
	}
	must(t, change("on", off(false)))

	// A routing from elsewhere holds as a whole; lines that it does not know are
	// off.
	other := ShippedRouting()
	other.Queues = append(other.Queues, Queue{ID: "water", Name: "Water", Names: map[string]string{"fr": "Eau"}})
	must(t, routes.Check(other))
	must(t, routes.Replace(t.Context(), other, "rosa", "Rosa", "command"))
	if r := routes.Routing(); !r.Has("water") || r.Has(medical) || r.Queue(medical).Name == "" || r.Texts("fr")["queue.water"] != "Eau" || r.Texts("en")["queue.water"] != "Water" {
		t.Errorf("after a routing from elsewhere the lines are %+v", r.Queues)
	}

	var refused FieldError
	for words, change := range map[string]func(*Routing){
		"cannot be switched off":  func(r *Routing) { r.Queues[1].Off = true },
		"keep their names":        func(r *Routing) { r.Queues[0].Name = "Urgent" },
		"needs a name":            func(r *Routing) { r.Queues = append(r.Queues, Queue{ID: "nameless"}) },
		"small letters":           func(r *Routing) { r.Queues = append(r.Queues, Queue{ID: "A b", Name: "A b"}) },
		"no such line":            func(r *Routing) { r.Profiles[0].Lines = append(r.Profiles[0].Lines, Line{Queue: medical, Priority: 3}) },
		"lines of your own":       func(r *Routing) { addMany(r) },
		"name of up to":           func(r *Routing) { r.AddQueue(strings.Repeat("x", 65)) },
		"or to the promise of a ": func(r *Routing) { r.Queues[1].Over = Overflow{After: leastOver, To: medical} },
	} {
		next := routes.Routing().clone()
		change(&next)
		if err := routes.Check(next); !errors.As(err, &refused) || !strings.Contains(refused.Text, words) {
			t.Errorf("want a refusal that says %q, got %v", words, err)
		}
	}

	seen := map[string]int{}
	must(t, s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(0) {
			seen[ev.Kind]++
		}
		return nil
	}))
	if seen[EventQueueAdded] != 7 || seen[EventQueueOff] < 2 || seen[EventQueueOn] != 1 {
		t.Errorf("the log tells of %v", seen)
	}
}

func addMany(r *Routing) {
	for range mostQueues + 1 {
		r.AddQueue(r.freeID("many"))
	}
}

// TestNobodyIsLeftInALineThatGoes: a caller who entered in the very moment in
// which the line was switched off.
func TestNobodyIsLeftInALineThatGoes(t *testing.T) { synctest.Test(t, goneLine) }

func goneLine(t *testing.T) {
	d := hall(t)
	r := ShippedRouting()
	id := r.AddQueue("Shelter")
	d.Use(r)
	p := enter(t, d, "c1", id)
	r = r.clone()
	r.Queues[len(r.Queues)-1].Off = true
	d.Use(r)
	signIn(t, d, "amal", "all")
	expect(t, p, PlaceOffered, "amal")
	if _, waiting := d.View(); waiting[0].Queue != QueueHelp {
		t.Errorf("the caller is offered in %q", waiting[0].Queue)
	}
}
