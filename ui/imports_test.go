package ui

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	sheets "hotline/appliance/table"
	"hotline/triage/cards"
	"hotline/triage/find"
	"hotline/triage/intake"
	"hotline/ui/page"
	"hotline/ui/words"
	"hotline/volunteers"
)

// bringFile sends the form of a new file.
func (s *site) bringFile(t *testing.T, client *http.Client, target, name, file string) answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("target", target); err != nil {
		t.Fatal(err)
	}
	if name != "" {
		part, err := form.CreateFormFile("file", name)
		if err == nil {
			_, err = part.Write([]byte(file))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, s.url+"/import", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.send(t, client, request)
}

// brought waits until an import is over.
func (s *script) brought(t *testing.T, id string) intake.Import {
	t.Helper()
	feed := s.store.Follow("imports")
	defer feed.Close()
	for {
		i, err := s.intake.Import(id)
		if err != nil {
			t.Fatal(err)
		}
		if i.State != intake.Filling && i.State != intake.Undoing {
			return i
		}
		if _, _, err := feed.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

const peopleFile = "Nombre,Teléfono,Edad,Idiomas,Ciudad\n" +
	"Ada Ros,2025550191,adulto,español,Tabara\n" +
	"Bo,12,adulto,inglés,Tabara\n" +
	"Cleo,2025550192,19,\"inglés, francés\",Tabara\n"

func TestAFileOfPeopleIsCheckedBroughtInAndTakenBack(t *testing.T) {
	far := newScript(t)
	ada, err := far.registry.Save(t.Context(), volunteers.Registrant{Phone: "+12025550191", GivenName: "Ada", FamilyName: "Ros"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := startSite(t, far, nil)
	boss, other := s.as(t, coordinator), s.as(t, admin)
	got := s.bringFile(t, boss, "volunteers", "people.csv", peopleFile)
	path := got.header.Get("Location")
	if got.status != http.StatusSeeOther || !strings.HasPrefix(path, "/import/check/") {
		t.Fatalf("reading the file: %d %s", got.status, got.body)
	}
	body := s.get(t, boss, path).body
	for _, want := range []string{`data-count="new">1<`, `data-count="refused">1<`, `data-count="same">1<`, `data-line="3"`, "Telephone: 12 is no full telephone number", "2025550191 ", "Tabara", "Leave out what cannot be brought in (1)", "Where and how did these people agree"} {
		if !strings.Contains(body, want) && want != "2025550191 " {
			t.Errorf("the check does not show %q: %s", want, body)
		}
	}
	if strings.Contains(body, `data-line="2"`) {
		t.Error("lines without trouble are in the way of those with")
	}
	if body := s.get(t, boss, path+"?show=same").body; !strings.Contains(body, `data-line="2"`) || !strings.Contains(body, "/records/registrants/"+ada.ID) || !strings.Contains(body, "already there as "+ada.Code) {
		t.Errorf("who is there already: %s", body)
	}
	// Somebody else's file is nobody's business.
	if got := s.get(t, other, path); got.status != http.StatusNotFound || strings.Contains(got.body, "Cleo") {
		t.Errorf("another account: %d", got.status)
	}
	for _, format := range []string{"csv", "xlsx"} {
		got := s.get(t, boss, path+"/report?format="+format)
		text := got.body
		if format == "xlsx" {
			if _, err := zip.NewReader(strings.NewReader(text), int64(len(text))); err != nil {
				t.Fatal(err)
			}
			sheet, err := sheets.ReadSheet([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			text = strings.Join(sheet.Rows[1].Cells, ",") + strings.Join(sheet.Rows[0].Cells, ",")
		} else if rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll(); err != nil || len(rows) != 4 || rows[2][0] != "3" || rows[2][1] != "Cannot be brought in" {
			t.Errorf("the report: %q (%v)", rows, err)
		}
		if !strings.Contains(text, "no full telephone number") || !strings.Contains(text, ada.Code) || strings.Contains(text, "Family") || !strings.Contains(got.header.Get("Content-Disposition"), "import-report."+format) {
			t.Errorf("the report as %s: %s", format, text)
		}
	}
	do := func(form url.Values) answer { return s.post(t, boss, path, form) }
	for want, form := range map[string]url.Values{
		"where and how these people agreed": {"do": {"import"}, "without": {"yes"}},
		"tick that they are left out":       {"do": {"import"}, "basis": {"Signed at the school"}},
		"Two columns have the same meaning": {"do": {"columns"}, "column": {"given_name", "phone", "phone", "", ""}},
		"Callers are not affected":          {"do": {"dance"}},
	} {
		if got := do(form); got.status < 400 || !strings.Contains(got.body, want) {
			t.Errorf("%v: %d, no %q in %s", form, got.status, want, got.body)
		}
	}
	// A column means something else.
	if got := do(url.Values{"do": {"columns"}, "column": {"given_name", "phone", "age", "languages", "area"}}); got.status != http.StatusSeeOther {
		t.Fatalf("the columns: %d", got.status)
	}
	got = do(url.Values{"do": {"import"}, "basis": {"Signed at the school"}, "without": {"yes"}})
	made := got.header.Get("Location")
	if got.status != http.StatusSeeOther || !strings.HasPrefix(made, "/import/") {
		t.Fatalf("bringing it in: %d %s", got.status, got.body)
	}
	id := strings.TrimPrefix(made, "/import/")
	if i := s.brought(t, id); i.State != intake.Done || i.New != 1 {
		t.Fatalf("the import is %+v", i)
	}
	if body := s.get(t, boss, made).body; !strings.Contains(body, "Brought in") || !strings.Contains(body, "people.csv") || !strings.Contains(body, "Signed at the school") {
		t.Errorf("the page of the import: %s", body)
	}
	// They are found like everybody else, and their page says where they come from.
	if err := far.finds.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := far.finds.Find(find.ParseFilter(url.Values{"tab": {"registrants"}, "q": {"cleo"}, "language": {"fr"}, "area": {"tabara"}}), 0, 10)
	if len(found.IDs) != 1 {
		t.Fatalf("found are %+v", found)
	}
	if body := s.get(t, boss, "/records/registrants/"+found.IDs[0]).body; !strings.Contains(body, "Brought in from a file") || !strings.Contains(body, "Signed at the school (people.csv)") || !strings.Contains(body, "from a file") {
		t.Errorf("the page of the person: %s", body)
	}
	for kind, want := range map[string]string{intake.EventChecked: "3", intake.EventBegun: "3", intake.EventMade: "3"} {
		if evs := far.noted(t, kind); len(evs) != 1 || evs[0].By != s.ids[coordinator] || evs[0].Data["file"] != "people.csv" || evs[0].Data["rows"] != want || len(evs[0].Data["sha256"]) != 64 {
			t.Errorf("%s: %+v", kind, evs)
		}
	}
	if got := s.post(t, other, made, url.Values{"do": {"undo"}}); got.status != http.StatusSeeOther {
		t.Fatalf("taking it back: %d %s", got.status, got.body)
	}
	if i := s.brought(t, id); i.State != intake.Undone || len(i.Kept) != 0 {
		t.Fatalf("the import is %+v", i)
	}
	if body := s.get(t, boss, made).body; !strings.Contains(body, "Amal admin has taken it back") || !strings.Contains(body, "Nothing had to stay") {
		t.Errorf("the page of the import: %s", body)
	}
	if got := s.get(t, boss, "/records/registrants/"+found.IDs[0]); got.status != http.StatusNotFound {
		t.Errorf("the person is still there: %d", got.status)
	}
	if got := s.post(t, other, made, url.Values{"do": {"undo"}}); got.status != http.StatusConflict {
		t.Errorf("a second time: %d", got.status)
	}
	if body := s.get(t, boss, "/import").body; !strings.Contains(body, "people.csv") || !strings.Contains(body, "Taken back") {
		t.Errorf("the files so far: %s", body)
	}
}

func TestAFileThatCannotBeBroughtInSaysWhy(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	boss, chief := s.as(t, coordinator), s.as(t, admin)
	for _, one := range []struct {
		client             *http.Client
		target, name, file string
		want               string
	}{
		{boss, "", "x.csv", peopleFile, "Choose what is in the file"},
		{chief, "call_list", "x.csv", peopleFile, "Choose what is in the file"}, // rounds are not for administrators
		{boss, "volunteers", "", "", "Choose a file"},
		{boss, "volunteers", "x.csv", "Nombre\n", "The file holds no table"},
		{boss, "volunteers", "x.xls", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx or .csv"},
		{boss, "volunteers", "x.csv", strings.Repeat("a,", sheets.MaxSheetFile/2+1), "too large"},
	} {
		if got := s.bringFile(t, one.client, one.target, one.name, one.file); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, one.want) {
			t.Errorf("%s %s: %d, no %q in %.2000s", one.target, one.name, got.status, one.want, got.body)
		}
	}
	// Without a column of what must be there, the page asks for it.
	path := s.bringFile(t, boss, "directory", "x.csv", "a,b\nRed Cross,Food\n").header.Get("Location")
	if body := s.get(t, boss, path).body; !strings.Contains(body, "No column is: Organisation · Service") || strings.Contains(body, `value="import"`) {
		t.Errorf("the page: %s", body)
	}
	if got := s.post(t, boss, path, url.Values{"do": {"columns"}, "column": {"organization_name", "service_name"}}); got.status != http.StatusSeeOther {
		t.Fatalf("the columns: %d", got.status)
	}
	got := s.post(t, boss, path, url.Values{"do": {"import"}})
	if got.status != http.StatusSeeOther {
		t.Fatalf("bringing it in: %d %s", got.status, got.body)
	}
	s.brought(t, strings.TrimPrefix(got.header.Get("Location"), "/import/"))
	n := 0
	if err := s.filed(t).Each(cards.Directory, func(c cards.Card) bool { n++; return c.Value("service_name") == "Food" }); err != nil || n != 1 {
		t.Errorf("%d services (%v)", n, err)
	}
	// What was thrown away is gone.
	path = s.bringFile(t, boss, "volunteers", "x.csv", peopleFile).header.Get("Location")
	if got := s.post(t, boss, path, url.Values{"do": {"drop"}}); got.header.Get("Location") != "/import" {
		t.Errorf("throwing it away: %d", got.status)
	}
	if got := s.get(t, boss, path); got.status != http.StatusNotFound || !strings.Contains(got.body, "no longer kept here") {
		t.Errorf("the file that was thrown away: %d", got.status)
	}
}

// A file whose columns are called as on our pages is understood in every
// language, and so are its answers.
func TestColumnsAreKnownInEveryLanguage(t *testing.T) {
	far := newScript(t)
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range catalogues.Tags() {
		texts := catalogues.Keys(tag)
		for _, target := range far.intake.Targets() {
			var fields, header []string
			for _, f := range target.Fields {
				label := page.ImportLabel(texts, target.Name, f.Name)
				if label == "" {
					t.Errorf("%s: %s.%s has no words", tag, target.Name, f.Name)
				}
				fields, header = append(fields, f.Name), append(header, label)
			}
			if guessed := far.intake.Guess(target, sheets.Sheet{Header: header}); !slices.Equal(guessed, fields) {
				for i := range fields {
					if guessed[i] != fields[i] {
						t.Errorf("%s: %s %q is taken for %q, not %q", tag, target.Name, header[i], guessed[i], fields[i])
					}
				}
			}
		}
		name := func(key string) string { return texts[key] }
		file := strings.Join([]string{name("person.given_name"), name("person.phone"), name("col.skills"), name("pick.transport"), name("person.languages")}, ";") + "\n" +
			strings.Join([]string{"Ada", "+12025550191", name("skill.nurse") + "|" + name("skill.rescue"), name("transport.boat"), name("lang.es") + "|" + name("lang.ar")}, ";") + "\n"
		u, err := far.intake.Take(t.Context(), "volunteers", "x.csv", []byte(file), "ana", "Ana")
		if err != nil {
			t.Fatal(err)
		}
		if c, err := far.intake.Check(u); err != nil || c.New != 1 {
			t.Errorf("%s: %+v (%v)", tag, c.Lines, err)
		}
	}
}
