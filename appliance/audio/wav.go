package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// WAV format tags (RFC 2361).
const (
	wavPCM        = 0x0001
	wavFloat      = 0x0003
	wavALaw       = 0x0006
	wavMuLaw      = 0x0007
	wavExtensible = 0xfffe
)

// Limits on what a file may claim.
const (
	wavMaxChunk    = 1 << 20 // of a chunk other than sound, in bytes
	wavMaxChunks   = 64
	wavMinRate     = 4000
	wavMaxRate     = 192000
	wavMaxChannels = 32

	// A program that wrote to a pipe could not know the length and put 0 or
	// something close to the largest number: the sound goes on until the end.
	wavUnknown = 0x7fff0000
)

// ErrNotWAV means that the file is not one that this product can play. The
// error's text says what is wrong with it and what to do.
var ErrNotWAV = errors.New("not a usable sound file")

// Refusal is why a sound file is not used. It is an ErrNotWAV.
type Refusal struct {
	Code string // one of the codes, for a text in another language
	Why  string // what is wrong and what to do, in English
}

// The codes of refusals.
const (
	RefusedKind    = "kind"    // not a sound file that is known here
	RefusedLayout  = "layout"  // a known one with unusual contents
	RefusedDamaged = "damaged" // it ends too early, or makes no sense
	RefusedLong    = "long"
	RefusedQuiet   = "quiet" // nobody is to be heard
)

func (r *Refusal) Error() string { return ErrNotWAV.Error() + ": " + r.Why }

// Is makes every refusal an ErrNotWAV.
func (r *Refusal) Is(target error) bool { return target == ErrNotWAV }

func refuse(code, why string) error { return &Refusal{code, why} }

type wavFormat struct {
	tag, channels, bits int
	rate                int
}

// ReadWAV reads a recording and brings it to 8 kHz mono. It takes PCM of 8 to
// 32 bits, floating point, µ-law and A-law, with any number of channels up to
// 32, at any usual rate. What is longer than longest is refused. It never holds
// more of the file than the sound it returns.
func ReadWAV(r io.Reader, longest time.Duration) (*Clip, error) {
	var riff [12]byte
	if _, err := io.ReadFull(r, riff[:]); err != nil {
		return nil, wavReadError("the file is too short to be a recording", err)
	}
	if string(riff[:4]) != "RIFF" || string(riff[8:]) != "WAVE" {
		return nil, refuse(RefusedKind, "it does not begin like a WAV file; save the recording as WAV and upload it again")
	}
	var format wavFormat
	for range wavMaxChunks {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, wavReadError("it ends before any sound; record it again", err)
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		switch string(head[:4]) {
		case "fmt ":
			f, err := readFormat(r, size)
			if err != nil {
				return nil, err
			}
			format = f
		case "data":
			if format.rate == 0 {
				return nil, refuse(RefusedDamaged, "the sound comes before its description; save it again with another program")
			}
			return readSound(r, size, format, longest)
		default:
			if size > wavMaxChunk {
				return nil, refuse(RefusedLayout, fmt.Sprintf("it has a block of %d bytes that is not sound; save it again without pictures or extra data", size))
			}
			if _, err := io.CopyN(io.Discard, r, size+size%2); err != nil {
				return nil, wavReadError("it ends inside a block; copy it again from where it came", err)
			}
		}
	}
	return nil, refuse(RefusedLayout, "it has too many blocks and no sound; save it again with another program")
}

// wavReadError keeps apart what the file lacks and what the disk or network
// could not deliver.
func wavReadError(why string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(RefusedDamaged, why)
	}
	return fmt.Errorf("reading WAV: %w", err)
}

func readFormat(r io.Reader, size int64) (wavFormat, error) {
	if size < 16 || size > 4096 {
		return wavFormat{}, refuse(RefusedDamaged, "the description of the sound has an impossible length; save it again with another program")
	}
	b := make([]byte, size+size%2)
	if _, err := io.ReadFull(r, b); err != nil {
		return wavFormat{}, wavReadError("it ends inside its description; copy it again from where it came", err)
	}
	f := wavFormat{
		tag:      int(binary.LittleEndian.Uint16(b)),
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		bits:     int(binary.LittleEndian.Uint16(b[14:])),
	}
	rate := binary.LittleEndian.Uint32(b[4:])
	if f.tag == wavExtensible && size >= 26 {
		// The first two bytes of the sub-format GUID are the plain tag.
		f.tag = int(binary.LittleEndian.Uint16(b[24:]))
	}
	switch {
	case f.tag == wavPCM && slices.Contains([]int{8, 16, 24, 32}, f.bits),
		f.tag == wavFloat && (f.bits == 32 || f.bits == 64),
		(f.tag == wavMuLaw || f.tag == wavALaw) && f.bits == 8:
	default:
		return wavFormat{}, refuse(RefusedLayout, fmt.Sprintf("its encoding (format %d, %d bits) is not supported; save it as 16-bit PCM", f.tag, f.bits))
	}
	if f.channels < 1 || f.channels > wavMaxChannels {
		return wavFormat{}, refuse(RefusedLayout, fmt.Sprintf("it has %d channels; save it in mono", f.channels))
	}
	if rate < wavMinRate || rate > wavMaxRate {
		return wavFormat{}, refuse(RefusedLayout, fmt.Sprintf("its rate of %d Hz is outside %d to %d; save it with 8000 or 16000 Hz", rate, wavMinRate, wavMaxRate))
	}
	f.rate = int(rate)
	return f, nil
}

