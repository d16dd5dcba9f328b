package triage

import (
	"errors"
	"maps"
	"strings"
	"time"

	"hotline/appliance/store"
)

// AdoptContacts takes over the contacts of another store of this box, with
// their messages and what the log says of them, in the times at which it
// happened. Calls must not run there any more (Recover), and the files of the
// sound are brought afterwards (store.LinkBlobs). Contacts that are here already
// stay as they are. It returns how many came, and how many messages.
//
// What the hotline tells from numbers (whom to fold, who is the same person) is
// made anew here: there it is under another key.
func AdoptContacts(tx, from *store.Tx) (came, messages int, err error) {
	fresh := map[string]Contact{}
	var order []string
	for id, k := range contacts.All(from) {
		if _, err := contacts.Get(tx, id); err == nil {
			continue
		} else if !errors.Is(err, store.ErrNotFound) {
			return 0, 0, err
		}
		fresh[id] = k
		order = append(order, id)
	}
	for ev := range from.EventLog(0) {
		k, known := fresh[ev.Contact]
		if !known || ev.Kind == EventCounted || strings.HasPrefix(ev.Kind, "item.") { // those are written when the contact is stored
			continue
		}
		data := map[string]string{"at": ev.At.UTC().Format(time.RFC3339Nano)}
		maps.Copy(data, ev.Data) // one that was late there already keeps its time
		if data["person"] != "" {
			if data["person"], err = personOf(tx, k.Caller, k.ID); err != nil {
				return 0, 0, err
			}
		}
		ev.Data = data
		tx.Emit(ev)
	}
	for _, id := range order {
		k := fresh[id]
		for _, m := range k.Messages {
			switch err := tx.AdoptBlob(from, m.Blob); {
			case err == nil:
				messages++
			case m.Seconds == 0 && (errors.Is(err, store.ErrUnfinished) || errors.Is(err, store.ErrNotFound)): // nothing was said into it
			default:
				return 0, 0, err
			}
		}
		k.Item = "" // of the worklist there
		if err := errors.Join(indexCaller(tx, k), putContact(tx, &k)); err != nil {
			return 0, 0, err
		}
	}
	return len(order), messages, nil
}
