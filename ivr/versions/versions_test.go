package versions_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/prompts"
	"hotline/ivr/versions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const head = "start: a\nfallback: {queue: help}\nsteps:\n"

// shipped is what the program of these tests comes with.
var shipped = map[string]string{"main": head + "  a: {hangup: shipped, say: goodbye}\n"}

type bench struct {
	t      *testing.T
	store  *store.Store
	engine *ivr.Engine
	shelf  *versions.Shelf
}

func open(t *testing.T, records *store.Store) *bench {
	t.Helper()
	library, err := prompts.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	set, err := flow.ParseSet(shipped)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, store: records}
	log := slog.New(slog.DiscardHandler)
	if b.engine, err = ivr.New(ivr.Config{Flows: set, Prompts: library, Languages: []string{"en"}, Log: log}); err != nil {
		t.Fatal(err)
	}
	if b.shelf, err = versions.Open(versions.Config{Store: records, Shipped: shipped, Engine: b.engine, Log: log}); err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	ada = versions.Actor{ID: "acc-1", Name: "Ada", Via: "web"}
	bo  = versions.Actor{ID: "acc-2", Name: "Bo", Via: "command"}
)

// says is how a call through the flow main ends now.
func (b *bench) says(want string) {
	b.t.Helper()
	out, err := b.engine.Run(b.t.Context(), nobody{}, ivr.Start{Flow: "main"})
	if err != nil || out.Reason != want {
		b.t.Errorf("a call ends with %q (%v), want %q", out.Reason, err, want)
	}
}

func (b *bench) draft(name, text string) {
	b.t.Helper()
	if err := b.shelf.SaveDraft(b.t.Context(), name, text, "", ada); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) publish(note string) versions.Version {
	b.t.Helper()
	v, err := b.shelf.Publish(b.t.Context(), note, ada)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func ends(with string) string { return head + "  a: {hangup: " + with + ", say: goodbye}\n" }

func TestADraftIsPublishedAndPutBack(t *testing.T) {
	b := open(t, storetest.Open(t))
	b.says("shipped")
	b.draft("main", ends("first"))
	b.says("shipped") // a draft changes nothing
	if v := b.publish("a first change"); v.Number != 1 || v.By != "acc-1" || v.Note != "a first change" || len(v.Changed) != 1 {
		t.Errorf("published %+v", v)
	}
	b.says("first")
	if _, err := b.shelf.Publish(t.Context(), "again", ada); !errors.Is(err, versions.ErrNoDrafts) {
		t.Errorf("published nothing: %v", err)
	}
	b.draft("main", ends("second"))
	b.draft("other", "start: a\nfallback: {queue: help}\nsteps:\n  a: {queue: help}\n")
	b.publish("a second change")
	b.says("second")

	if v, err := b.shelf.Back(t.Context(), 1, bo); err != nil || v.Number != 3 || *v.Back != 1 {
		t.Errorf("put back: %+v, %v", v, err)
	}
	b.says("first")
	if _, err := b.shelf.Back(t.Context(), 0, bo); err != nil {
		t.Fatal(err)
	}
	b.says("shipped") // version 0 is always there
	if _, err := b.shelf.Back(t.Context(), 9, bo); !errors.Is(err, versions.ErrNoVersion) {
		t.Errorf("a version that never was: %v", err)
	}
	history, err := b.shelf.History()
	if err != nil || len(history) != 4 || history[0].Number != 4 || history[0].By != "acc-2" {
		t.Errorf("history %+v, %v", history, err)
	}
	var kinds []string
	err = b.store.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(0) {
			kinds = append(kinds, ev.Kind+" "+ev.By+" "+ev.Data["version"]+" "+ev.Data["back_to"])
			if strings.Contains(ev.Data["note"], "change") {
				t.Error("free text is in the event log")
			}
		}
		return nil
	})
	if err != nil || !strings.Contains(strings.Join(kinds, "\n"), "flows.published acc-1 1 ") || !strings.Contains(strings.Join(kinds, "\n"), "flows.put_back acc-2 3 1") {
		t.Errorf("events %q, %v", kinds, err)
	}
}

func TestWhatIsPublishedIsThereAfterARestart(t *testing.T) {
	records := storetest.Open(t)
	b := open(t, records)
	b.draft("main", ends("kept"))
	b.publish("keep this")
	again := open(t, records)
	again.says("kept")
	if again.shelf.Trouble() != "" {
		t.Error(again.shelf.Trouble())
	}
}

