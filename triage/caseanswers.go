package triage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"hotline/appliance/lists"
)

// Answers to questions that operators have added, and to those of the full case,
// stand beside the others, as fields of the same kind: "own_roof". So forms, history, conflicts and the desk
// need to know nothing of them.

// plainCaseFields are CaseFields without their own way into JSON.
type plainCaseFields CaseFields

// MarshalJSON writes the own answers beside the others.
func (f CaseFields) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(plainCaseFields(f))
	if err != nil || len(f.Own) == 0 {
		return raw, err
	}
	own, err := json.Marshal(f.Own)
	if err != nil {
		return nil, err
	}
	if string(raw) == "{}" {
		return own, nil
	}
	return append(append(raw[:len(raw)-1], ','), own[1:]...), nil
}

// UnmarshalJSON reads the own answers from beside the others.
func (f *CaseFields) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, (*plainCaseFields)(f)); err != nil || !bytes.Contains(raw, []byte(`"`+lists.Own)) && !bytes.Contains(raw, []byte(`"`+lists.Later)) {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	own := maps.Clone(f.Own)
	if own == nil {
		own = map[string]any{}
	}
	for name, value := range all {
		if !lists.Beside(name) {
			continue
		}
		if string(value) == "null" {
			delete(own, name)
			continue
		}
		var text string
		var several []string
		var n float64
		switch {
		case json.Unmarshal(value, &text) == nil:
			own[name] = text
		case json.Unmarshal(value, &several) == nil:
			own[name] = several
		case json.Unmarshal(value, &n) == nil:
			own[name] = int(n)
		default:
			return fmt.Errorf("the answer %s cannot be read", name)
		}
	}
	if f.Own = own; len(own) == 0 {
		f.Own = nil
	}
	return nil
}

// clone is a copy that shares nothing.
func (f CaseFields) clone() CaseFields {
	f.MoreNeeds, f.Own = slices.Clone(f.MoreNeeds), maps.Clone(f.Own)
	return f
}

// takeOwn puts the changed answers to own questions into the fields and returns
// the others.
func (f *CaseFields) takeOwn(set *lists.Set, changed map[string]any) (rest map[string]any, err error) {
	rest = map[string]any{}
	for name, v := range changed {
		if !lists.Beside(name) {
			rest[name] = v
			continue
		}
		q, known := set.Question(name)
		if !known {
			return nil, FieldError{Text: "This page is older than the hotline. Reload it; the caller stays on the line."}
		}
		answer, err := ownAnswer(set, q, v)
		if err != nil {
			return nil, err
		}
		if answer == nil {
			delete(f.Own, name)
			continue
		}
		if f.Own == nil {
			f.Own = map[string]any{}
		}
		f.Own[name] = answer
	}
	if len(f.Own) == 0 {
		f.Own = nil
	}
	return rest, nil
}

const mostCounted = 1_000_000_000

// ownAnswer is an answer as it is kept; nil for none.
func ownAnswer(set *lists.Set, q lists.Question, v any) (any, error) {
	choose := FieldError{q.Name, "Choose one of the answers on the page."}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		text := strings.TrimSpace(clean(v))
		switch {
		case text == "":
			return nil, nil
		case q.Kind == lists.Line && len([]rune(text)) > q.Most:
			return nil, FieldError{Text: fmt.Sprintf("This text is too long to save: %d characters at most.", q.Most)}
		case q.Kind == lists.Line:
			return text, nil
		case q.Kind == lists.Day:
			if _, err := time.Parse(time.DateOnly, text); err != nil {
				return nil, FieldError{q.Name, "Enter a date in this field."}
			}
			return text, nil
		case q.Kind == lists.Position:
			lat, lon, err := position(text)
			if err != nil {
				return nil, err
			}
			return fmt.Sprintf("%.6f, %.6f", lat, lon), nil
		case q.Kind == lists.Count:
			return nil, FieldError{q.Name, "Enter a number in this field."}
		case q.Kind == lists.One && set.ListOf(q).Has(text):
			return text, nil
		}
	case int:
		return ownAnswer(set, q, float64(v))
	case float64:
		if q.Kind != lists.Count || v < 0 || v > mostCounted || v != math.Trunc(v) {
			return nil, FieldError{q.Name, "Enter a number in this field."}
		}
		return int(v), nil
	case []any:
		var several []string
		for _, one := range v {
			text, is := one.(string)
			if !is {
				return nil, choose
			}
			several = append(several, text)
		}
		return ownAnswer(set, q, several)
	case []string:
		if len(v) == 0 {
			return nil, nil
		}
		for _, code := range v {
			if q.Kind != lists.Several || !set.ListOf(q).Has(code) {
				return nil, choose
			}
		}
		return slices.Compact(slices.Sorted(slices.Values(v))), nil
	}
	return nil, choose
}

// position reads latitude and longitude as people and programs write them:
// divided by a comma or a space, with height and accuracy behind them or not.
func position(text string) (lat, lon float64, err error) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) })
	wrong := FieldError{lists.Later + "position", "Enter a position as two numbers, the latitude first: 19.4326, -99.1332"}
	if len(parts) < 2 || len(parts) > 4 {
		return 0, 0, wrong
	}
	lat, err = strconv.ParseFloat(parts[0], 64)
	lon, err2 := strconv.ParseFloat(parts[1], 64)
	if err != nil || err2 != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) {
		return 0, 0, wrong
	}
	return lat, lon, nil
}

// Missing are the questions without whose answer the case is incomplete, and
// that nobody has answered yet. A protected case lacks nothing: nothing is kept.
func (cs Case) Missing(set *lists.Set) []string {
	if cs.Protected || !cs.Erased.IsZero() {
		return nil
	}
	raw, err := json.Marshal(cs.Fields)
	var answered map[string]json.RawMessage
	if err != nil || json.Unmarshal(raw, &answered) != nil {
		return nil
	}
	var missing []string
	for _, q := range set.Asked() {
		if !q.Must || answered[q.Name] != nil || cs.Fields.ChildAlone && hidesChild(q) {
			continue
		}
		ticked := slices.ContainsFunc(q.Ticks, func(t lists.Tick) bool { return answered[t.Name] != nil })
		if ticked && q.Kind == lists.Ticks || q.Name == "callback_number" && !cs.Caller.Withheld() {
			continue
		}
		missing = append(missing, q.Name)
	}
	return missing
}
