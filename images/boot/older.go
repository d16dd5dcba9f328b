//go:build linux

package main

import (
	"context"
	"fmt"
)

// renewed sets up a machine of an older image, brings it this system by the page
// of the machine, and then the older one again, as who does not like the new one:
// the records must last, and each must start on what the other has left.
func (t *trial) renewed(ctx context.Context) (err error) {
	if t.m, err = newMachine(ctx, t.dir, t.older); err != nil {
		return err
	}
	m := t.m
	if err := m.told(ctx, "hotline.network", stickNetwork); err != nil {
		return err
	}
	fmt.Println("A machine of the older image is switched on for the first time")
	if err := m.on(ctx); err != nil {
		return err
	}
	told, err := t.settled(ctx)
	if err != nil {
		return err
	}
	old, err := built(t.older)
	if err != nil {
		return err
	}
	now, err := built(t.image)
	if err != nil {
		return err
	}
	version := max(old, now) + 1
	for i, system := range []string{t.image, t.older, t.image} {
		slot := []string{"in slot B", "in slot A"}[i%2]
		fmt.Println([]string{"This system comes by the page of the machine", "The older one comes back", "And this one again"}[i])
		if err := t.exchange(ctx, told.admin, system, version+uint64(i), slot); err != nil {
			return err
		}
		if i == 0 {
			if err := t.named(ctx); err != nil {
				return err
			}
		}
		if err := nextCaller(ctx); err != nil {
			return err
		}
		if err := m.complains(); err != nil {
			return err
		}
		held, err := ring(ctx, i, 1)
		if err != nil {
			return err
		}
		if err := m.reset(ctx); err != nil {
			return err
		}
		held[0].Die()
		if err := t.again(ctx); err != nil {
			return err
		}
		if err := m.until(ctx, slot, t.patience); err != nil {
			return err
		}
		if err := onList(ctx, told.password, i+1); err != nil {
			return err
		}
		fmt.Println("  after a power cut it comes up as before, and everybody who was cut off is on the list")
	}
	return nil
}
