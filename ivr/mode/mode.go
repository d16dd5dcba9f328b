// Package mode owns how the hotline works at this moment: the mode that a
// supervisor has set, since when and until when, who set it and what callers
// are told first, and the rung of the load ladder that the figures of the room
// or a supervisor have chosen. Reading it is one atomic load, because every
// call asks; changing it is stored and audited before it counts. It does not
// know how a call is led.
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
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// The modes. Calm, Busy, Surge and Closed hold the load ladder on the rung of
// that name; in Normal it moves by itself.
const (
	Normal       = "normal"       // nothing special; the ladder follows the load
	Calm         = "calm"         // full service, whatever the load
	Busy         = "busy"         // short greeting, a call-back is offered
	Surge        = "surge"        // also the bulletins first, volunteers by keypad
	Emergency    = "emergency"    // announcement, then straight to the help queue
	Announcement = "announcement" // announcement only; callers may ask to be called back
	CallBacks    = "callbacks"    // nobody waits: every caller is offered a call-back
	Closed       = "closed"       // one sentence, and a promise to call back
	Redirect     = "redirect"     // callers go to a partner's number
)

// Modes are all modes that can be set, in the order of forms.
func Modes() []string {
	return []string{Normal, Calm, Busy, Surge, Emergency, Announcement, CallBacks, Closed, Redirect}
}

// Limits of a change.
const (
	DefaultFor      = 12 * time.Hour
	MaxFor          = 7 * 24 * time.Hour
	MaxAnnouncement = 60 * time.Second
	UndoWithin      = 5 * time.Minute
)

// Event kinds.
const (
	EventChanged = "mode.changed"
	EventExpired = "mode.expired"
	EventUndone  = "mode.undone"
	EventRung    = "load.changed" // the ladder has moved by itself
)

// State is one mode with its announcements. It is never changed after it was
// published: a call may keep the one it began with.
type State struct {
	Active          bool
	Mode            string
	Since, Expires  time.Time
	By, Name, Via   string // account, its name, and "phone", "web", "api" or "rule"
	Changed         time.Time
	HasAnnouncement bool
	Announcement    *audio.Clip // for whoever has none in their own language
	Partner         call.Number // to whom Redirect sends callers

	Rung   Rung // of the load ladder: held by the mode, or where the load has brought it
	Held   bool // the mode holds it
	Load   Figures
	Undoes string // the mode that Undo brings back; "" when there is nothing to undo

	slots map[string]*audio.Clip
}

// Service is what callers get on the rung.
func (s State) Service() Service { return ServiceOf(s.Rung) }

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
// Normal ends what is on.
type Change struct {
	Mode          string                 // one of Modes
	Announcement  *audio.Clip            // general; nil keeps the one that plays now
	Announcements map[string]*audio.Clip // by language; the others stay
	For           time.Duration          // 0: DefaultFor
	Partner       call.Number            // for Redirect
	By, Name, Via string
}

// Grave reports that the change keeps callers from reaching a person here, or
// speaks to all of them at once. By telephone, where a number is free to forge
// and a PIN is short, it takes a second proof.
func (c Change) Grave() bool {
	return c.Mode == Closed || c.Mode == Redirect || c.Mode == Announcement || c.Announcement != nil
}

type record struct {
	Mode    string    `json:"mode"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires"`
	By      string    `json:"by"`
	Name    string    `json:"name,omitempty"`
	Via     string    `json:"via"`
	Changed time.Time `json:"changed,omitzero"`
	Partner string    `json:"partner,omitempty"`
	Version uint64    `json:"version"`
}

var (
	states        = store.NewTable[record]("mode")
	announcements = store.NewTable[[]byte]("mode_announcements") // µ-law by language
	// Of the mode before the last change, for Undo.
	announcementsBefore = store.NewTable[[]byte]("mode_announcements_before")
)

// The keys of the one mode there is, and of the one before the last change.
const (
	currentKey = "current"
	beforeKey  = "before"
)

// anyLanguage is the stored name of the general announcement.
const anyLanguage = "any"

