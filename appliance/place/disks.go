package place

import (
	"os"
	"slices"
	"strings"
)

// Disks are the folders under which this machine shows USB disks and the like
// at this moment.
func Disks() []string {
	text, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return nil
	}
	return removable(string(text))
}

func removable(mounts string) []string {
	var disks []string
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`)
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "/dev/") {
			continue
		}
		at := unescape.Replace(fields[1])
		for _, place := range []string{"/media/", "/run/media/", "/mnt/"} {
			if strings.HasPrefix(at, place) && !slices.Contains(strings.Split(fields[3], ","), "ro") {
				disks = append(disks, at)
			}
		}
	}
	slices.Sort(disks)
	return slices.Compact(disks)
}
