package foreign

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	mp3 "github.com/hajimehoshi/go-mp3"

	"hotline/appliance/audio"
)

func refuse(code, why string) error { return &audio.Refusal{Code: code, Why: why} }

// decode tells by the first bytes what a file is; names mean nothing.
func decode(r io.Reader, longest time.Duration) (*audio.Clip, error) {
	in := bufio.NewReaderSize(io.LimitReader(r, MaxFile+1), 64<<10)
	head, err := in.Peek(12)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	if len(head) == 0 {
		return nil, refuse(audio.RefusedQuiet, "it is empty; choose the file again")
	}
	var clip *audio.Clip
	switch {
	case bytes.HasPrefix(head, []byte("RIFF")):
		clip, err = audio.ReadWAV(in, longest)
	case bytes.HasPrefix(head, []byte("ID3")), len(head) > 1 && head[0] == 0xff && head[1]&0xe0 == 0xe0:
		clip, err = readMP3(in, longest)
	default:
		return nil, refuse(audio.RefusedKind, "it is "+kind(head)+"; save it as WAV or MP3 and upload it again")
	}
	if err != nil {
		return nil, err
	}
	return clip.Finished()
}

// kind names what people upload by mistake.
func kind(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("OggS")):
		return "an Ogg file"
	case bytes.HasPrefix(head, []byte("fLaC")):
		return "a FLAC file"
	case len(head) >= 8 && string(head[4:8]) == "ftyp":
		return "an M4A or MP4 file"
	case bytes.HasPrefix(head, []byte("\x1aE\xdf\xa3")):
		return "a WebM file"
	case bytes.HasPrefix(head, []byte("RF64")), bytes.HasPrefix(head, []byte("FORM")), bytes.HasPrefix(head, []byte("riff")):
		return "an unusual kind of WAV file"
	case bytes.HasPrefix(head, []byte("PK")):
		return "a ZIP file"
	case bytes.HasPrefix(head, []byte("#!AMR")):
		return "an AMR file"
	}
	return "no sound file that is known here"
}

// biggestTag is the most that pictures and titles before the sound may take;
// densest is the most bytes that Layer III uses for a second.
const (
	biggestTag = 16 << 20
	densest    = 320_000 / 8
)

// readMP3 decodes Layer III. The decoder trusts what the file says about its
// own sizes, and it panics on some damaged files.
func readMP3(r io.Reader, longest time.Duration) (clip *audio.Clip, err error) {
	defer func() {
		if p := recover(); p != nil {
			clip, err = nil, refuse(audio.RefusedDamaged, "its contents make no sense; save it again with another program")
		}
	}()
	file, err := withoutTag(r)
	if err != nil {
		return nil, err
	}
	// The decoder looks for the next frame byte by byte, so what is longer than
	// any sound that is allowed must not reach it.
	if time.Duration(len(file)/densest)*time.Second > longest+time.Second {
		return nil, refuse(audio.RefusedLong, fmt.Sprintf("it is longer than %s; make it shorter", longest))
	}
	anew, rate, err := laidAnew(file, longest)
	if err != nil {
		return nil, err
	}
	if anew != nil {
		file = anew
	}
	d, err := mp3.NewDecoder(bytes.NewReader(file))
	if err != nil {
		return nil, refuse(audio.RefusedLayout, "this kind of MP3 cannot be read; save it as WAV")
	}
	const frame = 4 // the decoder gives 16 bits, two channels
	if anew == nil {
		rate = d.SampleRate()
	}
	if length := time.Duration(d.Length()/frame) * time.Second / time.Duration(max(rate, 1)); length > longest+time.Second {
		return nil, refuse(audio.RefusedLong, fmt.Sprintf("it is longer than %s; make it shorter", longest))
	}
	clip, err = audio.ReadWAV(io.MultiReader(bytes.NewReader(header(rate)), damaged{d}), longest)
	return clip, err
}

// withoutTag is the whole file behind its ID3v2 tag (id3.org, ID3v2 §3.1), for
// which the decoder would set aside as much memory as the file claims.
func withoutTag(r io.Reader) ([]byte, error) {
	// Set aside at once; what is not filled costs nothing.
	file := bytes.NewBuffer(make([]byte, 0, MaxFile+bytes.MinRead+1))
	if _, err := file.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	b := file.Bytes()
	if len(b) > MaxFile {
		return nil, refuse(audio.RefusedLong, fmt.Sprintf("it has more than %d MB; make it shorter", MaxFile>>20))
	}
	for len(b) >= 10 && string(b[:3]) == "ID3" {
		if slices.ContainsFunc(b[6:10], func(x byte) bool { return x > 0x7f }) {
			return nil, refuse(audio.RefusedDamaged, "the titles and pictures in it make no sense; save it again without them")
		}
		size := int(b[6])<<21 | int(b[7])<<14 | int(b[8])<<7 | int(b[9])
		if size > biggestTag || size > len(b)-10 {
			return nil, refuse(audio.RefusedDamaged, "the titles and pictures in it make no sense; save it again without them")
		}
		b = b[10+size:]
	}
	return b, nil
}

// header begins a WAV file of two channels whose length nobody knows.
func header(rate int) []byte {
	b := []byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00")
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(4*rate))
	return append(b, "\x04\x00\x10\x00data\xff\xff\xff\xff"...)
}

// damaged makes what the decoder complains of the fault of the file.
type damaged struct{ r io.Reader }

func (d damaged) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = refuse(audio.RefusedDamaged, "it is damaged in the middle; copy it again from where it came")
	}
	return n, err
}
