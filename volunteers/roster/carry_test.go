package roster

import (
	"errors"
	"log/slog"
	"slices"
	"testing"

	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
)

// Those who stay sign in and prove themselves in the new records as in the old
// ones; nobody else does, and no session goes over.
func TestAccountsGoOverAsChosen(t *testing.T) {
	const password = "correct horse battery"
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	from := storetest.Open(t)
	old, err := Open(from, dir, log)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[Role]string{}
	for _, role := range Roles() {
		account, err := old.Add(t.Context(), Account{Login: string(role), Name: "Amal", Role: role}, password, "")
		if err != nil {
			t.Fatal(err)
		}
		ids[role] = account.ID
	}
	number := Account{ID: ids[RoleSupervisor], Login: "supervisor", Name: "Amal", Role: RoleSupervisor, Phone: "+12024561111"}
	gone := Account{ID: ids[RoleCoordinator], Login: "coordinator", Name: "Amal", Role: RoleCoordinator, Disabled: true}
	if err := errors.Join(old.Change(t.Context(), number, ""), old.Change(t.Context(), gone, ""), old.SetPIN(t.Context(), ids[RoleSupervisor], "704913", "")); err != nil {
		t.Fatal(err)
	}
	token, _, err := old.SignIn(t.Context(), "admin", password, "here")
	if err != nil {
		t.Fatal(err)
	}
	for which, stay := range map[string][]Role{KeepAdmins: {RoleAdmin}, KeepLeads: {RoleSupervisor, RoleAdmin}, KeepAll: {RoleAgent, RoleSupervisor, RoleAdmin}} {
		to := storetest.Open(t)
		if err := to.Update(t.Context(), func(tx *store.Tx) error {
			return from.View(func(was *store.Tx) error {
				n, err := Carry(tx, was, which)
				if m, countErr := Staying(was, which); n != len(stay) || m != n || countErr != nil {
					t.Errorf("%s: %d and %d go over, want %d", which, n, m, len(stay))
				}
				return err
			})
		}); err != nil {
			t.Fatal(err)
		}
		fresh, err := Open(to, dir, log)
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range Roles() {
			if _, err := fresh.Get(ids[role]); slices.Contains(stay, role) != (err == nil) {
				t.Errorf("%s: %s is there: %v", which, role, err)
			}
		}
		if _, err := fresh.Authenticate(t.Context(), "supervisor", password); slices.Contains(stay, RoleSupervisor) != (err == nil) {
			t.Errorf("%s: a supervisor signs in: %v", which, err)
		}
		if _, err := fresh.Visit(t.Context(), token); err == nil {
			t.Errorf("%s: a session goes over", which)
		}
		if _, err := fresh.AuthenticatePhone(t.Context(), "+12024561111", "704913", Mode); (err == nil) != (which != KeepAdmins) {
			t.Errorf("%s: the PIN of the supervisor: %v", which, err)
		}
		if err := fresh.Prove(t.Context(), ids[RoleAdmin], password, ""); err != nil {
			t.Errorf("%s: an administrator proves to be one: %v", which, err)
		}
	}
	for range freeTries {
		if err := old.Prove(t.Context(), ids[RoleAdmin], "something else", ""); !errors.Is(err, ErrRefused) {
			t.Errorf("a wrong password: %v", err)
		}
	}
	var soon TooSoon
	if err := old.Prove(t.Context(), ids[RoleAdmin], password, ""); !errors.As(err, &soon) {
		t.Errorf("after guessing: %v", err)
	}
}
