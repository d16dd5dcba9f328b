package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hotline/appliance/audio/foreign"
	"hotline/appliance/backup"
	"hotline/appliance/boxkey"
	"hotline/appliance/config"
	"hotline/appliance/control"
	"hotline/appliance/durable"
	"hotline/appliance/store"
	"hotline/ivr/flow"
	"hotline/provisioning/bundle"
	"hotline/ui/api"
)

// bundleCommand is a whole hotline as files.
type bundleCommand struct {
	Check  bundleCheckCommand    `cmd:"" help:"Say what is wrong with a bundle, with file and line. It needs no hotline."`
	Diff   bundleDiffCommand     `cmd:"" help:"Say what a bundle would change in a hotline, whether it runs or not. Nothing is changed."`
	Apply  bundleApplyCommand    `cmd:"" help:"Change a hotline into what a bundle says, whether it runs or not: all of it, or nothing."`
	Export bundleExportCommand   `cmd:"" help:"Write what a hotline is, whether it runs or not, into a bundle, to keep it, to change it or to carry it to another machine. It holds no records and no secrets."`
	Templ  bundleTemplateCommand `cmd:"" name:"template" help:"Write one of the bundles that ship, to begin with: organisations of three sizes. Without a name: list them."`
}

// bundleConfig is which bundle, and for which hotline.
type bundleConfig struct {
	Bundle  string `arg:"" help:"The bundle: a folder or a ZIP file." type:"path"`
	Config  string `help:"Configuration file." default:"hotline.yaml" type:"path"`
	Secrets string `help:"File with what is secret, as export --secrets writes it: passwords of telephone lines, other systems, regular exports. It never is in the bundle." type:"path" placeholder:"FILE"`
}

// read reads what is given.
func (c bundleConfig) read() (b *bundle.Bundle, secrets bundle.Secrets, err error) {
	if c.Secrets != "" {
		if secrets, err = bundle.ReadSecrets(c.Secrets); err != nil {
			return nil, secrets, err
		}
	}
	b, err = bundle.Open(c.Bundle)
	return b, secrets, err
}

// bundled is a hotline for bundles.
func bundled(cfg config.Config, records *store.Store, s streams) bundle.Hotline {
	return bundle.Hotline{Store: records, Config: cfg, Flows: surroundings, Topics: api.Topics(), Decode: foreign.New().Import, By: byCommand, Via: "cli", Log: newLog(s.err, false),
		Leads: func(cfg config.Config, flows *flow.FlowSet) error { _, err := entries(cfg, flows); return err }}
}

// keepConfig writes a changed configuration file. The one from before, with what
// people have written into it, stays beside it.
func keepConfig(path string) func(config.Config) (func() error, error) {
	return func(cfg config.Config) (func() error, error) {
		before, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := durable.WriteFile(path+".before", before, 0o600); err != nil {
			return nil, fmt.Errorf("the configuration cannot be kept: %w", err)
		}
		back := func() error { return durable.WriteFile(path, before, 0o600) }
		return back, durable.WriteFile(path, []byte(cfg.Describe()), 0o600)
	}
}

type bundleCheckCommand struct {
	Bundle  string `arg:"" help:"The bundle: a folder or a ZIP file." type:"path"`
	Secrets string `help:"File with what is secret, to be checked with it." type:"path" placeholder:"FILE"`
}

