// Package privacy takes people out of the records: on request, and when the
// records have become too old. Counts stay; who it was, where they are and what
// they said goes, with sound, history, search and finished exports, and the file
// is scrubbed, so that not even the key of the box brings it back.
//
// A backup from before still holds the person. What was erased is on a list
// without names, which is kept outside of the records, too: whoever puts a
// backup back repeats the erasures since then (Repeat).
package privacy

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/calendar"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/export"
	"hotline/appliance/once"
	"hotline/appliance/sharing"
	"hotline/appliance/store"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/volunteers"
)

// Events of privacy. None says whom.
const (
	EventErased  = "person.erased"
	EventExpired = "records.expired"
	EventRules   = "retention.changed"
)

// Rules are how long records are kept, in days; 0 is for ever. Recordings of
// calls have their own rule, beside what is recorded at all.
type Rules struct {
	triage.Ages
	Cards      cards.Ages `json:"cards"`
	Volunteers int        `json:"volunteers"` // after they left
	Withdrawn  int        `json:"withdrawn"`  // after they took back their agreement
	Hours      int        `json:"hours"`      // of people who are erased: proof for donors and authorities
	Rounds     int        `json:"rounds"`     // people in the list of a round that is over
	Imports    int        `json:"imports"`    // what files were brought in, and the way back
	Log        int        `json:"log"`        // the event log
}

// Shipped are the rules until somebody who is responsible sets others (domain
// 4.4).
func Shipped() Rules {
	return Rules{Ages: triage.Ages{CallDetail: 365, Unanswered: 30, Messages: 30, Cases: 90}, Cards: cards.Ages{Found: 30, Feedback: 90, Complaints: 30},
		Volunteers: 365, Withdrawn: 30, Hours: 1095, Rounds: 90, Imports: 90, Log: 730}
}

// Field is one rule, for forms.
type Field struct {
	Name string
	Days *int
}

// Fields are the rules by name, in the order of the form.
func (r *Rules) Fields() []Field {
	return []Field{{"call_detail", &r.CallDetail}, {"unanswered", &r.Unanswered}, {"messages", &r.Messages}, {"cases", &r.Cases},
		{"found", &r.Cards.Found}, {"feedback", &r.Cards.Feedback}, {"complaints", &r.Cards.Complaints}, {"rounds", &r.Rounds},
		{"volunteers", &r.Volunteers}, {"withdrawn", &r.Withdrawn}, {"hours", &r.Hours}, {"imports", &r.Imports}, {"log", &r.Log}}
}

// Limits of the rules. Reports and the books look back at most a year.
const (
	mostDays = 3650
	leastLog = 365
)

// Refusals.
var (
	ErrDays   = errors.New("a number of days is 0 (for ever) to 3650, and the log is kept for 365 at least")
	ErrNobody = errors.New("there is nothing of this person")
	ErrWhy    = errors.New("say why")
)

type state struct {
	Rules Rules     `json:"rules"`
	Knows int       `json:"knows,omitempty"` // rules that there were when these were set
	Swept time.Time `json:"swept,omitzero"`
	Scrub bool      `json:"scrub,omitempty"` // something was erased, and the file is not scrubbed since
}

var states = store.NewTable[state]("privacy")

const only = "privacy"

// Keeper watches over the records.
type Keeper struct {
	store     *store.Store
	operation string
	log       *slog.Logger
	kick      chan struct{}
	more      []Aging
}

// New prepares a keeper of the records in s, and of those that others name; Run
// makes it watch.
func New(s *store.Store, operation string, log *slog.Logger, more ...Aging) *Keeper {
	return &Keeper{store: s, operation: operation, log: log, kick: make(chan struct{}, 1), more: more}
}

// beforeImports is how many rules there were before imports, and people who take
// back their agreement, had theirs.
const beforeImports = 11

