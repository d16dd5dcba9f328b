package bundle

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// What ships to begin with: organisations of three sizes (domain 5.3). The five
// kinds of disaster ship as scenarios, which operation.yaml names.

//go:embed templates
var shipped embed.FS

// Templates are the names of those that ship, the smallest first.
func Templates() []string { return []string{"town", "city", "national"} }

// Template is one of them. It names what depends on the size alone, so it can be
// put over any new hotline.
func Template(name string) (*Bundle, error) {
	if !contains(Templates(), name) {
		return nil, fmt.Errorf("there is no template %q; there are %s", name, strings.Join(Templates(), ", "))
	}
	dir, err := fs.Sub(shipped, "templates/"+name)
	if err != nil {
		return nil, err
	}
	return readFolder(dir)
}

// About is what a bundle says of itself.
func (b *Bundle) About() (about string, err error) {
	err = b.setting(manifestName, "about", &about)
	return about, err
}

// Languages are the languages of callers that a bundle names; nil when it names
// none.
func (b *Bundle) Languages() (languages []string, err error) {
	err = b.setting("organisation.yaml", "languages", &languages)
	return languages, err
}

// HasUsers reports that a bundle names people.
func (b *Bundle) HasUsers() bool { return b.files["users.yaml"] != nil }
