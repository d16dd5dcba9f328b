package closedown

import (
	"slices"
	"strings"
	"time"

	"hotline/appliance/store"
	"hotline/triage"
)

// This file is what nobody has finished yet when an operation ends, and how it is
// counted.

// Open is what nobody has finished yet.
type Open struct {
	Items     int // of the worklist
	CallBacks int // that were promised
	Calls     int // that run
	Line      bool
	Later     int // entries of the log about records since the export
	Newer     int // items of people who called since the wipe was confirmed
}

// newer counts the open items of people who called after the second person had
// said yes. Nobody has looked at them, so the wipe waits until somebody has: a
// caller is never lost in silence.
func newer(w Worklist, confirmed time.Time) (n int, err error) {
	list, err := w.Worklist(triage.Pick{Limit: mostItems})
	for _, i := range list.Items {
		if i.LastAt.After(confirmed) {
			n++
		}
	}
	return n, err
}

// mostItems are looked through for them; the worklist looks no further.
const mostItems = 5000

// Look counts what is open.
func (k *Keeper) Look() (o Open, err error) {
	items, err := k.cfg.Worklist.CountOpen()
	if err != nil {
		return o, err
	}
	queued, err := k.cfg.Worklist.QueuedCallBacks()
	if err != nil {
		return o, err
	}
	var confirmed time.Time
	o = Open{Items: items, CallBacks: len(queued), Calls: k.cfg.Running(), Line: !k.cfg.Closed()}
	err = k.cfg.Store.View(func(tx *store.Tx) error {
		c, err := read(tx)
		confirmed = c.Confirmed.At
		if err == nil && c.Handed != nil {
			o.Later, err = since(tx, c.Handed.LogMark)
		}
		return err
	})
	if err == nil && !confirmed.IsZero() {
		o.Newer, err = newer(k.cfg.Worklist, confirmed)
	}
	return o, err
}

// since counts the entries of the log about records behind a mark.
func since(tx *store.Tx, mark string) (n int, err error) {
	m, err := store.ParseMark(mark)
	if err != nil {
		return 0, nil // an export of long ago has none
	}
	for ev := range tx.EventLog(m.Seq + 1) {
		kind, _, _ := strings.Cut(ev.Kind, ".")
		if slices.Contains([]string{"contact", "case", "registrant", "card", "shift", "item", "message"}, kind) {
			n++
		}
	}
	return n, nil
}
