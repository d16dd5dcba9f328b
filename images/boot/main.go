//go:build linux

// Command boot switches the image on in a machine that software makes, and
// uses it as somebody who has never seen it: it reads the screen, answers the
// questions of the first pages, rings and answers, pulls the plug during calls,
// reads the disk as a thief would, switches on again, looks whether everybody is
// on record, and brings updates. It runs in a network namespace with the
// interface tap0 (make boot).
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"hotline/appliance/call"
	"hotline/appliance/trunk/phone"
)

// The two ends of the cable.
const (
	host  = "10.77.0.1"
	guest = "10.77.0.2"
	pages = "https://" + guest + ":8443"

	number    = "100" // of the hotline
	operation = "Trial of the image"
)

func main() {
	image := flag.String("image", "out/disk.raw", "the disk image, made with the public half of -key")
	key := flag.String("key", "", "the private key of updates; empty: updates are not tried")
	uefi := flag.Bool("uefi", false, "start under UEFI (Debian package ovmf), and only as far as a hotline that runs")
	dir := flag.String("dir", "", "where the machine's disk and logs go (empty: a new folder, removed afterwards)")
	patience := flag.Duration("patience", 8*time.Minute, "how long the machine may take to answer; it is emulated, and slow where others work, too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := try(ctx, *image, *dir, *key, *uefi, *patience); err != nil {
		fmt.Fprintln(os.Stderr, "boot:", err)
		os.Exit(1)
	}
}

func try(ctx context.Context, image, dir, key string, uefi bool, patience time.Duration) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "hotline-boot-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	m, err := newMachine(ctx, dir, image)
	if err != nil {
		return err
	}
	defer m.pull()
	defer func() {
		if err != nil {
			fmt.Fprintf(os.Stderr, "--- what the machine wrote\n%s\n---\n", tail(m.console()))
		}
	}()

	firmware := "BIOS"
	if uefi {
		firmware = "UEFI"
		if err := m.uefi(); err != nil {
			return err
		}
	}
	fmt.Printf("Switched on for the first time, under %s\n", firmware)
	if err := m.on(ctx); err != nil {
		return err
	}
	told, err := wizard(ctx, m, patience)
	if err != nil {
		return err
	}
	if err := answers(ctx, patience); err != nil {
		return err
	}
	fmt.Printf("  the hotline says that it is well after %s\n", time.Since(m.started).Round(time.Second))
	if err := named(ctx); err != nil {
		return err
	}
	fmt.Println("  the network finds it by hotline.local")
	if err := m.tellsNothing(told.password, told.admin, told.recovery); err != nil {
		return err
	}
	if uefi {
		return nil
	}
	if err := grown(ctx, told.admin); err != nil {
		return err
	}
	supervisor, err := signIn(ctx, "supervisor", told.password)
	if err != nil {
		return err
	}
	a, err := sitDown(ctx, supervisor)
	if err != nil {
		return err
	}
	err = callWithSIPp(ctx, a)
	a.leave()
	if err != nil {
		return err
	}
	fmt.Printf("  a caller (sipp) is answered by a phone volunteer's page, and both hear each other; the first call ended %s after the machine was switched on\n", time.Since(m.started).Round(time.Second))
	held, err := ring(ctx, 3)
	if err != nil {
		return err
	}
	fmt.Println("  three more callers are answered and hear the greeting")

	fmt.Println("The plug is pulled during three calls")
	m.pull()
	for _, c := range held {
		c.Die()
	}
	found, err := m.holds(ctx, operation, secretPlace, told.password, told.recovery, string(caller(0)), strings.TrimPrefix(string(caller(1)), "+"), string(caller(2))[5:])
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
	if err := m.on(ctx); err != nil {
		return err
	}
	if err := answers(ctx, patience); err != nil {
		return err
	}
	fmt.Printf("  the hotline says that it is well after %s\n", time.Since(m.started).Round(time.Second))
	if strings.Contains(m.console(), "NOT SET UP") {
		return errors.New("the second start asks to be set up again: nothing has lasted")
	}
	if supervisor, err = signIn(ctx, "supervisor", told.password); err != nil {
		return err
	}
	list, err := get(supervisor, "/worklist")
	if err != nil {
		return err
	}
	for i := range held {
		if number := caller(i); !strings.Contains(digits(list), strings.TrimPrefix(string(number), "+")) {
			return fmt.Errorf("the caller with the number ending in %s was cut off and is on no list", string(number)[8:])
		}
	}
	fmt.Println("  all three are on the list of those to call back")
	again, err := ring(ctx, 1)
	if err != nil {
		return err
	}
	again[0].Hangup()
	fmt.Println("  and the next caller is answered")
	if key != "" {
		admin, err := signIn(ctx, "ana", told.admin)
		if err != nil {
			return err
		}
		if err := updates(ctx, m, admin, filepath.Dir(image), key, patience); err != nil {
			return err
		}
	}
	if bad := regexp.MustCompile(`(?m)^.*(Oops|Kernel panic|BUG:|Failed to start|Failed to mount).*$`).FindString(m.console()); bad != "" {
		return fmt.Errorf("the machine complains: %s", bad)
	}
	return nil
}

