package gallery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/health"
	"hotline/appliance/store"
	"hotline/appliance/switches"
	"hotline/appliance/trunk"
	"hotline/appliance/webhooks"
	"hotline/ivr/bulletins"
	"hotline/ivr/mode"
	"hotline/ivr/prompts"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/desk"
	"hotline/ui/api"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// The people of the gallery do not exist. Their numbers are those that are kept
// free for stories (555-0100 to 555-0199).

// staff are those who work here, one of each role first.
func (s *scene) staff(ctx context.Context) error {
	for _, a := range []roster.Account{
		{Login: "amal", Name: "Amal", Role: roster.RoleAgent, Languages: []string{"es", "en"}, Profile: "all"},
		{Login: "rosa", Name: "Rosa", Role: roster.RoleSupervisor, Languages: []string{"es"}, Profile: "all", Phone: "+12025550147"},
		{Login: "chen", Name: "Chen", Role: roster.RoleCoordinator, Languages: []string{"en"}, Profile: "all"},
		{Login: "admin", Name: "Maryam", Role: roster.RoleAdmin},
	} {
		if err := s.add(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// third is the third day of the operation: something of everything.
func (s *scene) third(ctx context.Context) error {
	for _, one := range []func(context.Context) error{s.staff, s.team, s.calls, s.offers, s.besides, s.steered, s.taken, s.papers, s.morning} {
		if err := one(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) team(ctx context.Context) error {
	for _, a := range []roster.Account{
		{Login: "beatriz", Name: "Beatriz", Role: roster.RoleAgent, Languages: []string{"es", "pt"}, Profile: "help"},
		{Login: "duaa", Name: "دعاء الخطيب", Role: roster.RoleAgent, Languages: []string{"ar", "en"}, Profile: "help", Reachable: true, Phone: "+12025550148"},
		{Login: "kofi", Name: "Kofi", Role: roster.RoleSupervisor, Languages: []string{"en"}, Profile: "help", Teams: []string{"office"}},
		{Login: "emeka", Name: "Emeka", Role: roster.RoleAgent, Languages: []string{"en"}, Profile: "volunteers", Disabled: true},
	} {
		if err := s.add(ctx, a); err != nil {
			return err
		}
	}
	if err := s.accounts.SetPIN(ctx, s.who.ids["supervisor"], "482916", ""); err != nil {
		return err
	}
	if _, _, err := s.accounts.NewDeskPhone(ctx, s.who.ids["coordinator"], ""); err != nil {
		return err
	}
	token, code, _, err := s.accounts.NewInvite(ctx, roster.Invite{Name: "School hall", Profile: "help", Most: 30, By: s.who.ids["supervisor"]}, 24*time.Hour)
	if err != nil {
		return err
	}
	s.made["invite"] = token
	joined, err := s.accounts.Join(ctx, code, "192.0.2.20", roster.Joining{Name: "Noura", Languages: []string{"ar", "en"}, PIN: "280461", Agrees: true})
	if err != nil {
		return err
	}
	s.who.ids["newcomer"] = joined.ID
	wall, _, err := s.accounts.NewWall(ctx, "Shift room", s.who.ids["supervisor"])
	if err != nil {
		return err
	}
	s.made["wall"] = wall
	s.made["colleague"] = joined.ID
	_, _, err = s.accounts.NewToken(ctx, roster.Token{Name: "Dashboard of the city", Scopes: roster.Scopes(), By: s.who.ids["admin"]}, 30*24*time.Hour)
	return err
}

// told is one call that was answered and what was written down.
type told struct {
	number   string
	language string
	minutes  int // since it began
	fields   map[string]any
}

func (s *scene) calls(ctx context.Context) error {
	for n, one := range []told{
		{"+12025550101", "es", 310, map[string]any{"danger_now": "no", "urgent_need": "yes", "safe_tonight": "yes", "talk_freely": "fine", "place": "Santa Clara", "landmark": "Escuela Benito Juárez", "people_total": 4, "children_u18": 2, "top_need": "water", "more_needs": []string{"food", "baby_food"}, "name": "María Muñoz", "may_share": "yes", "callback_number": "+12025550101", "notes": "The well is under mud since last night."}},
		{"+12025550102", "ar", 260, map[string]any{"danger_now": "yes", "place": "حي الزهور", "landmark": "خلف المسجد الكبير", "people_total": 6, "top_need": "rescue", "name": "ليلى حداد", "may_share": "yes", "notes": "الماء يرتفع في الطابق الأرضي"}},
		{"+12025550103", "en", 205, map[string]any{"danger_now": "no", "urgent_need": "no", "safe_tonight": "no", "place": "North bridge", "people_total": 2, "over_60": true, "top_need": "health_chronic", "more_needs": []string{"transport"}, "name": "Ada Okafor", "may_share": "no"}},
		{"+12025550104", "pt", 170, map[string]any{"danger_now": "no", "urgent_need": "no", "safe_tonight": "yes", "place": "São Bento", "top_need": "family", "name": "João Pereira"}},
		{"+12025550105", "es", 95, map[string]any{"danger_now": "no", "urgent_need": "yes", "talk_freely": "specialist"}},
	} {
		id, err := s.answered(ctx, one)
		if err != nil {
			return err
		}
		if n == 0 {
			s.made["contact"] = id
			k, err := s.contacts.Get(id)
			if err != nil {
				return err
			}
			s.made["case"] = k.Case
			if _, err := s.press(ctx, "coordinator", "/records/cases/"+k.Case, map[string][]string{"do": {"move"}, "to": {"in_progress"}, "why": {"Water truck of Tuesday"}}); err != nil {
				return err
			}
		}
	}
	for n, one := range []struct{ number, open, outcome string }{
		{"+12025550111", triage.OpenAbandoned, string(triage.OutcomeAbandonedQueue)}, {"+12025550112", triage.OpenCallBack, string(triage.OutcomeCallBack)},
		{"+12025550113", triage.OpenVoicemail, string(triage.OutcomeSelfService)}, {"", triage.OpenLeftInIVR, string(triage.OutcomeLeftInIVR)},
		{"+12025550114", triage.OpenTurnedAway, string(triage.OutcomeRejected)}, {"+12025550115", triage.OpenFlash, string(triage.OutcomeFlash)},
		{"+12025550116", triage.OpenDanger, string(triage.OutcomeAbandonedQueue)},
	} {
		k, err := s.contacts.Open(ctx, triage.Contact{Channel: "phone", Direction: "in", Dialled: "+12025550100", Caller: call.Number(one.number), Withheld: one.number == "", Queue: triage.QueueHelp, Language: "es", Operation: operation})
		if err != nil {
			return err
		}
		if one.open == triage.OpenVoicemail {
			if err := s.contacts.KeepMessage(ctx, k.ID, triage.Message{Box: triage.QueueHelp, Language: "es"}, audio.Tone(300, 3*time.Second, -20).MuLaw()); err != nil {
				return err
			}
		}
		k, err = s.contacts.End(ctx, k.ID, func(k *triage.Contact, _ time.Time) { k.Outcome, k.Open = triage.Outcome(one.outcome), one.open })
		if err != nil {
			return err
		}
		s.made[fmt.Sprint("item", n)] = k.Item
	}
	if _, err := s.press(ctx, "supervisor", "/worklist/"+s.made["item1"], map[string][]string{"do": {"take"}}); err != nil {
		return err
	}
	_, err := s.press(ctx, "agent", "/worklist/"+s.made["item2"], map[string][]string{"do": {"take"}})
	return err
}

func (s *scene) answered(ctx context.Context, one told) (string, error) {
	k, err := s.contacts.Open(ctx, triage.Contact{Channel: "phone", Direction: "in", Dialled: "+12025550100", Caller: call.Number(one.number), Queue: triage.QueueHelp, Language: one.language, Operation: operation})
	if err != nil {
		return "", err
	}
	if _, err := s.cases.Save(ctx, k.ID, s.who.ids["agent"], one.fields); err != nil {
		return "", err
	}
	_, err = s.contacts.End(ctx, k.ID, func(k *triage.Contact, now time.Time) {
		k.AgentName, k.Agent, k.Outcome, k.Disposition = "Amal", s.who.ids["agent"], triage.OutcomeAnswered, "case_opened"
		k.Wait, k.Talk, k.WrapUp, k.EndedBy = 74, 312, 41, call.ByCaller
	})
	return k.ID, err
}

// offers are people who want to help.
func (s *scene) offers(ctx context.Context) error {
	agreed := volunteers.Consent{Given: true, At: time.Now().Add(-time.Hour), How: "key", Version: "2026-11"}
	for n, g := range []volunteers.Registrant{
		{Phone: "+12025550121", GivenName: "Ana", FamilyName: "Ruiz", Age: volunteers.Adult, Languages: []string{"es", "en"}, Area: "06700", Willing: volunteers.WillingArea, Availability: volunteers.AvailableNow, Skills: []volunteers.Skill{volunteers.SkillNurse, volunteers.SkillDriver}, Transport: "car"},
		{Phone: "+12025550122", GivenName: "عمر", FamilyName: "الحسن", Age: volunteers.Adult, Languages: []string{"ar"}, Willing: volunteers.WillingRegion, Availability: volunteers.AvailableWeekends, Skills: []volunteers.Skill{volunteers.SkillInterpreter}},
		{Phone: "+12025550121", GivenName: "Bea", Languages: []string{"es"}, Incomplete: true},
		{Phone: "+12025550124", GivenName: "Kwame", FamilyName: "Mensah", Age: volunteers.Adult, Languages: []string{"en", "fr"}, Availability: volunteers.AvailableToday, Skills: []volunteers.Skill{volunteers.SkillCooking, volunteers.SkillShelter, volunteers.SkillFirstAid}},
	} {
		g.Source, g.Consent = "phone", agreed
		var sound map[string][]byte
		if n == 0 {
			sound = map[string][]byte{volunteers.RecordingName: audio.Tone(300, time.Second, -20).MuLaw()}
		}
		g, err := s.registry.Save(ctx, g, sound)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		s.made["person"] = g.ID
		for _, step := range []string{"contacted", "approve", "brief", "ready"} {
			if _, err := s.press(ctx, "coordinator", "/records/registrants/"+g.ID, map[string][]string{"do": {"move"}, "step": {step}}); err != nil {
				return err
			}
		}
		for _, do := range []string{"in", "out", "in"} {
			if _, err := s.press(ctx, "coordinator", "/records/registrants/"+g.ID, map[string][]string{"do": {do}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// besides are the records beside cases.
func (s *scene) besides(ctx context.Context) error {
	by := s.who.ids["coordinator"]
	for _, one := range []struct {
		kind, of string
		values   map[string]any
	}{
		{cards.Directory, "", map[string]any{"organization_name": "Red Cross", "service_name": "Water truck", "service_description": "Drinking water on the main square, every day from 8 to 12"}},
		{"missing_persons", "", map[string]any{"full_name": "Lucía Vargas", "age": "9", "child": true, "last_seen_where": "Santa Clara, school", "wearing": "Blue jacket, white shoes"}},
		{"feedback", "", map[string]any{"type": "complaint", "text": "The shelter at the stadium had no blankets left on Monday night."}},
		{"referrals", s.made["case"], map[string]any{"to_org": "Civil protection", "consent": "yes"}},
	} {
		made, err := s.cards.Add(ctx, one.kind, one.of, one.values, by)
		if err != nil {
			return fmt.Errorf("making up %s: %w", one.kind, err)
		}
		s.made[one.kind] = made.ID
	}
	return nil
}

// steered is what supervisors and administrators have set.
func (s *scene) steered(ctx context.Context) error {
	rosa := s.who.ids["supervisor"]
	if _, err := s.board.Publish(ctx, bulletins.Draft{Language: "es", Text: "Agua potable en la plaza de armas, todos los días de ocho a doce.", By: rosa, Name: "Rosa", Via: "web"}); err != nil {
		return err
	}
	if err := s.closures.Set(ctx, triage.QueueVolunteers, true, rosa, "Rosa", "web"); err != nil {
		return err
	}
	now, err := s.mode.Set(ctx, mode.Change{Mode: mode.Surge, By: rosa, Name: "Rosa", Via: "phone"})
	if err != nil {
		return err
	}
	s.room.mode = desk.ModeView{Active: true, Mode: now.Mode, Since: now.Since, Expires: now.Expires, By: now.By}
	if err := s.scenario.Set(ctx, "flood", "during", rosa); err != nil {
		return err
	}
	if err := s.scripts.Set(ctx, triage.Script{Queue: triage.QueueHelp, Language: "es", Lines: []string{"Línea de ayuda, habla Amal. ¿Está usted a salvo en este momento?", "¿Dónde está y cuántas personas son?"}, By: rosa}); err != nil {
		return err
	}
	if err := s.studio.Record(ctx, "es", "goodbye", audio.Tone(400, 2*time.Second, -20), prompts.Who{Name: "Rosa"}); err != nil {
		return err
	}
	if err := s.parts.Turn(ctx, switches.Browsers, true, s.who.ids["admin"], "Maryam", "web"); err != nil {
		return err
	}
	if err := s.parts.Turn(ctx, switches.Synthesis, false, s.who.ids["admin"], "Maryam", "web"); err != nil {
		return err
	}
	if err := s.addLines(ctx); err != nil {
		return err
	}
	_, err = s.hooks.Add(ctx, webhooks.Hook{Name: "Map of the city", URL: "https://map.example.org/hotline/events", Topics: api.Topics(), By: s.who.ids["admin"]})
	if err != nil {
		return err
	}
	err = s.routes.Change(ctx, "team", "", "Maryam", "web", func(r *triage.Routing) error {
		r.Teams = append(r.Teams, triage.Team{ID: "office", Name: "Office", Members: []string{s.who.ids["agent"]}})
		r.Skills = append(r.Skills, triage.SkillRule{Skill: "medical", Level: 3, Relax: []triage.Relax{{After: time.Minute}}})
		return nil
	})
	if err != nil {
		return err
	}
	err = s.routes.Change(ctx, "line.add", "", "Maryam", "web", func(r *triage.Routing) error {
		shelter := r.AddQueue("Shelter")
		r.AddQueue("Medical advice")
		i := len(r.Queues) - 2
		r.Queues[i].Names = map[string]string{"es": "Albergue", "ar": "الإيواء"}
		r.Answer(shelter, "all")
		return nil
	})
	if err != nil {
		return err
	}
	return s.dialogues(ctx)
}

// dialogues were changed twice: once published, once wrongly.
func (s *scene) dialogues(ctx context.Context) error {
	texts, err := s.flows.Texts(0)
	if err != nil {
		return err
	}
	main := texts["main"]
	first, _, _ := strings.Cut(main, "\n")
	who := map[string][]string{"do": {"save"}, "text": {strings.Replace(main, first, first+"\n# Shorter greeting since Tuesday", 1)}}
	if _, err := s.press(ctx, "admin", "/admin/flow/main", who); err != nil {
		return err
	}
	if _, err := s.press(ctx, "admin", "/admin/flows/publish", map[string][]string{"note": {"A shorter greeting"}}); err != nil {
		return err
	}
	wrong := map[string][]string{"do": {"save"}, "text": {strings.Replace(main, "say: ", "say: not.recorded # ", 1)}}
	_, err = s.press(ctx, "admin", "/admin/flow/main", wrong)
	return err
}

// taken are recordings, exports, imports and rounds.
func (s *scene) taken(ctx context.Context) error {
	take, err := s.tapes.Begin(ctx, s.made["contact"], "rule")
	if err != nil {
		return err
	}
	var stereo []byte
	for _, b := range audio.Tone(440, 4*time.Second, -10).MuLaw() {
		stereo = append(stereo, b, 0xff)
	}
	if _, err := take.Write(stereo); err != nil {
		return err
	}
	if err := take.End(ctx, false); err != nil {
		return err
	}
	k, err := s.contacts.Get(s.made["contact"])
	if err != nil || len(k.Recordings) == 0 {
		return errors.Join(err, errors.New("nothing was recorded"))
	}
	s.made["recording"] = k.Recordings[0]
	for _, one := range []triage.Notice{{Text: "The shelter in Santa Clara is full. Send people to the school.", Urgent: true}, {Text: "Tea is in the kitchen."}} {
		one.Profile, one.By, one.Name = "volunteers", s.who.ids["supervisor"], "Rosa"
		if err := s.notices.Give(ctx, one, 4*time.Hour, "web"); err != nil {
			return err
		}
	}
	list := []triage.ListedPerson{{Name: "Ada Ros", Number: "+12025550191", Language: "en", Source: "sheet"}, {Name: "Bruno", Number: "+12025550192", Language: "es", Source: "sheet"},
		{Name: "Cleo", Number: "+12025550191", Source: "sheet"}, {Name: "Dara", Number: "nobody", Source: "sheet"}, {Name: "Fay", Number: "+442079460018", Source: "sheet"}}
	round, err := s.contacts.MakeRound(ctx, triage.Round{Operation: operation, Name: "Riverside", Queue: triage.QueueHelp, Margin: 2, Tries: 2}, list, region, s.who.ids["supervisor"], "Rosa")
	if err != nil {
		return err
	}
	s.made["round"] = round.ID
	if err := s.contacts.StopNumber(ctx, "+12025550193", s.who.ids["supervisor"], "Rosa"); err != nil {
		return err
	}
	if s.made["export"], err = s.press(ctx, "coordinator", "/records/export", exportForm("helpers", "L1", "Weekly report for the city")); err != nil {
		return err
	}
	secret := exportForm("inside", "L3", "Family tracing by the Red Cross")
	secret.Set("lock", "yes")
	secret.Set("password", "river lantern copper")
	if s.made["export-waits"], err = s.press(ctx, "coordinator", "/records/export", secret); err != nil {
		return err
	}
	order := exportForm("helpers", "L1", "Every morning, for the city")
	for key, value := range map[string]string{"kind": "folder", "folder": s.sub("usb"), "lock": "none", "every": "daily", "at": "06:00", "keep": "14"} {
		order.Set(key, value)
	}
	if err := folder(s.sub("usb")); err != nil {
		return err
	}
	if _, err = s.press(ctx, "coordinator", "/records/export/orders", order); err != nil {
		return err
	}
	if err := s.rehearsed(ctx); err != nil {
		return err
	}
	return s.imported(ctx)
}

// morning is what the figures of the reports count.
func (s *scene) morning(ctx context.Context) error {
	began := time.Now().Add(-50 * time.Minute)
	return s.store.Update(ctx, func(tx *store.Tx) error {
		add := func(after time.Duration, kind, contact, agent, queue string, data ...string) {
			ev := events.Event{Kind: kind, Contact: contact, Agent: agent, Queue: queue, Data: map[string]string{"at": began.Add(after).Format(time.RFC3339Nano)}}
			for i := 0; i+1 < len(data); i += 2 {
				ev.Data[data[i]] = data[i+1]
			}
			tx.Emit(ev)
		}
		amal := s.who.ids["agent"]
		for n := range 18 {
			id, at, language := fmt.Sprint("story", n), time.Duration(n)*2*time.Minute, []string{"es", "es", "en", "ar"}[n%4]
			add(at, "contact.started", id, "", "", "direction", "in", "person", id)
			add(at, "queue.entered", id, "", "help", "language", language)
			if n%5 == 4 {
				add(at+90*time.Second, "queue.abandoned", id, "", "help")
				add(at+90*time.Second, "contact.ended", id, "", "help", "outcome", "abandoned_queue")
				continue
			}
			add(at+20*time.Second, "agent.state", id, amal, "", "state", "on_call")
			add(at+20*time.Second, "contact.connected", id, amal, "help")
			add(at+100*time.Second, "agent.state", id, amal, "", "state", "wrap")
			add(at+100*time.Second, "contact.ended", id, amal, "help", "outcome", "answered")
		}
		add(48*time.Minute, "agent.state", "", amal, "", "state", "offline")
		return nil
	})
}

// healthy is a box on which all is well, as far as it can be known.
func healthy() health.Figures {
	now := time.Now()
	return health.Figures{Now: now, Started: now.Add(-70 * time.Hour), Version: "gallery", Load: health.Load{SignedIn: 17, Entries: 4321, DataSize: 23 << 20},
		Trunk:    trunk.Stats{Calls: 3, Limit: 100, Reserved: 5, Turned: 2},
		Lines:    []trunk.LineState{{Name: "gateway", Up: true, Checked: true, Since: now.Add(-time.Hour), Calls: 2, Limit: 4}},
		Peers:    []trunk.PeerState{{Net: "192.0.2.7", Heard: now.Add(-4 * time.Minute)}},
		DiskFree: 50 << 30, DiskSize: 100 << 30, Clock: health.Clock{Known: true, Synced: true}, CertificateEnds: now.Add(90 * 24 * time.Hour), Got: health.Got{Names: "help.example.org", Begins: now.Add(-30 * 24 * time.Hour), Ends: now.Add(60 * 24 * time.Hour)},
		Quality: health.Quality{Trunk: health.Way{Calls: 41, Bad: 1, LostPermille: 3, JitterMS: 12, RTTMS: 48}, Agents: health.Way{Calls: 38, JitterMS: 4, RTTMS: 9}},
		Backup:  health.Backup{Place: "/media/usb", Started: now.Add(-3 * time.Hour), Last: now.Add(-time.Minute), Key: true}}
}

// ailing is a box on which much goes wrong.
func ailing() health.Figures {
	f := healthy()
	f.Quality.Agents = health.Way{Calls: 38, Bad: 17, LostPermille: 84, JitterMS: 95, RTTMS: 310}
	f.Lines = append(f.Lines, trunk.LineState{Name: "carrier", Checked: true, Reason: "server sip.example.org does not answer; check the network", Since: f.Now.Add(-12 * time.Minute)})
	f.Peers = append(f.Peers, trunk.PeerState{Net: "192.0.2.8"})
	f.DiskFree, f.Clock.Synced, f.CertificateEnds, f.Backup = 300<<20, false, f.Now.Add(6*24*time.Hour), health.Backup{}
	f.Got.Ends, f.Got.Failing, f.Got.Why = f.Now.Add(6*24*time.Hour), f.Now.Add(-24*24*time.Hour), "BADSIG"
	return f
}
