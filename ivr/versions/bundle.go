package versions

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/ivr/flow"
)

// A bundle is a ZIP file with flows, to be carried to another hotline or kept
// in a repository:
//
//	manifest.json       format, version, note, and name and SHA-256 of every file
//	flows/<name>.yaml

// manifest says what is in a bundle.
type manifest struct {
	Format  int            `json:"format"` // 1
	Content string         `json:"content"`
	Version int            `json:"version"` // of the hotline that it comes from
	Note    string         `json:"note,omitempty"`
	Flows   []manifestFile `json:"flows"`
}

type manifestFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

const (
	bundleFormat  = 1
	bundleContent = "hotline flows"
	manifestName  = "manifest.json"
	flowFolder    = "flows/"
	maxManifest   = 256 << 10
	// MaxBundle is how large a bundle may be.
	MaxBundle = 4 << 20
)

// WriteBundle writes files as a bundle. The same files give the same bytes.
func WriteBundle(w io.Writer, version int, note string, texts map[string]string) error {
	m := manifest{Format: bundleFormat, Content: bundleContent, Version: version, Note: note}
	names := slices.Sorted(maps.Keys(texts))
	for _, name := range names {
		m.Flows = append(m.Flows, manifestFile{name, digest(texts[name])})
	}
	list, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	add := func(name string, text []byte) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		return err
	}
	if err := add(manifestName, append(list, '\n')); err != nil {
		return err
	}
	for _, name := range names {
		if err := add(flowFolder+name+".yaml", []byte(texts[name])); err != nil {
			return err
		}
	}
	return z.Close()
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// ReadBundle reads the files of a bundle. It believes nothing of what a bundle
// says about itself: sizes are counted while reading.
func ReadBundle(r io.ReaderAt, size int64) (map[string]string, error) {
	if size > MaxBundle {
		return nil, fmt.Errorf("this file is larger than a bundle of flows can be (%d MB)", MaxBundle>>20)
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, errors.New("this is no bundle of flows: it is not a ZIP file, or it is damaged")
	}
	if len(z.File) > maxSet+1 {
		return nil, fmt.Errorf("this bundle has more than %d files", maxSet)
	}
	found := map[string]string{}
	for _, f := range z.File {
		limit := maxText
		if f.Name == manifestName {
			limit = maxManifest
		}
		if _, twice := found[f.Name]; twice {
			return nil, fmt.Errorf("the file %q is in this bundle twice", f.Name)
		}
		text, err := readLimited(f, limit)
		if err != nil {
			return nil, err
		}
		found[f.Name] = text
	}
	list, ok := found[manifestName]
	if !ok {
		return nil, errors.New("this is no bundle of flows: it has no manifest.json")
	}
	delete(found, manifestName)
	var m manifest
	if err := json.Unmarshal([]byte(list), &m); err != nil {
		return nil, errors.New("the manifest.json of this bundle cannot be read")
	}
	switch {
	case m.Content != bundleContent:
		return nil, errors.New("this is no bundle of flows")
	case m.Format > bundleFormat:
		return nil, errors.New("this bundle comes from a newer program: update this hotline first")
	}
	texts := map[string]string{}
	for _, one := range m.Flows {
		text, there := found[flowFolder+one.Name+".yaml"]
		switch {
		case !flow.ValidName(one.Name):
			return nil, fmt.Errorf("a flow cannot be named %q", one.Name)
		case !there:
			return nil, fmt.Errorf("the flow %s is missing in this bundle", one.Name)
		case digest(text) != one.SHA256:
			return nil, fmt.Errorf("the flow %s was changed after this bundle was made: make the bundle again", one.Name)
		}
		texts[one.Name] = text
		delete(found, flowFolder+one.Name+".yaml")
	}
	for name := range found {
		return nil, fmt.Errorf("this bundle has a file that its manifest does not name: %s", path.Base(name))
	}
	if len(texts) == 0 {
		return nil, errors.New("there is no flow in this bundle")
	}
	return texts, nil
}

func readLimited(f *zip.File, limit int) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", fmt.Errorf("the file %q of this bundle cannot be read", f.Name)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("the file %q of this bundle is damaged", f.Name)
	case len(text) > limit:
		return "", fmt.Errorf("the file %q of this bundle is larger than %d kB", f.Name, limit>>10)
	}
	return strings.ToValidUTF8(string(text), "\uFFFD"), nil
}

// Export writes a version with all its files.
func (s *Shelf) Export(w io.Writer, number int) error {
	v, err := s.Version(number)
	if err != nil {
		return err
	}
	return WriteBundle(w, number, v.Note, s.over(v.Files))
}

// Import makes drafts of the files of a bundle that differ from what is in use.
// They are not published. It returns their names.
func (s *Shelf) Import(ctx context.Context, texts map[string]string, by Actor) (changed []string, err error) {
	for name, text := range texts {
		if err := fits(name, text); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		changed = nil
		files, _ := s.next(tx)
		have := s.over(files)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			if texts[name] == have[name] {
				continue
			}
			changed = append(changed, name)
			if err := putDraft(tx, name, texts[name], have[name], by); err != nil {
				return err
			}
		}
		tx.Emit(events.Event{Kind: EventImported, By: by.ID, Via: by.Via, Data: map[string]string{"name": by.Name, "flows": strings.Join(changed, ",")}})
		return nil
	})
	return changed, err
}
