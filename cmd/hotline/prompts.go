package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"hotline/appliance/audio/foreign"
	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/ivr/prompts"
)

type promptsCommand struct {
	Import promptsImportCommand `cmd:"" help:"Add a language, or recordings of one, from a language pack. The hotline must not be running; while it runs, use its page."`
}

type promptsImportCommand struct {
	Pack   string `arg:"" help:"The language pack, a ZIP file." type:"existingfile"`
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
}

func (c *promptsImportCommand) Run(ctx context.Context, s streams) (err error) {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	log := newLog(s.err, false)
	key, err := keyOf(cfg.DataDir(), s, bufio.NewReader(s.in))
	if err != nil {
		return err
	}
	records, err := store.OpenWith(cfg.DataDir(), key, log)
	if errors.Is(err, store.ErrInUse) {
		return errors.New("the hotline is running, and nobody else can reach its records meanwhile: add the pack on its page Prompts")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	studio, err := prompts.OpenStudio(records, nil, log)
	if err != nil {
		return err
	}
	file, err := os.Open(c.Pack)
	if err != nil {
		return fmt.Errorf("opening the language pack: %w", err)
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return fmt.Errorf("reading the language pack: %w", err)
	}
	done, err := studio.Import(ctx, file, about.Size(), foreign.New().Import, prompts.Who{Name: "command line", Via: "command line"})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s (%s) is there: %d sentences recorded, %d spoken by the synthetic voice, %d missing.\n", done.Name, done.Language, done.Recorded, done.Spoken, len(done.Missing))
	for _, id := range done.Missing {
		fmt.Fprintf(s.out, "  missing: %s\n", id)
	}
	return nil
}
