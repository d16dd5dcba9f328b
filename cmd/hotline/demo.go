package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"hotline/appliance/audio"
	"hotline/appliance/config"
	"hotline/appliance/trunk/phone"
	"hotline/ivr/prompts"
	"hotline/provisioning"
	"hotline/volunteers/roster"
)

type demoCommand struct {
	Dir  string `help:"Folder for the demo's records." default:"data/demo" type:"path"`
	LAN  bool   `help:"Let other machines of the network in: phones and laptops." name:"lan"`
	Call bool   `help:"Ring a running demo with the built-in robot caller, and end."`
	SIP  int    `help:"UDP port for calls." default:"5060"`
	Web  int    `help:"TCP port of the pages." default:"8443"`

	Quiet bool `help:"Write only warnings to the log."`
}

// The supervisor of the demo calls from here; any phone can claim it.
const demoSupervisor = "+12025550147"

func (c *demoCommand) Run(ctx context.Context, s streams) error {
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if c.Call {
		return robotCall(ctx, netip.AddrPortFrom(host, uint16(c.SIP)), newLog(s.err, false))
	}
	if c.LAN {
		host = netip.IPv4Unspecified()
	}
	log := newLog(s.err, false)
	if c.Quiet {
		log = slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	cfg := config.Default()
	cfg.Data, cfg.Name, cfg.Operation = c.Dir, "Hotline demo", "Demo"
	cfg.SIP.Listen = netip.AddrPortFrom(host, uint16(c.SIP)).String()
	cfg.Web.Listen = netip.AddrPortFrom(host, uint16(c.Web)).String()
	cfg.Web.Sound = fmt.Sprint(c.Web + 1)
	d := newDemo(ctx, log)
	defer d.end()
	h, err := assemble(cfg, manner{robot: d.ring}, log)
	if err != nil {
		return err
	}
	people, err := provisioning.Enrol(ctx, h.accounts, demoPeople())
	if err != nil {
		return errors.Join(err, h.Close())
	}
	debug.FreeOSMemory() // hashing passwords takes much memory, once
	at := h.trunk.Addr()
	reach := at.Addr()
	if reach.IsUnspecified() {
		reach = outwardAddr()
	}
	fmt.Fprintf(s.out, `The demo hotline runs. Everything stays on this machine, in %s.

  Pages     %s
            (the browser warns once: the certificate is this box's own)
`, c.Dir, pageURL(h))
	printCredentials(s.out, people)
	fmt.Fprintf(s.out, `
  To hear a call   sign in as volunteer, press Ready, then "Let the robot call me",
                   or run in another window:  hotline demo --call
  With a phone     call  sip:%[1]s@%[2]s:%[3]d   (UDP; 1 English, 2 Spanish; 1 help, 2 volunteer)
  Supervisor line  call  sip:%[4]s@%[2]s:%[3]d   as %[5]s, with the PIN above and #
  Work by phone    call  sip:%[6]s@%[2]s:%[3]d   in the same way, and answer callers without a page

Ctrl+C ends it.
`, cfg.SIP.Help[0], reach, at.Port(), cfg.SIP.Supervisor[0], demoSupervisor, cfg.SIP.Agents[0])
	return h.Run(ctx)
}

func demoPeople() []provisioning.Person {
	return []provisioning.Person{
		{Login: "volunteer", Name: "Amal", Role: roster.RoleAgent, Profile: "all"},
		{Login: "supervisor", Name: "Rosa", Role: roster.RoleSupervisor, Profile: "all", Phone: demoSupervisor},
		{Login: "coordinator", Name: "Chen", Role: roster.RoleCoordinator, Profile: "all"},
		{Login: "admin", Name: "Administrator", Role: roster.RoleAdmin},
	}
}

// demo owns the robot callers that the pages have asked for.
type demo struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	log    *slog.Logger
	calls  sync.WaitGroup
	lines  chan struct{} // room for a few calls at a time
}

func newDemo(ctx context.Context, log *slog.Logger) *demo {
	d := &demo{log: log, lines: make(chan struct{}, 5)}
	d.ctx, d.cancel = context.WithCancelCause(ctx)
	return d
}

func (d *demo) end() {
	d.cancel(errOver)
	d.calls.Wait()
}

// ring starts a robot call and returns at once.
func (d *demo) ring(server netip.AddrPort) error {
	select {
	case d.lines <- struct{}{}:
	default:
		return errors.New("five robot callers are on the line already: answer one of them first")
	}
	if server.Addr().IsUnspecified() {
		server = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), server.Port())
	}
	d.calls.Go(func() {
		defer func() { <-d.lines }()
		if err := robotCall(d.ctx, server, d.log); err != nil && d.ctx.Err() == nil {
			d.log.Error("the robot caller failed", "error", err)
		}
	})
	return nil
}

// robotPatience is how long the robot waits for somebody and talks at most.
const robotPatience = 3 * time.Minute

// robotCall is a whole call by SIP over UDP, as a person would make it: choose
// English, ask for help, say why, and listen until the other side hangs up.
func robotCall(ctx context.Context, server netip.AddrPort, log *slog.Logger) error {
	library, err := prompts.Shipped()
	if err != nil {
		return err
	}
	speech, err := library.Clip("en", "robot.speech")
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, robotPatience)
	defer stop()
	c, err := phone.Dial(ctx, phone.Config{From: "+12025550123", Display: "Robot caller", To: config.Default().SIP.Help[0], Server: server})
	if err != nil {
		return fmt.Errorf("the robot could not reach the hotline at %s: %w. Is the demo running?", server, err)
	}
	defer c.Hangup()
	log.Info("the robot caller is on the line")
	for _, step := range []struct {
		listen time.Duration
		press  string
	}{{3 * time.Second, "1"}, {5 * time.Second, "1"}} {
		if !pause(ctx, c, step.listen) {
			return nil
		}
		if err := c.Press(ctx, step.press); err != nil {
			return fmt.Errorf("the robot pressed a key: %w", err)
		}
	}
	c.SayLoop(audio.Concat(audio.Silence(2*time.Second), speech, audio.Silence(6*time.Second)))
	select {
	case <-c.Done():
	case <-ctx.Done():
	}
	return nil
}

// pause listens for a while; false when the call is over.
func pause(ctx context.Context, c *phone.Call, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.Done():
	case <-ctx.Done():
	}
	return false
}
