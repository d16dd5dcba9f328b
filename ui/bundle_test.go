package ui

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"hotline/ui/page"
)

// scriptedBundles is a hotline that has one thing to change, as long as its print
// is the one that was looked at.
type scriptedBundles struct {
	file, secrets []byte
	by            string
	print         string
	applied       []string
	failed        error
}

func (b *scriptedBundles) Take(file, secrets []byte, by string) string {
	b.file, b.secrets, b.by = file, secrets, by
	return "kept"
}

func (b *scriptedBundles) Look(_ context.Context, id, by string) (page.BundlePlan, error) {
	if id != "kept" || by != b.by {
		return page.BundlePlan{}, ErrNoBundle
	}
	if string(b.file) == "wrong" {
		return page.BundlePlan{Faults: []page.BundleFault{{File: "queues.yaml", Line: 3, Column: 9, About: "help", Text: `"<no>" are no hours: write them like 08:00-20:00, or closed`}}}, nil
	}
	return page.BundlePlan{Print: b.print, Changes: []page.BundleChange{{Kind: "changed", File: "queues", Name: "help", Setting: "hours", Was: "always", Is: "08:00-20:00"}}}, b.failed
}

func (b *scriptedBundles) Apply(ctx context.Context, id, seen, by string) (page.BundlePlan, error) {
	plan, err := b.Look(ctx, id, by)
	if err == nil && seen != b.print {
		return page.BundlePlan{}, ErrBundleOther
	}
	b.applied = append(b.applied, seen)
	plan.People = []page.BundlePerson{{Login: "ana", Name: "Ana", Password: "long password"}}
	return plan, err
}

func (b *scriptedBundles) Write(_ context.Context, w io.Writer, _ string) error {
	_, err := io.WriteString(w, "PK")
	return err
}

// A bundle is brought, looked at and applied, and nothing else than what was
// looked at.
func TestABundleIsLookedAtBeforeItChangesAnything(t *testing.T) {
	t.Parallel()
	s := startSite(t, newScript(t), nil)
	client := s.as(t, admin)
	if got := s.upload(t, client, "/admin/bundle", "bundle", "none.zip", nil); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Choose the ZIP file first") {
		t.Errorf("nothing was brought: %d\n%s", got.status, got.body)
	}
	if got := s.upload(t, client, "/admin/bundle", "bundle", "large.zip", make([]byte, maxUpload+1)); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "at most 50 MB") {
		t.Errorf("too much was brought: %d", got.status)
	}
	if got := s.upload(t, client, "/admin/bundle", "bundle", "a.zip", []byte("wrong")); got.header.Get("Location") != "/admin/bundle/kept" || string(s.bundles.file) != "wrong" {
		t.Fatalf("a bundle was brought: %d %q", got.status, got.header.Get("Location"))
	}
	if got := s.get(t, client, "/admin/bundle/kept"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "queues.yaml:3:9") || !strings.Contains(got.body, "&lt;no&gt;&#34; are no hours") || strings.Contains(got.body, `name="seen"`) {
		t.Errorf("what is wrong with it: %d\n%s", got.status, got.body)
	}
	s.post(t, client, "/language", url.Values{"language": {"es"}})
	if got := s.get(t, client, "/admin/bundle/kept"); !strings.Contains(got.body, "queues.yaml:3:9") || !strings.Contains(got.body, "«&lt;no&gt;» no son horas") {
		t.Errorf("what is wrong with it, in Spanish: %s", got.body)
	}
	s.post(t, client, "/language", url.Values{"language": {"en"}})
	s.upload(t, client, "/admin/bundle", "bundle", "a.zip", []byte("right"))
	s.bundles.print = "first"
	if got := s.get(t, client, "/admin/bundle/kept"); got.status != http.StatusOK || !strings.Contains(got.body, "08:00-20:00") || !strings.Contains(got.body, `value="first"`) {
		t.Fatalf("what it would change: %d\n%s", got.status, got.body)
	}
	if got := s.post(t, client, "/admin/bundle/kept", url.Values{"seen": {"first"}}); got.status != http.StatusUnprocessableEntity || len(s.bundles.applied) > 0 {
		t.Errorf("without the tick: %d, applied %v", got.status, s.bundles.applied)
	}
	s.bundles.print = "second"
	if got := s.post(t, client, "/admin/bundle/kept", url.Values{"seen": {"first"}, "sure": {"yes"}}); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Somebody has changed the hotline meanwhile") || !strings.Contains(got.body, `value="second"`) || len(s.bundles.applied) > 0 {
		t.Errorf("the hotline was changed meanwhile: %d, applied %v\n%s", got.status, s.bundles.applied, got.body)
	}
	if got := s.post(t, client, "/admin/bundle/kept", url.Values{"seen": {"second"}, "sure": {"yes"}}); got.status != http.StatusOK || !strings.Contains(got.body, "long password") || !slices.Equal(s.bundles.applied, []string{"second"}) {
		t.Errorf("applied: %d, %v\n%s", got.status, s.bundles.applied, got.body)
	}
	if got := s.get(t, client, "/admin/bundle/gone"); got.status != http.StatusNotFound || !strings.Contains(got.body, "not here any more") {
		t.Errorf("one that is gone: %d", got.status)
	}
	if got := s.get(t, client, "/admin/bundle/file"); got.status != http.StatusOK || got.header.Get("Content-Type") != "application/zip" || got.body != "PK" {
		t.Errorf("the hotline as a file: %d %s", got.status, got.header.Get("Content-Type"))
	}
}
