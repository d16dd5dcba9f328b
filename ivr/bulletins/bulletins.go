// Package bulletins keeps the short messages that callers can hear without an
// agent: where the shelters are, which water is safe. Each has a language, an
// author, the time as of which it was true and a time after which it is not
// played any more, whatever the clock says later. It does not know calls or
// flows, nor how text is spoken.
package bulletins

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Limits.
const (
	DefaultFor = 6 * time.Hour // the first days change fast (domain: what breaks)
	MaxFor     = 7 * 24 * time.Hour
	MaxLength  = 90 * time.Second
	MaxText    = 1200 // characters
	MaxPlaying = 12   // of one language: nobody listens to more
	UndoWithin = 5 * time.Minute

	shortest = time.Second
)

// Event kinds.
const (
	EventPublished = "bulletin.published"
	EventRenewed   = "bulletin.renewed"
	EventMoved     = "bulletin.moved"
	EventWithdrawn = "bulletin.withdrawn"
	EventExpired   = "bulletin.expired" // still on the list, and nobody hears it
	EventUndone    = "bulletin.undone"
)

// Errors that reach people in words.
var (
	ErrNone          = errors.New("there is no such bulletin: it may have been withdrawn meanwhile")
	ErrNothingToUndo = errors.New("there is nothing to undo: no bulletin was changed within the last five minutes")
	ErrNoVoice       = errors.New("this hotline cannot speak text in that language: record the bulletin instead")
	ErrLanguage      = errors.New("callers are not offered that language")
	ErrTooMany       = fmt.Errorf("there are %d bulletins in that language already, and callers do not listen to more: withdraw one first", MaxPlaying)
)

// Bulletin is one message, as it is stored. The sound is stored apart.
type Bulletin struct {
	ID         string    `json:"id"`
	Operation  string    `json:"operation"`
	Language   string    `json:"language"`
	Text       string    `json:"text,omitempty"` // what agents read, and what was spoken if nobody recorded it
	Spoken     bool      `json:"spoken,omitempty"`
	Length     int       `json:"length_ms"`
	By         string    `json:"by"` // account
	Name       string    `json:"name,omitempty"`
	Via        string    `json:"via"`
	Place      int       `json:"place"` // lower is heard first
	AsOf       time.Time `json:"as_of"`
	ValidUntil time.Time `json:"valid_until"`
	Published  time.Time `json:"published"`
	Expired    bool      `json:"expired,omitempty"` // noted, for a clock that goes back
	Withdrawn  time.Time `json:"withdrawn,omitzero"`
}

// Plays reports whether callers hear it at now. A clock that is before the time
// of publication is wrong, and then nobody can say what is still true.
func (b Bulletin) Plays(now time.Time) bool {
	return b.Withdrawn.IsZero() && !b.Expired && now.Before(b.ValidUntil) && !now.Before(b.Published)
}

// Overdue reports that it has run out and still hangs on the board.
func (b Bulletin) Overdue(now time.Time) bool { return b.Withdrawn.IsZero() && !b.Plays(now) }

// Draft is a bulletin to publish.
type Draft struct {
	Language      string
	Text          string
	Sound         *audio.Clip   // nil: the text is spoken
	AsOf          time.Time     // zero: now
	For           time.Duration // 0: DefaultFor
	By, Name, Via string
}

// last is the last change, for Undo.
type last struct {
	At   time.Time `json:"at"`
	ID   string    `json:"id"`
	Back Bulletin  `json:"back"` // as it was; without an ID when it was new
}

var (
	table   = store.NewTable[Bulletin]("bulletins")
	sounds  = store.NewTable[[]byte]("bulletin_sounds") // µ-law by id
	changes = store.NewTable[last]("bulletin_last_change")
)

const lastKey = "last"

// Heard is a bulletin with its sound.
type Heard struct {
	Bulletin
	Sound *audio.Clip
}

// Config is what a Board needs.
type Config struct {
	Store     *store.Store
	Operation string
	Languages []string // that callers are offered
	// Speak makes sound of text; nil when the hotline has no voice.
	Speak func(ctx context.Context, language, text string) (*audio.Clip, error)
	Log   *slog.Logger
}

