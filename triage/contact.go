package triage

import (
	"time"

	"hotline/appliance/call"
)

// Outcome says how a contact went, from the system's point of view
// (domain: contact layer A).
type Outcome string

// Outcomes.
const (
	OutcomeAnswered       Outcome = "answered"         // talked with an agent
	OutcomeLeftInIVR      Outcome = "left_in_ivr"      // left before a queue
	OutcomeSelfService    Outcome = "self_service"     // the flow served them to its end
	OutcomeAbandonedQueue Outcome = "abandoned_queue"  // left while waiting, also while an agent rang
	OutcomeDropped        Outcome = "dropped"          // the line failed during the talk
	OutcomeInterrupted    Outcome = "interrupted"      // the box stopped while the call ran
	OutcomeCallBack       Outcome = "callback_request" // asked to be called
	OutcomeNotReached     Outcome = "not_reached"      // a call of ours that was not answered
	OutcomeSupervisor     Outcome = "supervisor_line"  // not a person seeking help
	OutcomeColleague      Outcome = "colleague_call"   // two who work here
	OutcomeAgentLine      Outcome = "agent_line"       // a phone volunteer who works by telephone
	OutcomeFlash          Outcome = "flash_call"       // hung up before we answered
	OutcomeRejected       Outcome = "rejected_full"    // refused: every line of the box was taken
)

// Reasons for which a contact stays an open item until a person, or the rule
// that the same number got through, closes it.
const (
	OpenAbandoned   = "abandoned"
	OpenLeftInIVR   = "left_in_ivr"
	OpenInterrupted = "interrupted"
	OpenDropped     = "dropped"
	OpenCallBack    = "callback"
	OpenRegistrant  = "registration_incomplete"
	OpenWrapUp      = "notes_unfinished"
	OpenAnnounced   = "announcement_only" // heard only an announcement: nobody has spoken with them
	OpenDanger      = "danger"            // somebody is in danger and nobody took over
	OpenTransfer    = "transfer_untaken"  // talked with somebody, was sent on and left before anybody answered
	OpenFlash       = "flash_call"        // rang once and hung up: perhaps no credit to call
	OpenTurnedAway  = "turned_away"       // the box was full
	OpenVoicemail   = "voicemail"         // a message nobody has dealt with
	OpenChild       = "child_alone"       // a child is alone, and nobody who was trained for it has taken over
)

