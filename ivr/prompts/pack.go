package prompts

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/language"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// A language pack is a ZIP file that brings a language, or recordings of one
// that is there:
//
//	language.yaml        the language file, as those in this folder
//	audio/<prompt>.wav   recordings, or .mp3; what has none is spoken by the
//	                     synthetic voice, if the language has one
//
// Text files (.txt, .md) beside them are left alone.

// PackFile is the language file of a pack.
const PackFile = "language.yaml"

// Limits of a pack. It comes from elsewhere.
const (
	MaxPack        = 50 << 20 // the file
	maxPackFiles   = 2500
	maxPackPrompts = 2000
	maxPackText    = 1 << 20
	maxPackSound   = 2 * time.Hour // of all recordings together
)

// ErrPack begins what is wrong with a pack. Nothing of it is used then.
var ErrPack = errors.New("this language pack cannot be used, and nothing was changed")

func badPack(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrPack, fmt.Sprintf(format, args...))
}

// Import is what a pack brought.
type Import struct {
	Language, Name string
	Recorded       int
	Spoken         int
	Missing        []string // prompts for callers that have no sound
}

// Decode turns a sound file of unknown origin into a clip. A refusal of the file
// is an audio.Refusal.
type Decode func(ctx context.Context, r io.Reader, longest time.Duration) (*audio.Clip, error)

// pack is a checked pack.
type pack struct {
	text       string
	catalogue  Catalogue
	recordings map[string]*zip.File
}

// Import takes a language pack in, all of it or nothing.
func (s *Studio) Import(ctx context.Context, file io.ReaderAt, size int64, decode Decode, who Who) (Import, error) {
	p, err := readPack(file, size)
	if err != nil {
		return Import{}, err
	}
	c := p.catalogue
	s.mu.Lock()
	whole := over(s.base[c.Language], c)
	s.mu.Unlock()
	if problems := whole.CheckSpoken(); len(problems) > 0 {
		return Import{}, badPack("its numbers do not work: %s", problems[0])
	}
	clips := map[string]*audio.Clip{}
	var length time.Duration
	for _, id := range slices.Sorted(maps.Keys(p.recordings)) {
		if whole.Prompts[id] == "" {
			return Import{}, badPack("it has a recording of %q, and %s has no such prompt", id, PackFile)
		}
		clip, err := decodeFile(ctx, p.recordings[id], decode)
		if err != nil {
			return Import{}, err
		}
		if length += clip.Duration(); length > maxPackSound {
			return Import{}, badPack("its recordings are longer than %s together", maxPackSound)
		}
		clips[id] = clip
	}
	spoken, err := s.speakMissing(ctx, whole, clips)
	if err != nil {
		return Import{}, err
	}
	return s.keep(ctx, p, whole, clips, spoken, who)
}

// speakMissing has the synthetic voice say what nobody recorded and what it has
// not said before in the same words.
func (s *Studio) speakMissing(ctx context.Context, c Catalogue, clips map[string]*audio.Clip) (map[string]*audio.Clip, error) {
	spoken := map[string]*audio.Clip{}
	if c.Voice.Name == "" {
		return spoken, nil
	}
	l := s.Library()
	for _, id := range slices.Sorted(maps.Keys(c.Prompts)) {
		if clips[id] != nil || l.texts[c.Language].Prompts[id] == c.Prompts[id] && l.sounds[c.Language+"/"+id] != nil {
			continue
		}
		text, err := c.Spelling(c.Prompts[id])
		if err != nil {
			return nil, badPack("%v", err)
		}
		clip, err := s.speak(ctx, c.Voice, text)
		if err != nil {
			// Without the voice the prompt is missing, which the pages show.
			s.log.Warn("a prompt of a language pack was not spoken", "language", c.Language, "prompt", id, "error", err)
			return spoken, context.Cause(ctx)
		}
		spoken[id] = clip
	}
	return spoken, nil
}