func read(tx *store.Tx) (state, error) {
	st, err := states.Get(tx, only)
	shipped := Shipped()
	switch {
	case errors.Is(err, store.ErrNotFound):
		return state{Rules: shipped, Knows: len(shipped.Fields())}, nil
	case err != nil:
		return st, err
	}
	if st.Knows < beforeImports { // from before cards, rounds and hours had theirs
		st.Rules.Cards, st.Rules.Rounds, st.Rules.Hours = shipped.Cards, shipped.Rounds, shipped.Hours
	}
	if st.Knows <= beforeImports {
		st.Rules.Imports, st.Rules.Withdrawn = shipped.Imports, shipped.Withdrawn
	}
	st.Knows = len(shipped.Fields())
	return st, nil
}

// Rules are how long records are kept, and when it was last looked.
func (k *Keeper) Rules() (rules Rules, swept time.Time, err error) {
	err = k.store.View(func(tx *store.Tx) error {
		st, err := read(tx)
		rules, swept = st.Rules, st.Swept
		return err
	})
	return rules, swept, err
}

// SetRules sets how long records are kept.
func (k *Keeper) SetRules(ctx context.Context, rules Rules, by string) error {
	for _, f := range rules.Fields() {
		if *f.Days < 0 || *f.Days > mostDays || f.Name == "log" && *f.Days != 0 && *f.Days < leastLog {
			return ErrDays
		}
	}
	return k.store.Update(ctx, func(tx *store.Tx) error {
		st, err := read(tx)
		if err != nil {
			return err
		}
		data := map[string]string{}
		for i, f := range rules.Fields() {
			if was := st.Rules.Fields()[i]; *was.Days != *f.Days {
				data[f.Name] = strconv.Itoa(*was.Days) + " → " + strconv.Itoa(*f.Days)
			}
		}
		st.Rules = rules
		tx.Emit(events.Event{Kind: EventRules, Operation: k.operation, By: by, Via: "web", Data: data})
		return states.Put(tx, only, st)
	})
}

// Sharing is on what ground new records are kept and how far they may go.
func (k *Keeper) Sharing() (sharing.Defaults, error) { return sharing.Read(k.store) }

// SetSharing changes that.
func (k *Keeper) SetSharing(ctx context.Context, set sharing.Defaults, by string) error {
	return sharing.Set(ctx, k.store, set, by)
}

// Whys are why somebody is erased: a choice, because words would stand in the
// log for ever.
func Whys() []string { return []string{"asked", "mistake", "authority", "over"} }

// Person is all that is stored of somebody.
type Person struct {
	triage.PersonRecords
	Registrants []string
	Cards       []string    // missing persons, feedback, referrals
	Number      call.Number // by which they were found; "" when by a code
}

// Empty reports that nothing is stored.
func (p Person) Empty() bool {
	return len(p.Contacts)+len(p.Cases)+len(p.Rounds)+len(p.Registrants)+len(p.Cards) == 0
}

// Of finds all that is stored of whoever has a number, or of one case or
// registered volunteer by the code that they were told.
func (k *Keeper) Of(number call.Number, code string) (p Person, err error) {
	code = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, code)
	err = k.store.View(func(tx *store.Tx) error {
		p = Person{Number: number}
		if !number.Withheld() {
			p.PersonRecords, p.Registrants = triage.RecordsOf(tx, number), volunteers.RecordsOf(tx, number)
		}
		if code != "" {
			found := triage.CaseRecords(tx, code)
			p.Cases, p.Contacts = append(p.Cases, found.Cases...), append(p.Contacts, found.Contacts...)
			p.Registrants = append(p.Registrants, volunteers.CodeRecords(tx, code)...)
		}
		p.Cards = cards.RecordsOf(tx, number, p.Cases)
		for _, list := range []*[]string{&p.Cases, &p.Contacts, &p.Registrants} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
		return nil
	})
	return p, err
}

