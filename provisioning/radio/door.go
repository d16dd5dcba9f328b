package radio

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Socket is where the owner of the radio listens on the appliance's own image.
const Socket = "/run/hotline-radio"

// Door leads to the owner of the radio.
type Door struct{ Path string }

// There reports that this machine has one.
func (d Door) There() bool {
	_, err := os.Stat(d.Path)
	return err == nil
}

type question struct {
	Set *Settings `json:"set,omitempty"` // nil: only how it is
}

type reply struct {
	State   State  `json:"state"`
	Refused string `json:"refused,omitempty"` // in a sentence
}

// Look asks how the network is.
func (d Door) Look(ctx context.Context) (State, error) { return d.ask(ctx, question{}) }

// Set changes it, at once and for good.
func (d Door) Set(ctx context.Context, s Settings) (State, error) {
	return d.ask(ctx, question{Set: &s})
}

// answeredIn bounds a question and its answer; neither side waits for more.
const answeredIn = 10 * time.Second

func (d Door) ask(ctx context.Context, q question) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, answeredIn)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", d.Path)
	if err != nil {
		return State{}, fmt.Errorf("the part of the machine that owns the radio does not answer: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return State{}, fmt.Errorf("the part of the machine that owns the radio does not answer: %w", err)
	}
	var r reply
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		return State{}, fmt.Errorf("the part of the machine that owns the radio does not answer: %w", err)
	}
	if r.Refused != "" {
		return r.State, errors.New(r.Refused)
	}
	return r.State, nil
}

// mostAsked bounds what somebody may send.
const mostAsked = 4 << 10

// Serve answers at the door until ctx ends.
func (o *Owner) Serve(ctx context.Context, l *net.UnixListener) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Now()) })()
	for {
		conn, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case err != nil:
			return err
		}
		conns.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			o.answer(conn)
		})
	}
}

// answer takes one question, and believes nothing that comes with it.
func (o *Owner) answer(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(answeredIn))
	in := bufio.NewReaderSize(conn, mostAsked)
	line, err := in.ReadSlice('\n')
	var q question
	if err != nil || json.Unmarshal(line, &q) != nil {
		return
	}
	var r reply
	if q.Set != nil {
		if err := o.set(*q.Set); err != nil {
			r.Refused = err.Error()
		}
	}
	r.State = o.State()
	_ = json.NewEncoder(conn).Encode(r) // nobody waits any more: it is kept all the same
}
