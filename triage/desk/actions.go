package desk

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"hotline/appliance/call"
	"hotline/ivr"
	"hotline/triage"
)

// Attributes that every dialogue begins with.
const (
	attributeCaller   = ivr.AttributeCaller // E.164 where it could be read; "" when withheld
	attributeSilent   = "caller.silent"     // yes of who has said and pressed nothing; the main dialogue sets it
	attributeWithheld = ivr.AttributeWithheld
)

// Actions of phone dialogues that only the desk can carry out.
const (
	ActionQueueInfo    = "queue.info"
	ActionAuthenticate = "authenticate"
	ActionRoundAnswer  = "round.answer"

	ActionAgentAuthenticate = "agent.authenticate"
	ActionAgentState        = "agent.state"
	ActionAgentSet          = "agent.set"
)

// Results are what these actions answer, by name.
func Results() map[string][]string {
	return map[string][]string{
		ActionQueueInfo:         {"ok"},
		ActionAuthenticate:      {"ok", "denied"},
		ActionAgentAuthenticate: {"ok", "denied"},
		ActionAgentState:        {"ready", "away", "break", "busy", "notes"},
		ActionAgentSet:          {"ok", "refused"},
		ActionRoundAnswer:       {"ok"},
	}
}

type (
	placeKey  struct{}
	callerKey struct{}
	storyKey  struct{}
)

func withPlace(ctx context.Context, p *triage.Place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

func withCaller(ctx context.Context, n call.Number) context.Context {
	return context.WithValue(ctx, callerKey{}, n)
}

// QueueInfo is the action queue.info of waiting treatments (F38). Results:
// "ok". Sets queue.position, from 1; queue.wait, the expected wait in whole
// minutes, rounded up; and queue.wait_range, the minutes "5-10" in which eight of
// ten callers in this place are answered. The last two are empty when that cannot
// be told.
func QueueInfo(ctx context.Context, s *ivr.Session) (string, error) {
	place, ok := ctx.Value(placeKey{}).(*triage.Place)
	if !ok {
		return "", errors.New("queue.info outside a waiting treatment")
	}
	at := place.Standing()
	s.Set("queue.position", strconv.Itoa(max(at.Position, 1)))
	s.Set("queue.wait", "")
	s.Set("queue.wait_range", "")
	if at.Known {
		s.Set("queue.wait", ivr.Minutes(at.Outlook.Mean))
		from, to := at.Outlook.Minutes()
		s.Set("queue.wait_range", fmt.Sprintf("%d-%d", from, to))
	}
	return "ok", nil
}

// CheckPIN proves who calls by the number shown and a PIN. It takes the same
// time whatever is wrong, and tells it only to the event log.
type CheckPIN func(ctx context.Context, caller call.Number, pin string) (id, name string, err error)

// Authenticate is the action authenticate of the supervisor line. It reads
// what was keyed into the sensitive step pin. Results: "ok" and "denied", with
// which a locked account answers too. Sets account.id and account.name.
func Authenticate(check CheckPIN) ivr.Action {
	return func(ctx context.Context, s *ivr.Session) (string, error) {
		caller, _ := ctx.Value(callerKey{}).(call.Number)
		id, name, err := check(ctx, caller, s.Get("pin"))
		if err != nil {
			return "denied", context.Cause(ctx)
		}
		s.Set(ivr.AttributeAccountID, id)
		s.Set(ivr.AttributeAccountName, name)
		return "ok", nil
	}
}
