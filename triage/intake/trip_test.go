package intake

import (
	"bytes"
	"errors"
	"fmt"
	"hotline/appliance/export"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/proof"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/appliance/table"
	"hotline/triage/cards"
	"hotline/volunteers"
)

// What an export has written comes back: into the same hotline as what is there
// already, into an empty one with every answer, and from there again.
func TestWhatIsExportedCanBeImported(t *testing.T) {
	for round := range proof.Rounds(1, 300) {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, uint64(round)))
		home := newHouse(t, storetest.Open(t))
		for range 20 {
			if _, err := home.registry.Enter(t.Context(), anybody(r), "ana", time.Now().Add(-time.Duration(r.IntN(1000))*time.Hour)); err != nil {
				t.Fatal(err)
			}
			if _, err := home.cards.Add(t.Context(), cards.Directory, "", anything(r), "ana"); err != nil {
				t.Fatal(err)
			}
		}
		level := []table.Level{table.Referral, table.Full}[r.IntN(2)]
		for _, one := range []struct {
			target string
			table  func(*house) table.Table
			level  table.Level
		}{
			{"volunteers", func(h *house) table.Table { return volunteers.Table(h.registry) }, level},
			{cards.Directory, func(h *house) table.Table { return h.cards.TableOf(cards.Directory) }, table.Aggregate},
		} {
			for name, write := range map[string]func(io.Writer, table.Table) error{
				"csv":  table.WriteCSV,
				"xlsx": func(w io.Writer, t table.Table) error { return table.WriteXLSX(w, t, nil) },
			} {
				out := one.table(home).At(one.level, time.Time{})
				out.HXL = r.IntN(2) == 0
				file := exported(t, out, write)
				if c := home.check(t, home.take(t, one.target, "export."+name, file)); c.Same != 20 || len(c.Lines) != 20 {
					t.Fatalf("seed %d: %s as %s: %d of 20 are there already: %+v", seed, one.target, name, c.Same, notSame(c))
				}
				away := newHouse(t, storetest.Open(t))
				away.runs(t)
				if c := away.check(t, away.take(t, one.target, "export."+name, file)); c.Refused != 0 {
					t.Fatalf("seed %d: %s as %s is refused: %+v", seed, one.target, name, notSame(c))
				}
				i := away.brought(t, one.target, "export."+name, file)
				again := exported(t, one.table(away).At(one.level, time.Time{}), table.WriteCSV)
				if c := away.check(t, away.take(t, one.target, "again.csv", again)); c.Same != i.New {
					t.Fatalf("seed %d: %s as %s, exported again: %+v", seed, one.target, name, notSame(c))
				}
				if i.Same == 0 { // nobody twice: every answer can be compared
					if here, there := answers(t, one.table(home).At(one.level, time.Time{})), answers(t, one.table(away).At(one.level, time.Time{})); !slices.Equal(here, there) {
						t.Fatalf("seed %d: %s as %s came as\n%q\ninstead of\n%q", seed, one.target, name, there, here)
					}
				}
			}
		}
	}
}

func notSame(c Check) (some []Line) {
	for _, l := range c.Lines {
		if l.What != SameLine {
			l.Value = nil
			some = append(some, l)
		}
	}
	return some
}

