package triage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/store"
)

// Round is a list of people whom the hotline calls of its own accord, to ask how
// they are (O2 to O5). Two manners: the hotline speaks first and brings those to
// an agent who want one, or an agent sees the person first and has the number
// dialled.
//
// The rules: nobody is dialled who is on the stop list or whom a protected
// caller's number is, nobody twice within the gap, each call is in the records
// before it is dialled, at most Tries calls to one person, not at night.
type Round struct {
	ID        string     `json:"id"`
	Operation string     `json:"operation,omitempty"`
	Name      string     `json:"name"`
	Queue     string     `json:"queue"`             // whose agents talk with the people
	Preview   bool       `json:"preview,omitempty"` // an agent sees the person first
	Margin    int        `json:"margin,omitempty"`  // calls at a time beyond the agents who are free
	Tries     int        `json:"tries"`             // calls to one person at most
	State     RoundState `json:"state"`
	People    int        `json:"people"`
	By        string     `json:"by"` // who made it
	ByName    string     `json:"by_name"`
	MadeAt    time.Time  `json:"made_at"`
	StartedAt time.Time  `json:"started_at,omitzero"`
	EndedAt   time.Time  `json:"ended_at,omitzero"`
}

// RoundState is where a round is.
type RoundState string

// States of a round.
const (
	roundFilling = RoundState("") // its list is being stored: nobody sees it

	RoundDraft   = RoundState("draft")
	RoundRunning = RoundState("running")
	RoundPaused  = RoundState("paused")
	RoundStopped = RoundState("stopped") // by hand, before everybody was called
	RoundDone    = RoundState("done")
)

// Over reports that nobody is called any more.
func (r Round) Over() bool { return r.State == RoundStopped || r.State == RoundDone }

// RoundPerson is one person of a round.
type RoundPerson struct {
	ID        string      `json:"id"` // of the round and the line of the list
	Round     string      `json:"round"`
	Line      int         `json:"line"` // of the list, from 1
	Name      string      `json:"name,omitempty"`
	Number    call.Number `json:"number,omitempty"`
	Language  string      `json:"language,omitempty"`
	Source    string      `json:"source,omitempty"` // what record they come from: SourceItem …
	Ref       string      `json:"ref,omitempty"`    // its id
	State     string      `json:"state"`
	Why       string      `json:"why,omitempty"` // left out
	Tries     int         `json:"tries,omitempty"`
	Faults    int         `json:"faults,omitempty"` // tries in a row that failed on our side
	TriedAt   time.Time   `json:"tried_at,omitzero"`
	NotBefore time.Time   `json:"not_before,omitzero"` // of the next try
	Failed    string      `json:"failed,omitempty"`    // why the last try reached nobody
	Dialling  string      `json:"dialling,omitempty"`  // contact of the call that is being made, or awaits its notes
	Contact   string      `json:"contact,omitempty"`   // of the last call
	Answer    string      `json:"answer,omitempty"`
	AnswerAt  time.Time   `json:"answer_at,omitzero"`
}

// Where a person of a round is.
const (
	PersonWaits    = "waits"    // is to be called, perhaps again
	PersonCalled   = "called"   // at this moment
	PersonAnswered = "answered" // Answer says what
	PersonMissed   = "missed"   // enough is enough
	PersonLeftOut  = "left_out" // Why says why
)

// What people answer.
const (
	AnswerSafe    = "safe"
	AnswerHelp    = "help"    // needs help, and waits for a person
	AnswerChanged = "changed" // the details we have are not right any more
	AnswerTalk    = "talk"    // wanted a person, or an agent has talked with them
	AnswerStop    = "stop"    // wants no calls like this
)

// RoundAnswers are all answers, those that need somebody first.
func RoundAnswers() []string {
	return []string{AnswerHelp, AnswerTalk, AnswerChanged, AnswerSafe, AnswerStop}
}

// Why somebody on the list is not called.
const (
	LeftNoNumber  = "no_number"   // what stands there is no telephone number
	LeftTwice     = "twice"       // is on the list already
	LeftStopped   = "stop_list"   // wants no calls like this
	LeftProtected = "protected"   // a protected caller uses the number
	LeftForbidden = "not_allowed" // the settings do not let the hotline dial it
)

// Records that people of a round come from.
const (
	SourceItem       = "item"
	SourceCase       = "case"
	SourceRegistrant = "registrant"
)

