//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// updates brings the machine a good update, by the page, and one that cannot
// start, on a stick: it runs the first, and goes back from the second by itself.
func (t *trial) updates(ctx context.Context, password string) error {
	m := t.m
	version, err := built(t.image)
	if err != nil {
		return err
	}
	fmt.Println("An update comes by the page of the machine")
	if err := t.exchange(ctx, password, t.image, version+1, "in slot B"); err != nil {
		return err
	}

	fmt.Println("An update that cannot start comes on a stick")
	broken := m.path("broken")
	if err := os.WriteFile(broken, []byte(strings.Repeat("this is no system. ", 60000)), 0o600); err != nil {
		return err
	}
	if err := m.update(ctx, broken, t.key, version+2, "in slot B", t.patience); err != nil {
		return err
	}
	if slots := strings.Count(m.console(), "in slot B"); slots < 1 || strings.Contains(m.console(), "in slot A.") {
		return fmt.Errorf("the machine says that it came up with the broken system")
	}
	fmt.Printf("  after three tries it is back in slot B; the hotline answers %s after it was switched on\n", time.Since(m.started).Round(time.Second))
	return nextCaller(ctx)
}

// built is the version of the system that was built with an image.
func built(image string) (uint64, error) {
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(image), "version"))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
}

// exchange brings the machine the system of an image by its page, and has it
// restart with it.
func (t *trial) exchange(ctx context.Context, password, image string, version uint64, slot string) error {
	admin, err := signIn(ctx, "ana", password)
	if err != nil {
		return err
	}
	file, err := t.m.sign(ctx, filepath.Join(filepath.Dir(image), "slot.squashfs"), t.key, version)
	if err != nil {
		return err
	}
	if err := upload(ctx, admin, file, version); err != nil {
		return err
	}
	fmt.Println("  it is in, and waits; the hotline takes calls meanwhile")
	before := time.Now()
	if _, err := send(ctx, admin, pages, "/admin/system/restart", nil); err != nil {
		return err
	}
	if err := t.m.until(ctx, slot, 2*t.patience); err != nil {
		return err
	}
	fmt.Printf("  after the second press the machine has started again %s; the hotline answers after %s\n", slot, time.Since(before).Round(time.Second))
	return nil
}

// sign makes an update.
func (m *machine) sign(ctx context.Context, system, key string, version uint64) (file string, err error) {
	file = m.path("hotline.update")
	return file, run(ctx, "go", "run", "./images/sign", "-key", key, "-system", system, "-version", fmt.Sprint(version), "-out", file)
}

// upload sends an update as the browser of an administrator does.
func upload(ctx context.Context, admin *http.Client, file string, version uint64) error {
	update, err := os.Open(file)
	if err != nil {
		return err
	}
	defer update.Close()
	body, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		part, err := form.CreateFormFile("update", "hotline.update")
		if err == nil {
			_, err = io.Copy(part, update)
		}
		_ = w.CloseWithError(errors.Join(err, form.Close())) // the other end says what was wrong
	}()
	defer body.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, pages+"/admin/system/update", body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Origin", pages)
	patient := *admin
	patient.Timeout = 15 * time.Minute
	res, err := patient.Do(request)
	if err != nil {
		return fmt.Errorf("sending the update: %w", err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err == nil && !strings.Contains(string(page), fmt.Sprintf("The update %d is in.", version)) {
		err = fmt.Errorf("the page does not say that the update is in (%s): %s", res.Status, between(string(page), `(?s)data-update-trouble>(.*?)</p>`))
	}
	return err
}

// update switches the machine on with an update on its stick and waits until
// the console says which slot has come up with it.
func (m *machine) update(ctx context.Context, system, key string, version uint64, says string, patience time.Duration) error {
	m.pull()
	file, err := m.sign(ctx, system, key, version)
	if err != nil {
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
	return until(ctx, patience, fmt.Sprintf("the console does not say %q", says), func() bool { return strings.Contains(m.console(), says) })
}
