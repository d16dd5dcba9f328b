package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"hotline/appliance/backup"
	"hotline/appliance/boxkey"
	"hotline/appliance/config"
	"hotline/appliance/store"
)

// keyCommand is the key of the box at the command line. A hotline that runs has
// its page Key of this box.
type keyCommand struct {
	Show keyShowCommand  `cmd:"" help:"Say how the key is kept."`
	Keep keyKeepCommand  `cmd:"" help:"Keep the key in another way."`
	New  keyPaperCommand `cmd:"" name:"recovery" help:"Make a new recovery key for the printed sheet. The one before opens only older backups then."`
}

type keyShowCommand struct {
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
}

func (c *keyShowCommand) Run(s streams) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	keys, err := boxkey.Open(cfg.DataDir())
	if err != nil {
		return err
	}
	st := keys.State()
	switch st.Kind {
	case boxkey.Passphrase:
		fmt.Fprintln(s.out, "The key is kept under a passphrase: somebody types it after each start.")
	case boxkey.Elsewhere:
		fmt.Fprintf(s.out, "The key is kept in %s.\n", st.Path)
		if !st.There {
			fmt.Fprintln(s.out, "That file is not there now.")
		}
	default:
		fmt.Fprintln(s.out, "The key is kept in the folder of the records: the hotline starts by itself.")
	}
	if st.Recovery {
		fmt.Fprintln(s.out, "The recovery key from the printed sheet opens it, too.")
	} else {
		fmt.Fprintln(s.out, "Nobody has a recovery key: make one with hotline key recovery, or on the page Backups.")
	}
	if st.Waiting > 0 {
		fmt.Fprintf(s.out, "Times in which it took calls without its key, to be taken over at the next start with it: %d.\n", st.Waiting)
	}
	return nil
}

type keyKeepCommand struct {
	How    string `arg:"" help:"file (in the folder of the records), passphrase or stick (in a file elsewhere)." enum:"file,passphrase,stick"`
	At     string `arg:"" optional:"" help:"With stick: the folder or file for the key." type:"path"`
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
}

func (c *keyKeepCommand) Run(ctx context.Context, s streams) error {
	in := bufio.NewReader(s.in)
	return withKey(ctx, c.Config, s, in, func(keys *boxkey.Keeper, keeper *backup.Keeper, records *store.Store) error {
		what := c.At
		if c.How == boxkey.Passphrase {
			var err error
			if what, err = askNew(in, s); err != nil {
				return err
			}
		}
		if err := keys.Keep(records.Key(), c.How, what); err != nil {
			return err
		}
		fmt.Fprintln(s.out, "Done. The old way does not open the hotline any more.")
		return nil
	})
}

type keyPaperCommand struct {
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
}

func (c *keyPaperCommand) Run(ctx context.Context, s streams) error {
	return withKey(ctx, c.Config, s, bufio.NewReader(s.in), func(_ *boxkey.Keeper, keeper *backup.Keeper, _ *store.Store) error {
		secret, err := keeper.NewRecoveryKey(ctx, byCommand)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "Recovery key  %s\n   It opens the backups on another machine, and this one if its key or passphrase is lost.\n   Keep it on paper, somewhere else. It is shown only once.\n", secret)
		return nil
	})
}

// errRunning refuses what needs the records of a hotline for itself.
var errRunning = errors.New("the hotline is running: do it on its pages, or stop it first")

// withKey opens a hotline that does not run, with its passphrase if it needs
// one.
func withKey(ctx context.Context, path string, s streams, in *bufio.Reader, do func(*boxkey.Keeper, *backup.Keeper, *store.Store) error) (err error) {
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	data := cfg.DataDir()
	if _, err := os.Stat(store.FilePath(data)); err != nil {
		return fmt.Errorf("there is no hotline in %s yet: make one with hotline setup", data)
	}
	key, err := keyOf(data, s, in)
	if err != nil {
		return err
	}
	log := newLog(s.err, false)
	records, err := store.OpenWith(data, key, log)
	if errors.Is(err, store.ErrInUse) {
		return errRunning
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	keys, err := boxkey.Open(data)
	if err != nil {
		return err
	}
	keeper, err := backup.Open(backup.Config{Store: records, Data: data, Files: carriedFiles(cfg), Version: version(), Log: log,
		NewKey: func(public string) error { return keys.Recover(records.Key(), public) }})
	if err != nil {
		return err
	}
	if err := keys.Adopt(records.Key(), keeper.Recovery()); err != nil {
		return err
	}
	return do(keys, keeper, records)
}

// keyOf is the key of a hotline, for a command that opens its records. Where
// somebody has to type for it, they are asked.
func keyOf(data string, s streams, in *bufio.Reader) ([]byte, error) {
	keys, err := boxkey.Open(data)
	if err != nil {
		return nil, err
	}
	key, err := keys.AtHand()
	var locked *boxkey.Locked
	if !errors.As(err, &locked) {
		return key, err
	}
	if locked.Why == boxkey.NeedsPassphrase {
		fmt.Fprint(s.out, "Passphrase of the hotline: ")
		said, err := unseen(s, in)
		if err != nil {
			return nil, err
		}
		return keys.ByPassphrase(said)
	}
	fmt.Fprintf(s.out, "%v.\nRecovery key (from the printed sheet): ", locked)
	said, err := unseen(s, in)
	if err != nil {
		return nil, err
	}
	id, err := backup.ParseKey(said)
	if err != nil {
		return nil, err
	}
	return keys.ByRecovery(id)
}

func newPassphrase(s streams) (string, error) { return askNew(bufio.NewReader(s.in), s) }

// askNew asks for a new passphrase twice.
func askNew(in *bufio.Reader, s streams) (string, error) {
	fmt.Fprint(s.out, "New passphrase, five or six words that do not belong together: ")
	first, err := unseen(s, in)
	if err != nil {
		return "", err
	}
	fmt.Fprint(s.out, "Once more: ")
	second, err := unseen(s, in)
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passphrases are not the same; nothing was changed")
	}
	return first, nil
}

// unseen reads a line of which a terminal shows nothing.
func unseen(s streams, in *bufio.Reader) (string, error) {
	if f, ok := s.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(s.out)
		return string(text), err
	}
	text, err := in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(text, "\r\n"), nil
}
