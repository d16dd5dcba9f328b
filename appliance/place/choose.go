package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// NewServer is a server that nobody has compared yet.
type NewServer struct{ Place Place }

func (e *NewServer) Error() string {
	return "this server is new: compare its fingerprint, " + e.Place.Fingerprint()
}

// Choose tries a place before it is used: a little is written to the folder of
// that name, which is made, and read back. A server whose key is not in p is not
// signed in to: *NewServer carries the key, for somebody to compare.
func Choose(ctx context.Context, p Place, name string, inside ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	if p.Server != "" && p.HostKey == "" {
		stop := errors.New("met")
		link, err := dialServer(ctx, p, func(key string) error { p.HostKey = key; return stop })
		if err == nil {
			err = link.Close()
		}
		if p.HostKey == "" {
			return err
		}
		return &NewServer{p}
	}
	if p.Server == "" && !filepath.IsAbs(p.Folder) {
		return errors.New("give the whole path of the folder, beginning with /")
	}
	shelf, err := Reach(ctx, p, name, true, inside...)
	if err != nil {
		return err
	}
	defer shelf.Close()
	const probe, text = "probe" + Unfinished, "hotline"
	f, err := shelf.Create(probe)
	if err != nil {
		return fmt.Errorf("nothing can be written there: %w", err)
	}
	_, err = io.WriteString(f, text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("nothing can be written there: %w", err)
	}
	back, err := shelf.Open(probe)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(back)
	if err := errors.Join(err, back.Close(), shelf.Remove(probe)); err != nil || string(got) != text {
		return fmt.Errorf("what is written there cannot be read back (%w)", errors.Join(err, errors.New("the probe")))
	}
	return nil
}
