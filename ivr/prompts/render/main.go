// Command render speaks the shipped prompts: every sentence that is new or was
// changed since it was last spoken becomes a µ-law WAV file in assets, and the
// manifest says of what it was made. It runs espeak-ng as a separate program;
// the hotline itself never does.
//
//	go run ./ivr/prompts/render [-all] [-dir ivr/prompts]
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
)

func main() {
	dir := flag.String("dir", "ivr/prompts", "folder of the language files")
	all := flag.Bool("all", false, "speak everything anew")
	flag.Parse()
	if err := render(*dir, *all); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

type renderer struct {
	assets  string
	old     prompts.Manifest
	now     prompts.Manifest
	changed int
}

func render(dir string, all bool) error {
	r := &renderer{assets: filepath.Join(dir, "assets"), old: prompts.Manifest{}, now: prompts.Manifest{}}
	if b, err := os.ReadFile(filepath.Join(r.assets, "manifest.json")); err == nil && !all {
		if err := json.Unmarshal(b, &r.old); err != nil {
			return fmt.Errorf("reading the manifest: %w", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		c, err := prompts.ParseCatalogue(b)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for id, text := range c.Prompts {
			err := r.asset(c.Language+"/"+id, prompts.SourceKey(c.Voice, text), func() (*audio.Clip, error) {
				return speak(c.Voice, text)
			})
			if err != nil {
				return fmt.Errorf("speaking %s/%s: %w", c.Language, id, err)
			}
		}
	}
	for id, compose := range map[string]func() *audio.Clip{prompts.HoldMusic: music, prompts.Beep: beep} {
		key := prompts.SourceKey(prompts.Voice{}, fmt.Sprint(id, " ", score))
		if err := r.asset(prompts.Neutral+"/"+id, key, func() (*audio.Clip, error) { return compose(), nil }); err != nil {
			return err
		}
	}
	return r.finish()
}

// asset makes one file unless the one there is still right.
func (r *renderer) asset(name, source string, make func() (*audio.Clip, error)) error {
	path := filepath.Join(r.assets, filepath.FromSlash(name)+".wav")
	if old, ok := r.old[name]; ok && old.Source == source {
		if b, err := os.ReadFile(path); err == nil && prompts.Sum(b) == old.Asset {
			r.now[name] = old
			return nil
		}
	}
	clip, err := make()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := audio.WriteWAV(&b, clip); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return err
	}
	r.changed++
	r.now[name] = prompts.Entry{Source: source, Asset: prompts.Sum(b.Bytes()), Millis: int(clip.Duration().Milliseconds())}
	return nil
}

// finish removes what no sentence asks for and writes the manifest.
func (r *renderer) finish() error {
	removed := 0
	err := filepath.WalkDir(r.assets, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".wav" {
			return err
		}
		name, err := filepath.Rel(r.assets, strings.TrimSuffix(path, ".wav"))
		if err != nil {
			return err
		}
		if _, wanted := r.now[filepath.ToSlash(name)]; wanted {
			return nil
		}
		removed++
		return os.Remove(path)
	})
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(r.now, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.assets, "manifest.json"), append(b, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Printf("%d prompts: %d spoken, %d removed\n", len(r.now), r.changed, removed)
	return nil
}
