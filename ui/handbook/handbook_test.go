package handbook

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"

	"hotline/appliance/config"
	"hotline/appliance/lists"
	"hotline/appliance/store/storetest"
	"hotline/ivr"
	"hotline/ui/words"
)

// written is a page without its promises, which tests write.
func written(t *testing.T, language, page string) string {
	t.Helper()
	raw, err := fs.ReadFile(texts, language+"/"+page+".md")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// each goes through all pages of all languages.
func each(t *testing.T, do func(t *testing.T, language, page, text string)) {
	t.Helper()
	for _, language := range Languages() {
		for _, page := range Pages() {
			do(t, language, page, written(t, language, page))
		}
	}
}

// ids are those of every heading of a page that has one.
func ids(language, page string) ([]string, error) {
	drawn, err := Draw(language, page, nowhere())
	if err != nil {
		return nil, err
	}
	var found []string
	for _, part := range strings.Split(drawn.HTML, ` id="`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		found = append(found, id)
	}
	return found, nil
}

// nowhere leads nowhere: for whoever wants the words alone.
func nowhere() Links {
	none := func(string) string { return "" }
	return Links{Page: func(string, string) string { return "" }, Site: none, Picture: none}
}

// targets are the ids of each page of a language.
func targets(t *testing.T, language string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, page := range Pages() {
		all, err := ids(language, page)
		if err != nil {
			t.Fatal(err)
		}
		found[page] = all
	}
	return found
}

// The same sections stand in the same order in every language, and no id stands
// twice in a language: in one file they are all on one page.
func TestTheSameSectionsInEveryLanguage(t *testing.T) {
	english := targets(t, English)
	for _, language := range Languages() {
		seen := map[string]bool{}
		for page, all := range targets(t, language) {
			if !slices.Equal(all, english[page]) {
				t.Errorf("%s/%s has the sections %v, in English %v", language, page, all, english[page])
			}
			for _, id := range all {
				if seen[id] {
					t.Errorf("%s: %q stands twice", language, id)
				}
				seen[id] = true
			}
		}
		if len(seen) < 80 {
			t.Errorf("%s: only %d sections", language, len(seen))
		}
	}
	each(t, func(t *testing.T, language, page, text string) {
		if n := strings.Count(text, "\n## ") + strings.Count(text, "\n### "); n != strings.Count(text, " {#") {
			t.Errorf("%s/%s: a heading has no id", language, page)
		}
	})
}

// Every link of the handbook within itself leads somewhere, and so do those of
// the pages of the site.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, language := range Languages() {
		known := targets(t, language)
		resolves := func(where, page, section string) {
			t.Helper()
			if !Has(page) || section != "" && !slices.Contains(known[page], section) {
				t.Errorf("%s: %s: there is no %s#%s", language, where, page, section)
			}
		}
		links := 0
		for _, from := range Pages() {
			if _, err := Draw(language, from, Links{
				Page:    func(page, section string) string { links++; resolves(from, page, section); return "x" },
				Site:    func(path string) string { return path },
				Picture: func(name string) string { return name },
			}); err != nil {
				t.Fatal(err)
			}
		}
		if links < 30 {
			t.Errorf("%s: only %d links", language, links)
		}
		templates, err := filepath.Glob("../page/*.templ")
		if err != nil || len(templates) == 0 {
			t.Fatal("no templates", err)
		}
		asked := regexp.MustCompile(`"/handbook/(\w+)#?([\w-]*)"`)
		n := 0
		for _, template := range templates {
			raw, err := os.ReadFile(template)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range asked.FindAllStringSubmatch(string(raw), -1) {
				n++
				resolves(template, m[1], m[2])
			}
		}
		if n < 5 {
			t.Errorf("only %d links of pages were looked at", n)
		}
	}
}

