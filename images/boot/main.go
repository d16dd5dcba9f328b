//go:build linux

// Command boot switches the image on in a machine that software makes, and
// uses it as somebody who has never seen it: it reads the screen, answers the
// questions of the first pages, sets the clock, rings and answers, takes the power
// away during calls, again and again, reads the disk as a thief would, looks whether
// everybody is on record, brings updates, and destroys the disk. It runs in a
// network namespace with the interface tap0 (make boot).
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
	if len(os.Args) > 1 && os.Args[1] == "station" || os.Getenv("interface") != "" {
		if err := station(); err != nil {
			fmt.Fprintln(os.Stderr, "station:", err)
			os.Exit(1)
		}
		return
	}
	image := flag.String("image", "out/disk.raw", "the disk image, made with the public half of -key")
	key := flag.String("key", "", "the private key of updates; empty: updates are not tried")
	uefi := flag.Bool("uefi", false, "start under UEFI (Debian package ovmf) with an address from the kernel's arguments, and only as far as a hotline that runs")
	secure := flag.Bool("secure", false, "the same with Secure Boot")
	spare := flag.Bool("spare", false, "only a machine whose disk for the records is of no use")
	air := flag.Bool("radio", false, "only the Wi-Fi network that the machine makes, with a laptop that joins it")
	second := flag.Bool("second", false, "only a second disk of the same image in a machine that has been set up; with -uefi under UEFI")
	older := flag.String("older", "", "only updates of a machine of the older image in this file, which was made with the same -key, to this system and back")
	disk := flag.Bool("disk", false, "only a USB disk: backups to it, pulled out, put back, and a new machine made of it")
	cuts := flag.Int("cuts", 3, "how often the power goes away under load")
	dir := flag.String("dir", "", "where the machine's disk and logs go (empty: a new folder, removed afterwards)")
	patience := flag.Duration("patience", 8*time.Minute, "how long the machine may take to answer; it is emulated, and slow where others work, too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := trial{image: *image, older: *older, dir: *dir, key: *key, cuts: *cuts, patience: *patience}
	try := t.bios
	switch {
	case *second:
		try = func(ctx context.Context) error { return t.second(ctx, *uefi) }
	case *uefi || *secure:
		try = func(ctx context.Context) error { return t.uefi(ctx, *secure) }
	case *spare:
		try = t.spareAlone
	case *air:
		try = t.radio
	case *older != "":
		try = t.renewed
	case *disk:
		try = t.disk
	}
	if err := t.in(ctx, try); err != nil {
		fmt.Fprintln(os.Stderr, "boot:", err)
		os.Exit(1)
	}
}

// trial is what is tried, and on which image.
type trial struct {
	image, older, dir, key string
	cuts                   int
	patience               time.Duration

	m *machine
}

// in gives the trial a folder, and says what the machine wrote when it fails.
func (t *trial) in(ctx context.Context, try func(context.Context) error) (err error) {
	if t.dir == "" {
		if t.dir, err = os.MkdirTemp("", "hotline-boot-"); err != nil {
			return err
		}
		defer os.RemoveAll(t.dir)
	}
	if err = try(ctx); t.m == nil {
		return err
	}
	t.m.pull()
	if err != nil {
		fmt.Fprintf(os.Stderr, "--- what the machine wrote\n%s\n---\n", tail(t.m.console()))
	}
	return err
}

// stickNetwork is the file of a stick that gives the machine its address.
const stickNetwork = "[Match]\nType=ether\n[Network]\nAddress=" + guest + "/24\nGateway=" + host + "\nNTP=" + host + "\n"

