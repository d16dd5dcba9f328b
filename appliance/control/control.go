// Package control is the door by which commands of the same machine reach the
// hotline that runs: a socket in its data folder. Whoever may open the socket may
// read the records as well, so nobody is asked for a password. It knows what goes
// to and fro and not what it means: each thing that can be asked for is a function
// of whoever knows how it is done.
package control

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Socket is its name in the data folder.
const Socket = "control.sock"

// Limits of what goes to and fro, and of how long that may take.
const (
	maxWords = 1 << 20
	maxFile  = 256 << 20
	fileFor  = 5 * time.Minute
)

// ErrNotRunning says that no hotline runs in a data folder.
var ErrNotRunning = errors.New("no hotline runs in this data folder")

// Message is what is asked, or answered: words, and a file where there is one.
type Message struct {
	Words json.RawMessage
	File  []byte
}

// Say puts words into a message.
func Say(words any, file []byte) (Message, error) {
	raw, err := json.Marshal(words)
	return Message{raw, file}, err
}

// Do does one thing. Its context ends when whoever asks has gone, and with the
// hotline. An error is told to whoever asks, in its words.
type Do func(ctx context.Context, by string, asked Message) (Message, error)

// frame is the words of a message on the wire. Behind them, in a length of eight
// bytes, comes the file.
type frame struct {
	What    string          `json:"what,omitempty"`
	By      string          `json:"by,omitempty"`
	Words   json.RawMessage `json:"words,omitempty"`
	Problem string          `json:"problem,omitempty"`
}

func write(to net.Conn, f frame, file []byte) error {
	words, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if len(words) > maxWords || len(file) > maxFile {
		return errors.New("this is more than can be asked or answered at once")
	}
	if err := to.SetWriteDeadline(time.Now().Add(fileFor)); err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(words)))
	head = append(head, words...)
	head = binary.BigEndian.AppendUint64(head, uint64(len(file)))
	if _, err := to.Write(head); err != nil || len(file) == 0 { // the other side may have its answer, and be gone
		return err
	}
	_, err = to.Write(file)
	return err
}

func read(from io.Reader) (f frame, file []byte, err error) {
	var size [8]byte
	if _, err := io.ReadFull(from, size[:4]); err != nil {
		return f, nil, err
	}
	n := binary.BigEndian.Uint32(size[:4])
	if n > maxWords {
		return f, nil, errors.New("this is more than can be asked at once")
	}
	words := make([]byte, n)
	if _, err := io.ReadFull(from, words); err != nil {
		return f, nil, err
	}
	if err := json.Unmarshal(words, &f); err != nil {
		return f, nil, err
	}
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return f, nil, err
	}
	long := binary.BigEndian.Uint64(size[:])
	if long > maxFile {
		return f, nil, errors.New("this file is larger than can be brought at once")
	}
	file, err = io.ReadAll(io.LimitReader(from, int64(long))) // grows with what comes, not with what is said
	if err == nil && uint64(len(file)) != long {
		err = io.ErrUnexpectedEOF
	}
	return f, file, err
}

// Ask asks the hotline of a data folder and waits for its answer, which may take
// as long as ctx lasts. Without a hotline it is ErrNotRunning.
func Ask(ctx context.Context, folder, what, by string, asked Message) (Message, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(folder, Socket))
	if err != nil {
		return Message{}, ErrNotRunning
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := write(conn, frame{What: what, By: by, Words: asked.Words}, asked.File); err != nil {
		return Message{}, fmt.Errorf("asking the hotline: %w", err)
	}
	f, file, err := read(conn)
	switch {
	case ctx.Err() != nil:
		return Message{}, context.Cause(ctx)
	case err != nil:
		return Message{}, fmt.Errorf("the hotline ended before it had an answer: %w", err)
	case f.Problem != "":
		return Message{f.Words, file}, errors.New(f.Problem)
	}
	return Message{f.Words, file}, nil
}

// Door is the socket of a running hotline.
type Door struct {
	listener net.Listener
	can      map[string]Do
	log      *slog.Logger
}

// Open opens the door of a data folder; nothing is answered before Run. Close is
// for a door that never ran.
func Open(folder string, can map[string]Do, log *slog.Logger) (*Door, error) {
	path := filepath.Join(folder, Socket)
	_ = os.Remove(path) // of a program that was killed; the records are ours alone
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Door{listener: l, can: can, log: log}, nil
}

// Close closes it.
func (d *Door) Close() error { return d.listener.Close() }

// Run answers until ctx ends.
func (d *Door) Run(ctx context.Context) error {
	var asked sync.WaitGroup
	defer asked.Wait()
	defer context.AfterFunc(ctx, func() { d.listener.Close() })()
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			return nil // it is closed
		}
		asked.Go(func() { d.answer(ctx, conn) })
	}
}

func (d *Door) answer(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	if err := conn.SetReadDeadline(time.Now().Add(fileFor)); err != nil {
		return
	}
	// A hotline that ends does not wait for somebody who writes.
	unread := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	f, file, err := read(conn)
	unread()
	if err != nil {
		return // whoever asked has gone, or is none of ours
	}
	out := frame{}
	var answer Message
	if do := d.can[f.What]; do == nil {
		out.Problem = fmt.Sprintf("the hotline that runs knows no command %q: it is another version of this program", f.What)
	} else {
		_ = conn.SetReadDeadline(time.Time{})
		over := make(chan struct{})
		go func() { // nobody writes any more: what comes is the end
			defer close(over)
			_, _ = conn.Read(make([]byte, 1))
			gone(errors.New("whoever asked has gone"))
		}()
		answer, err = d.guarded(do, ctx, f, file)
		if out.Words = answer.Words; err != nil {
			out.Problem = err.Error()
		}
		defer func() { conn.Close(); <-over }()
	}
	if err := write(conn, out, answer.File); err != nil {
		d.log.Warn("an answer did not reach the command that asked for it", "command", f.What, "error", err)
	}
}

// guarded keeps a fault of a command from ending the hotline.
func (d *Door) guarded(do Do, ctx context.Context, f frame, file []byte) (answer Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("a command failed", "command", f.What, "panic", p)
			answer, err = Message{}, fmt.Errorf("the hotline could not do this because of a fault of its own: %v", p)
		}
	}()
	return do(ctx, f.By, Message{f.Words, file})
}