// answers are the rows of an export without what every hotline writes anew.
func answers(t *testing.T, tab table.Table) (rows []string) {
	t.Helper()
	own := []string{"volunteer_id", "code", "consent_at", "consent_version", "source", "contact_id", "same_phone", "updated_at", "status_at", "entered_at", "service_id", "entry_date", "missing", "incomplete", "registered_at"}
	for row, err := range tab.Rows {
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for i, c := range tab.Columns {
			if !slices.Contains(own, c.Name) {
				said += fmt.Sprint(c.Name, "=", row[i], "|")
			}
		}
		rows = append(rows, said)
	}
	slices.Sort(rows)
	return rows
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func words(r *rand.Rand) string {
	return pick(r, []string{"", "", "Ana", "José Ñandú", "=1+1", "+1", "'quoted'", "-", "@home", "a;b", "a,b", "two\nlines", "\"x\"", "محمد", "Nguyễn", "007", "1e5", "3/4", "TRUE", "|pipe", "%", "12025550147", "tab\there"})
}

func number(r *rand.Rand) call.Number {
	return call.Number(pick(r, []string{"", fmt.Sprintf("+1202555%04d", r.IntN(10_000)), "+525512345678", "+442079460018"}))
}

func some[T any](r *rand.Rand, list []T) (out []T) {
	for _, i := range r.Perm(len(list))[:r.IntN(4)] {
		out = append(out, list[i])
	}
	return out
}

// anybody is a person with answers of every kind.
func anybody(r *rand.Rand) volunteers.Registrant {
	return volunteers.Registrant{Source: "walk_in", GivenName: fmt.Sprint("G", r.IntN(1000), words(r)), FamilyName: words(r), Phone: number(r), Phone2: number(r), Email: pick(r, []string{"", "a@example.org"}),
		Age: pick(r, []volunteers.AgeBand{"", volunteers.Adult, volunteers.Minor}), Languages: some(r, []string{"es", "en", "pt-BR", "nah", "other"}), Area: pick(r, []string{"", "06700", "A-1", "0012"}),
		Willing: pick(r, append(volunteers.Willings(), "")), Availability: pick(r, append(volunteers.Availabilities(), "")), AvailableFrom: pick(r, []string{"", "2026-12-01"}), HoursDay: r.IntN(25),
		Skills: some(r, volunteers.Skills()), SkillNote: words(r), Transport: pick(r, append(volunteers.Transports(), "")), Equipment: words(r), Affiliation: words(r),
		EmergencyName: words(r), EmergencyRelation: words(r), EmergencyPhone: number(r), Limits: words(r), GuardianName: words(r), GuardianPhone: number(r), GuardianConsent: r.IntN(2) == 0,
		LegalBasis: pick(r, sharing.Bases()), ShareScope: pick(r, sharing.Scopes()), Check: pick(r, append(volunteers.Checks(), "")), CheckUntil: pick(r, []string{"", "2027-01-31"}), Trained: some(r, volunteers.Trainings()), Notes: words(r),
		Consent: volunteers.Consent{Given: true, How: "paper"}}
}

// anything is a service of the directory.
func anything(r *rand.Rand) map[string]any {
	return map[string]any{"organization_name": fmt.Sprint("Org", r.IntN(100)), "service_name": fmt.Sprint("S", r.IntN(1000), words(r)), "service_description": words(r),
		"service_status": pick(r, []string{"", "active", "temporarily_closed"}), "phone_number": pick(r, []string{"", "+12025550147", "911", "0800 123", "555-1 or 555-2"}), "email": words(r), "url": words(r),
		"address_1": words(r), "city": words(r), "postal_code": pick(r, []string{"", "06700"}), "schedule": words(r), "eligibility_description": words(r), "languages": words(r)}
}

var errNotStored = errors.New("nothing is stored")

// What a stranger's file holds ends no program and takes no more memory than
// the reader of tables allows; the check changes nothing.
func FuzzCheck(f *testing.F) {
	f.Add("volunteers", []byte("Nombre;Teléfono;Edad;Idiomas;Habilidades\nAna;+12025550147;19;es,en;nurse\n;;15;;\n"))
	f.Add("volunteers", []byte("\xff\xfeN\x00a\x00m\x00e\x00,\x00P\x00h\x00o\x00n\x00e\x00\n\x00A\x00,\x005\x00\n\x00"))
	f.Add("directory", []byte("organization_name,service_name,service_status,phone_number\nRed Cross,Food,temporarily closed,911\n"))
	f.Add("call_list", []byte("phone\tname\tlanguage\n2025550147\tAna\tes-MX\n2025550147\tAna\txx\n"))
	f.Add("volunteers", []byte("#a,#b\nname,phone\n#x,#y\n1.2024561111E10,45000\n"))
	var book bytes.Buffer
	rows := func(yield func([]any, error) bool) { yield([]any{"Ana", "+12025550147", "adult"}, nil) }
	if err := table.WriteXLSX(&book, table.Table{Name: "volunteers", Columns: []table.Column{{Name: "given_name", Kind: table.Text}, {Name: "phone", Kind: table.Phone}, {Name: "adult", Kind: table.ID}}, Rows: rows}, nil); err != nil {
		f.Fatal(err)
	}
	f.Add("volunteers", book.Bytes())
	h := newHouse(f, storetest.Open(f))
	f.Fuzz(func(t *testing.T, target string, file []byte) {
		u, err := h.office.Take(t.Context(), target, "x", file, "ana", "Ana")
		if err != nil {
			return
		}
		c, err := h.office.Check(u)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Missing) == 0 && len(c.Lines) != len(u.Sheet.Rows) {
			t.Errorf("%d lines of %d rows", len(c.Lines), len(u.Sheet.Rows))
		}
		for _, l := range c.Lines {
			if l.What == RefusedLine && len(l.Notes) == 0 {
				t.Errorf("line %d is refused without a word", l.Line)
			}
			add := func(tx *store.Tx) error { // what is new can be stored
				tg, _ := h.office.Target(target)
				if l.What != NewLine {
					return errNotStored
				}
				if _, err := tg.Add(tx, Import{By: "ana", Made: "round"}, l); err != nil {
					t.Errorf("line %d: %v", l.Line, err)
				}
				return errNotStored
			}
			_ = h.store.Update(t.Context(), add) // on purpose nothing stays
		}
	})
}

