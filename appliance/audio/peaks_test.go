package audio

import (
	"bytes"
	"errors"
	"testing"
	"testing/iotest"
	"time"
)

func TestPeaksShowWhoSpeaksWhere(t *testing.T) {
	// Left speaks in the first half, right softly in the second.
	loud, soft := Tone(440, time.Second, -10).MuLaw(), Tone(440, time.Second, -34).MuLaw()
	quiet := MuLaw.Silence()
	var stereo []byte
	for _, b := range loud {
		stereo = append(stereo, b, quiet)
	}
	for _, b := range soft {
		stereo = append(stereo, quiet, b)
	}
	left, right, err := StereoPeaks(iotest.HalfReader(bytes.NewReader(stereo)), int64(len(stereo)), 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		first := i < 5
		if (left[i] > 180) != first || (left[i] == 0) == first || (right[i] > 40 && right[i] < 120) == first {
			t.Errorf("piece %d: left %d, right %d", i, left[i], right[i])
		}
	}
	// A recording that was cut short, one of nothing, and one that cannot be read.
	left, _, err = StereoPeaks(bytes.NewReader(stereo[:len(loud)]), int64(len(stereo)), 4)
	if err != nil || left[0] == 0 || left[2] != 0 || left[3] != 0 {
		t.Errorf("cut short: %v (%v)", left, err)
	}
	if left, right, err := StereoPeaks(bytes.NewReader(nil), 0, 3); err != nil || len(left) != 3 || len(right) != 3 {
		t.Errorf("nothing: %v %v (%v)", left, right, err)
	}
	broken := errors.New("the disk is broken")
	if _, _, err := StereoPeaks(iotest.ErrReader(broken), 100, 3); !errors.Is(err, broken) {
		t.Errorf("a broken disk: %v", err)
	}
}
