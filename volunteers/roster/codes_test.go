package roster_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hotline/appliance/table"
	"hotline/volunteers/roster"
)

const rosasPhone = "+12025550123"

func TestAPaperCodeCountsOnce(t *testing.T) {
	b := open(t)
	rosa := b.supervisor(t, "rosa", rosasPhone)
	codes, err := b.MakeCodes(t.Context(), rosa.ID, "admin")
	if err != nil {
		t.Fatal(err)
	}
	if len(codes) != 10 || slices.ContainsFunc(codes, func(c string) bool { return len(c) != 8 || strings.Trim(c, "0123456789") != "" }) {
		t.Fatalf("the sheet is %v", codes)
	}
	if err := b.UseCode(t.Context(), rosa.ID, codes[3], "phone"); err != nil {
		t.Fatal(err)
	}
	b.reopen(t)
	if err := b.UseCode(t.Context(), rosa.ID, codes[3], "phone"); !errors.Is(err, roster.ErrCode) {
		t.Errorf("a second time: %v", err)
	}
	if left, made, err := b.CodesLeft(rosa.ID); left != 9 || made.IsZero() || err != nil {
		t.Errorf("%d left, made %v, %v", left, made, err)
	}
	luis := b.supervisor(t, "luis", "+12025550124")
	if err := b.UseCode(t.Context(), luis.ID, codes[4], "phone"); !errors.Is(err, roster.ErrCode) {
		t.Errorf("for somebody else: %v", err)
	}
	next, err := b.MakeCodes(t.Context(), rosa.ID, "admin")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.UseCode(t.Context(), rosa.ID, codes[5], "phone"); !errors.Is(err, roster.ErrCode) {
		t.Errorf("from the old sheet: %v", err)
	}
	if err := b.UseCode(t.Context(), rosa.ID, next[5], "phone"); err != nil {
		t.Errorf("from the new one: %v", err)
	}
	if n := len(b.happened(t, roster.EventCodeUsed)); n != 2 {
		t.Errorf("%d uses are in the log", n)
	}
	for _, code := range next {
		if strings.Contains(b.log.String(), code) {
			t.Error("a code is in the log")
		}
	}
	if _, err := b.MakeCodes(t.Context(), b.add(t, "ana", roster.RoleAgent).ID, "admin"); err == nil {
		t.Error("codes for somebody without a PIN")
	}
	file, err := os.ReadFile(filepath.Join(b.dir, "pin.key"))
	if err != nil || bytes.Contains(file, []byte(next[0])) {
		t.Errorf("the key file: %v", err)
	}
}

func TestGuessingPaperCodesIsLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		rosa := b.supervisor(t, "rosa", rosasPhone)
		codes, err := b.MakeCodes(t.Context(), rosa.ID, "admin")
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := b.UseCode(t.Context(), rosa.ID, "01999999", "phone"); !errors.Is(err, roster.ErrCode) {
				t.Fatal(err)
			}
		}
		if err := b.UseCode(t.Context(), rosa.ID, codes[0], "phone"); !errors.Is(err, roster.ErrCode) {
			t.Errorf("after five wrong ones: %v", err)
		}
		<-time.After(16 * time.Minute)
		if err := b.UseCode(t.Context(), rosa.ID, codes[0], "phone"); err != nil {
			t.Errorf("a quarter of an hour later: %v", err)
		}
	})
}

