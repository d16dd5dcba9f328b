package versions_test

import (
	"context"
	"time"

	"hotline/appliance/audio"
)

// nobody is a line on which nobody listens or presses keys.
type nobody struct{}

func (nobody) Play(context.Context, *audio.Clip, bool) (bool, error) { return false, nil }
func (nobody) Music(*audio.Clip)                                     {}
func (nobody) FlushKeys()                                            {}
func (nobody) Key(ctx context.Context) (byte, error)                 { <-ctx.Done(); return 0, ctx.Err() }
func (nobody) Record(context.Context, time.Duration, string) (*audio.Clip, byte, error) {
	return nil, 0, nil
}
