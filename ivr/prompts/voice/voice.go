// Package voice owns the synthetic voice: it has espeak-ng speak a text, as a
// separate program with a time limit. Nothing is spoken during a call; the
// renderer and the prompt library use it when a text is saved. It knows no
// prompts.
package voice

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"hotline/appliance/audio"
)

// program is the speech program's name, and that of its Debian package.
const program = "espeak-ng"

// ErrNotInstalled means that this machine has no speech program.
var ErrNotInstalled = errors.New("the program espeak-ng, which speaks texts, is not installed on this machine. Record the sentence, or install the package espeak-ng")

// Voice is how the speech program speaks a language.
type Voice struct {
	Name  string `yaml:"name" json:"name"`
	Speed int    `yaml:"speed" json:"speed"` // as the program counts words per minute
	Pitch int    `yaml:"pitch" json:"pitch"`
	Gap   int    `yaml:"gap" json:"gap"` // between words, in 10 ms
}

// Limits of one sentence.
const (
	speakFor     = 20 * time.Second
	longestPause = 220 * time.Millisecond // the program rests longer, which makes a menu drag
	biggestSound = 32 << 20
)

// Installed reports whether texts can be spoken here.
func Installed() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Speak makes a clip of text: trimmed, levelled, at 8 kHz.
func Speak(ctx context.Context, v Voice, text string) (*audio.Clip, error) {
	pcm, rate, err := synthesise(ctx, v, text)
	if err != nil {
		return nil, err
	}
	return audio.Finish(pcm, rate, longestPause)
}

// synthesise runs the program.
func synthesise(ctx context.Context, v Voice, text string) (pcm []float64, rate int, err error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, 0, ErrNotInstalled
	}
	ctx, cancel := context.WithTimeout(ctx, speakFor)
	defer cancel()
	// -a 60: the program's own level, low enough that it does not clip. The
	// text comes by standard input, so it can never be taken for an option.
	cmd := exec.CommandContext(ctx, path, "-v", v.Name, "-s", strconv.Itoa(v.Speed), "-p", strconv.Itoa(v.Pitch),
		"-g", strconv.Itoa(v.Gap), "-a", "60", "-b", "1", "--stdin", "--stdout")
	cmd.Stdin = bytes.NewReader([]byte(text))
	cmd.WaitDelay = time.Second
	var out, complaint limited
	out.left, complaint.left = biggestSound, 1<<10
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, 0, fmt.Errorf("the text was not spoken within %s; make it shorter", speakFor)
		}
		return nil, 0, fmt.Errorf("running espeak-ng: %w: %s", err, bytes.TrimSpace(complaint.kept))
	}
	b := out.kept
	if len(b) < 44 || string(b[36:40]) != "data" {
		return nil, 0, errors.New("espeak-ng wrote something that is no plain WAV file")
	}
	rate = int(binary.LittleEndian.Uint32(b[24:]))
	for b = b[44:]; len(b) >= 2; b = b[2:] {
		pcm = append(pcm, float64(int16(binary.LittleEndian.Uint16(b))))
	}
	if rate < audio.SampleRate || len(pcm) == 0 {
		return nil, 0, errors.New("espeak-ng made no sound of this text")
	}
	return pcm, rate, nil
}

// limited keeps what a program writes, up to a limit; what goes beyond is an
// error, which ends the program.
type limited struct {
	kept []byte
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errors.New("the program writes too much")
	}
	l.kept = append(l.kept, b...)
	return len(b), nil
}