// Board is the bulletins of one operation.
type Board struct {
	cfg     Config
	mu      sync.Mutex // one change at a time
	hung    atomic.Pointer[[]Heard]
	changed chan struct{} // wakes Run

	watch   sync.Mutex
	watched chan struct{}
}

// Open reads the bulletins that hang on the board.
func Open(cfg Config) (*Board, error) {
	b := &Board{cfg: cfg, changed: make(chan struct{}, 1), watched: make(chan struct{})}
	var hung []Heard
	err := cfg.Store.View(func(tx *store.Tx) error {
		for id, one := range table.All(tx) {
			if one.Operation != cfg.Operation || !one.Withdrawn.IsZero() {
				continue
			}
			sound, err := sounds.Get(tx, id)
			if err != nil {
				// One that cannot be read must not keep the others from being heard.
				cfg.Log.Error("a bulletin cannot be read and is not played", "bulletin", id, "error", err)
				continue
			}
			hung = append(hung, Heard{one, audio.NewClip(sound)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the bulletins: %w", err)
	}
	b.hang(hung)
	return b, nil
}

// List is everything on the board in the order of the board, also what has run
// out.
func (b *Board) List() []Bulletin {
	var list []Bulletin
	for _, one := range *b.hung.Load() {
		list = append(list, one.Bulletin)
	}
	return list
}

// Playing is what callers in that language hear at now, in order.
func (b *Board) Playing(language string, now time.Time) []Heard {
	var list []Heard
	for _, one := range *b.hung.Load() {
		if one.Language == language && one.Plays(now) {
			list = append(list, one)
		}
	}
	return list
}

// Overdue is what has run out and waits for a person to renew or withdraw it.
func (b *Board) Overdue(now time.Time) []Bulletin {
	return slices.DeleteFunc(b.List(), func(one Bulletin) bool { return !one.Overdue(now) })
}

// Sound is the sound of a bulletin on the board, nil when there is none.
func (b *Board) Sound(id string) *audio.Clip {
	for _, one := range *b.hung.Load() {
		if one.ID == id {
			return one.Sound
		}
	}
	return nil
}

// Watch is closed at the next change.
func (b *Board) Watch() <-chan struct{} {
	b.watch.Lock()
	defer b.watch.Unlock()
	return b.watched
}

// Publish hangs a bulletin behind the others of its language. When it returns
// nil the next caller hears it.
func (b *Board) Publish(ctx context.Context, d Draft) (Bulletin, error) {
	if err := b.check(d); err != nil {
		return Bulletin{}, err
	}
	spoken := d.Sound == nil
	if spoken {
		var err error
		if d.Sound, err = b.speak(ctx, d); err != nil {
			return Bulletin{}, err
		}
	}
	switch length := d.Sound.Duration(); {
	case length > MaxLength:
		return Bulletin{}, fmt.Errorf("the bulletin is %s long: callers hear it before they are helped, so keep it under %s", length.Round(time.Second), MaxLength)
	case length < shortest:
		return Bulletin{}, errors.New("nothing can be heard in the bulletin: record it again")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.Playing(d.Language, time.Now())) >= MaxPlaying {
		return Bulletin{}, ErrTooMany
	}
	var one Bulletin
	err := b.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		one = Bulletin{ID: tx.NewID(), Operation: b.cfg.Operation, Language: d.Language, Text: d.Text, Spoken: spoken,
			Length: int(d.Sound.Duration().Milliseconds()), By: d.By, Name: d.Name, Via: d.Via, Place: b.lastPlace() + 1,
			AsOf: d.AsOf.UTC(), ValidUntil: tx.Now().Add(cmp.Or(d.For, DefaultFor)), Published: tx.Now()}
		if d.AsOf.IsZero() {
			one.AsOf = tx.Now()
		}
		b.emit(tx, EventPublished, one, d.By, d.Name, d.Via)
		return errors.Join(table.Put(tx, one.ID, one), sounds.Put(tx, one.ID, d.Sound.MuLaw()),
			changes.Put(tx, lastKey, last{At: tx.Now(), ID: one.ID}))
	})
	if err != nil {
		return Bulletin{}, fmt.Errorf("the bulletin was not published, callers hear what they heard before; please try again: %w", err)
	}
	b.hang(append(slices.Clone(*b.hung.Load()), Heard{one, d.Sound}))
	b.cfg.Log.Info("bulletin published", "bulletin", one.ID, "language", one.Language, "by", d.By, "via", d.Via, "until", one.ValidUntil)
	return one, nil
}

func (b *Board) speak(ctx context.Context, d Draft) (*audio.Clip, error) {
	if d.Text == "" {
		return nil, errors.New("the bulletin has neither sound nor text")
	}
	if b.cfg.Speak == nil {
		return nil, ErrNoVoice
	}
	clip, err := b.cfg.Speak(ctx, d.Language, d.Text)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoVoice, err)
	}
	return clip, nil
}

