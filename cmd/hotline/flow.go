package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hotline/appliance/boxkey"
	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/ivr"
	"hotline/ivr/flow"
	"hotline/ivr/prompts"
	"hotline/ivr/trial"
	"hotline/ivr/versions"
	"hotline/triage"
	"hotline/triage/desk"
	"hotline/triage/supervise"
)

// flowCommand is everything about the dialogues on the command line. What reads
// or changes the versions of a hotline needs its data folder, which a running
// hotline has for itself: then the same is on its page Flows.
type flowCommand struct {
	Check    flowCheckCommand    `cmd:"" help:"Say what is wrong with flows, with line and column."`
	Try      flowTryCommand      `cmd:"" help:"Play a flow in the terminal: what callers hear is printed, keys are typed. Nothing real happens."`
	Export   flowExportCommand   `cmd:"" help:"Write the flows into a bundle, to keep it or to carry it to another hotline."`
	Import   flowImportCommand   `cmd:"" help:"Read a bundle into drafts, or publish it with --publish."`
	History  flowHistoryCommand  `cmd:"" help:"List what was published, by whom and why."`
	Rollback flowRollbackCommand `cmd:"" help:"Put the previous version, or the one named, into use again."`
}

// flowActions are what flows can ask this program for, and its answers. A test compares it with
// what serve offers.
func flowActions() map[string][]string {
	actions := ivr.Results()
	maps.Copy(actions, supervise.Results())
	maps.Copy(actions, desk.Results())
	return actions
}

// flowConfig is where a hotline is.
type flowConfig struct {
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
}

// load reads the configuration; without one it is as if the file were empty,
// so that flows can be written on any machine.
func (c flowConfig) load() (config.Config, error) {
	cfg, err := config.Load(c.Config)
	if _, statErr := os.Stat(c.Config); errors.Is(statErr, fs.ErrNotExist) {
		return config.Default(), nil
	}
	return cfg, err
}

// records opens those of the hotline.
func records(cfg config.Config) (*store.Store, error) {
	data := cfg.DataDir()
	if _, err := os.Stat(filepath.Join(data, "hotline.db")); err != nil {
		return nil, errNoHotline{data}
	}
	keys, err := boxkey.Open(data)
	if err != nil {
		return nil, err
	}
	key, err := keys.AtHand() // flow commands have no keyboard: a passphrase is for the page
	if err != nil {
		return nil, err
	}
	s, err := store.OpenWith(data, key, slog.New(slog.DiscardHandler))
	if errors.Is(err, store.ErrInUse) {
		return nil, errors.New("the hotline is running, and nobody else can reach its records meanwhile. Do it on its page Administration, Flows; " +
			"or download a bundle there and name the file here (check and try take files)")
	}
	return s, err
}

// errNoHotline means that nothing was started here yet.
type errNoHotline struct{ data string }

func (e errNoHotline) Error() string {
	return fmt.Sprintf("there is no hotline in %s yet: start it once with hotline serve", e.data)
}

// shelf opens the flows of the hotline in its data folder.
func (c flowConfig) shelf() (*versions.Shelf, func() error, error) {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return nil, nil, err
	}
	records, err := records(cfg)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.DiscardHandler)
	with, err := surroundings(cfg)
	if err == nil {
		err = knowLines(&with, records)
	}
	var own *prompts.Studio
	if err == nil {
		own, err = prompts.OpenStudio(records, nil, log)
	}
	if err == nil {
		with.HasPrompt = own.Has // also what the hotline says by itself
		var s *versions.Shelf
		if s, err = versions.Open(versions.Config{Store: records, Shipped: ivr.ShippedTexts(), Engine: paper{with}, Log: log}); err == nil {
			return s, records.Close, nil
		}
	}
	return nil, nil, errors.Join(err, records.Close())
}

// paper checks flows without running any.
type paper struct{ with flow.Surroundings }

func (p paper) Check(set *flow.FlowSet) error { return flow.Check(set, p.with) }

// Publish has nobody to give the flows to: the hotline reads them when it
// starts.
func (p paper) Publish(set *flow.FlowSet) error { return p.Check(set) }

// Resume has nobody to give the flows to either.
func (p paper) Resume(set *flow.FlowSet) (flow.Problems, error) { return nil, p.Check(set) }

