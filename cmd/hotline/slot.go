package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"

	"hotline/appliance/config"
	"hotline/provisioning/slot"
	"hotline/ui"
)

// slotCommand is what the units of the image run as root. Nobody else needs it.
type slotCommand struct {
	Install slotInstall `cmd:"" help:"Write an update into the slot that does not run, and start it."`
	Serve   slotServe   `cmd:"" help:"Take updates, and the wish to restart, from the hotline, over the socket that systemd hands over."`
	Confirm slotConfirm `cmd:"" help:"Tell the boot loader that the running slot is well, once the hotline answers."`
}

// slotWhere says where the running system finds itself.
type slotWhere struct {
	Env     string `help:"The notes of the boot loader." default:"/run/esp/grub/grubenv"`
	Cmdline string `default:"/proc/cmdline" hidden:""`
	System  string `default:"/" hidden:"" help:"Root of the running system."`
	Slots   string `default:"/dev/hotline" hidden:"" help:"Where the slots are."`
}

func (w slotWhere) machine() (m slot.Machine, err error) {
	cmdline, err := os.ReadFile(w.Cmdline)
	if err != nil {
		return m, err
	}
	running := regexp.MustCompile(`\bhotline\.slot=([AB])\b`).FindSubmatch(cmdline)
	if running == nil {
		return m, errors.New("this machine was not started from a slot: only the appliance's own image takes updates in this way")
	}
	version, err := os.ReadFile(filepath.Join(w.System, "etc/hotline-version"))
	if err != nil {
		return m, err
	}
	m = slot.Machine{Env: w.Env, Running: string(running[1]), Arch: runtime.GOARCH,
		Device: func(name string) string { return filepath.Join(w.Slots, "slot-"+strings.ToLower(name)) }}
	if m.Version, err = strconv.ParseUint(strings.TrimSpace(string(version)), 10, 64); err != nil {
		return m, err
	}
	key, err := os.ReadFile(filepath.Join(w.System, "usr/share/hotline/release.pub"))
	if errors.Is(err, os.ErrNotExist) {
		return m, nil // takes no updates
	}
	if err != nil {
		return m, err
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(key)))
	m.Key = ed25519.PublicKey(raw)
	return m, err
}

type slotInstall struct {
	slotWhere
	File    string `arg:"" help:"The update." type:"existingfile"`
	Restart bool   `help:"Start the machine again when the update is in."`
}

func (c *slotInstall) Run(ctx context.Context, s streams) error {
	m, err := c.machine()
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	manifest, err := m.Install(ctx, f)
	if errors.Is(err, slot.ErrNotNewer) {
		fmt.Fprintf(s.out, "The update on the stick (%d) is not newer than this system (%d): nothing to do.\n", manifest.Version, m.Version)
		return nil
	}
	if err != nil {
		return fmt.Errorf("the update was not taken, and nothing has changed: %w", err)
	}
	fmt.Fprintf(s.out, "The update %d is in. The next start tries it; if the hotline does not come up, the start after that goes back to %d.\n", manifest.Version, m.Version)
	if !c.Restart {
		return nil
	}
	return exec.CommandContext(ctx, "systemctl", "reboot").Run()
}

type slotServe struct {
	slotWhere
	Quiet time.Duration `help:"End when nobody has asked for so long." default:"1m"`
}

func (c *slotServe) Run(ctx context.Context, _ streams) error {
	m, err := c.machine()
	if err != nil {
		return err
	}
	given, err := activation.Listeners()
	if err != nil {
		return err
	}
	if len(given) != 1 {
		return errors.New("this is started by systemd, with one socket (hotline-slot.socket)")
	}
	l, ok := given[0].(*net.UnixListener)
	if !ok {
		return errors.New("the socket of hotline-slot.socket is none that others on the machine can be kept from")
	}
	return slot.Serve(ctx, l, m, func() error {
		return exec.CommandContext(context.WithoutCancel(ctx), "systemctl", "--no-block", "reboot").Run()
	}, c.Quiet)
}

// updates is the door to the slots as the pages know it, and who restarts the
// machine through it; nil where this machine is not the appliance's own image.
func (h *hotline) updates(cfg config.Config, m manner) ui.Updates {
	door := slot.At(cmp.Or(m.slots, slot.Socket))
	if !door.There() {
		return nil
	}
	h.restarts = slot.NewPlanner(slot.PlannerConfig{Restart: door.Restart, Line: h.onTheLine, Note: ui.FromStore(h.records).Note,
		Operation: cfg.Operation, Quiet: m.quiet, Log: h.log})
	return updater{door, h.restarts}
}

// onTheLine is how the hotline is busy, for whoever would restart it.
func (h *hotline) onTheLine() slot.Line {
	calls := h.trunk.Stats()
	return slot.Line{Calls: calls.Calls + h.desk.BrowserCalls(), Busy: h.dispatch.Engaged() > 0 || h.rehearse.Running(),
		Came: calls.Answered + calls.Dialled + calls.Turned}
}

// restart carries out the restart that is planned; on another machine nobody can
// plan one.
func (h *hotline) restart(ctx context.Context) error {
	if h.restarts == nil {
		<-ctx.Done()
		return nil
	}
	return h.restarts.Run(ctx)
}

type updater struct {
	door slot.Door
	*slot.Planner
}

func (u updater) Look(ctx context.Context) (ui.UpdateState, error) {
	s, err := u.door.Look(ctx)
	return ui.UpdateState(s), err
}

func (u updater) Install(ctx context.Context, update io.Reader) (ui.UpdateState, error) {
	s, err := u.door.Install(ctx, update)
	return ui.UpdateState(s), err
}

func (u updater) Planned() ui.RestartPlan { return ui.RestartPlan(u.Planner.Planned()) }

type slotConfirm struct {
	slotWhere
	Health string        `help:"Where the hotline says that it is well." default:"https://127.0.0.1:8443/healthz"`
	Within time.Duration `help:"How long it may take." default:"15m"`
}

func (c *slotConfirm) Run(ctx context.Context, s streams) error {
	m, err := c.machine()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	if untilWell(ctx, c.Health) {
		if err := m.Confirm(); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "The hotline answers: system %d in slot %s.\n", m.Version, m.Running)
		return nil
	}
	trial, err := m.Trial()
	if err != nil || !trial {
		return errors.Join(fmt.Errorf("the hotline has not come up within %s", c.Within), err)
	}
	fmt.Fprintf(s.out, "The hotline has not come up within %s after the update %d. The machine starts again; after three such starts it goes back to the system before.\n", c.Within, m.Version)
	return exec.CommandContext(context.WithoutCancel(ctx), "systemctl", "reboot").Run()
}

// untilWell asks until the hotline says that it is well, or ctx ends.
func untilWell(ctx context.Context, health string) bool {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // asks this machine itself, sends nothing
	}}
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, health, nil)
		if err != nil {
			return false
		}
		if res, err := client.Do(request); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return false
}
