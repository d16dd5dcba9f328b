package export

import (
	"strings"
	"time"

	"hotline/appliance/sharing"
	"hotline/appliance/table"
)

// notes stand on a sheet of every workbook, which may be passed on without the
// rest of the archive.
func (o *Office) notes(j Job) [][2]string {
	r := j.Request
	notes := [][2]string{
		{"operation", o.cfg.Operation},
		{"exported_at", j.Asked.UTC().Format(time.RFC3339)},
		{"exported_by", r.Name},
		{"reason", r.Reason},
		{"redaction_level", r.Level.String() + ": " + meaning(r.Level)},
		{"export_id", j.ID},
	}
	for _, more := range [][2]string{{"for", reach(r.To)}, {"recipient", r.Recipient}, {"approved_by", j.SecondBy}} {
		if more[1] != "" {
			notes = append(notes, more)
		}
	}
	if only, err := o.only(r.Filter); r.Filter != "" && err == nil {
		notes = append(notes, [2]string{"filter", only.Said})
	}
	if !r.Since.IsZero() {
		notes = append(notes, [2]string{"changed_since", r.Since.UTC().Format(time.RFC3339)})
	}
	// With it, whoever keeps the file can prove that the log was not changed up
	// to the approval of this export.
	if j.Mark != "" {
		notes = append(notes, [2]string{"log_mark", j.Mark})
	}
	return append(notes, [2]string{"program", "hotline " + o.cfg.Version})
}

// reach says what was left out because of those for whom it is.
func reach(to string) string {
	switch to {
	case sharing.Helpers:
		return "helpers: organisations that can help; records that stay inside the organisation are left out"
	case sharing.Public:
		return "public: everybody; only records that may be published"
	}
	return "inside: our own organisation alone; do not pass it on"
}

// meaning says what a level leaves out, for whoever gets the file.
func meaning(l table.Level) string {
	switch l {
	case table.Aggregate:
		return "counts only; counts of one to nine are hidden"
	case table.Coordination:
		return "no names, telephone numbers, notes or exact places; protected calls and complaints are left out"
	case table.Referral:
		return "only people who agreed; for the named recipient alone"
	}
	return "everything that is stored; approved by a second person"
}

// manifest is datapackage.json, as Frictionless Data describes it (Data Package
// version 1), with who made it and why.
func (o *Office) manifest(j Job, files []described) map[string]any {
	made := map[string]string{}
	for _, note := range o.notes(j) {
		made[note[0]] = note[1]
	}
	return map[string]any{
		"profile": "data-package", "name": strings.ToLower("export-" + j.ID), "title": o.cfg.Operation + ": export of records",
		"created": j.Asked.UTC().Format(time.RFC3339), "resources": files, "made": made,
	}
}

// describe says how a machine reads a table in a format.
func describe(d *described, t table.Table, format string) {
	d.Profile, d.Encoding = "tabular-data-resource", "utf-8"
	switch format {
	case XLSX:
		d.MediaType, d.Encoding = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ""
	case CSV:
		d.MediaType = "text/csv"
	case JSONL:
		d.MediaType = "application/x-ndjson"
	}
	fields := make([]map[string]any, len(t.Columns))
	for i, c := range t.Columns {
		f := map[string]any{"name": c.Name, "description": c.Description, "kind": string(c.Kind), "type": "string"}
		switch c.Kind {
		case table.DateTime:
			f["type"] = "datetime"
		case table.Date:
			f["type"] = "date"
		case table.Int, table.Amount:
			f["type"] = "integer"
		case table.Decimal, table.Degrees:
			f["type"] = "number"
		case table.Bool:
			f["type"] = "boolean"
			if format != JSONL {
				f["trueValues"], f["falseValues"] = []string{"1"}, []string{"0"}
			}
		case table.List:
			if format == JSONL {
				f["type"] = "array"
			}
		}
		if c.HXL != "" {
			f["hxl"] = c.HXL
		}
		if len(c.Codes) > 0 {
			f["categories"] = c.Codes
		}
		fields[i] = f
	}
	d.Schema = map[string]any{"fields": fields}
}

func dictionaryTable(rows [][]any) table.Table {
	column := func(name string) table.Column {
		return table.Column{Name: name, Kind: table.Text, Level: table.Aggregate}
	}
	return table.Table{Name: "data_dictionary", Columns: []table.Column{column("table"), column("column"), column("kind"), column("level"), column("hxl"), column("description")},
		Rows: func(yield func([]any, error) bool) {
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}}
}
