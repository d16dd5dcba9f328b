// Command render speaks the shipped prompts: every sentence that is new or was
// changed since it was last spoken becomes an Opus file in assets, and the
// manifest says of what it was made. It runs espeak-ng and opusenc as separate
// programs.
//
//	go run ./ivr/prompts/render [-all] [-dir ivr/prompts]
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"hotline/appliance/audio"
	"hotline/ivr/prompts"
	"hotline/ivr/prompts/voice"
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
	dir string
	old prompts.Manifest

	mu      sync.Mutex
	now     prompts.Manifest
	changed int
}

func render(dir string, all bool) error {
	r := &renderer{dir: dir, old: prompts.Manifest{}, now: prompts.Manifest{}}
	if b, err := os.ReadFile(r.manifest()); err == nil && !all {
		if r.old, err = prompts.ParseManifest(b); err != nil {
			fmt.Fprintln(os.Stderr, "render:", err, "- everything is spoken anew")
			r.old = prompts.Manifest{}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	var work errgroup.Group
	work.SetLimit(runtime.NumCPU())
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		c, err := prompts.ParseCatalogue(b)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, id := range slices.Sorted(maps.Keys(c.Prompts)) {
			text, err := c.Spelling(c.Prompts[id])
			if err != nil {
				return err
			}
			work.Go(func() error {
				err := r.asset(c.Language+"/"+id, prompts.SourceKey(c.Voice, text), func() ([]byte, error) {
					return speech(c.Voice, text)
				})
				if err != nil {
					return fmt.Errorf("speaking %s/%s: %w", c.Language, id, err)
				}
				return nil
			})
		}
	}
	for id, compose := range map[string]func() *audio.Clip{prompts.HoldMusic: music, prompts.Beep: beep} {
		key := prompts.SourceKey(voice.Voice{}, fmt.Sprint(id, " ", score))
		work.Go(func() error {
			return r.asset(prompts.Neutral+"/"+id, key, func() ([]byte, error) {
				var b bytes.Buffer
				err := audio.WriteWAV(&b, compose())
				return b.Bytes(), err
			})
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	return r.finish()
}

func (r *renderer) manifest() string { return filepath.Join(r.dir, "assets", "manifest.txt") }

// asset makes one file unless the one there is still right.
func (r *renderer) asset(name, source string, make func() ([]byte, error)) error {
	path := filepath.Join(r.dir, filepath.FromSlash(prompts.AssetPath(name)))
	entry, spoken := prompts.Entry{Source: source}, false
	if old, ok := r.old[name]; ok && old.Source == source {
		if b, err := os.ReadFile(path); err == nil && prompts.Sum(b) == old.Asset {
			entry.Asset = old.Asset
		}
	}
	if entry.Asset == "" {
		b, err := make()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
		entry.Asset, spoken = prompts.Sum(b), true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now[name] = entry
	if spoken {
		r.changed++
	}
	return nil
}

// finish removes what no sentence asks for and writes the manifest.
func (r *renderer) finish() error {
	removed := 0
	wanted := map[string]bool{r.manifest(): true}
	for name := range r.now {
		wanted[filepath.Join(r.dir, filepath.FromSlash(prompts.AssetPath(name)))] = true
	}
	err := filepath.WalkDir(filepath.Join(r.dir, "assets"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || wanted[path] {
			return err
		}
		removed++
		return os.Remove(path)
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.manifest(), r.now.Text(), 0o644); err != nil {
		return err
	}
	fmt.Printf("%d prompts: %d spoken, %d removed\n", len(r.now), r.changed, removed)
	return nil
}

// encodeFor is how long the encoder may take for one sentence.
const encodeFor = 20 * time.Second

// speech is a text as an Opus file. 16 kbit/s is as near to the sound before
// it as MP3 at 24 (measured as the distance of the spectra) and takes a quarter
// of G.711. Told the serial number, opusenc writes the same bytes every time.
func speech(v voice.Voice, text string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), encodeFor)
	defer cancel()
	clip, err := voice.Speak(ctx, v, text)
	if err != nil {
		return nil, err
	}
	var pcm, complaint bytes.Buffer
	for _, s := range clip.PCM() {
		pcm.Write(binary.LittleEndian.AppendUint16(nil, uint16(s)))
	}
	cmd := exec.CommandContext(ctx, "opusenc", "--quiet", "--raw", "--raw-bits", "16", "--raw-rate", "8000", "--raw-chan", "1",
		"--speech", "--bitrate", "16", "--framesize", "60", "--padding", "0", "--serial", "1", "-", "-")
	cmd.Stdin, cmd.Stderr = &pcm, &complaint
	b, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running opusenc: %w: %s", err, complaint.Bytes())
	}
	return b, nil
}
