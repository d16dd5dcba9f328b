package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"hotline/appliance/config"
	"hotline/appliance/store"
)

// auditCommand is the log of what people did.
type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Prove that nothing in the log was changed, removed or reordered."`
}

type auditVerifyCommand struct {
	flowConfig `embed:""`
	Mark       []string `arg:"" optional:"" help:"Marks of the log that were kept elsewhere: every export carries one (log_mark)."`
}

// Run is "hotline audit verify".
func (c *auditVerifyCommand) Run(s streams) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	var marks []store.Mark
	for _, text := range c.Mark {
		mark, err := store.ParseMark(text)
		if err != nil {
			return err
		}
		marks = append(marks, mark)
	}
	data := cfg.DataDir()
	if _, err := os.Stat(filepath.Join(data, "hotline.db")); err != nil {
		return fmt.Errorf("there is no hotline in %s yet: start it once with hotline serve", data)
	}
	key, err := keyOf(data, s, bufio.NewReader(s.in))
	if err != nil {
		return err
	}
	records, err := store.OpenWith(data, key, slog.New(slog.DiscardHandler))
	if errors.Is(err, store.ErrInUse) {
		return errors.New("the hotline is running, and nobody else can reach its records meanwhile. Do it on its page Administration, Log; or run this on a copy of the folder")
	}
	if err != nil {
		return err
	}
	end, n, err := records.VerifyLog(marks...)
	if err := errors.Join(err, records.Close()); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The log is whole: %d entries, none changed, removed or reordered.\nMark of its end, to keep elsewhere: %s\n", n, end)
	return nil
}
