package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"hotline/ivr/flow"
	"hotline/ui/words"
)

// A text that a page asks for and nobody has written would show its key.
func TestEveryTextOfThePagesIsWritten(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	texts := catalogues.Keys(words.English)
	asks := regexp.MustCompile(`(\.[TFN]\(|[fF]rame\(r, [^",]+, )"([^"]+)"[,)]`)
	found := 0
	for _, pattern := range []string{"*.templ", "*.go", "../*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range asks.FindAllStringSubmatch(string(raw), -1) {
				key := m[2]
				if m[1] == ".N(" {
					key += ".other"
				}
				found++
				if _, ok := texts[key]; !ok {
					t.Errorf("%s asks for the text %q, which is not written", name, key)
				}
			}
		}
	}
	if found < 300 {
		t.Errorf("only %d texts are asked for", found)
	}
}

// sources are the programs of some folders, without their tests.
func sources(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			raw, err := os.ReadFile(path)
			all[path] = string(raw)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// What other parts of the program refuse, they say in English: a page in
// another language has the same sentence in its own.
func TestEveryRefusalIsTranslated(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	refusal := regexp.MustCompile(`(?:FieldError\{[^,}]+, |UserError\(|[^.]Mistake\()("(?:[^"\\]|\\.)+ (?:[^"\\]|\\.)+")`)
	found := 0
	for name, text := range sources(t, "../../triage", "../../volunteers") {
		for _, m := range refusal.FindAllStringSubmatch(text, -1) {
			sentence, err := strconv.Unquote(m[1])
			if err != nil {
				t.Fatal(err)
			}
			found++
			for _, language := range catalogues.Tags() {
				if language != words.English && catalogues.Choose("", language).Said(sentence) == sentence {
					t.Errorf("%s refuses something with a sentence that is not written in %s: %s", name, language, sentence)
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d refusals were found", found)
	}
}

// The log names whatever can happen.
func TestEveryEventHasWords(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	texts := catalogues.Keys(words.English)
	kind := regexp.MustCompile(`(?:[Ee]vent\w*\s*=\s*|Kind: |\bwork\(ctx, id, by, )"([a-z_]+\.[a-z_]+)"`)
	found := 0
	for name, text := range sources(t, "../../appliance", "../../ivr", "../../triage", "../../volunteers", "../../provisioning", "../../cmd", "..") {
		for _, m := range kind.FindAllStringSubmatch(text, -1) {
			found++
			if _, ok := texts["event."+m[1]]; !ok {
				t.Errorf("%s: %s has no words", name, m[1])
			}
		}
	}
	if found < 90 {
		t.Errorf("only %d kinds of events were found", found)
	}
}

// spoken are the sentences of a folder that a page may have to show, with made-up
// words where values come: whatever is given to problem, to lacks, to an error, to
// the text of a Problem, or names what a mapping is. The words of computing in a
// call are nobody's to read on a page.
func spoken(t *testing.T, folder string) (sentences []string, pieces map[string]bool) {
	t.Helper()
	pieces = map[string]bool{}
	verbs := regexp.MustCompile(`%[0-9]*[a-z]`)
	var literal func(e ast.Expr) (string, bool)
	literal = func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.BasicLit:
			text, err := strconv.Unquote(e.Value)
			return text, err == nil && e.Kind == token.STRING
		case *ast.BinaryExpr: // one side is written out
			x, known := literal(e.X)
			y, also := literal(e.Y)
			if !known {
				x = "zz"
			}
			if !also {
				y = "zz"
			}
			return x + y, known || also
		}
		return "", false
	}
	say := func(e ast.Expr) {
		format, ok := literal(e)
		if !ok || strings.Trim(verbs.ReplaceAllString(format, ""), " ") == "" {
			return
		}
		sentences = append(sentences, verbs.ReplaceAllStringFunc(format, func(verb string) string {
			switch verb {
			case "%q":
				return `"zz"`
			case "%d", "%08d":
				return "7"
			}
			return "zz"
		}))
	}
	for name, text := range sources(t, folder) {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				return n.Name.Name != "Truth" && n.Name.Name != "Value" && n.Name.Name != "run" && n.Name.Name != "Error"
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Text" {
					say(n.Value)
				}
			case *ast.CallExpr:
				called := ""
				switch fun := n.Fun.(type) {
				case *ast.SelectorExpr:
					called = fun.Sel.Name
				case *ast.Ident:
					called = fun.Name
				}
				at, takes := map[string]int{"problem": 1, "Errorf": 0, "New": 0, "Sprintf": 0, "lacks": 1, "fields": 1, "unknown": 1}[called]
				if !takes || len(n.Args) <= at {
					return true
				}
				if at == 1 && called != "problem" {
					if piece, ok := literal(n.Args[at]); ok && strings.Contains(piece, " ") {
						pieces[piece] = called == "lacks"
					}
					return true
				}
				say(n.Args[at])
			}
			return true
		})
	}
	return sentences, pieces
}

