package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hotline/appliance/config"
	"hotline/appliance/health"
	"hotline/appliance/lists"
	"hotline/appliance/rehearsal"
	"hotline/ui/page"
	pagewords "hotline/ui/words"
)

// rehearseCommand asks the running hotline to call itself, or runs one for it.
type rehearseCommand struct {
	Config   string `help:"Configuration file." default:"hotline.yaml" type:"path"`
	Language string `help:"Language of the report." default:"en"`
}

// rehearseSocket is where the hotline of a data folder listens for commands of
// this machine. Who may read the records may ask.
const rehearseSocket = "rehearse.sock"

func (c *rehearseCommand) Run(ctx context.Context, s streams) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.err, "The hotline calls itself. This takes a few minutes.")
	report, err := askForRehearsal(ctx, cfg)
	if errors.Is(err, errNotRunning) {
		report, err = rehearseAlone(ctx, cfg, s)
	}
	if err != nil {
		return err
	}
	catalogues, err := pagewords.Load()
	if err != nil {
		return err
	}
	text, err := pageText(catalogues, c.Language)
	if err != nil {
		return err
	}
	writeReport(s.out, text, report)
	if !report.Passed() {
		return errors.New("the rehearsal did not pass")
	}
	return nil
}

var errNotRunning = errors.New("no hotline runs in this data folder")

// askForRehearsal asks the running hotline and waits for what it found.
func askForRehearsal(ctx context.Context, cfg config.Config) (r rehearsal.Report, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(cfg.DataDir(), rehearseSocket))
	if err != nil {
		return r, errNotRunning
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var got answered
	if err := json.NewDecoder(conn).Decode(&got); err != nil {
		return r, fmt.Errorf("the hotline ended before it had an answer: %w", err)
	}
	if got.Problem != "" {
		return r, errors.New(got.Problem)
	}
	return got.Report, nil
}

// answered is what the hotline tells the command.
type answered struct {
	Report  rehearsal.Report `json:"report"`
	Problem string           `json:"problem,omitempty"`
}

// rehearseAlone runs the hotline for as long as the rehearsal takes.
func rehearseAlone(ctx context.Context, cfg config.Config, s streams) (r rehearsal.Report, err error) {
	h, err := assemble(cfg, manner{drain: drainFor}, newLog(s.err, cfg.LogAll))
	if err != nil {
		return r, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan rehearsal.Report, 1)
	if err := h.rehearse.ask(asking{by: actor().Name, done: done}); err != nil {
		return r, errors.Join(err, h.Close())
	}
	ran := make(chan error, 1)
	go func() { ran <- h.Run(ctx) }()
	select {
	case r = <-done:
		stop()
		return r, <-ran
	case err := <-ran:
		return r, errors.Join(errors.New("the hotline ended before the rehearsal did"), err)
	}
}

// pageText is the texts of the pages in a language, with those of the lists that
// ship.
func pageText(catalogues *pagewords.Catalogues, language string) (pagewords.Text, error) {
	shipped, err := lists.Shipped()
	if err != nil {
		return pagewords.Text{}, err
	}
	text := catalogues.Choose("", language)
	return text.With(shipped.Texts(text.Lang())), nil
}

// writeReport is the page Rehearsal in the terminal.
func writeReport(w io.Writer, text pagewords.Text, r rehearsal.Report) {
	frame := page.Frame{Text: text}
	state := "passed"
	switch {
	case r.Failed() > 0:
		state = "failed"
	case r.GaveWay != "":
		state = "gave_way"
	}
	fmt.Fprintf(w, "%s. %s\n\n", text.T("rehearsal.state."+state), text.T("rehearsal.result."+state))
	for _, c := range r.Lines {
		sentence, next := frame.CheckWords(c)
		fmt.Fprintf(w, "%-5s  %s\n", map[health.State]string{health.Bad: "RED", health.Watch: "WATCH", health.Good: "ok"}[c.State], sentence)
		if next != "" {
			fmt.Fprintf(w, "       -> %s\n", next)
		}
		if c.Detail != "" {
			fmt.Fprintf(w, "          %s\n", c.Detail)
		}
	}
}

// listenForCommands opens the place where this machine's commands are heard;
// nothing is read before takeCommands. A hotline whose folder cannot hold a
// socket runs without: the button on the page does the same.
func (r *rehearsals) listenForCommands() net.Listener {
	path := filepath.Join(r.cfg.DataDir(), rehearseSocket)
	_ = os.Remove(path) // of a program that was killed; the records are ours alone
	l, err := net.Listen("unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		r.h.log.Warn("hotline rehearse cannot reach this hotline; use the button on the page Rehearsal", "error", err)
		return nil
	}
	r.h.took(l.Close)
	return l
}

// takeCommands answers them until ctx ends.
func (r *rehearsals) takeCommands(ctx context.Context) {
	if r.socket == nil {
		return
	}
	var asked sync.WaitGroup
	defer asked.Wait()
	defer context.AfterFunc(ctx, func() { r.socket.Close() })()
	for {
		conn, err := r.socket.Accept()
		if err != nil {
			return // it is closed
		}
		asked.Go(func() { r.answerCommand(ctx, conn) })
	}
}

func (r *rehearsals) answerCommand(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	done := make(chan rehearsal.Report, 1)
	var out answered
	if err := r.ask(asking{by: "hotline rehearse", done: done}); err != nil {
		out.Problem = err.Error()
	} else {
		select {
		case out.Report = <-done:
		case <-ctx.Done():
			out.Problem = "the hotline was stopped"
		}
	}
	if err := conn.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return
	}
	if err := json.NewEncoder(conn).Encode(out); err != nil {
		r.h.log.Warn("the report of a rehearsal did not reach the command that asked for it", "error", err)
	}
}
