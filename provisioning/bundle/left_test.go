package bundle

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whatever a hotline stores is carried by a bundle, or it is said why not.
func TestEveryTableIsCarriedOrSaidToBeLeft(t *testing.T) {
	t.Parallel()
	made := regexp.MustCompile(`NewTable\[[^(]*\]\(("[a-z_]+"|[A-Za-z.]+)\)`)
	constant := regexp.MustCompile(`\b(Table[A-Za-z]*)\s+= "([a-z_]+)"`)
	found, named := map[string]bool{}, map[string]string{}
	var unread []string
	root := filepath.Join("..", "..")
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
			named[m[1]] = m[2]
		}
		for _, m := range made.FindAllStringSubmatch(string(text), -1) {
			if quoted := strings.Trim(m[1], `"`); quoted != m[1] {
				found[quoted] = true
			} else {
				unread = append(unread, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range unread {
		switch {
		case name == "name": // of histories: what was changed from what, in a table for each kind of record
			found["history"] = true
		case name == "Table": // of the records beside cases
			found["cards"] = true
		default:
			found[named[name]] = true
		}
	}
	said := carried()
	for _, left := range LeftOut() {
		said = append(said, left.Tables...)
	}
	for _, name := range said {
		if !found[name] {
			t.Errorf("there is no table %q", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		n := 0
		for _, one := range said {
			if one == name {
				n++
			}
		}
		if n != 1 {
			t.Errorf("table %q is named %d times among what a bundle carries and what it leaves: it is set up by somebody, or it is not", name, n)
		}
	}
	if len(found) < 60 {
		t.Errorf("only %d tables were found", len(found))
	}
}