// TestALockKeepsTheLastSupervisorNotOut: somebody who forges the number of the
// only supervisor locks the PIN; a paper code in front of it opens.
func TestALockKeepsTheLastSupervisorNotOut(t *testing.T) {
	b := open(t)
	rosa := b.supervisor(t, "rosa", rosasPhone)
	codes, err := b.MakeCodes(t.Context(), rosa.ID, "admin")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := b.AuthenticatePhone(t.Context(), rosasPhone, "000111", roster.Mode); !errors.Is(err, roster.ErrPIN) {
			t.Fatal(err)
		}
	}
	if _, err := b.AuthenticatePhone(t.Context(), rosasPhone, pin, roster.Mode); !errors.Is(err, roster.ErrPIN) {
		t.Fatalf("three wrong PINs lock nothing: %v", err)
	}
	for name, keyed := range map[string]string{"a wrong code": "01000000" + pin, "a wrong PIN": codes[0] + "000111", "no such code": "77123456" + pin} {
		if _, err := b.AuthenticatePhone(t.Context(), rosasPhone, keyed, roster.Mode); !errors.Is(err, roster.ErrPIN) {
			t.Errorf("%s opens: %v", name, err)
		}
	}
	if left, _, _ := b.CodesLeft(rosa.ID); left != 10 {
		t.Errorf("a wrong entry used a code up: %d left", left)
	}
	if _, err := b.AuthenticatePhone(t.Context(), "+12025550199", codes[0]+pin, roster.Mode); !errors.Is(err, roster.ErrPIN) {
		t.Errorf("from an unknown number: %v", err)
	}
	if a, err := b.AuthenticatePhone(t.Context(), rosasPhone, codes[0]+pin, roster.Mode); err != nil || a.ID != rosa.ID {
		t.Fatalf("a code and the PIN: %v", err)
	}
	if _, err := b.AuthenticatePhone(t.Context(), rosasPhone, codes[0]+pin, roster.Mode); !errors.Is(err, roster.ErrPIN) {
		t.Errorf("the same code again: %v", err)
	}
	if a, err := b.AuthenticatePhone(t.Context(), rosasPhone, pin, roster.Mode); err != nil || a.ID != rosa.ID {
		t.Errorf("the PIN alone, after the lock was lifted: %v", err)
	}
}

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		admin := b.add(t, "admin", roster.RoleAdmin)
		text, made, err := b.NewToken(t.Context(), roster.Token{Name: "dashboard", Scopes: []roster.Scope{roster.ScopeState}, By: admin.ID}, 24*time.Hour)
		if err != nil || len(text) < 50 {
			t.Fatalf("%q, %v", text, err)
		}
		b.reopen(t)
		got, err := b.CheckToken(t.Context(), text)
		if err != nil || got.ID != made.ID || !got.May(roster.ScopeState) || got.May(roster.ScopeMode) {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := b.CheckToken(t.Context(), text+"x"); !errors.Is(err, roster.ErrToken) {
			t.Errorf("another text: %v", err)
		}
		if list, err := b.Tokens(); err != nil || len(list) != 1 || list[0].Used.IsZero() {
			t.Errorf("%+v, %v", list, err)
		}
		<-time.After(25 * time.Hour)
		if _, err := b.CheckToken(t.Context(), text); !errors.Is(err, roster.ErrToken) {
			t.Errorf("after its end: %v", err)
		}
		text, made, err = b.NewToken(t.Context(), roster.Token{Name: "map", Scopes: roster.Scopes(), By: admin.ID}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Revoke(t.Context(), made.ID, admin.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := b.CheckToken(t.Context(), text); !errors.Is(err, roster.ErrToken) {
			t.Errorf("revoked: %v", err)
		}
		if err := b.Revoke(t.Context(), "x", admin.ID); !errors.Is(err, roster.ErrNoToken) {
			t.Errorf("revoking nothing: %v", err)
		}
		text, _, err = b.NewToken(t.Context(), roster.Token{Name: "map", Scopes: roster.Scopes(), By: admin.ID}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		other := b.add(t, "other", roster.RoleAdmin)
		admin.Disabled = true
		if err := b.Change(t.Context(), admin, other.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := b.CheckToken(t.Context(), text); !errors.Is(err, roster.ErrToken) {
			t.Errorf("of somebody who has left: %v", err)
		}
		for _, wrong := range []struct {
			name   string
			scopes []roster.Scope
			level  table.Level
			long   time.Duration
		}{{"", roster.Scopes(), 0, time.Hour}, {"x", nil, 0, time.Hour}, {"x", []roster.Scope{"everything"}, 0, time.Hour}, {"x", roster.Scopes(), table.Full, time.Hour},
			{"x", roster.Scopes(), table.Aggregate, time.Hour}, {"x", roster.Scopes(), 0, 0}, {"x", roster.Scopes(), 0, 1e6 * time.Hour}} {
			if _, _, err := b.NewToken(t.Context(), roster.Token{Name: wrong.name, Scopes: wrong.scopes, Level: wrong.level, By: other.ID}, wrong.long); err == nil {
				t.Errorf("%+v was made", wrong)
			}
		}
	})
}
