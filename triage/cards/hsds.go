package cards

import (
	"archive/zip"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"hotline/appliance/export"
	"hotline/appliance/store"
	"hotline/appliance/table"
)

// The directory of services as the Human Services Data Specification 3 has it
// (openreferral.org): a ZIP file of one table each for organisations, services,
// places and what belongs to them, and a datapackage.json that names them. Only
// columns that the directory can fill are there; the specification lets the
// others be absent.

// hsdsTable is one table of the specification.
type hsdsTable struct {
	name, path string
	columns    []string
	rows       [][]string
}

func hsdsTables() []*hsdsTable {
	return []*hsdsTable{
		{name: "organization", path: "organizations.csv", columns: []string{"id", "name", "description"}},
		{name: "service", path: "services.csv", columns: []string{"id", "organization_id", "name", "description", "url", "email", "status", "fees_description", "eligibility_description", "last_modified"}},
		{name: "service_at_location", path: "service_at_location.csv", columns: []string{"id", "service_id", "location_id"}},
		{name: "location", path: "locations.csv", columns: []string{"id", "location_type", "organization_id", "name"}},
		{name: "phone", path: "phones.csv", columns: []string{"id", "service_id", "number"}},
		{name: "address", path: "addresses.csv", columns: []string{"id", "location_id", "address_1", "city", "state_province", "postal_code", "country", "address_type"}},
		{name: "schedule", path: "schedules.csv", columns: []string{"id", "service_id", "description"}},
		{name: "required_document", path: "required_documents.csv", columns: []string{"id", "service_id", "document"}},
		{name: "language", path: "languages.csv", columns: []string{"id", "service_id", "name"}},
		{name: "accessibility", path: "accessibility.csv", columns: []string{"id", "location_id", "description"}},
	}
}

// WriteHSDS writes the directory. It returns how many services were written.
func (c *Cards) WriteHSDS(w io.Writer, cut export.Cut) (n int, err error) {
	tables := hsdsTables()
	add := func(name string, row ...string) {
		i := slices.IndexFunc(tables, func(t *hsdsTable) bool { return t.name == name })
		for k := range row {
			row[k] = table.Inert(row[k])
		}
		tables[i].rows = append(tables[i].rows, row)
	}
	organisations := map[string]bool{}
	err = c.each(Directory, func(_ *store.Tx, card Card) bool {
		if card.UpdatedAt.Before(cut.Since) {
			return true
		}
		n++
		org, id, v := named("organization", strings.ToLower(card.Value("organization_name"))), HSDSID(card.ID), card.Value
		if !organisations[org] {
			organisations[org] = true
			add("organization", org, v("organization_name"), v("organization_name"))
		}
		add("service", id, org, v("service_name"), v("service_description"), v("url"), v("email"), cmp.Or(v("service_status"), "active"), v("fees_description"),
			v("eligibility_description"), card.UpdatedAt.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
		address := []string{v("address_1"), v("city"), v("state_province"), v("postal_code"), v("country")}
		if there := strings.Join(address, "") != ""; there || v("accessibility") != "" {
			place := named("location", card.ID)
			add("location", place, "physical", org, v("city"))
			add("service_at_location", named("service_at_location", card.ID), id, place)
			if there {
				add("address", slices.Concat([]string{named("address", card.ID), place}, address, []string{"physical"})...)
			}
			if v("accessibility") != "" {
				add("accessibility", named("accessibility", card.ID), place, v("accessibility"))
			}
		}
		if number := v("phone_number"); number != "" {
			tables[4].rows = append(tables[4].rows, []string{named("phone", card.ID), id, number}) // its + is no formula
		}
		for kind, text := range map[string]string{"schedule": v("schedule"), "required_document": v("required_document")} {
			if text != "" {
				add(kind, named(kind, card.ID), id, text)
			}
		}
		for i, language := range strings.FieldsFunc(v("languages"), func(r rune) bool { return r == ',' || r == ';' }) {
			add("language", named("language", card.ID+strconv.Itoa(i)), id, strings.TrimSpace(language))
		}
		return true
	})
	if err != nil {
		return n, err
	}
	return n, packHSDS(w, tables)
}

func packHSDS(w io.Writer, tables []*hsdsTable) error {
	pack := zip.NewWriter(w)
	var resources []map[string]any
	for _, t := range tables {
		var b bytes.Buffer
		out := csv.NewWriter(&b)
		out.UseCRLF = true
		if err := out.WriteAll(append([][]string{t.columns}, t.rows...)); err != nil {
			return err
		}
		file, err := pack.Create(t.path)
		if err != nil {
			return err
		}
		if _, err := file.Write(b.Bytes()); err != nil {
			return err
		}
		var fields []map[string]string
		for _, name := range t.columns {
			fields = append(fields, map[string]string{"name": name, "type": "string"})
		}
		resources = append(resources, map[string]any{"name": t.name, "path": t.path, "profile": "tabular-data-resource", "format": "csv", "mediatype": "text/csv", "encoding": "utf-8",
			"schema": map[string]any{"primaryKey": "id", "fields": fields}})
	}
	file, err := pack.Create("datapackage.json")
	if err != nil {
		return err
	}
	enc := json.NewEncoder(file)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]any{"name": "human_services_data", "title": "Directory of services (HSDS 3)", "profile": "tabular-data-package", "resources": resources, "created": time.Now().UTC().Format(time.RFC3339)}); err != nil {
		return err
	}
	return pack.Close()
}

// HSDSID is the identity of a record as the specification writes one: the same
// 128 bits as a UUID.
func HSDSID(id string) string {
	bits, err := ulid.ParseStrict(id)
	if err != nil {
		return named("id", id)
	}
	return uuid.UUID(bits).String()
}

// named is the identity of what has none of its own: the same in every export.
func named(kind, of string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + of))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8: our own way (RFC 9562 §5.8)
	return id.String()
}
