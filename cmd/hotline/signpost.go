package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"rsc.io/qr"

	"hotline/provisioning/radio"
)

// signpost says on the screens of the machine itself, which nobody can sign in
// at, where the pages are and, while there is no hotline yet, by which code they
// are opened. Nothing secret stays there afterwards. A nil one says nothing.
type signpost struct {
	screens []string // terminals: /dev/tty1, /dev/ttyS0
	log     *slog.Logger

	mu      sync.Mutex
	now     notice
	why     string // the hotline has ended
	changed chan struct{}
}

// notice is what is to be read there.
type notice struct {
	English, Spanish string         // what there is to know, in capitals and again
	Hotline          string         // its name; "" while it has none
	Path             string         // of the page that is due
	At               netip.AddrPort // where the pages listen
	Why              string         // it does not run
	Code             string         // opens the first pages
	Name             func() string  // of the machine on its network; nil, or "" for now: none
	Print            string         // of the authority; whoever is warned has it read out

	Network func() *radio.Settings // of the machine itself, before there is a hotline; nil, or none for now
}

const (
	signpostLook  = 2 * time.Second // addresses come and go
	signpostAgain = time.Minute     // somebody may have plugged in a screen, or the kernel have written over it
	signpostWrite = 3 * time.Second // a terminal that takes nothing is left alone
	mostAddresses = 3
	besidePicture = 41 // letters of a line
	mostPicture   = 17 // lines
)

func newSignpost(screens []string, log *slog.Logger) *signpost {
	if len(screens) == 0 {
		return nil
	}
	return &signpost{screens: screens, log: log, changed: make(chan struct{}, 1)}
}