func (b *Board) check(d Draft) error {
	switch {
	case !slices.Contains(b.cfg.Languages, d.Language):
		return fmt.Errorf("%w: use one of %s", ErrLanguage, strings.Join(b.cfg.Languages, ", "))
	case len([]rune(d.Text)) > MaxText:
		return fmt.Errorf("the text is longer than %d characters: say the most important thing first and leave the rest out", MaxText)
	case d.For < 0 || d.For > MaxFor:
		return fmt.Errorf("a bulletin is valid for up to %s: it can be renewed", MaxFor)
	case d.AsOf.After(time.Now().Add(time.Minute)):
		return errors.New("a bulletin cannot tell what is true in the future: check its date")
	case d.By == "" || d.Via == "":
		return errors.New("publishing a bulletin needs to say who does it and how")
	}
	return nil
}

// Withdraw takes a bulletin from the board.
func (b *Board) Withdraw(ctx context.Context, id, by, name, via string) error {
	return b.change(ctx, id, EventWithdrawn, by, name, via, func(one *Bulletin, now time.Time) { one.Withdrawn = now })
}

// Renew says that a bulletin is true as of now, and for so long again.
func (b *Board) Renew(ctx context.Context, id string, long time.Duration, by, name, via string) error {
	if long < 0 || long > MaxFor {
		return fmt.Errorf("a bulletin is valid for up to %s: it can be renewed", MaxFor)
	}
	return b.change(ctx, id, EventRenewed, by, name, via, func(one *Bulletin, now time.Time) {
		one.AsOf, one.ValidUntil, one.Expired = now, now.Add(cmp.Or(long, DefaultFor)), false
		one.Published = earlier(one.Published, now)
	})
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Up moves a bulletin before the one that is heard before it in its language.
func (b *Board) Up(ctx context.Context, id, by, name, via string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := *b.hung.Load()
	i := slices.IndexFunc(list, func(one Heard) bool { return one.ID == id })
	if i < 0 {
		return ErrNone
	}
	j := i - 1
	for j >= 0 && list[j].Language != list[i].Language {
		j--
	}
	if j < 0 {
		return nil // first already
	}
	next := slices.Clone(list)
	next[i].Place, next[j].Place = list[j].Place, list[i].Place
	err := b.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		b.emit(tx, EventMoved, next[i].Bulletin, by, name, via)
		return errors.Join(table.Put(tx, next[i].ID, next[i].Bulletin), table.Put(tx, next[j].ID, next[j].Bulletin))
	})
	if err != nil {
		return fmt.Errorf("the order was not changed; please try again: %w", err)
	}
	b.hang(next)
	return nil
}

func (b *Board) change(ctx context.Context, id, kind, by, name, via string, fn func(*Bulletin, time.Time)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.Clone(*b.hung.Load())
	i := slices.IndexFunc(list, func(one Heard) bool { return one.ID == id })
	if i < 0 {
		return ErrNone
	}
	was := list[i].Bulletin
	err := b.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		list[i].Bulletin = was // this may run twice
		fn(&list[i].Bulletin, tx.Now())
		b.emit(tx, kind, list[i].Bulletin, by, name, via)
		err := table.Put(tx, id, list[i].Bulletin)
		if kind != EventExpired {
			err = errors.Join(err, changes.Put(tx, lastKey, last{At: tx.Now(), ID: id, Back: was}))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the bulletin was not changed, callers hear what they heard before; please try again: %w", err)
	}
	b.hang(slices.DeleteFunc(list, func(one Heard) bool { return !one.Withdrawn.IsZero() }))
	return nil
}

