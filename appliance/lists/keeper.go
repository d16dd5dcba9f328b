package lists

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/store"
)

// EventChanged is emitted when a list or the questions about a case change.
const EventChanged = "list.changed"

var (
	table       = store.NewTable[changes]("lists")
	listHistory = history.NewBook("list_history")
)

// Mistake is why a change is refused: the name of a text of the pages.
type Mistake string

func (m Mistake) Error() string { return "the list was not changed: " + string(m) }

// Mistakes.
const (
	WrongName    = Mistake("name")    // there is nothing of this name
	WrongKeep    = Mistake("keep")    // rules hang on it
	WrongFixed   = Mistake("fixed")   // one of the four questions of urgency
	WrongEmpty   = Mistake("empty")   // no text in any language
	WrongText    = Mistake("text")    // too long
	WrongSame    = Mistake("same")    // another one has this text
	WrongCode    = Mistake("code")    // of forbidden characters
	WrongTaken   = Mistake("taken")   // means something else already
	WrongTag     = Mistake("tag")     // no language tag
	WrongKind    = Mistake("kind")    // of question
	WrongChoices = Mistake("choices") // a choice of fewer than two
	WrongMany    = Mistake("many")
)

// Limits.
const (
	MaxText    = 300 // characters of one text
	maxChoices = 300
	maxOwn     = 40 // own questions
	maxCode    = 40
)

// Actor is who changes something.
type Actor struct{ ID, Name, Via string }

// Keeper keeps the lists of one hotline. What is in force costs one atomic load.
type Keeper struct {
	store   *store.Store
	shipped *Set
	mu      sync.Mutex // one change at a time
	stored  map[string]changes
	now     atomic.Pointer[Set]
	changed atomic.Pointer[chan struct{}]
	places  atomic.Pointer[gazetteer]
}

// Open reads the lists.
func Open(s *store.Store) (*Keeper, error) {
	shipped, err := Shipped()
	if err != nil {
		return nil, err
	}
	k := &Keeper{store: s, shipped: shipped}
	k.places.Store(&gazetteer{})
	return k, k.load(1)
}

// load reads what is stored and puts it in force.
func (k *Keeper) load(version uint64) error {
	stored := map[string]changes{}
	err := k.store.View(func(tx *store.Tx) error {
		clear(stored)
		for name, c := range table.All(tx) {
			stored[name] = c
		}
		return k.readPlaces(tx)
	})
	if err != nil {
		return fmt.Errorf("reading the lists: %w", err)
	}
	k.stored = stored
	k.use(k.shipped.with(stored, version))
	return nil
}

// Renew waits while change changes what is stored by other ways than this keeper,
// and puts in force what is stored then.
func (k *Keeper) Renew(change func()) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	return k.load(k.Now().Version + 1)
}

// use puts lists in force, and tells those who wait for it.
func (k *Keeper) use(set *Set) {
	next := make(chan struct{})
	k.now.Store(set)
	if was := k.changed.Swap(&next); was != nil {
		close(*was)
	}
}

// Changed is closed at the next change of a list or of the questions.
func (k *Keeper) Changed() <-chan struct{} { return *k.changed.Load() }

// Now are the lists in force.
func (k *Keeper) Now() *Set { return k.now.Load() }

