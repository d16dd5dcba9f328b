package desk

import (
	"context"
	"errors"
	"strconv"

	"hotline/appliance/call"
	"hotline/ivr"
	"hotline/triage"
)

// Attributes that every dialogue begins with.
const (
	attributeCaller   = "caller.number" // E.164 where it could be read; "" when withheld
	attributeWithheld = "caller.withheld"
)

// Actions of phone dialogues that only the desk can carry out.
const (
	ActionQueueInfo    = "queue.info"
	ActionAuthenticate = "authenticate"
)

type (
	placeKey  struct{}
	callerKey struct{}
)

func withPlace(ctx context.Context, p *triage.Place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

func withCaller(ctx context.Context, n call.Number) context.Context {
	return context.WithValue(ctx, callerKey{}, n)
}

// QueueInfo is the action queue.info of waiting treatments. Results: "ok".
// Sets queue.position, from 1.
func QueueInfo(ctx context.Context, s *ivr.Session) (string, error) {
	place, ok := ctx.Value(placeKey{}).(*triage.Place)
	if !ok {
		return "", errors.New("queue.info outside a waiting treatment")
	}
	s.Set("queue.position", strconv.Itoa(max(place.Position(), 1)))
	return "ok", nil
}

// CheckPIN proves who calls by the number shown and a PIN. It returns the
// account, or an error that says to whom the line is closed; it takes the same
// time whatever is wrong.
type CheckPIN func(ctx context.Context, caller call.Number, pin string) (id, name string, err error)

// Authenticate is the action authenticate of the supervisor line. It reads
// the sensitive attribute pin and forgets it. Results: "ok", "denied" and, by
// locked, "locked". Sets account.id and account.name.
func Authenticate(check CheckPIN, locked func(error) bool) ivr.Action {
	return func(ctx context.Context, s *ivr.Session) (string, error) {
		caller, _ := ctx.Value(callerKey{}).(call.Number)
		pin := s.Get("pin")
		s.Set("pin", "")
		id, name, err := check(ctx, caller, pin)
		switch {
		case err == nil:
			s.Set(ivr.AttributeAccountID, id)
			s.Set(ivr.AttributeAccountName, name)
			return "ok", nil
		case locked(err):
			return "locked", nil
		case ctx.Err() != nil:
			return "", ctx.Err()
		}
		return "denied", nil
	}
}