// Whatever the check of dialogues finds, the pages say in their language: none of
// its sentences can be forgotten.
func TestEveryFaultOfADialogueIsTranslated(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	faults, pieces := spoken(t, "../../ivr/flow")
	refusals, _ := spoken(t, "../../ivr/versions")
	if len(faults) < 80 || len(pieces) < 20 || len(refusals) < 25 {
		t.Errorf("only %d faults, %d pieces and %d refusals were found", len(faults), len(pieces), len(refusals))
	}
	internal := regexp.MustCompile(`^zz_7$|^(Version 7|zz:7:7)`) // a name, and what is said elsewhere
	for _, language := range catalogues.Tags() {
		if language == words.English {
			continue
		}
		text := catalogues.Choose("", language)
		for _, sentence := range append(faults, refusals...) {
			if !internal.MatchString(sentence) && text.Said(sentence) == sentence {
				t.Errorf("not written in %s: %s", language, sentence)
			}
		}
		for piece, lacked := range pieces {
			sentence := piece + " must be a mapping (key: value)"
			if lacked {
				sentence = `step "zz" is a zz and does not say ` + piece
			}
			if said := text.Said(sentence); said == sentence || strings.Contains(said, piece) {
				t.Errorf("%s: %q is not written: %s", language, piece, said)
			}
		}
	}
}

// What is really found in damaged dialogues, word for word.
func TestWhatIsFoundInADialogueIsSaidInTheLanguageOfThePage(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	const whole = "start: a\nfallback: {queue: help}\nsteps:\n  a: {say: hello, next: b}\n  b: {queue: help}\n"
	around := flow.Surroundings{Languages: []string{"es"}, HasPrompt: func(_, id string) bool { return id == "hello" },
		Actions: map[string][]string{"find": {"yes", "no"}}, HasQueue: func(id string) bool { return id == "help" }}
	seen := map[string]bool{}
	for _, change := range [][2]string{
		{"start: a\n", ""}, {"start: a", "start: z"}, {"fallback: {queue: help}\n", ""}, {"{queue: help}\nsteps", "{queue: nobody}\nsteps"},
		{"next: b", "next: gone"}, {"next: b", "then: b"}, {", next: b", ""}, {"hello", "missing"}, {"hello", "{of: 1}"}, {"hello", "[{in: xx, prompt: hello}]"},
		{"{say: hello, next: b}", "7"}, {"{say: hello, next: b}", "{about: x}"}, {"{say: hello, next: b}", "{hangup: done}"}, {"{say: hello, next: b}", "{say: hello, hangup: done}"},
		{"{say: hello, next: b}", "{menu: {}, say: hello}"}, {"{say: hello, next: b}", "{menu: {\"x\": b}, timeout: 1h, retries: 99, sensitive: perhaps, default: b}"},
		{"{say: hello, next: b}", "{collect: n, min: 5, max: 2, terminator: x, next: b}"}, {"{say: hello, next: b}", "{if: {expr: \"1 ?? 2\"}, then: b, else: b}"},
		{"{say: hello, next: b}", "{if: {is: x}, then: b}"}, {"{say: hello, next: b}", "{when: []}"}, {"{say: hello, next: b}", "{split: s, ways: [{percent: 9, next: b}]}"},
		{"{say: hello, next: b}", "{hours: office, open: b}"}, {"{say: hello, next: b}", "{do: find, on: {maybe: b}}"}, {"{say: hello, next: b}", "{do: nothing, error: b}"},
		{"{say: hello, next: b}", "{flow: gone, next: b}"}, {"{say: hello, next: b}", "{flow: main, next: b}"}, {"{say: hello, next: b}", "{goto: a}"},
		{"{say: hello, next: b}", "{callback: help}"}, {"{say: hello, next: b}", "{lookup: t}"}, {"{say: hello, next: b}", "{transfer: x, failed: b, next: b}"},
		{"{say: hello, next: b}", "{http: \"https://example.org\", error: b, next: b}"}, {"steps:\n", "attributes: {n: number, m: colour}\nsteps:\n"},
		{"steps:\n", "schedules: {s: {zone: Nowhere, week: {someday: \"8\", mon: late}, dates: [{on: never}, {from: 2026-02-01, to: 2026-01-01}]}}\nsteps:\n"},
		{"steps:\n", "tables: {t: {match: x}}\nsteps:\n"}, {"steps:\n", "on_disconnect: b\nafter_talk: gone\nsteps:\n"}, {"steps:\n", "colour: red\nsteps:\n"},
		{"  b:", "  b c:"}, {"steps:\n", "steps: [\n"},
	} {
		damaged := strings.Replace(whole, change[0], change[1], 1)
		set, err := flow.ParseSet(map[string]string{"main": damaged})
		if err == nil {
			err = flow.Check(set, around)
		}
		problems, ok := err.(flow.Problems)
		if !ok || damaged == whole {
			t.Errorf("%q: nothing is wrong with\n%s", change, damaged)
		}
		for _, one := range problems {
			seen[one.Text] = true
			for _, language := range catalogues.Tags() {
				if said := catalogues.Choose("", language).Said(one.Text); (said == one.Text) != (language == words.English) {
					t.Errorf("%s: %q is said as %q", language, one.Text, said)
				}
			}
		}
	}
	if len(seen) < 55 {
		t.Errorf("only %d faults were found", len(seen))
	}
}
