// Package foreign owns sound files of unknown origin. What somebody uploads is
// decoded by a child process of this same program, with limits on its memory,
// its time and what it may write, so that a hostile file can spoil nothing but
// the child. It does not know what the sound is for.
package foreign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"hotline/appliance/audio"
)

// argument makes a process of this program the child that decodes.
const argument = "decode-sound"

// Limits.
const (
	MaxFile = 50 << 20 // of an upload, in bytes

	children  = 2                // at a time: a machine of two cores has calls to carry
	takeAtall = 20 * time.Second // longer than any honest file takes
)

// Exit codes of the child.
const (
	exitGood    = 0
	exitRefused = 3 // the reason is on standard error: code, space, sentence
)

// Importer makes clips of uploads.
type Importer struct {
	program func() (string, error)
	slots   chan struct{}
}

// New makes an Importer whose children are this program itself; its main has
// to call Intercept first.
func New() *Importer {
	return &Importer{program: os.Executable, slots: make(chan struct{}, children)}
}

// Intercept turns the process into the child and never returns, if it was
// started as one. It belongs at the very beginning of main.
func Intercept() {
	if len(os.Args) == 3 && os.Args[1] == argument {
		os.Exit(child(os.Args[2], os.Stdin, os.Stdout, os.Stderr))
	}
}

// Import decodes a WAV or MP3 file and finishes it as a prompt: without silence
// at its ends, as loud as all others, 8 kHz. An audio.Refusal says what is wrong
// with the file; every other error is ours or of the network.
func (i *Importer) Import(ctx context.Context, r io.Reader, longest time.Duration) (*audio.Clip, error) {
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	program, err := i.program()
	if err != nil {
		return nil, fmt.Errorf("finding the program that decodes sound: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, takeAtall)
	defer cancel()
	cmd := exec.CommandContext(limited, program, argument, strconv.Itoa(int(longest/time.Millisecond)))
	cmd.Env = []string{} // nothing of ours is its business
	cmd.Dir = os.TempDir()
	cmd.WaitDelay = time.Second
	reader := &counted{r: r}
	sound, complaint := &kept{limit: int(longest/time.Second+1) * audio.SampleRate}, &kept{limit: 4 << 10}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = reader, sound, complaint
	err = cmd.Run()
	code, why, _ := strings.Cut(strings.TrimSpace(string(complaint.b)), " ")
	switch {
	case err == nil && len(sound.b) > 0:
		return audio.NewClip(sound.b), nil
	case reader.err != nil:
		return nil, fmt.Errorf("receiving the file: %w", reader.err)
	case cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == exitRefused && why != "":
		return nil, &audio.Refusal{Code: code, Why: why}
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case cmd.ProcessState == nil:
		return nil, fmt.Errorf("starting the program that decodes sound: %w", err)
	}
	// It was killed for its limits, or the decoder fell over the file.
	return nil, &audio.Refusal{Code: audio.RefusedDamaged, Why: "it could not be read within safe limits; save it again as WAV with another program"}
}

// counted notes the error of a reader, so that a broken upload is not taken for
// a broken file.
type counted struct {
	r   io.Reader
	err error
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// kept is what a child writes, up to a limit; beyond it the rest is dropped.
type kept struct {
	b     []byte
	limit int
}

func (k *kept) Write(b []byte) (int, error) {
	k.b = append(k.b, b[:min(len(b), k.limit-len(k.b))]...)
	return len(b), nil
}

// child is the other side: a file comes in, a finished clip or a reason goes
// out.
func child(longest string, in io.Reader, out, complaint io.Writer) int {
	millis, err := strconv.Atoi(longest)
	if err == nil {
		err = confine()
	}
	if err != nil {
		fmt.Fprintln(complaint, "starting:", err)
		return 1
	}
	clip, err := decode(in, time.Duration(millis)*time.Millisecond)
	if err == nil {
		_, err = io.Copy(out, bytes.NewReader(clip.MuLaw()))
	}
	var refusal *audio.Refusal
	if errors.As(err, &refusal) {
		fmt.Fprintln(complaint, refusal.Code, refusal.Why)
		return exitRefused
	}
	if err != nil {
		fmt.Fprintln(complaint, "decoding:", err)
		return 1
	}
	return exitGood
}