// Changed says when the last change was made that Undo would take back.
func (b *Board) Changed(now time.Time) (at time.Time, ok bool) {
	err := b.cfg.Store.View(func(tx *store.Tx) error {
		l, err := changes.Get(tx, lastKey)
		at = l.At
		return err
	})
	return at, err == nil && now.Sub(at) <= UndoWithin
}

// Undo takes back the last change, once, within UndoWithin: what was published
// is withdrawn, what was withdrawn or renewed is as it was.
func (b *Board) Undo(ctx context.Context, by, name, via string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var one Heard
	err := b.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		l, err := changes.Get(tx, lastKey)
		if errors.Is(err, store.ErrNotFound) || err == nil && tx.Now().Sub(l.At) > UndoWithin {
			return ErrNothingToUndo
		}
		if err != nil {
			return err
		}
		one.Bulletin = l.Back
		if l.Back.ID == "" {
			if one.Bulletin, err = table.Get(tx, l.ID); err != nil {
				return err
			}
			one.Withdrawn = tx.Now()
		}
		sound, err := sounds.Get(tx, l.ID)
		if err != nil {
			return err
		}
		one.Sound = audio.NewClip(sound)
		b.emit(tx, EventUndone, one.Bulletin, by, name, via)
		return errors.Join(table.Put(tx, l.ID, one.Bulletin), changes.Delete(tx, lastKey))
	})
	if errors.Is(err, ErrNothingToUndo) {
		return ErrNothingToUndo
	}
	if err != nil {
		return fmt.Errorf("the change of the bulletins was not taken back; please try again: %w", err)
	}
	list := slices.DeleteFunc(slices.Clone(*b.hung.Load()), func(h Heard) bool { return h.ID == one.ID })
	if one.Withdrawn.IsZero() {
		list = append(list, one)
	}
	b.hang(list)
	return nil
}

// emit tells of a change. The text stays out: it may name people.
func (b *Board) emit(tx *store.Tx, kind string, one Bulletin, by, name, via string) {
	tx.Emit(events.Event{Kind: kind, Operation: one.Operation, By: by, Via: via, Data: map[string]string{
		"bulletin": one.ID, "language": one.Language, "name": name, "valid_until": one.ValidUntil.Format(time.RFC3339), "author": one.By}})
}

func (b *Board) lastPlace() int {
	most := 0
	for _, one := range *b.hung.Load() {
		most = max(most, one.Place)
	}
	return most
}

// hang makes list what every call hears from now on.
func (b *Board) hang(list []Heard) {
	slices.SortFunc(list, func(a, c Heard) int { return cmp.Or(cmp.Compare(a.Place, c.Place), cmp.Compare(a.ID, c.ID)) })
	b.hung.Store(&list)
	b.watch.Lock()
	close(b.watched)
	b.watched = make(chan struct{})
	b.watch.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// retryExpiry is how long Run waits after a store that would not write.
const retryExpiry = 10 * time.Second

// Run notes bulletins that have run out, so that supervisors learn of it. It
// returns nil when ctx ends.
func (b *Board) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.changed:
		case <-timer.C:
		}
		timer.Reset(b.expire(ctx))
	}
}

// expire notes what has run out and says when to look again.
func (b *Board) expire(ctx context.Context) time.Duration {
	wait := time.Hour
	for _, one := range b.List() {
		if one.Expired {
			continue
		}
		left := time.Until(one.ValidUntil)
		if left > 0 {
			wait = min(wait, left)
			continue
		}
		err := b.change(ctx, one.ID, EventExpired, "", "", "rule", func(one *Bulletin, now time.Time) {
			one.Expired = !now.Before(one.ValidUntil) // unless it was renewed in this moment
		})
		if err != nil && !errors.Is(err, ErrNone) {
			wait = min(wait, retryExpiry)
			if ctx.Err() == nil {
				b.cfg.Log.Error("a bulletin has run out; nobody hears it, but it could not be written down yet", "bulletin", one.ID, "error", err)
			}
		}
	}
	return wait
}
