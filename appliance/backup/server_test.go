package backup

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// sftpServer takes files into a folder, by SFTP over a real SSH connection.
func sftpServer(t *testing.T, dir, password string) (addr string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	must(t, err)
	conf := &ssh.ServerConfig{PasswordCallback: func(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
		if string(given) != password {
			return nil, errors.New("wrong")
		}
		return nil, nil
	}}
	conf.AddHostKey(signer)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serveSFTP(conn, conf, dir) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); all.Wait() })
	return ln.Addr().String()
}

func serveSFTP(conn net.Conn, conf *ssh.ServerConfig, dir string) {
	link, channels, requests, err := ssh.NewServerConn(conn, conf)
	if err != nil {
		_ = conn.Close()
		return
	}
	defer link.Close()
	go ssh.DiscardRequests(requests)
	for ch := range channels {
		channel, in, err := ch.Accept()
		if err != nil {
			return
		}
		go func() {
			for req := range in {
				_ = req.Reply(req.Type == "subsystem", nil)
			}
		}()
		server, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(dir))
		if err != nil {
			return
		}
		_ = server.Serve()
		_ = server.Close()
	}
}

func TestBackupsGoToAServer(t *testing.T) {
	b := newBox(t)
	there := t.TempDir()
	place := Place{Server: sftpServer(t, there, "sesame"), User: "box", Password: "sesame", Folder: "copies"}
	// Nobody is trusted unseen, and the password is not sent before.
	var fresh *NewServer
	if err := b.Use(t.Context(), place, "test"); !errors.As(err, &fresh) || !strings.HasPrefix(fresh.Place.Fingerprint(), "SHA256:") {
		t.Fatalf("a new server: %v", err)
	}
	wrong := fresh.Place
	wrong.Password = "guess"
	if err := b.Use(t.Context(), wrong, "test"); err == nil || !strings.Contains(err.Error(), "signing in") {
		t.Errorf("a wrong password: %v", err)
	}
	must(t, b.Use(t.Context(), fresh.Place, "test"))
	b.write("a", "first")
	id := b.record([]byte("a voice"))
	b.now()
	b.write("b", "second")
	b.now()
	if st := b.State(); st.SameDisk || strings.Contains(st.Place, "sesame") || st.Server == "" || st.Failed != "" {
		t.Errorf("the state is %+v", st)
	}
	s, r, _ := b.restored(filepath.Join(there, "copies"), time.Time{})
	if !bytes.Equal(content(t, s), content(t, b.Store)) || r.Archives != 2 || r.Sounds != 1 || !s.HasBlob(id) {
		t.Errorf("restored was %+v", r)
	}
	// Another machine under its address gets nothing.
	b.settings.Place.Server = sftpServer(t, t.TempDir(), "sesame")
	if err := b.Now(t.Context()); !errors.Is(err, ErrServer) {
		t.Errorf("another server: %v", err)
	}
	if left, err := os.ReadDir(there); err != nil || len(left) != 1 {
		t.Errorf("%v is there (%v)", left, err)
	}
}
