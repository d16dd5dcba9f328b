package audio

import (
	"encoding/binary"
	"errors"
	"io"
)

const (
	stereoHeader = 44
	stereoPair   = 2 // bytes of a moment in µ-law
	stereoFrame  = 4 // the same in the WAV file
)

// StereoWAV shows size bytes of stereo µ-law, two for each moment, as a WAV
// file of 16 bits that every player and browser opens. It makes the file while
// it is read, from anywhere: nothing larger than what is asked for is in
// memory.
func StereoWAV(mulaw io.ReadSeeker, size int64) io.ReadSeeker {
	// A WAV file counts to 4 GB: 37 hours.
	samples := min(size/stereoPair, (1<<32-1-stereoHeader)/stereoFrame)
	s := &stereo{source: mulaw, size: stereoHeader + samples*stereoFrame}
	h, bytes := s.header[:0], samples*stereoFrame
	h = append(h, "RIFF"...)
	h = binary.LittleEndian.AppendUint32(h, uint32(bytes+stereoHeader-8))
	h = append(h, "WAVEfmt "...)
	h = binary.LittleEndian.AppendUint32(h, 16)
	h = binary.LittleEndian.AppendUint16(h, 1) // PCM
	h = binary.LittleEndian.AppendUint16(h, 2) // channels
	h = binary.LittleEndian.AppendUint32(h, SampleRate)
	h = binary.LittleEndian.AppendUint32(h, SampleRate*stereoFrame)
	h = binary.LittleEndian.AppendUint16(h, stereoFrame)
	h = binary.LittleEndian.AppendUint16(h, 16) // bits
	h = append(h, "data"...)
	binary.LittleEndian.AppendUint32(h, uint32(bytes))
	return s
}

type stereo struct {
	header [stereoHeader]byte
	source io.ReadSeeker
	size   int64
	at     int64 // of the WAV file
	placed bool  // the source stands where at says
	in     [4096]byte
}

func (s *stereo) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return s.at, errors.New("seeking to before the beginning of a sound")
	}
	if offset != s.at {
		s.at, s.placed = offset, false
	}
	return offset, nil
}

func (s *stereo) Read(p []byte) (int, error) {
	switch {
	case s.at >= s.size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	case s.at < stereoHeader:
		n := copy(p, s.header[s.at:])
		s.at += int64(n)
		return n, nil
	}
	sound := s.at - stereoHeader
	odd := int(sound % stereoFrame)
	if !s.placed || odd != 0 { // the source stands behind the moment that was cut
		if _, err := s.source.Seek(sound/stereoFrame*stereoPair, io.SeekStart); err != nil {
			return 0, err
		}
	}
	want := min(int64(len(p)+odd+stereoFrame-1)/stereoFrame*stereoPair, int64(len(s.in)), (s.size-stereoHeader-sound+int64(odd))/stereoFrame*stereoPair)
	if _, err := io.ReadFull(s.source, s.in[:want]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		s.placed = false
		return 0, err
	}
	var out [2 * len(s.in)]byte
	for i, b := range s.in[:want] {
		binary.LittleEndian.PutUint16(out[2*i:], uint16(MuLaw.Sample(b)))
	}
	n := copy(p, out[odd:2*want])
	s.at += int64(n)
	s.placed = (s.at-stereoHeader)%stereoFrame == 0
	return n, nil
}
