package provisioning

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hotline/appliance/config"
	"hotline/appliance/durable"
)

// unfinishedName is a file beside the configuration for as long as a hotline is
// being set up, or laid out of a backup. It names the data folder. Whoever finds it
// knows that the plug was pulled meanwhile: there may be a configuration, and nobody
// has an account, or records of which half are missing.
const unfinishedName = "setup.unfinished"

// Begin notes that a hotline with that data folder is being made in dir, which is
// there. Until Finish it is taken away by whoever begins again.
func Begin(dir, data string) error { return markUnfinished(dir, data) }

// Finish says that it is whole.
func Finish(dir string) error { return markFinished(dir) }

func markUnfinished(dir, data string) error {
	if inside, err := filepath.Rel(dir, data); err == nil && filepath.IsLocal(inside) {
		data = inside
	}
	return durable.WriteFile(filepath.Join(dir, unfinishedName), []byte(data), 0o600)
}

func markFinished(dir string) error {
	if err := os.Remove(filepath.Join(dir, unfinishedName)); err != nil {
		return fmt.Errorf("finishing the set-up: %w", err)
	}
	return durable.SyncDir(dir)
}

// Unfinished reports that the set-up of the hotline in dir, or its restoring, was
// cut off.
func Unfinished(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, unfinishedName))
	return err == nil
}

// ClearUnfinished takes away what a set-up has left that was cut off, or what a
// backup was being laid out into, so that it
// can begin again: nobody has used any of it. The certificates stay, because a
// browser may have them already.
func ClearUnfinished(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, unfinishedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what a set-up has left that was cut off: %w", err)
	}
	data := strings.TrimSpace(string(text))
	if data == "" { // no set-up has written that
		return &Problem{What: fmt.Sprintf("The file %s is empty.", filepath.Join(dir, unfinishedName)), Do: "If this hotline has never been used, empty the folder and set it up again. Otherwise remove only this file."}
	}
	if !filepath.IsAbs(data) {
		data = filepath.Join(dir, data)
	}
	left := undo{beside: data, paths: []string{filepath.Join(dir, unfinishedName), filepath.Join(dir, config.FileName)}}
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		left.beside = ""
	}
	return errors.Join(left.all(), durable.SyncDir(dir))
}
