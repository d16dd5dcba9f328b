package slot

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"hotline/provisioning/door"
)

// The hotline may not write to the disk's slots, nor restart the machine: it asks
// a program that may.

// Socket is where that program listens on the appliance's own image.
const Socket = "/run/hotline-slot"

// Door leads to the program that owns the slots.
type Door struct{ door.Door }

// At is the door whose socket is there.
func At(path string) Door { return Door{door.Door{Path: path, Does: "takes updates"}} }

// What is asked for.
const (
	doLook    = "look"
	doInstall = "install"
	doRestart = "restart"
)

// Look asks how the slots are.
func (d Door) Look(ctx context.Context) (State, error) { return d.ask(ctx, doLook, nil) }

// Install brings an update, while it arrives.
func (d Door) Install(ctx context.Context, update io.Reader) (State, error) {
	return d.ask(ctx, doInstall, update)
}

// Restart starts the machine anew.
func (d Door) Restart(ctx context.Context) error {
	_, err := d.ask(ctx, doRestart, nil)
	return err
}

func (d Door) ask(ctx context.Context, what string, update io.Reader) (state State, err error) {
	err = d.Ask(ctx, what, update, &state)
	return state, err
}

// Serve answers at the door until ctx ends or nobody has come for a while. restart
// starts the machine anew.
func Serve(ctx context.Context, l *net.UnixListener, m Machine, restart func() error, quiet time.Duration) error {
	d := doorkeeper{m: m, restart: restart}
	return door.Serve(ctx, l, quiet, d.answer)
}

type doorkeeper struct {
	m       Machine
	restart func() error
	writes  sync.Mutex // one update at a time
}

var errBusy = errors.New("another update is being written just now: wait until it is in")

func (d *doorkeeper) answer(ctx context.Context, ask []byte, update io.Reader) (any, error) {
	var what string
	err := json.Unmarshal(ask, &what)
	if err == nil {
		err = d.do(ctx, what, update)
	}
	state, unread := d.m.State()
	if err == nil {
		err = unread
	}
	return state, err
}

func (d *doorkeeper) do(ctx context.Context, what string, update io.Reader) error {
	switch what {
	case doLook:
		return nil
	case doInstall:
		if !d.writes.TryLock() {
			return errBusy
		}
		defer d.writes.Unlock()
		_, err := d.m.Install(ctx, update)
		return err
	case doRestart:
		if !d.writes.TryLock() {
			return errBusy
		}
		defer d.writes.Unlock()
		return d.restart()
	}
	return errors.New("this machine does not know what it is asked for")
}
