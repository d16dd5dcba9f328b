package page

import (
	"time"

	"hotline/appliance/calendar"
	"hotline/appliance/health"
)

// TrustPage helps people whose browser warns.
type TrustPage struct {
	Frame
	Fingerprint, Spoken string
}

// SystemPage is the machine.
type SystemPage struct {
	Frame
	Version     string
	Figures     health.Figures
	Certified   bool // the certificate is the box's own
	Fingerprint string
	Ends        time.Time
	Days        int
	Names       []string
	Brought     BroughtCertificate
	HasBrought  bool
	Trouble     string // with a certificate that was brought
	RecordHours int    // of recorded calls that the disk has room for
	Asked       Demand
	Needs       Needs
	Done        string
	Update      Update
	Radio       Radio
	SetsClock   bool
	Leap        calendar.Leap // of the date, that nobody has judged
}

// Update is what is to be said about a newer system.
type Update struct {
	Image   bool   // this machine takes such files
	Takes   bool   // it was made with the key of a publisher
	Version string // of the system
	Waiting string // version that the next start tries
	Failed  string // version from which the machine has gone back
	Trouble string // why the last one was not taken, in English
	Plan    RestartPlan
}

// RestartPlan is a restart that waits for a quiet minute.
type RestartPlan struct {
	At     time.Time // since when; zero: none is planned
	By     string    // name
	Calls  int       // on the line now
	Quiet  bool      // now
	Ended  time.Time // the last one, without a restart
	Failed string    // why the machine refused, in English; "": a day without a quiet minute
	Late   bool      // somebody wanted to call one off that was none any more
}

// BroughtCertificate is one that somebody has brought for the pages.
type BroughtCertificate struct {
	Names  []string
	By     string // the authority, in its own words
	Ends   time.Time
	Lonely bool // nothing in the files vouches for it
	Signed bool // by itself
}

// Demand is what is asked of the calculator; without people it says how many.
type Demand struct {
	PerHour, Talk, People int
	From                  []string // words: where the numbers come from
}

// Needs is its answer.
type Needs struct {
	People, Channels, Answered int
	Abandoned                  int // per cent
	Wait                       time.Duration
	KiloBits                   int
	Fits                       bool // this machine is allowed so many calls
	Lines                      int  // calls at a time that the lines carry; 0 is not known
}

// browsers are those for which the help says what to press.
func browsers() []string { return []string{"chrome", "firefox", "safari", "android", "iphone"} }