// grown looks whether the data have the whole disk, of which the image is the
// smallest part.
func grown(ctx context.Context, password string) error {
	admin, err := signIn(ctx, "ana", password)
	if err != nil {
		return err
	}
	page, err := get(admin, "/admin/system")
	if err != nil {
		return err
	}
	free := between(page, `([0-9]+) GB, about`)
	if free == "" || free == "0" {
		return fmt.Errorf("the disk has 2 GB, and of it %q are free for records", free)
	}
	fmt.Println("  the records have grown to the end of the disk")
	return nil
}

// tellsNothing looks whether the screen of a hotline that runs still shows what
// opened its first pages, or ever showed what the last one told.
func (m *machine) tellsNothing(secrets ...string) error {
	all := m.console()
	for _, secret := range secrets {
		if strings.Contains(all, secret) {
			return errors.New("the screen showed a password or the recovery key")
		}
	}
	if now := all[strings.LastIndex(all, "\x1b[3J")+1:]; strings.Contains(now, "Code /") || !strings.Contains(now, pages) {
		return fmt.Errorf("the screen of a hotline that runs does not show where to sign in, and no more: %q", now)
	}
	return nil
}

// until looks again and again until something is so.
func until(ctx context.Context, patience time.Duration, otherwise string, so func() bool) error {
	for limit := time.Now().Add(patience); !so(); {
		if time.Now().After(limit) {
			return fmt.Errorf("%s within %s", otherwise, patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
	return nil
}

// caller is the number of the nth caller.
func caller(n int) call.Number { return call.Number(fmt.Sprintf("+1202456%04d", 1111+n)) }

// ring lets n callers ring at once, and waits until each hears something.
func ring(ctx context.Context, n int) ([]*phone.Call, error) {
	var all []*phone.Call
	for i := range n {
		dialling, cancel := context.WithTimeout(ctx, time.Minute)
		c, err := phone.Dial(context.WithoutCancel(dialling), phone.Config{From: string(caller(i)), To: number, Server: netip.MustParseAddrPort(guest + ":5060")})
		cancel()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	for i, c := range all {
		for limit := time.Now().Add(time.Minute); len(c.HeardPackets()) < 100; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(limit) {
				return nil, fmt.Errorf("caller %d was answered and has heard %d packets in a minute", i+1, len(c.HeardPackets()))
			}
		}
	}
	return all, nil
}

func client() *http.Client {
	jar, _ := cookiejar.New(nil) // never fails without options
	// The certificate is the box's own; who it is, is not what is tried here.
	return &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

// answers waits until the hotline says that it is well.
func answers(ctx context.Context, patience time.Duration) error {
	c := client()
	c.Timeout = 2 * time.Second
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the first pages answer everything so
	return until(ctx, patience, "the hotline does not answer", func() bool {
		res, err := c.Get(pages + "/healthz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// get is a page.
func get(c *http.Client, path string) (string, error) {
	res, err := c.Get(pages + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, res.Status)
	}
	return string(page), err
}

// digits leaves out how a number is written.
func digits(page string) string {
	return strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\u202f", "", "(", "", ")", "").Replace(page)
}

func tail(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}
