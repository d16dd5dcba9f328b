package radio

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"hotline/appliance/durable"
	"hotline/provisioning"
)

// OwnerConfig is where an Owner finds itself.
type OwnerConfig struct {
	Dir     string // where the settings are kept
	Work    string // in memory: what hostapd reads
	Sys     string // what the kernel says of devices: /sys
	Program string // hostapd
	Log     *slog.Logger

	pace time.Duration // tests only: between two looks for a radio
}

// Owner makes the network with the first radio of the machine that can. One
// goroutine, Run's, starts and ends the program that does it.
type Owner struct {
	cfg OwnerConfig

	mu      sync.Mutex
	state   State
	changed context.CancelFunc // ends what was wanted before
}

const (
	settingsFile = "radio.json"
	lookPace     = 3 * time.Second // radios on USB come and go
	endWait      = 5 * time.Second // for hostapd to say goodbye to those who joined
)

// Open reads the settings, or makes the first ones. It starts nothing.
func Open(cfg OwnerConfig) (*Owner, error) {
	if cfg.pace == 0 {
		cfg.pace = lookPace
	}
	o := &Owner{cfg: cfg, changed: func() {}}
	raw, err := os.ReadFile(filepath.Join(cfg.Dir, settingsFile))
	switch {
	case err == nil:
		if err = json.Unmarshal(raw, &o.state.Settings); err == nil {
			err = o.state.Check()
		}
		if err == nil {
			return o, nil
		}
		// A damaged file must not cost the network; whoever joins needs the new password.
		cfg.Log.Error("the settings of the Wi-Fi network cannot be read; it gets a new name and password", "error", err)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	// Three groups of four letters are 59 bits, and each guess costs 4,096 rounds.
	// The name tells two boxes in one camp apart.
	groups := strings.Split(provisioning.NewPassword(), "-")
	o.state.Settings = Settings{Name: "Hotline-" + strings.ToUpper(groups[0]), Password: strings.Join(groups[1:], "-")}
	return o, o.keep(o.state.Settings)
}

func (o *Owner) keep(s Settings) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(o.cfg.Dir, settingsFile), raw, 0o600); err != nil {
		return fmt.Errorf("the settings of the Wi-Fi network cannot be kept: %w", err)
	}
	return nil
}

// State is how the network is now.
func (o *Owner) State() State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state
}

// set keeps new settings and uses them.
func (o *Owner) set(s Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.keep(s); err != nil {
		return err
	}
	o.state.Settings = s
	o.changed()
	return nil
}

func (o *Owner) note(change func(*State)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.state)
}

// Run keeps the network as it is wanted until ctx ends.
func (o *Owner) Run(ctx context.Context) error {
	look := time.NewTicker(o.cfg.pace)
	defer look.Stop()
	channel := []int{1, 6, 11}[rand.IntN(3)] // two boxes in one room are seldom in each other's way
	for try := 0; ctx.Err() == nil; try++ {
		wanted, s, done := o.begin(ctx)
		radios := o.radios()
		o.note(func(now *State) {
			now.There = len(radios) > 0
			if !now.There || s.Off {
				now.Trouble = ""
			}
		})
		if len(radios) > 0 && !s.Off {
			o.serve(wanted, s, radios[try%len(radios)], channel)
		}
		select {
		case <-wanted.Done(): // it is to be another, at once
		case <-look.C:
		}
		done()
	}
	return nil
}

// begin is the settings as they are now, and a context that ends with them.
func (o *Owner) begin(ctx context.Context) (wanted context.Context, s Settings, done context.CancelFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	wanted, o.changed = context.WithCancel(ctx)
	return wanted, o.state.Settings, o.changed
}

// radios are the machine's, by the names of their interfaces. One that somebody
// has switched off by software is switched on.
func (o *Owner) radios() (all []string) {
	found, err := filepath.Glob(filepath.Join(o.cfg.Sys, "class/net/wl*/phy80211"))
	if err != nil {
		return nil // only a bad pattern has one
	}
	for _, at := range found {
		all = append(all, filepath.Base(filepath.Dir(at)))
		blocks, err := filepath.Glob(filepath.Join(at, "rfkill*/soft"))
		if err != nil {
			continue
		}
		for _, block := range blocks {
			if err := os.WriteFile(block, []byte("0"), 0); err != nil {
				o.cfg.Log.Warn("a radio stays switched off", "radio", filepath.Base(filepath.Dir(at)), "error", err)
			}
		}
	}
	return all
}

// serve makes the network with a radio, until ctx or the program ends.
func (o *Owner) serve(ctx context.Context, s Settings, iface string, channel int) {
	err := o.hostapd(ctx, s, iface, channel)
	o.note(func(now *State) { now.On = false })
	if ctx.Err() != nil { // as somebody has wanted
		return
	}
	if o.State().Trouble != err.Error() {
		o.cfg.Log.Warn("the radio makes no network; it is tried again", "radio", iface, "error", err)
	}
	o.note(func(now *State) { now.Trouble = err.Error() })
}

// hostapd runs the program. That it has ended is an error.
func (o *Owner) hostapd(ctx context.Context, s Settings, iface string, channel int) error {
	text, err := s.hostapd(iface, channel)
	if err != nil {
		return err
	}
	path := filepath.Join(o.cfg.Work, "hostapd.conf")
	if err := durable.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	program := exec.CommandContext(ctx, o.cfg.Program, path)
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGTERM) }
	program.WaitDelay = endWait
	out, err := program.StdoutPipe()
	if err != nil {
		return err
	}
	program.Stderr = program.Stdout
	if err := program.Start(); err != nil {
		return err
	}
	said := o.follow(out)
	return cmp.Or(said, program.Wait(), errors.New("hostapd has ended and said nothing"))
}

// follow reads what hostapd says: whether the network is on, and last of all
// what was wrong.
func (o *Owner) follow(out io.Reader) (wrong error) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch {
		case strings.HasSuffix(line, " AP-ENABLED"):
			wrong = nil
			o.note(func(now *State) { now.On, now.Trouble = true, "" })
			o.cfg.Log.Info("the Wi-Fi network of this machine is on")
		case strings.HasSuffix(line, " AP-DISABLED"):
			o.note(func(now *State) { now.On = false })
		case strings.Contains(line, "AP-STA-"): // who comes and goes
		case wrong == nil && line != "" && !strings.Contains(line, "interface state"):
			wrong = errors.New(line) // the first of them is the reason, the others follow from it
		}
	}
	return wrong
}
