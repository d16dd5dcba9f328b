package ui

import (
	"context"
	"io"
	"time"

	"hotline/appliance/acme"
	"hotline/appliance/audio"
	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/export"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/search"
	"hotline/appliance/store"
	sheets "hotline/appliance/table"
	"hotline/appliance/webhooks"
	"hotline/ivr/mode"
	"hotline/ivr/prompts"
	"hotline/ivr/scenario"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/erlang"
	"hotline/triage/find"
	"hotline/triage/reports"
	"hotline/volunteers"
	"hotline/volunteers/roster"
)

// What the pages need from the floors below, as small as they need it.

// Desk is the room in which calls are answered. FromDesk makes one of the real
// room.
type Desk interface {
	Seat(desk.Person) Seat
	Practise(p desk.Person, language string, over func()) Seat // nothing there is real
	CallFromBrowser(ctx context.Context, to, source, offerSDP string) (BrowserCaller, error)
	FloorView(now time.Time) (desk.FloorView, error)
	FloorChanged() <-chan struct{}
	CallsOut() bool // there is a line for calls out
	Know(desk.Person)
	SteerAgent(ctx context.Context, who desk.Steerer, agent string, state triage.AgentState, reason string) (later bool, err error)
	PutFirst(ctx context.Context, who desk.Steerer, contact, reason string) error
	TakeNow(ctx context.Context, who desk.Steerer, contact string) error
}

// BrowserCaller is a call from a page; *desk.BrowserCaller.
type BrowserCaller interface {
	Answer() string // description of the sound
	Serve()         // carries the call to its end
	Press(key byte)
	Hangup() // by the caller
	Stop()   // because the hotline stops
}

// Seat is the place of one signed-in person in that room.
type Seat interface {
	Snapshot() desk.Snapshot
	Changed() <-chan struct{}
	Do(context.Context, desk.Command) error
	ConnectAudio(ctx context.Context, offerSDP string) (answerSDP string, err error)
	Beat(now time.Time, micLive bool)
	Delay(there time.Duration)
	PageOpened() uint64
	Holds(token uint64) bool
	PageClosed(token uint64)
}

// FromDesk is the real room as the pages use it.
func FromDesk(d *desk.Desk) Desk { return room{d} }

type room struct{ *desk.Desk }

func (r room) Seat(p desk.Person) Seat { return r.Desk.Seat(p) }

func (r room) CallFromBrowser(ctx context.Context, to, source, offerSDP string) (BrowserCaller, error) {
	caller, err := r.Desk.CallFromBrowser(ctx, to, source, offerSDP)
	if err != nil {
		return nil, err
	}
	return caller, nil
}

func (r room) Practise(p desk.Person, language string, over func()) Seat {
	return r.Desk.Practise(p, language, over)
}

// Sessions are the sign-ins; *roster.Accounts.
type Sessions interface {
	SignIn(ctx context.Context, login, password, source string) (token string, account roster.Account, err error)
	Begin(ctx context.Context, id, source string) (token string, err error)
	Visit(ctx context.Context, token string) (roster.Account, error)
	Keep(token string)
	Ended(token string) <-chan struct{}
	SignOut(ctx context.Context, token string) error
	Half(token string) bool
	SecondStep(ctx context.Context, token, code string) (session string, account roster.Account, err error)
}

