package disk

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const madeAs = "4b1d2f0a-6f0e-5d53-9b55-7e8f5d1c0a00"

// table is what sfdisk reads on a disk.
func table(t *testing.T, path string) (names map[string]string, rest string) {
	t.Helper()
	out, err := exec.Command("sfdisk", "--json", path).Output()
	if err != nil {
		t.Fatalf("sfdisk: %v", err)
	}
	var told struct {
		PartitionTable struct {
			ID         string
			Label      string
			Partitions []struct {
				Start, Size      int
				Type, UUID, Name string
			}
		}
	}
	if err := json.Unmarshal(out, &told); err != nil {
		t.Fatal(err)
	}
	names = map[string]string{"disk": strings.ToLower(told.PartitionTable.ID)}
	for _, p := range told.PartitionTable.Partitions {
		names[p.Name] = strings.ToLower(p.UUID)
		rest += fmt.Sprintln(p.Start, p.Size, p.Type, p.Name)
	}
	return names, rest
}

// imageDisk is a disk with the table of the image.
func imageDisk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 64<<20); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sfdisk", "-q", "--no-reread", "--no-tell-kernel", path)
	c.Stdin = strings.NewReader("label: gpt\nlabel-id: " + madeAs + "\nsize=2048, type=U, name=esp\nsize=4096, type=L, name=slot-a\nsize=4096, type=L, name=slot-b\ntype=L, name=data\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// A disk that was made of the image gets names that no other disk has, once; all
// else on it stays.
func TestADiskGetsNamesOfItsOwn(t *testing.T) {
	var all []string
	for range 2 {
		path := imageDisk(t)
		before, laid := table(t, path)
		named := func() bool {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			named, err := Name(f, uuid.MustParse(madeAs))
			if err != nil {
				t.Fatal(err)
			}
			return named
		}
		if !named() {
			t.Fatal("the disk has kept the name of the image")
		}
		after, now := table(t, path)
		if now != laid {
			t.Errorf("the partitions were\n%sand are\n%s", laid, now)
		}
		for what, name := range after {
			if name == before[what] || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(name) {
				t.Errorf("%s has the name %s, before %s", what, name, before[what])
			}
			all = append(all, name)
		}
		if out, err := exec.Command("sfdisk", "--verify", path).CombinedOutput(); err != nil || !strings.Contains(string(out), "No errors detected") {
			t.Errorf("sfdisk says of the disk: %v: %s", err, out)
		}
		if named() {
			t.Error("a disk that has a name of its own is named again")
		}
		if again, _ := table(t, path); !maps.Equal(again, after) {
			t.Errorf("the names were %v and are %v", after, again)
		}
	}
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) || len(all) != 10 {
		t.Errorf("two disks have the names %v", all)
	}
}

// pulled is a disk whose power goes after so many sectors were written.
type pulled struct {
	*os.File
	left int
}

func (p *pulled) WriteAt(b []byte, at int64) (int, error) {
	n := min(len(b), p.left*sector)
	p.left -= n / sector
	if _, err := p.File.WriteAt(b[:n], at); err != nil {
		return 0, err
	}
	if n < len(b) {
		return n, os.ErrClosed
	}
	return n, nil
}

// Wherever the power goes, Linux reads either all old names or all new ones, and
// the boot loader, which takes the first table as it is, reads the same.
func TestAPowerCutWhileADiskIsNamed(t *testing.T) {
	done := false
	for sectors := 0; !done; sectors++ {
		path := imageDisk(t)
		before, _ := table(t, path)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		done, _ = Name(&pulled{f, sectors}, uuid.MustParse(madeAs))
		boots := make([]byte, 4*128)
		if _, err := f.ReadAt(boots, 2*sector); err != nil {
			t.Fatal(err)
		}
		f.Close()
		after, _ := table(t, path)
		changed := 0
		for what, name := range after {
			if name != before[what] {
				changed++
			}
		}
		if changed != 0 && changed != len(after) {
			t.Errorf("after %d sectors %d of %d names are new", sectors, changed, len(after))
		}
		for i, what := range []string{"esp", "slot-a", "slot-b", "data"} {
			if want := mixed(uuid.MustParse(after[what])); string(boots[i*128+entryUnique:][:16]) != string(want) {
				t.Errorf("after %d sectors the boot loader reads another name of %s than Linux", sectors, what)
			}
		}
		if sectors > 1000 {
			t.Fatal("it is never done")
		}
	}
}

// What the image names its disk is what the first start looks for.
func TestTheImageAndItsFirstStartAgreeOnTheName(t *testing.T) {
	for _, file := range []string{"build", "root/usr/lib/systemd/system/hotline-name.service"} {
		text, err := os.ReadFile(filepath.Join("../../images", file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), madeAs) {
			t.Errorf("images/%s does not know the name %s", file, madeAs)
		}
	}
}
