// Package assets holds the pages' style sheet and scripts as the build wrote
// them, and serves them under names that change with their content.
package assets

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed dist
var dist embed.FS

// Prefix is where the handler expects to be mounted.
const Prefix = "/assets/"

// Assets are the files, in memory.
type Assets struct {
	names map[string]string
	files map[string]file
}

type file struct{ plain, packed []byte }

// Load reads the embedded files.
func Load() (*Assets, error) {
	raw, err := dist.ReadFile("dist/manifest.json")
	if err != nil {
		return nil, fmt.Errorf("reading the list of page files: %w", err)
	}
	a := &Assets{names: map[string]string{}, files: map[string]file{}}
	if err := json.Unmarshal(raw, &a.names); err != nil {
		return nil, fmt.Errorf("reading the list of page files: %w", err)
	}
	for _, name := range a.names {
		plain, err := dist.ReadFile("dist/" + name)
		if err != nil {
			return nil, fmt.Errorf("reading a page file: %w", err)
		}
		packed, err := dist.ReadFile("dist/" + name + ".gz")
		if err != nil {
			return nil, fmt.Errorf("reading a page file: %w", err)
		}
		a.files[name] = file{plain: plain, packed: packed}
	}
	return a, nil
}

// Path is the address of a file by the name of its source: "app.css".
func (a *Assets) Path(name string) string { return Prefix + a.names[name] }

// ServeHTTP serves a file. Its name is its version, so browsers may keep it.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, Prefix)
	f, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	switch path.Ext(name) {
	case ".css":
		header.Set("Content-Type", "text/css; charset=utf-8")
	case ".js":
		header.Set("Content-Type", "text/javascript; charset=utf-8")
	default:
		header.Set("Content-Type", "application/octet-stream")
	}
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Vary", "Accept-Encoding")
	content := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		content = f.packed
	}
	header.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(content); err != nil {
		return // the browser has gone
	}
}
