// Package flow owns what a telephone dialogue is: a text file of named steps,
// how it is read and how it is checked before a caller can meet it. It does
// not run dialogues and knows no audio, no queues and no people.
package flow

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Pos is a place in a flow file, both counted from 1.
type Pos struct{ Line, Col int }

// Problem is one thing that is wrong with a flow file.
type Problem struct {
	File string
	Pos  Pos
	Text string

	Queue string // that there is none of, where nothing else is wrong: callers would come to the fallback
}

func (p Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Pos.Line, p.Pos.Col, p.Text)
}

// Problems is everything that is wrong, in the order of the files.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// OnlyQueues reports that nothing is wrong but queues that there are not.
func (ps Problems) OnlyQueues() bool {
	return !slices.ContainsFunc(ps, func(p Problem) bool { return p.Queue == "" })
}

func (ps Problems) orNil() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Flow is one dialogue. It is never changed after Parse, so any number of
// calls share it.
type Flow struct {
	Name     string
	About    string
	Start    string
	Fallback Queue // where callers go who cannot be led any further
	Steps    map[string]*Step
	Order    []string // step names as written

	// Steps that run unheard when an agent answers the caller, and when the
	// call is over; "" for none.
	OnAgentConnected, OnDisconnect string
	AfterTalk                      string // the flow that callers hear when an agent has ended the talk; "" for none

	Attributes map[string]Attribute
	Schedules  map[string]*Schedule
	Tables     map[string]*Table

	pos      Pos
	hookPos  map[string]Pos
	startPos Pos
}

// Kind says what a step does.
type Kind string

// The step kinds; each is the key that makes a step one of its kind.
const (
	Say     Kind = "say"
	Menu    Kind = "menu"
	Collect Kind = "collect"
	Record  Kind = "record"
	Set     Kind = "set"
	If      Kind = "if"
	Do      Kind = "do"
	ToQueue Kind = "queue"
	Call    Kind = "flow"
	Goto    Kind = "goto"
	Music   Kind = "music"
	Wait    Kind = "wait"
	Hangup  Kind = "hangup"
	End     Kind = "end"

	Forget    Kind = "forget"
	When      Kind = "when"
	Loop      Kind = "loop"
	Split     Kind = "split"
	OpenHours Kind = "hours"
	Staffing  Kind = "staffing"
	CallBack  Kind = "callback"
	Voicemail Kind = "voicemail"
	Bulletins Kind = "bulletins"
	Lookup    Kind = "lookup"
	HTTP      Kind = "http"
	Transfer  Kind = "transfer"
	Continue  Kind = "continue"
)

// Kinds are all kinds of steps.
var Kinds = []Kind{Say, Menu, Collect, Record, Set, If, Do, ToQueue, Call, Goto, Music, Wait, Hangup, End,
	Forget, When, Loop, Split, OpenHours, Staffing, CallBack, Voicemail, Bulletins, Lookup, HTTP, Transfer, Continue}

// Step is one named step. Only the fields of its kind are set.
type Step struct {
	Name string
	Pos  Pos
	Kind Kind

	Say     []Part // spoken first, by every kind that speaks
	BargeIn bool   // a key ends what is spoken
	Fresh   bool   // keys pressed before this step do not count
	Path    string // name under which the step's result joins Outcome.Path
	Next    Target

	Menu    *MenuStep
	Collect *CollectStep
	Record  *RecordStep
	Set     []Assign
	If      *Condition
	Do      *DoStep
	Queue   *Queue
	Call    *CallStep
	Music   string // prompt id of the background; "" is silence
	Wait    *WaitStep
	Reason  string // hangup: why; end: result for the calling flow

	Ways      map[string]Target // named ways out, besides next
	When      *WhenStep
	Loop      *LoopStep
	Split     *SplitStep
	Hours     *HoursStep
	Staffing  *StaffingStep
	CallBack  *CallBackStep
	Voicemail *VoicemailStep
	Bulletins *BulletinsStep
	Lookup    *LookupStep
	HTTP      *HTTPStep
	Transfer  *TransferStep
}

// Way is a named way out; next when the step does not name it.
func (s *Step) Way(name string) Target {
	if t, ok := s.Ways[name]; ok {
		return t
	}
	return s.Next
}

// Target is where a step leads, and what is noted on the way.
type Target struct {
	Step string
	Set  []Assign
	As   string // what Outcome.Path shows instead of the key
	Pos  Pos
}

// Given reports that the target was written in the file.
func (t Target) Given() bool { return t.Step != "" }

