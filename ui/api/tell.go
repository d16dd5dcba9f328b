package api

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/triage"
)

// Event is something that has happened, as programs are told of it. What is
// about a protected call, a call in private or a complaint says only that it
// happened: it can be counted, and leads to nobody.
type Event struct {
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	At         time.Time         `json:"at"`
	Restricted bool              `json:"restricted,omitempty"`
	Contact    string            `json:"contact,omitempty"`
	Agent      string            `json:"agent,omitempty"`
	Queue      string            `json:"queue,omitempty"`
	Via        string            `json:"via,omitempty"`
	Data       map[string]string `json:"data,omitempty"`
}

// told names the events that programs hear of, and what of their data. What is
// not here is not told: the log also says who signed in and who looked at whom.
func told() map[string][]string {
	return map[string][]string{
		"hotline.started":         nil,
		"contact.started":         {"channel", "direction"},
		"contact.entered":         {"channel"},
		"contact.connected":       nil,
		"contact.transferred":     {"kind"},
		"contact.ended":           {"outcome", "by", "language", "wait_s", "talk_s"},
		"contact.alarm":           nil,
		"contact.alarm_withdrawn": nil,
		"queue.entered":           {"language"},
		"queue.abandoned":         nil,
		"queue.closed":            {"name"},
		"queue.opened":            {"name"},
		"queue.change_undone":     {"name"},
		"offer.started":           nil,
		"offer.missed":            nil,
		"offer.declined":          nil,
		"acw.ended":               {"disposition"},
		"agent.state":             {"state", "was", "reason"},
		"agent.steered":           {"state", "was", "reason", "name"},
		"case.opened":             {"case", "level"},
		"case.updated":            {"case", "level", "what", "status"},
		"case.red":                {"case"},
		"item.opened":             {"item", "kind"},
		"item.changed":            {"item", "kind"},
		"item.closed":             {"item", "kind", "why"},
		"callback.promised":       nil,
		"voicemail.kept":          nil,
		"registrant.saved":        {"registrant", "what"},
		"registrant.changed":      {"registrant", "what"},
		"registrant.moved":        {"registrant", "from", "to", "what"},
		"registrant.erased":       {"registrant"},
		"person.erased":           {"contacts", "cases", "registrants", "cards"},
		"records.expired":         {"contacts", "messages", "cases", "registrants"},
		"shift.checked_in":        {"registrant", "shift"},
		"shift.checked_out":       {"registrant", "shift"},
		"card.added":              {"card", "kind"},
		"card.changed":            {"card", "kind"},
		"card.erased":             {"card", "kind"},
		"mode.changed":            {"from", "to", "expires", "name"},
		"mode.expired":            {"from", "to"},
		"mode.undone":             {"from", "to", "name"},
		"load.changed":            {"from", "to", "waiting", "wait_s", "agents"},
		"bulletin.published":      {"bulletin", "language", "valid_until", "name"},
		"bulletin.renewed":        {"bulletin", "language", "valid_until", "name"},
		"bulletin.withdrawn":      {"bulletin", "language", "name"},
		"bulletin.expired":        {"bulletin", "language"},
		"bulletin.undone":         {"bulletin", "language", "name"},
		"export.made":             {"export", "set", "format", "level", "rows"},
		"part.switched":           {"part", "state", "name"},
		"scenario.chosen":         {"scenario"},
	}
}

// named is data that names somebody who works here.
const named = "name"

// Types are the events that programs hear of.
func Types() []string {
	var list []string
	for kind := range told() {
		list = append(list, kind)
	}
	slices.Sort(list)
	return list
}

// Teller makes what programs are told of events.
type Teller struct {
	contacts Contacts
	cases    Cases
	told     map[string][]string
	log      *slog.Logger
}

// NewTeller looks at contacts and cases to find out which are protected now.
func NewTeller(contacts Contacts, cases Cases, log *slog.Logger) *Teller {
	return &Teller{contacts, cases, told(), log}
}

// Tell is what a program that sees records up to a level is told; not ok for
// what it is not told at all.
func (t *Teller) Tell(ev events.Event, level table.Level) (Event, bool) {
	known, is := t.told[ev.Kind]
	if !is {
		return Event{}, false
	}
	one := Event{ID: ev.ID, Type: ev.Kind, At: ev.At.UTC()}
	if t.restricted(ev) {
		one.Restricted = true
		return one, true
	}
	one.Contact, one.Agent, one.Queue, one.Via = ev.Contact, ev.Agent, ev.Queue, ev.Via
	for _, name := range known {
		if v := ev.Data[name]; v != "" && (name != named || level >= table.Referral) {
			if one.Data == nil {
				one.Data = map[string]string{}
			}
			one.Data[name] = v
		}
	}
	return one, true
}

// restricted reports an event that is about somebody who is protected by now. A
// record that cannot be read is taken for one.
func (t *Teller) restricted(ev events.Event) bool {
	if ev.Queue == triage.QueuePrivate || t.restrictedCase(ev.Data["case"]) {
		return true
	}
	if ev.Contact == "" {
		return false
	}
	k, err := t.contacts.Get(ev.Contact)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.log.Error("a contact could not be read; programs are told of it without its identity", "contact", ev.Contact, "error", err)
	}
	return err != nil || k.Restricted() || t.restrictedCase(k.Case)
}

func (t *Teller) restrictedCase(id string) bool {
	if id == "" {
		return false
	}
	cs, err := t.cases.Get(id)
	return err != nil || cs.Restricted()
}