func (s *Studio) keep(ctx context.Context, p pack, whole Catalogue, clips, spoken map[string]*audio.Clip, who Who) (Import, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	language := p.catalogue.Language
	err := s.store.Update(ctx, func(tx *store.Tx) error {
		if err := languages.Put(tx, language, p.text); err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(whole.Prompts)) {
			clip, recorded := clips[id], true
			if clip == nil {
				clip, recorded = spoken[id], false
			}
			if clip == nil {
				continue
			}
			key := language + "/" + id
			r, err := records.Get(tx, key)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			old := r.Voice
			take, err := s.put(tx, &r, clip, Take{Text: whole.Prompts[id], Synthetic: !recorded}, who)
			if err != nil {
				return err
			}
			if recorded {
				r.Use = take
			} else {
				r.Text, r.Voice = "", take
				if err := s.drop(tx, &r, old); err != nil {
					return err
				}
			}
			if err := records.Put(tx, key, r); err != nil {
				return err
			}
		}
		tx.Emit(events.Event{Kind: EventLanguage, By: who.ID, Via: who.Via, Data: map[string]string{"language": language}})
		return nil
	})
	if err != nil {
		return Import{}, err
	}
	if err := s.reload(); err != nil {
		return Import{}, err
	}
	done := Import{Language: language, Name: whole.Name, Recorded: len(clips), Spoken: len(spoken)}
	l := s.Library()
	for id := range l.texts[Fallback].Prompts {
		if !Internal(id) && !OfFigures(id) && !l.Has(language, id) {
			done.Missing = append(done.Missing, id)
		}
	}
	slices.Sort(done.Missing)
	return done, nil
}

// readPack looks at everything that can be known without decoding sound.
func readPack(file io.ReaderAt, size int64) (pack, error) {
	p := pack{recordings: map[string]*zip.File{}}
	if size > MaxPack {
		return p, badPack("it has more than %d MB", MaxPack>>20)
	}
	z, err := zip.NewReader(file, size)
	if err != nil {
		return p, badPack("it is no ZIP file, or a damaged one")
	}
	if len(z.File) > maxPackFiles {
		return p, badPack("it has %d files in it; %d are allowed", len(z.File), maxPackFiles)
	}
	var catalogue *zip.File
	for _, f := range z.File {
		name := f.Name
		id := strings.TrimSuffix(path.Base(name), path.Ext(name))
		switch {
		case strings.HasSuffix(name, "/"):
		case path.Clean("/"+name) != "/"+name || strings.ContainsAny(name, "\\:\x00") || !f.Mode().IsRegular():
			return p, badPack("it has a file with a name that leads elsewhere")
		case name == PackFile && catalogue == nil:
			catalogue = f
		case path.Dir(name) == "audio" && (path.Ext(name) == ".wav" || path.Ext(name) == ".mp3") && ValidName(id):
			if p.recordings[id] != nil {
				return p, badPack("it has two recordings of %q", id)
			}
			p.recordings[id] = f
		case path.Ext(name) == ".txt" || path.Ext(name) == ".md":
		default:
			return p, badPack("it has a file that does not belong there: %.100q", name)
		}
	}
	if catalogue == nil {
		return p, badPack("it has no file %s", PackFile)
	}
	text, err := readFile(catalogue, maxPackText)
	if err != nil {
		return p, err
	}
	p.text = string(text)
	if p.catalogue, err = ParseCatalogue(text); err != nil {
		return p, badPack("%s: %v", PackFile, err)
	}
	return p, p.catalogue.check()
}