func readSound(r io.Reader, size int64, f wavFormat, longest time.Duration) (*Clip, error) {
	frame := f.bits / 8 * f.channels
	limit := int(longest * time.Duration(f.rate) / time.Second)
	unknown := size == 0 || size >= wavUnknown
	if unknown {
		size = 1 << 40
	} else if size/int64(frame) > int64(limit) {
		return nil, refuse(RefusedLong, fmt.Sprintf("it is longer than %s; make it shorter", longest))
	}
	in := newResampler(f.rate)
	r = io.LimitReader(r, size)
	buf := make([]byte, 8192/frame*frame+frame)
	var got int64
	total := 0
	var direct []int16
	for {
		n, err := io.ReadFull(r, buf)
		got += int64(n)
		for at := 0; at+frame <= n; at += frame {
			if total++; total > limit {
				return nil, refuse(RefusedLong, fmt.Sprintf("it is longer than %s; make it shorter", longest))
			}
			s := f.sample(buf[at:])
			if f.rate == SampleRate {
				direct = append(direct, clamp(float64(s)))
			} else {
				in.push(s)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading WAV: %w", err)
		}
	}
	if total == 0 {
		return nil, refuse(RefusedQuiet, "it has no sound in it; record it again")
	}
	if !unknown && got < size {
		return nil, refuse(RefusedDamaged, "it ends in the middle of the sound; copy it again from where it came")
	}
	if f.rate != SampleRate {
		direct = in.flush(total)
	}
	return FromPCM(direct), nil
}

// sample is one moment of all channels, mixed to mono, as a sample of 16 bits.
func (f wavFormat) sample(b []byte) float32 {
	var sum float64
	width := f.bits / 8
	for c := range f.channels {
		at := b[c*width:]
		switch {
		case f.tag == wavMuLaw:
			sum += float64(muToPCM[at[0]])
		case f.tag == wavALaw:
			sum += float64(aToPCM[at[0]])
		case f.tag == wavFloat && f.bits == 32:
			sum += full(float64(math.Float32frombits(binary.LittleEndian.Uint32(at))))
		case f.tag == wavFloat:
			sum += full(math.Float64frombits(binary.LittleEndian.Uint64(at)))
		case f.bits == 8: // the only one without a sign
			sum += float64(int(at[0])-128) * 256
		case f.bits == 16:
			sum += float64(int16(binary.LittleEndian.Uint16(at)))
		case f.bits == 24:
			sum += float64(int32(uint32(at[0])<<8|uint32(at[1])<<16|uint32(at[2])<<24)) / 65536
		default:
			sum += float64(int32(binary.LittleEndian.Uint32(at))) / 65536
		}
	}
	return float32(sum / float64(f.channels))
}

// full brings a floating-point sample to 16 bits. A file can hold infinity and
// what is no number at all.
func full(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return max(-1, min(1, x)) * math.MaxInt16
}

// WriteWAV writes a µ-law WAV file, which every player on every system opens.
func WriteWAV(w io.Writer, c *Clip) error {
	sound := c.MuLaw()
	pad := len(sound) % 2
	b := make([]byte, 0, 58)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(50+len(sound)+pad))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 18)
	b = binary.LittleEndian.AppendUint16(b, wavMuLaw)
	b = binary.LittleEndian.AppendUint16(b, 1)          // channels
	b = binary.LittleEndian.AppendUint32(b, SampleRate) // samples per second
	b = binary.LittleEndian.AppendUint32(b, SampleRate) // bytes per second
	b = binary.LittleEndian.AppendUint16(b, 1)          // bytes per sample
	b = binary.LittleEndian.AppendUint16(b, 8)          // bits
	b = binary.LittleEndian.AppendUint16(b, 0)          // no extension
	// Formats other than PCM carry a sample count ("fact").
	b = append(b, "fact"...)
	b = binary.LittleEndian.AppendUint32(b, 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(sound)))
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(sound)))
	for _, part := range [][]byte{b, sound, make([]byte, pad)} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("writing WAV: %w", err)
		}
	}
	return nil
}
