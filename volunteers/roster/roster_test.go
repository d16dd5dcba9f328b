package roster_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"hotline/appliance/call"
	"hotline/appliance/events"
	"hotline/appliance/proof"
	"hotline/appliance/store"
	"hotline/appliance/store/storetest"
	"hotline/volunteers/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password = "meadow-lantern-43"
	pin      = "482915"
)

// box is a roster with its store; log collects what it writes.
type box struct {
	*roster.Accounts
	store *store.Store
	dir   string
	log   *strings.Builder
}

func open(t *testing.T) *box {
	t.Helper()
	b := &box{store: storetest.Open(t), dir: t.TempDir(), log: &strings.Builder{}}
	b.reopen(t)
	return b
}

// reopen is a restart of the program.
func (b *box) reopen(t *testing.T) {
	t.Helper()
	var err error
	b.Accounts, err = roster.Open(b.store, b.dir, slog.New(slog.NewTextHandler(b.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
}

func (b *box) add(t *testing.T, login string, role roster.Role) roster.Account {
	t.Helper()
	a, err := b.Add(t.Context(), roster.Account{Login: login, Name: strings.ToUpper(login), Role: role}, password, "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (b *box) supervisor(t *testing.T, login, phone string) roster.Account {
	t.Helper()
	a := b.add(t, login, roster.RoleSupervisor)
	a.Phone = call.Number(phone)
	if err := errors.Join(b.Change(t.Context(), a, "boss"), b.SetPIN(t.Context(), a.ID, pin, "boss")); err != nil {
		t.Fatal(err)
	}
	return a
}

// happened returns the events of a kind.
func (b *box) happened(t *testing.T, kind string) []events.Event {
	t.Helper()
	var found []events.Event
	if err := b.store.View(func(tx *store.Tx) error {
		for ev := range tx.EventLog(0) {
			if ev.Kind == kind {
				found = append(found, ev)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestThePermissionTable(t *testing.T) {
	want := map[roster.Role]string{
		roster.RoleAgent:       "desk",
		roster.RoleSupervisor:  "desk floor mode",
		roster.RoleCoordinator: "desk floor mode records export",
		roster.RoleAdmin:       "floor mode records export admin",
		"":                     "",
		"root":                 "",
	}
	all := []roster.Permission{roster.Desk, roster.Floor, roster.Mode, roster.Records, roster.Export, roster.Admin}
	for role, may := range want {
		var got []string
		for _, p := range all {
			if role.May(p) {
				got = append(got, string(p))
			}
		}
		if s := strings.Join(got, " "); s != may {
			t.Errorf("role %q may %q, want %q", role, s, may)
		}
		if role.May("anything else") {
			t.Errorf("role %q may do what is in no table", role)
		}
	}
}

func TestPasswords(t *testing.T) {
	b := open(t)
	anna := b.add(t, "Anna ", roster.RoleAgent)
	if anna.Login != "anna" {
		t.Errorf("the sign-in name is %q", anna.Login)
	}
	got, err := b.Authenticate(t.Context(), "ANNA", password)
	if err != nil || got.ID != anna.ID {
		t.Fatalf("the right password gives %+v, %v", got, err)
	}
	for _, wrong := range []string{"", password + " ", strings.Repeat("x", 1<<20)} {
		if _, err := b.Authenticate(t.Context(), "anna", wrong); err != roster.ErrRefused {
			t.Errorf("a wrong password gives %v", err)
		}
	}
	if _, err := b.Authenticate(t.Context(), "nobody", password); err != roster.ErrRefused {
		t.Errorf("an unknown name gives %v", err)
	}
	if err := b.SetPassword(t.Context(), anna.ID, "three blue umbrellas", "boss"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(t.Context(), "anna", password); err != roster.ErrRefused {
		t.Errorf("the old password gives %v", err)
	}
	anna.Disabled = true
	if err := b.Change(t.Context(), anna, "boss"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(t.Context(), "anna", "three blue umbrellas"); err != roster.ErrRefused {
		t.Errorf("a disabled account gives %v", err)
	}
	// One letter in two notations is one password.
	bob := b.add(t, "bob", roster.RoleAgent)
	if err := b.SetPassword(t.Context(), bob.ID, "caf\u00e9 on the corner", "boss"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(t.Context(), "bob", "cafe\u0301 on the corner"); err != nil {
		t.Errorf("the same password typed on another keyboard gives %v", err)
	}
}

// An unknown name must cost a hash too, or a clock tells who works here. The
// bound is loose, for a hash takes thousands of times longer than looking up.
func TestUnknownTakesAsLongAsKnown(t *testing.T) {
	b := open(t)
	b.supervisor(t, "sofia", "+12025550123")
	took := func(f func() error) time.Duration {
		var all []time.Duration
		for range 5 {
			began := time.Now()
			if err := f(); err == nil {
				t.Fatal("let in")
			}
			all = append(all, time.Since(began))
		}
		return slices.Min(all)
	}
	ctx := t.Context()
	for _, tc := range []struct {
		name           string
		known, unknown func() error
	}{
		{"password", func() error { _, err := b.Authenticate(ctx, "sofia", "wrong password!"); return err },
			func() error { _, err := b.Authenticate(ctx, "nobody", "wrong password!"); return err }},
		{"PIN", func() error { _, err := b.AuthenticatePhone(ctx, "+12025550123", "000000", roster.Mode); return err },
			func() error { _, err := b.AuthenticatePhone(ctx, "+12025550199", "000000", roster.Mode); return err }},
	} {
		if k, u := took(tc.known), took(tc.unknown); u < k/4 || k < u/4 {
			t.Errorf("%s: %v for a known one, %v for an unknown one", tc.name, k, u)
		}
	}
}

func TestRefusedAccountsAndSecrets(t *testing.T) {
	b := open(t)
	taken := b.supervisor(t, "taken", "+12025550123")
	good := roster.Account{Login: "new", Name: "New", Role: roster.RoleAgent}
	for _, tc := range []struct {
		name     string
		change   func(*roster.Account)
		password string
		why      string
	}{
		{"name in use", func(a *roster.Account) { a.Login = "TAKEN" }, password, "in use"},
		{"login with a space", func(a *roster.Account) { a.Login = "new one" }, password, "sign-in name"},
		{"login too short", func(a *roster.Account) { a.Login = "n" }, password, "sign-in name"},
		{"no name", func(a *roster.Account) { a.Name = " " }, password, "name"},
		{"no role", func(a *roster.Account) { a.Role = "" }, password, "role"},
		{"invented role", func(a *roster.Account) { a.Role = "root" }, password, "role"},
		{"local number", func(a *roster.Account) { a.Phone = "5550123" }, password, "country code"},
		{"short password", nil, "elevenchars", "at least 12"},
		{"monotonous password", nil, "aaaaaaaaaaaaaaaa", "easy to guess"},
		{"own name as password", func(a *roster.Account) { a.Login = "hotlineteam" }, "hotlineteam1", "easy to guess"},
		{"endless password", nil, strings.Repeat("abcdef", 50), "longer than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := good
			if tc.change != nil {
				tc.change(&a)
			}
			if _, err := b.Add(t.Context(), a, tc.password, "boss"); err == nil || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("error %v, want one that says %q", err, tc.why)
			}
		})
	}
	for _, weak := range []string{"", "12345", "1234567890123", "123456", "890123", "654321", "777777", "550123", "48a915"} {
		if err := b.SetPIN(t.Context(), taken.ID, weak, "boss"); weak != "" && err == nil {
			t.Errorf("the PIN %s was accepted", weak)
		}
	}
	second := b.add(t, "second", roster.RoleSupervisor)
	if err := b.SetPIN(t.Context(), second.ID, pin, "boss"); err == nil || !strings.Contains(err.Error(), "telephone number") {
		t.Errorf("a PIN without a number gives %v", err)
	}
}

func TestOneNumberSelectsOneSupervisor(t *testing.T) {
	b := open(t)
	b.supervisor(t, "first", "+12025550123")
	second := b.add(t, "second", roster.RoleSupervisor)
	second.Phone = "+12025550123"
	if err := b.Change(t.Context(), second, "boss"); err != nil {
		t.Fatalf("sharing a number without a PIN: %v", err)
	}
	if err := b.SetPIN(t.Context(), second.ID, pin, "boss"); !errors.Is(err, roster.ErrPhone) {
		t.Errorf("a second PIN for the number gives %v", err)
	}
	second.Phone = "+12025550124"
	if err := errors.Join(b.Change(t.Context(), second, "boss"), b.SetPIN(t.Context(), second.ID, "719360", "boss")); err != nil {
		t.Fatal(err)
	}
	for phone, code := range map[call.Number]string{"+12025550123": pin, "+12025550124": "719360"} {
		if _, err := b.AuthenticatePhone(t.Context(), phone, code, roster.Mode); err != nil {
			t.Errorf("%s: %v", string(phone), err)
		}
	}
	if _, err := b.AuthenticatePhone(t.Context(), "+12025550124", pin, roster.Mode); err != roster.ErrPIN {
		t.Errorf("the PIN of somebody else gives %v", err)
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	b := open(t)
	admin := b.add(t, "admin", roster.RoleAdmin)
	other := b.add(t, "other", roster.RoleAdmin)
	other.Disabled = true
	if err := b.Change(t.Context(), other, admin.ID); err != nil {
		t.Fatal(err)
	}
	demoted, disabled := admin, admin
	demoted.Role, disabled.Disabled = roster.RoleAgent, true
	for _, a := range []roster.Account{demoted, disabled} {
		if err := b.Change(t.Context(), a, admin.ID); err != roster.ErrLastAdmin {
			t.Errorf("taking away the last administrator gives %v", err)
		}
	}
}

func TestThePINLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		sofia := b.supervisor(t, "sofia", "+12025550123")
		b.supervisor(t, "tomas", "+12025550124")
		try := func(from call.Number, code string) error {
			account, err := b.AuthenticatePhone(t.Context(), from, code, roster.Mode)
			if err == nil && account.Phone != from {
				t.Errorf("%s was let in as %s", string(from), account.Login)
			}
			return err
		}
		must := func(what string, err, want error) {
			t.Helper()
			if err != want {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		must("the right PIN", try("+12025550123", pin), nil)
		must("a withheld number", try("", pin), roster.ErrPIN)
		must("wrong", try("+12025550123", "111111"), roster.ErrPIN)
		must("wrong", try("+12025550123", "111112"), roster.ErrPIN)
		must("right after two wrong", try("+12025550123", pin), nil)
		for range 3 {
			must("wrong", try("+12025550123", "111111"), roster.ErrPIN)
		}
		must("right after three wrong", try("+12025550123", pin), roster.ErrPIN)
		must("somebody else meanwhile", try("+12025550124", pin), nil)

		locked := b.happened(t, roster.EventLocked)
		if len(locked) != 1 || locked[0].Agent != sofia.ID {
			t.Errorf("events of the lock: %+v", locked)
		}
		b.reopen(t) // a restart does not unlock
		must("right after a restart", try("+12025550123", pin), roster.ErrPIN)
		if _, err := b.Authenticate(t.Context(), "sofia", password); err != nil {
			t.Errorf("while the PIN is locked the password gives %v", err)
		}
		time.Sleep(15*time.Minute + time.Second)
		must("right after 15 minutes", try("+12025550123", pin), nil)

		if log := b.log.String(); strings.Contains(log, pin) || strings.Contains(log, "111111") || strings.Contains(log, "2025550123") {
			t.Errorf("the log holds a PIN or a number:\n%s", log)
		}
	})
}

func TestTenWrongPINsAnHourLockTheLineForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		for i := range 5 {
			b.supervisor(t, fmt.Sprint("super", i), fmt.Sprint("+1202555013", i))
		}
		for i := range 30 { // nobody's number guesses nothing and locks nothing
			if _, err := b.AuthenticatePhone(t.Context(), call.Number(fmt.Sprint("+1202555019", i)), "111111", roster.Mode); err != roster.ErrPIN {
				t.Fatal(err)
			}
		}
		if _, err := b.AuthenticatePhone(t.Context(), "+12025550134", pin, roster.Mode); err != nil {
			t.Fatalf("after strangers' calls: %v", err)
		}
		for i := range 10 {
			_, err := b.AuthenticatePhone(t.Context(), call.Number(fmt.Sprint("+1202555013", i/2)), "111111", roster.Mode)
			if err != roster.ErrPIN {
				t.Fatal(err)
			}
		}
		if _, err := b.AuthenticatePhone(t.Context(), "+12025550134", pin, roster.Mode); err != roster.ErrPIN {
			t.Errorf("after ten wrong PINs a right one gives %v", err)
		}
		if got := b.happened(t, roster.EventLocked); len(got) != 1 || !strings.Contains(got[0].Data["why"], "everybody") {
			t.Errorf("events: %+v", got)
		}
		time.Sleep(time.Hour)
		if _, err := b.AuthenticatePhone(t.Context(), "+12025550134", pin, roster.Mode); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}

// TestADayOfGuessing guesses without a pause, for five people in turn. How many of
// the guesses were looked at, the log says: what is refused unseen guesses nothing.
func TestADayOfGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		for i := range 5 {
			b.supervisor(t, fmt.Sprint("super", i), fmt.Sprint("+1202555013", i))
		}
		hours, guesses := proof.Rounds(2, 24), 0
		for end := time.Now().Add(time.Duration(hours) * time.Hour); time.Now().Before(end); time.Sleep(4 * time.Minute) {
			if _, err := b.AuthenticatePhone(t.Context(), call.Number(fmt.Sprint("+1202555013", guesses%5)), "111111", roster.Mode); err != roster.ErrPIN {
				t.Fatal(err)
			}
			guesses++
		}
		looked, unseen := strings.Count(b.log.String(), `reason="wrong PIN"`), strings.Count(b.log.String(), "locked")
		if looked > 10*hours || looked < 5*hours || looked+unseen != guesses {
			t.Errorf("of %d guesses in %d hours %d were looked at and %d refused unseen", guesses, hours, looked, unseen)
		}
		proof.Note(t, proof.Result{Promise: "guessing", Figure: fmt.Sprintf("of %d guesses for five people within %d hours %d were looked at", guesses, hours, looked),
			Control: fmt.Sprintf("the other %d were made, too, and refused unseen", unseen)})
	})
}

func TestAPINIsWorthlessWithoutItsKeyFile(t *testing.T) {
	b := open(t)
	b.supervisor(t, "sofia", "+12025550123")
	if err := os.Remove(filepath.Join(b.dir, "pin.key")); err != nil {
		t.Fatal(err)
	}
	b.reopen(t)
	if _, err := b.AuthenticatePhone(t.Context(), "+12025550123", pin, roster.Mode); err != roster.ErrPIN {
		t.Errorf("without the key file the PIN gives %v", err)
	}
	if !strings.Contains(b.log.String(), "set again") {
		t.Errorf("the log does not say what to do:\n%s", b.log)
	}
}

func TestTheLogTellsWhoDidWhat(t *testing.T) {
	b := open(t)
	sofia := b.supervisor(t, "sofia", "+12025550123")
	if _, _, err := b.SignIn(t.Context(), "sofia", password, "10.0.0.7"); err != nil {
		t.Fatal(err)
	}
	for kind, by := range map[string]string{
		roster.EventCreated: "", roster.EventChanged: "boss", roster.EventPINSet: "boss", roster.EventSignedIn: sofia.ID,
	} {
		got := b.happened(t, kind)
		if len(got) != 1 || got[0].Agent != sofia.ID || got[0].By != by {
			t.Errorf("%s: %+v", kind, got)
		}
		for _, ev := range got {
			if s := fmt.Sprint(ev.Data); strings.Contains(s, "2025550123") || strings.Contains(s, pin) || strings.Contains(s, password) {
				t.Errorf("%s tells a secret: %s", kind, s)
			}
		}
	}
}
