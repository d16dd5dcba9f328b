package triage

import (
	"context"
	"errors"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
)

// CorrectWithin is how long whoever had a call can still correct its notes and
// how it ended. Later the records are for those who work on them.
const CorrectWithin = 30 * time.Minute

// Refusals of a correction.
var (
	ErrCorrectLate    = errors.New("this call ended too long ago to be corrected here, or it was not yours: tell your coordinator what is wrong")
	ErrCorrectEnding  = errors.New("choose how the call ended")
	ErrCorrectSettled = errors.New("this was a call back: what became of it stands on the worklist")
	ErrNotAssessed    = errors.New("answer the questions about danger, urgent need and tonight before you close this as a case")
)

// Correctable reports whether the agent can still correct the notes of a call.
// Nothing is corrected of protected callers: of them nothing is kept.
func (k Contact) Correctable(agent string, now time.Time) bool {
	return agent != "" && k.Agent == agent && k.Disposition != "" && !k.Supervisor && !k.Protected && k.Erased.IsZero() &&
		!k.EndedAt.IsZero() && now.Sub(k.EndedAt) < CorrectWithin
}

// CaseNeeded are the dispositions after which somebody will act on the case:
// they need the urgency questions answered.
func CaseNeeded(disposition string) bool {
	return disposition == "case_opened" || disposition == "case_updated" || disposition == "referred"
}

// OpenAfter says why a contact stays an open item after its notes are done.
func OpenAfter(disposition string, file Case, protected bool) string {
	switch {
	case protected:
		return "" // nobody may be called back by rule
	case disposition == "callback_set":
		return OpenCallBack
	case disposition == "dropped_call":
		return OpenDropped
	case file.Level == Red && disposition != "handed_to_emergency":
		return OpenDanger
	case file.Fields.ChildAlone && disposition != "handed_to_emergency":
		return OpenChild
	}
	return ""
}

// Correct says anew how an own call ended, in the first half hour, after the
// answers were corrected. The worklist follows: danger that shows only now opens
// an item, and so does a new promise. What was closed there by hand stays closed
// where nothing new is said.
func (c *Contacts) Correct(ctx context.Context, id, agent, disposition string) (k Contact, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		if k, err = contacts.Get(tx, id); err != nil {
			return err
		}
		was := k.Disposition
		switch {
		case !k.Correctable(agent, tx.Now()):
			return ErrCorrectLate
		case disposition == "":
			return ErrCorrectEnding
		case disposition != was && (k.CallBackOf != "" || k.Round != ""):
			return ErrCorrectSettled
		}
		var file Case
		if k.Case != "" {
			if file, err = cases.Get(tx, k.Case); err != nil {
				return err
			}
		}
		if CaseNeeded(disposition) && Assess(file.Fields, false) == "" {
			return ErrNotAssessed
		}
		open, worse := OpenAfter(disposition, file, false), file.LevelAt.After(k.EndedAt)
		switch {
		case open != "" && (disposition != was || worse && k.Open == ""):
			k.Open = open
		case open == "" && k.Open == OpenAfter(was, Case{}, false):
			k.Open = ""
		}
		k.Disposition = disposition
		tx.Emit(events.Event{Kind: "contact.corrected", Operation: k.Operation, Contact: k.ID, Queue: k.Queue, By: agent, Agent: agent, Via: "web",
			Data: map[string]string{"disposition": disposition, "was": was}})
		return putContactBy(tx, &k, closing{by: agent, via: "web"})
	})
	return k, err
}
