package provisioning

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Problem is something that keeps the hotline from starting, in a sentence for
// the person at the console: what, and what to do about it.
type Problem struct {
	What string
	Do   string
	Err  error
}

func (p *Problem) Error() string { return p.What + " " + p.Do }
func (p *Problem) Unwrap() error { return p.Err }

// Listening explains why an address could not be listened on. Setting is the
// key of the configuration that changes it.
func Listening(err error, what, addr, setting string) error {
	p := &Problem{Err: err}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		p.What = fmt.Sprintf("%s cannot start: %s is in use by another program.", what, addr)
		p.Do = fmt.Sprintf("Stop that program (another hotline, perhaps), or choose another port with %s.", setting)
	case errors.Is(err, syscall.EACCES):
		p.What = fmt.Sprintf("%s cannot start: this user may not use %s.", what, addr)
		p.Do = fmt.Sprintf("Choose a port above 1023 with %s, or start the hotline as a service.", setting)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		p.What = fmt.Sprintf("%s cannot start: this machine has no address %s.", what, addr)
		p.Do = fmt.Sprintf("Use an address of this machine, or 0.0.0.0 for all of them, in %s.", setting)
	default:
		p.What = fmt.Sprintf("%s cannot start on %s: %v.", what, addr, err)
		p.Do = fmt.Sprintf("Check %s.", setting)
	}
	return p
}

// Folder makes dir if it is missing and proves that it can be written to.
func Folder(dir string) error {
	explain := func(err error) error {
		what := fmt.Sprintf("The data folder %s cannot be written to (%v), so no call could be recorded.", dir, err)
		return &Problem{What: what, Do: "Give this user write permission there, or name another folder with data: in the configuration.", Err: err}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return explain(err)
	}
	probe := filepath.Join(dir, ".writable")
	f, err := os.OpenFile(probe, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return explain(err)
	}
	if err := errors.Join(f.Close(), os.Remove(probe)); err != nil {
		return explain(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return explain(err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return &Problem{What: fmt.Sprintf("The data folder %s can be read by other users of this machine.", dir),
			Do: "Callers' records would be exposed: make it private with chmod 700, or name another folder with data: in the configuration.", Err: err}
	}
	return nil
}
