// Package placetest is a server for files, for tests.
package placetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// SFTP takes files into a folder, by SFTP over a real SSH connection.
func SFTP(t *testing.T, dir, password string) (addr string) {
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
