package support

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/health"
	"hotline/appliance/trunk"
)

// parts are the files of an archive.
func parts(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

// What is wrong with a machine can be seen in the file; nobody can be found by it,
// and nothing be opened.
func TestTheFileTellsOfTheMachineAndOfNobody(t *testing.T) {
	memory := new(Memory)
	log := slog.New(slog.NewTextHandler(memory, nil))
	log.Error("the sound of a call stands still", "contact", "01JD0000000000000000000001", "from", "198.51.100.23:5060", "again", "198.51.100.23", "by", "10.1.2.3", "six", "2001:db8::77", "own", "127.0.0.1:8443")
	log.Warn("somebody wrote maria.lopez@example.org", "number", "+12025550147", "short", "+120255*****", "bare", "5215512345678", "calls", 12345)
	log.Warn("a line is down", "line", "Anna's \"SIM\" at Rosa", "name", "Méndez", "of", 3)
	cfg := config.Default()
	cfg.Name, cfg.Operation, cfg.SIP.Help = "Casa de Rosa Méndez", "Flood at Valle Alto", []string{"+12025550100"}
	cfg.SIP.Lines = []config.Line{{Name: "Anna's SIM", Kind: "register", Servers: []string{"sip.carrier.example"}, User: "12025550100", Password: "tiger-lamp-7", MaxCalls: 30}}
	cfg.SIP.Shares = map[string]int{"shelter-rosa": 20}
	f := health.Figures{Now: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Version: "abc123", DiskFree: 1 << 20, DiskSize: 90 << 30,
		Lines: []trunk.LineState{{Name: "Anna's SIM", Checked: true, Reason: "403 for 12025550100"}}}
	var out bytes.Buffer
	if err := Write(&out, Box{Figures: f, Settings: cfg, Log: memory, Metrics: func(w io.Writer) error {
		_, err := fmt.Fprint(w, "hotline_line_up{line=\"Anna's SIM\"} 0\nhotline_line_calls{line=\"Anna's SIM\"} 2\nhotline_line_up{line=\"b\"} 1\n")
		return err
	}}); err != nil {
		t.Fatal(err)
	}
	got := parts(t, out.Bytes())
	for name, wants := range map[string][]string{
		"about.txt":    {"abc123", "2026-03-01T10:00:00Z", "disk      1048576 bytes free of 96636764160"},
		"health.txt":   {"bad   line.down", "bad   disk.full"},
		"figures.txt":  {`hotline_line_up{line="1"} 0`, `hotline_line_calls{line="1"} 2`, `hotline_line_up{line="2"} 1`},
		"settings.txt": {"kind: register", "max_calls: 30", "password: …"},
		"log.txt":      {"the sound of a call stands still", "[machine 1, public]:5060", `again=[machine 1, public] `, "[machine 2, private]", "[machine 3, public]", "127.0.0.1:8443", "01JD0000000000000000000001", "calls=12345", "line=… name=… of=3"},
		"running.txt":  {"goroutine profile"},
	} {
		for _, want := range wants {
			if !strings.Contains(got[name], want) {
				t.Errorf("%s lacks %q:\n%s", name, want, got[name])
			}
		}
	}
	for name, text := range got {
		for _, secret := range []string{"Rosa", "rosa", "Méndez", "SIM", "Valle", "2025550", "120255", "Anna", "carrier", "tiger", "198.51", "10.1.2", "db8", "maria", "lopez", "52155"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s tells %q:\n%s", name, secret, text)
			}
		}
	}
}

// The log is kept from the beginning of a line on, and never grows without end.
func TestTheLastOfTheLogIsKept(t *testing.T) {
	m := new(Memory)
	for i := range 60_000 {
		fmt.Fprintf(m, "line %06d of a log that goes on and on, for ever and ever\n", i)
	}
	text := m.text()
	if len(text) < remembered/2 || len(m.kept) > 2*remembered || !strings.HasPrefix(text, "line ") || !strings.HasSuffix(text, "line 059999 of a log that goes on and on, for ever and ever\n") {
		t.Errorf("%d bytes are kept, from %.40q on", len(text), text)
	}
	if (*Memory)(nil).text() != "" {
		t.Error("there is a log where there is none")
	}
}