// The directory goes out as the several tables of HSDS 3 and comes back whole: as
// what is there already here, with every answer elsewhere. Python's own readers
// find each service with its organisation, place and telephone.
func TestTheDirectoryTravelsAsHSDS(t *testing.T) {
	home := newHouse(t, storetest.Open(t))
	said := []map[string]any{
		{"organization_name": "Red Cross", "service_name": "Tents", "service_description": "=for families", "service_status": "active", "phone_number": "+12025550147", "email": "tents@example.org", "url": "https://example.org",
			"address_1": "Mill Road 4", "city": "Santa Clara", "state_province": "CA", "postal_code": "01234", "country": "US", "schedule": "Mo-Fr 9-17", "eligibility_description": "everybody",
			"fees_description": "free", "required_document": "none, or an ID", "languages": "Spanish, English", "accessibility": "ramp"},
		{"organization_name": "red cross", "service_name": "Hot line", "service_status": "temporarily_closed"},
		{"organization_name": "Water Works", "service_name": "Tank, lorry", "accessibility": "at the door", "phone_number": "115"},
	}
	for _, one := range said {
		if _, err := home.cards.Add(t.Context(), cards.Directory, "", one, "ana"); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if n, err := home.cards.WriteHSDS(&file, export.Cut{Level: table.Aggregate}); n != 3 || err != nil {
		t.Fatalf("%d services, %v", n, err)
	}
	path := filepath.Join(t.TempDir(), "hsds.zip")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "python3", "-c", readHSDS, path).CombinedOutput()
	if got, want := strings.TrimSpace(string(out)), "Tents|red cross|Mill Road 4|+12025550147;Hot line|red cross||;Tank, lorry|Water Works||115"; err != nil || got != want {
		t.Errorf("python finds %s (%v), want %s", got, err, want)
	}
	if c := home.check(t, home.take(t, cards.Directory, "hsds.zip", file.Bytes())); c.Same != 3 || len(c.Lines) != 3 {
		t.Errorf("here: %+v", c)
	}
	away := newHouse(t, storetest.Open(t))
	away.runs(t)
	if c := away.check(t, away.take(t, cards.Directory, "hsds.zip", file.Bytes())); c.New != 3 {
		t.Errorf("elsewhere: %+v", c)
	}
	sheet, is, err := hsds(file.Bytes())
	if err != nil || !is || len(sheet.Rows) != 3 {
		t.Fatalf("read: %v, %v, %d rows", is, err, len(sheet.Rows))
	}
	found := 0
	for _, row := range sheet.Rows {
		for _, one := range said {
			if row.Cells[slices.Index(sheet.Header, "service_name")] != one["service_name"] {
				continue
			}
			found++
			for field, want := range one {
				if got := row.Cells[slices.Index(sheet.Header, field)]; got != want && field != "organization_name" {
					t.Errorf("%s comes back as %q, want %q", field, got, want)
				}
			}
		}
	}
	if found != 3 {
		t.Errorf("%d services come back", found)
	}
	for name, bad := range map[string][]byte{"not a ZIP": []byte("name,phone"), "cut off": file.Bytes()[:file.Len()/2]} {
		if _, is, err := hsds(bad); is || err != nil {
			t.Errorf("%s: %v, %v", name, is, err)
		}
	}
}

const readHSDS = `
import csv, io, json, sys, zipfile
pack = zipfile.ZipFile(sys.argv[1])
assert pack.testzip() is None
about = json.loads(pack.read("datapackage.json"))
tables = {}
for r in about["resources"]:
    rows = list(csv.DictReader(io.StringIO(pack.read(r["path"]).decode("utf-8"), newline="")))
    names = [f["name"] for f in r["schema"]["fields"]]
    for row in rows:
        assert list(row) == names and len(row["id"]) == 36, row
    assert len({row["id"] for row in rows}) == len(rows)
    tables[r["name"]] = rows
orgs = {o["id"]: o["name"] for o in tables["organization"]}
places = {s["service_id"]: s["location_id"] for s in tables["service_at_location"]}
assert set(places.values()) == {l["id"] for l in tables["location"]}
streets = {a["location_id"]: a["address_1"] for a in tables["address"]}
phones = {p["service_id"]: p["number"] for p in tables["phone"]}
found = [[s["name"], orgs[s["organization_id"]], streets.get(places.get(s["id"]), ""), phones.get(s["id"], "")] for s in tables["service"]]
print(";".join("|".join(f) for f in reversed(found)))
`
