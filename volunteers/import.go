package volunteers

import (
	"errors"
	"slices"
	"strings"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/erasures"
	"hotline/appliance/history"
	"hotline/appliance/lists"
	"hotline/appliance/store"
)

// People who come in a file, from another organisation or from an export of a
// hotline. Who has come that way is registered like everybody else: nobody has
// spoken with them, whatever the file says about their status elsewhere.

// ImportFields are the answers that a file may bring.
func ImportFields() []string { return editable() }

// ErrErased refuses a person who was erased here: an old file must not bring
// them back.
var ErrErased = errors.New("this person was erased from the records of this hotline")

// Alike looks for the person of a row among those who are registered: the same
// person by the id of an export, by number and name, or by code with one of the
// two. Others have one of the numbers or the e-mail address: a family, or the
// same person under another name.
func Alike(tx *store.Tx, r Registrant) (same Registrant, others []Registrant, err error) {
	if r.ID != "" {
		same, err = registrants.Get(tx, r.ID)
		switch {
		case err == nil && !same.Erased.IsZero():
			return same, nil, ErrErased
		case err == nil || !errors.Is(err, store.ErrNotFound):
			return same, nil, err
		}
	}
	same = Registrant{}
	var ids []string
	for _, number := range []call.Number{r.Phone, r.Phone2} {
		if number.Withheld() {
			continue
		}
		for id := range byPhone.IDs(tx, tx.Digest(string(number))) {
			ids = append(ids, id)
		}
	}
	if r.Code != "" {
		for id := range byCode.IDs(tx, r.Code) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		other, err := registrants.Get(tx, id)
		if err != nil {
			return same, nil, err
		}
		number := slices.ContainsFunc([]call.Number{other.Phone, other.Phone2}, func(n call.Number) bool { return !n.Withheld() && (n == r.Phone || n == r.Phone2) })
		name := called(other) == called(r)
		switch {
		case number && (name || called(r) == "" || called(other) == ""), other.Code == r.Code && name && called(r) != "":
			if same.ID == "" || same.DuplicateOf != "" {
				same = other
			}
		case number:
			others = append(others, other)
		}
	}
	return same, others, nil
}

// called is a name without what people write now this way, now that.
func called(r Registrant) string {
	return strings.ToLower(strings.Join(strings.Fields(r.GivenName+" "+r.FamilyName), " "))
}

// Called is the name by which two rows of a file are compared.
func (r Registrant) Called() string { return called(r) }

// Import registers the person of a row, in the transaction of an import, and
// says so in the history: why is where these people agreed. The time of the
// registration is kept if the file has one.
func Import(tx *store.Tx, l *lists.Keeper, r Registrant, by, why string, registered time.Time) (Registrant, error) {
	if err := r.Valid(l); err != nil {
		return r, err
	}
	r.ID, r.Code, r.Status, r.Source = "", "", "", "import"
	r.Consent = Consent{Given: true, At: tx.Now(), Version: "import-1", How: "import"}
	r.PlaceCode = l.PlaceCode(r.Place)
	next, err := begin(tx, r)
	if err != nil {
		return r, err
	}
	next.EnteredAt, next.EnteredBy = tx.Now(), by
	if !registered.IsZero() && registered.Before(tx.Now()) {
		next.RegisteredAt = registered.UTC()
	}
	next.Incomplete = len(next.Missing()) > 0
	return next, errors.Join(registrants.Put(tx, next.ID, next),
		registrantHistory.Note(tx, history.Entry{Record: next.ID, By: by, Via: "import", What: "imported", Why: why}, nil, next))
}

// ChangedSinceImport reports that somebody has worked with a person since the
// import: answers, status, hours or a PIN.
func ChangedSinceImport(tx *store.Tx, id string) (bool, error) {
	r, err := registrants.Get(tx, id)
	if err != nil {
		return false, err
	}
	past := registrantHistory.Of(tx, id)
	pin, err := pinOf(tx, id)
	return len(past) != 1 || past[0].Via != "import" || !past[0].At.Equal(r.UpdatedAt) || len(shiftsOf(tx, id)) > 0 || pin != (pinRecord{}), err
}

// Unimport takes a person out of the records as if they had never been in a
// file.
func Unimport(tx *store.Tx, id string) error {
	r, err := registrants.Get(tx, id)
	if err != nil {
		return err
	}
	errs := []error{registrantHistory.Forget(tx, id), byCode.Remove(tx, r.Code, id), registrants.Delete(tx, id), erasures.Leave(tx, TableRegistrants, id, false)}
	if !r.Phone.Withheld() {
		errs = append(errs, byPhone.Remove(tx, tx.Digest(string(r.Phone)), id))
	}
	return errors.Join(errs...)
}
