package foreign

import (
	"fmt"
	"time"

	"hotline/appliance/audio"
)

// The decoder is at home in MPEG-1 (32 kHz and more). Of the lower rates it
// miscounts padded frames and so loses its place (22.05 kHz), and it knows
// nothing of MPEG-2.5 (11.025 and 12 kHz). Frames of low rates are therefore
// laid anew before it sees them: all of one size without padding, all called
// MPEG-2. What they hold stays as it was, bit for bit. ISO/IEC 13818-3 §2.4
// describes frames of low rates; RFC 5219 §3 says how their contents lie in the
// places of frames before them.

// frame is a Layer III frame of a low rate in a file.
type frame struct {
	header  []byte
	side    []byte // side information
	main    []byte
	version byte // versionTwo or versionTwoAndAHalf
	rate    byte // index of rates
	size    int
}

const (
	versionTwo         = 2
	versionTwoAndAHalf = 0
	monaural           = 3
)

// rates by version and index, in Hz.
var rates = map[byte][3]int{versionTwo: {22050, 24000, 16000}, versionTwoAndAHalf: {11025, 12000, 8000}}

// kilobits a second by index; the first would be free format, which nobody uses.
var kilobits = [15]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}

func (f frame) hz() int { return rates[f.version][f.rate] }

// frameAt is the frame at the beginning of b, if there is one of a low rate.
func frameAt(b []byte) (f frame, ok bool) {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe6 != 0xe2 { // sync, Layer III
		return f, false
	}
	f.version, f.rate = b[1]>>3&3, b[2]>>2&3
	bits := b[2] >> 4
	if f.version != versionTwo && f.version != versionTwoAndAHalf || f.rate == 3 || bits == 0 || bits == 15 || b[3]&3 == 2 {
		return f, false
	}
	f.size = 72*1000*kilobits[bits]/f.hz() + int(b[2]>>1&1)
	side := 17
	if b[3]>>6 == monaural {
		side = 9
	}
	begin := 4
	if b[1]&1 == 0 { // a checksum, which nobody needs
		begin += 2
	}
	if len(b) < f.size || f.size < begin+side {
		return f, false
	}
	f.header, f.side, f.main = b[:4], b[begin:begin+side], b[begin+side:f.size]
	return f, true
}

// begins is the first of two frames in a row: one header alone may be chance.
func begins(b []byte) (f frame, ok bool) {
	if f, ok = frameAt(b); !ok {
		return f, false
	}
	next, ok := frameAt(b[f.size:])
	return f, ok && next.version == f.version && next.rate == f.rate
}

// contents says how many bytes the contents of the frame have, and how many
// bytes before its own place they begin.
func (f frame) contents() (back, bytes int) {
	lengths := []int{9}
	if len(f.side) == 17 {
		lengths = []int{10, 73}
	}
	bits := 0
	for _, at := range lengths {
		for i := range 12 {
			bit := at + i
			bits += int(f.side[bit/8]>>(7-bit%8)&1) << (11 - i)
		}
	}
	return int(f.side[0]), (bits + 7) / 8
}

// mostJunk is where the first frame begins at the latest: behind the rest of
// another one, where somebody cut the recording.
const mostJunk = 4 << 10

// furthest is how far before its place the contents of a frame may begin.
const furthest = 255

// laidAnew is a file that the decoder can read and its true rate. It is nil
// for a file that the decoder reads as it is.
func laidAnew(file []byte, longest time.Duration) (anew []byte, rate int, err error) {
	first, ok := begins(file)
	for range mostJunk {
		if ok || len(file) == 0 {
			break
		}
		file = file[1:]
		first, ok = begins(file)
	}
	if !ok {
		return nil, 0, nil
	}
	if first.hz() == 8000 {
		// No rate of MPEG-2 divides the spectrum as this one does.
		return nil, 0, refuse(audio.RefusedLayout, "MP3 files with 8000 Hz cannot be read; save it as WAV, or as MP3 with 16000 Hz")
	}
	most := int((longest+2*time.Second)/time.Second) * first.hz() / 576

	type place struct {
		header, side []byte
		begin, end   int // in the stream of all contents
	}
	var places []place
	var stream, before []byte
	written := 0 // up to here the stream holds contents
	for len(file) >= 4 {
		f, ok := frameAt(file)
		if !ok || f.version != first.version || f.rate != first.rate {
			file = file[1:]
			continue
		}
		if len(places) > most {
			return nil, 0, refuse(audio.RefusedLong, fmt.Sprintf("it is longer than %s; make it shorter", longest))
		}
		file = file[f.size:]
		rateIndex := f.rate
		if f.version == versionTwoAndAHalf {
			rateIndex = 2 // as 16 kHz, which divides its spectrum in the same way
		}
		p := place{
			header: []byte{0xff, 0xf3, 14<<4 | rateIndex<<2, f.header[3]},
			side:   make([]byte, len(f.side)), // zeros: silence
			begin:  len(stream),
		}
		p.end = p.begin + 72*160_000/rates[versionTwo][rateIndex] - 4 - len(p.side)
		stream = append(stream, make([]byte, p.end-p.begin)...)

		at := max(written, p.begin-furthest)
		back, length := f.contents()
		// What lacks its contents, behind a damaged place or a cut, is silent.
		if back <= len(before) && length <= back+len(f.main) && at+length <= p.end {
			whole := append(before[len(before)-back:len(before):len(before)], f.main...)
			copy(stream[at:], whole[:length])
			copy(p.side, f.side)
			p.side[0] = byte(p.begin - at)
			written = at + length
		}
		places = append(places, p)
		before = append(before, f.main...)
		before = before[max(0, len(before)-furthest):]
	}
	anew = make([]byte, 0, len(stream)+len(places)*(4+17))
	for _, p := range places {
		anew = append(anew, p.header...)
		anew = append(anew, p.side...)
		anew = append(anew, stream[p.begin:p.end]...)
	}
	return anew, first.hz(), nil
}
