//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
}

// The firmware of Debian's package ovmf.
const (
	uefiCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	uefiVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"
)

// uefi gives the machine UEFI in place of a BIOS.
func (m *machine) uefi() error {
	vars, err := os.ReadFile(uefiVars)
	if err != nil {
		return fmt.Errorf("a machine with UEFI needs the Debian package ovmf: %w", err)
	}
	m.more = append(m.more, "-drive", "if=pflash,format=raw,readonly=on,file="+uefiCode, "-drive", "if=pflash,format=raw,file="+m.path("vars.fd"))
	return os.WriteFile(m.path("vars.fd"), vars, 0o600)
}

// newMachine lays a disk of 2 GiB over the image, which stays as it is, and
// makes a stick with what the machine has to know.
func newMachine(ctx context.Context, dir, image string) (*machine, error) {
	m := &machine{dir: dir}
	image, err := filepath.Abs(image)
	if err != nil {
		return nil, err
	}
	if err := run(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, m.path("disk.qcow2"), "2G"); err != nil {
		return nil, err
	}
	files := map[string]string{
		"hotline.network": fmt.Sprintf("[Match]\nType=ether\n[Network]\nAddress=%s/24\nGateway=%s\n", guest, host),
	}
	if err := os.WriteFile(m.path("stick.img"), make([]byte, 300<<20), 0o600); err != nil {
		return nil, err
	}
	if err := run(ctx, "mkfs.vfat", "-n", "HOTLINE", m.path("stick.img")); err != nil {
		return nil, err
	}
	for name, content := range files {
		if err := os.WriteFile(m.path(name), []byte(content), 0o600); err != nil {
			return nil, err
		}
		if err := run(ctx, "mcopy", "-i", m.path("stick.img"), m.path(name), "::/"+name); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) serial() string { return m.path(fmt.Sprintf("serial-%d.log", m.boots)) }

// on switches the machine on. One processor and no acceleration: the only way
// that works everywhere and does not reset by itself.
func (m *machine) on(ctx context.Context) error {
	m.boots++
	log, err := os.Create(m.path(fmt.Sprintf("qemu-%d.log", m.boots)))
	if err != nil {
		return err
	}
	defer log.Close()
	m.qemu = exec.CommandContext(ctx, "qemu-system-x86_64", append([]string{"-accel", "tcg", "-smp", "1", "-m", "1024", "-machine", "q35", "-display", "none", "-monitor", "none",
		"-serial", "file:" + m.serial(),
		"-drive", "file=" + m.path("disk.qcow2") + ",if=virtio,format=qcow2",
		"-drive", "file=" + m.path("stick.img") + ",if=virtio,format=raw",
		"-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no", "-device", "virtio-net-pci,netdev=n"}, m.more...)...)
	m.qemu.Stdout, m.qemu.Stderr = log, log
	m.qemu.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.started = time.Now()
	return m.qemu.Start()
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
	if err := run(ctx, "qemu-img", "convert", "-O", "raw", m.path("disk.qcow2"), raw); err != nil {
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

// console is what the machine has written since it was switched on.
func (m *machine) console() string {
	raw, err := os.ReadFile(m.serial())
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
