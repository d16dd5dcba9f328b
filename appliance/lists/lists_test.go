package lists_test

import (
	"errors"
	"slices"
	"testing"

	"hotline/appliance/events"
	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

var ana = lists.Actor{ID: "ana", Name: "Ana", Via: "web"}

func open(t *testing.T, s *store.Store) *lists.Keeper {
	t.Helper()
	k, err := lists.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func codes(l lists.List) (out []string) {
	for _, c := range l.On() {
		out = append(out, c.Code)
	}
	return out
}

// Whoever changes a list sees it after a restart, with who did it; what was
// switched off stays readable, and its code means nothing else ever again.
func TestAListIsChangedAndStaysReadable(t *testing.T) {
	s := storetest.Open(t)
	k := open(t, s)
	first := k.Now()
	ok(t, k.AddChoice(t.Context(), lists.Needs, "", lists.Words{"en": "Généra-tors & lamps", "es": "Generadores"}, ana))
	added := k.Now().List(lists.Needs)
	code := added.Choices[len(added.Choices)-1].Code
	if code != "genera_tors_lamps" {
		t.Errorf("the code of the new need is %q", code)
	}
	ok(t, k.Reword(t.Context(), lists.Needs, "water", lists.Words{"es": "Agua limpia", "fr": first.List(lists.Needs).Choices[5].Words["fr"]}, ana))
	ok(t, k.MoveChoice(t.Context(), lists.Needs, code, true, ana))
	ok(t, k.SwitchChoice(t.Context(), lists.Needs, code, false, ana))
	ok(t, k.ShowFirst(t.Context(), lists.Needs, "fuel", true, ana))

	k = open(t, s) // as after a restart
	now := k.Now()
	needs := now.List(lists.Needs)
	if needs.Word("water", "es") != "Agua limpia" || needs.Word("water", "en") != first.List(lists.Needs).Word("water", "en") || needs.Word("water", "de") == "water" {
		t.Error("other words were lost, or went into other languages")
	}
	if slices.Contains(codes(needs), code) || !needs.Has(code) || needs.Word(code, "es") != "Generadores" {
		t.Errorf("a need that is switched off is offered, or cannot be read: %v", codes(needs))
	}
	if all := needs.Choices; all[len(all)-2].Code != code {
		t.Error("the order was lost")
	}
	if now.Texts("es")["need.water"] != "Agua limpia" {
		t.Error("pages would not show the new words")
	}
	if err := k.AddChoice(t.Context(), lists.Needs, code, lists.Words{"en": "Something else"}, ana); !errors.Is(err, lists.WrongTaken) {
		t.Errorf("a code means something else now: %v", err)
	}
	ok(t, k.SwitchChoice(t.Context(), lists.Needs, code, true, ana))
	if shipped, more := k.Now().List(lists.Needs).Shipped(); shipped[0] != "rescue" || len(more) != 1 || more[0] != code {
		t.Errorf("columns: %v … %v", shipped[0], more)
	}

	log, err := k.History(lists.Needs)
	ok(t, err)
	if len(log) != 6 || log[0].By != "ana" || log[0].What != "added" || log[1].What != "reworded" || len(log[1].Fields) == 0 || string(log[1].Fields[0].To) != `"Agua limpia"` {
		t.Errorf("the history: %+v", log)
	}
	var told []events.Event
	ok(t, s.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(0) {
			if ev.Kind == lists.EventChanged {
				told = append(told, ev)
			}
		}
		return nil
	}))
	if len(told) != 6 || told[0].By != "ana" || told[0].Data["list"] != lists.Needs || told[0].Data["code"] != code {
		t.Errorf("the log: %+v", told)
	}
}

