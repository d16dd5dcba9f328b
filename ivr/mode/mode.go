// Package mode owns the hotline's emergency mode: which one is on, since when
// and until when, who switched it, and what callers are told first. Reading it
// is one atomic load, because every call asks; changing it is stored and
// audited before it counts. It does not know what the modes do to a call.
package mode

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

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// The modes.
const (
	Normal       = "normal"       // nothing special
	Emergency    = "emergency"    // announcement, then straight to the help queue
	Announcement = "announcement" // announcement only; callers may ask to be called back
)

// Limits of a change.
const (
	DefaultFor      = 12 * time.Hour
	MaxFor          = 7 * 24 * time.Hour
	MaxAnnouncement = 60 * time.Second
)

// Event kinds.
const (
	EventChanged = "mode.changed"
	EventExpired = "mode.expired"
)

// State is one mode with its announcements. It is never changed after it was
// published: a call may keep the one it began with.
type State struct {
	Active          bool
	Mode            string
	Since, Expires  time.Time
	By, Name, Via   string // account, its name, "phone" or "web"
	HasAnnouncement bool
	Announcement    *audio.Clip // for whoever has none in their own language

	slots map[string]*audio.Clip
}

// AnnouncementFor is the announcement for callers of that language: their own
// where there is one, else the general one.
func (s State) AnnouncementFor(language string) *audio.Clip {
	if clip, ok := s.slots[language]; ok {
		return clip
	}
	return s.Announcement
}

// Languages are the languages with an announcement of their own.
func (s State) Languages() []string {
	ls := slices.Sorted(maps.Keys(s.slots))
	return slices.DeleteFunc(ls, func(l string) bool { return l == "" })
}

// Change is an order to switch a mode on, or to change the one that is on.
type Change struct {
	Mode          string                 // Emergency or Announcement
	Announcement  *audio.Clip            // general; nil keeps the one that plays now
	Announcements map[string]*audio.Clip // by language; the others stay
	For           time.Duration          // 0: DefaultFor
	By, Name, Via string
}

