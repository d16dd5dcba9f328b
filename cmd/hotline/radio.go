package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sync/errgroup"

	"hotline/appliance/pointer"
	"hotline/provisioning/radio"
	"hotline/ui"
)

// radioCommand is what a unit of the image runs as root. Nobody else needs it.
type radioCommand struct {
	Serve radioServe `cmd:"" help:"Make the Wi-Fi network of this machine, as the hotline asks over the socket that systemd hands over."`
}

type radioServe struct {
	Dir     string `help:"Where its name and password are kept." default:"/data/radio" type:"path"`
	Work    string `help:"Folder in memory." default:"/run/hotline-radio-work" type:"path"`
	Sys     string `default:"/sys" hidden:""`
	Program string `default:"/usr/sbin/hostapd" hidden:""`
}

func (c *radioServe) Run(ctx context.Context, s streams) error {
	given, err := activation.Listeners()
	if err != nil {
		return err
	}
	if len(given) != 1 {
		return errors.New("this is started by systemd, with one socket (hotline-radio.socket)")
	}
	l, ok := given[0].(*net.UnixListener)
	if !ok {
		return errors.New("the socket of hotline-radio.socket is none that others on the machine can be kept from")
	}
	for _, dir := range []string{c.Dir, c.Work} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	owner, err := radio.Open(radio.OwnerConfig{Dir: c.Dir, Work: c.Work, Sys: c.Sys, Program: c.Program, Log: newLog(s.err, false)})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return owner.Serve(ctx, l) })
	group.Go(func() error { return owner.Run(ctx) })
	return group.Wait()
}

// air is the hotline's side of the network: it follows how that is, tells the
// screens, and answers on it for as long as it is on. A nil one has none.
type air struct {
	door  radio.Door
	point *pointer.Pointer
	log   *slog.Logger

	mu    sync.Mutex
	state radio.State
	pages netip.AddrPort
	name  func() string
}

const airLook = 2 * time.Second

// openAir is nil where this machine is not the appliance's own image.
func openAir(path string, log *slog.Logger) (*air, error) {
	a := &air{door: radio.At(path), log: log}
	if !a.door.There() {
		return nil, nil
	}
	page, err := ui.NewPointer(ui.PointerConfig{Addresses: a.addresses, Log: log})
	if err != nil {
		return nil, err
	}
	a.point = pointer.New(pointer.Config{At: netip.MustParseAddr(radio.Address), Page: page, Log: log})
	return a, nil
}

// lead says where the pages listen now, and what their machine is called. Their
// certificate is to cover the address on this network, too.
func (a *air) lead(pages netip.AddrPort, name func() string, cover func(string)) {
	if a == nil {
		return
	}
	cover(radio.Address)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pages, a.name = pages, name
}

// addresses are those of the pages for who has joined, the best one first: a name
// is remembered.
func (a *air) addresses() []string {
	a.mu.Lock()
	pages, name := a.pages, a.name
	a.mu.Unlock()
	if !pages.IsValid() {
		return nil
	}
	at := notice{At: pages}
	all := []string{at.address(radio.Address)}
	if name != nil && name() != "" {
		all = append([]string{at.address(name())}, all...)
	}
	return all
}

// network is what the screen tells of it before there is a hotline; nil: nothing.
func (a *air) network() *radio.Settings {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.state.On {
		return nil
	}
	return &a.state.Settings
}

// Run follows it until ctx ends.
func (a *air) Run(ctx context.Context) {
	if a == nil {
		return
	}
	look := time.NewTicker(airLook)
	defer look.Stop()
	var now *listening
	defer func() { now.end() }()
	for {
		state, err := a.door.Look(ctx)
		if err != nil && ctx.Err() == nil {
			a.log.Warn("the radio of this machine cannot be looked at", "error", err)
		}
		a.mu.Lock()
		a.state = state
		a.mu.Unlock()
		if now != nil && (!state.On || now.over()) { // or the address is not there yet, or no more
			now.end()
			now = nil
		}
		if now == nil && state.On {
			now = a.listen(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// listening is the pointer while it answers.
type listening struct {
	stop  context.CancelFunc
	ended chan struct{}
}

func (a *air) listen(ctx context.Context) *listening {
	ctx, stop := context.WithCancel(ctx)
	l := &listening{stop, make(chan struct{})}
	go func() {
		defer close(l.ended)
		if err := a.point.Run(ctx); err != nil {
			a.log.Debug("the pointer to the pages does not listen yet", "error", err)
		}
	}()
	return l
}

func (l *listening) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

func (l *listening) end() {
	if l != nil {
		l.stop()
		<-l.ended
	}
}

// radioOf is the network as the pages know it; nil where this machine is not the
// appliance's own image.
func radioOf(path string) ui.Radio {
	door := radio.At(path)
	if !door.There() {
		return nil
	}
	return pageRadio{door}
}

type pageRadio struct{ door radio.Door }

func (p pageRadio) Look(ctx context.Context) (ui.RadioState, error) {
	return pageRadioState(p.door.Look(ctx))
}

func (p pageRadio) Set(ctx context.Context, name, password string, off bool) (ui.RadioState, error) {
	return pageRadioState(p.door.Set(ctx, radio.Settings{Name: name, Password: password, Off: off}))
}

func pageRadioState(s radio.State, err error) (ui.RadioState, error) {
	return ui.RadioState{There: s.There, On: s.On, Off: s.Off, Name: s.Name, Password: s.Password, Picture: s.Picture(), Trouble: s.Trouble}, err
}