// Switch is the mode of one hotline.
type Switch struct {
	store   *store.Store
	log     *slog.Logger
	mu      sync.Mutex // one change at a time
	ladder  ladder     // where the load has brought us; under mu
	current atomic.Pointer[State]
	changed chan struct{} // wakes Run

	watch   sync.Mutex
	watched chan struct{} // closed at the next change
}

// Open reads the mode that is on.
func Open(s *store.Store, log *slog.Logger) (*Switch, error) {
	m := &Switch{store: s, log: log, changed: make(chan struct{}, 1), watched: make(chan struct{})}
	var state State
	err := s.View(func(tx *store.Tx) error {
		r, err := states.Get(tx, currentKey)
		if errors.Is(err, store.ErrNotFound) {
			r, err = record{Mode: Normal}, nil
		}
		if err != nil {
			return err
		}
		state = r.state(soundsIn(tx, announcements), before(tx))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the mode of the hotline: %w", err)
	}
	m.current.Store(&state)
	return m, nil
}

func soundsIn(tx *store.Tx, table store.Table[[]byte]) map[string]*audio.Clip {
	slots := map[string]*audio.Clip{}
	for language, sound := range table.All(tx) {
		slots[strings.TrimPrefix(language, anyLanguage)] = audio.NewClip(sound)
	}
	return slots
}

// before is the name of the mode that Undo would bring back.
func before(tx *store.Tx) string {
	r, err := states.Get(tx, beforeKey)
	if err != nil {
		return "" // a damaged record must not keep the present mode from being read
	}
	return r.Mode
}

func (r record) state(slots map[string]*audio.Clip, undoes string) State {
	s := State{Active: r.Mode != Normal, Mode: r.Mode, Since: r.Since, Expires: r.Expires,
		By: r.By, Name: r.Name, Via: r.Via, Changed: r.Changed, Partner: call.Number(r.Partner), Undoes: undoes,
		HasAnnouncement: len(slots) > 0, Announcement: slots[""], slots: slots}
	if s.Announcement == nil {
		// Words in another language are better than none.
		for _, language := range s.Languages() {
			s.Announcement = slots[language]
			break
		}
	}
	s.Rung, s.Held = heldBy(r.Mode)
	return s
}

// Current is the mode at now. A mode that has run out is off at once, whether
// or not Run has noticed.
func (m *Switch) Current(now time.Time) State {
	s := *m.current.Load()
	if s.Active && !now.Before(s.Expires) {
		s = State{Mode: Normal, Since: s.Expires, By: s.By, Name: s.Name, Via: "rule", Rung: s.Load.rung, Load: s.Load}
	}
	if !s.Held {
		s.Rung = s.Load.rung
	}
	if now.Sub(s.Changed) > UndoWithin {
		s.Undoes = ""
	}
	return s
}

// Watch is closed at the next change.
func (m *Switch) Watch() <-chan struct{} {
	m.watch.Lock()
	defer m.watch.Unlock()
	return m.watched
}

// Set switches a mode on, or changes the one that is on. When it returns nil
// the change is stored and counts for every new call.
func (m *Switch) Set(ctx context.Context, c Change) (State, error) {
	if err := c.check(); err != nil {
		return State{}, err
	}
	if c.Mode == Normal {
		err := m.Clear(ctx, c.By, c.Name, c.Via)
		return m.Current(time.Now()), err
	}
	if c.For == 0 {
		c.For = DefaultFor
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var next State
	err := m.store.Update(ctx, func(tx *store.Tx) error {
		was := m.Current(tx.Now())
		slots := map[string]*audio.Clip{}
		if was.Active {
			maps.Copy(slots, was.slots)
		}
		if c.Announcement != nil {
			slots[""] = c.Announcement
		}
		maps.Copy(slots, c.Announcements)
		r := record{Mode: c.Mode, Since: tx.Now(), Expires: tx.Now().Add(c.For), By: c.By, Name: c.Name, Via: c.Via}
		if was.Mode == c.Mode {
			r.Since = was.Since // renewed, or a new announcement
		}
		if c.Mode == Redirect {
			r.Partner = string(c.Partner)
		}
		if err := errors.Join(keepBefore(tx, was), write(tx, &r, slots)); err != nil {
			return err
		}
		next = r.state(slots, was.Mode)
		tx.Emit(events.Event{Kind: EventChanged, By: c.By, Via: c.Via, Data: map[string]string{
			"from": was.Mode, "to": c.Mode, "name": c.Name,
			"expires":       r.Expires.Format(time.RFC3339),
			"announcement":  strings.Join(heard(slots), ","),
			"new_recording": fmt.Sprint(c.Announcement != nil || len(c.Announcements) > 0),
		}})
		return nil
	})
	if err != nil {
		return State{}, fmt.Errorf("the mode was not changed, callers still get the one from before; please try again: %w", err)
	}
	m.publish(next)
	m.log.Info("mode changed", "mode", next.Mode, "by", c.By, "via", c.Via, "expires", next.Expires)
	return m.Current(time.Now()), nil
}

// Clear returns to normal. Clearing what is clear changes nothing.
func (m *Switch) Clear(ctx context.Context, by, name, via string) error {
	if err := m.off(ctx, EventChanged, by, name, via, func(s State) bool { return s.Active }); err != nil {
		return fmt.Errorf("the mode is still on; please try again: %w", err)
	}
	return nil
}

// off switches the mode off if it is still the one that because means.
func (m *Switch) off(ctx context.Context, kind, by, name, via string, because func(State) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := *m.current.Load()
	if !because(was) {
		return nil
	}
	var next State
	err := m.store.Update(ctx, func(tx *store.Tx) error {
		r := record{Mode: Normal, Since: tx.Now(), By: by, Name: name, Via: via}
		keep := keepBefore(tx, was)
		undoes := was.Mode
		if via == "rule" { // nobody's change is nobody's to take back
			keep, undoes = dropBefore(tx), ""
		}
		if err := errors.Join(keep, write(tx, &r, nil)); err != nil {
			return err
		}
		next = r.state(nil, undoes)
		tx.Emit(events.Event{Kind: kind, By: by, Via: via, Data: map[string]string{
			"from": was.Mode, "to": Normal, "name": name, "set_by": was.By,
		}})
		return nil
	})
	if err != nil {
		return err
	}
	m.publish(next)
	m.log.Info("back to normal", "was", was.Mode, "by", by, "via", via)
	return nil
}

func write(tx *store.Tx, r *record, slots map[string]*audio.Clip) error {
	version, err := tx.Next("mode")
	if err != nil {
		return err
	}
	r.Version, r.Changed = version, tx.Now()
	return errors.Join(writeSounds(tx, announcements, slots), states.Put(tx, currentKey, *r))
}

func writeSounds(tx *store.Tx, table store.Table[[]byte], slots map[string]*audio.Clip) error {
	var old []string
	for language := range table.All(tx) {
		old = append(old, language)
	}
	for _, language := range old {
		if err := table.Delete(tx, language); err != nil {
			return err
		}
	}
	for language, clip := range slots {
		if language == "" {
			language = anyLanguage
		}
		if err := table.Put(tx, language, clip.MuLaw()); err != nil {
			return err
		}
	}
	return nil
}

// publish makes s what every call gets. Under mu.
func (m *Switch) publish(s State) {
	s.Load = m.ladder.figures
	s.Load.rung = m.ladder.at
	m.current.Store(&s)
	m.watch.Lock()
	close(m.watched)
	m.watched = make(chan struct{})
	m.watch.Unlock()
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
					m.log.Error("a mode has run out; callers are served normally, but it could not be written down yet", "error", err)
				}
			}
		}
		timer.Reset(wait)
	}
}

func (c Change) check() error {
	if !slices.Contains(Modes(), c.Mode) {
		return fmt.Errorf("there is no mode %q: use one of %s", c.Mode, strings.Join(Modes(), ", "))
	}
	if c.For < 0 || c.For > MaxFor {
		return fmt.Errorf("a mode lasts up to %s: it can be renewed", MaxFor)
	}
	if c.By == "" || c.Via == "" {
		return errors.New("changing the mode needs to say who does it and how")
	}
	if c.Mode == Redirect && !c.Partner.E164() {
		return errors.New("say to which number callers are sent, with its country code")
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
