package triage

import (
	"cmp"
	"context"
	"errors"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/history"
	"hotline/appliance/store"
)

// DueInRound returns up to limit people of a running round who may be called at
// now, in the order of the list, and when the next one may be (zero: nobody is
// left who waits).
func (c *Contacts) DueInRound(round string, now time.Time, limit int) (due []RoundPerson, next time.Time, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		for place := range roundsDue.IDs(tx, round) {
			p, err := roundPeople.Get(tx, idIn(place))
			if err != nil {
				return err
			}
			if p.NotBefore.After(now) {
				next = p.NotBefore
				return nil
			}
			if len(due) == limit {
				next = now
				return nil
			}
			due = append(due, p)
		}
		return nil
	})
	return due, next, err
}

// BeginRoundCall writes down that somebody is about to be called, as contact k.
// Nothing is dialled that this has not returned: not twice within the gap, not
// while the person is on the line with us or is being called for another reason,
// not when the round was paused a moment ago.
func (c *Contacts) BeginRoundCall(ctx context.Context, person string, k Contact) (Contact, error) {
	var opened Contact
	var leftOut bool
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		opened, leftOut = k, false
		p, r, err := waitingPerson(tx, person)
		if err != nil {
			return err
		}
		digest := tx.Digest(string(p.Number))
		why, err := mustNotCall(tx, digest)
		if err != nil {
			return err
		}
		if why != "" {
			leftOut = true
			return leaveOut(tx, r, p, why)
		}
		for range numbersCalled.IDs(tx, digest) {
			return ErrDialling
		}
		for range numbersRunning.IDs(tx, digest) {
			return ErrOnLine
		}
		opened.Round, opened.Direction, opened.Channel, opened.Operation = p.ID, "out", "phone", cmp.Or(k.Operation, r.Operation)
		opened.Caller, opened.Dialled, opened.Language, opened.Queue = p.Number, string(p.Number), p.Language, r.Queue
		if p.Source == SourceRegistrant {
			opened.Registrant = p.Ref
		}
		if err := openContact(tx, &opened); err != nil {
			return err
		}
		was := p
		p.State, p.Dialling, p.Contact, p.TriedAt = PersonCalled, opened.ID, opened.ID, tx.Now()
		p.Tries++
		tx.Emit(events.Event{Kind: "round.dialled", Operation: r.Operation, Contact: opened.ID, Queue: r.Queue, Agent: k.Agent, By: k.Agent, Via: "rule",
			Data: map[string]string{"round": r.ID, "person": p.ID}})
		return errors.Join(numbersCalled.Add(tx, digest, p.ID), putPerson(tx, was, p))
	})
	if err == nil && leftOut {
		return opened, ErrLeftOut
	}
	return opened, err
}

// waitingPerson is somebody who may be called at this moment.
func waitingPerson(tx *store.Tx, id string) (p RoundPerson, r Round, err error) {
	if p, err = roundPeople.Get(tx, id); err != nil {
		return p, r, err
	}
	if r, err = rounds.Get(tx, p.Round); err != nil {
		return p, r, err
	}
	switch {
	case r.State != RoundRunning:
		return p, r, ErrRoundState
	case p.State == PersonCalled:
		return p, r, ErrDialling
	case p.State != PersonWaits:
		return p, r, ErrLeftOut
	case p.NotBefore.After(tx.Now()):
		return p, r, ErrCalledSoon
	}
	return p, r, nil
}

