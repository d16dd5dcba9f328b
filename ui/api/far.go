package api

import (
	"context"
	"io"
	"time"

	"hotline/appliance/export"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/table"
	"hotline/ivr/mode"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/find"
	"hotline/triage/reports"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// What programs are answered with, as small as it is needed.

// Accounts are tokens and the people behind them; *roster.Accounts.
type Accounts interface {
	CheckToken(ctx context.Context, text string) (roster.Token, error)
	Get(id string) (roster.Account, error)
	List() ([]roster.Account, error)
	Change(ctx context.Context, account roster.Account, by string) error
}

// Desk is the room; *desk.Desk.
type Desk interface {
	FloorView(now time.Time) (desk.FloorView, error)
	SteerAgent(ctx context.Context, who desk.Steerer, agent string, state triage.AgentState, reason string) (later bool, err error)
	Know(desk.Person)
}

// Mode is the mode of the hotline; *mode.Switch.
type Mode interface {
	Current(now time.Time) mode.State
}

// Contacts are the contact records; *triage.Contacts.
type Contacts interface {
	TableOf(l *lists.Keeper, list []triage.Contact) table.Table
	Get(id string) (triage.Contact, error)
	After(after string, limit int) (list []triage.Contact, next string, err error)
}

// Cases are the case records; *triage.Cases.
type Cases interface {
	TableOf(list []triage.Case) table.Table
	Get(id string) (triage.Case, error)
	After(after string, limit int) (list []triage.Case, next string, err error)
	Change(ctx context.Context, id string, e history.Edit) (triage.Case, []history.Conflict, error)
	Enter(ctx context.Context, p triage.Paper, operation, by string) (triage.Case, error)
}

// Registrants are the records of people who offer help; *volunteers.Registry.
type Registrants interface {
	TableOf(list []volunteers.Registrant) table.Table
	Get(id string) (volunteers.Registrant, error)
	After(after string, limit int) (list []volunteers.Registrant, next string, err error)
	Move(ctx context.Context, id, name string, e history.Edit) (volunteers.Registrant, error)
}

// Finder finds records; *find.Finder.
type Finder interface {
	All(filter find.Filter) ([]string, error)
	Settle(context.Context) error
}

// Exports make the files with which records leave the box; *export.Office.
type Exports interface {
	Ask(ctx context.Context, r export.Request) (export.Job, error)
	Cancel(ctx context.Context, id, by string) error
	Jobs(by string, most int) ([]export.Job, error)
	Job(id, by string) (export.Job, export.Progress, error)
	Open(ctx context.Context, id, by string) (io.ReadSeekCloser, export.Job, error)
}

// Reports are the figures of what happened; *reports.Reports.
type Reports interface {
	Report(ctx context.Context, from, to, now time.Time) (reports.Report, error)
}

// Gauge says who is missing at now.
type Gauge func(ctx context.Context, now time.Time) (reports.Gauge, error)