// bios is the whole story.
func (t *trial) bios(ctx context.Context) (err error) {
	if t.m, err = newMachine(ctx, t.dir, t.image); err != nil {
		return err
	}
	m := t.m
	fmt.Println("Switched on for the first time, under BIOS, on a cable on which nobody gives addresses")
	if err := m.on(ctx); err != nil {
		return err
	}
	if err := linkLocal(ctx, m, t.patience); err != nil {
		return err
	}
	fmt.Println("Switched on again with a stick that gives it an address; its battery is empty")
	if err := m.told(ctx, "hotline.network", stickNetwork); err != nil {
		return err
	}
	if err := m.reset(ctx); err != nil {
		return err
	}
	told, err := t.settled(ctx)
	if err != nil {
		return err
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
	held, err := ring(ctx, 0, 3)
	if err != nil {
		return err
	}
	fmt.Println("  three more callers are answered and hear the greeting")
	if err := lostClock(ctx, t.image, told.admin); err != nil {
		return err
	}
	if err := m.complains(); err != nil {
		return err
	}

	fmt.Println("The power goes away during the three calls")
	if err := m.reset(ctx); err != nil {
		return err
	}
	for _, c := range held {
		c.Die()
	}
	if err := t.again(ctx); err != nil {
		return err
	}
	if err := rightClock(ctx, told.admin); err != nil {
		return err
	}
	if err := onList(ctx, told.password, 3); err != nil {
		return err
	}
	fmt.Println("  all three are on the list of those to call back")
	if err := nextCaller(ctx); err != nil {
		return err
	}
	if err := t.powerCuts(ctx, told); err != nil {
		return err
	}
	if t.key != "" {
		clock, err := timeServer(ctx)
		if err != nil {
			return err
		}
		defer clock.Close()
		// A clock that is set forward by more than a session lasts ends it: who
		// brings the update signs in afterwards. Whether it is set, keptClock asks.
		_ = until(ctx, 2*time.Minute, "the time server sets the clock", func() bool {
			away, err := off(ctx)
			return err == nil && away < 5*time.Second
		})
		if err := t.updates(ctx, told.admin); err != nil {
			return err
		}
		if err := m.complains(); err != nil {
			return err
		}
		if err := keptClock(ctx, told.admin); err != nil {
			return err
		}
	}
	return t.spare(ctx)
}

// settled goes from the screen to a hotline that runs.
func (t *trial) settled(ctx context.Context) (told made, err error) {
	if told, err = wizard(ctx, t.m, t.patience); err != nil {
		return told, err
	}
	if err := t.back(ctx); err != nil {
		return told, err
	}
	if err := named(ctx, guest); err != nil {
		return told, err
	}
	fmt.Println("  the network finds it by hotline.local")
	return told, t.m.tellsNothing(told.password, told.admin, told.recovery)
}

// back waits for a hotline that is well.
func (t *trial) back(ctx context.Context) error {
	if err := answers(ctx, t.patience); err != nil {
		return err
	}
	fmt.Printf("  the hotline says that it is well after %s\n", time.Since(t.m.started).Round(time.Second))
	return nil
}

// again waits for one that has been set up before.
func (t *trial) again(ctx context.Context) error {
	if err := t.back(ctx); err != nil {
		return err
	}
	if strings.Contains(t.m.console(), "NOT SET UP") {
		return errors.New("a later start asks to be set up again: nothing has lasted")
	}
	return nil
}

// uefi starts the machine in the other way, and tells it its address in the other.
func (t *trial) uefi(ctx context.Context, secure bool) error {
	firmware := "UEFI"
	if secure {
		firmware = "UEFI with Secure Boot"
	}
	// ip=ADDRESS::GATEWAY:MASK::INTERFACE:none (systemd-network-generator(8)).
	image, err := edited(ctx, t.dir, t.image, "hotline.cfg", "set arguments=\"ip="+guest+"::"+host+":255.255.255.0:::none nameserver="+host+"\"\r\n")
	if err != nil {
		return err
	}
	if t.m, err = newMachine(ctx, t.dir, image); err != nil {
		return err
	}
	t.m.pc = true
	if err := t.m.uefi(secure); err != nil {
		return err
	}
	fmt.Printf("Switched on for the first time, under %s, with SATA and E1000 and an address from the file hotline.cfg\n", firmware)
	if err := t.m.on(ctx); err != nil {
		return err
	}
	if _, err := t.settled(ctx); err != nil {
		return err
	}
	if secure {
		return t.changedKernel(ctx)
	}
	return t.m.complains()
}

// linkLocal looks whether somebody with a laptop gets in when nobody gives
// addresses: both then take one by themselves (RFC 3927).
func linkLocal(ctx context.Context, m *machine, patience time.Duration) error {
	base, err := m.reads(ctx, `(https://169\.254\.[0-9.]+:8443)/setup`, patience)
	if err != nil {
		return err
	}
	c := client()
	if err := until(ctx, patience, "the first page does not come to a laptop on the cable", func() bool {
		res, err := c.Get(base + "/setup")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}); err != nil {
		return err
	}
	if err := named(ctx, strings.TrimSuffix(strings.TrimPrefix(base, "https://"), ":8443")); err != nil {
		return err
	}
	fmt.Printf("  it has taken one by itself, the screen tells it, and a laptop on the cable gets the first page there and by hotline.local; %s\n", time.Since(m.started).Round(time.Second))
	return nil
}

// onList looks whether the first n callers are on the list of those to call back.
func onList(ctx context.Context, password string, n int) error {
	supervisor, err := signIn(ctx, "supervisor", password)
	if err != nil {
		return err
	}
	list, err := get(supervisor, "/worklist")
	if err != nil {
		return err
	}
	list = digits(list)
	for i := range n {
		if number := caller(i); !strings.Contains(list, strings.TrimPrefix(string(number), "+")) {
			return fmt.Errorf("the caller with the number ending in %s was cut off and is on no list", string(number)[8:])
		}
	}
	return nil
}

func nextCaller(ctx context.Context) error {
	again, err := ring(ctx, 0, 1)
	if err != nil {
		return err
	}
	again[0].Hangup()
	fmt.Println("  and the next caller is answered")
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

// ring lets n callers ring at once, from the one with that number on, and waits
// until each hears something.
func ring(ctx context.Context, first, n int) ([]*phone.Call, error) {
	var all []*phone.Call
	for i := range n {
		dialling, cancel := context.WithTimeout(ctx, time.Minute)
		c, err := phone.Dial(context.WithoutCancel(dialling), phone.Config{From: string(caller(first + i)), To: number, Server: netip.MustParseAddrPort(guest + ":5060")})
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
	return &http.Client{Jar: jar, Timeout: 2 * time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
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
