package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// patience is how long a server may say nothing.
const patience = 20 * time.Second

// ErrServer says that another machine answers under the address of the server.
var ErrServer = errors.New("the server shows another key than when it was chosen: ask whoever runs it, then choose the place again")

// server is a place that takes files by SFTP.
type server struct {
	link   *ssh.Client
	client *sftp.Client
	dir    string
	over   func() bool
}

// reachServer signs in to a server that shows the key it had when it was chosen.
func reachServer(ctx context.Context, p Place, name string, fresh bool, inside []string) (Shelf, error) {
	link, err := dialServer(ctx, p, func(key string) error {
		if key != p.HostKey {
			return ErrServer
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	client, err := sftp.NewClient(link)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server offers no SFTP: %w", err), link.Close())
	}
	s := server{link: link, client: client, dir: path.Join(p.Folder, name)}
	s.over = context.AfterFunc(ctx, func() { _ = link.Close() })
	if fresh {
		for _, sub := range append([]string{""}, inside...) {
			err = errors.Join(err, client.MkdirAll(path.Join(s.dir, sub)))
		}
	} else if _, err = client.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		err = ErrGone
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the folder on the server: %w", err), s.Close())
	}
	return s, nil
}

func dialServer(ctx context.Context, p Place, check func(key string) error) (*ssh.Client, error) {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", p.Server)
	if err != nil {
		return nil, fmt.Errorf("the server cannot be reached: %w", err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	link, channels, requests, err := ssh.NewClientConn(conn, p.Server, &ssh.ClientConfig{
		User: p.User, Timeout: patience,
		Auth: []ssh.AuthMethod{ssh.Password(p.Password), ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range answers {
				answers[i] = p.Password
			}
			return answers, nil
		})},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			return check(string(ssh.MarshalAuthorizedKey(key)))
		},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("signing in to the server: %w", err), conn.Close())
	}
	_ = conn.SetDeadline(time.Time{})
	return ssh.NewClient(link, channels, requests), nil
}

// Fingerprint is the short form of a server's key, as its owner can print it.
func (p Place) Fingerprint() string {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(p.HostKey))
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(key)
}

func (s server) List(folder string) ([]Item, error) {
	entries, err := s.client.ReadDir(path.Join(s.dir, folder))
	if err != nil {
		return nil, err
	}
	var list []Item
	for _, e := range entries {
		if e.Mode().IsRegular() {
			list = append(list, Item{e.Name(), e.Size()})
		}
	}
	return list, nil
}

func (s server) Create(name string) (File, error) {
	f, err := s.client.OpenFile(path.Join(s.dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	return remote{f, s.client}, nil
}

// remote is a file on a server, which may have no way to be told to sync.
type remote struct {
	*sftp.File
	client *sftp.Client
}

func (r remote) Sync() error {
	if _, can := r.client.HasExtension("fsync@openssh.com"); !can {
		return nil
	}
	return r.File.Sync()
}

func (s server) Open(name string) (io.ReadCloser, error) {
	return s.client.Open(path.Join(s.dir, name))
}

func (s server) Rename(from, to string) error {
	from, to = path.Join(s.dir, from), path.Join(s.dir, to)
	if _, can := s.client.HasExtension("posix-rename@openssh.com"); can {
		return s.client.PosixRename(from, to)
	}
	return s.client.Rename(from, to)
}

func (s server) Remove(name string) error { return s.client.Remove(path.Join(s.dir, name)) }

func (s server) Close() error {
	if !s.over() {
		return nil // the end of the context has closed it
	}
	return errors.Join(s.client.Close(), ignoreClosed(s.link.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
