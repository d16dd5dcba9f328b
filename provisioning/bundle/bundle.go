// Package bundle is a whole hotline as files that people can read, keep, compare
// and carry to another machine: the organisation, the operation, numbers and
// lines, who is helped by whom and when, who works here, what callers hear and
// where their calls lead (Y3). A bundle is a folder, or the same in a ZIP file.
//
// What a bundle does not name stays as it is. What it names becomes as it says:
// all of it in one transaction, or nothing. A bundle that says what is so already
// changes nothing. Everything is checked by the code by which the pages check it,
// and every mistake is told with its file and line, all of them at once.
//
// A bundle holds no records of callers and no secrets. Passwords of telephone
// lines are in a file beside it; those of people are made anew.
package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Limits of a bundle. Sizes are counted while reading: what a ZIP file says of
// itself is not believed.
const (
	MaxBundle = 200 << 20 // of the ZIP file
	maxFiles  = 3000
	maxAll    = 400 << 20 // unpacked
	maxText   = 1 << 20   // of a file of text
	maxSound  = 25 << 20  // of a recording: two minutes as a studio makes them
)

const (
	manifestName = "bundle.yaml"
	secretsName  = "secrets.yaml"
	flowFolder   = "flows/"
	soundFolder  = "audio/"
	format       = 1
)

// Bundle is the files of a bundle, by name with forward slashes.
type Bundle struct{ files map[string][]byte }

// Files are the names of the files.
func (b *Bundle) Files() []string { return slices.Sorted(maps.Keys(b.files)) }

// Problem is one thing that is wrong, with its place. Line 0 is the whole file.
type Problem struct {
	File         string
	Line, Column int
	About        string // the thing in the file, where the place alone does not say it
	Text         string

	err error // that said so; nil where nobody did
}

func (p Problem) Unwrap() error { return p.err }

func (p Problem) Error() string {
	text := p.Text
	if p.About != "" {
		text = p.About + ": " + text
	}
	if p.Line == 0 {
		return p.File + ": " + text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, text)
}

// Problems is everything that is wrong.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) Unwrap() []error {
	all := make([]error, len(ps))
	for i, p := range ps {
		all[i] = p
	}
	return all
}

// NoBundle says that a file is none.
type NoBundle string

func (n NoBundle) Error() string { return string(n) }

// Open reads a bundle: a folder or a ZIP file.
func Open(at string) (*Bundle, error) {
	about, err := os.Stat(at)
	if err != nil {
		return nil, fmt.Errorf("there is no bundle %s", at)
	}
	if about.IsDir() {
		return readFolder(os.DirFS(at))
	}
	file, err := os.Open(at)
	if err != nil {
		return nil, fmt.Errorf("opening the bundle: %w", err)
	}
	defer file.Close()
	return Read(file, about.Size())
}

// Read reads a ZIP file.
func Read(r io.ReaderAt, size int64) (*Bundle, error) {
	if size > MaxBundle {
		return nil, NoBundle(fmt.Sprintf("this file is larger than a bundle can be (%d MB)", MaxBundle>>20))
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, NoBundle("this is no bundle: it is neither a folder nor a ZIP file, or it is damaged")
	}
	in := newIntake()
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if path.Clean("/"+f.Name) != "/"+f.Name || strings.ContainsAny(f.Name, "\\:\x00") || !f.Mode().IsRegular() {
			in.refuse(fmt.Sprintf("%.100q", f.Name), "this name leads out of the bundle")
			continue
		}
		in.take(f.Name, func() (io.ReadCloser, error) { return f.Open() })
	}
	return in.bundle()
}

func readFolder(dir fs.FS) (*Bundle, error) {
	in := newIntake()
	err := fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(entry.Name(), ".") && name != ".": // of an editor, or of a repository
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			in.refuse(name, "this is no ordinary file")
			return nil
		}
		in.take(name, func() (io.ReadCloser, error) { return dir.Open(name) })
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	return in.bundle()
}

// intake takes the files of a bundle one after the other.
type intake struct {
	files    map[string][]byte
	left     int64 // bytes that may still come
	seen     int
	problems Problems
}

func newIntake() *intake { return &intake{files: map[string][]byte{}, left: maxAll} }

