//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Where the disk of the trial is, and what may be written.
const (
	laptopDisk  = "/run/trial"
	laptopRadio = "wlan1"
	laptopLease = "/tmp/lease"
)

// station is a laptop inside the emulated machine: it has the second of two radios
// that are none (mac80211_hwsim), joins the network that the first one makes as any
// laptop does, and says over the cable what it met there. Its radio is in a network
// namespace of its own, so that everything really goes through the air. This program
// is on a disk of the trial for it, with the programs of a laptop: wpa_supplicant to
// join, udhcpc to get an address, iw and ip.
func station() error {
	switch {
	case os.Getenv("interface") != "": // udhcpc tells what it was given
		said, err := json.Marshal(map[string]string{"ip": os.Getenv("ip"), "mask": os.Getenv("mask"), "router": os.Getenv("router"), "dns": os.Getenv("dns")})
		if err != nil || os.Args[1] != "bound" {
			return err
		}
		return os.WriteFile(laptopLease, said, 0o600)
	case len(os.Args) < 3:
		return inside()
	}
	return outside(os.Args[2])
}

// order is what the laptop is to do.
type order struct {
	Name, Password string // of the network
	Pages          string // of the hotline
	Beyond         string // something on the cable that nobody on the radio may reach
	Seen           bool   // it has had the page before it, and is not led there again
}

// found is what it met.
type found struct {
	Joined                 bool
	Address, Router, Names string   // what it was given
	Named                  []string // answers for names
	Probe                  int      // the question whether there is an internet, at first
	Leads                  string   // where to
	Page                   string
	ProbeSeen              int  // after the page was fetched by a program
	ProbeAfter             int  // after somebody has seen it
	First                  int  // the first page of the hotline
	Covered                bool // by the certificate: the address that the page tells
	Pages                  string
	Through                bool   // it got past the box
	Wrong                  string // what ended it
}

// outside stands where the cable is, and puts the radio into a namespace of its
// own, whose program keeps the connection to the trial.
func outside(trial string) error {
	var cable net.Conn
	if err := keepTrying(10*time.Minute, func() (err error) {
		cable, err = net.DialTimeout("tcp", trial, 3*time.Second)
		return err
	}); err != nil {
		return err
	}
	told, err := cable.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	self := exec.Command(os.Args[0], "station")
	self.ExtraFiles, self.Stdout, self.Stderr = []*os.File{told}, os.Stdout, os.Stderr
	self.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := self.Start(); err != nil {
		return err
	}
	if err := keepTrying(3*time.Minute, func() error {
		phy, err := os.ReadFile("/sys/class/net/" + laptopRadio + "/phy80211/name")
		if err != nil {
			return err
		}
		return tool("iw", "phy", strings.TrimSpace(string(phy)), "set", "netns", fmt.Sprint(self.Process.Pid))
	}); err != nil {
		return errors.Join(err, self.Process.Kill())
	}
	return self.Wait()
}

// inside carries out one order after the other.
func inside() error {
	told := os.NewFile(3, "cable")
	cable, err := net.FileConn(told)
	if err != nil {
		return err
	}
	if err := keepTrying(3*time.Minute, func() error { _, err := net.InterfaceByName(laptopRadio); return err }); err != nil {
		return err
	}
	orders, answers := json.NewDecoder(cable), json.NewEncoder(cable)
	for {
		var next order
		if err := orders.Decode(&next); err != nil {
			return err
		}
		if err := answers.Encode(meet(next)); err != nil {
			return err
		}
	}
}

const wrongPassword = "the password is not taken"

// meet joins and looks around.
func meet(o order) (f found) {
	ctx, stop := context.WithTimeout(context.Background(), 4*time.Minute)
	defer stop()
	if err := join(ctx, o, &f); err != nil {
		f.Wrong = err.Error()
	}
	return f
}

func join(ctx context.Context, o order, f *found) error {
	conf := fmt.Sprintf("network={\n\tssid=\"%s\"\n\tpsk=\"%s\"\n\tkey_mgmt=WPA-PSK\n\tproto=RSN\n}\n", o.Name, o.Password)
	if err := os.WriteFile("/tmp/wpa.conf", []byte(conf), 0o600); err != nil {
		return err
	}
	supplicant := program("wpa_supplicant", "-i", laptopRadio, "-D", "nl80211", "-c", "/tmp/wpa.conf")
	out, err := supplicant.StdoutPipe()
	if err != nil {
		return err
	}
	if err := supplicant.Start(); err != nil {
		return err
	}
	defer func() {
		_ = supplicant.Process.Signal(syscall.SIGTERM)
		_ = supplicant.Wait()
	}()
	said := make(chan string)
	go func() {
		defer close(said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case said <- lines.Text():
			case <-ctx.Done():
			}
		}
	}()
	for !f.Joined {
		select {
		case line := <-said:
			fmt.Println("station:", line)
			f.Joined = strings.Contains(line, "CTRL-EVENT-CONNECTED")
			if strings.Contains(line, "WRONG_KEY") {
				return errors.New(wrongPassword)
			}
		case <-ctx.Done():
			return errors.New("the network is not joined")
		}
	}
	go func() {
		for range said { // it goes on talking
		}
	}()
	if err := address(f); err != nil {
		return err
	}
	defer func() { _ = tool("busybox", "ip", "address", "flush", "dev", laptopRadio) }()
	return look(ctx, o, f)
}

