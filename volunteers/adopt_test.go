package volunteers

import (
	"context"
	"testing"

	"hotline/appliance/lists/liststest"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// Somebody registered in another store of the box under a code that is taken
// here: both have a code of their own afterwards, and taking over again changes
// nothing.
func TestACodeThatIsTakenIsReplaced(t *testing.T) {
	here, there := storetest.Open(t), storetest.Open(t)
	held, err := NewRegistry(here, liststest.Open(t, here)).Save(t.Context(), Registrant{Contact: "1", Source: "phone", Phone: "+12024561181"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	came, err := NewRegistry(there, liststest.Open(t, there)).Save(t.Context(), Registrant{Contact: "2", Source: "phone", Phone: "+12024561181"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Update(context.Background(), func(tx *store.Tx) error {
		came.Code = held.Code
		return registrants.Put(tx, came.ID, came)
	}); err != nil {
		t.Fatal(err)
	}
	for round, want := range []int{1, 0} {
		if err := here.Update(context.Background(), func(tx *store.Tx) error {
			return there.View(func(from *store.Tx) error {
				n, recoded, err := AdoptRegistrants(tx, from)
				if n != want || recoded != want {
					t.Errorf("round %d: %d came, %d with a new code", round, n, recoded)
				}
				return err
			})
		}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewRegistry(here, liststest.Open(t, here)).Get(came.ID)
	if err != nil || r.Code == held.Code || len(r.SamePhone) != 1 || r.SamePhone[0] != held.ID {
		t.Errorf("who came is %+v (%v)", r, err)
	}
	if holder, err := NewRegistry(here, liststest.Open(t, here)).ByCode(held.Code); err != nil || holder.ID != held.ID {
		t.Errorf("the code leads to %s now (%v)", holder.ID, err)
	}
}
