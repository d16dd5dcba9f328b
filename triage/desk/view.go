package desk

import (
	"time"

	"hotline/appliance/call"
	"hotline/triage"
)

// Person is who sits at a seat.
type Person struct {
	ID, Name, Login, Profile, Role string
	Languages                      []string
	Can                            map[string]int // skills, with their levels
	Phone                          call.Number    // the own telephone, which may be rung instead of the page
	Extension                      string         // of the own desk phone; "" when there is none
	Supervises                     bool           // may listen in, join and take over
	Unprepared                     bool           // has not yet learnt how to take calls
}

// Skills are what the person can do for a caller.
func (p Person) Skills() []triage.Skill {
	skills := triage.Speaks(p.Languages)
	for name, level := range p.Can {
		skills = append(skills, triage.Skill{Name: name, Level: level})
	}
	return skills
}

// Snapshot is exactly what the desk page shows. The server is its only author.
type Snapshot struct {
	Agent          AgentView         `json:"agent"`
	Call           *CallView         `json:"call"`
	Case           *CaseView         `json:"case"`
	Monitoring     *MonitoringView   `json:"monitoring"`
	Mode           ModeView          `json:"mode"`
	Waiting        int               `json:"waiting"`
	LongestS       int               `json:"longest_s"`
	Asks           []string          `json:"asks"`                      // what the scenario has people ask besides, in the language of the page
	Script         []string          `json:"script,omitempty"`          // what to say first on this line
	ScriptLanguage string            `json:"script_language,omitempty"` // its language
	Known          []KnownView       `json:"known,omitempty"`           // bulletins, for first answers
	Lines          map[string]string `json:"lines,omitempty"`           // texts of lines that have a name here, in the language of the page
	Notices        []NoticeView      `json:"notices,omitempty"`         // of supervisors, not read yet
	Form           uint64            `json:"form"`                      // edition of the questions about a case: another one is fetched with the next call
	Demo           bool              `json:"demo"`
	Practice       bool              `json:"practice,omitempty"` // nothing is real
	Now            time.Time         `json:"now"`
	Operation      string            `json:"operation"`
}

// NoticeView is a short message of a supervisor to those at work.
type NoticeView struct {
	ID     string    `json:"id"`
	Text   string    `json:"text"`
	Urgent bool      `json:"urgent"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until"`
}

// AgentView is the agent's own state.
type AgentView struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Login  string            `json:"login"`
	State  triage.AgentState `json:"state"`
	Reason string            `json:"reason"`
	Since  time.Time         `json:"since"`
	By     string            `json:"by"`      // supervisor who chose the state
	Next   string            `json:"next"`    // after the call
	NextBy string            `json:"next_by"` // supervisor who chose that
	Why    string            `json:"why"`     // reason that a supervisor gave
	Sound  string            `json:"sound"`   // browser, phone, number, line: what the person speaks through
	Sounds []way             `json:"sounds"`  // what could be chosen
}

// CallView is the call that rings, runs or awaits its notes.
type CallView struct {
	Contact    string        `json:"contact"`
	Number     string        `json:"number"` // "" when withheld or protected
	Language   string        `json:"language"`
	Queue      string        `json:"queue"`
	Path       []string      `json:"path"`
	Keys       string        `json:"keys"`
	Context    []string      `json:"context"` // said by a telephone menu in front of the hotline; text, never markup
	Facts      []FactView    `json:"facts"`   // what flows found out; text, never markup
	WaitedS    int           `json:"waited_s"`
	RingUntil  time.Time     `json:"ring_until,omitzero"`
	AnsweredAt time.Time     `json:"answered_at,omitzero"`
	Held       bool          `json:"held"`
	Muted      bool          `json:"muted"`
	Emergency  bool          `json:"emergency"`
	Protected  bool          `json:"protected"`
	CallerLeft bool          `json:"caller_left"`
	Earlier    []EarlierView `json:"earlier"`
	Mode       string        `json:"mode"`

	Parties    []PartyView  `json:"parties"` // everybody on the line except the person at the page, the caller first
	Consult    *ConsultView `json:"consult"`
	Listened   []string     `json:"listened"` // who listens unheard
	Whisper    []string     `json:"whisper"`  // who speaks to this person alone
	Outgoing   bool         `json:"outgoing"`
	RingingOut bool         `json:"ringing_out"`
	ByCode     bool         `json:"by_code"`   // came with the code of the case, which is open
	CallBack   string       `json:"call_back"` // why they are called back; "" when they are not
	Help       bool         `json:"help"`
	CanRescue  bool         `json:"can_rescue"` // an emergency service can be called
	Rescue     bool         `json:"rescue"`     // and is, until one answers
	Internal   bool         `json:"internal"`   // a call between colleagues: no caller, no case

	Recording       string                 `json:"recording"`        // off, notice, on, paused
	RecordingPolicy triage.RecordingPolicy `json:"recording_policy"` // never, agent, always
}

