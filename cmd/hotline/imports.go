package main

import (
	"log/slog"

	"hotline/appliance/config"
	"hotline/appliance/lists"
	"hotline/appliance/store"
	"hotline/triage/cards"
	"hotline/triage/intake"
	"hotline/triage/privacy"
	"hotline/ui"
)

// agingImports is what goes by age of the files that were brought in.
func agingImports() privacy.Aging {
	return privacy.Aging{Rule: "imports", Find: intake.Aged, Gone: intake.Expire}
}

// importOffice brings in the records that files may hold, in the order of the
// page.
func importOffice(records *store.Store, listed *lists.Keeper, filed *cards.Cards, cfg config.Config, log *slog.Logger) (*intake.Office, error) {
	labels, choices, err := ui.ImportWords(listed)
	if err != nil {
		return nil, err
	}
	return intake.New(intake.Config{Store: records, Operation: cfg.Operation, Region: cfg.Region, Labels: labels, Words: choices, Log: log,
		Targets: []intake.Target{intake.People(listed), intake.Directory(filed), intake.CallList(cfg.Operation, cfg.Languages)}}), nil
}