// Accounts are the people who may sign in; *roster.Accounts. Changes carry the
// account that makes them, for the log.
type Accounts interface {
	Get(id string) (roster.Account, error)
	List() ([]roster.Account, error)
	Add(ctx context.Context, account roster.Account, password, by string) (roster.Account, error)
	Change(ctx context.Context, account roster.Account, by string) error
	SetPassword(ctx context.Context, id, password, by string) error
	SetPIN(ctx context.Context, id, pin, by string) error
	OwnPassword(ctx context.Context, id, present, password, kept string) error
	OwnPIN(ctx context.Context, id, present, pin, kept string) error
	OwnDeskPhone(ctx context.Context, id, present string) (extension, password string, err error)
	PINSignsIn(account roster.Account) (bool, error)
	MakeCodes(ctx context.Context, id, by string) ([]string, error)
	NewSecond(ctx context.Context, id, issuer string) (key, address string, err error)
	ConfirmSecond(ctx context.Context, id, code string) error
	GiveUpSecond(ctx context.Context, id, code string) error
	Prove(ctx context.Context, id, password, code string) error
	DropSecond(ctx context.Context, id, by string) error
	SecondDue(account roster.Account) bool
	SecondNeeded() bool
	NeedSecond(ctx context.Context, needed bool, by string) error
	NewToken(ctx context.Context, wanted roster.Token, long time.Duration) (string, roster.Token, error)
	Tokens() ([]roster.Token, error)
	Revoke(ctx context.Context, id, by string) error
	CheckToken(ctx context.Context, text string) (roster.Token, error)
	NewWall(ctx context.Context, name, by string) (string, roster.Wall, error)
	Walls(now time.Time) ([]roster.Wall, error)
	CheckWall(token string) (roster.Wall, error)
	RevokeWall(ctx context.Context, id, by string) error
	NewInvite(ctx context.Context, i roster.Invite, long time.Duration) (token, code string, made roster.Invite, err error)
	Invites(now time.Time) ([]roster.Invite, error)
	CheckInvite(text, source string) (roster.Invite, error)
	RevokeInvite(ctx context.Context, id, by string) error
	Join(ctx context.Context, invite, source string, j roster.Joining) (roster.Account, error)
	NoteStep(ctx context.Context, id string, s roster.Step, found map[string]string) error
	NewDeskPhone(ctx context.Context, id, by string) (extension, password string, err error)
	DropDeskPhone(ctx context.Context, id, by string) error
}

// Mode is the mode of the hotline, to look at.
type Mode interface {
	Current(now time.Time) mode.State
}

// Prompts is what the hotline says and how that is changed; *prompts.Studio.
type Prompts interface {
	Languages() []string
	NameOf(language string) string
	Prompts(language string) []prompts.Prompt
	Get(language, id string) (prompts.Prompt, error)
	Clip(language, id string) (*audio.Clip, error)
	Take(language, id, take string) (*audio.Clip, error)
	Record(ctx context.Context, language, id string, clip *audio.Clip, who prompts.Who) error
	SetText(ctx context.Context, language, id, text string, who prompts.Who) error
	Use(ctx context.Context, language, id, take string, who prompts.Who) error
	Import(ctx context.Context, file io.ReaderAt, size int64, decode prompts.Decode, who prompts.Who) (prompts.Import, error)
	WritePack(w io.Writer, language string) error
}

// Sounds makes finished sound of uploads; *foreign.Importer.
type Sounds interface {
	Import(ctx context.Context, r io.Reader, longest time.Duration) (*audio.Clip, error)
}

// Scenario is the kind of disaster.
type Scenario interface {
	Packs() []scenario.Pack
	Current() scenario.Chosen
	Set(ctx context.Context, id, stage, by string) error
}

// Scripts are what volunteers say first; *triage.Scripts.
type Scripts interface {
	For(queue, language string) triage.Script
	List() []triage.Script
	Set(ctx context.Context, one triage.Script) error
}

// Contacts reads contact records, newest first, and corrects how one ended; *triage.Contacts.
type Contacts interface {
	TableOf(l *lists.Keeper, list []triage.Contact) sheets.Table
	Each(func(triage.Contact) bool) error
	Get(id string) (triage.Contact, error)
	After(after string, limit int) (list []triage.Contact, next string, err error)
	Correct(ctx context.Context, id, agent, disposition string) (triage.Contact, error)
}

// Cases are the case records; *triage.Cases.
type Cases interface {
	TableOf(list []triage.Case) sheets.Table
	Each(func(triage.Case) bool) error
	Get(id string) (triage.Case, error)
	After(after string, limit int) (list []triage.Case, next string, err error)
	ByCode(code string) (triage.Case, error)
	SameNumber(triage.Case) ([]triage.Case, error)
	History(id string) ([]history.Entry, error)
	Change(ctx context.Context, id string, e history.Edit) (triage.Case, []history.Conflict, error)
	Write(ctx context.Context, contact string, e history.Edit) (triage.Case, []history.Conflict, error)
	Move(ctx context.Context, id, to, outcome string, told bool, by, why string) (triage.Case, error)
	SetLevel(ctx context.Context, id string, level triage.Level, by, why string) (triage.Case, error)
	Merge(ctx context.Context, keep, gone, by, why string) (triage.Case, error)
	Unmerge(ctx context.Context, gone, by, why string) (triage.Case, error)
	Enter(ctx context.Context, p triage.Paper, operation, by string) (triage.Case, error)
	Another(ctx context.Context, contact, by string, fields map[string]any) (triage.Case, error)
}

