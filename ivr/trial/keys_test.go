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
		known := Pressed{}
		got, err := FindPresses(t.Context(), s, ivr.FlowMain, language, start, known)
		if err != nil {
			t.Fatal(err)
		}
		given := 0
		for _, way := range got.Ways {
			given += len(way.Answers)
		}
		t.Logf("%s: %d answers to %d questions, by %d calls that give %d answers; no key leads to %d menus", language, got.Keys, got.Menus, len(got.Ways), given, known.Shut(flows))
		if n := known.Unheard(); n > 0 {
			t.Errorf("%s: no answer was made up for %d questions", language, n)
		}
		if again, err := FindPresses(t.Context(), s, ivr.FlowMain, language, start, known); err != nil || len(again.Ways)+again.Keys+again.Menus != 0 {
			t.Errorf("%s: what was pressed is pressed again: %+v, %v", language, again, err)
		}
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

// A mode that a supervisor sets asks questions of its own: their keys are pressed,
// and those that were pressed before are not pressed again.
func TestOfAnotherModeOnlyWhatIsNewIsPressed(t *testing.T) {
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	s := quiet(flows, everythingAround(t, flows, []string{"es", "en"}))
	known := Pressed{}
	if _, err := FindPresses(t.Context(), s, ivr.FlowMain, "en", "1", known); err != nil {
		t.Fatal(err)
	}
	for _, now := range []struct {
		mode string
		asks []place
	}{
		{"emergency", []place{{flow: "main", step: "emergency"}}},
		{"announcement", []place{{flow: "main", step: "announcement"}}},
		{"closed", []place{{flow: "closed", step: "ask"}}},
		{"redirect", []place{{flow: "partner", step: "told"}}},
	} {
		s.Actions[ivr.ActionModeRead] = func(_ context.Context, call *ivr.Session) (string, error) {
			call.Set("mode.current", now.mode)
			return now.mode, nil
		}
		shut := known.Shut(flows)
		got, err := FindPresses(t.Context(), s, ivr.FlowMain, "en", "1", known)
		if err != nil {
			t.Fatal(err)
		}
		pressed := pressedBy(t, s, got, "en")
		for _, at := range now.asks {
			if menu := flows.Flow(at.flow).Steps[at.step].Menu; len(pressed[at]) != len(menu.Keys) {
				t.Errorf("%s: of %s of %s only %q are pressed", now.mode, at.step, at.flow, pressed[at])
			}
		}
		if got.Menus == 0 || got.Menus > 6 || len(got.Ways) > got.Keys || known.Shut(flows) >= shut {
			t.Errorf("%s: %d answers to %d questions by %d calls; no key leads to %d menus, and before to %d", now.mode, got.Keys, got.Menus, len(got.Ways), known.Shut(flows), shut)
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
		At: func(_ *ivr.Session, flow, step string) { k.at = place{flow: flow, step: step} }})
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

// A question for which no answer can be made up is counted, because nobody hears
// what follows it.
func TestQuestionsWithoutAMadeUpAnswerAreCounted(t *testing.T) {
	for kind, unheard := range map[string]int{"number": 0, "yes_no": 1} {
		flows, err := flow.ParseSet(map[string]string{"main": `
attributes: {rooms: ` + kind + `}
start: ask
fallback: {queue: help, priority: 5, treatment: wait}
steps:
  ask: {menu: {"1": rooms}, say: queue.connecting, default: help}
  rooms: {collect: rooms, say: queue.connecting, max: 3, next: help}
  help: {queue: help, priority: 5, treatment: wait}
`, "wait": "start: a\nfallback: {queue: help, priority: 5, treatment: wait}\nsteps:\n  a: {wait: 30s, next: a}\n"})
		if err != nil {
			t.Fatal(err)
		}
		s := quiet(flows, flow.Surroundings{Languages: []string{"es"}, HasQueue: func(string) bool { return true }})
		known := Pressed{}
		got, err := FindPresses(t.Context(), s, "main", "es", "", known)
		if err != nil || got.Menus != 2-unheard || known.Unheard() != unheard {
			t.Errorf("%s: %+v, %v; %d questions are unheard", kind, got, err, known.Unheard())
		}
	}
}

// Who waits is asked by a key that counts while music plays: it is found, with the
// step that asks and the one to which it leads. Who is asked nothing presses
// nothing, however long they wait.
func TestKeysOfThoseWhoWaitAreFound(t *testing.T) {
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	s := quiet(flows, everythingAround(t, flows, []string{"es", "en"}))
	s.Language = "en"
	s.Actions["queue.info"] = func(_ context.Context, call *ivr.Session) (string, error) {
		call.Set("queue.wait", "12")
		return "ok", nil
	}
	known := Pressed{}
	shut := known.Shut(flows, ivr.FlowWaiting)
	got, err := FindPresses(t.Context(), s, ivr.FlowWaiting, "en", "", known)
	if err != nil || shut != 1 || known.Shut(flows, ivr.FlowWaiting) != 0 || len(got.Ways) == 0 {
		t.Fatalf("%+v, %v; %d questions before", got, err, shut)
	}
	for _, way := range got.Ways {
		if len(way.Asked) != len(way.Answers) || len(way.Leads) != len(way.Answers) || way.Answers[0] != "1" ||
			way.Asked[0] != (Place{ivr.FlowWaiting, "listen_keys"}) || way.Leads[0] != (Place{ivr.FlowWaiting, "ask"}) {
			t.Errorf("%+v", way)
		}
		if last := way.Leads[len(way.Leads)-1]; last != (Place{ivr.FlowWaiting, "promised"}) && last != (Place{ivr.FlowWaiting, "ask"}) {
			t.Errorf("%s ends at %+v", way, last)
		}
	}
	if got, err := FindPresses(t.Context(), s, ivr.FlowWaitingDanger, "en", "", known); err != nil || len(got.Ways)+got.Keys != 0 {
		t.Errorf("in danger: %+v, %v", got, err)
	}
}

// What is keyed for an attribute can be given, and is taken as it is.
func TestEntriesCanBeGiven(t *testing.T) {
	flows, err := ivr.ShippedFlows()
	if err != nil {
		t.Fatal(err)
	}
	s := quiet(flows, everythingAround(t, flows, []string{"es"}))
	s.Entries = map[string]string{"pin": "27182818"}
	s.Actions["authenticate"] = func(_ context.Context, call *ivr.Session) (string, error) {
		if call.Get("pin") != "27182818" {
			return "denied", nil
		}
		return "ok", nil
	}
	known := Pressed{}
	got, err := FindPresses(t.Context(), s, ivr.FlowSupervisor, "es", "", known)
	if err != nil || known.Shut(flows, ivr.FlowSupervisor) > 5 || len(got.Ways) == 0 || got.Ways[0].Answers[0] != "27182818#" {
		t.Errorf("%d questions of supervisors are not pressed: %+v, %v", known.Shut(flows, ivr.FlowSupervisor), got, err)
	}
}
