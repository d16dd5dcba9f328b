package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/goccy/go-yaml"

	"hotline/appliance/lists"
	"hotline/appliance/table"
	"hotline/triage"
	"hotline/ui/words"
	"hotline/volunteers"
)

//go:embed openapi.yaml
var openAPI []byte

// description is openapi.yaml as JSON, with what only the program knows: the
// columns of the records, and the events that are told.
func description(l *lists.Keeper) ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		return nil, err
	}
	schemas, err := inner(doc, "components", "schemas")
	if err != nil {
		return nil, err
	}
	for name, t := range map[string]table.Table{"Contact": triage.NewContacts(nil).TableOf(l, nil), "Case": triage.NewCases(nil, l).TableOf(nil), "Registrant": volunteers.NewRegistry(nil, l).TableOf(nil)} {
		record, err := inner(schemas, name)
		if err != nil {
			return nil, err
		}
		record["properties"], record["required"] = properties(t)
		record["additionalProperties"] = false
	}
	fields, err := inner(schemas, "CaseFields", "properties")
	if err != nil {
		return nil, err
	}
	for _, q := range append(l.Now().Full(), l.Now().Owned()...) {
		fields[q.Name] = answerOf(l.Now(), q)
	}
	event, err := inner(schemas, "Event", "properties", "type")
	if err != nil {
		return nil, err
	}
	event["enum"] = Types()
	return json.Marshal(doc)
}

// edition is the description for the lists as they are: what operators add
// becomes a column.
type edition struct {
	mu  sync.Mutex
	of  uint64
	raw []byte
}

func (d *edition) now(l *lists.Keeper) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	version := l.Now().Version
	if d.raw != nil && d.of == version {
		return d.raw, nil
	}
	raw, err := description(l)
	if err == nil {
		d.of, d.raw = version, raw
	}
	return raw, err
}

func inner(doc map[string]any, path ...string) (map[string]any, error) {
	for _, name := range path {
		next, is := doc[name].(map[string]any)
		if !is {
			return nil, fmt.Errorf("openapi.yaml has no %q where it must be", name)
		}
		doc = next
	}
	return doc, nil
}

// answerOf is how an answer to a question of operators is written.
func answerOf(now *lists.Set, q lists.Question) map[string]any {
	var codes []string
	for _, c := range now.ListOf(q).Choices {
		codes = append(codes, c.Code)
	}
	p := map[string]any{"description": q.Words.In(words.English)}
	switch q.Kind {
	case lists.Count:
		p["type"] = []string{"integer", "null"}
	case lists.Day:
		p["type"], p["format"] = "string", "date"
	case lists.One:
		p["type"], p["enum"] = "string", append(codes, "")
	case lists.Several:
		p["type"], p["items"] = "array", map[string]any{"type": "string", "enum": codes}
	default:
		p["type"] = "string"
	}
	return p
}

// properties are the columns that a program may be shown; those of the lowest
// level are always there.
func properties(t table.Table) (all map[string]any, always []string) {
	all = map[string]any{"redaction": map[string]any{"enum": []string{table.Coordination.String(), table.Referral.String()}, "description": "The level with which this record is shown"}}
	always = []string{"redaction"}
	for _, c := range t.Columns {
		if c.Level > table.Referral {
			continue
		}
		p := kindOf(c.Kind)
		p["description"] = c.Said()
		if all[c.Name] = p; c.Level <= table.Coordination {
			always = append(always, c.Name)
		} else {
			p["description"] = c.Said() + "; from level " + c.Level.String() + " on"
		}
	}
	return all, always
}

// kindOf is how cells of a kind are told: table.Objects.
func kindOf(k table.Kind) map[string]any {
	switch k {
	case table.DateTime:
		return map[string]any{"type": []string{"string", "null"}, "format": "date-time"}
	case table.Date:
		return map[string]any{"type": []string{"string", "null"}, "format": "date"}
	case table.Int:
		return map[string]any{"type": "integer"}
	case table.Count, table.Amount:
		return map[string]any{"type": []string{"integer", "null"}}
	case table.Decimal, table.Degrees:
		return map[string]any{"type": []string{"number", "null"}}
	case table.Bool:
		return map[string]any{"type": "boolean"}
	case table.List:
		return map[string]any{"type": []string{"array", "null"}, "items": map[string]any{"type": "string"}}
	}
	return map[string]any{"type": "string"}
}