// mustNotCall says why a number is never dialled in a round, "" when it may be.
func mustNotCall(tx *store.Tx, digest string) (string, error) {
	if _, err := roundStops.Get(tx, digest); err == nil {
		return LeftStopped, nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	about, err := numberNotes.read(tx, digest)
	if about.Protected && !about.Safe {
		return LeftProtected, err
	}
	for id := range itemsByNumber.IDs(tx, digest) { // also where that turned out after the list was made
		if i, other := items.Get(tx, id); other != nil || i.Child {
			return LeftProtected, errors.Join(err, other)
		}
	}
	return "", err
}

func leaveOut(tx *store.Tx, r Round, p RoundPerson, why string) error {
	was := p
	p.State, p.Why = PersonLeftOut, why
	tx.Emit(roundEvent("round.left_out", r, "", map[string]string{"person": p.ID, "why": why}))
	return errors.Join(putPerson(tx, was, p), finishRound(tx, r.ID))
}

// LeaveOut takes somebody out of a round whom the settings do not let the
// hotline dial.
func (c *Contacts) LeaveOut(ctx context.Context, person, why string) error {
	return c.store.Update(ctx, func(tx *store.Tx) error {
		p, r, err := waitingPerson(tx, person)
		if err != nil {
			return err
		}
		return leaveOut(tx, r, p, why)
	})
}

// NoteAnswer stores what somebody has keyed at once: a stop of the hotline in
// the next second must not make it unsaid.
func (c *Contacts) NoteAnswer(ctx context.Context, contact, answer string) (Contact, error) {
	return c.Change(ctx, contact, func(k *Contact, _ time.Time) []events.Event {
		k.Answer = answer
		return []events.Event{{Kind: "round.answered", Queue: k.Queue, Data: map[string]string{"answer": answer, "person": k.Round}}}
	})
}

// owedByRound reports that somebody whom we called has said that they need
// somebody, and nobody has talked with them.
func (k Contact) owedByRound() bool {
	return k.Round != "" && (k.Answer == AnswerHelp || k.Answer == AnswerTalk || k.Answer == AnswerChanged && len(k.Messages) == 0)
}

// openInRound is why a call of a round stays an open item. One that was picked
// up and told us nothing is none: the round calls again.
func openInRound(k Contact) string {
	switch {
	case k.Open != OpenLeftInIVR && k.Open != OpenInterrupted:
		return k.Open
	case k.owedByRound() && k.Open == OpenLeftInIVR:
		return OpenAbandoned
	case k.owedByRound(), !k.ConnectedAt.IsZero():
		return k.Open
	case len(k.Messages) > 0:
		return OpenVoicemail
	}
	return ""
}

// settleRound makes the round say what became of a call of it that has ended.
// What an agent who saw the person first writes has the last word
// (settleRoundNotes).
func settleRound(tx *store.Tx, k Contact) error {
	return settlePerson(tx, k, func(p *RoundPerson, tries int) {
		switch {
		case k.Answer != "":
			p.answered(k.Answer, tx.Now())
		case k.Outcome == OutcomeNotReached:
			p.failed(cmp.Or(k.Failure, FailedNoAnswer), tries, tx.Now())
		case k.Outcome == OutcomeAnswered && k.Disposition == "" && k.Open == OpenWrapUp: // the notes say more
		case !k.ConnectedAt.IsZero():
			p.answered(AnswerTalk, tx.Now())
		case k.Outcome == OutcomeInterrupted:
			p.failed(FailedUnsure, tries, tx.Now())
		default: // somebody, or a recorded voice, and no key
			p.failed(FailedMachine, tries, tx.Now())
		}
	})
}

// settleRoundNotes is what the agent says of a call of a round.
func settleRoundNotes(tx *store.Tx, k *Contact) error {
	if k.Disposition == DispositionNotReached {
		k.Outcome, k.Failure, k.Open = OutcomeNotReached, FailedMachine, ""
		return settlePerson(tx, *k, func(p *RoundPerson, tries int) { p.failed(FailedMachine, tries, tx.Now()) })
	}
	err := settlePerson(tx, *k, func(p *RoundPerson, _ int) { p.answered(cmp.Or(k.Answer, AnswerTalk), tx.Now()) })
	if err != nil || k.Caller.Withheld() {
		return err
	}
	return closeOlder(tx, *k)
}

func settlePerson(tx *store.Tx, k Contact, fn func(p *RoundPerson, tries int)) error {
	if k.Round == "" {
		return errNotInAround
	}
	if err := numbersCalled.Remove(tx, tx.Digest(k.Dialled), k.Round); err != nil {
		return err
	}
	p, err := roundPeople.Get(tx, k.Round)
	if err != nil || p.Dialling != k.ID {
		if errors.Is(err, store.ErrNotFound) { // the round is gone
			err = nil
		}
		return err
	}
	r, err := rounds.Get(tx, p.Round)
	if err != nil {
		return err
	}
	was := p
	fn(&p, r.Tries)
	if p.State == PersonCalled {
		return nil
	}
	kind := "round.reached"
	switch {
	case p.State != PersonAnswered:
		kind = "round.not_reached"
	case p.Answer == AnswerStop:
		if err := stopNumber(tx, p.Number, k.ID, "", "phone"); err != nil {
			return err
		}
	}
	tx.Emit(events.Event{Kind: kind, Operation: k.Operation, Contact: k.ID, Queue: k.Queue, Agent: k.Agent, Via: "rule",
		Data: map[string]string{"round": r.ID, "person": p.ID, "why": p.Failed, "answer": p.Answer}})
	return errors.Join(putPerson(tx, was, p), tellSource(tx, p), finishRound(tx, r.ID))
}

func (p *RoundPerson) answered(answer string, now time.Time) {
	p.State, p.Dialling, p.Failed, p.Answer, p.AnswerAt = PersonAnswered, "", "", answer, now
}

// failed notes a try that reached nobody and when the next one is.
func (p *RoundPerson) failed(why string, tries int, now time.Time) {
	b := CallBack{Tries: p.Tries, Faults: p.Faults}
	b.failed(why, now)
	p.Dialling, p.Failed, p.Tries, p.Faults, p.NotBefore, p.State = "", why, b.Tries, b.Faults, b.NotBefore, PersonWaits
	if p.Tries >= tries || b.Stopped != "" {
		p.State = PersonMissed
	}
}

// tellSource notes the answer with the record that the person comes from.
func tellSource(tx *store.Tx, p RoundPerson) error {
	if p.State != PersonAnswered {
		return nil
	}
	switch p.Source {
	case SourceItem:
		i, err := items.Get(tx, p.Ref)
		if err != nil || !i.ClosedAt.IsZero() {
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return err
		}
		was := i
		i.Said, i.SaidAt = p.Answer, p.AnswerAt
		return putItem(tx, was, i, closing{})
	case SourceCase:
		cs, err := cases.Get(tx, p.Ref)
		if err != nil {
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return err
		}
		was := cs
		cs.Said, cs.SaidAt = p.Answer, p.AnswerAt
		return errors.Join(cases.Put(tx, cs.ID, cs), caseHistory.Note(tx, history.Entry{Record: cs.ID, Via: "rule", What: "round"}, was, cs, "said_at"))
	}
	return nil
}

// forgetInRound drops what the list of a round holds of a protected caller.
func forgetInRound(tx *store.Tx, k Contact) error {
	if k.Round == "" {
		return nil
	}
	p, err := roundPeople.Get(tx, k.Round)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	}
	was := p
	p.Name, p.Number = "", ""
	return putPerson(tx, was, p)
}