// TestFlowsThatDoNotFitANewProgramAreNotUsed opens a store whose flows name a
// prompt that the program no longer has.
func TestFlowsThatDoNotFitANewProgramAreNotUsed(t *testing.T) {
	records := storetest.Open(t)
	b := open(t, records)
	b.draft("main", ends("old"))
	b.publish("fits today")
	set, err := flow.ParseSet(shipped)
	if err != nil {
		t.Fatal(err)
	}
	library, err := prompts.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	engine, err := ivr.New(ivr.Config{Flows: set, Prompts: library, Languages: []string{"en"}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	shelf, err := versions.Open(versions.Config{Store: records, Shipped: shipped, Engine: picky{engine}, Log: log})
	if err != nil || !strings.Contains(shelf.Trouble(), "Version 1 of the flows does not fit") {
		t.Fatalf("trouble %q, %v", shelf.Trouble(), err)
	}
	b.engine = engine
	b.says("shipped")
}

// picky is a program that has changed.
type picky struct{ *ivr.Engine }

func (picky) Resume(*flow.FlowSet) (flow.Problems, error) {
	return nil, errors.New("a prompt is missing")
}

func TestUnfitDraftsStayDrafts(t *testing.T) {
	b := open(t, storetest.Open(t))
	b.draft("main", head+"  a: {hangup: mute}\n")
	problems, _, err := b.shelf.Check()
	if err != nil || len(problems) != 1 || problems[0].File != "main" || problems[0].Pos.Line != 4 {
		t.Errorf("problems %v, %v", problems, err)
	}
	var ps flow.Problems
	if _, err := b.shelf.Publish(t.Context(), "mute", ada); !errors.As(err, &ps) {
		t.Errorf("published: %v", err)
	}
	b.says("shipped")
	if all, err := b.shelf.Drafts(); err != nil || len(all) != 1 {
		t.Errorf("drafts %v, %v", all, err)
	}
	if _, err := b.shelf.Publish(t.Context(), "  ", ada); !errors.Is(err, versions.ErrNoNote) {
		t.Errorf("published without a note: %v", err)
	}
	if err := b.shelf.Discard(t.Context(), "", ada); err != nil {
		t.Fatal(err)
	}
	if all, err := b.shelf.Drafts(); err != nil || len(all) != 0 {
		t.Errorf("drafts %v, %v", all, err)
	}
}

func TestTwoEditorsDoNotOverwriteEachOther(t *testing.T) {
	b := open(t, storetest.Open(t))
	seen := versions.Print(shipped["main"])
	if err := b.shelf.SaveDraft(t.Context(), "main", ends("ada"), seen, ada); err != nil {
		t.Fatal(err)
	}
	if err := b.shelf.SaveDraft(t.Context(), "main", ends("bo"), seen, bo); !errors.Is(err, versions.ErrChanged) {
		t.Errorf("the second one won: %v", err)
	}
	for name, text := range map[string]string{"../main": "x", "": "x", "large": strings.Repeat("x", 300<<10)} {
		if err := b.shelf.SaveDraft(t.Context(), name, text, "", ada); err == nil {
			t.Errorf("a draft named %q of %d bytes was kept", name, len(text))
		}
	}
}

func TestAnEmptyDraftTakesAFlowAway(t *testing.T) {
	b := open(t, storetest.Open(t))
	b.draft("main", ends("mine"))
	b.draft("extra", "start: a\nfallback: {queue: help}\nsteps:\n  a: {queue: help}\n")
	b.publish("two files")
	b.draft("main", "")
	b.draft("extra", "")
	b.publish("none of them")
	b.says("shipped")
	texts, err := b.shelf.Texts(2)
	if err != nil || !maps.Equal(texts, shipped) {
		t.Errorf("files %v, %v", texts, err)
	}
}

func TestABundleGoesToAnotherHotline(t *testing.T) {
	b := open(t, storetest.Open(t))
	b.draft("main", ends("carried"))
	b.publish("to be carried")
	var bundle, same bytes.Buffer
	if err := errors.Join(b.shelf.Export(&bundle, 1), b.shelf.Export(&same, 1)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bundle.Bytes(), same.Bytes()) {
		t.Error("the same flows give different bundles")
	}
	texts, err := versions.ReadBundle(bytes.NewReader(bundle.Bytes()), int64(bundle.Len()))
	if err != nil {
		t.Fatal(err)
	}
	there := open(t, storetest.Open(t))
	changed, err := there.shelf.Import(t.Context(), texts, bo)
	if err != nil || len(changed) != 1 {
		t.Fatalf("changed %v, %v", changed, err)
	}
	there.says("shipped") // drafts: somebody has to publish them
	there.publish("imported")
	there.says("carried")
	if changed, err := there.shelf.Import(t.Context(), texts, bo); err != nil || len(changed) != 0 {
		t.Errorf("the same again changes %v, %v", changed, err)
	}
}

func pack(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		f, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDamagedAndHostileBundlesAreRefused(t *testing.T) {
	good := `{"format":1,"content":"hotline flows","flows":[{"name":"main","sha256":"` // + digest
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no manifest":     {map[string]string{"flows/main.yaml": "x"}, "it has no manifest.json"},
		"other content":   {map[string]string{"manifest.json": `{"content":"photos"}`}, "this is no bundle of flows"},
		"a newer format":  {map[string]string{"manifest.json": `{"format":7,"content":"hotline flows"}`}, "comes from a newer program"},
		"no JSON":         {map[string]string{"manifest.json": "{"}, "cannot be read"},
		"missing":         {map[string]string{"manifest.json": good + `"}]}`}, "the flow main is missing"},
		"changed":         {map[string]string{"manifest.json": good + `00"}]}`, "flows/main.yaml": "x"}, "was changed after this bundle was made"},
		"a path":          {map[string]string{"manifest.json": strings.Replace(good, `"main"`, `"../../main"`, 1) + `00"}]}`}, "cannot be named"},
		"nothing":         {map[string]string{"manifest.json": `{"format":1,"content":"hotline flows","flows":[]}`}, "there is no flow"},
		"a stranger":      {map[string]string{"manifest.json": `{"format":1,"content":"hotline flows","flows":[]}`, "run.sh": "x"}, "does not name: run.sh"},
		"a file too long": {map[string]string{"manifest.json": "{}", "flows/main.yaml": strings.Repeat("0", 10<<20)}, "is larger than 256 kB"},
	} {
		b := pack(t, tc.files)
		if _, err := versions.ReadBundle(bytes.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := versions.ReadBundle(strings.NewReader("no zip"), 6); err == nil {
		t.Error("no ZIP file was read")
	}
}

// FuzzReadBundle: whatever is in a file, reading it ends with flows that can be
// drafts or with a sentence.
func FuzzReadBundle(f *testing.F) {
	var whole bytes.Buffer
	if err := versions.WriteBundle(&whole, 3, "a note", shipped); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(pack(f, map[string]string{"manifest.json": `{"format":1,"content":"hotline flows","flows":[]}`}))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		texts, err := versions.ReadBundle(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for name, text := range texts {
			if !flow.ValidName(name) || len(text) > 300<<10 {
				t.Fatalf("a flow named %q of %d bytes was read", name, len(text))
			}
		}
		_, _ = flow.ParseSet(texts) // must come back, with whatever answer
	})
}

// Changes of a draft are undone one after the other, whoever made them, and
// nobody undoes what they have not seen.
func TestChangesOfADraftAreUndone(t *testing.T) {
	b := open(t, storetest.Open(t))
	text := func() string {
		t.Helper()
		texts, err := b.shelf.Drafted()
		if err != nil {
			t.Fatal(err)
		}
		return texts["main"]
	}
	undo := func(seen string) error { return b.shelf.Undo(t.Context(), "main", versions.Print(seen), bo) }
	if err := undo(shipped["main"]); !errors.Is(err, versions.ErrNoUndo) {
		t.Errorf("undone before anything was changed: %v", err)
	}
	b.draft("main", ends("first"))
	b.draft("main", ends("first")) // saved again: no change
	b.draft("main", ends("second"))
	if err := undo(ends("first")); !errors.Is(err, versions.ErrChanged) || text() != ends("second") {
		t.Errorf("undone by somebody who had not seen it: %v", err)
	}
	if err := undo(ends("second")); err != nil || text() != ends("first") {
		t.Errorf("%v: it says %q", err, text())
	}
	if err := undo(ends("first")); err != nil || text() != shipped["main"] {
		t.Errorf("%v: it says %q", err, text())
	}
	if drafts, err := b.shelf.Drafts(); err != nil || len(drafts) != 0 {
		t.Errorf("%d drafts are left of nothing, %v", len(drafts), err)
	}
	for i := range 40 {
		b.draft("main", ends(strings.Repeat("x", 1+i)))
	}
	if drafts, err := b.shelf.Drafts(); err != nil || len(drafts["main"].Earlier) != 30 {
		t.Errorf("%d earlier texts are kept, %v", len(drafts["main"].Earlier), err)
	}
}