// FactView is something that a flow found out about the call.
type FactView struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// PartyView is one more person on the line.
type PartyView struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"` // caller, agent, number, supervisor
	Name   string `json:"name"`
	Number string `json:"number"`
	State  string `json:"state"` // ringing, talking, held, listening, whispering
	By     string `json:"by"`
}

// ConsultView is a second person the agent talks to while the caller hears
// music.
type ConsultView struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Number string `json:"number"`
	State  string `json:"state"`  // ringing, talking
	Failed string `json:"failed"` // why nobody answered, in a sentence
}

// MonitoringView is a supervisor's presence in somebody else's call.
type MonitoringView struct {
	Contact string `json:"contact"`
	Agent   string `json:"agent"`
	Mode    string `json:"mode"` // listen, whisper, barge
}

// Directory is whom a person at the desk may bring into a call or ring: its
// answer to the command "directory".
type Directory struct {
	Agents   []DirectoryAgent `json:"agents"`
	Queues   []string         `json:"queues"`
	Entries  []string         `json:"entries"`  // numbers of the hotline, each with a dialogue
	Outgoing bool             `json:"outgoing"` // outside numbers too
	Calls    bool             `json:"calls"`    // these colleagues may be rung without a caller: call.agent
}

// DirectoryAgent is one colleague.
type DirectoryAgent struct {
	ID    string            `json:"id"`
	Name  string            `json:"name"`
	State triage.AgentState `json:"state"`
}

// EarlierView is an earlier contact of the same number: no case content, for a
// number alone unlocks nothing.
type EarlierView struct {
	At          time.Time `json:"at"`
	Disposition string    `json:"disposition"`
	Queue       string    `json:"queue"`
}

// CaseView is the case of the present call.
type CaseView struct {
	Code    string            `json:"code"`
	Fields  triage.CaseFields `json:"fields"`
	Level   triage.Level      `json:"level"`
	SavedAt time.Time         `json:"saved_at"`
}

// KnownView is a bulletin that holds now.
type KnownView struct {
	Text     string    `json:"text"`
	Language string    `json:"language"`
	AsOf     time.Time `json:"as_of"`
}

// ModeView is the emergency mode in force.
type ModeView struct {
	Active  bool      `json:"active"`
	Mode    string    `json:"mode"`
	Since   time.Time `json:"since,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	By      string    `json:"by"`
}

// FloorView is what coordinators see of the whole room.
type FloorView struct {
	Agents         []FloorAgent   `json:"agents"`
	Waiting        []FloorWaiting `json:"waiting"`
	Lines          []FloorLine    `json:"lines"`
	Alarms         []FloorAlarm   `json:"alarms"`
	Mode           ModeView       `json:"mode"`
	AnsweredToday  int            `json:"answered_today"`
	AbandonedToday int            `json:"abandoned_today"`
	OpenItems      int            `json:"open_items"`
	Unsaved        int            `json:"unsaved"`
	Now            time.Time      `json:"now"`
}

// FloorAgent is one phone volunteer.
type FloorAgent struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	State    triage.AgentState `json:"state"`
	Reason   string            `json:"reason"`
	By       string            `json:"by"`   // supervisor who chose the state
	Next     string            `json:"next"` // that comes after the call
	Since    time.Time         `json:"since"`
	Queue    string            `json:"queue"`
	Contact  string            `json:"contact"`
	Help     bool              `json:"help"`     // asks for a supervisor
	Listened bool              `json:"listened"` // somebody listens in
	Why      triage.Why        `json:"why"`      // nobody rings although the agent is free

	Languages []string `json:"languages"` // that the agent has said to speak; none: nobody has asked
	DelayMS   int      `json:"delay_ms"`  // of sound, to the page and back; 0: not known
}

// FloorWaiting is one caller who waits, and why.
type FloorWaiting struct {
	Contact  string     `json:"contact"`
	Number   string     `json:"number"`
	Queue    string     `json:"queue"`
	Language string     `json:"language"`
	Since    time.Time  `json:"since"`
	Position int        `json:"position"`
	Why      triage.Why `json:"why"`
	Away     bool       `json:"away"`  // not on the line: to be called back
	First    string     `json:"first"` // supervisor who has put them first
	Danger   bool       `json:"danger"`
	Private  bool       `json:"private"` // for trained people alone
}

// FloorLine sums up one queue.
type FloorLine struct {
	ID       string `json:"id"`
	Waiting  int    `json:"waiting"`
	LongestS int    `json:"longest_s"`
	Ready    int    `json:"ready"`
	Closed   bool   `json:"closed,omitempty"` // to new callers
	Over     bool   `json:"over,omitempty"`   // more wait, or longer, than is right
}

// FloorAlarm is a call in which somebody may be in danger.
type FloorAlarm struct {
	Contact string       `json:"contact"`
	Agent   string       `json:"agent"`
	Queue   string       `json:"queue"`
	Level   triage.Level `json:"level"`
	Since   time.Time    `json:"since"`
	Kind    string       `json:"kind"`              // danger, help, private: nobody at work is trained for who waits
	Waiting bool         `json:"waiting,omitempty"` // nobody has answered yet: there is no call to step into
}
