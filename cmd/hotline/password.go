package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"hotline/appliance/backup"
	"hotline/appliance/boxkey"
	"hotline/appliance/config"
	"hotline/appliance/store"
	"hotline/provisioning"
	"hotline/volunteers/roster"
)

// passwordCommand lets the only administrator in again who has forgotten the
// password or lost the telephone of the second step. It opens nothing that is
// shut: whoever has the folder and its key can read everything already.
type passwordCommand struct {
	Login  string `arg:"" help:"Name for signing in."`
	Config string `help:"Configuration file." default:"hotline.yaml" type:"path"`
}

func (c *passwordCommand) Run(ctx context.Context, s streams) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	return withKey(ctx, c.Config, s, bufio.NewReader(s.in), func(_ *boxkey.Keeper, _ *backup.Keeper, records *store.Store) error {
		accounts, err := roster.Open(records, cfg.DataDir(), newLog(s.err, false))
		if err != nil {
			return err
		}
		list, err := accounts.List()
		if err != nil {
			return err
		}
		var known []string
		for _, account := range list {
			if !strings.EqualFold(account.Login, strings.TrimSpace(c.Login)) {
				known = append(known, account.Login)
				continue
			}
			password := provisioning.NewPassword()
			if err := errors.Join(accounts.SetPassword(ctx, account.ID, password, byCommand), accounts.DropSecond(ctx, account.ID, byCommand)); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s signs in as %s with the password %s\nIt is shown only once. The second step is taken away: set it up again after signing in.\n", account.Name, account.Login, password)
			if account.Disabled {
				fmt.Fprintln(s.out, "This account is switched off: an administrator has to switch it on first.")
			}
			return nil
		}
		return fmt.Errorf("nobody signs in as %q; there are: %s", c.Login, strings.Join(known, ", "))
	})
}

// byCommand is who did it, in the log, where nobody has signed in.
const byCommand = "command line"
