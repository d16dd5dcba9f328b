package gallery

import (
	"context"
	"net/url"
	"os"
	"strings"

	"hotline/triage"
	"hotline/volunteers"
)

// people is a file that somebody brings: one line fits, one is there already,
// one is wrong.
const people = "Given name;Telephone;Age;Languages;Area\nAna;+12025550121;adult;es;06700\nBruno;2025550195;adult;es, en;06800\nCleo;12;adult;fr;\nDara;2025550196;adult;pt;06900\n"

func folder(path string) error { return os.MkdirAll(path, 0o700) }

func exportForm(to, level, why string) url.Values {
	return url.Values{"set": {"cases"}, "format": {"xlsx"}, "level": {level}, "to": {to}, "reason": {why}, "recipient": {"City of Valle Alto"}}
}

// imported are files that were brought: one is being checked, one is in, one
// was taken back.
func (s *scene) imported(ctx context.Context) (err error) {
	columns := url.Values{"do": {"columns"}, "column": {"given_name", "phone", "age", "languages", "area"}}
	bring := func(content string) (string, error) {
		check, err := s.bring(ctx, "coordinator", "/import", "file", "people.csv", content, url.Values{"target": {"volunteers"}})
		if err != nil {
			return "", err
		}
		_, err = s.press(ctx, "coordinator", check, columns)
		return check, err
	}
	if s.made["check"], err = bring(people); err != nil {
		return err
	}
	check, err := bring(strings.Replace(people, "Bruno;2025550195", "Bruno;2025550197", 1))
	if err != nil {
		return err
	}
	s.made["import"], err = s.press(ctx, "coordinator", check, url.Values{"do": {"import"}, "without": {"yes"}, "basis": {"Signed at the school"}})
	return err
}

// papers are what an administrator has set up.
func (s *scene) papers(ctx context.Context) error {
	if _, err := s.press(ctx, "admin", "/admin/backup", url.Values{"kind": {"folder"}, "folder": {s.sub("usb")}}); err != nil {
		return err
	}
	rules := url.Values{"do": {"rules"}, "purpose": {"Training of phone volunteers"}, "keep_days": {"14"}}
	for _, queue := range s.dispatch.Queues() {
		rules.Set("policy:"+queue, string(triage.RecordNever))
	}
	rules.Set("policy:"+triage.QueueHelp, string(triage.RecordByAgent))
	_, err := s.press(ctx, "admin", "/admin/recording", rules)
	return err
}

// tooLong is what no page was made for: a word without a place to break.
var tooLong = strings.Repeat("Donaudampfschifffahrtsgesellschaft", 4)

// tiring is a hotline whose people have long names and write much.
func (s *scene) tiring(ctx context.Context) error {
	if err := s.staff(ctx); err != nil {
		return err
	}
	text := strings.Repeat("Water stands in the street up to the second step of every house. ", 12)
	id, err := s.answered(ctx, told{"+12025550131", "es", 20, map[string]any{"danger_now": "yes", "place": tooLong, "landmark": text[:150], "people_total": 999, "top_need": "water", "name": tooLong, "notes": text + tooLong, "may_share": "yes"}})
	if err != nil {
		return err
	}
	k, err := s.contacts.Get(id)
	if err != nil {
		return err
	}
	s.made["contact"], s.made["case"] = id, k.Case
	g, err := s.registry.Save(ctx, volunteers.Registrant{Source: "phone", Phone: "+12025550132", GivenName: tooLong, FamilyName: tooLong, Skills: volunteers.Skills(), Availability: volunteers.AvailableNow,
		Languages: []string{"es", "en", "ar", "fr", "pt", "id"}, SkillNote: text, Consent: volunteers.Consent{Given: true, How: "key"}}, nil)
	if err != nil {
		return err
	}
	s.made["person"] = g.ID
	for n := range 60 {
		if _, err := s.registry.Save(ctx, volunteers.Registrant{Source: "phone", GivenName: "Ana" + strings.Repeat("a", n), Consent: volunteers.Consent{Given: true, How: "key"}}, nil); err != nil {
			return err
		}
	}
	made, err := s.cards.Add(ctx, "directory", "", map[string]any{"organization_name": tooLong, "service_name": tooLong, "service_description": text + tooLong}, s.who.ids["coordinator"])
	s.made["directory"] = made.ID
	return err
}