func (p *signpost) show(n notice) {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.now = n
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// ended is told why the hotline has ended, when that was an error: nobody can
// look it up at a machine without a command line.
func (p *signpost) ended(err error) {
	if p == nil || err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.why = err.Error()
}

// Run keeps the screens right until ctx ends.
func (p *signpost) Run(ctx context.Context) {
	if p == nil {
		return
	}
	look := time.NewTicker(signpostLook)
	defer look.Stop()
	told, at := "", time.Time{}
	for {
		p.mu.Lock()
		n := p.now
		p.mu.Unlock()
		if text := n.text(n.reachable()); n.English != "" && (text != told || time.Since(at) > signpostAgain) {
			p.write(text)
			told, at = text, time.Now()
		}
		select {
		case <-p.changed:
		case <-look.C:
		case <-ctx.Done():
			p.mu.Lock()
			why := p.why
			p.mu.Unlock()
			p.write(notice{English: "THE HOTLINE DOES NOT RUN", Spanish: "La línea no está en marcha", Why: why}.text(nil))
			return
		}
	}
}

// clearScreen takes away what was there, what had scrolled out of sight, too
// (ECMA-48 ED, and its third form of xterm and Linux).
const clearScreen = "\x1b[H\x1b[2J\x1b[3J"

func (p *signpost) write(text string) {
	text = clearScreen + strings.ReplaceAll(text, "\n", "\r\n")
	for _, name := range p.screens {
		if err := writeScreen(name, text); err != nil {
			p.log.Debug("a screen of this machine shows nothing", "screen", name, "error", err) // few machines have all of them
		}
	}
}

// writeScreen writes to a terminal without becoming its session and without
// waiting for one that takes nothing.
func writeScreen(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_ = f.SetWriteDeadline(time.Now().Add(signpostWrite)) // a plain file has none and needs none
	_, err = io.WriteString(f, text)
	return err
}

// text is the notice as it stands on a screen of 80 by 25.
func (n notice) text(at []netip.Addr) string {
	lines := []string{"", n.English, n.Spanish, ""}
	if n.Hotline != "" {
		lines = slices.Insert(lines, 1, short(strings.Map(printable, n.Hotline)))
	}
	var picture []string
	var network *radio.Settings
	if n.Network != nil {
		network = n.Network()
	}
	switch {
	case !n.At.IsValid():
	case len(at) == 0:
		lines = append(lines, "No network yet: plug in a network cable.", "Sin red: conecte un cable de red.", "")
	default:
		if network != nil {
			lines = append(lines, "Wi-Fi:  "+network.Name)
			lines = append(lines, broken("Password / Contraseña:  "+network.Password, besidePicture)...)
			lines = append(lines, "")
		}
		lines = append(lines, "In a browser on the same network, open", "En un navegador de la misma red, abra", "")
		for i, addr := range at {
			if i < mostAddresses {
				lines = append(lines, "  "+n.address(addr.String()))
			}
		}
		if n.Name != nil && n.Name() != "" {
			lines = append(lines, "  "+n.address(n.Name()))
		}
		lines = append(lines, "", "The browser warns once: go on.", "El navegador avisa una vez: continúe.", "")
		picture = n.picture(at[0], network)
	}
	if n.Code != "" {
		lines = append(lines, "Code / Código:  "+n.Code, "")
	}
	var b strings.Builder
	for i := range max(len(lines), len(picture)) {
		switch {
		case i < len(picture):
			b.WriteString(picture[i] + "  ")
		case len(picture) > 0:
			b.WriteString(strings.Repeat(" ", 80-besidePicture))
		default:
			b.WriteString("  ")
		}
		if i < len(lines) {
			b.WriteString(lines[i])
		}
		b.WriteString("\n")
	}
	if n.Why != "" {
		for _, line := range broken(n.Why, 78) {
			b.WriteString("  " + line + "\n")
		}
	}
	if n.Print != "" {
		fmt.Fprintf(&b, "\n  Certificate / Certificado:  %s\n", n.Print)
	}
	return b.String()
}

// picture leads a camera to the first page, or into the machine's own network,
// where every way leads there.
func (n notice) picture(at netip.Addr, network *radio.Settings) []string {
	text, level := n.address(at.String()), qr.M
	if network != nil {
		text, level = network.Picture(), qr.L // longer, and a screen is clean
	}
	lines, err := qrLines(text, level)
	if err != nil || len(lines) > mostPicture { // a name and password of one's own
		return nil
	}
	return lines
}

// broken is a text in lines of no more than so many letters, without what would
// steer a terminal.
func broken(text string, most int) (lines []string) {
	for r := []rune(strings.Map(printable, text)); len(r) > 0; {
		n := min(len(r), most)
		lines, r = append(lines, string(r[:n])), r[n:]
	}
	return lines
}

func (n notice) address(host string) string {
	return fmt.Sprintf("https://%s%s", net.JoinHostPort(host, fmt.Sprint(n.At.Port())), n.Path)
}

// printable leaves out what would steer a terminal.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}

// short cuts what is longer than half a screen beside the picture.
func short(text string) string {
	r := []rune(text)
	return string(r[:min(len(r), besidePicture)])
}

// reachable is where the pages can be opened from elsewhere.
func (n notice) reachable() []netip.Addr {
	if at := n.At.Addr(); n.At.IsValid() && !at.IsUnspecified() {
		return []netip.Addr{at}
	}
	return addresses()
}

// addresses are those by which others reach this machine, the one that leads
// out first. A link-local one is better than none (RFC 3927).
func addresses() []netip.Addr {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var all []netip.Addr
	for _, a := range found {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			all = append(all, prefix.Addr())
		}
	}
	first := outwardAddr()
	slices.SortStableFunc(all, func(a, b netip.Addr) int {
		rank := func(x netip.Addr) int {
			switch {
			case x == first:
				return 0
			case x.IsLinkLocalUnicast():
				return 2
			}
			return 1
		}
		return cmp.Compare(rank(a), rank(b))
	})
	return all
}

// qrLines draws a text for cameras, two squares in each letter. Its colours are
// set: black on white whatever the terminal's are.
func qrLines(text string, level qr.Level) ([]string, error) {
	code, err := qr.Encode(text, level)
	if err != nil {
		return nil, err
	}
	const quiet = 2
	var lines []string
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var b strings.Builder
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
		lines = append(lines, b.String()+"\x1b[0m")
	}
	return lines, nil
}
