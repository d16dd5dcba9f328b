// Command hotline is a disaster-response phone line in one program: callers
// ring a number, hear a greeting, press a key, and a volunteer in a browser
// answers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"hotline/appliance/audio/foreign"
	"hotline/appliance/boxkey"
	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/appliance/support"
	"hotline/appliance/wipe"
	"hotline/provisioning"
)

// commands is the command line.
type commands struct {
	Setup    setupCommand       `cmd:"" help:"Make a new hotline in a folder: configuration, certificates, first accounts."`
	Start    startCommand       `cmd:"" help:"Run the hotline of a folder; ask seven questions on pages first when there is none."`
	Serve    serveCommand       `cmd:"" help:"Run the hotline."`
	Demo     demoCommand        `cmd:"" help:"Run a complete hotline for trying out, or ring a running one with --call."`
	Rehearse rehearseCommand    `cmd:"" help:"Let the hotline call itself and say in words whether callers get through."`
	Flow     flowCommand        `cmd:"" help:"Check, try, carry and put back the dialogues that callers hear."`
	Bundle   bundleCommand      `cmd:"" help:"A whole hotline as files: check them, see what they change, apply them, write them."`
	Lines    linesCommand       `cmd:"" help:"See the telephone lines and numbers of the hotline that runs, and switch lines off and on."`
	Audit    auditCommand       `cmd:"" help:"Prove the log of what people did."`
	Backup   backupCommand      `cmd:"" help:"Copy everything to another place now, while the hotline does not run. A running one does it by itself every minute."`
	Restore  restoreCommand     `cmd:"" help:"Make a hotline out of a backup, on any machine."`
	Verify   verifyCommand      `cmd:"" help:"Prove a backup by restoring it into a folder that is thrown away."`
	Cert     certificateCommand `cmd:"" name:"certificate" help:"Prove the certificate of a hotline whose operation was closed down."`
	Key      keyCommand         `cmd:"" help:"See or change how the key is kept that seals all records, while the hotline does not run."`
	Password passwordCommand    `cmd:"" help:"Set a new password for an account, while the hotline does not run: for the only administrator who has forgotten it."`
	Handbook handbookCommand    `cmd:"" help:"Write the handbook as one HTML file that needs no hotline and no network."`
	Config   configCommand      `cmd:"" help:"Print the default configuration with an explanation of every setting."`
	Prompts  promptsCommand     `cmd:"" help:"Work on what callers hear."`
	Gallery  galleryCommand     `cmd:"" help:"Show every page in every state, with made-up people and calls."`
	Simulate simulateCommand    `cmd:"" help:"Play a day of calls in seconds: how long people would wait, and how many volunteers it takes."`
	Slot     slotCommand        `cmd:"" hidden:"" help:"Updates of the appliance's own image."`
	Disk     diskCommand        `cmd:"" hidden:"" help:"Disks that are plugged into the appliance's own image."`
	Radio    radioCommand       `cmd:"" hidden:"" help:"The Wi-Fi network of the appliance's own image."`
	Ver      verCommand         `cmd:"" name:"version" help:"Print the version."`
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// zone makes a time zone the one of the whole program; nil in tests, of
	// which many run in one.
	zone func(*time.Location)
}

// gcPercent is how much garbage may pile up, in per cent of what is in use. A
// call that is up makes none, so tidying often costs little and keeps a
// thousand waiting callers small.
const gcPercent = 50

func main() {
	foreign.Intercept() // uploaded sound is decoded by a child of this program
	debug.SetGCPercent(gcPercent)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	asked := make(chan os.Signal, 2)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	go func() { // the first signal drains, the second one cuts, however soon it comes
		<-asked
		stop()
		<-asked
		os.Exit(1)
	}()
	os.Exit(run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, zone: func(at *time.Location) { time.Local = at }}))
}

// run is the program; its result is the exit status.
func run(ctx context.Context, args []string, s streams) int {
	var c commands
	exit := -1
	parser, err := kong.New(&c, kong.Name("hotline"), kong.Description("A disaster-response phone line in one program."),
		kong.UsageOnError(), kong.Writers(s.out, s.err), kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s))
	if err != nil {
		fmt.Fprintln(s.err, "hotline:", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // help was asked for
		return exit
	}
	if err == nil {
		err = parsed.Run()
	}
	if err != nil {
		fmt.Fprintln(s.err, "hotline:", err)
		return 1
	}
	return 0
}

