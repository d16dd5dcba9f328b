package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// floors is the plan of appliance/doc.go: the first prefix that fits names a
// package's floor.
var floors = []struct {
	prefix string
	floor  int
}{
	{"hotline/cmd/", 6},
	{"hotline/bench", 6},   // drives the finished program from outside
	{"hotline/images/", 6}, // switches the finished image on from outside
	{"hotline/tools/", 6},
	{"hotline/ui", 5},
	{"hotline/provisioning", 5},
	{"hotline/triage/closedown", 4},
	{"hotline/triage/desk", 4},
	{"hotline/triage/supervise", 4},
	{"hotline/triage/find", 4},
	{"hotline/triage/inbox", 4},
	{"hotline/triage/intake", 4},
	{"hotline/triage/privacy", 4},
	{"hotline/triage/reach", 4},
	{"hotline/triage/simulate", 4},
	{"hotline/triage/reports", 4},
	{"hotline/triage/cards", 2},
	{"hotline/triage", 3},
	{"hotline/ivr", 2},
	{"hotline/volunteers", 2},
	{"hotline/appliance", 1},
	{"hotline/docs", 1}, // text alone
}

// houses are folders whose packages may import each other on one floor; no
// other imports on the same floor are allowed.
var houses = []string{"hotline/ivr", "hotline/volunteers", "hotline/ui", "hotline/tools", "hotline/appliance", "hotline/cmd", "hotline/bench", "hotline/provisioning"}

// onlyIn names the one folder from which a library may be imported.
var onlyIn = map[string]string{
	"github.com/emiago/sipgo":      "hotline/appliance/trunk",
	"github.com/pion/webrtc":       "hotline/appliance/softphone",
	"go.etcd.io/bbolt":             "hotline/appliance/store",
	"github.com/xuri/excelize":     "hotline/appliance/table",
	"github.com/emiago/diago":      "nowhere",
	"github.com/hajimehoshi/oto":   "nowhere",
	"github.com/mattn/go-sqlite3":  "nowhere",
	"github.com/gorilla/websocket": "nowhere",
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsGoDownOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "hotline/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	packages := 0
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages++
		for _, imp := range p.Imports {
			for _, wrong := range violations(p.ImportPath, imp) {
				t.Error(wrong)
			}
		}
	}
	if packages < 15 {
		t.Errorf("only %d packages were looked at", packages)
	}
}

// violations says what is wrong with one import, in sentences.
func violations(from, imp string) (wrong []string) {
	for library, home := range onlyIn {
		if strings.HasPrefix(imp, library) && !within(from, home) {
			wrong = append(wrong, fmt.Sprintf("%s imports %s, which only %s may", from, imp, home))
		}
	}
	if !strings.HasPrefix(imp, "hotline/") {
		return wrong
	}
	a, b := floorOf(from), floorOf(imp)
	switch {
	case a == 0 || b == 0:
		wrong = append(wrong, fmt.Sprintf("%s or %s has no floor in the plan", from, imp))
	case b > a:
		wrong = append(wrong, fmt.Sprintf("%s (floor %d) imports %s above it (floor %d)", from, a, imp, b))
	case a == b && !slices.ContainsFunc(houses, func(h string) bool { return within(from, h) && within(imp, h) }):
		wrong = append(wrong, fmt.Sprintf("%s and %s are on one floor and do not know each other", from, imp))
	}
	return wrong
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func floorOf(path string) int {
	for _, f := range floors {
		if strings.HasPrefix(path, f.prefix) {
			return f.floor
		}
	}
	return 0
}

func TestTheFloorPlanWouldNoticeAWrongImport(t *testing.T) {
	for _, tc := range []struct{ from, imp string }{
		{"hotline/appliance/media", "hotline/triage"},
		{"hotline/ivr", "hotline/volunteers"},
		{"hotline/triage/desk", "hotline/ui"},
		{"hotline/ui", "go.etcd.io/bbolt"},
		{"hotline/provisioning", "hotline/ui"},
	} {
		if len(violations(tc.from, tc.imp)) == 0 {
			t.Errorf("%s importing %s passes", tc.from, tc.imp)
		}
	}
}

// Two owners of one table would read each other's records, and a wipe that
// keeps the one's would keep the other's.
func TestEveryTableHasOneOwner(t *testing.T) {
	made := regexp.MustCompile(`store\.New(?:Table(?:\[[^(]*\])?|Index)\("([^"]+)"\)`)
	owners := map[string]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range made.FindAllStringSubmatch(string(text), -1) {
			name := found[0][:strings.Index(found[0], "New")+len("NewT")] + found[1] // a table and an index are two things
			if owner, known := owners[name]; known {
				t.Errorf("%s is made in %s and in %s", found[1], owner, path)
			}
			owners[name] = path
		}
		return nil
	})
	if err != nil || len(owners) < 40 {
		t.Errorf("%d tables were looked at (%v)", len(owners), err)
	}
}
