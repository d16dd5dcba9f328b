// Package door is how the hotline, which may do little to its machine, asks
// another program of the same machine that may do one thing more: over a socket
// that nobody else can open, made by systemd (systemd.socket(5)). A question is a
// line of JSON, behind which a file may come; the answer is a line of JSON. Whoever
// answers believes what comes as little as what comes on a stick. It knows nothing
// of what is asked.
package door

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

const (
	longest = 4 << 10          // bytes of a question
	soon    = 10 * time.Second // within which a question comes, and an answer goes
)

// Door leads to the other program.
type Door struct {
	Path string
	Does string // what that one does, for sentences: "takes updates"
}

type question struct {
	Ask  json.RawMessage `json:"ask"`
	More bool            `json:"more,omitempty"` // a file comes behind it
}

type reply struct {
	Answer  json.RawMessage `json:"answer,omitempty"`
	Refused string          `json:"refused,omitempty"` // in a sentence
}

// There reports that this machine has one.
func (d Door) There() bool {
	_, err := os.Stat(d.Path)
	return err == nil
}

// Ask asks, hands over the file where there is one, and waits for the answer as
// long as ctx lasts. Errors are sentences; with a refusal the answer may be there
// all the same.
func (d Door) Ask(ctx context.Context, ask any, file io.Reader, answer any) error {
	raw, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", d.Path)
	if err != nil {
		return d.silent(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if err := json.NewEncoder(conn).Encode(question{raw, file != nil}); err != nil {
		return d.silent(err)
	}
	if file != nil {
		if _, err := io.Copy(conn, file); err != nil {
			return fmt.Errorf("the file did not arrive whole: %w", err)
		}
		if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
			return d.silent(err)
		}
	}
	var r reply
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		return d.silent(err)
	}
	if len(r.Answer) > 0 && answer != nil {
		if err := json.Unmarshal(r.Answer, answer); err != nil {
			return d.silent(err)
		}
	}
	if r.Refused != "" {
		return errors.New(r.Refused)
	}
	return nil
}

func (d Door) silent(err error) error {
	return fmt.Errorf("the part of the machine that %s does not answer: %w", d.Does, err)
}

// Do does what is asked for. Its error is told in its words, and the answer with it
// unless that is nil. file is what came with the question; it need not be read.
type Do func(ctx context.Context, ask []byte, file io.Reader) (answer any, err error)

// Serve answers everybody who comes until ctx ends, or nobody has come for as long
// as quiet, where that is not 0: whoever comes next starts the program again. What
// was begun is ended first.
func Serve(ctx context.Context, l *net.UnixListener, quiet time.Duration, do Do) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		var until time.Time
		if quiet > 0 {
			until = time.Now().Add(quiet)
		}
		if err := l.SetDeadline(until); err != nil {
			return err
		}
		awake := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Now()) })
		conn, err := l.AcceptUnix()
		awake()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
		conns.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			_ = conn.SetReadDeadline(time.Now().Add(soon))
			in := bufio.NewReaderSize(conn, longest)
			q, err := asked(in)
			if err != nil {
				return
			}
			_ = conn.SetReadDeadline(time.Time{}) // a file takes as long as it takes
			r := done(ctx, do, q, in)
			_ = conn.SetWriteDeadline(time.Now().Add(soon))
			_ = json.NewEncoder(conn).Encode(r) // nobody waits any more: it is done all the same
		})
	}
}

// Answer answers the one who has come, for a program that systemd starts for each.
func Answer(ctx context.Context, from io.Reader, to io.Writer, do Do) error {
	in := bufio.NewReaderSize(from, longest)
	q, err := asked(in)
	if err != nil {
		return fmt.Errorf("what is asked cannot be read: %w", err)
	}
	return json.NewEncoder(to).Encode(done(ctx, do, q, in))
}

func asked(in *bufio.Reader) (q question, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return q, err
	}
	return q, json.Unmarshal(line, &q)
}

// done has it done. What came with the question is read to its end in any case:
// whoever sends it reads the answer only then.
func done(ctx context.Context, do Do, q question, in io.Reader) (r reply) {
	if !q.More {
		in = new(io.LimitedReader) // nothing
	}
	answer, err := do(ctx, q.Ask, in)
	if q.More {
		_, _ = io.Copy(io.Discard, in) // ends with the connection
	}
	if err != nil {
		r.Refused = err.Error()
	}
	if answer == nil {
		return r
	}
	if r.Answer, err = json.Marshal(answer); err != nil && r.Refused == "" {
		r.Refused = err.Error()
	}
	return r
}