// Erase takes a person out of the records: all of it, or nothing when a call or
// a shift still runs. Finished exports are deleted with it. When it returns nil
// it is on disk; the file is scrubbed right after.
func (k *Keeper) Erase(ctx context.Context, p Person, by, why string) error {
	switch {
	case p.Empty():
		return ErrNobody
	case !slices.Contains(Whys(), why):
		return ErrWhy
	}
	err := k.store.Update(ctx, func(tx *store.Tx) error {
		if err := takeOut(tx, p, by, volunteers.Erase); err != nil {
			return err
		}
		for _, id := range p.Registrants {
			tx.Emit(events.Event{Kind: volunteers.EventErased, Operation: k.operation, By: by, Data: map[string]string{"registrant": id}})
		}
		tx.Emit(events.Event{Kind: EventErased, Operation: k.operation, By: by, Via: "web", Data: map[string]string{"contacts": strconv.Itoa(len(p.Contacts)),
			"cases": strings.Join(p.Cases, " "), "rounds": strconv.Itoa(len(p.Rounds)), "cards": strconv.Itoa(len(p.Cards)), "registrants": strings.Join(p.Registrants, " "), "reason": why}})
		return errors.Join(noteErased(tx, p), export.DropAll(tx, k.operation, by), once.Erase(tx), wantScrub(tx))
	})
	if err == nil {
		select {
		case k.kick <- struct{}{}:
		default:
		}
	}
	return err
}

// Left looks whether the number stands anywhere yet: at a caller who is on the
// phone again, in a list of people to be called, in the notes of somebody else.
func (k *Keeper) Left(ctx context.Context, number call.Number) ([]string, error) {
	if number.Withheld() {
		return nil, nil
	}
	return k.store.Mentions(ctx, strings.TrimPrefix(string(number), "+"))
}

func wantScrub(tx *store.Tx) error {
	st, err := read(tx)
	if err != nil {
		return err
	}
	st.Scrub = true
	return states.Put(tx, only, st)
}

const (
	lookEvery  = 10 * time.Minute
	sweepEvery = 20 * time.Hour // once a day, at the quietest time that comes
	quietFrom  = 2              // o'clock
	quietUntil = 6
	atOnce     = 200 // records looked at in one go
	logAtOnce  = 2000
)

// Run looks once a day for what has become too old, and scrubs the file after
// something was erased, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := k.look(ctx, time.Now()); err != nil && ctx.Err() == nil {
			k.log.Warn("records that are too old, or what was erased, could not be removed yet; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-k.kick:
		}
	}
}

// look does what is due. While the date cannot be believed, nothing is too old.
func (k *Keeper) look(ctx context.Context, now time.Time) error {
	var st state
	if err := k.store.View(func(tx *store.Tx) (err error) {
		st, err = read(tx)
		return err
	}); err != nil {
		return err
	}
	hour := now.Local().Hour()
	quiet := hour >= quietFrom && hour < quietUntil
	believed, err := calendar.Believe(ctx, k.store, now)
	since := now.Sub(st.Swept)
	early := since < -time.Hour // it was looked while the clock was wrong
	if believed && (since > sweepEvery && quiet || since > 2*sweepEvery && !st.Swept.IsZero() || early) {
		err = k.Sweep(ctx, now)
	}
	return errors.Join(err, k.Scrub(ctx))
}

// Scrub writes over what was erased, if something was.
func (k *Keeper) Scrub(ctx context.Context) error {
	var wanted bool
	err := k.store.View(func(tx *store.Tx) error {
		st, err := read(tx)
		wanted = st.Scrub
		return err
	})
	if err != nil || !wanted {
		return err
	}
	// What is erased while it works needs another one.
	if err := k.mark(ctx, func(st *state) { st.Scrub = false }); err != nil {
		return err
	}
	if err := k.store.Scrub(ctx); err != nil {
		return errors.Join(err, k.mark(context.WithoutCancel(ctx), func(st *state) { st.Scrub = true }))
	}
	return nil
}

func (k *Keeper) mark(ctx context.Context, fn func(*state)) error {
	return k.store.Update(ctx, func(tx *store.Tx) error {
		st, err := read(tx)
		if err != nil {
			return err
		}
		fn(&st)
		return states.Put(tx, only, st)
	})
}
