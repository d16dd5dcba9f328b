// Package support makes a file for whoever helps from afar with a hotline that
// does not do what it should: how the machine is, and what its program has written
// to its log of late. Nothing about people is in it, and nothing that opens
// anything: the file goes by e-mail. The log masks numbers and names by their type
// already; here everything is looked at once more, and addresses of machines
// become running numbers.
package support

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/procfs"

	"hotline/appliance/health"
)

// remembered is how much of the log is kept in memory, in bytes.
const remembered = 1 << 20

// Memory keeps the last of what is written to it: the log of a machine without a
// command line can be read nowhere else. Its zero value is empty and ready.
type Memory struct {
	mu   sync.Mutex
	kept []byte
	cut  bool
}

// Write keeps p. It never fails.
func (m *Memory) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = append(m.kept, p...)
	if len(m.kept) > 2*remembered {
		m.kept = append([]byte(nil), m.kept[len(m.kept)-remembered:]...)
		m.cut = true
	}
	return len(p), nil
}

// text is what is kept, from the beginning of a line on.
func (m *Memory) text() string {
	if m == nil {
		return ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := string(m.kept)
	if m.cut {
		_, all, _ = strings.Cut(all, "\n")
	}
	return all
}

// Box is what is told of a hotline.
type Box struct {
	Figures  health.Figures
	Metrics  func(io.Writer) error // in the form that Prometheus reads; nil: none
	Settings any                   // of hotline.yaml; only numbers, switches and kinds are told
	Log      *Memory               // nil: none
}

// Write makes the file, a ZIP archive.
func Write(to io.Writer, b Box) error {
	out := zip.NewWriter(to)
	hide := newCloak()
	add := func(name string, write func(io.Writer) error) error {
		w, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: b.Figures.Now})
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if err := write(&text); err != nil {
			fmt.Fprintf(&text, "\nThis part could not be made: %v\n", err) // the others help all the same
		}
		hidden := hide.text(text.String())
		if name != "about.txt" && name != "figures.txt" { // whose long numbers are bytes and packets
			hidden = number.ReplaceAllString(hidden, "…")
		}
		_, err = io.WriteString(w, hidden)
		return err
	}
	for _, part := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"about.txt", func(w io.Writer) error { return about(w, b.Figures) }},
		{"health.txt", func(w io.Writer) error { return checks(w, b.Figures) }},
		{"figures.txt", func(w io.Writer) error {
			if b.Metrics == nil {
				return nil
			}
			var all bytes.Buffer
			err := b.Metrics(&all)
			_, _ = w.Write(labels(all.Bytes()))
			return err
		}},
		{"settings.txt", func(w io.Writer) error { return settings(w, b.Settings) }},
		{"log.txt", func(w io.Writer) error {
			_, err := io.WriteString(w, given.ReplaceAllString(b.Log.text(), "${1}=…"))
			return err
		}},
		{"running.txt", func(w io.Writer) error { return pprof.Lookup("goroutine").WriteTo(w, 1) }},
	} {
		if err := add(part.name, part.write); err != nil {
			return fmt.Errorf("writing the file for whoever helps: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing the file for whoever helps: %w", err)
	}
	return nil
}

func about(w io.Writer, f health.Figures) error {
	fmt.Fprintf(w, "program   %s (%s, %s/%s)\nnow       %s\nstarted   %s\nprocessors %d\n", f.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH,
		f.Now.UTC().Format(time.RFC3339), f.Started.UTC().Format(time.RFC3339), runtime.NumCPU())
	fmt.Fprintf(w, "disk      %d bytes free of %d\nrecords   %d bytes, %d entries in the log of what happened\n", f.DiskFree, f.DiskSize, f.Load.DataSize, f.Load.Entries)
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return err
	}
	memory, err := fs.Meminfo()
	if err != nil {
		return err
	}
	if memory.MemTotalBytes != nil && memory.MemAvailableBytes != nil {
		fmt.Fprintf(w, "memory    %d bytes available of %d\n", *memory.MemAvailableBytes, *memory.MemTotalBytes)
	}
	load, err := fs.LoadAvg()
	if err == nil {
		fmt.Fprintf(w, "load      %.2f %.2f %.2f\n", load.Load1, load.Load5, load.Load15)
	}
	return err
}

// checks tells of values only those that are figures: the others are names that
// somebody gave.
func checks(w io.Writer, f health.Figures) error {
	for _, c := range health.Checks(f) {
		fmt.Fprintf(w, "%-5s %s", c.State, c.Words)
		for i := 0; i+1 < len(c.Values); i += 2 {
			if _, err := strconv.ParseFloat(c.Values[i+1], 64); err == nil {
				fmt.Fprintf(w, " %s=%s", c.Values[i], c.Values[i+1])
			}
		}
		fmt.Fprintln(w)
	}
	return nil
}

var label = regexp.MustCompile(`\b(line|peer)="((?:[^"\\]|\\.)*)"`)

// given are attributes of the log whose values somebody gave: they may be called
// after people.
var given = regexp.MustCompile(`\b(line|lines|name|system|operation|title|label)=("(?:[^"\\]|\\.)*"|\S+)`)

// labels gives lines and networks running numbers instead of their names.
func labels(metrics []byte) []byte {
	known := map[string]int{}
	return label.ReplaceAllFunc(metrics, func(found []byte) []byte {
		part := label.FindSubmatch(found)
		if known[string(found)] == 0 {
			known[string(found)] = len(known) + 1
		}
		return fmt.Appendf(nil, `%s="%d"`, part[1], known[string(found)])
	})
}

// told are the settings whose words say nothing about anybody.
var told = map[string]bool{"kind": true, "transport": true, "zone": true, "region": true, "languages": true, "roles": true, "listen": true, "tcp": true, "tls": true, "sound": true, "metrics": true}

// settings are those of hotline.yaml: how many there are, figures, switches and
// kinds. Names, numbers, addresses and passwords are dots.
func settings(w io.Writer, all any) error {
	raw, err := yaml.Marshal(all)
	if err != nil {
		return err
	}
	var tree any
	if err := yaml.Unmarshal(raw, &tree); err != nil {
		return err
	}
	raw, err = yaml.Marshal(bare("", tree))
	if err == nil {
		_, err = w.Write(raw)
	}
	return err
}

func bare(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, one := range v {
			name := k
			if key == "queue_from" || key == "queue_shares" {
				name = strconv.Itoa(len(out) + 1) // a line that somebody named
			}
			out[name] = bare(k, one)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = bare(key, one)
		}
		return out
	case string:
		if v != "" && !told[key] {
			return "…"
		}
	}
	return value
}

// cloak hides what could lead to somebody in a text.
type cloak struct{ known map[netip.Addr]int }

func newCloak() *cloak { return &cloak{map[netip.Addr]int{}} }

var (
	number  = regexp.MustCompile(`\+\d[\d*]{5,}|\b\d{9,}\b`)
	mail    = regexp.MustCompile(`[^\s"'<>=,;:]+@[^\s"'<>=,;]+`)
	address = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*`)
)

func (c *cloak) text(s string) string {
	s = mail.ReplaceAllString(s, "…@…")
	return address.ReplaceAllStringFunc(s, func(found string) string {
		addr, err := netip.ParseAddr(found)
		if err != nil || addr.IsLoopback() || addr.IsUnspecified() {
			return found
		}
		if c.known[addr] == 0 {
			c.known[addr] = len(c.known) + 1
		}
		where := "public"
		if addr.IsPrivate() || addr.IsLinkLocalUnicast() {
			where = "private"
		}
		return fmt.Sprintf("[machine %d, %s]", c.known[addr], where)
	})
}