func surroundings(cfg config.Config) (flow.Surroundings, error) {
	library, err := prompts.Shipped()
	if err != nil {
		return flow.Surroundings{}, err
	}
	return flow.Surroundings{Languages: cfg.Languages, HasPrompt: library.Has, Actions: flowActions(), HasQueue: triage.ShippedRouting().Has, HTTP: len(cfg.FlowHosts) > 0}, nil
}

// knowLines adds the lines that were added to the hotline.
func knowLines(with *flow.Surroundings, s *store.Store) error {
	routing, err := triage.ReadRouting(s)
	with.HasQueue = routing.Has
	return err
}

// withLines is what files are checked against. Where the records cannot be
// looked into, lines that do not ship may be those of the hotline, and only a
// warning can be given.
func withLines(cfg config.Config) (with flow.Surroundings, unsure error, err error) {
	if with, err = surroundings(cfg); err != nil {
		return with, nil, err
	}
	s, unsure := records(cfg)
	if _, none := unsure.(errNoHotline); none {
		return with, nil, nil
	}
	if unsure != nil {
		return with, unsure, nil
	}
	return with, nil, errors.Join(knowLines(&with, s), s.Close())
}

// actor is who uses the command line.
func actor() versions.Actor {
	return versions.Actor{ID: "command line", Name: os.Getenv("USER"), Via: "command"}
}

// readFlows reads files and bundles.
func readFlows(paths []string) (map[string]string, error) {
	texts := map[string]string{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if filepath.Ext(path) != ".zip" {
			texts[strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))] = string(b)
			continue
		}
		bundle, err := versions.ReadBundle(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for name, text := range bundle {
			texts[name] = text
		}
	}
	return texts, nil
}

// over is the shipped flows with others over them.
func over(texts map[string]string) map[string]string {
	all := ivr.ShippedTexts()
	for name, text := range texts {
		all[name] = text
	}
	return all
}

type flowCheckCommand struct {
	flowConfig
	Files []string `arg:"" optional:"" help:"Flow files (YAML) or bundles (ZIP), checked together with the flows that ship. None: the drafts of the hotline."`
}

func (c *flowCheckCommand) Run(s streams) error {
	var problems, warnings flow.Problems
	if len(c.Files) == 0 {
		shelf, done, err := c.shelf()
		if err != nil {
			return err
		}
		problems, warnings, err = shelf.Check()
		if err := errors.Join(err, done()); err != nil {
			return err
		}
	} else {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		with, unsure, err := withLines(cfg)
		if err != nil {
			return err
		}
		texts, err := readFlows(c.Files)
		if err != nil {
			return err
		}
		set, err := flow.ParseSet(over(texts))
		if err == nil {
			warnings = flow.Warnings(set)
			err = flow.Check(set, with)
		}
		if err != nil && !errors.As(err, &problems) {
			return err
		}
		if unsure != nil && problems.OnlyQueues() {
			for _, p := range problems {
				p.Text += " among those that ship; it may be one of this hotline, which could not be asked"
				warnings = append(warnings, p)
			}
			problems = nil
		}
	}
	for _, w := range warnings {
		fmt.Fprintln(s.err, "warning:", w)
	}
	if len(problems) == 0 {
		fmt.Fprintln(s.out, "These flows can be published.")
		return nil
	}
	return fmt.Errorf("these flows cannot be published:\n%w", problems)
}

type flowTryCommand struct {
	flowConfig
	Flow     string   `arg:"" optional:"" default:"main" help:"Name of the flow."`
	File     []string `help:"Flow files or bundles to play instead of what is published." type:"path"`
	Language string   `help:"Language of the caller until one is chosen."`
	Answers  string   `help:"Read what is typed from this file, one answer a line." type:"path"`
}

