// Package scenario owns what kind of disaster the hotline answers for: the
// packs that ship, and which one is chosen. Flows pick their words by it. It
// does not know flows, prompts or calls.
package scenario

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/goccy/go-yaml"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

//go:embed packs.yaml
var shipped []byte

// Attribute is the name under which flows find Chosen.Attribute.
const Attribute = "scenario"

// General is the pack that fits any emergency: the one in force until somebody
// chooses.
const General = "general"

// EventChosen is emitted when another scenario is chosen.
const EventChosen = "scenario.chosen"

// Pack is one kind of disaster.
type Pack struct {
	ID     string              `yaml:"id"`
	Names  map[string]string   `yaml:"names"`  // by language
	Stages []string            `yaml:"stages"` // in their order; none where all is one stage
	Asks   map[string][]string `yaml:"asks"`   // what phone volunteers ask besides, by language
}

// Packs are the packs that ship, in the order of forms.
func Packs() ([]Pack, error) {
	var packs []Pack
	if err := yaml.UnmarshalWithOptions(shipped, &packs, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("reading the scenarios: %w", err)
	}
	return packs, nil
}

// Chosen is the scenario in force. It is never changed after it was published.
type Chosen struct {
	Pack  Pack
	Stage string // one of Pack.Stages; "" where there are none
	Since time.Time
	By    string // account; "" until somebody chose
}

// Attribute is the scenario as flows pick by it: "wildfire", "flood.during".
func (c Chosen) Attribute() string {
	if c.Stage == "" {
		return c.Pack.ID
	}
	return c.Pack.ID + "." + c.Stage
}

// Asks are the questions of the scenario in a language, else in English.
func (c Chosen) Asks(language string) []string {
	if asks, ok := c.Pack.Asks[language]; ok {
		return asks
	}
	return c.Pack.Asks["en"]
}

// ErrUnknown means that there is no such scenario or stage.
var ErrUnknown = errors.New("there is no such scenario or stage")

type record struct {
	ID    string    `json:"id"`
	Stage string    `json:"stage,omitempty"`
	Since time.Time `json:"since"`
	By    string    `json:"by"`
}

var choices = store.NewTable[record]("scenario")

const currentKey = "current"

// Choice holds the scenario in force. Reading it costs one atomic load: every
// call asks.
type Choice struct {
	store *store.Store
	packs []Pack
	now   atomic.Pointer[Chosen]
}

// Open reads the choice. One that cannot be read, or names a pack that does not
// ship any more, is the general one: callers are answered in any case.
func Open(s *store.Store) (*Choice, error) {
	packs, err := Packs()
	if err != nil {
		return nil, err
	}
	c := &Choice{store: s, packs: packs}
	return c, c.load()
}

// Renew waits while change changes what is stored by other ways than this choice,
// and uses what is stored then.
func (c *Choice) Renew(change func()) error {
	change()
	return c.load()
}

func (c *Choice) load() error {
	var r record
	err := c.store.View(func(tx *store.Tx) error {
		var err error
		r, err = choices.Get(tx, currentKey)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("reading the scenario: %w", err)
	}
	chosen, ok := c.find(r)
	if !ok {
		chosen, _ = c.find(record{ID: General})
	}
	c.now.Store(&chosen)
	return nil
}

func (c *Choice) find(r record) (Chosen, bool) {
	for _, p := range c.packs {
		if p.ID != r.ID {
			continue
		}
		if len(p.Stages) == 0 && r.Stage == "" || slices.Contains(p.Stages, r.Stage) {
			return Chosen{Pack: p, Stage: r.Stage, Since: r.Since, By: r.By}, true
		}
	}
	return Chosen{}, false
}

// Packs are all that can be chosen.
func (c *Choice) Packs() []Pack { return c.packs }

// Current is the scenario in force.
func (c *Choice) Current() Chosen { return *c.now.Load() }

// Set chooses a scenario for all new calls. A pack with stages begins with its
// first one when none is named.
func (c *Choice) Set(ctx context.Context, id, stage, by string) error {
	i := slices.IndexFunc(c.packs, func(p Pack) bool { return p.ID == id })
	if i >= 0 && stage == "" && len(c.packs[i].Stages) > 0 {
		stage = c.packs[i].Stages[0]
	}
	r := record{ID: id, Stage: stage, Since: time.Now().UTC(), By: by}
	chosen, ok := c.find(r)
	if !ok {
		return ErrUnknown
	}
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		if err := choices.Put(tx, currentKey, r); err != nil {
			return err
		}
		tx.Emit(events.Event{Kind: EventChosen, By: by, Via: "web", Data: map[string]string{"scenario": chosen.Attribute()}})
		return nil
	})
	if err == nil {
		c.now.Store(&chosen)
	}
	return err
}