func readFile(f *zip.File, most int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, badPack("%s cannot be opened: %v", f.Name, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	err = errors.Join(err, r.Close())
	if err != nil {
		return nil, badPack("%s cannot be read: %v", f.Name, err)
	}
	if int64(len(text)) > most {
		return nil, badPack("%s has more than %d bytes", f.Name, most)
	}
	return text, nil
}

func decodeFile(ctx context.Context, f *zip.File, decode Decode) (*audio.Clip, error) {
	r, err := f.Open()
	if err != nil {
		return nil, badPack("%s cannot be opened: %v", f.Name, err)
	}
	from := &noted{r: r}
	clip, err := decode(ctx, from, MaxLength)
	closed := r.Close()
	var refusal *audio.Refusal
	switch {
	case errors.As(err, &refusal):
		return nil, badPack("%s: %s", f.Name, refusal.Why)
	case from.err != nil, err == nil && closed != nil:
		return nil, badPack("%s is damaged", f.Name)
	}
	return clip, err
}

// noted remembers that the ZIP file itself could not be read on.
type noted struct {
	r   io.Reader
	err error
}

func (n *noted) Read(b []byte) (int, error) {
	got, err := n.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return got, err
}

// check is what a language file from elsewhere must keep to.
func (c Catalogue) check() error {
	if _, err := language.Parse(c.Language); err != nil || len(c.Language) > 20 || c.Language == Neutral || strings.Contains(c.Language, "/") {
		return badPack("%q is no language: write it like sw or es-MX", c.Language)
	}
	if len(c.Prompts) == 0 || len(c.Prompts) > maxPackPrompts {
		return badPack("it has %d prompts; from 1 to %d are allowed", len(c.Prompts), maxPackPrompts)
	}
	if len(c.Name) == 0 || len(c.Name) > 60 {
		return badPack("it does not say the name of the language")
	}
	// The name goes to the speech program, which would open files of that name.
	if strings.Trim(c.Voice.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+_") != "" || strings.HasPrefix(c.Voice.Name, "-") || len(c.Voice.Name) > 30 {
		return badPack("%q is no voice", c.Voice.Name)
	}
	if v := c.Voice; v.Name != "" && (v.Speed < 80 || v.Speed > 450 || v.Pitch < 0 || v.Pitch > 99 || v.Gap < 0 || v.Gap > 100) {
		return badPack("its voice speaks too fast, too slowly or too high")
	}
	if len(c.Respell) > 50 {
		return badPack("it has too many rules for spelling")
	}
	if _, err := c.Spelling(""); err != nil {
		return badPack("%v", err)
	}
	if err := c.Spoken.check(); err != nil {
		return err
	}
	for id, text := range c.Prompts {
		switch {
		case !ValidName(id):
			return badPack("%.100q cannot be the name of a prompt", id)
		case text == "" || utf8.RuneCountInString(text) > MaxText || !utf8.ValidString(text):
			return badPack("the text of %q is empty or longer than %d characters", id, MaxText)
		}
	}
	return nil
}

// Limits of the rules of a language file from elsewhere: trying them all must
// not take long.
const (
	mostSets  = 60
	mostRules = 400
	mostWords = 200
)

func (s Spoken) check() error {
	if len(s.Numbers) > mostSets || len(s.Counted) > mostSets || len(s.Phrases) > mostSets || len(s.Groups) > mostSets {
		return badPack("it has too many rules for numbers")
	}
	sets := []map[string]string{s.Phrases}
	for _, rules := range s.Numbers {
		sets = append(sets, rules)
	}
	for _, forms := range s.Counted {
		sets = append(sets, forms)
	}
	for _, set := range sets {
		if len(set) > mostRules {
			return badPack("it has too many rules for numbers")
		}
		for _, words := range set {
			if len(words) > mostWords {
				return badPack("a rule for numbers is too long")
			}
		}
	}
	for _, group := range s.Groups {
		if group < 0 || group > 20 {
			return badPack("a group of %d digits cannot be spoken", group)
		}
	}
	return nil
}

// WritePack writes a language as a pack: for a studio to record, or for another
// hotline. Only recordings go into it; the synthetic voice speaks the rest
// again where it arrives.
func (s *Studio) WritePack(w io.Writer, language string) error {
	s.mu.Lock()
	own := maps.Clone(s.own)
	c, ok := s.Library().texts[language]
	s.mu.Unlock()
	if !ok {
		return ErrNone
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("writing a language pack: %w", err)
	}
	z := zip.NewWriter(w)
	put := func(name string, content []byte) error {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write(content)
		}
		return err
	}
	if err := put(PackFile, text); err != nil {
		return fmt.Errorf("writing a language pack: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(own)) {
		id, ok := strings.CutPrefix(key, language+"/")
		if !ok || own[key].Use == "" {
			continue
		}
		clip, err := s.read(own[key].Use)
		var sound bytes.Buffer
		if err == nil {
			err = audio.WriteWAV(&sound, clip)
		}
		if err == nil {
			err = put("audio/"+id+".wav", sound.Bytes())
		}
		if err != nil {
			return fmt.Errorf("writing a language pack: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("writing a language pack: %w", err)
	}
	return nil
}
