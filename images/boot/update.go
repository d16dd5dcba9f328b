//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// updates brings the machine a good update and one that cannot start: it runs
// the first, and goes back from the second by itself.
func updates(ctx context.Context, m *machine, build, key string, patience time.Duration) error {
	raw, err := os.ReadFile(filepath.Join(build, "version"))
	if err != nil {
		return err
	}
	version, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return err
	}
	fmt.Println("An update comes on a stick")
	if err := m.update(ctx, filepath.Join(build, "slot.squashfs"), key, version+1, "in slot B", patience); err != nil {
		return err
	}
	fmt.Printf("  the machine has started again from slot B; the hotline answers %s after it was switched on\n", time.Since(m.started).Round(time.Second))

	fmt.Println("An update that cannot start")
	broken := m.path("broken")
	if err := os.WriteFile(broken, []byte(strings.Repeat("this is no system. ", 60000)), 0o600); err != nil {
		return err
	}
	if err := m.update(ctx, broken, key, version+2, "in slot B", patience); err != nil {
		return err
	}
	if slots := strings.Count(m.console(), "in slot B"); slots < 1 || strings.Contains(m.console(), "in slot A.") {
		return fmt.Errorf("the machine says that it came up with the broken system")
	}
	fmt.Printf("  after three tries it is back in slot B; the hotline answers %s after it was switched on\n", time.Since(m.started).Round(time.Second))
	again, err := ring(ctx, 1)
	if err != nil {
		return err
	}
	again[0].Hangup()
	fmt.Println("  and the next caller is answered")
	return nil
}

// update switches the machine on with an update on its stick and waits until
// the console says which slot has come up with it.
func (m *machine) update(ctx context.Context, system, key string, version uint64, says string, patience time.Duration) error {
	m.pull()
	file := m.path("hotline.update")
	if err := run(ctx, "go", "run", "./images/sign", "-key", key, "-system", system, "-version", fmt.Sprint(version), "-out", file); err != nil {
		return err
	}
	if err := m.stick(ctx, "hotline.update", file); err != nil {
		return err
	}
	if err := m.on(ctx); err != nil {
		return err
	}
	if err := m.until(ctx, fmt.Sprintf("The update %d is in", version), patience); err != nil {
		return err
	}
	// The system of this trial is as old as before and would take it again.
	if err := m.stick(ctx, "hotline.update", ""); err != nil {
		return err
	}
	return m.until(ctx, says, 2*patience)
}

// until waits for words on the console.
func (m *machine) until(ctx context.Context, says string, patience time.Duration) error {
	for limit := time.Now().Add(patience); !strings.Contains(m.console(), says); {
		if time.Now().After(limit) {
			return fmt.Errorf("the console does not say %q within %s", says, patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return nil
}
