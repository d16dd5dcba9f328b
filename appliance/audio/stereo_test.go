package audio_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"hotline/appliance/audio"
)

func TestAStereoWAVIsReadFromAnywhere(t *testing.T) {
	left, right := audio.Tone(440, time.Second, -10).MuLaw(), audio.Tone(1000, time.Second, -10).MuLaw()
	var mulaw []byte
	for i := range left {
		mulaw = append(mulaw, left[i], right[i])
	}
	wav := func() io.ReadSeeker { return audio.StereoWAV(bytes.NewReader(mulaw), int64(len(mulaw))) }
	whole, err := io.ReadAll(wav())
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) != 44+4*audio.SampleRate || binary.LittleEndian.Uint32(whole[40:]) != 4*audio.SampleRate || binary.LittleEndian.Uint16(whole[22:]) != 2 {
		t.Fatalf("%d bytes, header % x", len(whole), whole[:44])
	}
	var l, r []int16
	for at := 44; at < len(whole); at += 4 {
		l = append(l, int16(binary.LittleEndian.Uint16(whole[at:])))
		r = append(r, int16(binary.LittleEndian.Uint16(whole[at+2:])))
	}
	if a, b := audio.ToneLevel(l, 440), audio.ToneLevel(r, 1000); a < 0.98 || b < 0.98 {
		t.Errorf("left %.2f, right %.2f of their tones", a, b)
	}
	// Whatever the pieces and wherever they begin, they are of one file.
	for _, from := range []int64{0, 1, 43, 44, 45, 46, 47, 48, 4001, 31_999, int64(len(whole)) - 1} {
		for name, piece := range map[string]func(io.Reader) io.Reader{"bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "all": func(r io.Reader) io.Reader { return r }} {
			s := wav()
			if _, err := s.Seek(from, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(piece(s))
			if err != nil || !bytes.Equal(got, whole[from:]) {
				t.Errorf("from %d in %s: %d bytes, want %d (%v)", from, name, len(got), len(whole)-int(from), err)
			}
		}
	}
	cut := audio.StereoWAV(bytes.NewReader(mulaw[:100]), int64(len(mulaw)))
	if _, err := io.ReadAll(cut); err == nil {
		t.Error("sound is missing and nobody says so")
	}
}
