package disk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// The hotline may not take a disk out of use: it asks a program that may, over a
// socket that nobody else can open. That one looks only among the disks that it
// has mounted itself.

// Socket is where that program is started on the appliance's own image.
const Socket = "/run/hotline-disk"

// Door leads to it.
type Door struct{ Path string }

// There reports that this machine has one.
func (d Door) There() bool {
	_, err := os.Stat(d.Path)
	return err == nil
}

// asking is how long the answer may take: what is being written is waited for.
const asking = time.Minute

const (
	letGone  = "gone"
	longLine = 4096
)

// Remove lets a disk be pulled out. Errors are sentences.
func (d Door) Remove(ctx context.Context, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", d.Path)
	if err != nil {
		return fmt.Errorf("the part of the machine that looks after disks does not answer: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if _, err := fmt.Fprintf(conn, "%s\n", strings.ReplaceAll(folder, "\n", "")); err != nil {
		return err
	}
	said, err := bufio.NewReader(io.LimitReader(conn, longLine)).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the part of the machine that looks after disks has not answered: %w", err)
	}
	if said = strings.TrimSpace(said); said != letGone {
		return errors.New(said)
	}
	return nil
}

// Answer takes one question and answers it, with what lets go of a disk.
func Answer(ctx context.Context, in io.Reader, out io.Writer, letGo func(ctx context.Context, folder string) error) error {
	folder, err := bufio.NewReader(io.LimitReader(in, longLine)).ReadString('\n')
	if err != nil {
		return err
	}
	said := letGone
	if err := letGo(ctx, strings.TrimSuffix(folder, "\n")); err != nil {
		said = strings.ReplaceAll(err.Error(), "\n", " ")
	}
	_, err = fmt.Fprintln(out, said)
	return err
}
