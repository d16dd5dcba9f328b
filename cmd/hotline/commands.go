package main

import (
	"context"

	"hotline/appliance/config"
	"hotline/appliance/control"
)

// listenForCommands opens the door for commands of this machine. A hotline whose
// folder cannot hold a socket runs without: the pages do the same. One without its
// key has no records that a command could be about.
func (h *hotline) listenForCommands(cfg config.Config) {
	if h.keys == nil {
		return
	}
	door, err := control.Open(cfg.DataDir(), map[string]control.Do{
		"rehearse":      h.rehearse.onCommand,
		"bundle.look":   h.bundles.onLook,
		"bundle.apply":  h.bundles.onApply,
		"bundle.export": h.bundles.onExport,
		"lines":         h.onLines(cfg),
	}, h.log)
	if err != nil {
		h.log.Warn("commands of this machine cannot reach this hotline while it runs; the pages can do the same", "error", err)
		return
	}
	h.door = door
	h.took(door.Close)
}

// answerCommands answers them until ctx ends.
func (h *hotline) answerCommands(ctx context.Context) error {
	if h.door == nil {
		<-ctx.Done()
		return nil
	}
	return h.door.Run(ctx)
}
