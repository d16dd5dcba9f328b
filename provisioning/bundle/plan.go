package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"hotline/provisioning"
)

// Plan is what a bundle changes, or has changed.
type Plan struct {
	Changes []Change // in the order of the files
	Notes   []Note   // what somebody has to do besides
	Same    int      // things that are as the bundle says already

	Credentials []provisioning.Credential // of new people, shown once
	NotYet      error                     // of what is changed a running hotline has to leave something for its next start
}

// Kinds of changes.
const (
	Changed  = "changed"  // a setting is another
	New      = "new"      // a thing is new
	Gone     = "gone"     // a thing is taken away
	Secret   = "secret"   // a telephone line gets another password
	Address  = "address"  // another system is told at another address, or with another secret
	Language = "language" // a language is added, or its sentences are others
	Flow     = "flow"     // a dialogue is changed, and published
)

// Change is one thing that a bundle changes.
type Change struct {
	Kind    string
	File    string // of the bundle, without .yaml
	Name    string // of the thing; "": the file is one thing
	Setting string // of it; "" where the whole thing changes
	Was, Is string
	Later   bool // it counts from the next start on
}

func (c Change) String() string {
	where := c.File + ":"
	if c.Name != "" {
		where += " " + c.Name
	}
	switch c.Kind {
	case New:
		return where + " is new: " + c.Is
	case Gone:
		return where + " is taken away"
	case Secret:
		return "secrets: the line " + c.Name + " gets another password"
	case Address:
		return where + " gets another address or secret"
	case Language:
		return where + " is added, or its sentences are others"
	case Flow:
		return where + " is changed, and published"
	}
	if c.Name != "" {
		where += ":"
	}
	return fmt.Sprintf("%s %s becomes %s (is %s)", where, c.Setting, c.Is, c.Was)
}

// Kinds of notes.
const (
	NoPassword = "password" // a line of hotline.yaml has a user and no password
	LineOff    = "off"      // a stored line is switched off until its password is there
	OrdersRest = "orders"   // regular exports that came wait for somebody
	FlowsLater = "flows"    // dialogues fit only what counts from the next start on
)

// Note is something that somebody has to do or to know besides.
type Note struct{ Kind, Line string }

func (n Note) String() string {
	switch n.Kind {
	case NoPassword:
		return fmt.Sprintf("The line %s has a user and no password: name a file with it with --secrets, or write it into hotline.yaml.", n.Line)
	case LineOff:
		return fmt.Sprintf("The line %s is switched off until its password is there: name a file with it with --secrets, or give it on the page of the lines.", n.Line)
	}
	if n.Kind == OrdersRest {
		return "The regular exports that came wait for somebody: on the page Regular exports press \"Go on in my name\", and their place is tried."
	}
	return "The dialogues fit only together with settings that count from the next start on: until then callers get those of now."
}

// Print names a plan, so that it is noticed when another one would be carried out
// than somebody has looked at.
func (p Plan) Print() string {
	sum := sha256.New()
	for _, c := range p.Changes {
		fmt.Fprintf(sum, "%q\n", fmt.Sprint(c))
	}
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

// later marks the changes since the first one that need a start of a hotline that
// runs: what its configuration file says is read there.
func (r *run) later(first int, settings ...string) {
	if r.to.Alone == nil {
		return
	}
	for i := range r.changes[first:] {
		c := &r.changes[first+i]
		for _, s := range settings {
			c.Later = c.Later || s == "*" || c.Setting == s
		}
	}
}

// short is the name of a file as changes tell it.
func short(file string) string { return strings.TrimSuffix(file, ".yaml") }
