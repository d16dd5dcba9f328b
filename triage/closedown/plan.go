package closedown

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"hotline/appliance/backup"
	"hotline/appliance/export"
	"hotline/appliance/store"
	"hotline/appliance/wipe"
	"hotline/triage"
	"hotline/volunteers/roster"
)

// ErrNotDue says that the records are not to be wiped now: somebody has stopped
// it, or called.
var ErrNotDue = errors.New("the wipe does not begin now")

// counted are the kinds of records that a certificate counts: the names of
// their tables.
func counted() []string {
	return []string{"contacts", "cases", "registrants", "cards", "items", "shift_entries", "round_people", "recordings", "blobs"}
}

// Kinds are the kinds of records that a certificate counts.
func Kinds() []string { return counted() }

// Plan is what a wipe begins with, read from records that nobody uses any more.
// Kept are the tables that go over as they are.
func Plan(s *store.Store, operation, program string, kept []string, now time.Time) (plan wipe.Plan, err error) {
	err = s.View(func(tx *store.Tx) error {
		c, err := read(tx)
		if err != nil {
			return err
		}
		if c.Step(now) != StepWait || now.Before(c.Due) {
			return ErrNotDue
		}
		cert := wipe.Certificate{ID: c.ID, Operation: operation, Program: program, Began: now.UTC(), Asked: c.Asked, Confirmed: c.Confirmed,
			Export: c.Handed, NoExport: c.NoExport, Receiver: c.Receiver, Keep: c.Keep}
		for _, kind := range counted() {
			n, err := tx.Count(kind)
			if err != nil {
				return err
			}
			cert.Records = append(cert.Records, wipe.Count{Kind: kind, Count: n})
		}
		if c.Handed != nil {
			if cert.Later, err = since(tx, c.Handed.LogMark); err != nil {
				return err
			}
		}
		for range tx.EventLog(1) {
			cert.Entries++
		}
		for _, ord := range export.OrdersOf(tx) {
			cert.Left = append(cert.Left, wipe.Left{What: wipe.LeftExports, Where: ord.Place.String()})
		}
		plan = wipe.Plan{Certificate: cert, Before: backup.PlacesBefore(tx)}
		plan.Texts, err = sample(tx)
		return err
	})
	if err != nil {
		return plan, err
	}
	contacts := triage.NewContacts(s)
	if plan.Certificate.Open, err = contacts.CountOpen(); err != nil {
		return plan, err
	}
	if n, err := newer(contacts, plan.Certificate.Confirmed.At); err != nil || n > 0 {
		return plan, errors.Join(err, ErrNotDue) // somebody called in the last moment
	}
	if err := s.View(func(tx *store.Tx) error { // on paper only: who will stay
		list, err := roster.Staying(tx, plan.Certificate.Keep)
		plan.Certificate.Accounts = list
		return err
	}); err != nil {
		return plan, err
	}
	keep := plan.Certificate.Keep
	plan.Carry = func(to, from *store.Tx) error {
		_, err := roster.Carry(to, from, keep)
		return errors.Join(err, to.Carry(from, kept...))
	}
	return plan, nil
}

// ofEach is how many records of a kind are taken as a sample.
const ofEach = 30

// sample are names and numbers of people, taken by chance from all records of
// them.
func sample(tx *store.Tx) (texts []string, err error) {
	taken, seen := map[string][][]byte{}, map[string]int{}
	err = tx.EachValue(func(table, _ string, value []byte) {
		kind := strings.TrimPrefix(table, "table:")
		if !slices.Contains([]string{"contacts", "cases", "registrants", "cards", "round_people"}, kind) {
			return
		}
		seen[kind]++
		if len(taken[kind]) < ofEach {
			taken[kind] = append(taken[kind], bytes.Clone(value))
		} else if at := rand.IntN(seen[kind]); at < ofEach {
			taken[kind][at] = bytes.Clone(value)
		}
	})
	for _, list := range taken {
		for _, value := range list {
			var record any
			if err := json.Unmarshal(value, &record); err != nil {
				return nil, err
			}
			texts = append(texts, personal(record, false)...)
		}
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	rand.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	return texts, err
}

// personal are the texts of a record that are names or numbers of people, by
// the names of their fields.
func personal(value any, is bool) (texts []string) {
	switch v := value.(type) {
	case string:
		if is {
			texts = append(texts, strings.TrimPrefix(v, "+"))
		}
	case []any:
		for _, one := range v {
			texts = append(texts, personal(one, is)...)
		}
	case map[string]any:
		for field, one := range v {
			texts = append(texts, personal(one, who(field))...)
		}
	}
	return texts
}

func who(field string) bool {
	if field == "agent_name" { // somebody who works here, and may stay
		return false
	}
	return field == "caller" || field == "call_back" || strings.Contains(field, "name") || strings.Contains(field, "phone") || strings.Contains(field, "number")
}
