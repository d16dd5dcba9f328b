// Package versions keeps the flows of a hotline over time: drafts, what is
// published, and what was before. Flows that ship with the program are version
// 0: they are always there, and a publication keeps only what differs from
// them. It does not run flows.
package versions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/ivr/flow"
)

// Event kinds.
const (
	EventDraft     = "flows.draft_saved"
	EventDiscarded = "flows.draft_discarded"
	EventImported  = "flows.imported"
	EventPublished = "flows.published"
	EventPutBack   = "flows.put_back"
)

// Limits.
const (
	maxText = 256 << 10 // bytes of one file
	maxSet  = 200       // files
	maxNote = 300       // characters

	maxEarlier     = 30        // texts of a draft that can be undone to
	maxEarlierSize = 512 << 10 // bytes of them
)

// Errors that callers can act on.
var (
	ErrChanged   = errors.New("somebody else has changed this flow meanwhile: copy your text, open the flow again and put your change into the new text")
	ErrNoDrafts  = errors.New("there is nothing to publish: no flow was changed")
	ErrNoVersion = errors.New("there is no such version")
	ErrNoUndo    = errors.New("there is no change of this draft that could be undone")
	ErrNoNote    = errors.New("say in a few words what changes, so that others can decide whether to go back")
)

// Actor is who does something.
type Actor struct{ ID, Name, Via string }

// Version is one publication.
type Version struct {
	Number  int               `json:"number"`
	At      time.Time         `json:"at"`
	By      string            `json:"by"`
	Name    string            `json:"name,omitempty"`
	Note    string            `json:"note"`
	Back    *int              `json:"back,omitempty"` // the version that was put back
	Changed []string          `json:"changed"`
	Files   map[string]string `json:"files"` // what differs from the shipped files
}

var (
	drafts   = store.NewTable[Draft]("flow_drafts")
	versions = store.NewTable[Version]("flow_versions")
)

// Engine is what runs flows.
type Engine interface {
	Check(*flow.FlowSet) error
	Publish(*flow.FlowSet) error
	Resume(*flow.FlowSet) (lost flow.Problems, err error)
}

// Config is what a Shelf needs.
type Config struct {
	Store   *store.Store
	Shipped map[string]string // texts by name
	Engine  Engine            // knows the shipped flows already
	Log     *slog.Logger
}

// Shelf is the flows of one hotline.
type Shelf struct {
	cfg     Config
	mu      sync.Mutex // one change at a time
	trouble string
	inUse   atomic.Int64
}

// Open gives the engine what was published last. When that does not fit any
// more, because the program has changed, callers get the shipped flows, and
// Trouble says so: a hotline that does not start helps nobody.
func Open(cfg Config) (*Shelf, error) {
	s := &Shelf{cfg: cfg}
	return s, s.load()
}

// Renew waits while change changes what is stored by other ways than this shelf,
// and gives every call that begins what is stored then. Flows that do not fit the
// running program stay where they are until it starts anew.
func (s *Shelf) Renew(change func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.inUse.Load()
	change()
	last, err := s.Current()
	if err != nil || int64(last.Number) == before {
		return err
	}
	set, err := flow.ParseSet(s.over(last.Files))
	if err == nil {
		err = s.cfg.Engine.Publish(set)
	}
	if err != nil {
		s.trouble = fmt.Sprintf("Version %d of the flows counts from the next start of the hotline on. Callers get those from before.", last.Number)
		return err
	}
	s.trouble = ""
	s.inUse.Store(int64(last.Number))
	s.cfg.Log.Info("flows changed", "version", last.Number, "by", last.By)
	return nil
}

func (s *Shelf) load() error {
	cfg := s.cfg
	last, err := s.Current()
	if err != nil {
		return fmt.Errorf("reading the published flows: %w", err)
	}
	if last.Number == 0 {
		return nil
	}
	set, err := flow.ParseSet(s.over(last.Files))
	if err == nil {
		var lost flow.Problems
		if lost, err = cfg.Engine.Resume(set); len(lost) > 0 {
			cfg.Log.Error("the published flows name lines that there are not; their callers come to those who help everybody. Add the lines, or change the flows", "version", last.Number, "problems", lost)
		}
	}
	s.inUse.Store(int64(last.Number))
	if err != nil {
		s.inUse.Store(0)
		s.trouble = fmt.Sprintf("Version %d of the flows does not fit this program any more. Callers get the flows that ship with it. Check the flows and publish them again.", last.Number)
		cfg.Log.Error("the published flows cannot be used; callers get the shipped ones", "version", last.Number, "error", err)
	}
	return nil
}

