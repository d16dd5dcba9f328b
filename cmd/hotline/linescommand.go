package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"hotline/appliance/config"
	"hotline/appliance/control"
	"hotline/appliance/lines"
	"hotline/appliance/trunk"
)

// linesCommand is the telephone lines of the hotline that runs, for people without
// a browser at hand.
type linesCommand struct {
	List linesListCommand `cmd:"" default:"withargs" help:"Say which telephone lines and numbers there are, and how they are."`
	On   linesOnCommand   `cmd:"" help:"Switch a line on that was added on the page Telephone lines."`
	Off  linesOffCommand  `cmd:"" help:"Switch such a line off. Calls that run on it go on."`
}

type linesListCommand struct {
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
}

func (c *linesListCommand) Run(ctx context.Context, s streams) error {
	return askForLines(ctx, c.Config, linesAsked{}, s)
}

type linesOnCommand struct {
	Name   string `arg:"" help:"The line."`
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
}

func (c *linesOnCommand) Run(ctx context.Context, s streams) error {
	return askForLines(ctx, c.Config, linesAsked{Name: c.Name, On: true}, s)
}

type linesOffCommand struct {
	Name   string `arg:"" help:"The line."`
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
}

func (c *linesOffCommand) Run(ctx context.Context, s streams) error {
	return askForLines(ctx, c.Config, linesAsked{Name: c.Name}, s)
}

// linesAsked is what is wanted of the lines; without a name they are only told.
type linesAsked struct {
	Name string `json:"name,omitempty"`
	On   bool   `json:"on,omitempty"`
}

// linesAnswered is how they are then.
type linesAnswered struct {
	Stored lines.Record      `json:"stored"` // of the pages
	Filed  lines.Record      `json:"filed"`  // of hotline.yaml
	States []trunk.LineState `json:"states"`
}

func askForLines(ctx context.Context, path string, want linesAsked, s streams) error {
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	question, err := control.Say(want, nil)
	if err != nil {
		return err
	}
	answer, err := control.Ask(ctx, cfg.DataDir(), "lines", byCommand, question)
	if errors.Is(err, control.ErrNotRunning) {
		return errors.New("the hotline does not run, or it runs without its key: then it uses the lines of hotline.yaml alone, and knows the others when it has its key")
	}
	if err != nil {
		return err
	}
	var got linesAnswered
	if err := json.Unmarshal(answer.Words, &got); err != nil {
		return fmt.Errorf("the answer of the hotline cannot be read: %w", err)
	}
	got.tell(s.out)
	return nil
}

func (l linesAnswered) tell(w io.Writer) {
	states := map[string]trunk.LineState{}
	for _, s := range l.States {
		states[s.Name] = s
	}
	for _, one := range l.Filed.Lines {
		fmt.Fprintf(w, "%-20s %s  (in hotline.yaml)\n", one.Name, wordsOf(states[one.Name], false))
	}
	for _, one := range l.Stored.Lines {
		fmt.Fprintf(w, "%-20s %s\n", one.Name, wordsOf(states[one.Name], one.Off))
	}
	if len(l.Filed.Lines)+len(l.Stored.Lines) == 0 {
		fmt.Fprintln(w, "There is no telephone line.")
	}
	for _, n := range append(l.Filed.Numbers, l.Stored.Numbers...) {
		fmt.Fprintf(w, "Number %-13s leads to %s\n", n.Number, strings.TrimSpace(string(n.Leads)+" "+n.Name))
	}
	if dials := append(l.Filed.Dials, l.Stored.Dials...); len(dials) > 0 {
		fmt.Fprintf(w, "May be called: numbers that begin with %s\n", strings.Join(dials, ", "))
	} else {
		fmt.Fprintln(w, "No number may be called.")
	}
}

// wordsOf says how a line is.
func wordsOf(s trunk.LineState, off bool) string {
	how := "DOWN"
	switch {
	case off:
		return "off"
	case s.Name == "":
		return "not used: see the log of the hotline"
	case !s.Checked:
		how = "not checked yet"
	case s.Up:
		how = "up"
	}
	if s.Reason != "" {
		how += ": " + s.Reason
	}
	calls := fmt.Sprintf("%d calls", s.Calls)
	if s.Limit > 0 {
		calls = fmt.Sprintf("%d of %d calls", s.Calls, s.Limit)
	}
	return how + "; " + calls
}

// onLines answers the command.
func (h *hotline) onLines(cfg config.Config) control.Do {
	return func(ctx context.Context, by string, asked control.Message) (out control.Message, err error) {
		var want linesAsked
		if err := json.Unmarshal(asked.Words, &want); err != nil {
			return out, err
		}
		if want.Name != "" {
			if _, ours := h.lines.List().Line(want.Name); !ours {
				return out, fmt.Errorf("no line %q was added on the pages; those of hotline.yaml are changed there", want.Name)
			}
			if err := h.lines.Switch(ctx, want.Name, want.On, by, "cli"); err != nil {
				return out, err
			}
		}
		return control.Say(linesAnswered{Stored: h.lines.List(), Filed: h.telephone(cfg).Filed, States: h.trunk.Lines()}, nil)
	}
}
