// Command sign makes the key that updates of the image are signed with, and the
// updates themselves.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"hotline/provisioning/slot"
)

func main() {
	key := flag.String("key", "", "file with the private key; keep it off the internet and off the box")
	fresh := flag.Bool("new", false, "make a new key in that file, and its public half beside it (.pub)")
	system := flag.String("system", "", "the system: slot.squashfs of a build")
	version := flag.Uint64("version", 0, "its version, as in the build's file version")
	arch := flag.String("arch", "amd64", "the kind of machine")
	out := flag.String("out", "hotline.update", "the update")
	flag.Parse()
	err := errors.New("name the file of the key with -key")
	switch {
	case *key == "":
	case *fresh:
		err = newKey(*key)
	default:
		err = sign(*key, *system, *arch, *version, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sign:", err)
		os.Exit(1)
	}
}

func newKey(file string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, hex.EncodeToString(private.Seed()))
	return errors.Join(err, f.Close(), os.WriteFile(file+".pub", []byte(hex.EncodeToString(public)+"\n"), 0o644))
}

func sign(key, system, arch string, version uint64, out string) error {
	raw, err := os.ReadFile(key)
	if err != nil {
		return err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return fmt.Errorf("%s is not a key made with -new", key)
	}
	if version == 0 {
		return errors.New("say which version it is with -version")
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	return errors.Join(slot.Make(f, system, arch, version, ed25519.NewKeyFromSeed(seed)), f.Close())
}