// Run is "hotline bundle check": the bundle is applied to a new hotline, which is
// thrown away.
func (c *bundleCheckCommand) Run(ctx context.Context, s streams) (err error) {
	b, secrets, err := bundleConfig{Bundle: c.Bundle, Secrets: c.Secrets}.read()
	if err != nil {
		return wrongBundle(c.Bundle, err)
	}
	dir, err := os.MkdirTemp("", "hotline-bundle-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, config.FileName)
	if err := os.WriteFile(path, []byte(config.Default().Describe()), 0o600); err != nil {
		return err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	records, err := store.Open(cfg.DataDir(), newLog(s.err, false))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	plan, err := bundle.Diff(ctx, bundled(cfg, records, s), b, secrets)
	if err != nil {
		return wrongBundle(c.Bundle, err)
	}
	for _, note := range plan.Notes {
		fmt.Fprintln(s.out, note)
	}
	fmt.Fprintf(s.out, "This bundle can be applied: %d files.\n", len(b.Files()))
	return nil
}

// wrongBundle says of which bundle mistakes are.
func wrongBundle(path string, err error) error {
	var problems bundle.Problems
	if !errors.As(err, &problems) {
		return err
	}
	what := "there is one mistake"
	if len(problems) > 1 {
		what = fmt.Sprintf("there are %d mistakes", len(problems))
	}
	return fmt.Errorf("%s in the bundle %s, and nothing was changed:\n%w", what, path, problems)
}

// open does something with a hotline: first by asking the one that runs; where
// none does, with its records.
func (c bundleConfig) open(ctx context.Context, s streams, ask func(config.Config) error, do func(bundle.Hotline) error) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if err := ask(cfg); !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	err = withKey(ctx, c.Config, s, bufio.NewReader(s.in), func(_ *boxkey.Keeper, _ *backup.Keeper, records *store.Store) error {
		return do(bundled(cfg, records, s))
	})
	if errors.Is(err, errRunning) {
		return errors.New("the hotline is running and cannot be reached from here: it is without its key, or an older version, or its folder cannot hold a socket. Use the page \"A whole hotline as files\", or stop it first, in a quiet moment. To look at a bundle alone, hotline bundle check needs no hotline")
	}
	return err
}

type bundleDiffCommand struct{ bundleConfig }

func (c *bundleDiffCommand) Run(ctx context.Context, s streams) error {
	b, secrets, err := c.read()
	if err != nil {
		return wrongBundle(c.Bundle, err)
	}
	return c.open(ctx, s, func(cfg config.Config) error {
		got, _, err := askRunning(ctx, cfg, "bundle.look", b, bundleAsked{Given: secrets, File: c.Secrets})
		if err == nil {
			c.tell(s, got.Plan)
		}
		return wrongBundle(c.Bundle, err)
	}, func(h bundle.Hotline) error {
		plan, err := bundle.Diff(ctx, h, b, secrets)
		if err == nil {
			c.tell(s, plan)
		}
		return wrongBundle(c.Bundle, err)
	})
}

// tell prints what a bundle changes.
func (c bundleConfig) tell(s streams, plan bundle.Plan) {
	if len(plan.Changes) == 0 {
		fmt.Fprintln(s.out, "Nothing to change: the hotline is as the bundle says.")
		return
	}
	for _, change := range plan.Changes {
		later := ""
		if change.Later {
			later = " [from the next start on]"
		}
		fmt.Fprintf(s.out, "  %s%s\n", change, later)
	}
	for _, note := range plan.Notes {
		fmt.Fprintln(s.out, note)
	}
	fmt.Fprintf(s.out, "To change: %d. As the bundle says already: %d.\n", len(plan.Changes), plan.Same)
}

type bundleApplyCommand struct{ bundleConfig }

func (c *bundleApplyCommand) Run(ctx context.Context, s streams) error {
	b, secrets, err := c.read()
	if err != nil {
		return wrongBundle(c.Bundle, err)
	}
	done := func(plan bundle.Plan, counts string) {
		c.tell(s, plan)
		if len(plan.Changes) == 0 {
			return
		}
		fmt.Fprintln(s.out, "Done: "+counts)
		if plan.NotYet != nil {
			fmt.Fprintf(s.out, "Stored, and not in use before the next start:\n%v\n", plan.NotYet)
		}
		if len(plan.Credentials) > 0 {
			fmt.Fprintf(s.out, "\nNew people. Write this down now; it is shown only once.\n\n")
			printCredentials(s.out, plan.Credentials)
		}
	}
	return c.open(ctx, s, func(cfg config.Config) error {
		got, _, err := askRunning(ctx, cfg, "bundle.apply", b, bundleAsked{Given: secrets, File: c.Secrets})
		if err != nil {
			return wrongBundle(c.Bundle, err)
		}
		if got.NotYet != "" {
			got.Plan.NotYet = errors.New(got.NotYet)
		}
		done(got.Plan, "it counts now, for the next call; what says so counts from the next start on. Calls that run go on.")
		return nil
	}, func(h bundle.Hotline) error {
		h.Keep = keepConfig(c.Config)
		plan, err := bundle.Apply(ctx, h, b, secrets)
		if err != nil {
			return wrongBundle(c.Bundle, err)
		}
		done(plan, "it counts from the next start on.")
		return nil
	})
}

type bundleExportCommand struct {
	Out     string `arg:"" help:"Where to write it: a ZIP file when the name ends in .zip, else a folder, which must be empty." type:"path"`
	Config  string `help:"Configuration file." default:"hotline.yaml" type:"path"`
	Secrets string `help:"Write what is secret, too, into this file: passwords of telephone lines, other systems that are told what happens, regular exports with their places." type:"path" placeholder:"FILE"`
}

func (c *bundleExportCommand) Run(ctx context.Context, s streams) error {
	keep := func(b *bundle.Bundle, secrets bundle.Secrets) error {
		if err := writeBundle(b, c.Out); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "The bundle is in %s: %d files. It holds no records and no passwords, but names and telephone numbers of those who work here.\n\nNot in it:\n", c.Out, len(b.Files()))
		for _, left := range bundle.LeftOut() {
			fmt.Fprintf(s.out, "- %s: %s.\n", left.What, left.Why)
		}
		if c.Secrets == "" {
			fmt.Fprintf(s.out, "- %s: name a file for them with --secrets.\n", bundle.Apart)
			return nil
		}
		if err := secrets.Write(c.Secrets); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "\nIn %s are %s: keep it apart.\n", c.Secrets, bundle.Apart)
		return nil
	}
	return bundleConfig{Config: c.Config}.open(ctx, s, func(cfg config.Config) error {
		got, file, err := askRunning(ctx, cfg, "bundle.export", nil, bundleAsked{Secrets: c.Secrets != ""})
		if err != nil {
			return err
		}
		b, err := bundle.Read(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return err
		}
		return keep(b, got.Secrets)
	}, func(h bundle.Hotline) error {
		b, err := bundle.Export(ctx, h)
		if err != nil {
			return err
		}
		var secrets bundle.Secrets
		if c.Secrets != "" {
			if secrets, err = bundle.SecretsOf(h); err != nil {
				return err
			}
		}
		return keep(b, secrets)
	})
}

