package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"hotline/provisioning"
	"hotline/ui/gallery"
)

// galleryCommand shows all pages with made-up data. It opens no folder of a
// hotline and no address for calls.
type galleryCommand struct {
	Listen string `help:"TCP address of the gallery. It is for this machine alone unless you say otherwise." default:"127.0.0.1:8500"`
}

func (c *galleryCommand) Run(ctx context.Context, s streams) (err error) {
	dir, err := os.MkdirTemp("", "hotline-gallery-")
	if err != nil {
		return fmt.Errorf("making a folder for made-up records: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelError}))
	g, err := gallery.New(ctx, dir, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return provisioning.Listening(err, "The gallery", c.Listen, "--listen")
	}
	return g.Run(ctx, listener, func() {
		fmt.Fprintf(s.out, "Every page, with people and calls that were made up:\n\n  http://%s/gallery\n\nCtrl+C ends it.\n", listener.Addr())
	})
}