// change changes one list, or the questions about a case with caseKey. When it
// returns nil that is stored, and counts.
func (k *Keeper) change(ctx context.Context, name, what, which string, by Actor, do func(now *Set, c *changes) error) error {
	if by.ID == "" || by.Via == "" {
		return errors.New("a change of a list needs to say who makes it and how")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.stored[name]
	next := was.clone()
	if err := do(k.Now(), &next); err != nil {
		return err
	}
	all := map[string]changes{}
	for other, c := range k.stored {
		all[other] = c
	}
	all[name] = next
	set := k.shipped.with(all, k.Now().Version+1)
	if err := k.put(ctx, by, what, which, map[string]changes{name: next}); err != nil {
		return err
	}
	k.stored = all
	k.use(set)
	return nil
}

// put stores changes of lists, with who made them.
func (k *Keeper) put(ctx context.Context, by Actor, what, which string, next map[string]changes) error {
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		for name, c := range next {
			tx.Emit(events.Event{Kind: EventChanged, By: by.ID, Via: by.Via, Data: map[string]string{"list": name, "what": what, "code": which, "name": by.Name}})
			note := history.Entry{Record: name, By: by.ID, Via: by.Via, What: what, Why: which}
			if err := errors.Join(table.Put(tx, name, c), listHistory.Note(tx, note, k.stored[name], c)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("the list was not changed; please try again: %w", err)
	}
	return nil
}

// History is who changed what of a list, oldest first; of the questions about a
// case with "case", of the places with "places".
func (k *Keeper) History(name string) (list []history.Entry, err error) {
	err = k.store.View(func(tx *store.Tx) error {
		list = listHistory.Of(tx, name)
		return nil
	})
	return list, err
}

// AddChoice offers one more choice at the end of a list. Without a code one is
// made of its words.
func (k *Keeper) AddChoice(ctx context.Context, list, code string, words Words, by Actor) error {
	words, err := tidyWords(words)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return WrongEmpty
	}
	code, err = codeOf(list, code, words)
	if err != nil {
		return err
	}
	return k.change(ctx, list, "added", code, by, func(now *Set, c *changes) error {
		l, there := now.lists[list]
		switch {
		case !there:
			return WrongName
		case l.Has(code), slices.Contains(l.Reserved, code):
			return WrongTaken // switched off or not: it means something already
		case len(l.Choices) >= maxChoices:
			return WrongMany
		case l.taken(code, words):
			return WrongSame
		}
		c.Added++
		c.Items[code] = item{Words: words, Nr: c.Added}
		return nil
	})
}

// taken reports that another choice that is offered has one of the texts.
func (l List) taken(code string, words Words) bool {
	return slices.ContainsFunc(l.Choices, func(c Choice) bool {
		if c.Code == code || c.Off {
			return false
		}
		for tag, text := range words {
			if strings.EqualFold(c.Words[tag], text) {
				return true
			}
		}
		return false
	})
}

// Reword says the words of a choice anew, in the languages that are named; an
// empty text takes a language back to what ships.
func (k *Keeper) Reword(ctx context.Context, list, code string, words Words, by Actor) error {
	return k.change(ctx, list, "reworded", code, by, func(now *Set, c *changes) error {
		l := now.lists[list]
		i := l.index(code)
		if i < 0 {
			return WrongName
		}
		one := c.Items[code]
		ships := k.shipped.lists[list]
		var shipped Words
		if at := ships.index(code); at >= 0 {
			shipped = ships.Choices[at].Words
		}
		next, err := reworded(shipped, one.Words, words)
		if err != nil {
			return err
		}
		if one.Words = next; one.Nr > 0 && len(one.Words) == 0 {
			return WrongEmpty
		}
		if l.taken(code, next) {
			return WrongSame
		}
		c.Items[code] = one
		return nil
	})
}

// reworded are the words that differ from those that ship: what somebody has left
// as it was gets better with the program.
func reworded(shipped, was, words Words) (Words, error) {
	next := Words{}.over(was)
	for tag := range words {
		delete(next, tag)
	}
	tidy, err := tidyWords(words)
	for tag, text := range tidy {
		if text != shipped[tag] {
			next[tag] = text
		}
	}
	return next, err
}

// SwitchChoice offers a choice no more, or again.
func (k *Keeper) SwitchChoice(ctx context.Context, list, code string, on bool, by Actor) error {
	return k.change(ctx, list, switched(on), code, by, func(now *Set, c *changes) error {
		l := now.lists[list]
		i := l.index(code)
		switch {
		case i < 0:
			return WrongName
		case !on && l.Choices[i].Keep != "":
			return WrongKeep
		case !on && len(l.On()) < 2:
			return WrongChoices
		case on && l.taken(code, l.Choices[i].Words):
			return WrongSame
		}
		one := c.Items[code]
		one.Off = !on
		c.Items[code] = one
		return nil
	})
}

func switched(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// ShowFirst puts a choice among those in view without opening, or not.
func (k *Keeper) ShowFirst(ctx context.Context, list, code string, first bool, by Actor) error {
	return k.change(ctx, list, "first", code, by, func(now *Set, c *changes) error {
		if !now.lists[list].Has(code) {
			return WrongName
		}
		one := c.Items[code]
		one.First = &first
		c.Items[code] = one
		return nil
	})
}

// MoveChoice moves a choice one place up or down.
func (k *Keeper) MoveChoice(ctx context.Context, list, code string, up bool, by Actor) error {
	return k.change(ctx, list, "moved", code, by, func(now *Set, c *changes) error {
		var order []string
		for _, one := range now.lists[list].Choices {
			order = append(order, one.Code)
		}
		return c.move(order, code, up, 0)
	})
}

// move swaps a name with its neighbour; the first ones before from stay.
func (c *changes) move(order []string, name string, up bool, from int) error {
	i := slices.Index(order, name)
	if i < 0 {
		return WrongName
	}
	to := i + 1
	if up {
		to = i - 1
	}
	if to >= from && to < len(order) {
		order[i], order[to] = order[to], order[i]
	}
	c.Order = order
	return nil
}

var codeForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// codeOf is the code of something new: the one that was asked for, or one made of
// its words.
func codeOf(list, code string, words Words) (string, error) {
	code = strings.TrimSpace(code)
	if list == Languages {
		tag, err := language.Parse(code)
		if err != nil || code == "" {
			return "", WrongTag
		}
		return tag.String(), nil
	}
	if code == "" {
		code = slug(words.In(english))
	}
	if !codeForm.MatchString(code) || len(code) > maxCode {
		return "", WrongCode
	}
	return code, nil
}

// slug makes a code of a text: what is left of it in plain letters.
func slug(text string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(text)) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9' && b.Len() > 0:
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r):
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		if b.Len() >= maxCode-8 {
			break
		}
	}
	return strings.Trim(b.String(), "_")
}

// tidyWords drops what is invisible and what is empty.
func tidyWords(words Words) (Words, error) {
	out := Words{}
	for tag, text := range words {
		if _, err := language.Parse(tag); err != nil {
			return nil, WrongTag
		}
		text = tidy(text)
		if len([]rune(text)) > MaxText {
			return nil, WrongText
		}
		if text != "" {
			out[tag] = text
		}
	}
	return out, nil
}

// tidy drops control characters and those that turn the direction of a text.
func tidy(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")))
}
