package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hotline/appliance/config"
	"hotline/appliance/store/storetest"
	"hotline/provisioning/bundle"
	texts "hotline/ui/words"
)

// What is wrong with a bundle is told in every language of the pages: each sentence
// that the source has for it, so that none is forgotten.
func TestFaultsOfABundleAreToldInEveryLanguage(t *testing.T) {
	t.Parallel()
	catalogue, err := texts.Load()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, file := range faultSources(t) {
		for _, text := range faultTexts(t, file) {
			tried++
			for _, language := range catalogue.Tags() {
				if said := catalogue.Choose("", language).Said(text); said == text && language != texts.English {
					t.Errorf("%s: %q is told in English in %s", filepath.Base(file), text, language)
				}
			}
		}
	}
	if tried < 90 {
		t.Errorf("only %d sentences were found", tried)
	}
	// The same with a bundle full of mistakes, whose sentences come from everywhere.
	for _, p := range wrongBundleProblems(t) {
		for _, language := range catalogue.Tags() {
			if said := catalogue.Choose("", language).Said(p.Text); said == p.Text && language != texts.English {
				t.Errorf("%s is told in English in %s", p.Error(), language)
			}
		}
	}
}

// faultSources are the files whose sentences people read on the page of bundles.
func faultSources(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("..", "..", "provisioning", "bundle", "*.go"))
	if err != nil || len(all) < 10 {
		t.Fatal(len(all), err)
	}
	all = slices.DeleteFunc(all, func(name string) bool {
		// What a plan says is told by its kinds; templates are for commands alone.
		return strings.HasSuffix(name, "_test.go") || slices.Contains([]string{"plan.go", "left.go", "templates.go", "make.go"}, filepath.Base(name))
	})
	return append(all, filepath.Join("..", "..", "appliance", "config", "config.go"))
}

// noFaults are beginnings of sentences that no mistake in a bundle is told by.
func noFaults() []string {
	return []string{"this was only", "there is nothing to change", "the hotline was changed meanwhile", "the configuration of this", "there is no bundle", "opening the", "reading the", "too large",
		"the folder ", "something has to be", "from a bundle", "the secrets cannot", "Passwords of the telephone", "A hotline as files", "there is no configuration file",
		"format: 7", "webhook \"X\"", "export 7", "# ", "data: ", "X: \"X\" is not an address", "sip: advertise", "web: ", "sound: ", ". The settings are"} // settings that no bundle names
}

// faultTexts are the sentences of a file, with something in their places.
func faultTexts(t *testing.T, file string) (found []string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	take := func(e ast.Expr) {
		text, literal := flatText(e)
		text = strings.NewReplacer("%q", `"X"`, "%d", "7", "%s", "X", "%v", "X", "%.100q", `"X"`).Replace(text)
		if !literal || strings.HasSuffix(text, " ") || !strings.Contains(strings.Trim(text, " :,X(%)"), " ") || strings.Contains(text, "%") ||
			slices.ContainsFunc(noFaults(), func(begins string) bool { return strings.HasPrefix(text, begins) }) {
			return
		}
		found = append(found, text)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.CallExpr:
			for _, argument := range x.Args {
				take(argument)
			}
		case *ast.KeyValueExpr:
			if name, ok := x.Key.(*ast.Ident); !ok || name.Name != "about" { // comments of the files
				take(x.Value)
			}
		case *ast.ReturnStmt:
			for _, result := range x.Results {
				take(result)
			}
		case *ast.FuncDecl:
			return !slices.Contains([]string{"plainType", "Export", "Write", "Describe", "describe", "encode", "wav", "wave"}, x.Name.Name)
		}
		return true
	})
	return slices.DeleteFunc(found, func(text string) bool { return strings.Contains(text, "WAVE") || strings.ContainsAny(text, "\t<") })
}

// flatText is a text that is put together of several; X stands for what is not
// written there.
func flatText(e ast.Expr) (text string, literal bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			text, err := strconv.Unquote(x.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		left, one := flatText(x.X)
		right, two := flatText(x.Y)
		return left + right, one || two
	}
	return "X", false
}

func wrongBundleProblems(t *testing.T) bundle.Problems {
	t.Helper()
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	for name, text := range map[string]string{
		"bundle.yaml":       "format: 2\nname: x\n",
		"organisation.yaml": "hotline: A\nlanguages:\n  - xx\n",
		"operation.yaml":    "name: B\nglide: FLOOD\n",
		"numbers.yaml":      "max_calls: 0\nqueue_shares: {help: 500}\nentries: [{numbers: [\"1\"], flow: a, queue: b}]\nring_seconds: 5\n",
		"trunks.yaml":       "peers: [nowhere]\nlines:\n  - name: carrier\n    servers: [a]\n    password: hush\n",
		"queues.yaml":       "\nhelp:\n  hours: 8-20\nhelp2: {}\nlife: {most_waiting: 3}\n",
		"profiles.yaml":     "odd:\n  lines:\n    - {queue: life, priority: 2}\n    - {queue: help, priority: 1}\nbad: [1]\n",
		"rules.yaml":        "quiet_hours: none\nkeep_days: {moons: 3}\n",
		"users.yaml":        "x: {name: X}\nanna:\n  name: Anna\n  role: boss\nbert:\n  name: Bert\n  pin: \"1234\"\ncarl: {name: Carl, profile: none}\ndora: {name: Dora, phone: 12}\nfaye: {name: Faye, role: supervisor, teams: [moons]}\n",
		"scripts.yaml":      "moon/es: {lines: [a]}\n",
		"skills.yaml":       "medical: {level: high}\n",
		"services.yaml":     "emergency: [{name: Police, number: \"911\"}]\n",
		"teams.yaml":        "a: {name: A}\na: {name: B}\n",
		"prompts.yaml":      "es/hello: {recording: es/none.wav}\nxx/hello: {text: a}\n",
		"lists.yaml":        "needs:\n  items:\n    - {code: Goats, words: {en: Goats}}\nmoons: {}\n",
		"members.yaml":      "nurses: {people: [nobody]}\n",
		"lines.yaml":        "lines:\n  - {name: carrier, kind: gsm}\nnumbers:\n  - {number: \"100\", leads: help}\ndials: [\"0052\"]\noutgoing: {roles: [moon]}\n",
		"languages/xx.yaml": "language: sw\nvoices: {}\n",
		"flows/a.yaml":      "flow: a\nsteps: [\n",
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Read(bytes.NewReader(zipped.Bytes()), int64(zipped.Len()))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(path, []byte(config.Default().Describe()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var problems bundle.Problems
	_, err = bundle.Diff(t.Context(), bundled(cfg, storetest.OpenAt(t, cfg.DataDir()), streams{out: t.Output(), err: t.Output()}), b, bundle.Secrets{})
	if !errors.As(err, &problems) || len(problems) < 25 {
		t.Fatalf("%d problems: %v", len(problems), err)
	}
	return problems
}
