package main

import (
	"context"
	"fmt"
	"os/user"
	"strconv"
	"time"

	"github.com/google/uuid"

	"hotline/appliance/boxkey"
	"hotline/provisioning/disk"
)

// diskCommand is what the units of the image run as root for disks that somebody
// plugs in. Nobody else needs it.
type diskCommand struct {
	Plug   diskPlug   `cmd:"" help:"Use a disk that was plugged in."`
	Unplug diskUnplug `cmd:"" help:"Tidy up after one that is gone."`
	Remove diskRemove `cmd:"" help:"Let a disk be pulled out: its folder comes by standard input."`
	Key    diskKey    `cmd:"" help:"Wait for the disk with the key of the box, if it is on one."`
	Own    diskOwn    `cmd:"" help:"Tell whether a partition is on the disk from which this system runs: ends well if it is."`
	Name   diskName   `cmd:"" help:"Give the disk from which this system runs a name of its own, if it has that of the image."`
}

// diskFor is who uses the disks.
type diskFor struct {
	User  string `help:"Who may write to it." default:"hotline"`
	Stick string `help:"Where the stick of the first start was read." default:"/run/hotline-stick-disk"`
}

func (f diskFor) keeper() (k disk.Keeper, err error) {
	u, err := user.Lookup(f.User)
	if err != nil {
		return k, err
	}
	k.Stick = f.Stick
	if k.User, err = strconv.Atoi(u.Uid); err != nil {
		return k, err
	}
	k.Group, err = strconv.Atoi(u.Gid)
	return k, err
}

type diskPlug struct {
	diskFor
	Device string `arg:"" help:"Its name for the kernel."`
}

// Run ends well whatever is wrong with a disk: that is told on the pages, and is
// no fault of this machine.
func (c *diskPlug) Run(ctx context.Context, s streams) error {
	k, err := c.keeper()
	if err != nil {
		return err
	}
	said, err := k.Plug(ctx, c.Device)
	if err != nil {
		said = fmt.Sprintf("The disk %s is not used: %v", c.Device, err)
	}
	if said != "" {
		fmt.Fprintln(s.out, said)
	}
	return nil
}

type diskUnplug struct {
	Device string `arg:"" help:"Its name for the kernel."`
}

func (c *diskUnplug) Run(context.Context, streams) error { return disk.Keeper{}.Unplugged(c.Device) }

type diskRemove struct{}

func (c *diskRemove) Run(ctx context.Context, s streams) error {
	return disk.Answer(ctx, s.in, s.out, disk.Keeper{}.LetGo)
}

type diskOwn struct {
	Device string `arg:"" help:"Its name for the kernel."`
}

func (c *diskOwn) Run(context.Context, streams) error {
	own, err := disk.Own(c.Device)
	if err == nil && !own {
		err = fmt.Errorf("%s is on another disk", c.Device)
	}
	return err
}

type diskName struct {
	From uuid.UUID `arg:"" help:"Name of the image's disk."`
}

func (c *diskName) Run(_ context.Context, s streams) error {
	named, err := disk.NameOwn(c.From)
	if err != nil {
		return fmt.Errorf("the disk has no name of its own, and could be taken for another one with this system on it: leave no other such disk in this machine: %w", err)
	}
	if named {
		fmt.Fprintln(s.out, "The disk has a name of its own now.")
	}
	return nil
}

type diskKey struct {
	Data   string        `arg:"" help:"Folder of the records." type:"path"`
	Within time.Duration `help:"How long it may take." default:"20s"`
}

// Run waits a little for a disk that was plugged in before the start: without its
// key the hotline would begin as one that is locked.
func (c *diskKey) Run(ctx context.Context, _ streams) error {
	keys, err := boxkey.Open(c.Data)
	if err != nil {
		return nil // the hotline itself says what is wrong
	}
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	for s := keys.State(); s.Kind == boxkey.Elsewhere && !s.There && ctx.Err() == nil; s = keys.State() {
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}