// Finder finds records; *find.Finder.
type Finder interface {
	Find(filter find.Filter, skip, limit int) search.Result
	All(filter find.Filter) ([]string, error)
	Values(kind, field string) map[string]int
	Len(kind string) int
	Building() (records int, building bool)
	Settle(context.Context) error
}

// Worklist is what somebody still has to care for; *triage.Contacts.
type Worklist interface {
	Worklist(triage.Pick) (triage.Page, error)
	Item(id string) (triage.Item, []triage.Contact, error)
	TakeItem(ctx context.Context, id, by, name string) (triage.Item, error)
	ShowNumber(ctx context.Context, id, by, name string) error
	ReleaseItem(ctx context.Context, id, by string) error
	NotReached(ctx context.Context, id, by string) error
	CloseItem(ctx context.Context, id, by, why string) error
	QueueItem(ctx context.Context, id string, at time.Time, by string) error
	UnqueueItem(ctx context.Context, id, by string) error
	QuietHours() (triage.Quiet, error)
	SetQuietHours(ctx context.Context, q triage.Quiet, by string) error
	SetShared(ctx context.Context, id string, shared bool, by string) error
	SetSafe(ctx context.Context, id string, safe bool, by, why string) error
	HearMessage(ctx context.Context, contact string, n int, by string) (io.ReadCloser, triage.Message, error)
}

// Rounds are lists of people whom the hotline calls of its own accord;
// *triage.Contacts.
type Rounds interface {
	MakeRound(ctx context.Context, r triage.Round, list []triage.ListedPerson, region, by, name string) (triage.Round, error)
	SetRound(ctx context.Context, id string, to triage.RoundState, by string) error
	DropRound(ctx context.Context, id, by string) error
	Rounds() ([]triage.Round, error)
	Round(id string) (triage.Round, triage.RoundFigures, error)
	EachInRound(round string, fn func(triage.RoundPerson) bool) error
	DryRun(round string, allowed func(call.Number) bool) (calls int, left map[string]int, err error)
	StopNumber(ctx context.Context, number call.Number, by, name string) error
	UnstopNumber(ctx context.Context, id, by string) error
	StopList() ([]triage.StopEntry, error)
}

// Books say what became of every attempt to reach the hotline; *triage.Books.
type Books interface {
	Balance(ctx context.Context, now time.Time) (total, today triage.Balance, err error)
}

// Reports are the figures of what happened; *reports.Reports.
type Reports interface {
	Report(ctx context.Context, from, to, now time.Time) (reports.Report, error)
	Gauge(ctx context.Context, now time.Time, agents []erlang.Speakers) (reports.Gauge, error)
	Busiest(ctx context.Context, now time.Time) (reports.Busiest, error)
}

// Exports make the files with which records leave the box; *export.Office.
type Exports interface {
	Sets() []export.Set
	Ask(ctx context.Context, r export.Request) (export.Job, error)
	Approve(ctx context.Context, id, by, name string) error
	Refuse(ctx context.Context, id, by, name string) error
	Cancel(ctx context.Context, id, by string) error
	Jobs(by string, most int) ([]export.Job, error)
	Job(id, by string) (export.Job, export.Progress, error)
	Open(ctx context.Context, id, by string) (io.ReadSeekCloser, export.Job, error)
	// Those that are made again and again, and brought to a place.
	Orders() ([]export.Order, error)
	Order(ctx context.Context, ord export.Order) (export.Order, error)
	OrderNow(ctx context.Context, id string) error
	StopOrder(ctx context.Context, id, by string) error
	ResumeOrder(ctx context.Context, id, by, name string) error
	DeleteOrder(ctx context.Context, id, by string) error
}

// Journal is the event log: who did what, how and when.
type Journal interface {
	Note(context.Context, events.Event) error
	Latest(limit int, keep func(events.Event) bool) ([]events.Event, error)
	Since(from time.Time, keep func(events.Event) bool) ([]events.Event, error)
	// Verify proves that the log is what was written; with marks from elsewhere
	// also that it is the same log.
	Verify(marks ...store.Mark) (end store.Mark, entries int, err error)
}