func (c *flowTryCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	with, unsure, err := withLines(cfg)
	if err != nil {
		return err
	}
	if unsure != nil {
		with.HasQueue = nil
	}
	texts, err := readFlows(c.File)
	if err != nil {
		return err
	}
	if len(c.File) == 0 {
		if shelf, done, err := c.shelf(); err == nil {
			texts, err = shelf.Drafted()
			if err := errors.Join(err, done()); err != nil {
				return err
			}
		} else {
			fmt.Fprintf(s.err, "Playing the flows that ship: %v.\n", err)
		}
	}
	set, err := flow.ParseSet(over(texts))
	if err != nil {
		return err
	}
	catalogues, err := prompts.Catalogues()
	if err != nil {
		return err
	}
	var in io.Reader = os.Stdin
	if c.Answers != "" {
		file, err := os.Open(c.Answers)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	_, _, err = trial.Run(ctx, trial.Config{Flows: set, With: with, In: in, Out: s.out, Unasked: c.Answers != "",
		Text: func(language, id string) string { return catalogues[language].Prompts[id] }}, c.Flow, c.Language)
	return err
}

type flowExportCommand struct {
	flowConfig
	Out     string `arg:"" help:"The bundle to write, such as flows.zip." type:"path"`
	Version int    `help:"Which version; -1 is the one in use." default:"-1"`
}

func (c *flowExportCommand) Run(s streams) (err error) {
	shelf, done, err := c.shelf()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	number := c.Version
	if number < 0 {
		v, err := shelf.Current()
		if err != nil {
			return err
		}
		number = v.Number
	}
	var b bytes.Buffer
	if err := shelf.Export(&b, number); err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, b.Bytes(), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Version %d is in %s.\n", number, c.Out)
	return nil
}

type flowImportCommand struct {
	flowConfig
	Files   []string `arg:"" help:"Bundles or flow files."`
	Publish bool     `help:"Publish them at once."`
	Note    string   `help:"With --publish: what changes, in a few words."`
}

func (c *flowImportCommand) Run(ctx context.Context, s streams) (err error) {
	texts, err := readFlows(c.Files)
	if err != nil {
		return err
	}
	shelf, done, err := c.shelf()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	changed, err := shelf.Import(ctx, texts, actor())
	if err != nil {
		return err
	}
	if len(changed) == 0 {
		fmt.Fprintln(s.out, "Nothing is different from what is in use.")
		return nil
	}
	if !c.Publish {
		fmt.Fprintf(s.out, "Drafts now: %s. Callers get them when they are published.\n", strings.Join(changed, ", "))
		return nil
	}
	v, err := shelf.Publish(ctx, c.Note, actor())
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Version %d is published; callers get it from the next start on.\n", v.Number)
	return nil
}

type flowHistoryCommand struct{ flowConfig }

func (c *flowHistoryCommand) Run(s streams) (err error) {
	shelf, done, err := c.shelf()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	all, err := shelf.History()
	if err != nil {
		return err
	}
	for _, v := range all {
		what := v.Note
		if v.Back != nil {
			what = fmt.Sprintf("version %d again", *v.Back)
		}
		fmt.Fprintf(s.out, "%4d  %s  %-16s  %s (%s)\n", v.Number, v.At.Local().Format(time.DateTime), v.Name, what, strings.Join(v.Changed, ", "))
	}
	fmt.Fprintln(s.out, "   0  the flows that ship with the program")
	return nil
}

type flowRollbackCommand struct {
	flowConfig
	Version int `arg:"" optional:"" default:"-1" help:"The version to put back; without it the one before."`
}

func (c *flowRollbackCommand) Run(ctx context.Context, s streams) (err error) {
	shelf, done, err := c.shelf()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	number := c.Version
	if number < 0 {
		number, err = shelf.Previous()
		if err != nil {
			return err
		}
	}
	v, err := shelf.Back(ctx, number, actor())
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Version %d is in use again, as version %d; callers get it from the next start on.\n", number, v.Number)
	return nil
}

// trialFor is how long a flow may be played on a page at once: nothing in it
// waits.
const trialFor = 5 * time.Second

// flowTrial plays a flow on a page, with the answers so far.
func (h *hotline) flowTrial(ctx context.Context, texts map[string]string, name, answers string) (string, bool, error) {
	set, err := flow.ParseSet(texts)
	if err != nil {
		return "", false, err
	}
	catalogues, err := prompts.Catalogues()
	if err != nil {
		return "", false, err
	}
	ctx, stop := context.WithTimeout(ctx, trialFor)
	defer stop()
	var heard strings.Builder
	_, more, err := trial.Run(ctx, trial.Config{Flows: set, With: h.engine.Surroundings(), In: strings.NewReader(answers), Out: &heard, Unasked: true,
		Text: func(language, id string) string { return catalogues[language].Prompts[id] }}, name, "")
	return heard.String(), more, err
}
