package roster_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/volunteers/roster"
)

func (b *box) invite(t *testing.T, most int, long time.Duration) (token, code string, i roster.Invite) {
	t.Helper()
	token, code, i, err := b.NewInvite(t.Context(), roster.Invite{Name: "School", Profile: "help", By: "boss", Most: most}, long)
	if err != nil {
		t.Fatal(err)
	}
	return token, code, i
}

func joining(name string) roster.Joining {
	return roster.Joining{Name: name, Languages: []string{"es"}, PIN: "280461", Agrees: true}
}

// An invitation lets in as many as it says, by link or digits, until it ends.
func TestWhoComesByAnInvitation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		token, code, i := b.invite(t, 2, 2*time.Hour)
		if len(code) != 6 || len(token) != 16 {
			t.Fatalf("token %q, code %q", token, code)
		}
		for text, want := range map[string]bool{token: true, " " + strings.ToUpper(token) + " ": true, code: true, code[:3] + " " + code[3:]: true, token[:15]: false, "": false} {
			if got, err := b.CheckInvite(text, "a"); (err == nil) != want || want && got.ID != i.ID {
				t.Errorf("CheckInvite(%q) = %v, %v", text, got, err)
			}
		}
		for name, wrong := range map[string]roster.Joining{"no name": {PIN: "280461", Agrees: true}, "easy": {Name: "A", PIN: "123456", Agrees: true}, "no promise": {Name: "A", PIN: "280461"}} {
			var mistake roster.Mistake
			if _, err := b.Join(t.Context(), token, "a", wrong); !errors.As(err, &mistake) {
				t.Errorf("%s: %v", name, err)
			}
		}
		jose, err := b.Join(t.Context(), token, "a", joining("José Ruiz"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(jose.Login, "jose-") || jose.Role != roster.RoleAgent || jose.Profile != "help" || jose.Agreed.IsZero() || jose.Prepared() {
			t.Errorf("the account: %+v", jose)
		}
		noura, err := b.Join(t.Context(), code, "a", joining("نورة"))
		if err != nil || !strings.HasPrefix(noura.Login, "volunteer-") {
			t.Errorf("by digits: %+v, %v", noura, err)
		}
		if _, err := b.Join(t.Context(), token, "a", joining("Third")); !errors.Is(err, roster.ErrInvite) {
			t.Errorf("a third one: %v", err)
		}

		// The PIN signs in, and nothing else does.
		if _, _, err := b.SignIn(t.Context(), jose.Login, "280461", "a"); err != nil {
			t.Errorf("signing in: %v", err)
		}
		if _, _, err := b.SignIn(t.Context(), jose.Login, "280462", "a"); !errors.Is(err, roster.ErrRefused) {
			t.Errorf("a wrong PIN: %v", err)
		}
		b.reopen(t)
		for _, step := range roster.Steps() {
			if err := b.NoteStep(t.Context(), jose.ID, step, map[string]string{"grade": "good"}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := b.Get(jose.ID); err != nil || !got.Prepared() || got.Invite != i.ID {
			t.Errorf("after the steps: %+v, %v", got, err)
		}

		late, lateCode, _ := b.invite(t, 5, time.Hour)
		gone, _, ended := b.invite(t, 5, time.Hour)
		if err := b.RevokeInvite(t.Context(), ended.ID, "boss"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		for _, text := range []string{late, lateCode, gone} {
			if _, err := b.CheckInvite(text, "b"); !errors.Is(err, roster.ErrInvite) {
				t.Errorf("an invitation that is over: %v", err)
			}
		}
		if list, err := b.Invites(time.Now()); err != nil || len(list) != 0 {
			t.Errorf("listed: %v, %v", list, err)
		}
	})
}

// Six digits are guessed quickly unless guessing is slow. Links go on.
func TestInvitationDigitsAreNotGuessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		token, code, _ := b.invite(t, 5, 24*time.Hour)
		wrong := "000000"
		if code == wrong {
			wrong = "000001"
		}
		guesses := 0
		var slow roster.TooSoon
		for n := range 100 { // an attacker with a hundred addresses
			for {
				_, err := b.CheckInvite(wrong, fmt.Sprint("address ", n))
				if errors.As(err, &slow) || errors.Is(err, roster.ErrInviteCodes) {
					break
				}
				guesses++
			}
		}
		if guesses > 60 || guesses < 10 {
			t.Errorf("%d guesses were looked at", guesses)
		}
		if _, err := b.CheckInvite(code, "a good person"); !errors.Is(err, roster.ErrInviteCodes) {
			t.Errorf("the digits meanwhile: %v", err)
		}
		if _, err := b.CheckInvite(token, "a good person"); err != nil {
			t.Errorf("the link meanwhile: %v", err)
		}
		time.Sleep(time.Hour)
		if _, err := b.CheckInvite(code, "a good person"); err != nil {
			t.Errorf("the digits an hour later: %v", err)
		}

		// The PIN of somebody who came so is guessed from many addresses.
		anna, err := b.Join(t.Context(), token, "x", joining("Anna"))
		if err != nil {
			t.Fatal(err)
		}
		looked := 0
		for n := range 30 {
			_, _, err := b.SignIn(t.Context(), anna.Login, "999999", fmt.Sprint("address ", n))
			if errors.Is(err, roster.ErrRefused) {
				looked++
			}
		}
		if looked > 5 {
			t.Errorf("%d PINs were looked at", looked)
		}
	})
}

func TestWallLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		token, w, err := b.NewWall(t.Context(), "Hall", "boss")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.CheckWall(token); err != nil || got.ID != w.ID {
			t.Errorf("%v, %v", got, err)
		}
		if _, err := b.CheckWall(token + "x"); !errors.Is(err, roster.ErrNoWall) {
			t.Errorf("another token: %v", err)
		}
		other, second, err := b.NewWall(t.Context(), "Yard", "boss")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.RevokeWall(t.Context(), second.ID, "boss"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.CheckWall(other); !errors.Is(err, roster.ErrNoWall) {
			t.Errorf("a revoked one: %v", err)
		}
		if err := b.RevokeWall(t.Context(), "nothing", "boss"); !errors.Is(err, roster.ErrNoWall) {
			t.Errorf("revoking nothing: %v", err)
		}
		time.Sleep(30 * 24 * time.Hour)
		if _, err := b.CheckWall(token); !errors.Is(err, roster.ErrNoWall) {
			t.Errorf("after 30 days: %v", err)
		}
	})
}