// AgedInRounds returns which of limit people behind the id after stand in the
// list of a round that ended more than a number of days ago, and where to go on;
// "" is the end.
func AgedInRounds(tx *store.Tx, days int, now time.Time, after string, limit int) (ids []string, next string, err error) {
	list, next, err := roundPeople.After(tx, after, limit)
	ended := map[string]time.Time{}
	for _, p := range list {
		at, known := ended[p.Round]
		if !known {
			r, getErr := rounds.Get(tx, p.Round)
			if err = errors.Join(err, getErr); getErr != nil {
				continue
			}
			at = r.EndedAt
			ended[p.Round] = at
		}
		if (p.Name != "" || p.Number != "") && p.State != PersonCalled && older(at, now, days) {
			ids = append(ids, p.ID)
		}
	}
	return ids, next, err
}

// forgetInLists takes the person of a case that becomes protected out of the
// lists of rounds. Who was still to be called is not.
func forgetInLists(tx *store.Tx, cs string) error {
	var mine []RoundPerson
	for _, p := range roundPeople.All(tx) {
		if p.Source == SourceCase && p.Ref == cs {
			mine = append(mine, p)
		}
	}
	for _, p := range mine {
		was := p
		if p.State == PersonWaits {
			p.State, p.Why = PersonLeftOut, LeftProtected
		}
		p.Name, p.Number = "", ""
		if err := putPerson(tx, was, p); err != nil {
			return err
		}
	}
	return nil
}

