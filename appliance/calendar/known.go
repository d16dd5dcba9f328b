package calendar

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"hotline/appliance/durable"
)

// LastKnown is a file with the last time that the machine knew. One whose battery
// is empty is at some day in the past when its power comes back; it then goes on
// from there, so that what happens now never stands before what happened then.
type LastKnown struct {
	Path string
	Log  *slog.Logger
}

const (
	keptEach = time.Minute
	keptLook = 5 * time.Second // whether somebody has set the clock back
)

// Resume moves a clock that is behind forward to the last time that was known. It
// may be behind after that, too: nobody knows how long the power was away.
func (k LastKnown) Resume(now time.Time, move func(time.Time) error) {
	at, err := k.read()
	if err == nil && now.Before(at) {
		if err = move(at); err == nil {
			k.Log.Warn("the clock was behind the last time that this machine knew, and goes on from there", "clock", now.UTC(), "known", at)
		}
	}
	if err != nil {
		k.Log.Warn("the last time that this machine knew is of no use", "error", err)
	}
}

// read is the zero time where nothing is kept yet.
func (k LastKnown) read() (time.Time, error) {
	text, err := os.ReadFile(k.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
}

// Run keeps the time until ctx ends. A clock that is set back is right: then what
// was kept was not, and goes at once.
func (k LastKnown) Run(ctx context.Context) {
	look := time.NewTicker(keptLook)
	defer look.Stop()
	var kept time.Time
	for {
		now := time.Now().Round(0) // by the clock on the wall
		if now.Before(kept) || now.Sub(kept) >= keptEach {
			if err := durable.WriteFile(k.Path, []byte(now.UTC().Format(time.RFC3339)+"\n"), 0o600); err != nil {
				k.Log.Warn("the time cannot be kept", "error", err)
			}
			kept = now
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}
