// Package words holds the texts of the pages, one catalogue per language, and
// chooses between them. It knows nothing of pages, people or calls.
package words

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed text
var files embed.FS

// English is the language of last resort; its catalogue is the complete one.
const English = "en"

// Catalogues are the texts of all languages.
type Catalogues struct {
	read    map[string]func() (Text, error)
	tags    []string
	matcher language.Matcher
}

// Text is the catalogue of one language.
type Text struct {
	tag      language.Tag
	dir      string
	entries  map[string]string
	fallback map[string]string
	own      map[string]string // of the operators of this hotline, before all others
}

// Load gives the catalogues that the program carries: a folder for each
// language, a file for each part of the site. They never change, so everybody
// shares them. English is read now; another language when somebody wants it,
// because a hotline that starts has callers who wait.
func Load() (*Catalogues, error) { return shipped() }

var shipped = sync.OnceValues(func() (*Catalogues, error) {
	folders, err := fs.ReadDir(files, "text")
	if err != nil {
		return nil, fmt.Errorf("reading the texts: %w", err)
	}
	english, err := readFolder(English)
	if err != nil {
		return nil, err
	}
	entries := map[string]func() (map[string]string, error){}
	for _, f := range folders {
		entries[f.Name()] = sync.OnceValues(func() (map[string]string, error) { return readFolder(f.Name()) })
	}
	entries[English] = func() (map[string]string, error) { return english, nil }
	return collect(english, entries)
})

// readFolder reads the texts of one language.
func readFolder(tag string) (map[string]string, error) {
	names, err := fs.Glob(files, path.Join("text", tag, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("reading the texts: %w", err)
	}
	all := map[string]string{}
	for _, name := range names {
		raw, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading the texts: %w", err)
		}
		var texts map[string]string
		if err := yaml.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("the texts in %s: %w", name, err)
		}
		for key, text := range texts {
			if _, twice := all[key]; twice {
				return nil, fmt.Errorf("the text %q in %s stands in another file, too", key, name)
			}
			all[key] = text
		}
	}
	return all, nil
}

// Long is a made-up language that is read from right to left and whose texts are
// half as long again as the English ones: what fits in it fits in most.
const Long = "ar-XB"

// WithLong are the shipped catalogues and the long one.
func WithLong() (*Catalogues, error) {
	shipped, err := Load()
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]string{}
	for _, tag := range shipped.Tags() {
		all[tag] = shipped.Keys(tag)
	}
	long := map[string]string{}
	for key, text := range all[English] {
		if long[key] = text; !strings.HasPrefix(key, "said.") {
			long[key] += strings.Repeat(" מאריך", 1+len(text)/16)
		}
	}
	long["dir"], long["language.name"] = "rtl", "[Long]"
	all[Long] = long
	return New(all)
}

// New makes catalogues from texts by language tag. English must be among them.
func New(all map[string]map[string]string) (*Catalogues, error) {
	english, ok := all[English]
	if !ok {
		return nil, fmt.Errorf("the English texts are missing")
	}
	entries := map[string]func() (map[string]string, error){}
	for tag, texts := range all {
		entries[tag] = func() (map[string]string, error) { return texts, nil }
	}
	return collect(english, entries)
}

// collect makes catalogues of languages that may be read later.
func collect(english map[string]string, entries map[string]func() (map[string]string, error)) (*Catalogues, error) {
	c := &Catalogues{read: map[string]func() (Text, error){}, tags: []string{English}}
	for _, tag := range slices.Sorted(maps.Keys(entries)) {
		if tag != English {
			c.tags = append(c.tags, tag)
		}
	}
	var known []language.Tag
	for _, tag := range c.tags {
		parsed, err := language.Parse(tag)
		if err != nil {
			return nil, fmt.Errorf("%q is not a language tag: %w", tag, err)
		}
		known = append(known, parsed)
		c.read[tag] = sync.OnceValues(func() (Text, error) {
			own, err := entries[tag]()
			dir := own["dir"]
			if dir != "rtl" {
				dir = "ltr"
			}
			return Text{tag: parsed, dir: dir, entries: own, fallback: english}, err
		})
	}
	c.matcher = language.NewMatcher(known)
	return c, nil
}

