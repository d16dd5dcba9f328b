package roster_test

import (
	"testing"

	"hotline/appliance/trunk"
	"hotline/volunteers/roster"
)

// A desk phone registers with what is shown once, until it gets a new password
// or is taken away, or its account may not take calls any more.
func TestADeskPhoneIsGivenAndTakenAway(t *testing.T) {
	b := open(t)
	amina := b.add(t, "amina", roster.RoleAgent)
	extension, password, err := b.NewDeskPhone(t.Context(), amina.ID, "boss")
	if err != nil || extension == "" || len(password) < 16 {
		t.Fatalf("the desk phone is %q with a password of %d letters (%v)", extension, len(password), err)
	}
	opens := func(password string) bool {
		proof, ok := b.Proof(extension)
		return ok && proof == trunk.PhoneProof(extension, password)
	}
	if !opens(password) || opens("guessed") {
		t.Error("the password does not open, or another one does")
	}
	if _, ok := b.Proof("2999"); ok {
		t.Error("an extension that is nobody's has a password")
	}
	same, fresh, err := b.NewDeskPhone(t.Context(), amina.ID, "boss")
	if err != nil || same != extension || fresh == password || opens(password) || !opens(fresh) {
		t.Errorf("a new password for %s gives %s (%v), old opens %v, new opens %v", extension, same, err, opens(password), opens(fresh))
	}
	account, err := b.Get(amina.ID)
	if err != nil || account.Extension != extension {
		t.Fatalf("the account has extension %q (%v)", account.Extension, err)
	}
	account.Disabled = true
	if err := b.Change(t.Context(), account, "boss"); err != nil || opens(fresh) {
		t.Errorf("the phone of a disabled account opens: %v (%v)", opens(fresh), err)
	}
	account.Disabled = false
	if err := b.Change(t.Context(), account, "boss"); err != nil || !opens(fresh) {
		t.Errorf("the phone of an account enabled again opens: %v (%v)", opens(fresh), err)
	}
	if err := b.DropDeskPhone(t.Context(), amina.ID, "boss"); err != nil || opens(fresh) {
		t.Errorf("a phone that was taken away opens: %v (%v)", opens(fresh), err)
	}
	admin := b.add(t, "keeper", roster.RoleAdmin)
	if _, _, err := b.NewDeskPhone(t.Context(), admin.ID, "boss"); err == nil {
		t.Error("somebody who takes no calls gets a desk phone")
	}
}

// The PIN of a phone volunteer opens the agents' line and no other, from the
// own number and from the own desk phone.
func TestAnAgentsPINOpensOneLine(t *testing.T) {
	b := open(t)
	amina := b.add(t, "amina", roster.RoleAgent)
	extension, _, err := b.NewDeskPhone(t.Context(), amina.ID, "boss")
	if err != nil {
		t.Fatal(err)
	}
	amina.Phone = "+12025550123"
	if err := b.Change(t.Context(), amina, "boss"); err != nil {
		t.Fatal(err)
	}
	if err := b.SetPIN(t.Context(), amina.ID, pin, "boss"); err != nil {
		t.Fatal(err)
	}
	if who, err := b.AuthenticatePhone(t.Context(), "+12025550123", pin, roster.Desk); err != nil || who.ID != amina.ID {
		t.Errorf("from the own number: %q, %v", who.Login, err)
	}
	if who, err := b.AuthenticateExtension(t.Context(), extension, pin, roster.Desk); err != nil || who.ID != amina.ID {
		t.Errorf("from the own desk phone: %q, %v", who.Login, err)
	}
	if _, err := b.AuthenticatePhone(t.Context(), "+12025550123", pin, roster.Mode); err != roster.ErrPIN {
		t.Errorf("the supervisors' line says %v", err)
	}
	for range 3 {
		if _, err := b.AuthenticateExtension(t.Context(), extension, "719360", roster.Desk); err != roster.ErrPIN {
			t.Errorf("a wrong PIN gives %v", err)
		}
	}
	if _, err := b.AuthenticatePhone(t.Context(), "+12025550123", pin, roster.Desk); err != roster.ErrPIN {
		t.Error("guessing from the desk phone does not lock the PIN for the number")
	}
}
