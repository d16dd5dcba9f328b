//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// second leaves another disk with the same system in a machine that has been set
// up, under BIOS or UEFI: the records must stay those of the first, and the other
// one untouched.
func (t *trial) second(ctx context.Context, uefi bool) (err error) {
	if t.m, err = newMachine(ctx, t.dir, t.image); err != nil {
		return err
	}
	m := t.m
	if uefi {
		if err := m.uefi(false); err != nil {
			return err
		}
	}
	if err := m.told(ctx, "hotline.network", stickNetwork); err != nil {
		return err
	}
	fmt.Println("Switched on for the first time")
	if err := m.on(ctx); err != nil {
		return err
	}
	told, err := t.settled(ctx)
	if err != nil {
		return err
	}
	held, err := ring(ctx, 0, 1)
	if err != nil {
		return err
	}
	if err := t.named(ctx); err != nil {
		return err
	}
	m.pull()
	held[0].Die()

	image, err := filepath.Abs(t.image)
	if err != nil {
		return err
	}
	m.other = m.path("second.qcow2")
	if err := run(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, m.other, "2G"); err != nil {
		return err
	}
	for _, how := range []string{"Switched on with a second disk of the same image, which the system finds before its own", "And again"} {
		fmt.Println(how)
		if err := m.on(ctx); err != nil {
			return err
		}
		if err := t.again(ctx); err != nil {
			return err
		}
		if err := onList(ctx, told.password, 1); err != nil {
			return err
		}
		if err := m.complains(); err != nil {
			return err
		}
		m.pull()
	}
	fmt.Println("  its records are those from before")
	if err := run(ctx, "qemu-img", "compare", "-q", image, m.other); err != nil {
		return fmt.Errorf("something was written to the second disk: %w", err)
	}
	fmt.Println("  and the second disk is as it was")

	if uefi {
		return nil // the emulated firmware remembers the first disk, and starts no other
	}
	fmt.Println("Switched on with the second disk alone")
	m.disk, m.other = m.other, ""
	if err := m.on(ctx); err != nil {
		return err
	}
	if _, err := m.reads(ctx, `(NOT SET UP)`, t.patience); err != nil {
		return err
	}
	fmt.Println("  it is a new one, which asks to be set up")
	return nil
}

// named waits until the disk has a name of its own, which the first start gives
// it.
func (t *trial) named(ctx context.Context) error {
	if _, err := t.m.reads(ctx, `(The disk has a name of its own now)`, t.patience); err != nil {
		return errors.Join(errors.New("the first start has not named the disk"), err)
	}
	fmt.Println("  its disk has got a name of its own")
	return nil
}
