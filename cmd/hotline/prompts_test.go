package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
)

const kiswahili = "language: sw\nname: Kiswahili\nspoken: {numbers: {cardinal: {0: \"number.1\"}}, phrases: {about: \"number.1\", between: \"number.1\", more: \"number.1\", hours: \"number.1\", time: \"number.1\", date: \"number.1\"}}\n" +
	"prompts: {hello: \"Hujambo.\", number.1: \"moja\"}\n"

// A language arrives as a file, without a new program.
func TestALanguagePackFromTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "box")
	if status, _, errs := hotlineCommand(t.Context(), "setup", "--dir", dir); status != 0 {
		t.Fatal(errs)
	}
	var sound, pack bytes.Buffer
	if err := audio.WriteWAV(&sound, audio.Tone(500, time.Second, -20)); err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(&pack)
	for name, content := range map[string]string{"language.yaml": kiswahili, "audio/hello.wav": sound.String()} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	good, bad := filepath.Join(dir, "sw.zip"), filepath.Join(dir, "bad.zip")
	for path, content := range map[string][]byte{good: pack.Bytes(), bad: []byte("MZ no pack")} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := filepath.Join(dir, config.FileName)
	status, out, errs := hotlineCommand(t.Context(), "prompts", "import", good, "--config", settings)
	if status != 0 || !strings.Contains(out, "Kiswahili (sw) is there: 1 sentences recorded") || !strings.Contains(out, "missing: main.menu") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	if status, _, errs := hotlineCommand(t.Context(), "prompts", "import", bad, "--config", settings); status != 1 || !strings.Contains(errs, "nothing was changed") {
		t.Errorf("a bad pack: status %d, %s", status, errs)
	}
}
