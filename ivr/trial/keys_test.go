package trial

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"hotline/ivr"
	"hotline/ivr/flow"
)

// Every key of every question that callers of the main number can come to is
// pressed by one of the ways, in each language.
func TestEveryKeyIsPressedByAWay(t *testing.T) {
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	s := quiet(flows, everythingAround(t, flows, []string{"es", "en", "ar"}))
	for language, start := range map[string]string{"es": "", "en": "1", "ar": "3"} {
		got, err := FindPresses(t.Context(), s, ivr.FlowMain, language, start)
		if err != nil {
			t.Fatal(err)
		}
		given := 0
		for _, way := range got.Ways {
			given += len(way.Answers)
		}
		t.Logf("%s: %d answers to %d questions, by %d calls that give %d answers; no key leads to %d menus", language, got.Keys, got.Menus, len(got.Ways), given, got.Shut)
		pressed := pressedBy(t, s, got, language)
		for _, at := range []place{{flow: "main", step: "main"}, {flow: "volunteer", step: "consent"}} {
			if len(pressed[at]) == 0 {
				t.Errorf("%s: nobody comes to %s of %s", language, at.step, at.flow)
			}
		}
		for at, keys := range pressed {
			if menu := flows.Flow(at.flow).Steps[at.step].Menu; menu != nil && at.step != "language" {
				for _, key := range slices.Sorted(maps.Keys(menu.Keys)) {
					if !strings.ContainsRune(keys, rune(key)) {
						t.Errorf("%s: nobody presses %c at %s of %s", language, key, at.step, at.flow)
					}
				}
			}
		}
		if start == "" && len(pressed[place{flow: "main", step: "language"}]) != 6 {
			t.Errorf("of the language menu only %s are pressed", pressed[place{flow: "main", step: "language"}])
		}
	}
}

// quiet is a hotline on a quiet day on which nobody has signed in yet.
func quiet(flows *flow.FlowSet, with flow.Surroundings) Situation {
	s := Situation{Flows: flows, With: with, Actions: map[string]ivr.Action{}, Attributes: map[string]string{ivr.AttributeContactID: "trial", ivr.AttributeCaller: "+12025550123", ivr.AttributeWithheld: "no"}}
	for action, results := range with.Actions {
		s.Actions[action] = func(context.Context, *ivr.Session) (string, error) { return usual(results) }
	}
	s.Host.Promise = func(context.Context, *ivr.Session, ivr.Promise) error { return nil }
	s.Host.Voicemail = func(context.Context, *ivr.Session, ivr.Message) error { return nil }
	s.Host.Staffing = func(context.Context, string) (ivr.Staffing, error) { return ivr.Staffing{}, nil }
	return s
}

// keying is a caller who goes one way, and remembers where each key was pressed.
type keying struct {
	presser
	pressed map[place]string
}

func (k *keying) Key(ctx context.Context) (byte, error) {
	key, err := k.presser.Key(ctx)
	if at := k.at; err == nil && !strings.Contains(k.pressed[at], string(key)) {
		k.pressed[at] += string(key)
	}
	return key, err
}

// pressedBy goes all ways and tells which keys were pressed where. Each way is
// taken as it says, and ends in the language.
func pressedBy(t *testing.T, s Situation, found Presses, language string) map[place]string {
	t.Helper()
	k := &keying{presser{Situation: s}, map[place]string{}}
	engine, err := ivr.New(ivr.Config{Flows: s.Flows, Prompts: k, Languages: s.With.Languages, Actions: s.Actions, Results: s.With.Actions, Host: s.Host,
		At: func(flow, step string) { k.at = place{flow: flow, step: step} }})
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range found.Ways {
		ctx, hangup := context.WithCancel(t.Context())
		k.keys, k.hangup = strings.Join(way.Answers, ""), hangup
		out, err := engine.Run(ctx, k, ivr.Start{Flow: ivr.FlowMain, Language: s.With.Languages[0], Attributes: maps.Clone(s.Attributes)})
		hangup()
		if err != nil || out.Keys != way.Taken || k.keys != "" || out.Fallback {
			t.Errorf("%s: %s ends with %+v, %v; %q is left over", language, way, out, err, k.keys)
		}
	}
	return k.pressed
}
