package roster_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hotline/volunteers/roster"
)

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		admin := b.add(t, "admin", roster.RoleAdmin)
		anna := b.add(t, "anna", roster.RoleAgent)
		in := func(login string) string {
			t.Helper()
			token, _, err := b.SignIn(t.Context(), login, password, "192.168.7.20")
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		valid := func(token string) bool {
			t.Helper()
			_, err := b.Visit(t.Context(), token)
			if err != nil && !errors.Is(err, roster.ErrNoSession) {
				t.Error(err)
			}
			return err == nil
		}
		first, second := in("anna"), in("anna")
		if first == second || len(first) < 22 {
			t.Errorf("tokens %q and %q", first, second)
		}
		if got, err := b.Visit(t.Context(), first); err != nil || got.ID != anna.ID {
			t.Errorf("the session is of %+v, %v", got, err)
		}
		if valid("") || valid(first+"x") {
			t.Error("an invented token is valid")
		}

		time.Sleep(11 * time.Hour)
		if !valid(first) {
			t.Error("over after 11 hours")
		}
		b.reopen(t)
		if !valid(first) {
			t.Error("the session did not survive a restart")
		}
		time.Sleep(2 * time.Hour)
		if valid(second) {
			t.Error("a session unused for 13 hours is valid")
		}
		time.Sleep(11*time.Hour + time.Minute)
		if valid(first) {
			t.Error("a session is valid after 24 hours")
		}

		boss := in("admin")
		time.Sleep(16 * time.Minute)
		if valid(boss) {
			t.Error("an administrator's session unused for 16 minutes is valid")
		}

		for what, end := range map[string]func() error{
			"signing out":     func() error { return b.SignOut(t.Context(), first) },
			"a new password":  func() error { return b.SetPassword(t.Context(), anna.ID, password, admin.ID) },
			"another role":    func() error { anna.Role = roster.RoleSupervisor; return b.Change(t.Context(), anna, admin.ID) },
			"signing out all": func() error { return b.SignOutAll(t.Context(), anna.ID, "", admin.ID) },
		} {
			first = in("anna")
			live := b.Ended(first)
			if err := end(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-live:
			default:
				t.Errorf("%s leaves a live page open", what)
			}
			if valid(first) {
				t.Errorf("%s leaves the session valid", what)
			}
			b.reopen(t)
			if valid(first) {
				t.Errorf("after %s and a restart the session is valid again", what)
			}
		}
		first, second = in("anna"), in("anna")
		if err := b.SignOutAll(t.Context(), anna.ID, second, anna.ID); err != nil || valid(first) || !valid(second) {
			t.Errorf("signing out elsewhere: %v", err)
		}
		anna.Disabled = true
		if err := b.Change(t.Context(), anna, admin.ID); err != nil || valid(second) {
			t.Errorf("a disabled account is still signed in (%v)", err)
		}
		if _, err := b.Begin(t.Context(), anna.ID, ""); err == nil {
			t.Error("a disabled account can begin a session")
		}
	})
}

func TestGuessingPasswordsSlowsDownAndNeverLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		b.add(t, "anna", roster.RoleAgent)
		try := func(source, secret string) error {
			_, _, err := b.SignIn(t.Context(), "anna", secret, source)
			return err
		}
		for range 5 {
			if err := try("10.0.0.66", "guess guess guess"); err != roster.ErrRefused {
				t.Fatal(err)
			}
		}
		var soon roster.TooSoon
		if err := try("10.0.0.66", password); !errors.As(err, &soon) || soon.Seconds() != 10 {
			t.Errorf("the sixth try gives %v", err)
		}
		if err := try("10.0.0.7", password); err != nil {
			t.Errorf("the right person from another place: %v", err)
		}
		longest := 0
		for range 20 {
			time.Sleep(time.Duration(soon))
			if err := try("10.0.0.66", "guess guess guess"); err != roster.ErrRefused {
				t.Fatalf("after waiting: %v", err)
			}
			if err := try("10.0.0.66", password); !errors.As(err, &soon) {
				t.Fatalf("no pause: %v", err)
			}
			longest = max(longest, soon.Seconds())
		}
		if longest != 300 {
			t.Errorf("the pause grew to %d seconds, want 300", longest)
		}
		time.Sleep(time.Duration(soon))
		if err := try("10.0.0.66", password); err != nil {
			t.Errorf("the right password after the pause: %v", err)
		}
	})
}
