package gallery

import (
	"time"

	"hotline/triage"
	"hotline/triage/desk"
)

// busyFloor is a room in the middle of the third day.
func busyFloor(colleague string) desk.FloorView {
	now := time.Now()
	return desk.FloorView{
		Agents: []desk.FloorAgent{
			{ID: colleague, Name: "Noura", State: triage.OnCall, Since: now.Add(-222 * time.Second), Queue: "help", Contact: "c1", Languages: []string{"ar", "en"}, Help: true},
			{ID: "b", Name: "Beatriz", State: triage.Ready, Since: now.Add(-61 * time.Second), Languages: []string{"es"}, DelayMS: 310, Why: triage.Why{Reason: triage.IdleSkill, Skill: triage.Language("ar")}},
			{ID: "c", Name: "Carlos", State: triage.OnBreak, Reason: "meal", Since: now.Add(-45 * time.Minute)},
			{ID: "d", Name: "Dolores", State: triage.WrapUp, Since: now.Add(-20 * time.Second), Queue: "volunteers", Next: "offline"},
			{ID: "e", Name: "Emeka", State: triage.OnBreak, Reason: "rest", By: "Rosa", Since: now.Add(-3 * time.Minute)},
			{ID: "f", Name: "Fatima", State: triage.Missed, Since: now.Add(-2 * time.Minute)},
			{ID: "g", Name: "Grace", State: triage.OnCall, Since: now.Add(-40 * time.Second), Queue: "private", Contact: "c3", Listened: true},
		},
		Waiting: []desk.FloorWaiting{
			{Contact: "w1", Number: "+12025550123", Queue: "help", Language: "es", Since: now.Add(-134 * time.Second), Position: 1, First: "Rosa", Danger: true, Why: triage.Why{Reason: triage.WhyBusy}},
			{Contact: "w2", Queue: "private", Language: "es", Since: now.Add(-70 * time.Second), Position: 1, Private: true, Why: triage.Why{Reason: triage.WhyNobody}},
			{Contact: "w3", Number: "+12025550124", Queue: "help", Language: "ar", Since: now.Add(-45 * time.Second), Position: 2, Why: triage.Why{Reason: triage.WhySkill, Skill: triage.Language("ar"), Until: now.Add(30 * time.Second)}},
			{Contact: "w4", Number: "+12025550125", Queue: "help", Language: "en", Since: now.Add(-12 * time.Minute), Position: 3, Away: true, Why: triage.Why{Reason: triage.WhyHigher}},
		},
		Lines:         []desk.FloorLine{{ID: "help", Waiting: 3, LongestS: 134, Ready: 1, Over: true}, {ID: "family"}, {ID: "private", Waiting: 1, LongestS: 70}, {ID: "volunteers", Closed: true}},
		Alarms:        []desk.FloorAlarm{{Contact: "c1", Agent: "Noura", Queue: "help", Level: triage.Red, Since: now.Add(-222 * time.Second), Kind: "danger"}, {Contact: "w2", Queue: "private", Since: now.Add(-70 * time.Second), Kind: "private", Waiting: true}},
		AnsweredToday: 41, AbandonedToday: 3, OpenItems: 5,
	}
}

// calling is a call as it is offered.
func calling() *desk.CallView {
	return &desk.CallView{Contact: "01JD0000000000000000000001", Number: "+12025550147", Language: "es", Queue: "help", Path: []string{"language:es", "main:1"}, Keys: "1", WaitedS: 80,
		RingUntil: time.Now().Add(10 * time.Minute), Mode: "normal",
		Earlier: []desk.EarlierView{{At: time.Now().Add(-3 * time.Hour), Disposition: "info_given", Queue: "help"}, {At: time.Now().Add(-25 * time.Hour), Disposition: "case_opened", Queue: "help"}}}
}

