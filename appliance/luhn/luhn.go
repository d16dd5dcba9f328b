// Package luhn is the check digit at the end of the codes that people read out
// and key in (ISO/IEC 7812-1 annex B): it catches every single wrong digit and
// nearly every swapped pair.
package luhn

// Digit is the digit that completes body, which has only digits.
func Digit(body string) byte {
	sum := 0
	for i := range len(body) {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// Valid reports whether the last digit of code completes the others. What is no
// number of at least two digits is not valid.
func Valid(code string) bool {
	if len(code) < 2 {
		return false
	}
	for _, c := range code {
		if c < '0' || c > '9' {
			return false
		}
	}
	return Digit(code[:len(code)-1]) == code[len(code)-1]
}
