package ui

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/ui/page"
)

// readForm takes what was changed out of a form of fields, and what stood there
// before. Values are typed as records have them. What was sent is put into the
// fields, so that nothing that was written is lost when the page is shown again.
func readForm(fields []page.FormField, form url.Values) (changed, shown map[string]any) {
	changed, shown = map[string]any{}, map[string]any{}
	for i := range fields {
		f := &fields[i]
		sent := slices.Clone(form[f.Name])
		for i, text := range sent {
			sent[i] = strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n")
		}
		sent = slices.DeleteFunc(sent, func(s string) bool { return s == "" })
		before := strings.ReplaceAll(form.Get("was."+f.Name), "\r\n", "\n")
		f.Values, f.Was = sent, before
		if strings.Join(sent, ",") == before {
			continue
		}
		changed[f.Name], shown[f.Name] = typed(f.Kind, sent), typed(f.Kind, cut(f.Kind, before))
		if f.Kind == page.Count && len(sent) == 0 && lists.Beside(f.Name) {
			changed[f.Name] = nil // nothing is not 0
		}
	}
	return changed, shown
}

// cut takes a value apart again that was written into one.
func cut(kind, joined string) []string {
	switch {
	case joined == "":
		return nil
	case kind == page.Several:
		return strings.Split(joined, ",")
	}
	return []string{joined}
}

func typed(kind string, values []string) any {
	one := ""
	if len(values) > 0 {
		one = values[0]
	}
	switch kind {
	case page.Several:
		return append([]string{}, values...)
	case page.Tick:
		return one != ""
	case page.Count:
		n, err := strconv.Atoi(one)
		if err != nil && one != "" {
			return one // refused with a sentence about this field
		}
		return n
	}
	return one
}

// disagree marks the fields that somebody else has changed meanwhile. Sent
// again, what was written here counts.
func disagree(fields []page.FormField, conflicts []history.Conflict) {
	for _, c := range conflicts {
		for i := range fields {
			f := &fields[i]
			if f.Name != c.Field {
				continue
			}
			theirs := written(c.Theirs)
			f.Was = strings.Join(theirs, ",")
			f.Theirs, f.Disputed = f.Words(theirs), true
		}
	}
}

// written is a value of a record as a form has it.
func written(raw json.RawMessage) []string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case bool:
		if v {
			return []string{"yes"}
		}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case []any:
		var all []string
		for _, one := range v {
			if text, is := one.(string); is {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// fillForm puts the values of a record into fields of the same names.
func fillForm(fields []page.FormField, record any) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return err
	}
	for i := range fields {
		fields[i].Values = written(values[fields[i].Name])
		fields[i].Was = strings.Join(fields[i].Values, ",")
	}
	return nil
}
