//go:build linux

// Command boot switches the image on in a machine that software makes, and
// uses it: it waits until the hotline answers, rings it, pulls the plug during
// calls, switches it on again and looks whether everybody is on record. It runs
// in a network namespace with the interface tap0 (make boot).
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
	"net/url"
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
)

func main() {
	image := flag.String("image", "out/disk.raw", "the disk image, made with the public half of -key")
	key := flag.String("key", "", "the private key of updates; empty: updates are not tried")
	dir := flag.String("dir", "", "where the machine's disk and logs go (empty: a new folder, removed afterwards)")
	patience := flag.Duration("patience", 8*time.Minute, "how long the machine may take to answer; it is emulated, and slow where others work, too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := try(ctx, *image, *dir, *key, *patience); err != nil {
		fmt.Fprintln(os.Stderr, "boot:", err)
		os.Exit(1)
	}
}

func try(ctx context.Context, image, dir, key string, patience time.Duration) (err error) {
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

	fmt.Println("Switched on for the first time")
	if err := m.on(ctx); err != nil {
		return err
	}
	if err := answers(ctx, patience); err != nil {
		return err
	}
	fmt.Printf("  the pages answer after %s\n", time.Since(m.started).Round(time.Second))
	accounts := passwords(m.console())
	if accounts["coordinator"] == "" {
		return errors.New("the console does not show the first passwords")
	}
	held, err := ring(ctx, 3)
	if err != nil {
		return err
	}
	fmt.Printf("  three callers are answered and hear the greeting, the first after %s\n", time.Since(m.started).Round(time.Second))

	fmt.Println("The plug is pulled during three calls")
	m.pull()
	for _, c := range held {
		c.Die()
	}
	if err := m.on(ctx); err != nil {
		return err
	}
	if err := answers(ctx, patience); err != nil {
		return err
	}
	fmt.Printf("  the pages answer after %s\n", time.Since(m.started).Round(time.Second))
	if strings.Contains(m.console(), "password") {
		return errors.New("the second start sets the hotline up again: nothing has lasted")
	}
	list, err := worklist(ctx, accounts["coordinator"])
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
		if err := updates(ctx, m, filepath.Dir(image), key, patience); err != nil {
			return err
		}
	}
	if bad := regexp.MustCompile(`(?m)^.*(Oops|Kernel panic|BUG:|Failed to start|Failed to mount).*$`).FindString(m.console()); bad != "" {
		return fmt.Errorf("the machine complains: %s", bad)
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
		c, err := phone.Dial(context.WithoutCancel(dialling), phone.Config{From: string(caller(i)), To: "100", Server: netip.MustParseAddrPort(guest + ":5060")})
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
	for limit := time.Now().Add(patience); ; {
		res, err := c.Get("https://" + guest + ":8443/healthz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if time.Now().After(limit) {
			return fmt.Errorf("the hotline does not answer within %s: %w", patience, errors.Join(err, errors.New("no health")))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// worklist is the page of those whom somebody must still help.
func worklist(ctx context.Context, password string) (string, error) {
	c := client()
	base := "https://" + guest + ":8443"
	form := url.Values{"login": {"coordinator"}, "password": {password}}
	login, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	login.Header.Set("Origin", base)
	res, err := c.Do(login)
	if err != nil {
		return "", err
	}
	res.Body.Close()
	if res, err = c.Get(base + "/worklist"); err != nil {
		return "", err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the list of open items: %s", res.Status)
	}
	return string(page), err
}

// passwords are what the console shows at the first start, by account.
func passwords(console string) map[string]string {
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)\s+password (\S+)`).FindAllStringSubmatch(console, -1) {
		all[m[1]] = m[2]
	}
	return all
}

// digits leaves out how a number is written.
func digits(page string) string {
	return strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\u202f", "", "(", "", ")", "").Replace(page)
}

func tail(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}
