package triage

import (
	"testing"
	"testing/synctest"
)

// An agent is given another profile and opens the page again: it serves the
// lines of the new one at once.
func TestANewProfileCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := hall(t)
		signIn(t, d, "vera", "volunteers")
		p := enter(t, d, "c1", "help")
		quiet(t, p) // seen by that profile only after a delay
		d.SignIn("vera", "Vera", "both")
		expect(t, p, PlaceOffered, "vera")
	})
}
