package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"rsc.io/qr"

	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/ivr/prompts"
	"hotline/provisioning"
	"hotline/ui"
	"hotline/ui/page"
	"hotline/volunteers/roster"
)

// startCommand is all that a new machine needs: pages that ask seven questions,
// then the hotline.
type startCommand struct {
	Dir    string `help:"Folder for the configuration and the records." default:"." type:"path"`
	Listen string `help:"TCP address of the pages, in a new folder." default:"0.0.0.0:8443"`
	SIP    string `help:"UDP address for calls, in a new folder." default:"0.0.0.0:5060" name:"sip"`
	Sound  string `help:"UDP port for the sound of browsers, in a new folder." default:"8444"`
}

func (c *startCommand) Run(ctx context.Context, s streams) error {
	path := filepath.Join(c.Dir, config.FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		finished, err := c.firstRun(ctx, s)
		if err != nil || !finished {
			return err
		}
	}
	return (&serveCommand{Config: path}).Run(ctx, s)
}

// firstRun asks the questions on pages, in the place where the hotline's will
// be, and with the certificate that it will have.
func (c *startCommand) firstRun(ctx context.Context, s streams) (finished bool, err error) {
	log := newLog(s.err, false)
	at, err := netip.ParseAddrPort(c.Listen)
	if err != nil {
		return false, fmt.Errorf("--listen needs an address with a port, like 0.0.0.0:8443: %w", err)
	}
	cfg := config.Default()
	cfg.Web.Listen, cfg.Web.Sound, cfg.SIP.Listen = c.Listen, c.Sound, c.SIP
	certs, err := provisioning.OpenCertificates(provisioning.CertificateDir(filepath.Join(c.Dir, cfg.Data)), provisioning.Names(cfg), time.Now())
	if err != nil {
		return false, err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return false, provisioning.Listening(err, "The pages", c.Listen, "--listen")
	}
	cfg.Web.Listen = netip.AddrPortFrom(at.Addr(), uint16(listener.Addr().(*net.TCPAddr).Port)).String()
	first, err := ui.NewFirstRun(ui.FirstRunConfig{
		Answers: page.FirstRunAnswers{Hotline: cfg.Name, Operation: cfg.Operation, Region: cfg.Region, Languages: cfg.Languages, Line: "none",
			AdminName: "Administrator", AdminLogin: "admin", LeaderName: "Supervisor"},
		Callers: prompts.ShippedLanguages(),
		Check:   func(a page.FirstRunAnswers) error { _, _, err := madeOf(a, cfg); return err },
		Finish: func(ctx context.Context, a page.FirstRunAnswers) ([]page.Written, string, error) {
			chosen, people, err := madeOf(a, cfg)
			if err != nil {
				return nil, "", err
			}
			made, err := provisioning.Setup(ctx, provisioning.Options{Dir: c.Dir, Config: chosen, Log: log, People: people})
			if err != nil {
				return nil, "", err
			}
			var written []page.Written
			for _, one := range made.Credentials {
				written = append(written, page.Written{Role: string(one.Role), Login: one.Login, Password: one.Password, Phone: string(one.Phone), PIN: one.PIN})
			}
			return written, made.Fingerprint, nil
		},
		Log: log,
	})
	if err != nil {
		return false, errors.Join(err, listener.Close())
	}
	address := fmt.Sprintf("https://%s/setup", netip.AddrPortFrom(reachable(at.Addr()), uint16(listener.Addr().(*net.TCPAddr).Port)))
	fmt.Fprintf(s.out, "There is no hotline in this folder yet. Open this address on a computer or telephone\nof the same network. Its browser warns once: the certificate is this box's own.\n\n  %s\n\n", address)
	if err := printQR(s.out, address); err != nil {
		log.Warn("the address cannot be shown as a picture", "error", err)
	}
	fmt.Fprintf(s.out, "\n  Code: %s\n\n", first.Code())
	return first.Run(ctx, listener, certs.TLS())
}

// reachable is an address by which others reach a listener.
func reachable(at netip.Addr) netip.Addr {
	if at.IsUnspecified() {
		return outwardAddr()
	}
	return at
}

var loginForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,31}$`)

// madeOf makes configuration and accounts of the answers. What is not answered
// yet is still as proposed.
func madeOf(a page.FirstRunAnswers, cfg config.Config) (config.Config, []provisioning.Person, error) {
	if a.Hotline == "" || a.Operation == "" {
		return cfg, nil, errors.New("give the hotline and the disaster response a name each")
	}
	if len(a.Languages) == 0 {
		return cfg, nil, errors.New("choose at least one language for callers")
	}
	if len(a.Region) != 2 || strings.Trim(a.Region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return cfg, nil, errors.New("the country is two letters, such as US or MX")
	}
	if a.AdminName == "" || a.LeaderName == "" {
		return cfg, nil, errors.New("give a name to each of the two")
	}
	if !loginForm.MatchString(a.AdminLogin) || a.AdminLogin == "supervisor" {
		return cfg, nil, errors.New("the name for signing in needs 2 to 32 small letters or digits, and is not supervisor")
	}
	cfg.Name, cfg.Operation, cfg.Region, cfg.Languages = a.Hotline, a.Operation, a.Region, a.Languages
	if a.Line == "trunk" {
		cfg.SIP.Help = nil
		for _, number := range strings.Split(a.Numbers, ",") {
			if number = strings.TrimSpace(number); number != "" {
				cfg.SIP.Help = append(cfg.SIP.Help, number)
			}
		}
		if len(cfg.SIP.Help) == 0 {
			return cfg, nil, errors.New("give the number of the hotline, as the line sends it")
		}
		cfg.SIP.Peers = []string{a.Peer}
		if _, err := cfg.Peers(); err != nil || a.Peer == "" {
			return cfg, nil, errors.New("give the address of the telephone company or system: an IP address or a network such as 203.0.113.0/24")
		}
	} else {
		cfg.SIP.Peers = []string{"127.0.0.1"} // nobody calls a hotline by telephone that has no line yet
	}
	if _, err := config.Parse("the answers", []byte(cfg.Describe())); err != nil {
		return cfg, nil, err
	}
	leader := provisioning.Person{Login: "supervisor", Name: a.LeaderName, Role: roster.RoleSupervisor, Profile: "all"}
	if a.LeaderPhone != "" {
		if leader.Phone = call.ParseNumber(a.LeaderPhone, a.Region); !leader.Phone.E164() {
			return cfg, nil, errors.New("the supervisor's phone number cannot be read: give it with the country code, like +12025550147")
		}
	}
	return cfg, []provisioning.Person{{Login: a.AdminLogin, Name: a.AdminName, Role: roster.RoleAdmin}, leader}, nil
}

// printQR draws a text for cameras on a terminal, two squares in each letter.
// Its colours are set: black on white whatever the terminal's are.
func printQR(w io.Writer, text string) error {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return err
	}
	const quiet = 2
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("  \x1b[30;107m")
		for x := -quiet; x < code.Size+quiet; x++ {
			switch upper, lower := code.Black(x, y), code.Black(x, y+1); {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}
