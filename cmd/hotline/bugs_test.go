package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryBugOfOthersHasItsTest reads the test files of the whole tree: each
// line of the list of bugs in DEVELOPING.md has a test that bears its number,
// and the list names the tests that there are.
func TestEveryBugOfOthersHasItsTest(t *testing.T) {
	root := filepath.Join("..", "..")
	guide, err := os.ReadFile(filepath.Join(root, "DEVELOPING.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string][]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \| [^|]+ \| ([^|]+) \|$`).FindAllStringSubmatch(string(guide), -1) {
		for _, name := range regexp.MustCompile("`(Test2b\\w+)`").FindAllStringSubmatch(row[2], -1) {
			listed[fmt.Sprintf("%02s", row[1])] = append(listed[fmt.Sprintf("%02s", row[1])], name[1])
		}
	}
	found := map[string][]string{}
	test := regexp.MustCompile(`(?m)^func (Test2b(\d\d)\w*)\(t \*testing\.T\)`)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, one := range test.FindAllSubmatch(text, -1) {
			found[string(one[2])] = append(found[string(one[2])], string(one[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const bugs = 30
	for n := 1; n <= bugs; n++ {
		number := fmt.Sprintf("%02d", n)
		slices.Sort(found[number])
		slices.Sort(listed[number])
		switch {
		case len(found[number]) == 0:
			t.Errorf("bug %d has no test Test2b%s…", n, number)
		case !slices.Equal(found[number], listed[number]):
			t.Errorf("bug %d is tested by %v, DEVELOPING.md names %v", n, found[number], listed[number])
		}
	}
	if got := slices.Sorted(maps.Keys(found)); len(got) != bugs {
		t.Errorf("the tests have the numbers %v", got)
	}
}
