package ui

import (
	"archive/zip"
	"bytes"
	"context"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"hotline/appliance/store"
	"hotline/ivr/flow"
	"hotline/ivr/trial"
	"hotline/ivr/versions"
)

// anything is a hotline that can say everything and has the shipped actions.
var anything = flow.Surroundings{Languages: []string{"es", "en"}, HasPrompt: func(_, id string) bool { return id != "missing" },
	Actions: map[string][]string{"mode.read": nil}, HasQueue: func(id string) bool { return id == "help" }}

// lastFlows is the far end of published flows: the next call gets them.
type lastFlows struct{ set *flow.FlowSet }

func (l *lastFlows) Check(set *flow.FlowSet) error                   { return flow.Check(set, anything) }
func (l *lastFlows) Resume(set *flow.FlowSet) (flow.Problems, error) { return nil, l.Publish(set) }
func (l *lastFlows) Publish(set *flow.FlowSet) error {
	l.set = set
	return l.Check(set)
}

const shippedHere = "about: Greeting\nstart: hello\nfallback: {queue: help}\nsteps:\n  hello:\n    menu: {\"1\": person, \"2\": bye}\n    say: main.menu\n    default: person\n  person: {queue: help}\n  bye: {hangup: done, say: goodbye}\n"

func openFlows(t *testing.T, s *store.Store) *versions.Shelf {
	t.Helper()
	shelf, err := versions.Open(versions.Config{Store: s, Shipped: map[string]string{"main": shippedHere}, Engine: &lastFlows{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return shelf
}

func playFlow(ctx context.Context, texts map[string]string, name, answers string) (string, bool, error) {
	set, err := flow.ParseSet(texts)
	if err != nil {
		return "", false, err
	}
	var heard strings.Builder
	_, more, err := trial.Run(ctx, trial.Config{Flows: set, With: anything, In: strings.NewReader(answers), Out: &heard, Unasked: true,
		Text: func(language, id string) string { return "«" + id + "»" }}, name, "")
	return heard.String(), more, err
}

var seenField = regexp.MustCompile(`name="seen" value="([0-9a-f]+)"`)

func TestAFlowIsChangedCheckedPublishedAndPutBack(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	list := s.get(t, client, "/admin/flows").body
	for _, want := range []string{"Greeting", "As it came", "Everything fits together", "The dialogues that come with the program"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list does not say %q", want)
		}
	}
	body := s.get(t, client, "/admin/flow/main").body
	for _, want := range []string{`id="step-hello"`, `href="#step-person"`, "This dialogue works"} {
		if !strings.Contains(body, want) {
			t.Errorf("the list of steps does not say %q", want)
		}
	}
	body = s.get(t, client, "/admin/flow/main/text").body
	for _, want := range []string{"main.menu", "This dialogue works"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of the flow does not say %q", want)
		}
	}
	seen := seenField.FindStringSubmatch(body)[1]

	// What is wrong is told by line, and callers hear nothing of it.
	wrong := strings.Replace(shippedHere, "say: goodbye", "say: missing", 1)
	got := s.post(t, client, "/admin/flow/main", url.Values{"do": {"check"}, "text": {strings.ReplaceAll(wrong, "\n", "\r\n")}, "seen": {seen}})
	if got.status != http.StatusOK || !strings.Contains(got.body, "10:28") || !strings.Contains(got.body, "prompt &#34;missing&#34; is missing") {
		t.Errorf("checking: %d\n%s", got.status, got.body)
	}
	inSpanish := s.as(t, admin)
	s.post(t, inSpanish, "/language", url.Values{"language": {"es"}})
	if got = s.post(t, inSpanish, "/admin/flow/main", url.Values{"do": {"check"}, "text": {wrong}, "seen": {seen}}); !strings.Contains(got.body, "falta el mensaje «missing» en el idioma «en»") {
		t.Errorf("checking in Spanish: %d\n%s", got.status, got.body)
	}
	if s.post(t, client, "/admin/flow/main", url.Values{"do": {"save"}, "text": {wrong}, "seen": {seen}}); !strings.Contains(s.get(t, client, "/admin/flows").body, "Does not work yet") {
		t.Error("a draft that does not work looks like one that does")
	}
	// In the check's list and beside the step; on the step's own page; in the list of all.
	for path, times := range map[string]int{"/admin/flow/main": 4, "/admin/flow/main/step/bye": 2, "/admin/flows": 2} {
		body := s.get(t, inSpanish, path).body
		if got := strings.Count(body, "falta el mensaje «missing»"); got != times || strings.Contains(body, "is missing") {
			t.Errorf("in Spanish %s says %d times what is missing, want %d", path, got, times)
		}
	}
	got = s.post(t, client, "/admin/flows/publish", url.Values{"note": {"try it"}})
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Put right what is listed first") {
		t.Errorf("publishing what does not work: %d", got.status)
	}

	// A colleague who still has the old text does not overwrite the draft.
	got = s.post(t, client, "/admin/flow/main", url.Values{"do": {"save"}, "text": {shippedHere}, "seen": {seen}})
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Somebody else has changed this dialogue") {
		t.Errorf("two editors: %d", got.status)
	}
	seen = seenField.FindStringSubmatch(s.get(t, client, "/admin/flow/main/text").body)[1]
	right := strings.Replace(shippedHere, "say: goodbye", "say: farewell", 1)
	s.post(t, client, "/admin/flow/main", url.Values{"do": {"save"}, "text": {right}, "seen": {seen}})
	if got = s.post(t, client, "/admin/flows/publish", url.Values{"note": {" "}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("published without a note: %d", got.status)
	}
	if got = s.post(t, client, "/admin/flows/publish", url.Values{"note": {"a kinder goodbye"}}); got.status != http.StatusSeeOther {
		t.Errorf("publishing: %d %s", got.status, got.body)
	}
	list = s.get(t, client, "/admin/flows?done=published").body
	for _, want := range []string{"a kinder goodbye", "Put version 0 back", "Published. The next caller hears it.", "Changed here"} {
		if !strings.Contains(list, want) {
			t.Errorf("after publishing the list does not say %q", want)
		}
	}
	diff := s.get(t, client, "/admin/flows/versions/1").body
	if !strings.Contains(diff, "<del>-   bye: {hangup: done, say: goodbye}</del>") || !strings.Contains(diff, "<ins>+   bye: {hangup: done, say: farewell}</ins>") {
		t.Errorf("the comparison: %s", diff)
	}
	if got = s.post(t, client, "/admin/flows/back", url.Values{"version": {"0"}}); got.status != http.StatusSeeOther {
		t.Errorf("going back: %d", got.status)
	}
	if body = s.get(t, client, "/admin/flow/main/text").body; !strings.Contains(body, "say: goodbye") || strings.Contains(body, "say: farewell") {
		t.Error("the flow from before is not back")
	}
}

