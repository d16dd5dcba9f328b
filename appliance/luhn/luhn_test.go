package luhn

import "testing"

func TestDigit(t *testing.T) {
	// The example of ISO/IEC 7812-1, and others worked out by hand.
	for body, want := range map[string]byte{"7992739871": '3', "0": '0', "1": '8', "12345": '5', "99999": '5'} {
		if got := Digit(body); got != want {
			t.Errorf("the check digit of %s is %c, want %c", body, got, want)
		}
		if !Valid(body + string(want)) {
			t.Errorf("%s%c is not valid", body, want)
		}
	}
}

func TestAWrongDigitIsNoticed(t *testing.T) {
	const code = "123455"
	for i := range code {
		for d := byte('0'); d <= '9'; d++ {
			wrong := []byte(code)
			wrong[i] = d
			if got := Valid(string(wrong)); got != (string(wrong) == code) {
				t.Errorf("%s is valid: %v", wrong, got)
			}
		}
	}
	for _, text := range []string{"", "5", "12a455", "12345 ", "１２３４５５"} {
		if Valid(text) {
			t.Errorf("%q is valid", text)
		}
	}
}
