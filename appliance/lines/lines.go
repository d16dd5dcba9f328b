// Package lines is what operators say about the telephone network while the
// hotline runs: the lines to it, and where the numbers of the hotline lead. It
// stands beside hotline.yaml, which says the same for what wants a restart: a
// name or a number is in one of the two.
//
// Passwords lie in a table of their own. Nothing here gives one back but
// Follow, which hands the lines to the telephone side.
//
// # For a bundle
//
// A bundle that carries the whole set-up of a hotline exports List, which holds
// no password and says by Line.Password for which lines there is one. To take
// one over it asks Check, whose answers are sentences that say which line or
// number they are about, and calls Replace within the one transaction in which
// it stores everything else; passwords come beside the record, from the part
// of the bundle that is kept apart, and a line for which none comes keeps the
// one it has (and has to be switched off as long as it wants one and has none).
// When the transaction is on disk, Refresh makes the running
// program use what is there now:
//
//	if wrong := book.Check(record, passwords); len(wrong) > 0 { … }
//	err := records.Update(ctx, func(tx *store.Tx) error {
//		return book.Replace(tx, record, passwords, by, "bundle")
//	})
//	err = book.Refresh()
package lines

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what is at the other side of a line.
type Kind string

// The kinds.
const (
	Account = Kind("account") // a provider with a user name and a password
	Address = Kind("address") // a provider that knows our address
	GSM     = Kind("gsm")     // a gateway with SIM cards
	FXO     = Kind("fxo")     // a gateway to an analogue line
	PBX     = Kind("pbx")     // a telephone system in the house
)

// Kinds are all kinds, in the order of forms.
func Kinds() []Kind { return []Kind{Account, Address, GSM, FXO, PBX} }

// Line is a way to the telephone network.
type Line struct {
	Name    string   `json:"name" yaml:"name"`
	Kind    Kind     `json:"kind" yaml:"kind"`
	Servers []string `json:"servers" yaml:"servers"`                     // host or host:port, tried in this order
	Accepts []string `json:"accepts,omitempty" yaml:"accepts,omitempty"` // addresses and networks from which it calls as well

	User     string `json:"user,omitempty" yaml:"user,omitempty"`
	AuthUser string `json:"auth_user,omitempty" yaml:"auth_user,omitempty"` // where the account has a second name
	Domain   string `json:"domain,omitempty" yaml:"domain,omitempty"`       // where it is not the server

	Transport   string `json:"transport,omitempty" yaml:"transport,omitempty"` // udp when empty, tcp, tls
	Encrypt     bool   `json:"encrypted_sound,omitempty" yaml:"encrypted_sound,omitempty"`
	Certificate string `json:"certificate,omitempty" yaml:"certificate,omitempty"` // PEM, of the server or its authority

	From     string `json:"from,omitempty" yaml:"from,omitempty"` // the number that called people see
	Plus     string `json:"plus,omitempty" yaml:"plus,omitempty"` // what stands for +
	MaxCalls int    `json:"max_calls,omitempty" yaml:"max_calls,omitempty"`
	Off      bool   `json:"off,omitempty" yaml:"off,omitempty"`

	Password bool `json:"password,omitempty" yaml:"password,omitempty"` // there is one; it is never told
}

// Leads is where callers of a number begin.
type Leads string

// Where numbers lead.
const (
	Help       = Leads("help")
	Supervisor = Leads("supervisor") // the line of the supervisors
	Agents     = Leads("agents")     // work by telephone
	Flow       = Leads("flow")       // the dialogue Number.Name
	Queue      = Leads("queue")      // they wait in the queue Number.Name at once
	Flash      = Leads("flash")      // never answered; they are called back
)

// Everywhere is all of them, in the order of forms.
func Everywhere() []Leads { return []Leads{Help, Supervisor, Agents, Flow, Queue, Flash} }

// Number is a number of the hotline, as the other side sends it.
type Number struct {
	Number   string `json:"number" yaml:"number"`
	Leads    Leads  `json:"leads" yaml:"leads"`
	Name     string `json:"name,omitempty" yaml:"name,omitempty"`         // of the dialogue or queue
	Language string `json:"language,omitempty" yaml:"language,omitempty"` // in which it begins
}

// Record is everything, the lines in the order in which they are tried.
type Record struct {
	Lines   []Line   `json:"lines" yaml:"lines"`
	Numbers []Number `json:"numbers" yaml:"numbers"`
	Dials   []string `json:"dials" yaml:"dials"` // beginnings of full numbers that may be called, besides those of hotline.yaml

	Out *CallsOut `json:"outgoing,omitempty" yaml:"outgoing,omitempty"` // nil: as hotline.yaml says
}

// CallsOut is who may call out, and how often; it takes the place of what
// hotline.yaml says of it.
type CallsOut struct {
	Roles   []string `json:"roles" yaml:"roles"`
	PerHour int      `json:"per_hour" yaml:"per_hour"`               // calls out in any hour, all together
	Rounds  int      `json:"rounds_per_hour" yaml:"rounds_per_hour"` // besides them, of rounds; 0: no rounds
}

// Callers are who can be let call out, as hotline.yaml calls them. Whoever was
// promised a call back gets it all the same.
func Callers() []string { return []string{"agent", "supervisor", "coordinator", "own_phone", "flow"} }

// Equal reports that the same is allowed.
func (o CallsOut) Equal(other CallsOut) bool {
	return slices.Equal(o.Roles, other.Roles) && o.PerHour == other.PerHour && o.Rounds == other.Rounds
}

// Line finds a line by its name.
func (r Record) Line(name string) (Line, bool) {
	if i := slices.IndexFunc(r.Lines, func(l Line) bool { return l.Name == name }); i >= 0 {
		return r.Lines[i], true
	}
	return Line{}, false
}

func (r Record) clone() Record {
	out := Record{Lines: slices.Clone(r.Lines), Numbers: slices.Clone(r.Numbers), Dials: slices.Clone(r.Dials)}
	if r.Out != nil {
		out.Out = &CallsOut{slices.Clone(r.Out.Roles), r.Out.PerHour, r.Out.Rounds}
	}
	for i := range out.Lines {
		out.Lines[i].Servers, out.Lines[i].Accepts = slices.Clone(out.Lines[i].Servers), slices.Clone(out.Lines[i].Accepts)
	}
	return out
}

func (r *Record) line(name string, do func(at int)) error {
	i := slices.IndexFunc(r.Lines, func(l Line) bool { return l.Name == name })
	if i < 0 {
		return ErrNone
	}
	do(i)
	return nil
}

// Tidy puts them into the order of forms. Who is not known stays, to be refused.
func (o *CallsOut) Tidy() {
	at := func(who string) int {
		if i := slices.Index(Callers(), who); i >= 0 {
			return i
		}
		return len(Callers())
	}
	o.Roles = slices.Compact(slices.SortedStableFunc(slices.Values(o.Roles), func(a, b string) int { return at(a) - at(b) }))
}

// String is for the log.
func (o *CallsOut) String() string {
	if o == nil {
		return "hotline.yaml"
	}
	return fmt.Sprintf("%s; %d an hour; %d of rounds", strings.Join(o.Roles, " "), o.PerHour, o.Rounds)
}