func TestFlowsAreCarriedAsAFile(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	got := s.get(t, client, "/admin/flows/export")
	if _, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body))); err != nil || !strings.Contains(got.header.Get("Content-Disposition"), "flows-0.zip") {
		t.Fatalf("the download: %v, %v", err, got.header)
	}
	var bundle bytes.Buffer
	if err := versions.WriteBundle(&bundle, 7, "from elsewhere", map[string]string{"main": strings.Replace(shippedHere, "goodbye", "farewell", 1)}); err != nil {
		t.Fatal(err)
	}
	upload := func(content []byte) answer {
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, err := w.CreateFormFile("bundle", "flows.zip")
		if err == nil {
			_, err = part.Write(content)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequest(http.MethodPost, s.url+"/admin/flows/import", &form)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", w.FormDataContentType())
		request.Header.Set("Sec-Fetch-Site", "same-origin")
		return s.send(t, client, request)
	}
	if got := upload([]byte("no zip")); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "it is not a ZIP file") {
		t.Errorf("a file that is none: %d", got.status)
	}
	if got := upload(bundle.Bytes()); got.status != http.StatusSeeOther {
		t.Errorf("importing: %d %s", got.status, got.body)
	}
	if list := s.get(t, client, "/admin/flows").body; !strings.Contains(list, "1 draft will reach callers.") {
		t.Error("what was imported is no draft")
	}
}

func TestAFlowIsTriedAsText(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	body := s.get(t, client, "/admin/flow/main/try").body
	if !strings.Contains(body, "«main.menu»") || !strings.Contains(body, `name="answer"`) {
		t.Errorf("the beginning: %s", body)
	}
	body = s.post(t, client, "/admin/flow/main/try", url.Values{"answers": {""}, "answer": {"2"}}).body
	if !strings.Contains(body, "«goodbye»") || !strings.Contains(body, "The call ends (done)") || strings.Contains(body, `name="answer"`) {
		t.Errorf("after key 2: %s", body)
	}
	if got := s.get(t, client, "/admin/flow/nowhere/try"); got.status != http.StatusNotFound {
		t.Errorf("a flow that does not exist: %d", got.status)
	}
}
