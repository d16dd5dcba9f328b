package main

import (
	"errors"
	"io"

	"hotline/appliance/export"
	"hotline/appliance/lists"
	"hotline/appliance/table"
	"hotline/ivr/bulletins"
	"hotline/triage"
	"hotline/triage/cards"
	"hotline/triage/find"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// exportSets are the records that coordinators can carry away, in the order of
// the page (domain 7).
func exportSets(contacts *triage.Contacts, cases *triage.Cases, listed *lists.Keeper, registry *volunteers.Registry, hours *volunteers.Shifts, filed *cards.Cards, board *bulletins.Board, operation string) []export.Set {
	// What is protected, a complaint or merged into another case is in no count.
	facts := func(id string) (cards.CaseFacts, bool) {
		cs, err := cases.Get(id)
		sector := ""
		for _, need := range listed.Now().List(lists.Needs).Choices {
			if need.Code == cs.Fields.TopNeed {
				sector = need.Group
			}
		}
		return cards.CaseFacts{Sector: sector, People: cs.Fields.People}, err == nil && !cs.Restricted() && cs.Status != triage.CaseDuplicate
	}
	sets := []export.Set{
		{Name: "daily_situation", Table: func() table.Table { return triage.SituationTable(cases) }},
		{Name: "daily_calls", Table: func() table.Table { return triage.CallsTable(contacts) }},
		{Name: "daily_feedback", Table: func() table.Table { return cards.DailyFeedbackTable(filed) }},
		{Name: "responders_4w", Table: func() table.Table { return cards.RespondersTable(filed, facts) }},
		{Name: "announcements", Table: func() table.Table { return bulletins.Table(board) }},
		{Name: "cases", Table: func() table.Table { return triage.CaseTable(cases) }},
		{Name: "contacts", Table: func() table.Table { return triage.ContactTable(contacts, listed) }},
		{Name: "volunteers", Table: func() table.Table { return volunteers.Table(registry) }},
		{Name: "shift_hours", Table: func() table.Table { return volunteers.ShiftTable(hours, listed, operation) }},
	}
	for _, kind := range cards.Kinds() {
		sets = append(sets, export.Set{Name: kind, Table: func() table.Table { return filed.TableOf(kind) }})
	}
	sets = append(sets,
		export.Set{Name: "directory_hsds", File: &export.File{Name: "directory_hsds.zip", Type: "application/zip", Least: table.Aggregate, Write: filed.WriteHSDS}},
		export.Set{Name: "sahana_volunteers", File: &export.File{Name: "volunteer.csv", Type: "text/csv", Least: table.Full, Write: registry.WriteSahana(operation)}},
		export.Set{Name: "sahana_hours", File: &export.File{Name: "programme_hours.csv", Type: "text/csv", Least: table.Full, Write: hours.WriteSahanaHours(operation)}})
	sets = append(sets,
		export.Set{Name: "code_lists", Table: func() table.Table { return lists.Table(listed) }},
		export.Set{Name: "case_form", File: &export.File{Name: "case_form.xlsx", Type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Least: table.Aggregate, Write: func(w io.Writer, _ export.Cut) (int, error) {
			return listed.Now().WriteXLSForm(w, operation)
		}}})
	return append(sets, export.Set{Name: "missing_persons_pfif", File: &export.File{Name: "missing_persons.pfif.xml", Type: "application/xml", Least: table.Full, Write: filed.WritePFIF}})
}

// mayExport reports whether somebody may take records away now: regular exports
// end with that right.
func mayExport(accounts *roster.Accounts) func(string) (bool, error) {
	return func(id string) (bool, error) {
		a, err := accounts.Get(id)
		if errors.Is(err, roster.ErrNoAccount) {
			return false, nil
		}
		return err == nil && !a.Disabled && a.Role.May(roster.Export), err
	}
}

// exportOnly carries away what a filter of the records page finds.
func exportOnly(f *find.Finder) func(string) (export.Only, error) {
	return func(query string) (export.Only, error) {
		set, said, ids, err := f.Only(query)
		return export.Only{Set: set, Said: said, IDs: ids}, err
	}
}
