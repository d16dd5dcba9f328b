package lists

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	sheets "hotline/appliance/table"
)

// The case form as XLSForm (xlsform.org), so that teams without a telephone ask
// the same questions with KoboToolbox or ODK, and both sets of answers fit
// together: names of questions and codes are those of the exports.

// tagNames are how XLSForm names the languages of its columns.
func tagNames() map[string]string {
	return map[string]string{"en": "English (en)", "es": "Español (es)", "fr": "Français (fr)", "ar": "العربية (ar)", "pt": "Português (pt)", "id": "Bahasa Indonesia (id)"}
}

const yesNo = "yes_no" // list of what can only be ticked

// specialist is what closes the form: whoever wants to talk in private is not
// asked anything that would be written down.
const unlessPrivate = "${talk_freely} != 'specialist'"

// WriteXLSForm writes the questions that are asked now.
func (s *Set) WriteXLSForm(w io.Writer, title string) (rows int, err error) {
	survey := sheets.Plain{Name: "survey", Header: []string{"type", "name"}}
	choices := sheets.Plain{Name: "choices", Header: []string{"list_name", "name"}}
	for _, tag := range Tags() {
		survey.Header = append(survey.Header, "label::"+tagNames()[tag])
		choices.Header = append(choices.Header, "label::"+tagNames()[tag])
	}
	for _, tag := range Tags() {
		survey.Header = append(survey.Header, "hint::"+tagNames()[tag])
	}
	survey.Header = append(survey.Header, "required", "relevant", "constraint", "appearance")
	ask := func(kind, name string, words, hint Words, must bool, relevant, constraint, look string) {
		row := []string{kind, name}
		for _, tag := range Tags() {
			row = append(row, harmless(words.In(tag)))
		}
		for _, tag := range Tags() {
			row = append(row, harmless(hint.In(tag)))
		}
		required := ""
		if must {
			required = "yes"
		}
		survey.Rows = append(survey.Rows, append(row, required, relevant, constraint, look))
	}
	var written []string
	offer := func(list string, all []Choice) {
		if slices.Contains(written, list) {
			return
		}
		written = append(written, list)
		for _, c := range all {
			row := []string{list, c.Code}
			for _, tag := range Tags() {
				row = append(row, c.Words.In(tag))
			}
			choices.Rows = append(choices.Rows, row)
		}
	}
	safe, _ := s.Question("safe_tonight")
	for _, q := range s.Asked() {
		relevant := unlessPrivate
		if q.Fixed {
			relevant = ""
		}
		constraint, look := "", ""
		kind := map[string]string{Line: "text", Long: "text", Phone: "text", Place: "text", Count: "integer", Day: "date", Position: "geopoint"}[q.Kind]
		switch q.Kind {
		case Count:
			constraint = ". >= 0"
		case Long:
			look = "multiline"
		case Phone:
			look = "numbers"
		case One, Several:
			l := s.ListOf(q)
			offer(l.Name, l.On())
			kind = map[string]string{One: "select_one ", Several: "select_multiple "}[q.Kind] + l.Name
		case Ticks:
			kind = "note"
		}
		ask(kind, q.Name, q.Words, q.Hint, q.Fixed || q.Must, relevant, constraint, look)
		for _, t := range q.Ticks {
			offer(yesNo, safe.Choices)
			when := relevant
			switch q.Kind {
			case Ticks:
			case One:
				when = fmt.Sprintf("${%s} = 'yes'", q.Name)
			default:
				when = and(relevant, fmt.Sprintf("${%s} != ''", q.Name))
			}
			ask("select_one "+yesNo, t.Name, t.Words, nil, false, when, "", "")
		}
	}
	settings := sheets.Plain{Name: "settings", Header: []string{"form_title", "form_id", "version", "default_language"},
		Rows: [][]string{{title, "hotline_case", strconv.FormatUint(s.Version, 10), tagNames()[english]}}}
	return len(survey.Rows), sheets.WritePlain(w, []sheets.Plain{survey, choices, settings})
}

// harmless takes the meaning from what would be the answer to another question:
// people write their own words.
func harmless(text string) string { return strings.ReplaceAll(text, "${", "$ {") }

func and(conditions ...string) string {
	return strings.Join(slices.DeleteFunc(conditions, func(c string) bool { return c == "" }), " and ")
}