// drainFor is how long running calls may go on after the end was asked for: a
// restart in the middle of a disaster cuts nobody off. Whoever cannot wait asks
// a second time.
const drainFor = 15 * time.Minute

type serveCommand struct {
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
	Smoke  bool   `help:"Build everything, take no call, and end: a check before a real start."`

	coolOff time.Duration   // in which a wipe may be stopped; 0: as shipped
	post    *signpost       // on the machine's own screens; nil: there are none
	kept    *support.Memory // what the log wrote of late
	air     *air            // the Wi-Fi network of the machine; nil: it makes none
}

func (c *serveCommand) Run(ctx context.Context, s streams) error {
	if dir := filepath.Dir(c.Config); provisioning.Unfinished(dir) {
		return &provisioning.Problem{What: fmt.Sprintf("The set-up of the hotline in %s was cut off before anybody had an account, or its restoring before everything was there.", dir), Do: "Run hotline start --dir, hotline setup --dir or hotline restore --to with this folder: it begins again."}
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if s.zone != nil {
		s.zone(cfg.Place()) // before anything else runs
	}
	c.kept = new(support.Memory)
	log := newLog(io.MultiWriter(s.err, c.kept), cfg.LogAll)
	if c.Smoke && wipe.Begun(cfg.DataDir()) {
		fmt.Fprintln(s.out, "A wipe of this hotline was begun: the next start ends it.")
		return nil
	}
	// Nobody is called into records of which half are gone.
	if err := endWipe(ctx, cfg, log); err != nil {
		return err
	}
	for {
		anew, err := c.once(ctx, cfg, s, log)
		if err != nil || !anew {
			return err
		}
	}
}

// once runs the hotline to its end. Anew: its operation is closed down, and it
// begins a new one.
func (c *serveCommand) once(ctx context.Context, cfg config.Config, s streams, log *slog.Logger) (anew bool, err error) {
	h, err := assemble(cfg, c.manner(nil), log)
	var locked *boxkey.Locked
	if errors.As(err, &locked) && !c.Smoke {
		c.post.show(notice{English: "LOCKED: CALLS ARE TAKEN, NOBODY SIGNS IN", Spanish: "Bloqueada: toma llamadas, falta la clave", Hotline: cfg.Name, At: pagesAt(cfg)})
		records, lockedErr := runLocked(ctx, cfg, locked, s, log)
		if lockedErr != nil || records == nil {
			return false, lockedErr
		}
		h, err = assemble(cfg, c.manner(records), log)
	}
	if err != nil {
		return false, err
	}
	if c.Smoke {
		fmt.Fprintln(s.out, "Everything is in place.")
		return false, h.Close()
	}
	fmt.Fprintf(s.out, "%s is ready.\n  Calls:  sip at %s (numbers %v; supervisors %v)\n  Pages:  %s\n  Certificate authority: %s\n",
		cfg.Name, h.trunk.Addr(), cfg.SIP.Help, cfg.SIP.Supervisor, pageURL(h), h.certs.Fingerprint())
	c.air.lead(pagesAt(cfg), h.beacon.Name, h.certs.Cover)
	c.post.show(notice{English: "THE HOTLINE IS ON. SIGN IN:", Spanish: "La línea está en marcha. Para entrar:", Hotline: cfg.Name, At: pagesAt(cfg), Name: h.beacon.Name, Print: h.certs.Fingerprint()})
	defer context.AfterFunc(ctx, func() {
		if n := h.trunk.Stats().Calls; n > 0 {
			fmt.Fprintf(s.err, "No new calls are taken. %d are running and may go on for %d minutes. Asking again ends them at once.\n", n, int(drainFor.Minutes()))
		}
	})()
	return runToItsEnd(ctx, cfg, h, log)
}

func (c *serveCommand) manner(records *store.Store) manner {
	return manner{drain: drainFor, log: c.kept, records: records, coolOff: c.coolOff}
}

// pagesAt is where the pages listen.
func pagesAt(cfg config.Config) netip.AddrPort {
	return netip.MustParseAddrPort(cfg.Web.Listen) // checked by config
}

type configCommand struct{}

func (configCommand) Run(s streams) error {
	_, err := io.WriteString(s.out, config.Default().Describe())
	return err
}

type verCommand struct{}

func (verCommand) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, version())
	return err
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return setting.Value[:12]
		}
	}
	return info.Main.Version
}

func newLog(w io.Writer, all bool) *slog.Logger {
	level := slog.LevelInfo
	if all {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// errOver is the cause with which a demo ends its robot callers.
var errOver = errors.New("the demo is over")
