package intake

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"hotline/appliance/table"
)

// hsds reads a directory of services as the Human Services Data Specification 3
// packs it (several tables in a ZIP file) and makes the one table of it that the
// import knows: a row for each service at each of its places. It is false for a
// file that is none.
func hsds(file []byte) (sheet table.Sheet, is bool, err error) {
	if !bytes.HasPrefix(file, []byte("PK\x03\x04")) || len(file) > table.MaxSheetFile {
		return sheet, false, nil
	}
	pack, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return sheet, false, nil // whatever it is, the reader of workbooks says so
	}
	read := func(names ...string) ([]map[string]string, error) {
		for _, f := range pack.File {
			if slices.Contains(names, strings.ToLower(path.Base(f.Name))) {
				return hsdsRows(f)
			}
		}
		return nil, nil
	}
	services, err := read("services.csv", "service.csv")
	if services == nil || err != nil {
		return sheet, err != nil, err
	}
	var all [9][]map[string]string
	for i, names := range [][]string{{"organizations.csv", "organization.csv"}, {"service_at_location.csv", "services_at_location.csv"}, {"locations.csv", "location.csv"}, {"phones.csv", "phone.csv"},
		{"addresses.csv", "address.csv", "physical_addresses.csv"}, {"schedules.csv", "schedule.csv"}, {"required_documents.csv", "required_document.csv"}, {"languages.csv", "language.csv"},
		{"accessibility.csv", "accessibility_for_disabilities.csv"}} {
		if all[i], err = read(names...); err != nil {
			return sheet, true, err
		}
	}
	organisations, at, phones, addresses, schedules, documents, languages, access := by(all[0], "id"), by(all[1], "service_id"), by(all[3], "service_id"), by(all[4], "location_id"), by(all[5], "service_id"), by(all[6], "service_id"), by(all[7], "service_id"), by(all[8], "location_id")
	ofPlace, ofOrganisation := by(all[3], "location_id"), by(all[3], "organization_id")
	sheet.Header = []string{"service_id", "organization_name", "service_name", "service_description", "service_status", "phone_number", "email", "url", "address_1", "city", "state_province",
		"postal_code", "country", "schedule", "eligibility_description", "fees_description", "required_document", "languages", "accessibility"}
	for _, s := range services {
		places := at[s["id"]]
		if len(places) == 0 {
			places = []map[string]string{{}}
		}
		for n, p := range places {
			place := p["location_id"]
			numbers := joined(phones[s["id"]], "number")
			if numbers == "" && place != "" {
				numbers = joined(ofPlace[place], "number")
			}
			if numbers == "" {
				numbers = joined(ofOrganisation[s["organization_id"]], "number")
			}
			address := first(addresses[place])
			if place == "" {
				address = nil
			}
			id := ""
			if n == 0 {
				id = ownID(s["id"])
			}
			said := joined(schedules[s["id"]], "description")
			sheet.Rows = append(sheet.Rows, table.SheetRow{Line: len(sheet.Rows) + 2, Cells: []string{id, first(organisations[s["organization_id"]])["name"], s["name"], s["description"], s["status"], numbers, s["email"], s["url"],
				address["address_1"], address["city"], address["state_province"], address["postal_code"], address["country"], said, s["eligibility_description"], s["fees_description"],
				joined(documents[s["id"]], "document"), joined(languages[s["id"]], "name"), joined(access[place], "description")}})
		}
	}
	if len(sheet.Rows) > table.MaxSheetRows {
		return sheet, true, table.ErrSheetTooLarge
	}
	return sheet, true, nil
}

// hsdsRows are the rows of one table of the file by their columns.
func hsdsRows(f *zip.File) ([]map[string]string, error) {
	in, err := f.Open()
	if err != nil {
		return nil, table.ErrSheetDamaged
	}
	raw, err := io.ReadAll(io.LimitReader(in, table.MaxSheetFile+1))
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, table.ErrSheetDamaged
	}
	sheet, err := table.ReadSheet(raw)
	if errors.Is(err, table.ErrSheetEmpty) {
		return []map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	rows := make([]map[string]string, 0, len(sheet.Rows))
	for _, row := range sheet.Rows {
		cells := make(map[string]string, len(sheet.Header))
		for i, name := range sheet.Header {
			cells[strings.ToLower(name)] = row.Cells[i]
		}
		rows = append(rows, cells)
	}
	return rows, nil
}

func by(rows []map[string]string, column string) map[string][]map[string]string {
	out := map[string][]map[string]string{}
	for _, row := range rows {
		if key := row[column]; key != "" {
			out[key] = append(out[key], row)
		}
	}
	return out
}

func first(rows []map[string]string) map[string]string {
	if len(rows) == 0 {
		return nil
	}
	return rows[0]
}

func joined(rows []map[string]string, column string) string {
	var all []string
	for _, row := range rows {
		if row[column] != "" && !slices.Contains(all, row[column]) {
			all = append(all, row[column])
		}
	}
	return strings.Join(all, ", ")
}

// ownID is the identity of one of our records in a file that came from here, ""
// for another's.
func ownID(id string) string {
	bits, err := uuid.Parse(id)
	if err != nil {
		return ""
	}
	return ulid.ULID(bits).String()
}
