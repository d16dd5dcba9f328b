package ui

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hotline/ui/handbook"
	"hotline/ui/words"
)

// Everybody who works here reads the handbook, in their language or in English
// with a word about it, and can take it along.
func TestTheHandbookIsRead(t *testing.T) {
	s := startSite(t, newScript(t), nil)
	client := s.as(t, agent)
	contents := s.get(t, client, "/handbook").body
	for _, id := range handbook.Pages() {
		if !strings.Contains(contents, `href="/handbook/`+id+`"`) {
			t.Errorf("the contents do not lead to %s", id)
		}
		if got := s.get(t, client, "/handbook/"+id); got.status != http.StatusOK || !strings.Contains(got.body, "<h2") {
			t.Errorf("the page %s is not read: %d", id, got.status)
		}
	}
	if got := s.get(t, client, "/handbook/nowhere"); got.status != http.StatusNotFound {
		t.Errorf("a page that is not there: %d", got.status)
	}
	if got := s.get(t, client, "/handbook/picture/desk-call"); got.header.Get("Content-Type") != "image/png" || !strings.HasPrefix(got.body, "\x89PNG") {
		t.Errorf("the picture: %d %s", got.status, got.header)
	}
	for language, sentence := range map[string]string{"es": "Una persona, una computadora", "fr": "existe en anglais et en espagnol"} {
		s.post(t, client, "/language", url.Values{"language": {language}})
		if body := s.get(t, client, "/handbook/quick").body; !strings.Contains(body, sentence) {
			t.Errorf("%s does not read %q", language, sentence)
		}
	}
	file := s.get(t, client, "/handbook/file/es")
	if !strings.HasPrefix(file.header.Get("Content-Disposition"), "attachment") || !strings.Contains(file.body, "<title>Manual</title>") {
		t.Errorf("the file: %d %v", file.status, file.header)
	}
	if len(file.body) > 700<<10 {
		t.Errorf("the file has %d bytes: too much for an e-mail over a bad line", len(file.body))
	}
	if got := s.get(t, client, "/handbook/file/fr"); got.status != http.StatusNotFound {
		t.Errorf("a language that the handbook is not written in: %d", got.status)
	}
}

// Every page of the hotline that the handbook leads to exists, and is called
// what the menu calls it.
func TestTheHandbookKnowsThePages(t *testing.T) {
	catalogues, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\[([^\]]+)\]\((/[^)]*)\)`)
	path := regexp.MustCompile("`(/[a-z][a-z0-9/.]*)`")
	exists := func(to string) bool {
		return strings.HasPrefix(to, "/api/v1/") || slices.ContainsFunc(table(), func(rt route) bool { return rt.verb == http.MethodGet && rt.pattern == to })
	}
	n := 0
	for _, language := range handbook.Languages() {
		texts := catalogues.Keys(language)
		for _, id := range handbook.Pages() {
			text, err := handbook.Text(language, id)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range link.FindAllStringSubmatch(text, -1) {
				n++
				if !exists(m[2]) {
					t.Errorf("%s/%s leads to %s, which does not exist", language, id, m[2])
				}
				if called, inMenu := texts["menu:"+m[2]]; inMenu && called != m[1] {
					t.Errorf("%s/%s calls %s %q, the menu %q", language, id, m[2], m[1], called)
				}
			}
			for _, m := range path.FindAllStringSubmatch(text, -1) {
				if !exists(m[1]) {
					t.Errorf("%s/%s names %s, which does not exist", language, id, m[1])
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d links were looked at", n)
	}
}