// Limits of a round.
const (
	MaxRoundPeople = 5000
	MaxRoundMargin = 20
	MaxRoundTries  = maxTries
	roundFillAt    = 250 // people stored at a time, so that no call waits for a list
)

// Errors of rounds.
var (
	ErrRoundEmpty  = errors.New("there is nobody on this list")
	ErrRoundLong   = fmt.Errorf("there are more than %d people on this list: divide it", MaxRoundPeople)
	ErrRoundName   = errors.New("the round needs a name")
	ErrRoundState  = errors.New("that cannot be done with a round in this state")
	ErrLeftOut     = errors.New("this person is not to be called")
	ErrCalledSoon  = errors.New("this person was called a short while ago")
	errNotInAround = errors.New("this call belongs to no round")
)

var (
	rounds      = store.NewTable[Round]("rounds")
	roundPeople = store.NewTable[RoundPerson]("round_people")
	roundsDue   = store.NewIndex("rounds_due")   // round → time and id of those to be called
	roundsOut   = store.NewIndex("rounds_out")   // round → id of those being called
	roundBooks  = store.NewTable[int]("tallies") // of a round: how many are where
)

// ListedPerson is one line of a list that somebody brings: from records or from
// a sheet.
type ListedPerson struct {
	Name     string
	Number   string // as it is written
	Language string
	Source   string
	Ref      string
}

// MakeRound stores a round with its list; nobody is called before StartRound.
func (c *Contacts) MakeRound(ctx context.Context, r Round, list []ListedPerson, region, by, name string) (Round, error) {
	switch {
	case len(list) == 0:
		return r, ErrRoundEmpty
	case len(list) > MaxRoundPeople:
		return r, ErrRoundLong
	case r.Name == "":
		return r, ErrRoundName
	}
	r.Margin, r.Tries = min(max(r.Margin, 0), MaxRoundMargin), min(max(r.Tries, 1), MaxRoundTries)
	r.By, r.ByName, r.State, r.People = by, name, roundFilling, len(list)
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		r.ID, r.MadeAt = tx.NewID(), tx.Now()
		return rounds.Put(tx, r.ID, r)
	})
	if err != nil {
		return r, err
	}
	seen := map[call.Number]bool{}
	for from := 0; from < len(list); from += roundFillAt {
		var people []RoundPerson
		for n, one := range list[from:min(from+roundFillAt, len(list))] {
			p := RoundPerson{ID: fmt.Sprintf("%s-%06d", r.ID, from+n+1), Round: r.ID, Line: from + n + 1, Name: one.Name, Number: call.ParseNumber(one.Number, region),
				Language: one.Language, Source: one.Source, Ref: one.Ref, State: PersonWaits}
			switch {
			case !p.Number.E164():
				p.State, p.Why = PersonLeftOut, LeftNoNumber
			case seen[p.Number]:
				p.State, p.Why = PersonLeftOut, LeftTwice
			}
			seen[p.Number] = true
			people = append(people, p)
		}
		err := c.store.Update(ctx, func(tx *store.Tx) error {
			for _, p := range people {
				if err := putPerson(tx, RoundPerson{}, p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return r, err
		}
	}
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		r.State = RoundDraft
		tx.Emit(roundEvent("round.made", r, by, map[string]string{"people": strconv.Itoa(r.People)}))
		return rounds.Put(tx, r.ID, r)
	})
	return r, err
}

func roundEvent(kind string, r Round, by string, data map[string]string) events.Event {
	if data == nil {
		data = map[string]string{}
	}
	data["round"] = r.ID
	via := "web"
	if by == "" {
		via = "rule"
	}
	return events.Event{Kind: kind, Operation: r.Operation, Queue: r.Queue, By: by, Via: via, Data: data}
}

// SetRound starts, pauses, goes on with or stops a round.
func (c *Contacts) SetRound(ctx context.Context, id string, to RoundState, by string) error {
	return c.store.Update(ctx, func(tx *store.Tx) error {
		r, err := rounds.Get(tx, id)
		if err != nil {
			return err
		}
		from := map[RoundState][]RoundState{RoundRunning: {RoundDraft, RoundPaused}, RoundPaused: {RoundRunning}, RoundStopped: {RoundDraft, RoundRunning, RoundPaused}}[to]
		allowed := false
		for _, state := range from {
			allowed = allowed || r.State == state
		}
		if !allowed {
			return ErrRoundState
		}
		kind := "round.paused"
		switch to {
		case RoundRunning:
			kind = "round.started"
			if r.StartedAt.IsZero() {
				r.StartedAt = tx.Now()
			}
		case RoundStopped:
			kind, r.EndedAt = "round.stopped", tx.Now()
		}
		r.State = to
		tx.Emit(roundEvent(kind, r, by, nil))
		if err := rounds.Put(tx, id, r); err != nil {
			return err
		}
		return finishRound(tx, id)
	})
}

