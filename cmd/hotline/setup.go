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

	"hotline/appliance/boxkey"
	"hotline/appliance/call"
	"hotline/appliance/config"
	"hotline/provisioning"
	"hotline/provisioning/bundle"
	"hotline/volunteers/roster"
)

type setupCommand struct {
	Dir        string   `help:"Folder for the configuration and the records." default:"." type:"path"`
	Name       string   `help:"Name of the hotline." default:"Hotline"`
	Operation  string   `help:"Name of the disaster response." default:"Response"`
	Region     string   `help:"Country of numbers without a country code (two letters)." default:"US"`
	Number     []string `help:"Number that reaches the hotline, as the trunk sends it. May be given more than once." default:"100"`
	Emergency  string   `help:"Number of the supervisor line." name:"supervisor-number" default:"199"`
	Stick      string   `help:"Folder of a memory stick: where it holds a hotline.yaml, that is taken as the configuration and the settings above are not." type:"path" placeholder:"DIR"`
	Template   string   `help:"Begin as an organisation of a size: town, city or national (hotline bundle template lists them)." placeholder:"NAME"`
	Bundle     string   `help:"Begin with a bundle, a folder or a ZIP file: what it names goes before the settings above. When it names people, no others than admin are made." type:"path" placeholder:"PATH"`
	Secrets    string   `help:"With --bundle: file with the passwords of its telephone lines." type:"path" placeholder:"FILE"`
	Key        string   `help:"How the key is kept that seals all records: file (in the folder: starts by itself), passphrase (is asked for here, and after every start; until then calls are taken and written down sealed) or stick (in a file elsewhere, see --key-at)." enum:"file,passphrase,stick" default:"file"`
	KeyAt      string   `help:"With --key=stick: folder or file for the key, outside the folder of the records." type:"path" placeholder:"PATH"`
	Supervisor string   `help:"Phone number of the first supervisor, for the supervisor line." name:"supervisor-phone" placeholder:"+12025550147"`
}

func (c *setupCommand) Run(ctx context.Context, s streams) error {
	cfg := config.Default()
	cfg.Name, cfg.Operation, cfg.Region = c.Name, c.Operation, c.Region
	cfg.SIP.Help, cfg.SIP.Supervisor = c.Number, []string{c.Emergency}
	if _, err := config.Parse("the settings given", []byte(cfg.Describe())); err != nil {
		return err
	}
	if given, err := fromStick(c.Stick); err != nil {
		return err
	} else if given != nil {
		cfg = *given
	}
	supervisor := provisioning.Person{Login: "supervisor", Name: "Supervisor", Role: roster.RoleSupervisor, Profile: "all"}
	if c.Supervisor != "" {
		if supervisor.Phone = call.ParseNumber(c.Supervisor, c.Region); !supervisor.Phone.E164() {
			return errors.New("the supervisor's phone number cannot be read: give it with the country code, like +12025550147")
		}
	}
	at := c.KeyAt
	if c.Key == boxkey.Passphrase {
		var err error
		if at, err = newPassphrase(s); err != nil {
			return err
		}
	}
	people := []provisioning.Person{
		{Login: "admin", Name: "Administrator", Role: roster.RoleAdmin},
		{Login: "coordinator", Name: "Coordinator", Role: roster.RoleCoordinator, Profile: "all"},
		supervisor,
		{Login: "volunteer", Name: "First phone volunteer", Role: roster.RoleAgent, Profile: "all"},
	}
	begin := beginWith{config: filepath.Join(c.Dir, config.FileName), s: s, by: "setup", name: c.Bundle}
	if c.Template != "" {
		b, err := bundle.Template(c.Template)
		if err != nil {
			return err
		}
		begin.bundles = append(begin.bundles, b)
	}
	if c.Secrets != "" && c.Bundle == "" {
		return errors.New("--secrets belongs to --bundle: name the bundle, too")
	}
	if c.Bundle != "" {
		b, secrets, err := bundleConfig{Bundle: c.Bundle, Secrets: c.Secrets}.read()
		if err != nil {
			return wrongBundle(c.Bundle, err)
		}
		begin.bundles, begin.secrets = append(begin.bundles, b), secrets
		if b.HasUsers() {
			people = people[:1]
		}
	}
	res, err := provisioning.Setup(ctx, provisioning.Options{Dir: c.Dir, Config: cfg, Log: newLog(s.err, false), Key: c.Key, KeyAt: at, People: people, Fill: begin.fill})
	if err != nil {
		return err
	}
	if cfg, err = config.Load(res.ConfigPath); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The hotline is set up. Write these down now; they are shown only once.\n\n")
	printCredentials(s.out, append(res.Credentials, begin.plan.Credentials...))
	for _, note := range begin.plan.Notes {
		fmt.Fprintln(s.out, note)
	}
	fmt.Fprintf(s.out, `
  Recovery key  %s
     It opens the backups on another machine if this one is lost, and this one if its key or
     passphrase is. Keep it on paper, somewhere else.
`, res.RecoveryKey)
	fmt.Fprintf(s.out, `
Next steps
  1. Start it:              hotline serve --config %s
  2. Open the pages:        https://<this machine's address>:%s
     The browser warns because the certificate is the box's own. Its authority begins with
     %s
  3. Point the trunk at:    UDP port %s, numbers %v
  4. Change what you like:  %s (every setting is explained there)
  5. Choose where backups go, on the page Backups: a USB disk or a server.
`, res.ConfigPath, port(cfg.Web.Listen), res.Fingerprint, port(cfg.SIP.Listen), cfg.SIP.Help, res.ConfigPath)
	if supervisor.Phone == "" && len(people) > 1 {
		fmt.Fprintf(s.out, "  6. Give the supervisor a phone number and PIN on the accounts page: the supervisor line needs both.\n")
	}
	return nil
}

// fromStick is the configuration that a stick holds; nil where it holds none.
func fromStick(dir string) (*config.Config, error) {
	if dir == "" {
		return nil, nil
	}
	path := filepath.Join(dir, config.FileName)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the configuration on the stick cannot be read: %w", err)
	}
	cfg, err := config.Parse(path, raw)
	return &cfg, err
}

func port(addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return p
}

func printCredentials(w io.Writer, all []provisioning.Credential) {
	for _, c := range all {
		fmt.Fprintf(w, "  %-12s  %-12s  password %s\n", words(c.Role), c.Login, c.Password)
		if c.PIN != "" {
			fmt.Fprintf(w, "  %-12s  calls from %s with PIN %s\n", "", string(c.Phone), c.PIN)
		}
	}
}

// words is how people call a role.
func words(r roster.Role) string {
	if r == roster.RoleAgent {
		return "volunteer"
	}
	return string(r)
}

// pageURL is an address of the pages that works on this machine.
func pageURL(h *hotline) string {
	at := netip.MustParseAddrPort(h.web.Addr().String())
	host := at.Addr().Unmap()
	if host.IsUnspecified() {
		host = outwardAddr()
	}
	if host.IsLoopback() {
		return fmt.Sprintf("https://localhost:%d/", at.Port())
	}
	return fmt.Sprintf("https://%s/", netip.AddrPortFrom(host, at.Port()))
}
