package roster_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp/totp"

	"hotline/volunteers/roster"
)

// Six digits are few: guesses in an open session and at the sign-in count
// together, and the owner's own work goes on.
func TestGuessingInAnOpenSessionCountsAtTheSignIn(t *testing.T) {
	synctest.Test(t, guessingInAnOpenSession)
}

func guessingInAnOpenSession(t *testing.T) {
	b := open(t)
	token, _, _ := b.invite(t, 3, time.Hour)
	noura, err := b.Join(t.Context(), token, "10.0.0.7", joining("Noura"))
	if err != nil {
		t.Fatal(err)
	}
	kept, _, err := b.SignIn(t.Context(), noura.Login, "280461", "10.0.0.7")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := b.OwnPIN(t.Context(), noura.ID, "280462", "739105", kept); !errors.Is(err, roster.ErrRefused) {
			t.Fatal(err)
		}
	}
	var soon roster.TooSoon
	if err := b.OwnPIN(t.Context(), noura.ID, "280461", "739105", kept); !errors.As(err, &soon) {
		t.Errorf("the sixth try in the session: %v", err)
	}
	if _, _, err := b.SignIn(t.Context(), noura.Login, "280461", "10.0.0.66"); !errors.As(err, &soon) {
		t.Errorf("the sixth try at the sign-in, from elsewhere: %v", err)
	}
	if _, err := b.Visit(t.Context(), kept); err != nil {
		t.Errorf("the open session: %v", err)
	}
	if n := len(b.happened(t, roster.EventProofWrong)); n != 5 {
		t.Errorf("%d wrong ones are in the log, want 5", n)
	}
}

// Who has the old password and stands before the second step is out, too.
func TestANewPasswordEndsWhatWaitsForItsSecondStep(t *testing.T) {
	b := open(t)
	anna := b.add(t, "anna", roster.RoleAdmin)
	key, _, err := b.NewSecond(t.Context(), anna.ID, "Flood line")
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(key, time.Now())
	if err := errors.Join(err, b.ConfirmSecond(t.Context(), anna.ID, code)); err != nil {
		t.Fatal(err)
	}
	half, _, err := b.SignIn(t.Context(), "anna", password, "10.0.0.66")
	if !errors.Is(err, roster.ErrSecond) || !b.Half(half) {
		t.Fatal(err)
	}
	if err := b.OwnPassword(t.Context(), anna.ID, password, "purple ladder sings tonight", ""); err != nil {
		t.Fatal(err)
	}
	if b.Half(half) {
		t.Error("the old password still waits for its second step")
	}
}
