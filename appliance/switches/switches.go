// Package switches turns parts of the hotline off in a crisis (L7): a part that
// does harm or costs more than it helps is off for every call from the next
// step on, and on again the same way. It does not know what the parts do; they
// ask before they act.
package switches

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Part is what can be switched off.
type Part string

// The parts.
const (
	Bulletins = Part("bulletins") // callers hear none
	CallBacks = Part("callbacks") // no number is rung back by the hotline itself
	CallDowns = Part("calldowns") // nobody is called of the hotline's own accord, to be asked how they are
	Alerts    = Part("alerts")    // no supervisor is called because callers wait for too long
	HTTP      = Part("http")      // steps of flows that ask other machines take their way on
	Webhooks  = Part("webhooks")  // other systems are told nothing; what happens is kept for them
	Synthesis = Part("synthesis") // no text is spoken by the box
	Recording = Part("recording") // nothing that a caller says is kept
	Browsers  = Part("browsers")  // people on the box's own network call with a browser; off until somebody turns it on
)

// usuallyOff reports that a part is off until it is turned on: it opens a door
// that most places do not need.
func usuallyOff(part Part) bool { return part == Browsers }

// Parts are all parts, in the order of forms.
func Parts() []Part {
	return []Part{Bulletins, CallBacks, CallDowns, Alerts, HTTP, Webhooks, Synthesis, Recording, Browsers}
}

// EventTurned is emitted when a part is switched.
const EventTurned = "part.switched"

// Off is a part that is switched off, since when and by whom.
type Off struct {
	Part  Part      `json:"part"`
	Since time.Time `json:"since"`
	By    string    `json:"by"`
	Name  string    `json:"name,omitempty"`
}

var (
	table  = store.NewTable[Off]("parts_off")
	opened = store.NewTable[Off]("parts_on") // of those that are usually off: since when they are on
)

// Panel is the switches of one hotline.
type Panel struct {
	store *store.Store
	mu    sync.Mutex // one change at a time
	off   atomic.Pointer[map[Part]Off]
}

// Open reads what is switched off.
func Open(s *store.Store) (*Panel, error) {
	p := &Panel{store: s}
	return p, p.load()
}

// Renew waits while change changes what is stored by other ways than this panel,
// and uses what is stored then.
func (p *Panel) Renew(change func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	return p.load()
}

func (p *Panel) load() error {
	off := map[Part]Off{}
	err := p.store.View(func(tx *store.Tx) error {
		clear(off)
		for name, one := range table.All(tx) {
			off[Part(name)] = one
		}
		for _, part := range Parts() {
			if _, err := opened.Get(tx, string(part)); usuallyOff(part) && err != nil {
				if !errors.Is(err, store.ErrNotFound) {
					return err
				}
				off[part] = Off{Part: part}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading which parts of the hotline are switched off: %w", err)
	}
	p.off.Store(&off)
	return nil
}

// Off reports whether a part is switched off. It is asked by every call, from
// memory. A nil Panel has everything as usual.
func (p *Panel) Off(part Part) bool {
	if p == nil {
		return usuallyOff(part)
	}
	_, off := (*p.off.Load())[part]
	return off
}

// List is what is switched off and usually is not, in the order of Parts.
func (p *Panel) List() []Off {
	var list []Off
	off := *p.off.Load()
	for _, part := range Parts() {
		if one, is := off[part]; is && !usuallyOff(part) {
			list = append(list, one)
		}
	}
	return list
}

// Turn switches a part on or off. When it returns nil that is stored and counts.
func (p *Panel) Turn(ctx context.Context, part Part, on bool, by, name, via string) error {
	if !slices.Contains(Parts(), part) {
		return fmt.Errorf("there is no part %q that could be switched", part)
	}
	if by == "" || via == "" {
		return errors.New("switching a part needs to say who does it and how")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Off(part) != on {
		return nil // it is so already
	}
	next := map[Part]Off{}
	err := p.store.Update(ctx, func(tx *store.Tx) error {
		clear(next)
		for part, one := range *p.off.Load() {
			next[part] = one
		}
		state := "off"
		if on {
			state = "on"
			delete(next, part)
		} else {
			next[part] = Off{Part: part, Since: tx.Now(), By: by, Name: name}
		}
		tx.Emit(events.Event{Kind: EventTurned, By: by, Via: via, Data: map[string]string{"part": string(part), "state": state, "name": name}})
		where, put := table, !on
		if usuallyOff(part) {
			where, put = opened, on
		}
		if !put {
			return where.Delete(tx, string(part))
		}
		return where.Put(tx, string(part), Off{Part: part, Since: tx.Now(), By: by, Name: name})
	})
	if err != nil {
		return fmt.Errorf("the switch was not turned; please try again: %w", err)
	}
	p.off.Store(&next)
	return nil
}