// finishRound ends a running round that has nobody left to call.
func finishRound(tx *store.Tx, id string) error {
	r, err := rounds.Get(tx, id)
	if err != nil || r.State != RoundRunning {
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	}
	for range roundsDue.IDs(tx, id) {
		return nil
	}
	for range roundsOut.IDs(tx, id) {
		return nil
	}
	r.State, r.EndedAt = RoundDone, tx.Now()
	tx.Emit(roundEvent("round.done", r, "", nil))
	return rounds.Put(tx, id, r)
}

// DropRound destroys a round that is not running, with the names and numbers of
// its list. The calls that were made stay in the records.
func (c *Contacts) DropRound(ctx context.Context, id, by string) error {
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		r, err := rounds.Get(tx, id)
		if err != nil {
			return err
		}
		if r.State == RoundRunning || r.State == RoundPaused {
			return ErrRoundState
		}
		for range roundsOut.IDs(tx, id) { // a call goes on
			return ErrRoundState
		}
		r.State = roundFilling // gone from every page, whatever happens now
		tx.Emit(roundEvent("round.dropped", r, by, nil))
		return rounds.Put(tx, id, r)
	})
	if err != nil {
		return err
	}
	return c.clearRound(ctx, id)
}

// clearRound destroys what is left of a round that is on no page.
func (c *Contacts) clearRound(ctx context.Context, id string) error {
	for more := true; more; {
		err := c.store.Update(ctx, func(tx *store.Tx) error {
			more = false
			n := 0
			var some []RoundPerson
			for _, p := range roundPeople.Prefix(tx, id+"-") {
				if n++; n > roundFillAt {
					more = true
					break
				}
				some = append(some, p)
			}
			for _, p := range some {
				if err := errors.Join(unlist(tx, p), tally(tx, p, -1), roundPeople.Delete(tx, p.ID)); err != nil {
					return err
				}
			}
			if more {
				return nil
			}
			return rounds.Delete(tx, id)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// putPerson stores somebody and keeps the lists of whom to call and the tallies
// true. was is the person as stored before, zero for a new one.
func putPerson(tx *store.Tx, was, p RoundPerson) error {
	var errs []error
	if was.ID != "" {
		errs = append(errs, unlist(tx, was), tally(tx, was, -1))
	}
	switch p.State {
	case PersonWaits:
		errs = append(errs, roundsDue.Add(tx, p.Round, p.due()))
	case PersonCalled:
		errs = append(errs, roundsOut.Add(tx, p.Round, p.ID))
	}
	return errors.Join(append(errs, tally(tx, p, 1), roundPeople.Put(tx, p.ID, p))...)
}

func unlist(tx *store.Tx, p RoundPerson) error {
	switch p.State {
	case PersonWaits:
		return roundsDue.Remove(tx, p.Round, p.due())
	case PersonCalled:
		return roundsOut.Remove(tx, p.Round, p.ID)
	}
	return nil
}

// due sorts those to be called: the time from which they may be, then the line
// of the list.
func (p RoundPerson) due() string {
	at := int64(0)
	if !p.NotBefore.IsZero() {
		at = p.NotBefore.Unix() + 1
	}
	return fmt.Sprintf("%012d %s", at, p.ID)
}

// place is what a person counts as.
func (p RoundPerson) place() string {
	switch p.State {
	case PersonAnswered:
		return p.State + " " + p.Answer
	case PersonLeftOut:
		return p.State + " " + p.Why
	case PersonWaits:
		if p.Tries > 0 {
			return p.State + " again"
		}
	}
	return p.State
}

func tally(tx *store.Tx, p RoundPerson, by int) error {
	key := p.Round + " " + p.place()
	n, err := roundBooks.Get(tx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if n += by; n == 0 {
		return roundBooks.Delete(tx, key)
	}
	return roundBooks.Put(tx, key, n)
}