// desks are all states of the desk, by name.
func desks() map[string]desk.Snapshot {
	now := time.Now()
	all := map[string]desk.Snapshot{}
	add := func(name string, state triage.AgentState, call *desk.CallView, change func(*desk.Snapshot)) {
		s := desk.Snapshot{Agent: desk.AgentView{ID: "agent", Name: "Amal", Login: "amal", State: state, Since: now.Add(-4 * time.Minute), Sound: "browser"}, Call: call, Operation: operation,
			Waiting: 3, LongestS: 134}
		if call != nil {
			s.Script, s.ScriptLanguage = []string{"Línea de ayuda, habla Amal. ¿Está usted a salvo en este momento?", "¿Dónde está y cuántas personas son?"}, "es"
			s.Asks = []string{"How deep is the water?", "Can you reach a higher floor?"}
		}
		if change != nil {
			change(&s)
		}
		all[name] = s
	}
	talk := func(change func(*desk.CallView)) *desk.CallView {
		c := calling()
		c.AnsweredAt = now.Add(-95 * time.Second)
		if change != nil {
			change(c)
		}
		return c
	}
	written := func(s *desk.Snapshot) {
		s.Case = &desk.CaseView{Code: "482916", SavedAt: now, Level: triage.Orange, Fields: triage.CaseFields{DangerNow: "no", UrgentNeed: "yes", SafeTonight: "no", TalkFreely: "fine", Place: "Santa Clara", Landmark: "Escuela Benito Juárez",
			People: 4, Children: 2, TopNeed: "water", Name: "María Muñoz", Notes: "The well is under mud since last night."}}
	}
	add("off", triage.Offline, nil, nil)
	add("ready", triage.Ready, nil, nil)
	add("demo", triage.Ready, nil, func(s *desk.Snapshot) { s.Demo, s.Waiting, s.LongestS = true, 1, 12 })
	add("offer", triage.Offered, calling(), nil)
	add("offer-callback", triage.Offered, talk(func(c *desk.CallView) { c.AnsweredAt, c.Outgoing, c.CallBack = time.Time{}, true, triage.OpenCallBack }), nil)
	add("offer-unknown", triage.Offered, talk(func(c *desk.CallView) {
		c.AnsweredAt, c.Number, c.Earlier, c.Queue = time.Time{}, "", nil, "family"
		c.Context, c.Facts = []string{"Bank of the Valley, option 4"}, []desk.FactView{{Label: "Number of people", Value: "3"}}
	}), nil)
	add("call", triage.OnCall, talk(nil), written)
	add("call-notices", triage.OnCall, talk(nil), func(s *desk.Snapshot) {
		s.Notices = []desk.NoticeView{{ID: "n1", Text: "The shelter in Santa Clara is full. Send people to the school.", Urgent: true, By: "Rosa", At: now, Until: now.Add(time.Hour)},
			{ID: "n2", Text: "Tea is in the kitchen.", By: "Rosa", At: now.Add(-time.Hour), Until: now.Add(time.Hour)}}
	})
	add("call-empty", triage.OnCall, talk(func(c *desk.CallView) { c.Earlier = nil }), func(s *desk.Snapshot) { s.Script, s.Asks = nil, nil })
	add("call-held", triage.OnCall, talk(func(c *desk.CallView) { c.Held = true }), written)
	add("call-emergency", triage.OnCall, talk(func(c *desk.CallView) {
		c.Emergency, c.CanRescue, c.Listened, c.Help = true, true, []string{"Rosa"}, true
	}), func(s *desk.Snapshot) { written(s); s.Case.Level, s.Case.Fields.DangerNow = triage.Red, "yes" })
	add("call-several", triage.OnCall, talk(func(c *desk.CallView) {
		c.Parties = []desk.PartyView{{ID: "caller", Kind: "caller", State: "held"}, {ID: "b", Kind: "agent", Name: "Beatriz", State: "talking"}}
		c.Consult = &desk.ConsultView{ID: "n", Kind: "number", Number: "+12025550199", State: "talking"}
		c.Recording, c.RecordingPolicy = "on", triage.RecordByAgent
	}), written)
	add("call-protected", triage.OnCall, talk(func(c *desk.CallView) { c.Protected, c.Number, c.Earlier = true, "", nil }), func(s *desk.Snapshot) {
		s.Case = &desk.CaseView{Code: "482916", SavedAt: now, Fields: triage.CaseFields{TalkFreely: "specialist"}}
	})
	add("call-left", triage.OnCall, talk(func(c *desk.CallView) { c.CallerLeft = true }), written)
	add("call-out", triage.OnCall, talk(func(c *desk.CallView) { c.AnsweredAt, c.Outgoing, c.RingingOut = time.Time{}, true, true }), nil)
	add("call-colleague", triage.OnCall, talk(func(c *desk.CallView) {
		c.Internal, c.Number, c.Earlier = true, "", nil
		c.Parties = []desk.PartyView{{ID: "b", Kind: "agent", Name: "Beatriz", State: "talking"}}
	}), func(s *desk.Snapshot) { s.Script, s.Asks = nil, nil })
	add("notes", triage.WrapUp, talk(nil), written)
	add("break", triage.OnBreak, nil, func(s *desk.Snapshot) { s.Agent.Reason = "meal" })
	add("break-by", triage.OnBreak, nil, func(s *desk.Snapshot) { s.Agent.Reason, s.Agent.By, s.Agent.Why = "rest", "Rosa", "rest" })
	add("missed", triage.Missed, nil, nil)
	add("problem", triage.Problem, nil, nil)
	add("listening", triage.OnCall, nil, func(s *desk.Snapshot) {
		s.Monitoring = &desk.MonitoringView{Contact: "c1", Agent: "Noura", Mode: "listen"}
	})
	add("lost", triage.OnCall, talk(nil), written)
	add("elsewhere", triage.Ready, nil, nil)
	add("practice", triage.Offline, nil, func(s *desk.Snapshot) { s.Practice = true })
	return all
}