// Check reads all languages that were not read yet and says what is wrong with
// one. Where it is not asked, a language that cannot be read is English.
func (c *Catalogues) Check() error {
	for _, tag := range c.tags {
		if _, err := c.read[tag](); err != nil {
			return err
		}
	}
	return nil
}

func (c *Catalogues) text(tag string) Text {
	t, _ := c.read[tag]() // Check tells; English stands in for what is missing
	return t
}

// Tags are the languages that have a catalogue, English first.
func (c *Catalogues) Tags() []string { return c.tags }

// Has reports whether there is a catalogue for exactly this tag.
func (c *Catalogues) Has(tag string) bool { _, ok := c.read[tag]; return ok }

// Choose picks the best catalogue: the first wish that is available, else what
// the Accept-Language header of the browser asks for, else English.
func (c *Catalogues) Choose(acceptLanguage string, wishes ...string) Text {
	for _, wish := range wishes {
		if c.Has(wish) {
			return c.text(wish)
		}
	}
	_, at := language.MatchStrings(c.matcher, acceptLanguage)
	return c.text(c.tags[at])
}

// Keys are the keys of one catalogue, for checks.
func (c *Catalogues) Keys(tag string) map[string]string {
	if !c.Has(tag) {
		return nil
	}
	return c.text(tag).entries
}

// Lang is the language tag for the lang attribute.
func (t Text) Lang() string { return t.tag.String() }

// Dir is the writing direction: ltr or rtl.
func (t Text) Dir() string { return t.dir }

// With is the text with words of the operators of this hotline.
func (t Text) With(own map[string]string) Text {
	t.own = own
	return t
}

// T is the text of a key. A missing text falls back to English and then to the
// key itself, so that nothing on a page is ever blank.
func (t Text) T(key string) string {
	if text, ok := t.own[key]; ok {
		return text
	}
	if text, ok := t.entries[key]; ok {
		return text
	}
	if text, ok := t.fallback[key]; ok {
		return text
	}
	return key
}

// Known reports whether any catalogue has the key.
func (t Text) Known(key string) bool {
	for _, texts := range []map[string]string{t.own, t.entries, t.fallback} {
		if _, ok := texts[key]; ok {
			return true
		}
	}
	return false
}

// Or is the text of the key, or the plain words given when there is none: for
// names that operators choose themselves, such as lines.
func (t Text) Or(key, plain string) string {
	if t.Known(key) {
		return t.T(key)
	}
	return plain
}

// F fills the {placeholders} of a text: F("greeting", "name", "Amal").
func (t Text) F(key string, pairs ...string) string {
	return t.fill(t.T(key), pairs)
}

// N is F with a number: it takes the key's plural form ("key.one", "key.other"
// and so on, as CLDR names them) and fills {n}.
func (t Text) N(key string, n int, pairs ...string) string {
	name := key + "." + formName(plural.Cardinal.MatchPlural(t.tag, n, 0, 0, 0, 0))
	if !t.Known(name) {
		name = key + ".other"
	}
	return t.fill(t.T(name), append(pairs, "n", strconv.Itoa(n)))
}

// Script is every text whose key starts with the prefix, for the page's script.
func (t Text) Script(prefixes ...string) map[string]string {
	chosen := map[string]string{}
	// The language may have plural forms that English does not have.
	for _, keys := range []map[string]string{t.fallback, t.entries, t.own} {
		for key := range keys {
			for _, prefix := range prefixes {
				if strings.HasPrefix(key, prefix) {
					chosen[key] = t.T(key)
				}
			}
		}
	}
	return chosen
}

// formName is the CLDR name of a plural form.
func formName(form plural.Form) string {
	switch form {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		return "few"
	case plural.Many:
		return "many"
	default:
		return "other"
	}
}

// fill puts values into a text. In one that is read from right to left each
// stands apart (Unicode: first strong isolate), or a number in groups, a time or
// a Latin name would turn its neighbours around, and itself: 48 29 16 would be
// read as 16 29 48.
func (t Text) fill(text string, pairs []string) string {
	places := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		value := pairs[i+1]
		if t.dir == "rtl" && strings.Trim(value, "0123456789") != "" {
			value = "\u2068" + value + "\u2069"
		}
		places = append(places, "{"+pairs[i]+"}", value)
	}
	return strings.NewReplacer(places...).Replace(text) // once: a value may have braces itself
}
