package intake

import (
	"errors"
	"slices"
	"time"

	"hotline/appliance/store"
)

// Aged returns the imports that ended so long ago that what is left of them goes,
// among limit behind the id after, and where to go on; "" is the end. One that
// still runs is never among them.
func Aged(tx *store.Tx, days int, now time.Time, after string, limit int) (ids []string, next string, err error) {
	list, next, err := imports.After(tx, after, limit)
	for _, i := range list {
		ended := slices.Contains([]State{Done, Failed, Undone}, i.State)
		if days > 0 && ended && now.Sub(i.Ended) > time.Duration(days)*24*time.Hour {
			ids = append(ids, i.ID)
		}
	}
	return ids, next, err
}

// Expire removes what is left of an import: the name of the file, where the people
// in it agreed, and what is needed to take it back. What it has brought stays, and
// says in its history where it comes from; the log has the counts.
func Expire(tx *store.Tx, id string) error {
	var parts []string
	for key := range importRecords.Prefix(tx, id+"/") {
		parts = append(parts, key)
	}
	errs := []error{imports.Delete(tx, id)}
	for _, key := range parts {
		errs = append(errs, importRecords.Delete(tx, key))
	}
	return errors.Join(errs...)
}
