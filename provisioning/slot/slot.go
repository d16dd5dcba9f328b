// Package slot replaces the system of the appliance. The disk has two slots;
// the one that is not running is written, checked and tried; the boot loader
// goes back by itself when the new one is not confirmed (images/esp/grub.cfg).
package slot

import (
	"archive/tar"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Manifest describes an update. It is what is signed.
type Manifest struct {
	Product string `json:"product"` // always "hotline"
	Arch    string `json:"arch"`
	Version uint64 `json:"version"` // of the image: when it was made, as 202611261530; only ever grows
	Size    int64  `json:"size"`    // of the system, in bytes
	SHA256  string `json:"sha256"`
}

const product = "hotline"

// Members of an update file, a tar archive, in this order.
const (
	manifestName  = "manifest.json"
	signatureName = "manifest.sig"
	systemName    = "system.squashfs"
)

// ErrNotNewer is an update that is not newer than what runs.
var ErrNotNewer = errors.New("this update is not newer than the system that runs")

var (
	errForeign = errors.New("this file is not an update of the hotline")
	errDamaged = errors.New("the update is damaged: copy the file again")
)

// Make writes an update with the system in file to w, signed with key.
func Make(w io.Writer, file string, arch string, version uint64, key ed25519.PrivateKey) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, f)
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(Manifest{Product: product, Arch: arch, Version: version, Size: size, SHA256: hex.EncodeToString(hash.Sum(nil))})
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out := tar.NewWriter(w)
	for _, member := range []struct {
		name string
		size int64
		from io.Reader
	}{
		{manifestName, int64(len(manifest)), strings.NewReader(string(manifest))},
		{signatureName, ed25519.SignatureSize, strings.NewReader(string(ed25519.Sign(key, manifest)))},
		{systemName, size, f},
	} {
		if err := out.WriteHeader(&tar.Header{Name: member.name, Size: member.size, Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := io.Copy(out, member.from); err != nil {
			return err
		}
	}
	return out.Close()
}

// Machine is where the slots are.
type Machine struct {
	Env     string                   // path of the boot loader's notes
	Device  func(slot string) string // path of a slot, "A" or "B"
	Running string                   // the slot that runs
	Arch    string
	Version uint64 // of the system that runs
	Key     ed25519.PublicKey
}

// Install checks an update and writes it into the slot that does not run. The
// next start tries it. Nothing is changed when the update is not signed by Key,
// not for this machine or not newer; an update that stops half-way, by a power
// cut, too, leaves the running slot as it was.
func (m Machine) Install(ctx context.Context, update io.Reader) (Manifest, error) {
	in := tar.NewReader(update)
	manifest, err := m.admit(in)
	if err != nil {
		return manifest, err
	}
	other := m.other()
	device, err := os.OpenFile(m.Device(other), os.O_RDWR, 0)
	if err != nil {
		return manifest, fmt.Errorf("opening slot %s: %w", other, err)
	}
	defer device.Close()
	room, err := device.Seek(0, io.SeekEnd)
	if err != nil {
		return manifest, err
	}
	if manifest.Size > room {
		return manifest, fmt.Errorf("the update is larger than a slot of this machine (%d MB)", room>>20)
	}
	if _, err := device.Seek(0, io.SeekStart); err != nil {
		return manifest, err
	}
	// From here the slot holds nothing that may be started.
	if err := change(m.Env, func(e *env) { e.set(other+"_OK", "0") }); err != nil {
		return manifest, err
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(device, hash), stoppable{ctx, in}); errors.Is(err, io.ErrUnexpectedEOF) {
		return manifest, errDamaged
	} else if err != nil {
		return manifest, fmt.Errorf("writing slot %s: %w", other, err)
	}
	if hex.EncodeToString(hash.Sum(nil)) != manifest.SHA256 {
		return manifest, errDamaged
	}
	if err := device.Sync(); err != nil {
		return manifest, fmt.Errorf("writing slot %s: %w", other, err)
	}
	forget(device)
	if _, err := device.Seek(0, io.SeekStart); err != nil {
		return manifest, err
	}
	hash.Reset()
	if _, err := io.Copy(hash, stoppable{ctx, io.LimitReader(device, manifest.Size)}); err != nil {
		return manifest, fmt.Errorf("reading slot %s again: %w", other, err)
	}
	if hex.EncodeToString(hash.Sum(nil)) != manifest.SHA256 {
		return manifest, errors.New("the disk does not give back what was written: it is failing, replace it soon")
	}
	return manifest, change(m.Env, func(e *env) {
		e.set("ORDER", other+" "+m.Running)
		e.set("NEW", other)
		e.set("NEW_VERSION", strconv.FormatUint(manifest.Version, 10))
		e.set(other+"_OK", "1")
		e.set(other+"_TRY", "0")
	})
}

// Confirm tells the boot loader that the running slot is well.
func (m Machine) Confirm() error {
	return change(m.Env, func(e *env) {
		e.set(m.Running+"_OK", "1")
		e.set(m.Running+"_TRY", "0")
		// What fell back is told until another update comes or this one is one.
		if e.values["NEW"] == m.Running {
			e.set("NEW", "")
		}
	})
}

// State is how the slots are.
type State struct {
	Version uint64 // of the system that runs
	Takes   bool   // updates at all: it was made with the key of a publisher
	Waiting uint64 // version of the update that the next start tries; 0: none
	Failed  uint64 // of the last update, when it did not come up and the machine has gone back
}

// State reads it.
func (m Machine) State() (State, error) {
	s := State{Version: m.Version, Takes: len(m.Key) == ed25519.PublicKeySize}
	e, err := readEnv(m.Env)
	if err != nil || e.values["NEW"] != m.other() {
		return s, err
	}
	version, err := strconv.ParseUint(e.values["NEW_VERSION"], 10, 64)
	if err != nil {
		return s, nil // of a system from before that was noted
	}
	if e.values[m.other()+"_OK"] == "1" {
		if e.values[m.other()+"_TRY"] == "0" {
			s.Waiting = version
		} else {
			s.Failed = version
		}
	}
	return s, nil
}

// Trial reports that the running slot is an update which nobody has confirmed:
// when it is not well, another start leads back to the one before.
func (m Machine) Trial() (trial bool, err error) {
	err = change(m.Env, func(e *env) { trial = e.values["NEW"] == m.Running })
	return trial, err
}

func (m Machine) other() string {
	if m.Running == "A" {
		return "B"
	}
	return "A"
}

// admit reads the head of an update, up to the system itself, and checks it.
func (m Machine) admit(in *tar.Reader) (manifest Manifest, err error) {
	raw, err := member(in, manifestName, 4096)
	if err != nil {
		return manifest, errForeign
	}
	signature, err := member(in, signatureName, ed25519.SignatureSize)
	if err != nil {
		return manifest, errForeign
	}
	if len(m.Key) != ed25519.PublicKeySize {
		return manifest, errors.New("this system was made without a key for updates, and takes none")
	}
	if !ed25519.Verify(m.Key, raw, signature) {
		return manifest, errors.New("the update is not signed by those who made this system: do not use it")
	}
	if err := json.Unmarshal(raw, &manifest); err != nil || manifest.Product != product || manifest.Size <= 0 {
		return manifest, errForeign
	}
	if manifest.Arch != m.Arch {
		return manifest, fmt.Errorf("the update is for machines of another kind (%s)", manifest.Arch)
	}
	if manifest.Version <= m.Version {
		return manifest, ErrNotNewer
	}
	head, err := in.Next()
	if err != nil || head.Name != systemName || head.Size != manifest.Size {
		return manifest, errDamaged
	}
	return manifest, nil
}

func member(in *tar.Reader, name string, most int64) ([]byte, error) {
	head, err := in.Next()
	if err != nil {
		return nil, err
	}
	if head.Name != name || head.Size > most {
		return nil, fmt.Errorf("%s is missing", name)
	}
	return io.ReadAll(in)
}

// stoppable ends reading when ctx ends.
type stoppable struct {
	ctx context.Context
	io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.Reader.Read(p)
}