// Contact is the record of one interaction from first signal to closure. Times
// are UTC; a zero time has not come. Durations are whole seconds.
type Contact struct {
	ID          string      `json:"id"`
	Operation   string      `json:"operation,omitempty"`
	Channel     string      `json:"channel"`   // "phone" or "browser"
	Direction   string      `json:"direction"` // "in"
	Dialled     string      `json:"dialled"`   // number dialled (DNIS)
	Caller      call.Number `json:"caller,omitempty"`
	Withheld    bool        `json:"withheld,omitempty"`
	CallBack    call.Number `json:"call_back,omitempty"`  // another number to be called back on
	Redirected  call.Number `json:"redirected,omitempty"` // number dialled first, when the call was forwarded to us
	ReceivedAt  time.Time   `json:"received_at"`
	AnsweredAt  time.Time   `json:"answered_at,omitzero"`
	QueuedAt    time.Time   `json:"queued_at,omitzero"`
	ConnectedAt time.Time   `json:"connected_at,omitzero"`
	EndedAt     time.Time   `json:"ended_at,omitzero"`
	Language    string      `json:"language,omitempty"`
	Path        []string    `json:"path,omitempty"` // menu choices in words
	Keys        string      `json:"keys,omitempty"` // menu keys, never sensitive ones
	Queue       string      `json:"queue,omitempty"`
	Priority    int         `json:"priority,omitempty"` // lower is served first
	Wait        int         `json:"wait_s,omitempty"`
	Talk        int         `json:"talk_s,omitempty"`
	Hold        int         `json:"hold_s,omitempty"`
	WrapUp      int         `json:"wrap_s,omitempty"`
	Offers      int         `json:"offers,omitempty"`
	Outcome     Outcome     `json:"outcome,omitempty"`
	EndedBy     call.By     `json:"ended_by,omitempty"`
	EndReason   string      `json:"end_reason,omitempty"`
	Agent       string      `json:"agent,omitempty"`
	AgentName   string      `json:"agent_name,omitempty"`
	Disposition string      `json:"disposition,omitempty"`
	Level       Level       `json:"level,omitempty"`
	Case        string      `json:"case,omitempty"`
	ByCode      bool        `json:"by_code,omitempty"`    // the caller keyed the code of the case
	MoreCases   []string    `json:"more_cases,omitempty"` // several people and needs came with one call
	EnteredAt   time.Time   `json:"entered_at,omitzero"`  // typed from paper
	Registrant  string      `json:"registrant,omitempty"`
	Protected   bool        `json:"protected,omitempty"`
	ChildAlone  bool        `json:"child_alone,omitempty"` // the case is about one: no recording, and trained people alone
	Alarm       bool        `json:"alarm,omitempty"`       // an agent pressed Emergency
	Sound       Sound       `json:"sound,omitzero"`
	Recordings  []string    `json:"recordings,omitempty"`
	Recorded    int         `json:"recorded_s,omitempty"`   // how long they are together
	Mode        string      `json:"mode,omitempty"`         // emergency mode in force, if any
	Scenario    string      `json:"scenario,omitempty"`     // kind of disaster in force when it arrived
	Script      string      `json:"script,omitempty"`       // version of the flows in use then; "0" is what ships
	Open        string      `json:"open,omitempty"`         // why it is an open item, "" when closed
	Item        string      `json:"item,omitempty"`         // of the worklist, once it was open
	Turned      int         `json:"turned,omitempty"`       // calls of this number that were not answered within the hour, when it stands for those
	CallBackOf  string      `json:"call_back_of,omitempty"` // item of the worklist whose number we called
	Round       string      `json:"round,omitempty"`        // person of a round whom we called
	Answer      string      `json:"answer,omitempty"`       // of that person
	Failure     string      `json:"failure,omitempty"`      // why a call of ours reached nobody
	Supervisor  bool        `json:"supervisor,omitempty"`   // a call of a supervisor, not of a person seeking help
	UpdatedAt   time.Time   `json:"updated_at"`
	Erased      time.Time   `json:"erased,omitzero"` // who it was is gone, on request or by age

	// What the dialogue found out, as far as the flow declares that it is kept.
	Attributes map[string]string `json:"attributes,omitempty"`
	Promise    *Promise          `json:"promise,omitempty"`  // of a call-back
	Consents   []Consent         `json:"consents,omitempty"` // with the wording, and how it was said
	Messages   []Message         `json:"messages,omitempty"` // left on the voicemail
}

// EventStarted says that the program began anew: nobody did anything after the
// event before it.
const EventStarted = "hotline.started"

// ours reports whether the call began here: one that we made, or between
// colleagues.
func (k Contact) ours() bool { return k.Direction == "out" || k.Direction == "internal" }

// attempts is how many calls the contact stands for.
func (k Contact) attempts() int {
	if k.ID == "" || k.ours() {
		return 0
	}
	return max(k.Turned, 1)
}

// waited is how many seconds the caller waited for a phone volunteer, in vain or
// not; 0 while they still do.
func (k Contact) waited() int {
	if k.Wait > 0 || k.QueuedAt.IsZero() || !k.ConnectedAt.IsZero() || k.EndedAt.IsZero() {
		return k.Wait
	}
	return int(k.EndedAt.Sub(k.QueuedAt).Seconds())
}

// lastAt is when the attempt was made, the last one where it counts several.
func (k Contact) lastAt() time.Time {
	if k.Turned > 0 {
		return k.EndedAt
	}
	return k.ReceivedAt
}
