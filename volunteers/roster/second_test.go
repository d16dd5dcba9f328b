package roster_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp/totp"

	"hotline/volunteers/roster"
)

// ASVS 6.3.3: the password alone does not let in who leads.
func TestTheSecondStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		rosa := b.add(t, "rosa", roster.RoleSupervisor)
		first := func() string {
			t.Helper()
			token, account, err := b.SignIn(t.Context(), "rosa", password, "192.168.7.20")
			if !errors.Is(err, roster.ErrSecond) || account.ID != rosa.ID {
				t.Fatalf("the password alone: %v", err)
			}
			if _, err := b.Visit(t.Context(), token); !errors.Is(err, roster.ErrNoSession) {
				t.Error("the token of the first step opens a page")
			}
			return token
		}
		var key string
		code := func(ago time.Duration) string {
			t.Helper()
			c, err := totp.GenerateCode(key, time.Now().Add(-ago))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		second := func(token, code string) error {
			session, account, err := b.SecondStep(t.Context(), token, code)
			if err == nil {
				if got, err := b.Visit(t.Context(), session); err != nil || got.ID != rosa.ID || account.ID != rosa.ID {
					t.Errorf("the session is of %s, %v", got.ID, err)
				}
			}
			return err
		}

		key, address, err := b.NewSecond(t.Context(), rosa.ID, "Flood line")
		if err != nil || !strings.Contains(address, key) || !strings.HasPrefix(address, "otpauth://totp/Flood%20line:rosa?") {
			t.Fatalf("%q, %v", address, err)
		}
		if _, _, err := b.SignIn(t.Context(), "rosa", password, ""); err != nil {
			t.Errorf("a key that nobody has confirmed is asked for: %v", err)
		}
		if err := b.ConfirmSecond(t.Context(), rosa.ID, code(5*time.Minute)); !errors.Is(err, roster.ErrCode) {
			t.Errorf("an old code confirms the key: %v", err)
		}
		used := code(0)
		if err := b.ConfirmSecond(t.Context(), rosa.ID, used); err != nil {
			t.Fatal(err)
		}
		if err := second(first(), used); !errors.Is(err, roster.ErrCode) {
			t.Errorf("a code counts twice: %v", err)
		}
		time.Sleep(time.Minute)
		token := first()
		if err := second(token, code(30 * time.Second)[:3]+" "+code(30 * time.Second)[3:]); err != nil {
			t.Errorf("a code of half a minute ago: %v", err)
		}
		if err := second(token, code(0)); !errors.Is(err, roster.ErrNoSession) {
			t.Errorf("a first step counts twice: %v", err)
		}
		b.reopen(t)
		if err := second(first(), code(0)); err != nil {
			t.Errorf("after a restart: %v", err)
		}

		sheet, err := b.MakeCodes(t.Context(), rosa.ID, rosa.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := second(first(), sheet[2]); err != nil {
			t.Errorf("a code of the printed sheet: %v", err)
		}
		if err := second(first(), sheet[2]); !errors.Is(err, roster.ErrCode) {
			t.Errorf("a code of the sheet counts twice: %v", err)
		}

		token = first()
		var soon roster.TooSoon
		for range 20 {
			if err = second(token, "000000"); errors.As(err, &soon) {
				break
			}
		}
		if soon == 0 {
			t.Error("guessing is not slowed down")
		}
		time.Sleep(time.Duration(soon) + 30*time.Second) // the code of this step is used up
		if err := second(token, code(0)); err != nil {
			t.Errorf("the right code after the pause: %v", err)
		}
		token = first()
		time.Sleep(11 * time.Minute)
		if err := second(token, code(0)); !errors.Is(err, roster.ErrNoSession) {
			t.Errorf("the first step still counts after eleven minutes: %v", err)
		}

		rosa, err = b.Get(rosa.ID)
		if err != nil {
			t.Fatal(err)
		}
		rosa.Name, rosa.Second = "Rosa M.", false
		if err := b.Change(t.Context(), rosa, rosa.ID); err != nil {
			t.Fatal(err)
		}
		first()
		if err := b.DropSecond(t.Context(), rosa.ID, rosa.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.SignIn(t.Context(), "rosa", password, ""); err != nil {
			t.Errorf("after it was taken away: %v", err)
		}
	})
}

func TestWhoLeadsNeedsASecondStep(t *testing.T) {
	b := open(t)
	admin, rosa, anna := b.add(t, "admin", roster.RoleAdmin), b.add(t, "rosa", roster.RoleSupervisor), b.add(t, "anna", roster.RoleAgent)
	var mistake roster.Mistake
	if err := b.NeedSecond(t.Context(), true, admin.ID); !errors.As(err, &mistake) {
		t.Errorf("somebody without a second step asks for it: %v", err)
	}
	if _, _, err := b.NewSecond(t.Context(), anna.ID, "line"); !errors.As(err, &mistake) {
		t.Errorf("a phone volunteer: %v", err)
	}
	key, _, err := b.NewSecond(t.Context(), admin.ID, "line")
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.ConfirmSecond(t.Context(), admin.ID, code), b.NeedSecond(t.Context(), true, admin.ID)); err != nil {
		t.Fatal(err)
	}
	b.reopen(t)
	if admin, err = b.Get(admin.ID); err != nil {
		t.Fatal(err)
	}
	if b.SecondDue(admin) || !b.SecondDue(rosa) || b.SecondDue(anna) {
		t.Errorf("due: admin %v, supervisor %v, volunteer %v", b.SecondDue(admin), b.SecondDue(rosa), b.SecondDue(anna))
	}
	if _, _, err := b.NewSecond(t.Context(), admin.ID, "line"); !errors.As(err, &mistake) {
		t.Errorf("a new key takes the place of one that counts: %v", err)
	}
	if err := b.NeedSecond(t.Context(), false, admin.ID); err != nil || b.SecondDue(rosa) {
		t.Errorf("it cannot be lifted: %v", err)
	}
}
