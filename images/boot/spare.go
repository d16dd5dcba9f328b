//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// spareAlone is spare on a machine that never ran.
func (t *trial) spareAlone(ctx context.Context) (err error) {
	if t.m, err = newMachine(ctx, t.dir, t.image); err != nil {
		return err
	}
	if err := t.m.told(ctx, "hotline.network", stickNetwork); err != nil {
		return err
	}
	return t.spare(ctx)
}

// spare destroys the records' part of the disk, as a dying disk does, and wants
// callers to be answered all the same: by a hotline in memory, with what a stick
// tells.
func (t *trial) spare(ctx context.Context) error {
	fmt.Println("The disk of the records is destroyed")
	m := t.m
	m.pull()
	if err := run(ctx, "qemu-io", "-f", "qcow2", "-c", fmt.Sprintf("write -z %d 16M", dataAt), m.disk); err != nil {
		return err
	}
	if err := m.told(ctx, "hotline.yaml", "operation: "+operation+"\nsip:\n  help_numbers: [\""+number+"\"]\n  peers: ["+host+"]\n"); err != nil {
		return err
	}
	if err := m.on(ctx); err != nil {
		return err
	}
	if err := answers(ctx, t.patience); err != nil {
		return err
	}
	fmt.Printf("  a hotline in memory says that it is well after %s\n", time.Since(m.started).Round(time.Second))
	password, err := m.reads(ctx, ` admin +password (\S+)`, time.Minute)
	if err != nil {
		return err
	}
	if _, err := signIn(ctx, "admin", password); err != nil {
		return err
	}
	fmt.Println("  the screen tells new passwords, and one of them signs in")
	return nextCaller(ctx)
}