type record struct {
	Mode    string    `json:"mode"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
	By      string    `json:"by"`
	Name    string    `json:"name,omitempty"`
	Via     string    `json:"via"`
	Version uint64    `json:"version"`
}

var (
	states        = store.NewTable[record]("mode")
	announcements = store.NewTable[[]byte]("mode_announcements") // µ-law by language
)

// currentKey is the key of the one mode there is.
const currentKey = "current"

// anyLanguage is the stored name of the general announcement.
const anyLanguage = "any"

// Switch is the emergency mode of one hotline.
type Switch struct {
	store   *store.Store
	log     *slog.Logger
	mu      sync.Mutex // one change at a time
	current atomic.Pointer[State]
	changed chan struct{} // wakes Run
}

// Open reads the mode that is on.
func Open(s *store.Store, log *slog.Logger) (*Switch, error) {
	m := &Switch{store: s, log: log, changed: make(chan struct{}, 1)}
	var state State
	err := s.View(func(tx *store.Tx) error {
		r, err := states.Get(tx, currentKey)
		if errors.Is(err, store.ErrNotFound) || err == nil && r.Mode == Normal {
			state = State{Mode: Normal, Since: r.Since, By: r.By, Name: r.Name, Via: r.Via}
			return nil
		}
		if err != nil {
			return err
		}
		slots := map[string]*audio.Clip{}
		for language, sound := range announcements.All(tx) {
			slots[strings.TrimPrefix(language, anyLanguage)] = audio.NewClip(sound)
		}
		state = r.state(slots)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the emergency mode: %w", err)
	}
	m.current.Store(&state)
	return m, nil
}

func (r record) state(slots map[string]*audio.Clip) State {
	s := State{Active: r.Mode != Normal, Mode: r.Mode, Since: r.Since, Expires: r.Expires,
		By: r.By, Name: r.Name, Via: r.Via, HasAnnouncement: len(slots) > 0, Announcement: slots[""], slots: slots}
	if s.Announcement == nil {
		// Words in another language are better than none.
		for _, language := range s.Languages() {
			s.Announcement = slots[language]
			break
		}
	}
	return s
}

// Current is the mode at now. A mode that has run out is off at once, whether
// or not Run has noticed.
func (m *Switch) Current(now time.Time) State {
	s := m.current.Load()
	if s.Active && !now.Before(s.Expires) {
		return State{Mode: Normal, Since: s.Expires, By: s.By, Name: s.Name, Via: "rule"}
	}
	return *s
}

// Set switches a mode on, or changes the one that is on. When it returns nil
// the change is stored and counts for every new call.
func (m *Switch) Set(ctx context.Context, c Change) (State, error) {
	if err := c.check(); err != nil {
		return State{}, err
	}
	if c.For == 0 {
		c.For = DefaultFor
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var next State
	err := m.store.Update(ctx, func(tx *store.Tx) error {
		before := m.Current(tx.Now())
		slots := map[string]*audio.Clip{}
		if before.Active {
			maps.Copy(slots, before.slots)
		}
		if c.Announcement != nil {
			slots[""] = c.Announcement
		}
		maps.Copy(slots, c.Announcements)
		r := record{Mode: c.Mode, Since: tx.Now(), Expires: tx.Now().Add(c.For), By: c.By, Name: c.Name, Via: c.Via}
		if before.Mode == c.Mode {
			r.Since = before.Since // renewed, or a new announcement
		}
		if err := write(tx, &r, slots); err != nil {
			return err
		}
		next = r.state(slots)
		tx.Emit(events.Event{Kind: EventChanged, By: c.By, Via: c.Via, Data: map[string]string{
			"from": before.Mode, "to": c.Mode, "name": c.Name,
			"expires":       r.Expires.Format(time.RFC3339),
			"announcement":  strings.Join(heard(slots), ","),
			"new_recording": fmt.Sprint(c.Announcement != nil || len(c.Announcements) > 0),
		}})
		return nil
	})
	if err != nil {
		return State{}, fmt.Errorf("the emergency mode was not changed, callers still get the one from before; please try again: %w", err)
	}
	m.publish(next)
	m.log.Info("emergency mode changed", "mode", next.Mode, "by", c.By, "via", c.Via, "expires", next.Expires)
	return next, nil
}

// Clear returns to normal. Clearing what is clear changes nothing.
func (m *Switch) Clear(ctx context.Context, by, name, via string) error {
	if err := m.off(ctx, EventChanged, by, name, via, func(s State) bool { return s.Active }); err != nil {
		return fmt.Errorf("the emergency mode is still on; please try again: %w", err)
	}
	return nil
}

// off switches the mode off if it is still the one that because means.
func (m *Switch) off(ctx context.Context, kind, by, name, via string, because func(State) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := *m.current.Load()
	if !because(before) {
		return nil
	}
	var next State
	err := m.store.Update(ctx, func(tx *store.Tx) error {
		r := record{Mode: Normal, Since: tx.Now(), By: by, Name: name, Via: via}
		if err := write(tx, &r, nil); err != nil {
			return err
		}
		next = r.state(nil)
		tx.Emit(events.Event{Kind: kind, By: by, Via: via, Data: map[string]string{
			"from": before.Mode, "to": Normal, "name": name, "set_by": before.By,
		}})
		return nil
	})
	if err != nil {
		return err
	}
	m.publish(next)
	m.log.Info("emergency mode is off", "was", before.Mode, "by", by, "via", via)
	return nil
}

func write(tx *store.Tx, r *record, slots map[string]*audio.Clip) error {
	version, err := tx.Next("mode")
	if err != nil {
		return err
	}
	r.Version = version
	var old []string
	for language := range announcements.All(tx) {
		old = append(old, language)
	}
	for _, language := range old {
		if err := announcements.Delete(tx, language); err != nil {
			return err
		}
	}
	for language, clip := range slots {
		if language == "" {
			language = anyLanguage
		}
		if err := announcements.Put(tx, language, clip.MuLaw()); err != nil {
			return err
		}
	}
	return states.Put(tx, currentKey, *r)
}

func (m *Switch) publish(s State) {
	m.current.Store(&s)
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// retryExpiry is how long Run waits after a store that would not write.
const retryExpiry = 10 * time.Second

// Run ends modes whose time is over, so that the audit log and the screens
// learn of it. It returns nil when ctx ends.
func (m *Switch) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.changed:
		case <-timer.C:
		}
		wait := time.Hour
		if s := m.current.Load(); s.Active {
			wait = time.Until(s.Expires)
			if wait <= 0 {
				wait = retryExpiry
				err := m.off(ctx, EventExpired, "", "", "rule", func(s State) bool {
					return s.Active && !time.Now().Before(s.Expires)
				})
				if err != nil && ctx.Err() == nil {
					m.log.Error("an emergency mode has run out; callers are served normally, but it could not be written down yet", "error", err)
				}
			}
		}
		timer.Reset(wait)
	}
}

func (c Change) check() error {
	if c.Mode != Emergency && c.Mode != Announcement {
		return fmt.Errorf("there is no emergency mode %q: use %q or %q", c.Mode, Emergency, Announcement)
	}
	if c.For < 0 || c.For > MaxFor {
		return fmt.Errorf("an emergency mode lasts up to %s: it can be renewed", MaxFor)
	}
	if c.By == "" || c.Via == "" {
		return errors.New("changing the emergency mode needs to say who does it and how")
	}
	clips := append(slices.Collect(maps.Values(c.Announcements)), c.Announcement)
	for _, clip := range clips {
		if clip.Duration() > MaxAnnouncement {
			return fmt.Errorf("the announcement is %s long: callers hear it before anything else, so keep it under %s", clip.Duration().Round(time.Second), MaxAnnouncement)
		}
	}
	return nil
}

// heard names the announcements for the audit log.
func heard(slots map[string]*audio.Clip) []string {
	names := slices.Sorted(maps.Keys(slots))
	for i, language := range names {
		if language == "" {
			names[i] = anyLanguage
		}
	}
	return names
}