// MenuStep waits for one key.
type MenuStep struct {
	Keys           map[byte]Target
	Timeout        time.Duration // of silence, after the prompt
	Retries        int           // further attempts after an invalid key
	SilentRetries  int           // further attempts after silence
	InvalidSay     []Part
	SilenceSay     []Part
	Invalid        Target // after the last attempt; default: Default
	Silence        Target // after the last attempt; default: Default
	Default        Target
	Sensitive      bool
	silenceMissing bool
}

// CollectStep gathers digits into an attribute.
type CollectStep struct {
	Attribute  string
	Min, Max   int
	Terminator byte // 0: none
	First      time.Duration
	Between    time.Duration
	Retries    int
	Sensitive  bool
	Confirm    []Part // read back; 1 accepts, another key starts again
	InvalidSay []Part
	Silence    Target // nothing usable was keyed
}

// RecordStep keeps what the caller says.
type RecordStep struct {
	Name     string
	Max, Min time.Duration
	Stop     string
	Retries  int
	ShortSay []Part
	Silence  Target // nothing was said
}

// Assign changes one attribute.
type Assign struct {
	Attribute string
	Value     string
	How       AssignKind
	Expr      *Expr
}

// AssignKind says what Value is.
type AssignKind uint8

// Ways to change an attribute.
const (
	AssignValue  AssignKind = iota // the value itself
	AssignFrom                     // the name of the attribute to copy
	AssignAdd                      // an entry for a comma-separated list, once
	AssignPlus                     // a number to add
	AssignForget                   // nothing: the attribute or recording is removed
	AssignExpr                     // computed
)

// Condition is a test of one attribute.
type Condition struct {
	Attribute string
	Is        []string
	AtLeast   *int // of a number
	Items     *int // at least so many entries in a list
	Known     *bool
	Expr      *Expr
	Then      Target
	Else      Target
	pos       Pos
}

// Holds tests the condition against attributes. What cannot be computed does
// not hold.
func (c Condition) Holds(get func(string) string, now time.Time) bool {
	if c.Expr != nil {
		holds, err := c.Expr.Truth(get, now)
		return err == nil && holds
	}
	value := get(c.Attribute)
	switch {
	case c.Known != nil:
		return (value != "") == *c.Known
	case c.AtLeast != nil:
		n, ok := Number(value)
		return ok && n >= *c.AtLeast
	case c.Items != nil:
		return len(Items(value)) >= *c.Items
	default:
		return slices.Contains(c.Is, value)
	}
}

// Number reads a whole number of up to nine digits.
func Number(text string) (int, bool) {
	text, negative := strings.CutPrefix(text, "-")
	n := 0
	if text == "" || len(text) > longestNumber {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// Items are the entries of a list attribute.
func Items(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

// DoStep asks the host to do something.
type DoStep struct {
	Action  string
	With    map[string]string
	On      map[string]Target
	Else    Target // every other result
	Error   Target
	Timeout time.Duration
	Takes   time.Duration // the step never ends sooner: no hint from its duration
}

// Queue is where a contact waits.
type Queue struct {
	ID        string
	Priority  int // lower is served first; 0: that of the contact, else the usual
	Treatment string
	Skills    []string // an agent must have
	pos       Pos
	treatPos  Pos
}

// CallStep runs another flow and comes back.
type CallStep struct {
	Flow string
	On   map[string]Target
	pos  Pos
}

// WaitStep lets time pass; keys named here end it.
type WaitStep struct {
	For  time.Duration
	Keys map[byte]Target
}

// PartKind says what a spoken part is made of.
type PartKind uint8

// The parts of speech.
const (
	PartPrompt       PartKind = iota // the prompt Ref
	PartDigits                       // the digits of attribute Ref, one by one
	PartNumber                       // the number in attribute Ref
	PartPhone                        // the telephone number in attribute Ref, digit by digit
	PartWait                         // the minutes in attribute Ref, "7" or from "5-10"
	PartHours                        // the hours in attribute Ref
	PartTime                         // the time of day in attribute Ref, as 15:04
	PartDate                         // the date in attribute Ref, as 2006-01-02
	PartAnnouncement                 // the host's announcement Ref
	PartRecording                    // what was recorded under Ref in this call
	PartPick                         // the prompt that Of names for the value of attribute Ref, else the one for ""
	PartEach                         // the same for every entry of the list in attribute Ref
	PartPause                        // silence
)

// Offered is said in every language that callers are offered, in their order.
const Offered = "offered"

// Part is one piece of what is spoken.
type Part struct {
	Kind  PartKind
	Ref   string
	In    string // language; "" is the caller's, Offered one after the other
	Of    map[string]string
	Pause time.Duration
	Pos   Pos
}
