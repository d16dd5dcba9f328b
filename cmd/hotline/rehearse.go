package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"hotline/appliance/config"
	"hotline/appliance/control"
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

func (c *rehearseCommand) Run(ctx context.Context, s streams) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.err, "The hotline calls itself. This takes a few minutes.")
	report, err := askForRehearsal(ctx, cfg)
	if errors.Is(err, control.ErrNotRunning) {
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

// askForRehearsal asks the running hotline and waits for what it found.
func askForRehearsal(ctx context.Context, cfg config.Config) (r rehearsal.Report, err error) {
	got, err := control.Ask(ctx, cfg.DataDir(), "rehearse", byCommand, control.Message{})
	if err != nil {
		return r, err
	}
	err = json.Unmarshal(got.Words, &r)
	return r, err
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

// onCommand rehearses because somebody at this machine has asked.
func (r *rehearsals) onCommand(ctx context.Context, _ string, _ control.Message) (out control.Message, err error) {
	done := make(chan rehearsal.Report, 1)
	if err := r.ask(asking{by: "hotline rehearse", done: done}); err != nil {
		return out, err
	}
	select {
	case report := <-done:
		return control.Say(report, nil)
	case <-ctx.Done():
		return out, errors.New("the hotline was stopped")
	}
}