// writeBundle writes a bundle where nothing is yet.
func writeBundle(b *bundle.Bundle, to string) error {
	if !strings.HasSuffix(to, ".zip") {
		return b.WriteFolder(to)
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("there is a file %s already: name another one", to)
	}
	if err != nil {
		return fmt.Errorf("the bundle cannot be written: %w", err)
	}
	return errors.Join(b.Write(f), f.Close())
}

type bundleTemplateCommand struct {
	Name string `arg:"" optional:"" help:"town, city or national."`
	Out  string `arg:"" optional:"" help:"Where to write it: a ZIP file when the name ends in .zip, else a folder, which must be empty." type:"path"`
}

func (c *bundleTemplateCommand) Run(s streams) error {
	if c.Name == "" {
		for _, name := range bundle.Templates() {
			b, err := bundle.Template(name)
			if err != nil {
				return err
			}
			about, err := b.About()
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%-10s %s\n", name, about)
		}
		return nil
	}
	b, err := bundle.Template(c.Name)
	if err != nil {
		return err
	}
	if c.Out == "" {
		return errors.New("name a folder or a ZIP file for the template, too")
	}
	if err := writeBundle(b, c.Out); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The template is in %s: change what you like, then hotline bundle check.\n", c.Out)
	return nil
}

// beginWith are the bundles that a new hotline begins with, one over the other.
type beginWith struct {
	config  string // the file
	s       streams
	bundles []*bundle.Bundle
	secrets bundle.Secrets
	name    string // of the bundle that somebody has brought
	by      string // who begins, in the log
	plan    bundle.Plan
}

// fill has new records, and their configuration, become what the bundles say.
// Setup takes everything away when one of them cannot be applied.
func (b *beginWith) fill(ctx context.Context, records *store.Store) error {
	for i, one := range b.bundles {
		var secrets bundle.Secrets
		if i == len(b.bundles)-1 { // of the one that was brought
			secrets = b.secrets
		}
		cfg, err := config.Load(b.config)
		if err != nil {
			return err
		}
		h := bundled(cfg, records, b.s)
		h.By, h.Via = b.by, "setup"
		h.Keep = func(cfg config.Config) (func() error, error) {
			return func() error { return nil }, durable.WriteFile(b.config, []byte(cfg.Describe()), 0o600)
		}
		plan, err := bundle.Apply(ctx, h, one, secrets)
		if err != nil {
			return wrongBundle(b.name, err)
		}
		b.plan.Notes = append(b.plan.Notes, plan.Notes...)
		b.plan.Credentials = append(b.plan.Credentials, plan.Credentials...)
	}
	return nil
}
