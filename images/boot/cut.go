//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// dataAt is where the records begin on the disk (images/build).
const dataAt = (2 + 64 + 2*256) << 20

// powerCuts takes the power away again and again while callers are on the line and
// records are written. The battery is empty, too: the clock begins in the past each
// time.
func (t *trial) powerCuts(ctx context.Context, told made) error {
	var all []written
	var took []time.Duration
	for i := range t.cuts {
		fmt.Printf("The plug is pulled under load, %d of %d\n", i+1, t.cuts)
		held, err := ring(ctx, 3+2*i, 2)
		if err != nil {
			return err
		}
		kept, last, err := t.writeUntilPulled(ctx, told.admin, i)
		if err != nil {
			return err
		}
		for _, c := range held {
			c.Die()
		}
		all = append(all, kept...)
		if err := t.m.whole(ctx); err != nil {
			return err
		}
		if i == 0 {
			if err := t.stolen(ctx, told); err != nil {
				return err
			}
		}
		if err := t.m.on(ctx); err != nil {
			return err
		}
		if err := t.again(ctx); err != nil {
			return err
		}
		took = append(took, time.Since(t.m.started))
		if at, err := shown(ctx); err != nil || at.Before(last.Add(-70*time.Second)) {
			return fmt.Errorf("the clock was at %s when the power went away, and goes on from %s (%w)", last, at, err)
		}
		if err := onList(ctx, told.password, min(3+2*(i+1), mostListed)); err != nil {
			return err
		}
		if err := readAgain(ctx, told.admin, kept); err != nil {
			return err
		}
		fmt.Printf("  %d records that were acknowledged and both callers are there, the file system is whole, and the clock has not gone back\n", len(kept))
		if err := t.m.complains(); err != nil {
			return err
		}
	}
	if len(took) == 0 {
		return nil
	}
	if err := readAgain(ctx, told.admin, all); err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Printf("After %d cuts all %d records are there; from the cut until it answered: %s at best, %s in the middle, %s at worst\n", t.cuts, len(all),
		took[0].Round(time.Second), took[len(took)/2].Round(time.Second), took[len(took)-1].Round(time.Second))
	return nil
}

// mostListed is how many callers a page of the list shows at least.
const mostListed = 40

// written is a case whose page was told: it is on the disk.
type written struct{ path, place string }

// writeUntilPulled writes down cases, one after the other, and pulls the plug in
// the middle of that. last is the clock of the machine just before.
func (t *trial) writeUntilPulled(ctx context.Context, password string, cut int) (kept []written, last time.Time, err error) {
	admin, err := signIn(ctx, "ana", password)
	if err != nil {
		return nil, last, err
	}
	if last, err = shown(ctx); err != nil {
		return nil, last, err
	}
	admin.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	const enough = 10
	var writer sync.WaitGroup
	var failed error
	reached := make(chan struct{})
	writer.Go(func() {
		for n := 0; ; n++ {
			w := written{place: fmt.Sprintf("Cut %d, case %d", cut, n)}
			if w.path, failed = enter(ctx, admin, w.place); failed != nil {
				return
			}
			if kept = append(kept, w); len(kept) == enough {
				close(reached)
			}
		}
	})
	select {
	case <-reached:
	case <-time.After(2 * time.Minute):
	}
	t.m.pull()
	admin.CloseIdleConnections()
	writer.Wait()
	if len(kept) < enough {
		return nil, last, fmt.Errorf("only %d cases were taken before the power went away: %w", len(kept), failed)
	}
	return kept, last, nil
}

// enter writes a case down, and returns where it is.
func enter(ctx context.Context, admin *http.Client, place string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, pages+"/records/new/cases", strings.NewReader(url.Values{"place": {place}}.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", pages)
	res, err := admin.Do(request)
	if err != nil {
		return "", err
	}
	res.Body.Close()
	path, _, _ := strings.Cut(res.Header.Get("Location"), "?")
	if res.StatusCode != http.StatusSeeOther || path == "" {
		return "", fmt.Errorf("a case is not taken: %s", res.Status)
	}
	return path, nil
}

// readAgain opens the page of every case.
func readAgain(ctx context.Context, password string, kept []written) error {
	admin, err := signIn(ctx, "ana", password)
	if err != nil {
		return err
	}
	for _, w := range kept {
		page, err := get(admin, w.path)
		if err != nil {
			return fmt.Errorf("the case %q was acknowledged before the power went away: %w", w.place, err)
		}
		if !strings.Contains(page, w.place) {
			return fmt.Errorf("the case %q was acknowledged before the power went away, and its page does not tell it", w.place)
		}
	}
	return nil
}

// expected is what there is to do after every cut: the journal, and files that were
// deleted while they were open.
var expected = regexp.MustCompile(`^(data: (recovering journal|Feature orphan_present is set but orphan file is clean\.|(Clearing|Truncating) orphaned inode .*|[0-9]+/[0-9]+ files .*)\n|CLEARED\.\n|\n)*$`)

// whole looks whether the file system of the records is one after the journal was
// carried out, on a copy of the disk.
func (m *machine) whole(ctx context.Context) error {
	records := m.path("records.raw")
	if err := run(ctx, "qemu-img", "convert", "-O", "raw", "--image-opts", fmt.Sprintf("driver=raw,offset=%d,file.driver=qcow2,file.file.driver=file,file.file.filename=%s", dataAt, m.disk), records); err != nil {
		return err
	}
	defer os.Remove(records)
	out, err := exec.CommandContext(ctx, "e2fsck", "-fp", records).CombinedOutput()
	var ended *exec.ExitError
	if err != nil && (!errors.As(err, &ended) || ended.ExitCode() != 1) || !expected.Match(out) {
		return fmt.Errorf("the file system of the records is damaged: %w: %s", err, out)
	}
	if out, err := exec.CommandContext(ctx, "e2fsck", "-fn", records).CombinedOutput(); err != nil {
		return fmt.Errorf("the file system of the records is damaged after its journal was carried out: %w: %s", err, out)
	}
	return nil
}

// stolen reads the whole disk as a thief would.
func (t *trial) stolen(ctx context.Context, told made) error {
	found, err := t.m.holds(ctx, operation, secretPlace, told.password, told.recovery, string(caller(0)), strings.TrimPrefix(string(caller(1)), "+"), string(caller(2))[5:])
	if err != nil {
		return err
	}
	if len(found) == 0 { // its name stands in clear in the configuration
		return errors.New("on the disk nothing can be found, not even what is there")
	}
	if len(found) > 1 {
		return fmt.Errorf("whoever steals the disk reads on it without any key: %q", found)
	}
	fmt.Println("  on the disk, nobody reads the callers' numbers, what was written down about them, a password or the recovery key")
	return nil
}
