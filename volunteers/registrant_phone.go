package volunteers

import (
	"cmp"
	"context"
	"slices"

	"hotline/appliance/history"
	"hotline/appliance/store"
)

// Standing is where a registrant stands in the few words that are said on the
// telephone.
type Standing string

// The standings.
const (
	StandingRegistered Standing = "registered" // nobody has decided yet
	StandingListed     Standing = "listed"     // may be called to help
	StandingAssigned   Standing = "assigned"
	StandingPaused     Standing = "paused"
	StandingWithdrawn  Standing = "withdrawn"
	StandingPerson     Standing = "person" // what there is to say is for a person to say
)

// Standing says where somebody stands.
func (r Registrant) Standing() Standing {
	switch r.Status {
	case StatusRegistered, StatusContacted, StatusConditional:
		return StandingRegistered
	case StatusApproved, StatusBriefed, StatusAvailable, StatusCheckedOut, StatusReleased:
		return StandingListed
	case StatusAssigned, StatusCheckedIn:
		return StandingAssigned
	case StatusOnHold:
		return StandingPaused
	case StatusWithdrawn:
		return StandingWithdrawn
	}
	return StandingPerson
}

// Wish is what registrants can change about themselves by telephone.
type Wish string

// The wishes.
const (
	WishAvailable Wish = "available" // from now on, also after a pause
	WishPause     Wish = "pause"
	WishWithdraw  Wish = "withdraw" // and take back that the answers are kept
	WishReturn    Wish = "return"   // after a withdrawal: agreed to anew
)

// step is the step that a wish takes from where somebody stands; "" is none, and
// only the day is noted.
func (w Wish) step(at Status) (name string, possible bool) {
	switch w {
	case WishAvailable:
		switch at {
		case StatusOnHold:
			return "resume", true
		case StatusBriefed, StatusCheckedOut:
			return "ready", true
		case StatusRegistered, StatusContacted, StatusConditional, StatusApproved, StatusAvailable, StatusReleased:
			return "", true
		}
	case WishReturn:
		return "return", at == StatusWithdrawn
	case WishPause:
		return "hold", true
	case WishWithdraw:
		return "withdraw", true
	}
	return "", false
}

// AsWished does what a proven registrant has asked for by keypad. What was
// decided about a person is not undone that way: declined, suspended and merged
// ones, and whoever is at work, get ErrStep and talk to a person. Script names the
// wording to which somebody has agreed who returns.
func (g *Registry) AsWished(ctx context.Context, id string, wish Wish, script string) (r Registrant, err error) {
	err = g.store.Update(ctx, func(tx *store.Tx) error {
		if r, err = registrants.Get(tx, id); err != nil {
			return err
		}
		if r.Standing() == StandingPerson || !r.Erased.IsZero() || r.checkedIn(tx) {
			return ErrStep
		}
		name, possible := wish.step(r.Status)
		if !possible {
			return ErrStep
		}
		was := r
		if name != "" {
			i := slices.IndexFunc(r.Steps(), func(s Step) bool { return s.Name == name })
			if i < 0 {
				return ErrStep
			}
			r.take(r.Steps()[i])
		}
		switch wish {
		case WishAvailable:
			r.Availability = AvailableNow
		case WishReturn:
			r.Availability, r.Consent = AvailableNow, Consent{Given: true, At: tx.Now(), Version: cmp.Or(script, consentVersion), How: "key"}
		case WishWithdraw:
			r.takeBack(tx.Now(), "phone")
		}
		return putMoved(tx, was, &r, history.Entry{Via: "phone", What: cmp.Or(name, "changed")})
	})
	return r, err
}