// FromStore is the event log of the record store.
func FromStore(s *store.Store) Journal { return ledger{s} }

type ledger struct{ store *store.Store }

func (l ledger) Note(ctx context.Context, ev events.Event) error {
	return l.store.Update(ctx, func(tx *store.Tx) error {
		tx.Emit(ev)
		return nil
	})
}

// lookBack bounds how many events a page reads to find what it shows.
const lookBack = 200_000

func (l ledger) Latest(limit int, keep func(events.Event) bool) (found []events.Event, err error) {
	err = l.store.View(func(tx *store.Tx) error {
		seen := 0
		for ev := range tx.EventLogBackward() {
			if seen++; seen > lookBack || len(found) == limit {
				break
			}
			if keep(ev) {
				found = append(found, ev)
			}
		}
		return nil
	})
	return found, err
}

// Since reads no further back than it must: pages that look every few seconds
// use it.
func (l ledger) Since(from time.Time, keep func(events.Event) bool) (found []events.Event, err error) {
	err = l.store.View(func(tx *store.Tx) error {
		for ev := range tx.EventLogBackward() {
			if ev.At.Before(from) {
				break
			}
			if keep(ev) {
				found = append(found, ev)
			}
		}
		return nil
	})
	return found, err
}

func (l ledger) Verify(marks ...store.Mark) (store.Mark, int, error) {
	return l.store.VerifyLog(marks...)
}

// Registrants are the records of people who offer help; *volunteers.Registry.
type Registrants interface {
	TableOf(list []volunteers.Registrant) sheets.Table
	List(skip, limit int) ([]volunteers.Registrant, error)
	Each(func(volunteers.Registrant) error) error
	After(after string, limit int) (list []volunteers.Registrant, next string, err error)
	Get(id string) (volunteers.Registrant, error)
	ByCode(code string) (volunteers.Registrant, error)
	SamePerson(volunteers.Registrant) ([]volunteers.Registrant, error)
	History(id string) ([]history.Entry, error)
	Change(ctx context.Context, id string, e history.Edit) (volunteers.Registrant, []history.Conflict, error)
	Move(ctx context.Context, id, name string, e history.Edit) (volunteers.Registrant, error)
	Agree(ctx context.Context, id, to, how, by string) (volunteers.Registrant, error)
	Merge(ctx context.Context, keep, gone, by, why string) (volunteers.Registrant, error)
	Unmerge(ctx context.Context, gone, by, why string) (volunteers.Registrant, error)
	Enter(ctx context.Context, r volunteers.Registrant, by string, at time.Time) (volunteers.Registrant, error)
	Sound(id, name string) (*audio.Clip, error)
}

// Hours are the shifts of registrants; *volunteers.Shifts.
type Hours interface {
	Of(registrant string) ([]volunteers.Shift, error)
	CheckIn(ctx context.Context, registrant, contact, method string) (volunteers.Shift, error)
	CheckOut(ctx context.Context, registrant, contact, method string) (volunteers.Shift, time.Duration, error)
	Correct(ctx context.Context, registrant, shift string, in, out time.Time, by, why string) (volunteers.Shift, error)
	Describe(ctx context.Context, registrant, shift string, w volunteers.Work, confirm bool, by string) (volunteers.Shift, error)
	ResetPIN(ctx context.Context, registrant, by string) error
}

// Hooks are the other systems that are told what happens; *webhooks.Post.
type Hooks interface {
	List() ([]webhooks.Status, error)
	Add(ctx context.Context, h webhooks.Hook) (webhooks.Hook, error)
	Remove(ctx context.Context, id, by string) error
	Pause(ctx context.Context, id string, paused bool, by string) error
	Hurry(id string)
	Test(ctx context.Context, id string) (webhooks.Result, error)
}

// Obtained is the certificate that is got from an authority; *acme.Keeper.
type Obtained interface {
	State() acme.State
	Save(ctx context.Context, s acme.Settings, look bool, by string) error
	Ask(ctx context.Context, look bool) error
	Remove(ctx context.Context, by string) error
}