// Trouble is what is wrong with the flows in use, a sentence; "" when nothing
// is.
func (s *Shelf) Trouble() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// InUse is the number of the version by which callers are served; 0 is what
// ships.
func (s *Shelf) InUse() int { return int(s.inUse.Load()) }

// over is the shipped files with those of a version over them.
func (s *Shelf) over(files map[string]string) map[string]string {
	all := maps.Clone(s.cfg.Shipped)
	maps.Copy(all, files)
	return all
}

// Current is the version in use; number 0 is what ships.
func (s *Shelf) Current() (last Version, err error) {
	err = s.cfg.Store.View(func(tx *store.Tx) error {
		for _, v := range versions.Backward(tx) {
			last = v
			break
		}
		return nil
	})
	return last, err
}

// Version returns one version.
func (s *Shelf) Version(number int) (v Version, err error) {
	if number == 0 {
		return Version{Files: map[string]string{}}, nil
	}
	err = s.cfg.Store.View(func(tx *store.Tx) error {
		v, err = versions.Get(tx, key(number))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNoVersion
	}
	return v, err
}

func key(number int) string { return fmt.Sprintf("%08d", number) }

// History is all versions, newest first.
func (s *Shelf) History() (all []Version, err error) {
	err = s.cfg.Store.View(func(tx *store.Tx) error {
		for _, v := range versions.Backward(tx) {
			all = append(all, v)
		}
		return nil
	})
	return all, err
}

// Texts are all files of a version, the shipped ones included.
func (s *Shelf) Texts(number int) (map[string]string, error) {
	v, err := s.Version(number)
	return s.over(v.Files), err
}

// Shipped reports that a file of this name ships with the program.
func (s *Shelf) Shipped(name string) bool { _, ok := s.cfg.Shipped[name]; return ok }

// Check looks at the files as they would be published: problems that forbid it
// and warnings that do not.
func (s *Shelf) Check() (problems, warnings flow.Problems, err error) {
	texts, err := s.Drafted()
	if err != nil {
		return nil, nil, err
	}
	problems, warnings = s.CheckTexts(texts)
	return problems, warnings, nil
}

// CheckTexts looks at a whole set of files.
func (s *Shelf) CheckTexts(texts map[string]string) (problems, warnings flow.Problems) {
	set, err := flow.ParseSet(texts)
	if err == nil {
		warnings = flow.Warnings(set)
		err = s.cfg.Engine.Check(set)
	}
	if err != nil && !errors.As(err, &problems) {
		problems = flow.Problems{{Text: err.Error()}}
	}
	return problems, warnings
}

// Publish puts the drafts into use: every call from now on gets them, those
// that run keep what they began with. It is stored before callers get it.
func (s *Shelf) Publish(ctx context.Context, note string, by Actor) (Version, error) {
	note = strings.TrimSpace(note)
	if note == "" || len([]rune(note)) > maxNote {
		return Version{}, ErrNoNote
	}
	return s.put(ctx, Version{Note: note}, EventPublished, by, func(tx *store.Tx) (map[string]string, []string, error) {
		files, changed := s.next(tx)
		if len(changed) == 0 {
			return nil, nil, ErrNoDrafts
		}
		return files, changed, nil
	}, true)
}

// PublishTexts puts files into use that are no drafts, over those in use. Drafts
// stay what they are. It returns ErrNoDrafts when all of them are in use already.
func (s *Shelf) PublishTexts(ctx context.Context, texts map[string]string, note string, by Actor) (Version, error) {
	for name, text := range texts {
		if err := fits(name, text); err != nil {
			return Version{}, err
		}
	}
	return s.put(ctx, Version{Note: note}, EventPublished, by, func(tx *store.Tx) (map[string]string, []string, error) {
		files := map[string]string{}
		for _, v := range versions.Backward(tx) {
			maps.Copy(files, v.Files)
			break
		}
		before := s.over(files)
		var changed []string
		for name, text := range texts {
			if before[name] == text {
				continue
			}
			changed = append(changed, name)
			if files[name] = text; text == s.cfg.Shipped[name] {
				delete(files, name)
			}
		}
		switch {
		case len(changed) == 0:
			return nil, nil, ErrNoDrafts
		case len(files) > maxSet:
			return nil, nil, fmt.Errorf("a hotline has at most %d flows", maxSet)
		}
		return files, changed, nil
	}, false)
}

// Back puts an earlier version into use again, as a new version. Drafts stay.
func (s *Shelf) Back(ctx context.Context, number int, by Actor) (Version, error) {
	old, err := s.Version(number)
	if err != nil {
		return Version{}, err
	}
	return s.put(ctx, Version{Back: &number, Note: old.Note}, EventPutBack, by, func(tx *store.Tx) (map[string]string, []string, error) {
		before := map[string]string{}
		for _, v := range versions.Backward(tx) {
			if v.Number == number {
				return nil, nil, fmt.Errorf("version %d is in use already", number)
			}
			before = v.Files
			break
		}
		a, b := s.over(before), s.over(old.Files)
		var changed []string
		for name := range s.over(a) {
			if a[name] != b[name] {
				changed = append(changed, name)
			}
		}
		for name := range b {
			if _, there := a[name]; !there {
				changed = append(changed, name)
			}
		}
		return old.Files, changed, nil
	}, false)
}

func (s *Shelf) put(ctx context.Context, v Version, kind string, by Actor, choose func(*store.Tx) (map[string]string, []string, error), clear bool) (Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Checked before it is stored, and what was checked is what is stored: only
	// this lock lets anybody change drafts or versions.
	var files map[string]string
	var changed []string
	err := s.cfg.Store.View(func(tx *store.Tx) (err error) {
		files, changed, err = choose(tx)
		return err
	})
	if err != nil {
		return Version{}, err
	}
	set, err := flow.ParseSet(s.over(files))
	if err == nil {
		err = s.cfg.Engine.Check(set)
	}
	if err != nil {
		return Version{}, err
	}
	slices.Sort(changed)
	var put Version
	err = s.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		number, err := tx.Next("flow_versions")
		if err != nil {
			return err
		}
		put = v
		put.Number, put.At, put.By, put.Name, put.Files, put.Changed = int(number), tx.Now(), by.ID, by.Name, files, changed
		if clear {
			var gone []string
			for name := range drafts.All(tx) {
				gone = append(gone, name)
			}
			for _, name := range gone {
				if err := drafts.Delete(tx, name); err != nil {
					return err
				}
			}
		}
		data := map[string]string{"name": by.Name, "version": fmt.Sprint(put.Number), "flows": strings.Join(changed, ",")}
		if put.Back != nil {
			data["back_to"] = fmt.Sprint(*put.Back)
		}
		tx.Emit(events.Event{Kind: kind, By: by.ID, Via: by.Via, Data: data})
		return versions.Put(tx, key(put.Number), put)
	})
	if err != nil {
		return Version{}, fmt.Errorf("the flows were not changed, callers still get the ones from before; please try again: %w", err)
	}
	if err := s.cfg.Engine.Publish(set); err != nil {
		return Version{}, err // checked above: cannot be
	}
	s.trouble = ""
	s.inUse.Store(int64(put.Number))
	s.cfg.Log.Info("flows changed", "version", put.Number, "by", by.ID, "via", by.Via)
	return put, nil
}

// Previous is the version that was in use before the present one.
func (s *Shelf) Previous() (int, error) {
	all, err := s.History()
	if err != nil {
		return 0, err
	}
	switch len(all) {
	case 0:
		return 0, errors.New("nothing was published yet, so there is nothing to go back to")
	case 1:
		return 0, nil
	}
	// Going back twice goes back twice, and not to and fro.
	at := all[0].Number
	if all[0].Back != nil {
		at = *all[0].Back
	}
	for _, v := range all {
		if v.Number < at && v.Back == nil {
			return v.Number, nil
		}
	}
	if at == 0 {
		return 0, errors.New("the flows that ship are in use: there is nothing before them")
	}
	return 0, nil
}