// recoverRounds ends what a stop of the hotline has left in the middle. Calls
// that ran are settled already (Recover).
func (c *Contacts) recoverRounds(ctx context.Context) error {
	any := false
	err := c.store.View(func(tx *store.Tx) error {
		for range rounds.All(tx) {
			any = true
			break
		}
		return nil
	})
	if err != nil || !any {
		return err
	}
	var unfinished []string
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		unfinished = nil
		var out []string
		var ids []string
		tries := map[string]int{}
		for id, r := range rounds.All(tx) {
			ids = append(ids, id)
			tries[id] = r.Tries
			if r.State == roundFilling {
				unfinished = append(unfinished, id)
				continue
			}
			for person := range roundsOut.IDs(tx, id) {
				out = append(out, person)
			}
		}
		for _, id := range out { // the notes of such a call are lost with the page
			p, err := roundPeople.Get(tx, id)
			if err != nil {
				return err
			}
			was := p
			k, err := contacts.Get(tx, p.Dialling)
			switch {
			case err == nil && !k.ConnectedAt.IsZero():
				p.answered(cmp.Or(k.Answer, AnswerTalk), tx.Now())
			case err == nil || errors.Is(err, store.ErrNotFound):
				p.failed(FailedUnsure, tries[p.Round], tx.Now())
			default:
				return err
			}
			if err := putPerson(tx, was, p); err != nil {
				return err
			}
		}
		for _, id := range ids {
			if err := finishRound(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	for _, id := range unfinished {
		err = errors.Join(err, c.clearRound(ctx, id))
	}
	return err
}

// Rounds returns all rounds, newest first.
func (c *Contacts) Rounds() (all []Round, err error) {
	err = c.store.View(func(tx *store.Tx) error {
		for _, r := range rounds.Backward(tx) {
			if r.State != roundFilling {
				all = append(all, r)
			}
		}
		return nil
	})
	return all, err
}

// RoundFigures says how many people of a round are where: the state, for those
// who have answered with the answer behind it, for those who are left out with
// the reason.
type RoundFigures map[string]int

// Round returns a round and its figures.
func (c *Contacts) Round(id string) (r Round, figures RoundFigures, err error) {
	figures = RoundFigures{}
	err = c.store.View(func(tx *store.Tx) error {
		if r, err = rounds.Get(tx, id); err != nil {
			return err
		}
		if r.State == roundFilling {
			return store.ErrNotFound
		}
		for key, n := range roundBooks.Prefix(tx, id+" ") {
			figures[key[len(id)+1:]] = n
		}
		return nil
	})
	return r, figures, err
}

// EachInRound calls fn for everybody on the list, in its order, until it
// returns false.
func (c *Contacts) EachInRound(round string, fn func(RoundPerson) bool) error {
	return c.store.View(func(tx *store.Tx) error {
		for _, p := range roundPeople.Prefix(tx, round+"-") {
			if !fn(p) {
				break
			}
		}
		return nil
	})
}

// DryRun counts who of a round would be called now, and why the others not.
// Allowed says whether the settings let the hotline dial a number.
func (c *Contacts) DryRun(round string, allowed func(call.Number) bool) (calls int, left map[string]int, err error) {
	left = map[string]int{}
	err = c.store.View(func(tx *store.Tx) error {
		for _, p := range roundPeople.Prefix(tx, round+"-") {
			why := p.Why
			switch {
			case p.State == PersonLeftOut:
			case p.State != PersonWaits:
				continue
			case !allowed(p.Number):
				why = LeftForbidden
			default:
				var err error
				if why, err = mustNotCall(tx, tx.Digest(string(p.Number))); err != nil {
					return err
				}
			}
			if why == "" {
				calls++
			} else {
				left[why]++
			}
		}
		return nil
	})
	return calls, left, err
}
