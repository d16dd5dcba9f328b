package volunteers

import (
	"time"

	"hotline/appliance/sharing"
)

// Taking back one's agreement is as easy as giving it: one key by telephone, one
// button for whoever is asked to do it (domain 3.4, 4.1). From that moment nobody
// calls or sends the person, and the record goes to nobody outside; after a short
// while of its own, in which a mistake can be put right, the person is erased as
// on request. What was agreed to, when and how, and that it was taken back, stays
// until then; hours of work stay for as long as hours do, as those of somebody.

// takeBack ends the agreement. Via is how the person said so.
func (r *Registrant) takeBack(at time.Time, via string) {
	r.Consent.Given, r.Consent.Withdrawn, r.Consent.WithdrawnVia = false, at, via
	r.ShareScope = sharing.Inside
}

// tookBack reports somebody who has taken the agreement back and has not agreed
// anew.
func (r Registrant) tookBack() bool { return !r.Consent.Given && !r.Consent.Withdrawn.IsZero() }
