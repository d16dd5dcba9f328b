package ivr

import (
	"context"
	"errors"
	"time"

	"hotline/appliance/audio"
)

// Line is a telephone line as a dialogue sees it. *media.Endpoint is one.
type Line interface {
	// Play blocks until the clip was heard or, with bargeIn, a key waits.
	Play(ctx context.Context, clip *audio.Clip, bargeIn bool) (interrupted bool, err error)
	// Music sets the looped background; nil is silence.
	Music(clip *audio.Clip)
	// Key returns the next key; keys pressed earlier come first.
	Key(ctx context.Context) (byte, error)
	FlushKeys()
	// Record keeps what the far end says until limit, a stop key or ctx. When
	// ctx ends it returns what it has, with the error.
	Record(ctx context.Context, limit time.Duration, stopKeys string) (clip *audio.Clip, stoppedBy byte, err error)
}

// nowhere is the line of what runs unheard.
type nowhere struct{}

func (nowhere) Play(context.Context, *audio.Clip, bool) (bool, error) { return false, nil }
func (nowhere) Music(*audio.Clip)                                     {}
func (nowhere) FlushKeys()                                            {}
func (nowhere) Key(ctx context.Context) (byte, error)                 { return 0, errNobody }
func (nowhere) Record(context.Context, time.Duration, string) (*audio.Clip, byte, error) {
	return nil, 0, errNobody
}

var errNobody = errors.New("nobody is on this line")

// Prompts is what can be spoken. *prompts.Library is one.
type Prompts interface {
	Has(language, id string) bool
	Clip(language, id string) (*audio.Clip, error)
	Number(language string, n int) (*audio.Clip, error)
	Digits(language, digits string) (*audio.Clip, error)
	Phone(language, number string) (*audio.Clip, error)
	Wait(language string, from, to int) (*audio.Clip, error) // in minutes
	Hours(language string, n int) (*audio.Clip, error)
	Time(language string, t time.Time) (*audio.Clip, error)
	Date(language string, t time.Time) (*audio.Clip, error)
}

// Action is something a flow may ask the host to do. The result selects the
// way on; an error, a panic or a result the flow does not know takes the
// step's error path.
type Action func(ctx context.Context, s *Session) (result string, err error)
