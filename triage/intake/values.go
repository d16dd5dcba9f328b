package intake

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"hotline/appliance/call"
	"hotline/appliance/table"
)

// mostText bounds a text; the owners have narrower bounds.
const mostText = 4000

// reader makes rows of the lines of a file.
type reader struct {
	target  Target
	columns []string
	region  string
	choices map[string]map[string]string // by field: what people write, folded → the choice
}

func (o *Office) reader(t Target, columns []string) *reader {
	r := &reader{target: t, columns: columns, region: o.cfg.Region, choices: map[string]map[string]string{}}
	for _, f := range t.Fields {
		if f.Offer != nil {
			f.Choices = f.Offer()
		}
		if len(f.Choices) == 0 {
			continue
		}
		words := map[string]string{}
		for _, choice := range f.Choices {
			for _, word := range append([]string{choice}, o.cfg.Words(t.Name, f.Name, choice)...) {
				if key := folded(word); words[key] == "" {
					words[key] = choice
				}
			}
		}
		r.choices[f.Name] = words
	}
	return r
}

func (r *reader) row(in table.SheetRow) Row {
	row := Row{Line: in.Line, Values: map[string]any{}}
	for i, name := range r.columns {
		f, known := r.target.field(name)
		if !known || i >= len(in.Cells) || in.Cells[i] == "" {
			continue
		}
		r.cell(&row, f, in.Cells[i])
	}
	for _, f := range r.target.Fields {
		if _, there := row.Values[f.Name]; f.Must && !there && !slices.ContainsFunc(row.Wrong, func(n Note) bool { return n.Field == f.Name }) {
			row.Wrong = append(row.Wrong, Note{Key: "must", Field: f.Name})
		}
	}
	return row
}

func (r *reader) cell(row *Row, f Field, text string) {
	wrong := func(key string) { row.Wrong = append(row.Wrong, Note{Key: key, Field: f.Name, Value: short(text)}) }
	if len([]rune(text)) > mostText {
		wrong("long")
		return
	}
	switch f.Kind {
	case Text:
		if before, is := row.Values[f.Name].(string); is && f.Joined {
			text = before + " " + text
		}
		row.Values[f.Name] = text
	case Phone:
		number := call.ParseNumber(text, r.region)
		if !number.E164() && !f.Loose {
			wrong("number")
			return
		}
		row.Values[f.Name] = string(number)
	case Day:
		at, ok := when(text)
		if !ok {
			wrong("day")
			return
		}
		row.Values[f.Name] = at.Format(time.DateOnly)
	case Moment:
		at, ok := when(text)
		if !ok {
			wrong("day")
			return
		}
		row.Values[f.Name] = at
	case Count:
		n, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
		if err != nil || n != float64(int(n)) {
			wrong("count")
			return
		}
		row.Values[f.Name] = int(n)
	case Tick:
		yes, ok := ticked(text)
		if !ok {
			wrong("tick")
			return
		}
		row.Values[f.Name] = yes
	case One:
		choice, ok := r.choice(f, text)
		if !ok {
			wrong("choice")
			return
		}
		row.Values[f.Name] = choice
	case Several:
		list, _ := row.Values[f.Name].([]string)
		for _, part := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(";,/|\n،؛", c) }) {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			choice, ok := r.choice(f, part)
			if !ok {
				row.Wrong = append(row.Wrong, Note{Key: "choice", Field: f.Name, Value: short(part)})
				continue
			}
			if !slices.Contains(list, choice) {
				list = append(list, choice)
			}
		}
		if len(list) > 0 {
			row.Values[f.Name] = list
		}
	}
}

// choice is what somebody meant: a choice, or its word in any of the languages.
func (r *reader) choice(f Field, text string) (string, bool) {
	if choice := r.choices[f.Name][folded(text)]; choice != "" {
		return choice, true
	}
	if f.Any { // languages: any that has a tag
		if tag, err := language.Parse(strings.ToLower(text)); err == nil && len(text) <= 12 {
			return tag.String(), true
		}
	}
	return "", false
}

// when reads a day, or a day with a time: ISO 8601, or the day first with
// points. What begins with the month in one country and with the day in the next
// is not guessed.
func when(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly, "2.1.2006", "2006/1/2"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// ticked reads yes or no.
func ticked(text string) (yes, ok bool) {
	switch folded(text) {
	case "1", "x", "yes", "y", "true", "si", "s", "sim", "oui", "o", "ya", "نعم":
		return true, true
	case "0", "no", "n", "false", "nao", "non", "tidak", "لا":
		return false, true
	}
	mark := text == "✓" || text == "✔" || text == "☑"
	return mark, mark
}

func short(text string) string {
	runes := []rune(text)
	if len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return text
}