func (in *intake) refuse(name, text string) {
	in.problems = append(in.problems, Problem{File: name, Text: text})
}

func (in *intake) take(name string, open func() (io.ReadCloser, error)) {
	limit := int64(maxText)
	switch ext := path.Ext(name); {
	case in.seen > maxFiles:
		return // said already
	case ext == ".md" || ext == ".txt": // somebody's notes
		return
	case name == secretsName:
		in.refuse(name, "secrets do not travel in a bundle, where everybody who may see it sees them: keep this file elsewhere and name it with --secrets")
		return
	case strings.HasPrefix(name, soundFolder) && (ext == ".wav" || ext == ".mp3"):
		limit = maxSound
	case strings.HasPrefix(name, languageFolder) && ext == ".yaml" && strings.Count(name, "/") == 1:
	case strings.HasPrefix(name, flowFolder) && ext == ".yaml" && strings.Count(name, "/") == 1:
	case name == manifestName || slices.Contains(partFiles(), name):
	default:
		in.refuse(fmt.Sprintf("%.100q", name), "this file does not belong into a bundle. Its files are "+strings.Join(partFiles(), ", ")+", those of flows/ and languages/ (.yaml) and those of audio/ (.wav, .mp3)")
		return
	}
	if in.seen++; in.seen > maxFiles {
		in.refuse(name, fmt.Sprintf("this bundle has more than %d files", maxFiles))
		return
	}
	if _, twice := in.files[name]; twice {
		in.refuse(name, "this file is in the bundle twice")
		return
	}
	text, err := readLimited(open, min(limit, in.left))
	switch {
	case errors.Is(err, errLarge) && in.left < limit:
		in.refuse(name, fmt.Sprintf("this bundle has more than %d MB", maxAll>>20))
		in.seen = maxFiles + 1
	case errors.Is(err, errLarge):
		in.refuse(name, fmt.Sprintf("this file is larger than %d MB", limit>>20))
	case err != nil:
		in.refuse(name, "this file is damaged and cannot be read")
	default:
		in.files[name] = text
	}
	in.left -= int64(len(text))
}

var errLarge = errors.New("too large")

func readLimited(open func() (io.ReadCloser, error), limit int64) ([]byte, error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	err = errors.Join(err, r.Close())
	if int64(len(text)) > limit {
		return nil, errLarge
	}
	return text, err
}

func (in *intake) bundle() (*Bundle, error) {
	if len(in.problems) > 0 {
		return nil, in.problems
	}
	if in.files[manifestName] == nil {
		return nil, Problems{{File: manifestName, Text: fmt.Sprintf("this is no bundle of a hotline: it has no file %s, which says %q", manifestName, fmt.Sprintf("format: %d", format))}}
	}
	return &Bundle{in.files}, nil
}

// Write writes a bundle as a ZIP file. The same bundle gives the same bytes.
func (b *Bundle) Write(w io.Writer) error {
	z := zip.NewWriter(w)
	for _, name := range b.Files() {
		// A file without a time would be of 1979 for some programs.
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return err
		}
		if _, err := f.Write(b.files[name]); err != nil {
			return err
		}
	}
	return z.Close()
}

// WriteFolder writes a bundle into a folder that is empty or not there.
func (b *Bundle) WriteFolder(dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("the folder %s is not empty: name another one", dir)
	}
	for _, name := range b.Files() {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(at, b.files[name], 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Equal reports that two bundles say the same in the same words.
func (b *Bundle) Equal(other *Bundle) bool {
	return maps.EqualFunc(b.files, other.files, bytes.Equal)
}

// Text is the content of a file.
func (b *Bundle) Text(name string) string { return string(b.files[name]) }

// setting reads one setting of a file, as applying the bundle reads it; into stays
// what it is where the bundle does not name it. Its error is Problems.
func (b *Bundle) setting(file, name string, into any) error {
	r := &run{bundle: b, docs: map[string]*doc{}}
	d := r.read(file)
	if d != nil {
		if at, named := d.at[name]; named {
			if err := decode(at.value, into); err != nil {
				r.fault(file, at, err)
			}
		}
	}
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}
