//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// machine is a computer that software makes, with the appliance's disk in it.
type machine struct {
	dir     string // of the disk, the stick and what the machine writes on its serial port
	qemu    *exec.Cmd
	started time.Time
	boots   int
	more    []string // of what qemu is told
	disk    string   // it starts from
	other   string   // a disk that is found before it
	bare    bool     // nothing is plugged in but what more says
	pc      bool     // a disk and a network of a usual computer (SATA, E1000), and not what is made for emulated ones
	begins  int      // where in what it wrote the present start begins
}

// battery is what the machine's clock shows whenever it is switched on: its battery
// is empty. What is written to it lasts while qemu does.
const battery = "2000-01-01T00:00:00"

// The firmware of Debian's package ovmf.
const (
	uefiCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	uefiVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"

	// The same with the keys of Microsoft, that start nothing else (Secure Boot).
	secureCode = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
	secureVars = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
)

// uefi gives the machine UEFI in place of a BIOS.
func (m *machine) uefi(secure bool) error {
	code, vars := uefiCode, uefiVars
	if secure {
		code, vars = secureCode, secureVars
		m.more = append(m.more, "-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on")
	}
	fresh, err := os.ReadFile(vars)
	if err != nil {
		return fmt.Errorf("a machine with UEFI needs the Debian package ovmf: %w", err)
	}
	m.more = append(m.more, "-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+code, "-drive", "if=pflash,unit=1,format=raw,file="+m.path("vars.fd"))
	return os.WriteFile(m.path("vars.fd"), fresh, 0o600)
}

// espAt is where the partition of the boot loader begins on the disk (images/build).
const espAt = 2 << 20

// edited is a copy of the image with a file on the partition of its boot loader, as
// somebody puts it there who has the disk in another machine.
func edited(ctx context.Context, dir, image, name, text string) (string, error) {
	copied, file := filepath.Join(dir, "edited.raw"), filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	if err := run(ctx, "cp", "--sparse=always", image, copied); err != nil {
		return "", err
	}
	return copied, run(ctx, "mcopy", "-i", fmt.Sprintf("%s@@%d", copied, espAt), file, "::/"+name)
}

// newMachine lays a disk of 2 GiB over the image, which stays as it is, and
// makes an empty stick.
func newMachine(ctx context.Context, dir, image string) (*machine, error) {
	m := &machine{dir: dir, disk: filepath.Join(dir, "disk.qcow2")}
	image, err := filepath.Abs(image)
	if err != nil {
		return nil, err
	}
	if err := run(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, m.disk, "2G"); err != nil {
		return nil, err
	}
	if err := os.WriteFile(m.path("stick.img"), make([]byte, 300<<20), 0o600); err != nil {
		return nil, err
	}
	return m, run(ctx, "mkfs.vfat", "-n", "HOTLINE", m.path("stick.img"))
}

// told writes a text onto the stick.
func (m *machine) told(ctx context.Context, name, text string) error {
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		return err
	}
	return m.stick(ctx, name, m.path(name))
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) serial() string { return m.path(fmt.Sprintf("serial-%d.log", m.boots)) }

// on switches the machine on. One processor and no acceleration: the only way
// that works everywhere and does not reset by itself.
func (m *machine) on(ctx context.Context) error {
	m.boots++
	m.begins = 0
	log, err := os.Create(m.path(fmt.Sprintf("qemu-%d.log", m.boots)))
	if err != nil {
		return err
	}
	defer log.Close()
	disk, network := "virtio", "virtio-net-pci"
	if m.pc {
		disk, network = "ide", "e1000" // on this board that is AHCI
	}
	args := append([]string{"-accel", "tcg", "-smp", "1", "-m", "1024", "-machine", "q35", "-display", "none", "-monitor", "unix:" + m.path("monitor") + ",server=on,wait=off", "-rtc", "base=" + battery,
		"-serial", "file:" + m.serial(),
		"-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no", "-device", network + ",netdev=n"}, m.more...)
	if m.other != "" { // virtio disks have the names vda and so on in the order in which they are told here
		args = append(args, "-drive", "file="+m.other+",if=none,id=other,format=qcow2", "-device", "virtio-blk-pci,drive=other,bootindex=2",
			"-drive", "file="+m.disk+",if=none,id=own,format=qcow2", "-device", "virtio-blk-pci,drive=own,bootindex=1")
	} else {
		args = append(args, "-drive", "file="+m.disk+",if="+disk+",format=qcow2")
	}
	if !m.bare {
		args = append(args, "-drive", "file="+m.path("stick.img")+",if=virtio,format=raw")
	}
	m.qemu = exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	m.qemu.Stdout, m.qemu.Stderr = log, log
	m.qemu.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.started = time.Now()
	return m.qemu.Start()
}

