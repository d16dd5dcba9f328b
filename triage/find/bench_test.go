package find

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers"
)

// BenchmarkSearch searches a million contacts, 200,000 cases and 100,000
// registrants, or of each the part that FIND_PART divides them by. It prints
// how long people wait for an answer, what the index takes of the memory, and
// how long it is built behind the calls. make bench runs it whole.
func BenchmarkSearch(b *testing.B) {
	part := 1
	if text := os.Getenv("FIND_PART"); text != "" {
		var err error
		if part, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("index", func(b *testing.B) { benchIndex(b, part) })
	b.Run("build", func(b *testing.B) { benchBuild(b, 10*part) })
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func benchFinder(b *testing.B) (*Finder, *store.Store) {
	s, err := store.Open(b.TempDir(), quiet())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	filed, err := cards.Open(s)
	if err != nil {
		b.Fatal(err)
	}
	kept := liststest.Open(b, s)
	return New(Config{Cards: filed, Store: s, Lists: kept, Contacts: triage.NewContacts(s), Cases: triage.NewCases(s, kept), Registrants: volunteers.NewRegistry(s, kept), Region: "MX", Log: quiet()}), s
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func benchIndex(b *testing.B, part int) {
	f, s := benchFinder(b)
	r := rand.New(rand.NewPCG(1, 2))
	w := newWorld(r)
	before := heap()
	begun := time.Now()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	id := ids(b, s)
	for range 1_000_000 / part {
		at = at.Add(time.Second)
		d, _ := contactDoc(w.contact(id(), at))
		f.put(Contacts, d)
	}
	for range 200_000 / part {
		at = at.Add(time.Second)
		d, _ := f.caseDoc(w.aCase(id(), at))
		f.put(Cases, d)
	}
	for range 100_000 / part {
		at = at.Add(time.Second)
		d, _ := f.registrantDoc(w.registrant(id(), at))
		f.put(Registrants, d)
	}
	filled := time.Since(begun)
	b.Logf("%d records are indexed in %s; the index takes %d MB", 1_300_000/part, filled.Round(time.Millisecond), (heap()-before)>>20)
	queries := map[string]func() string{
		"4 digits, contacts":        func() string { return fmt.Sprintf("tab=contacts&q=%04d", r.IntN(1e4)) },
		"3 digits, contacts":        func() string { return fmt.Sprintf("tab=contacts&q=%03d", r.IntN(1e3)) },
		"national number, contacts": func() string { return fmt.Sprintf("tab=contacts&q=0+55+%04d+%04d", r.IntN(1e4), r.IntN(1e4)) },
		"everything, contacts":      func() string { return "tab=contacts" },
		"filters, contacts":         func() string { return "tab=contacts&level=R&level=O&queue=help&language=es&from=2026-01-03" },
		"name with a slip, cases":   func() string { return "tab=cases&q=" + url.QueryEscape(w.slip(w.name())) },
		"two names, cases":          func() string { return "tab=cases&q=" + url.QueryEscape(w.name()+" "+w.name()) },
		"one letter, cases":         func() string { return "tab=cases&q=" + string(rune('a'+r.IntN(26))) },
		"word of a note, cases":     func() string { return "tab=cases&q=" + url.QueryEscape(w.word()) },
		"number, cases":             func() string { return fmt.Sprintf("tab=cases&q=%06d", r.IntN(1e6)) },
		"place and need, cases":     func() string { return "tab=cases&need=water&q=" + url.QueryEscape(w.place()) },
		"nurses in areas":           func() string { return "tab=registrants&skill=nurse&area=06+07+11&status=available" },
		"name with a slip, people":  func() string { return "tab=registrants&q=" + url.QueryEscape(w.slip(w.name())) },
	}
	var all []time.Duration
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range queries {
			if !yield(name) {
				return
			}
		}
	}) {
		var took []time.Duration
		found := 0
		for range 60 {
			q, err := url.ParseQuery(queries[name]())
			if err != nil {
				b.Fatal(err)
			}
			filter := ParseFilter(q)
			start := time.Now()
			found += f.Find(filter, 0, 50).Count
			took = append(took, time.Since(start))
		}
		all = append(all, took...)
		slices.Sort(took)
		b.Logf("%-28s p50 %9s  p95 %9s  %8d found", name, took[len(took)/2].Round(time.Microsecond), took[len(took)*95/100].Round(time.Microsecond), found/60)
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(0, "ns/op")
}

// benchBuild writes a part of the records to a real store and has the index
// built from it as at a start.
func benchBuild(b *testing.B, part int) {
	f, s := benchFinder(b)
	w := newWorld(rand.New(rand.NewPCG(3, 4)))
	contacts, cases, registrants := store.NewTable[triage.Contact](triage.TableContacts), store.NewTable[triage.Case](triage.TableCases), store.NewTable[volunteers.Registrant](volunteers.TableRegistrants)
	total := 1_300_000 / part
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := 0; n < total; {
		upTo := min(n+5000, total)
		if err := s.Update(context.Background(), func(tx *store.Tx) error {
			for ; n < upTo; n++ {
				id, err := tx.NewID(), error(nil)
				switch {
				case n%13 < 10:
					err = contacts.Put(tx, id, w.contact(id, at))
				case n%13 < 12:
					err = cases.Put(tx, id, w.aCase(id, at))
				default:
					err = registrants.Put(tx, id, w.registrant(id, at))
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	begun := time.Now()
	if err := f.build(context.Background()); err != nil {
		b.Fatal(err)
	}
	took := time.Since(begun)
	b.Logf("%d records are read and indexed in %s: a million in %s", total, took.Round(time.Millisecond), (took * time.Duration(1_000_000) / time.Duration(total)).Round(time.Millisecond))
	b.ReportMetric(took.Seconds()/float64(total)*1e6, "s/million")
	b.ReportMetric(0, "ns/op")
}

func ids(b *testing.B, s *store.Store) func() string {
	var some []string
	return func() string {
		if len(some) == 0 {
			if err := s.View(func(tx *store.Tx) error {
				for range 10_000 {
					some = append(some, tx.NewID())
				}
				return nil
			}); err != nil {
				b.Fatal(err)
			}
			slices.Sort(some)
		}
		id := some[0]
		some = some[1:]
		return id
	}
}

// world makes up people and places with as many different words as a city has.
type world struct {
	r      *rand.Rand
	names  []string
	words  []string
	places []string
}

func newWorld(r *rand.Rand) *world {
	syllables := []string{"ma", "ri", "jo", "sé", "car", "los", "an", "na", "gar", "cía", "lo", "pez", "mu", "ñoz", "fe", "li", "pe", "dro", "sa", "ti",
		"gu", "er", "ra", "men", "do", "za", "her", "nán", "dez", "val", "bru", "no", "ver", "al", "ber", "to", "qui", "xo", "che", "ya"}
	some := func(n, most int) []string {
		var out []string
		for range n {
			w := ""
			for range 2 + r.IntN(most-1) {
				w += syllables[r.IntN(len(syllables))]
			}
			out = append(out, w)
		}
		return out
	}
	return &world{r: r, names: some(20_000, 3), words: some(60_000, 4), places: some(3_000, 4)}
}

// often picks with the first ones far more often than the last, as names are.
func (w *world) often(list []string) string {
	f := w.r.Float64()
	return list[int(f*f*f*float64(len(list)))]
}

func (w *world) name() string  { return w.often(w.names) }
func (w *world) word() string  { return w.often(w.words) }
func (w *world) place() string { return w.often(w.places) }

func (w *world) slip(name string) string {
	runes := []rune(name)
	i := w.r.IntN(len(runes) - 1)
	runes[i], runes[i+1] = runes[i+1], runes[i]
	return string(runes)
}

func (w *world) number() call.Number { return call.Number(fmt.Sprintf("+5255%08d", w.r.IntN(1e8))) }

func (w *world) of(list ...string) string { return list[w.r.IntN(len(list))] }

func (w *world) contact(id string, at time.Time) triage.Contact {
	return triage.Contact{ID: id, Channel: "phone", Direction: "in", Dialled: "100", Caller: w.number(), ReceivedAt: at, AnsweredAt: at, EndedAt: at,
		Language: w.of("es", "es", "en", "nah"), Path: []string{"language", "help"}, Keys: "1", Queue: w.of("help", "info", "volunteer", "private"),
		Outcome: triage.Outcome(w.of("answered", "abandoned_queue", "left_in_ivr", "self_service")), Disposition: w.of("info_given", "case_opened", "case_updated", "referred", "callback_set", "wrong_number"),
		Level: triage.Level(w.of("R", "O", "Y", "G", "W")), AgentName: "Agent " + strconv.Itoa(w.r.IntN(200)), Wait: w.r.IntN(600), UpdatedAt: at}
}

func (w *world) aCase(id string, at time.Time) triage.Case {
	note := ""
	for range 4 + w.r.IntN(16) {
		note += w.word() + " "
	}
	return triage.Case{ID: id, Code: fmt.Sprintf("%06d", w.r.IntN(1e6)), Caller: w.number(), Language: w.of("es", "en"), OpenedAt: at, UpdatedAt: at,
		Level: triage.Level(w.of("R", "O", "Y", "G")), Status: "open", Fields: triage.CaseFields{DangerNow: "no", Name: w.name() + " " + w.name(),
			Place: w.place() + " " + w.place(), Landmark: w.word() + " " + w.word(), TopNeed: w.of("rescue", "health_med", "water", "food", "shelter", "nfi", "family", "info", "power", "cash"),
			MoreNeeds: []string{w.of("rescue", "health_med", "water", "food", "shelter", "nfi", "family", "info", "power", "cash")}, MayShare: w.of("yes", "no"), Notes: note}}
}

func (w *world) registrant(id string, at time.Time) volunteers.Registrant {
	return volunteers.Registrant{ID: id, Code: fmt.Sprintf("%06d", w.r.IntN(1e6)), Status: volunteers.Status(w.of("registered", "available")), Phone: w.number(),
		GivenName: w.name(), FamilyName: w.name(), Area: fmt.Sprintf("%05d", w.r.IntN(1e5)), Languages: []string{"es"}, RegisteredAt: at, UpdatedAt: at,
		Skills: []volunteers.Skill{volunteers.Skills()[w.r.IntN(17)]}, Availability: volunteers.AvailableNow, Willing: volunteers.WillingArea}
}
