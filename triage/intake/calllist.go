package intake

import (
	"strings"

	"hotline/appliance/call"
	"hotline/appliance/store"
	"hotline/triage"
)

// CallList is the target of people who are to be called: a round that nobody has
// started. Offered are the languages in which they can be asked.
func CallList(operation string, offered []string) Target {
	heads := func(what string, more ...string) []string { return append(triage.RoundHeadings(what), more...) }
	return Target{Name: "call_list", Table: "rounds", People: true, Named: true, Most: triage.MaxRoundPeople,
		Fields: []Field{
			{Name: "number", Kind: Phone, Must: true, Heads: heads("number", "mobile phone", "telemóvel", "portable", "telepon", "nomor telepon", "هاتف", "الهاتف", "جوال")},
			{Name: "name", Kind: Text, Joined: true, Heads: heads("name", "given_name", "family_name", "first name", "last name", "apellidos", "prénom", "sobrenome", "nama lengkap", "الاسم", "اسم العائلة")},
			{Name: "language", Kind: One, Any: true, Choices: offered, Heads: heads("language", "language_1", "اللغة")},
			{Name: "ref", Kind: Text, Heads: heads("ref", "volunteer_id", "case_id")},
		},
		Read: func() (func(*store.Tx, Row) (Line, error), error) { return readCallList(offered), nil },
		Open: func(tx *store.Tx, i Import) (string, error) {
			r, err := triage.ImportRound(tx, triage.Round{Operation: operation, Name: i.Title, Queue: i.Queue, Tries: triage.MaxRoundTries, People: i.New, By: i.By, ByName: i.ByName})
			return r.ID, err
		},
		Add: func(tx *store.Tx, i Import, l Line) (string, error) {
			return "", triage.ImportRoundPerson(tx, i.Made, l.Line, l.Value.(triage.ListedPerson))
		},
		Changed: triage.RoundTouched, Remove: triage.UnimportRound,
	}
}

func readCallList(offered []string) func(*store.Tx, Row) (Line, error) {
	numbers := map[string]int{}
	return func(tx *store.Tx, row Row) (Line, error) {
		one := triage.ListedPerson{Name: clip(row.Text("name")), Number: row.Text("number"), Ref: clip(row.Text("ref"))}
		if len(row.Wrong) > 0 {
			return refused(one.Name, row.Wrong...), nil
		}
		if line := numbers[one.Number]; line > 0 {
			return Line{What: SameLine, Name: one.Name, Notes: []Note{{Key: "same_line", Line: line}}}, nil
		}
		numbers[one.Number] = row.Line
		l := Line{What: NewLine, Name: one.Name}
		if language := row.Text("language"); language != "" {
			for _, tag := range offered {
				if language == tag || strings.HasPrefix(language, tag+"-") {
					one.Language = tag
				}
			}
			if one.Language == "" {
				l.Notes = append(l.Notes, Note{Key: "language", Value: short(language)})
			}
		}
		if triage.Stopped(tx, call.Number(one.Number)) {
			l.Notes = append(l.Notes, Note{Key: "stopped"})
		}
		l.Value = one
		return l, nil
	}
}

func clip(s string) string {
	runes := []rune(s)
	return string(runes[:min(len(runes), 120)])
}