// address asks for one, and takes what is given.
func address(f *found) error {
	_ = os.Remove(laptopLease)
	if err := tool("busybox", "ip", "link", "set", laptopRadio, "up"); err != nil {
		return err
	}
	if err := tool("busybox", "udhcpc", "-i", laptopRadio, "-n", "-q", "-f", "-t", "10", "-T", "4", "-s", os.Args[0]); err != nil {
		return fmt.Errorf("no address is given: %w", err)
	}
	raw, err := os.ReadFile(laptopLease)
	if err != nil {
		return err
	}
	var given map[string]string
	if err := json.Unmarshal(raw, &given); err != nil {
		return err
	}
	f.Address, f.Router, f.Names = given["ip"], given["router"], given["dns"]
	if err := tool("busybox", "ip", "address", "add", given["ip"]+"/"+given["mask"], "dev", laptopRadio); err != nil {
		return err
	}
	return tool("busybox", "ip", "route", "add", "default", "via", given["router"])
}

// look goes the way of a telephone: names, the question whether there is an
// internet, the page, the question again, and at last the pages of the hotline.
func look(ctx context.Context, o order, f *found) error {
	for _, network := range []string{"udp", "tcp"} {
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
			question := new(dns.Msg).SetQuestion("www.example.org.", kind)
			var answer *dns.Msg
			err := keepTrying(time.Minute, func() (err error) { // the pages begin to listen a moment after the radio
				answer, _, err = (&dns.Client{Net: network, Timeout: 5 * time.Second}).ExchangeContext(ctx, question, net.JoinHostPort(f.Names, "53"))
				return err
			})
			if err != nil {
				return fmt.Errorf("asking for a name by %s: %w", network, err)
			}
			for _, one := range answer.Answer {
				f.Named = append(f.Named, network+" "+one.String())
			}
		}
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(f.Names, "53"))
	}}
	browser := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DialContext: (&net.Dialer{Resolver: resolver}).DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // nobody has installed its authority yet
	var certificate *x509.Certificate
	open := func(address string) (status int, to, body string, err error) {
		res, err := browser.Get(address)
		if err != nil {
			return 0, "", "", err
		}
		defer res.Body.Close()
		if res.TLS != nil {
			certificate = res.TLS.PeerCertificates[0]
		}
		raw, err := io.ReadAll(res.Body)
		return res.StatusCode, res.Header.Get("Location"), string(raw), err
	}
	const probe = "http://connectivitycheck.example.org/generate_204"
	var err error
	if f.Probe, f.Leads, _, err = open(probe); err != nil {
		return err
	}
	if !o.Seen {
		if err := page(f, open, probe); err != nil {
			return err
		}
	}
	if f.First, _, f.Pages, err = open(o.Pages); err != nil {
		return err
	}
	f.Covered = certificate.VerifyHostname(f.Router) == nil
	if through, err := net.DialTimeout("tcp", o.Beyond, 5*time.Second); err == nil {
		f.Through = true
		_ = through.Close()
	}
	return nil
}

// page is had before somebody, and the question is asked again.
func page(f *found, open func(string) (int, string, string, error), probe string) (err error) {
	if _, _, f.Page, err = open(f.Leads); err != nil {
		return err
	}
	if f.ProbeSeen, _, _, err = open(probe); err != nil { // a program has asked for the page, and nobody has it before them
		return err
	}
	if sheet := regexp.MustCompile(`rel="stylesheet" href="([^"]+)"`).FindStringSubmatch(f.Page); sheet != nil {
		if _, _, _, err = open(strings.TrimSuffix(f.Leads, "/") + sheet[1]); err != nil {
			return err
		}
	}
	if f.ProbeAfter, _, _, err = open(probe); err != nil {
		return err
	}
	return nil
}

// program is one of the disk of the trial, with the libraries that are there.
func program(name string, args ...string) *exec.Cmd {
	if name == "busybox" { // has none
		return exec.Command(filepath.Join(laptopDisk, name), args...)
	}
	return exec.Command(filepath.Join(laptopDisk, "ld.so"), append([]string{"--library-path", laptopDisk, filepath.Join(laptopDisk, name)}, args...)...)
}

func tool(name string, args ...string) error {
	out, err := program(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// until tries again and again.
func keepTrying(limit time.Duration, try func() error) error {
	for end := time.Now().Add(limit); ; time.Sleep(500 * time.Millisecond) {
		if err := try(); err == nil || time.Now().After(end) {
			return err
		}
	}
}