// reset cuts the power for a moment: all memory is lost, and the clock on its
// battery goes on.
func (m *machine) reset(ctx context.Context) error {
	m.begins = len(m.wrote())
	m.started = time.Now()
	_, err := m.order(ctx, "system_reset")
	return err
}

// order gives the machine an order that somebody would carry out by hand, and
// returns what qemu says to it.
func (m *machine) order(ctx context.Context, what string) (string, error) {
	var dialer net.Dialer
	monitor, err := dialer.DialContext(ctx, "unix", m.path("monitor"))
	if err != nil {
		return "", err
	}
	defer monitor.Close()
	if _, err := io.WriteString(monitor, what+"\n"); err != nil {
		return "", err
	}
	// It is done when the monitor asks for the next order.
	all := ""
	for said := make([]byte, 1<<10); strings.Count(all, "(qemu)") < 2; {
		if err := monitor.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return "", err
		}
		n, err := monitor.Read(said)
		if err != nil {
			return "", fmt.Errorf("%s: %w: %q", what, err, all)
		}
		all += string(said[:n])
	}
	return all, nil
}

// stick puts a file on the machine's stick, or takes it away (from == "").
func (m *machine) stick(ctx context.Context, name, from string) error {
	if from == "" {
		return run(ctx, "mdel", "-i", m.path("stick.img"), "::/"+name)
	}
	return run(ctx, "mcopy", "-o", "-i", m.path("stick.img"), from, "::/"+name)
}

// pull takes the power away.
func (m *machine) pull() {
	if m.qemu == nil {
		return
	}
	_ = m.qemu.Process.Kill() // it may be gone already
	_ = m.qemu.Wait()
	m.qemu = nil
}

// reads waits for something on the machine's screen, as its serial port shows
// it, and returns the first group of the pattern.
func (m *machine) reads(ctx context.Context, pattern string, patience time.Duration) (string, error) {
	var found []string
	form := regexp.MustCompile(pattern)
	err := until(ctx, patience, fmt.Sprintf("the screen does not show %s", pattern), func() bool {
		found = form.FindStringSubmatch(m.console())
		return found != nil
	})
	if err != nil {
		return "", err
	}
	return found[1], nil
}

// holds looks for a text on the whole disk of the machine, as somebody who has
// stolen it would.
func (m *machine) holds(ctx context.Context, texts ...string) (found []string, err error) {
	raw := m.path("stolen.raw")
	if err := run(ctx, "qemu-img", "convert", "-O", "raw", m.disk, raw); err != nil {
		return nil, err
	}
	defer os.Remove(raw)
	disk, err := os.Open(raw)
	if err != nil {
		return nil, err
	}
	defer disk.Close()
	// Piece by piece, each with the end of the one before.
	const piece, most = 16 << 20, 1 << 10
	there := map[string]bool{}
	buf := make([]byte, most+piece)
	for {
		n, err := io.ReadFull(disk, buf[most:])
		for _, text := range texts {
			there[text] = there[text] || bytes.Contains(buf[:most+n], []byte(text))
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("looking through the disk: %w", err)
		}
		copy(buf, buf[piece:])
	}
	for _, text := range texts {
		if there[text] {
			found = append(found, text)
		}
	}
	return found, nil
}

// console is what the machine has written since it started.
func (m *machine) console() string { return m.wrote()[m.begins:] }

// wrote is what it has written since it was switched on.
func (m *machine) wrote() string {
	raw, err := os.ReadFile(m.serial())
	if err != nil {
		return strings.Repeat(" ", m.begins) + err.Error()
	}
	return string(raw)
}

// complains is what no start of it may say.
func (m *machine) complains() error {
	for _, bad := range regexp.MustCompile(`(?m)^.*(Oops|Kernel panic|BUG:|Failed to start|Failed to mount).*$`).FindAllString(m.wrote(), -1) {
		if strings.Contains(bad, "IO-APIC + timer doesn't work") { // the emulator's, on a computer that has other work
			fmt.Println("  (the timer of the emulated machine came too late once, and it started again by itself)")
			continue
		}
		return fmt.Errorf("the machine complains: %s", bad)
	}
	return nil
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
