package ivr

import (
	"context"
	"encoding/json"
	"time"

	"hotline/appliance/audio"
)

// Host is what steps ask of the rest of the hotline. A step whose function is
// nil takes its error path.
type Host struct {
	// Staffing is who could answer in a queue now.
	Staffing func(ctx context.Context, queue string) (Staffing, error)
	// Promise stores that somebody is to be called back. The caller is told
	// only after it has returned nil.
	Promise func(ctx context.Context, s *Session, p Promise) error
	// Voicemail stores a message.
	Voicemail func(ctx context.Context, s *Session, m Message) error
	// Bulletins are those of a list that are valid now, in the order in which
	// they are heard, in that language or else in the one they exist in.
	Bulletins func(ctx context.Context, list, language string, now time.Time) ([]Bulletin, error)
	// Transfer connects the caller with a number outside and returns when they
	// have talked, or an error when they could not.
	Transfer func(ctx context.Context, s *Session, to string, ring time.Duration) error
	// Fetch asks another machine for JSON; nil unless it is allowed.
	Fetch func(ctx context.Context, url string, send map[string]string) (json.RawMessage, error)
}

// Staffing is who could answer in a queue.
type Staffing struct {
	SignedIn  int // serve the queue
	Available int // of them free now
	Busy      int // of them on a call, or finishing one
	Waiting   int // callers in the queue
	Wait      time.Duration
	WaitKnown bool // Wait is an estimate and not a guess
}

// Promise is a call-back that was promised, with the place in the queue.
type Promise struct {
	Number   string // as keyed or shown
	Queue    string
	Priority int
	Since    time.Time // when the caller came; the place is that old
	Language string
}

// Message is what a caller left for somebody.
type Message struct {
	Box      string
	Sound    *audio.Clip
	Language string
}

// Bulletin is one published message.
type Bulletin struct {
	ID    string
	Sound *audio.Clip
}

// Attributes that steps of this package read and set.
const (
	AttributeCaller   = "caller.number"   // as shown; "" when withheld
	AttributeWithheld = "caller.withheld" // yes or no
	AttributePriority = "contact.priority"
	AttributeSkills   = "contact.skills"
	AttributeSince    = "contact.since" // RFC 3339; when the caller came into the queue, or into the call
)
