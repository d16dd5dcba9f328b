//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// slotAt is where the first system begins on the disk (images/build).
const slotAt, slotSize = (2 + 64) << 20, 256 << 20

// changedKernel changes one byte of the kernel: Secure Boot must not start it.
func (t *trial) changedKernel(ctx context.Context) error {
	t.m.pull()
	kernel, err := os.ReadFile(filepath.Join(filepath.Dir(t.image), "root/boot/vmlinuz"))
	if err != nil {
		return err
	}
	disk, err := os.OpenFile(filepath.Join(t.dir, "edited.raw"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer disk.Close()
	slot := make([]byte, slotSize)
	if _, err := io.ReadFull(io.NewSectionReader(disk, slotAt, slotSize), slot); err != nil {
		return err
	}
	at := bytes.Index(slot, kernel[len(kernel)/2:][:512])
	if at < 0 {
		return errors.New("the kernel is not found in the system")
	}
	if _, err := disk.WriteAt([]byte{^slot[at]}, slotAt+int64(at)); err != nil {
		return err
	}
	fmt.Println("Switched on with a kernel of which one byte is another")
	if err := t.m.on(ctx); err != nil {
		return err
	}
	said, err := t.m.reads(ctx, `(bad shim signature|Security Violation)`, t.patience)
	if err != nil {
		return err
	}
	fmt.Printf("  it is not started: %s\n", said)
	return nil
}
