package triage

import (
	"slices"
	"strings"

	"hotline/appliance/call"
	"hotline/appliance/table"
)

// ErrNoNumbers is a sheet in which no telephone number can be found.
const ErrNoNumbers = table.SheetError("No column of the file holds telephone numbers. Name one column Phone.")

// columns of a sheet, by what people call them.
var roundColumns = map[string][]string{
	"number":   {"phone", "number", "telephone", "mobile", "tel", "phone number", "teléfono", "telefono", "número", "numero", "celular", "móvil", "movil", "téléphone", "telefone", "caller_number", "number_dialled"},
	"name":     {"name", "full name", "nombre", "nombre completo", "nom", "nome", "nama"},
	"language": {"language", "lang", "idioma", "lengua", "langue", "língua", "bahasa"},
	"ref":      {"id", "code", "código", "codigo", "case", "case_code", "reference"},
}

// RoundHeadings are the names of columns by which the number, name, language and
// ref of a person are found.
func RoundHeadings(what string) []string { return slices.Clone(roundColumns[what]) }

// ReadRoundList makes a list for a round of a sheet. The columns are found by
// their names; one of numbers also by what it holds.
func ReadRoundList(s table.Sheet, region string, offered []string) ([]ListedPerson, error) {
	at := map[string]int{}
	for what, names := range roundColumns {
		at[what] = slices.IndexFunc(s.Header, func(h string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(h))) })
	}
	if at["number"] < 0 {
		at["number"] = numberColumn(s, region)
	}
	if at["number"] < 0 {
		return nil, ErrNoNumbers
	}
	rows := s.Rows
	if n := at["number"]; call.ParseNumber(s.Header[n], region).E164() { // a list without names of columns
		rows = append([]table.SheetRow{{Line: 1, Cells: s.Header}}, rows...)
	}
	var people []ListedPerson
	for _, row := range rows {
		cell := func(what string) string {
			if i := at[what]; i >= 0 && i < len(row.Cells) {
				return clip(row.Cells[i], 120)
			}
			return ""
		}
		p := ListedPerson{Name: cell("name"), Number: cell("number"), Ref: cell("ref")}
		if language := strings.ToLower(cell("language")); slices.Contains(offered, language) {
			p.Language = language
		}
		if p.Name == "" && p.Number == "" {
			continue
		}
		people = append(people, p)
	}
	if len(people) == 0 {
		return nil, ErrRoundEmpty
	}
	return people, nil
}

// numberColumn is the column with the most telephone numbers, if they fill half
// of it.
func numberColumn(s table.Sheet, region string) int {
	best, most := -1, len(s.Rows)/2
	for i := range s.Header {
		n := 0
		for _, row := range s.Rows {
			if i < len(row.Cells) && call.ParseNumber(row.Cells[i], region).E164() {
				n++
			}
		}
		if n > most {
			best, most = i, n
		}
	}
	return best
}

// clip shortens a text to so many letters.
func clip(s string, most int) string {
	if letters := []rune(s); len(letters) > most {
		return string(letters[:most])
	}
	return s
}
