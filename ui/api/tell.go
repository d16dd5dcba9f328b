package api

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"hotline/appliance/events"
	"hotline/appliance/store"
	"hotline/appliance/table"
	"hotline/appliance/webhooks"
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

// Topics are what events are about, for those who choose.
const (
	TopicCalls   = "calls"
	TopicCases   = "cases"
	TopicPeople  = "people"  // registered volunteers and their hours
	TopicRoom    = "room"    // phone volunteers
	TopicHotline = "hotline" // mode, lines, bulletins, parts

	// topicErasures is told to everybody: whoever keeps what is told must hear of
	// whom to forget.
	topicErasures = "erasures"
)

// Topics are those that can be chosen.
func Topics() []string {
	return []string{TopicCalls, TopicCases, TopicPeople, TopicRoom, TopicHotline}
}

// telling is what programs hear of one kind of events.
type telling struct {
	topic string
	data  []string // by their names; no others
}

// told names the events that programs hear of, and what of their data. What is
// not here is not told: the log also says who signed in and who looked at whom.
func told() map[string]telling {
	return map[string]telling{
		"hotline.started":         {TopicHotline, nil},
		"contact.started":         {TopicCalls, []string{"channel", "direction"}},
		"contact.entered":         {TopicCalls, []string{"channel"}},
		"contact.connected":       {TopicCalls, nil},
		"contact.transferred":     {TopicCalls, []string{"kind"}},
		"contact.ended":           {TopicCalls, []string{"outcome", "by", "language", "wait_s", "talk_s"}},
		"contact.alarm":           {TopicCalls, nil},
		"contact.alarm_withdrawn": {TopicCalls, nil},
		"queue.entered":           {TopicCalls, []string{"language"}},
		"queue.abandoned":         {TopicCalls, nil},
		"queue.closed":            {TopicHotline, []string{"name"}},
		"queue.opened":            {TopicHotline, []string{"name"}},
		"queue.change_undone":     {TopicHotline, []string{"name"}},
		"offer.started":           {TopicCalls, nil},
		"offer.missed":            {TopicCalls, nil},
		"offer.declined":          {TopicCalls, nil},
		"acw.ended":               {TopicCalls, []string{"disposition"}},
		"agent.state":             {TopicRoom, []string{"state", "was", "reason"}},
		"agent.steered":           {TopicRoom, []string{"state", "was", "reason", "name"}},
		"case.opened":             {TopicCases, []string{"case", "level"}},
		"case.updated":            {TopicCases, []string{"case", "level", "what", "status"}},
		"case.red":                {TopicCases, []string{"case"}},
		"item.opened":             {TopicCalls, []string{"item", "kind"}},
		"item.changed":            {TopicCalls, []string{"item", "kind"}},
		"item.closed":             {TopicCalls, []string{"item", "kind", "why"}},
		"callback.promised":       {TopicCalls, nil},
		"voicemail.kept":          {TopicCalls, nil},
		"registrant.saved":        {TopicPeople, []string{"registrant", "what"}},
		"registrant.changed":      {TopicPeople, []string{"registrant", "what"}},
		"registrant.moved":        {TopicPeople, []string{"registrant", "from", "to", "what"}},
		"registrant.erased":       {topicErasures, []string{"registrant"}},
		"person.erased":           {topicErasures, []string{"contacts", "cases", "registrants", "cards"}},
		"records.expired":         {topicErasures, []string{"contacts", "messages", "cases", "registrants"}},
		"shift.checked_in":        {TopicPeople, []string{"registrant", "shift"}},
		"shift.checked_out":       {TopicPeople, []string{"registrant", "shift"}},
		"card.added":              {TopicCases, []string{"card", "kind"}},
		"card.changed":            {TopicCases, []string{"card", "kind"}},
		"card.erased":             {topicErasures, []string{"card", "kind"}},
		"mode.changed":            {TopicHotline, []string{"from", "to", "expires", "name"}},
		"mode.expired":            {TopicHotline, []string{"from", "to"}},
		"mode.undone":             {TopicHotline, []string{"from", "to", "name"}},
		"load.changed":            {TopicHotline, []string{"from", "to", "waiting", "wait_s", "agents"}},
		"bulletin.published":      {TopicHotline, []string{"bulletin", "language", "valid_until", "name"}},
		"bulletin.renewed":        {TopicHotline, []string{"bulletin", "language", "valid_until", "name"}},
		"bulletin.withdrawn":      {TopicHotline, []string{"bulletin", "language", "name"}},
		"bulletin.expired":        {TopicHotline, []string{"bulletin", "language"}},
		"bulletin.undone":         {TopicHotline, []string{"bulletin", "language", "name"}},
		"export.made":             {TopicHotline, []string{"export", "set", "format", "level", "rows"}},
		"part.switched":           {TopicHotline, []string{"part", "state", "name"}},
		"scenario.chosen":         {TopicHotline, []string{"scenario"}},
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
	told     map[string]telling
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
	for _, name := range known.data {
		if v := ev.Data[name]; v != "" && (name != named || level >= table.Referral) {
			if one.Data == nil {
				one.Data = map[string]string{}
			}
			one.Data[name] = v
		}
	}
	return one, true
}

// Message is what other systems are told, which are shown no more than the lowest
// level (I2).
func (t *Teller) Message(ev events.Event) (webhooks.Message, bool) {
	one, ok := t.Tell(ev, table.Coordination)
	topic := t.told[ev.Kind].topic
	return webhooks.Message{ID: one.ID, Type: one.Type, Topic: topic, Every: topic == topicErasures, At: one.At, Data: one}, ok
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
