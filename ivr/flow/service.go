package flow

import "time"

// LoopStep leads again for as many times in one call, and then done.
type LoopStep struct{ Times int }

// SplitStep sends a share of the calls each way. A call always goes the same
// way, however often it comes by, and so does whoever calls back under the
// same contact.
type SplitStep struct {
	Name string
	Ways []Share
}

// Share is one way of a split.
type Share struct {
	Percent int
	Target  Target
}

// WhenStep takes the first way whose condition holds.
type WhenStep struct {
	Cases []Condition // Then is the way
	Else  Target
}

// HoursStep asks a schedule. Ways: open, closed, holiday.
type HoursStep struct {
	Schedule string
	pos      Pos
}

// StaffingStep asks who could answer. Ways: available, busy, nobody, long,
// error.
type StaffingStep struct {
	Queue string
	Long  time.Duration // an expected wait from here on is long
	pos   Pos
}

// CallBackStep promises a call-back. Number says how a number is keyed. Ways:
// next (promised), silence (no number could be had), error.
type CallBackStep struct {
	Queue    string
	Priority int // 0: that of the contact
	Ask      []Part
	Number   *CollectStep
	pos      Pos
}

// VoicemailStep keeps a message. Ways: next (kept), silence, error.
type VoicemailStep struct {
	Box    string
	Record *RecordStep
}

// BulletinsStep plays what is published. Ways: next, none, error.
type BulletinsStep struct {
	List string
	Skip byte // goes on to the next one
	Keys map[byte]Target
}

// LookupStep finds a row of a table. Ways: next (found), missing.
type LookupStep struct {
	Table string
	Key   string // attribute
	Into  string // prefix of the attributes that are set
	pos   Pos
}

// HTTPStep asks another machine. Ways: next, error.
type HTTPStep struct {
	URL     string
	Send    []string          // attributes
	Take    map[string]string // attribute: path into the JSON answer
	Timeout time.Duration
	pos     Pos
}

// TransferStep connects the caller with a number outside. Ways: next (they
// have talked), failed.
type TransferStep struct {
	Number string
	Ring   time.Duration
}

// Names of ways out of a step.
const (
	WayAgain     = "again"
	WayDone      = "done"
	WayOpen      = "open"
	WayClosed    = "closed"
	WayHoliday   = "holiday"
	WayAvailable = "available"
	WayBusy      = "busy"
	WayNobody    = "nobody"
	WayLong      = "long"
	WayError     = "error"
	WaySilence   = "silence"
	WayNone      = "none"
	WayMissing   = "missing"
	WayFailed    = "failed"
)

// ways are the ways out that a kind of step must, or may, name besides next.
type ways struct {
	must, may []string
}

var waysOf = map[Kind]ways{
	Loop:      {must: []string{WayAgain, WayDone}},
	OpenHours: {must: []string{WayOpen, WayClosed}, may: []string{WayHoliday}},
	Staffing:  {must: []string{WayAvailable, WayBusy, WayNobody, WayError}, may: []string{WayLong}},
	CallBack:  {must: []string{WaySilence, WayError}},
	Voicemail: {must: []string{WaySilence, WayError}},
	Bulletins: {must: []string{WayNone, WayError}},
	Lookup:    {must: []string{WayMissing}},
	HTTP:      {must: []string{WayError}},
	Transfer:  {must: []string{WayFailed}},
}
