package audio

import (
	"errors"
	"io"
	"math"
)

// StereoPeaks says how loud size bytes of stereo µ-law are, left and right, in
// so many pieces of the same length: the loudest sample of each, on a scale as
// people hear it, from 0 (silent, −48 dBFS and below) to 255. Little of the
// sound is in memory at a time.
func StereoPeaks(mulaw io.Reader, size int64, pieces int) (left, right []byte, err error) {
	left, right = make([]byte, pieces), make([]byte, pieces)
	moments := size / stereoPair
	if moments == 0 || pieces == 0 {
		return left, right, nil
	}
	buffer, at := make([]byte, 64<<10), int64(0)
	var peaks [2]int
	piece := 0
	for at < moments {
		n, err := io.ReadFull(mulaw, buffer[:min(int64(len(buffer)), (moments-at)*stereoPair)])
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil, err
		}
		for i := 0; i+1 < n; i += stereoPair {
			if now := int(at * int64(pieces) / moments); now != piece {
				left[piece], right[piece], peaks, piece = heard(peaks[0]), heard(peaks[1]), [2]int{}, now
			}
			for side := range peaks {
				s := int(MuLaw.Sample(buffer[i+side]))
				peaks[side] = max(peaks[side], s, -s)
			}
			at++
		}
		if err != nil { // shorter than was said: the rest is silent
			break
		}
	}
	left[piece], right[piece] = heard(peaks[0]), heard(peaks[1])
	return left, right, nil
}

// heard is a peak on the scale of StereoPeaks.
func heard(peak int) byte {
	const floor = -48 // dBFS
	if peak == 0 {
		return 0
	}
	return byte(255 * max(0, 1-20*math.Log10(float64(peak)/math.MaxInt16)/floor))
}