// What rules of the program hang on stays, and what cannot be right is refused
// with the reason.
func TestWhatCannotBeChanged(t *testing.T) {
	k := open(t, storetest.Open(t))
	ctx := t.Context()
	version := k.Now().Version
	long := make([]rune, lists.MaxText+1)
	for i := range long {
		long[i] = 'x'
	}
	for name, one := range map[string]struct {
		err  error
		want lists.Mistake
	}{
		"the private matter":            {k.SwitchChoice(ctx, lists.Needs, "protection", false, ana), lists.WrongKeep},
		"handed to a specialist":        {k.SwitchChoice(ctx, lists.Dispositions, "protected_handover", false, ana), lists.WrongKeep},
		"the first question of urgency": {k.SwitchQuestion(ctx, "danger_now", false, ana), lists.WrongFixed},
		"the way to a specialist":       {k.SwitchQuestion(ctx, "talk_freely", false, ana), lists.WrongFixed},
		"urgency not required":          {k.Require(ctx, "urgent_need", false, ana), lists.WrongFixed},
		"urgency in other words":        {k.RewordQuestion(ctx, "danger_now", lists.Words{"en": "All good?"}, nil, ana), lists.WrongFixed},
		"urgency later":                 {k.MoveQuestion(ctx, "danger_now", false, ana), lists.WrongFixed},
		"no way back to the person":     {k.SwitchQuestion(ctx, "callback_number", false, ana), lists.WrongKeep},
		"nothing":                       {k.AddChoice(ctx, lists.Needs, "", lists.Words{"en": " \u202e "}, ana), lists.WrongEmpty},
		"too long":                      {k.AddChoice(ctx, lists.Needs, "x", lists.Words{"en": string(long)}, ana), lists.WrongText},
		"the same words":                {k.AddChoice(ctx, lists.Needs, "", lists.Words{"en": "drinking WATER"}, ana), lists.WrongSame},
		"no code can be made":           {k.AddChoice(ctx, lists.Needs, "", lists.Words{"ar": "ماء"}, ana), lists.WrongCode},
		"a code with a formula":         {k.AddChoice(ctx, lists.Needs, "=1+1", lists.Words{"en": "x"}, ana), lists.WrongCode},
		"a language without a tag":      {k.AddChoice(ctx, lists.Languages, "Nahuatl!", lists.Words{"en": "Nahuatl"}, ana), lists.WrongTag},
		"the last way to close a case":  {k.SwitchChoice(ctx, lists.Outcomes, "unknown", false, ana), lists.WrongKeep},
		"the break that says nothing":   {k.SwitchChoice(ctx, lists.Breaks, "other", false, ana), lists.WrongKeep},
		"what the program writes":       {k.AddChoice(ctx, lists.Outcomes, "erased", lists.Words{"en": "Erased"}, ana), lists.WrongTaken},
		"what a supervisor gives":       {k.AddChoice(ctx, lists.Breaks, "", lists.Words{"en": "No answer"}, ana), lists.WrongTaken},
		"no such list":                  {k.AddChoice(ctx, "colours", "red", lists.Words{"en": "Red"}, ana), lists.WrongName},
		"no such code":                  {k.Reword(ctx, lists.Needs, "gold", lists.Words{"en": "Gold"}, ana), lists.WrongName},
		"back to nothing":               {k.Reword(ctx, lists.Needs, "gold", lists.Words{"en": ""}, ana), lists.WrongName},
	} {
		if !errors.Is(one.err, one.want) {
			t.Errorf("%s: %v instead of %v", name, one.err, one.want)
		}
	}
	if k.Now().Version != version {
		t.Error("something was changed all the same")
	}
	ok(t, k.AddChoice(ctx, lists.Languages, "NAH", lists.Words{"en": "Nahuatl"}, ana))
	if !k.Now().List(lists.Languages).Has("nah") {
		t.Error("a language of the people here is missing")
	}
	if err := k.AddChoice(ctx, lists.Needs, "lamps", lists.Words{"en": "Lamps"}, lists.Actor{}); err == nil {
		t.Error("nobody in particular has changed a list")
	}
}

// An operation asks what it wants to know, in its order.
func TestQuestionsOfTheirOwn(t *testing.T) {
	s := storetest.Open(t)
	k := open(t, s)
	ctx := t.Context()
	name, err := k.AddQuestion(ctx, lists.NewQuestion{Kind: lists.One, Words: lists.Words{"en": "How is the roof?", "es": "¿Cómo está el techo?"}, Personal: true,
		Choices: []lists.Words{{"en": "Whole"}, {}, {"en": "Leaks", "es": "Gotea"}}}, ana)
	ok(t, err)
	if name != "own_how_is_the_roof" {
		t.Errorf("it is called %q", name)
	}
	again, err := k.AddQuestion(ctx, lists.NewQuestion{Kind: lists.Count, Words: lists.Words{"en": "How is the roof"}}, ana)
	ok(t, err)
	if again == name {
		t.Error("two questions have one name")
	}
	for want, q := range map[lists.Mistake]lists.NewQuestion{
		lists.WrongChoices: {Kind: lists.One, Words: lists.Words{"en": "Only one?"}, Choices: []lists.Words{{"en": "Yes"}}},
		lists.WrongSame:    {Kind: lists.Several, Words: lists.Words{"en": "Twice?"}, Choices: []lists.Words{{"en": "Yes"}, {"en": "yes"}}},
		lists.WrongKind:    {Kind: lists.Phone, Words: lists.Words{"en": "Number?"}},
		lists.WrongEmpty:   {Kind: lists.Line},
	} {
		if _, err := k.AddQuestion(ctx, q, ana); !errors.Is(err, want) {
			t.Errorf("%+v: %v instead of %v", q, err, want)
		}
	}
	for range 40 { // to the front: the questions of urgency stay before it
		ok(t, k.MoveQuestion(ctx, name, true, ana))
	}
	ok(t, k.SwitchQuestion(ctx, "landmark", false, ana))
	ok(t, k.Require(ctx, name, true, ana))
	ok(t, k.AddChoice(ctx, name, "", lists.Words{"en": "Gone"}, ana))
	ok(t, k.SwitchChoice(ctx, name, "whole", false, ana))

	now := open(t, s).Now()
	var order []string
	for _, q := range now.Asked() {
		order = append(order, q.Name)
	}
	if want := []string{"danger_now", "urgent_need", "safe_tonight", "talk_freely", name, "callback_number", "place", "people_total"}; !slices.Equal(order[:8], want) {
		t.Errorf("the order is %v", order)
	}
	q, there := now.Question(name)
	if !there || !q.Must || !q.Personal || !q.Added || q.Kind != lists.One || !slices.Equal(codes(now.ListOf(q)), []string{"leaks", "gone"}) {
		t.Errorf("the question: %+v, %v", q, codes(now.ListOf(q)))
	}
	if now.Texts("es")["ask."+name] != "¿Cómo está el techo?" || now.Texts("es")[name+".leaks"] != "Gotea" || now.Texts("fr")[name+".whole"] != "Whole" {
		t.Error("the words of the question are not among the texts")
	}
	ok(t, k.SwitchQuestion(ctx, name, false, ana))
	if own := k.Now().Owned(); len(own) != 2 || own[0].Name != name || !own[0].Off {
		t.Error("a question that is asked no more has no column")
	}
}
