package slot

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// The hotline may not write to the disk's slots, nor restart the machine: it
// asks a program that may, over a socket that nobody else can open. What comes
// through it is believed as little as what comes on a stick.

// Socket is where that program listens on the appliance's own image.
const Socket = "/run/hotline-slot"

// Door leads to the program that owns the slots.
type Door struct{ Path string }

// There reports that this machine has one.
func (d Door) There() bool {
	_, err := os.Stat(d.Path)
	return err == nil
}

// What is asked for.
const (
	doLook    = "look"
	doInstall = "install"
	doRestart = "restart"
)

type question struct {
	Do string `json:"do"`
}

type reply struct {
	State   State  `json:"state"`
	Refused string `json:"refused,omitempty"` // in a sentence
}

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
	conn, err := new(net.Dialer).DialContext(ctx, "unix", d.Path)
	if err != nil {
		return state, fmt.Errorf("the part of the machine that takes updates does not answer: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if err := json.NewEncoder(conn).Encode(question{what}); err != nil {
		return state, err
	}
	if update != nil {
		if _, err := io.Copy(conn, update); err != nil {
			return state, fmt.Errorf("the update did not arrive whole: %w", err)
		}
		if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
			return state, err
		}
	}
	var r reply
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		return state, fmt.Errorf("the part of the machine that takes updates has not answered: %w", err)
	}
	if r.Refused != "" {
		return r.State, errors.New(r.Refused)
	}
	return r.State, nil
}

// askedIn bounds the wait for a question; an update may take longer to arrive.
const askedIn = 10 * time.Second

// Serve answers at the door until ctx ends or nobody has come for a while: it is
// started again by whoever comes next (systemd.socket(5)). restart starts the
// machine anew.
func Serve(ctx context.Context, l *net.UnixListener, m Machine, restart func() error, quiet time.Duration) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Now()) })()
	d := doorkeeper{m: m, restart: restart}
	for {
		if err := l.SetDeadline(time.Now().Add(quiet)); err != nil {
			return err
		}
		conn, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			conns.Wait() // an update is not left half-way
			return nil
		case err != nil:
			return err
		}
		conns.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			d.answer(ctx, conn)
		})
	}
}

type doorkeeper struct {
	m       Machine
	restart func() error
	writes  sync.Mutex // one update at a time
}

var errBusy = errors.New("another update is being written just now: wait until it is in")

// answer takes one question. What came with it is read to its end in any case:
// whoever sends it reads the answer only then.
func (d *doorkeeper) answer(ctx context.Context, conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(askedIn))
	in := bufio.NewReader(conn)
	line, err := in.ReadBytes('\n')
	var q question
	if err != nil || json.Unmarshal(line, &q) != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	var r reply
	err = d.do(ctx, q.Do, in)
	if err != nil {
		r.Refused = err.Error()
	}
	if q.Do == doInstall {
		_, _ = io.Copy(io.Discard, in) // ends with the connection
	}
	if r.State, err = d.m.State(); err != nil && r.Refused == "" {
		r.Refused = err.Error()
	}
	_ = json.NewEncoder(conn).Encode(r) // nobody waits any more: it is in the slot all the same
}

func (d *doorkeeper) do(ctx context.Context, what string, in io.Reader) error {
	switch what {
	case doLook:
		return nil
	case doInstall:
		if !d.writes.TryLock() {
			return errBusy
		}
		defer d.writes.Unlock()
		_, err := d.m.Install(ctx, in)
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