// Whatever the health page tells somebody to do is explained step by step.
func TestEveryCheckHasItsSection(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	n, sections := 0, map[string][]string{}
	for _, language := range Languages() {
		sections[language] = targets(t, language)["health"]
	}
	for key := range catalogues.Keys(words.English) {
		check, isNext := strings.CutSuffix(key, ".next")
		check, isHealth := strings.CutPrefix(check, "health.")
		if strings.HasPrefix(check, "try.") { // of a rehearsal: those lead to its own section
			check = "rehearsal.failed"
		}
		if !isNext || !isHealth {
			continue
		}
		n++
		for _, language := range Languages() {
			if !slices.Contains(sections[language], Check(check)) {
				t.Errorf("%s: the page health has no section {#%s}", language, Check(check))
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d checks were looked at", n)
	}
}

// shown are all words that can stand on a screen in a language.
func shown(t *testing.T, language string) map[string]bool {
	t.Helper()
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for words := range maps.Values(catalogues.Keys(language)) {
		all[words] = true
	}
	chosen, err := lists.Open(storetest.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	for words := range maps.Values(chosen.Now().Texts(language)) {
		all[words] = true
	}
	return all
}

var (
	bold = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	code = regexp.MustCompile("`([^`\n]+)`")
)

// What the handbook prints bold stands on the screen in the same words. Who
// changes a text of a page changes it here, too.
func TestBoldWordsStandOnTheScreen(t *testing.T) {
	screens := map[string]map[string]bool{}
	for _, language := range Languages() {
		screens[language] = shown(t, language)
	}
	n := 0
	each(t, func(t *testing.T, language, page, text string) {
		for _, m := range bold.FindAllStringSubmatch(text, -1) {
			if n++; !screens[language][m[1]] {
				t.Errorf("%s/%s: no screen says %q", language, page, m[1])
			}
		}
	})
	if n < 200 {
		t.Errorf("only %d words were looked at", n)
	}
}

// Settings that are quoted exist.
func TestQuotedSettingsExist(t *testing.T) {
	described := config.Default().Describe()
	setting := regexp.MustCompile(`^(sip|web|sound)\.[a-z_.]+$|^[a-z]+_[a-z_]+$`)
	n := 0
	each(t, func(t *testing.T, language, page, text string) {
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			if !setting.MatchString(m[1]) {
				continue
			}
			n++
			indent := strings.Repeat("  ", strings.Count(m[1], "."))
			if name := m[1][strings.LastIndex(m[1], ".")+1:]; !strings.Contains(described, "\n"+indent+name+":") && !strings.Contains(described, "\n  "+name+":") {
				t.Errorf("%s/%s: there is no setting %s", language, page, m[1])
			}
		}
	})
	if n < 15 {
		t.Errorf("only %d settings were looked at", n)
	}
	// The example is a configuration that the program takes.
	for _, language := range Languages() {
		_, example, _ := strings.Cut(written(t, language, "it"), "```yaml\n")
		example, _, _ = strings.Cut(example, "```")
		if _, err := config.Parse("the example", []byte(example)); err != nil || !strings.Contains(example, "lines:") {
			t.Errorf("%s: %v", language, err)
		}
	}
}

// The tables of keys are those of the dialogues: none is missing, none is made
// up. A section {#keys-flow-step} has the keys of that step.
func TestTheKeysAreThoseOfTheDialogues(t *testing.T) {
	flows := ivr.ShippedTexts()
	heading := regexp.MustCompile(`\{#keys-(\w+)-(\w+)\}`)
	row := regexp.MustCompile(`(?m)^\| ([0-9*#]) \|`)
	n := 0
	each(t, func(t *testing.T, language, page, text string) {
		for _, at := range heading.FindAllStringSubmatchIndex(text, -1) {
			name, step := text[at[2]:at[3]], text[at[4]:at[5]]
			section, _, _ := strings.Cut(text[at[1]:], "\n#")
			var got []string
			for _, m := range row.FindAllStringSubmatch(section, -1) {
				got = append(got, m[1])
			}
			var whole struct {
				Steps map[string]struct{ Menu map[string]any }
			}
			if err := yaml.Unmarshal([]byte(flows[name]), &whole); err != nil {
				t.Fatal(err)
			}
			want := slices.Sorted(maps.Keys(whole.Steps[step].Menu))
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%s/%s: the keys of %s, %s are %v, the handbook has %v", language, page, name, step, want, got)
			}
			n++
		}
	})
	if n != 2*6 {
		t.Errorf("%d tables of keys were looked at", n)
	}
}

// A language that it is not written in shows English.
func TestOtherLanguagesReadEnglish(t *testing.T) {
	for tag, want := range map[string]string{"es": "es", "en": "en", "fr": "en", "ar": "en"} {
		if language, own := In(tag); language != want || own != (tag == want) {
			t.Errorf("%s reads %s, its own: %v", tag, language, own)
		}
	}
	if _, err := Draw("fr", "quick", nowhere()); err == nil {
		t.Error("a language that is not there is drawn")
	}
	if _, err := Draw(English, "../../x", nowhere()); err == nil {
		t.Error("a page that is not there is drawn")
	}
}

// One file is enough: every link of it leads to a place in it, and it asks for
// nothing.
func TestTheFileIsWhole(t *testing.T) {
	pictures := fstest.MapFS{"desk-call.png": {Data: []byte("one")}, "floor.png": {Data: []byte("two")}}
	for _, language := range Languages() {
		raw, err := File(language, "Handbook & more", pictures)
		if err != nil {
			t.Fatal(err)
		}
		whole := string(raw)
		known := map[string]bool{}
		for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(whole, -1) {
			known[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`(href|src)="([^"]*)"`).FindAllStringSubmatch(whole, -1) {
			if place, inside := strings.CutPrefix(m[2], "#"); inside && !known[place] || !inside && !strings.HasPrefix(m[2], "data:image/png;base64,") {
				t.Errorf("%s: %s leads out of the file, or nowhere", language, m[0])
			}
		}
		for _, want := range []string{`<html lang="` + language, "Handbook &amp; more", "data:image/png;base64,b25l", "TestKillingLosesNoAcknowledgedRecord"} {
			if !strings.Contains(whole, want) {
				t.Errorf("%s: there is no %s in it", language, want)
			}
		}
		if strings.Contains(whole, "<script") || strings.Contains(whole, "{#") || strings.Contains(whole, "raw HTML omitted") {
			t.Errorf("%s: the file has something that does not belong in it", language)
		}
	}
	if _, err := File(English, "x", fstest.MapFS{}); err == nil {
		t.Error("a picture that is missing is not noticed")
	}
}
