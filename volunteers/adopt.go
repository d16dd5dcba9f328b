package volunteers

import (
	"errors"

	"hotline/appliance/history"
	"hotline/appliance/store"
)

// AdoptRegistrants takes over those who registered in another store of this
// box, with what they said. Those who are here already stay as they are. A code
// that somebody else has here is replaced: recoded counts those, whose holders
// were told another one.
func AdoptRegistrants(tx, from *store.Tx) (came, recoded int, err error) {
	for id, r := range registrants.All(from) {
		if _, err := registrants.Get(tx, id); err == nil {
			continue
		} else if !errors.Is(err, store.ErrNotFound) {
			return 0, 0, err
		}
		if first(byCode.IDs(tx, r.Code)) == "" {
			err = byCode.Add(tx, r.Code, r.ID)
		} else {
			recoded++
			r.Code, err = newCode(tx, r.ID)
		}
		if err != nil {
			return 0, 0, err
		}
		if r.Contact != "" {
			if err := byContact.Add(tx, r.Contact, r.ID); err != nil {
				return 0, 0, err
			}
		}
		phone := r.Phone
		r.Phone = ""
		if !phone.Withheld() {
			if err := rephone(tx, &r, phone); err != nil {
				return 0, 0, err
			}
		}
		for _, said := range r.Recordings {
			sound, err := recordings.Get(from, r.ID+"/"+said.Name)
			if err == nil {
				err = recordings.Put(tx, r.ID+"/"+said.Name, sound)
			}
			if err != nil {
				return 0, 0, err
			}
		}
		if err := errors.Join(registrants.Put(tx, r.ID, r),
			registrantHistory.Note(tx, history.Entry{Record: r.ID, Via: r.Source, What: "registered"}, nil, r, "updated_at")); err != nil {
			return 0, 0, err
		}
		came++
	}
	return came, recoded, nil
}
